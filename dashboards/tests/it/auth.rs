//! Sessions: who gets in, how long, and what a cookie may do.

use gengfu_dashboards::Options;
use gengfu_model::time::HOUR_MS;
use gengfu_model::{Role, staff::User};
use serde_json::json;

use crate::seed::{PASSWORD, user};
use crate::server::{NOW, TestServer};

#[test]
fn a_login_gives_a_cookie_and_a_token_and_both_work() {
    let server = TestServer::start();
    let reply =
        server.anonymous().post("/api/v1/login", &json!({ "user": "duty_officer", "password": PASSWORD })).expect(200);
    let cookie = reply.header("set-cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"));
    let by_cookie = server.anonymous().with("cookie", cookie.split(';').next().unwrap());
    let me = by_cookie.get("/api/v1/me").expect(200).json();
    assert_eq!((me["name"].as_str(), me["roles"][0].as_str()), (Some("duty_officer"), Some("duty_officer")));
    let token = reply.json()["token"].as_str().unwrap().to_owned();
    server.anonymous().with("authorization", &format!("bearer {token}")).get("/api/v1/me").expect(200);
}

#[test]
fn cookies_are_for_tls_only_where_the_options_say_so() {
    let server = TestServer::with(Options { secure_cookies: true, ..Options::default() }, 16);
    let body = json!({ "user": "duty_officer", "password": PASSWORD });
    let reply = server.anonymous().post("/api/v1/login", &body).expect(200);
    assert!(reply.header("set-cookie").contains("; Secure"));
}

#[test]
fn an_unknown_account_a_disabled_one_and_a_wrong_password_get_the_same_answer() {
    let server = TestServer::start();
    server.gateway.put_user(User { disabled: true, ..user("gone", &[Role::Handler], &[]) });
    let answer = |name: &str, password: &str| {
        let body = json!({ "user": name, "password": password });
        let reply = server.anonymous().post("/api/v1/login", &body).expect(401);
        assert_eq!(reply.code(), "wrong_credentials");
        reply.text
    };
    let wrong = answer("duty_officer", "not the password");
    assert_eq!(answer("nobody", PASSWORD), wrong);
    assert_eq!(answer("gone", PASSWORD), wrong);
    assert_eq!(answer(&"x".repeat(500), PASSWORD), wrong);
}

#[test]
fn too_many_wrong_attempts_are_held_back_until_the_window_is_over() {
    let server = TestServer::start();
    let attempt =
        |password: &str| server.anonymous().post("/api/v1/login", &json!({ "user": "handler", "password": password }));
    for _ in 0..10 {
        attempt("wrong").expect(401);
    }
    let refused = attempt(PASSWORD).expect(429);
    assert_eq!(refused.code(), "too_many");
    assert_eq!(refused.header("retry-after"), "300");
    server.gateway.set_time(NOW.plus_ms(301_000));
    attempt(PASSWORD).expect(200);
}

#[test]
fn a_session_ends_with_its_time_its_logout_its_epoch_or_its_account() {
    let server = TestServer::start();
    let first = server.login("engineer");
    let second = server.login("engineer");
    first.get("/api/v1/me").expect(200);
    first.post("/api/v1/logout", &json!({})).expect(204);
    assert_eq!(first.get("/api/v1/me").expect(401).code(), "unauthenticated");

    server.gateway.put_user(User { epoch: 2, ..user("engineer", &[Role::Engineer], &[]) });
    second.get("/api/v1/me").expect(401);

    let third = server.login("engineer");
    server.gateway.put_user(User { epoch: 2, disabled: true, ..user("engineer", &[Role::Engineer], &[]) });
    third.get("/api/v1/me").expect(401);

    let fourth = server.login("handler");
    server.gateway.set_time(NOW.plus_ms(12 * HOUR_MS - 1));
    fourth.get("/api/v1/me").expect(200);
    server.gateway.set_time(NOW.plus_ms(12 * HOUR_MS));
    fourth.get("/api/v1/me").expect(401);
}

#[test]
fn roles_are_those_of_the_account_now_and_not_those_of_the_login() {
    let server = TestServer::start();
    let client = server.login("handler");
    assert_eq!(client.get("/api/v1/users").expect(403).code(), "forbidden");
    server.gateway.put_user(user("handler", &[Role::Administrator], &[]));
    client.get("/api/v1/users").expect(200);
}

#[test]
fn a_cookie_alone_writes_nothing() {
    let server = TestServer::start();
    let body = json!({ "user": "duty_officer", "password": PASSWORD });
    let reply = server.anonymous().post("/api/v1/login", &body).expect(200);
    let client = server.anonymous().with("cookie", reply.header("set-cookie").split(';').next().unwrap());
    assert_eq!(client.post("/api/v1/logout", &json!({})).expect(403).code(), "forbidden");
    client.with("origin", "http://evil.example").post("/api/v1/logout", &json!({})).expect(403);
    let own = format!("http://{}", server.address);
    client.with("origin", &own).post("/api/v1/rules/check", &json!({ "files": { "a.rhai": "" } })).expect(200);
    client.with("x-requested-with", "console").post("/api/v1/logout", &json!({})).expect(204);
}

#[test]
fn metrics_are_for_listed_addresses_or_roles() {
    let server = TestServer::start();
    server.anonymous().get("/metrics").expect(401);
    server.login("handler").get("/metrics").expect(403);
    let reply = server.login("engineer").get("/metrics").expect(200);
    assert!(reply.text.contains("gengfu_messages_journaled_total 7"));
    let open = Options { metrics_open_to: vec!["127.0.0.1".parse().unwrap()], ..Options::default() };
    TestServer::with(open, 16).anonymous().get("/metrics").expect(200);
}
