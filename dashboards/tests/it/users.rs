//! Staff accounts.

use serde_json::json;

use crate::seed::PASSWORD;
use crate::server::TestServer;

#[test]
fn an_account_is_added_changed_and_given_a_password() {
    let server = TestServer::start();
    let admin = server.login("administrator");
    let new = json!({ "name": "王五", "password": PASSWORD, "roles": ["handler"], "districts": ["东区"] });
    let body = admin.post("/api/v1/users", &new).expect(201).json();
    assert_eq!(body, json!({ "name": "王五", "roles": ["handler"], "districts": ["东区"], "disabled": false }));
    assert_eq!(admin.post("/api/v1/users", &new).expect(409).code(), "exists");
    let list = admin.get("/api/v1/users").expect(200);
    assert!(list.text.contains("王五") && !list.text.contains("argon2"));

    let wang = server.login("王五");
    admin.patch("/api/v1/users/%E7%8E%8B%E4%BA%94", &json!({ "roles": ["verifier"] })).expect(200);
    wang.get("/api/v1/me").expect(401);
    let wang = server.login("王五");
    assert_eq!(wang.get("/api/v1/me").expect(200).json()["roles"], json!(["verifier"]));
    let password = json!({ "password": "another long password" });
    admin.post("/api/v1/users/%E7%8E%8B%E4%BA%94/password", &password).expect(204);
    wang.get("/api/v1/me").expect(401);
    let body = json!({ "user": "王五", "password": "another long password" });
    server.anonymous().post("/api/v1/login", &body).expect(200);
    admin.patch("/api/v1/users/%E7%8E%8B%E4%BA%94", &json!({ "disabled": true })).expect(200);
    server.anonymous().post("/api/v1/login", &body).expect(401);
    admin.post("/api/v1/users/nobody/password", &password).expect(404);
}

#[test]
fn bad_accounts_are_refused() {
    let server = TestServer::start();
    let admin = server.login("administrator");
    let field = |name: &str, password: &str, roles: serde_json::Value| {
        let body = json!({ "name": name, "password": password, "roles": roles });
        admin.post("/api/v1/users", &body).expect(422).json()["error"]["field"].as_str().unwrap().to_owned()
    };
    assert_eq!(field("local", PASSWORD, json!(["handler"])), "name");
    assert_eq!(field("a b", PASSWORD, json!(["handler"])), "name");
    assert_eq!(field("li", "short", json!(["handler"])), "password");
    assert_eq!(field("li", PASSWORD, json!([])), "roles");
    assert_eq!(field("li", PASSWORD, json!(["king"])), "roles[0]");
    server.login("engineer").post("/api/v1/users", &json!({})).expect(403);
}

#[test]
fn administrators_do_not_lock_themselves_out() {
    let server = TestServer::start();
    let admin = server.login("administrator");
    for change in [json!({ "disabled": true }), json!({ "roles": ["handler"] })] {
        let reply = admin.patch("/api/v1/users/administrator", &change).expect(409);
        assert_eq!(reply.code(), "wrong_state");
    }
    admin.get("/api/v1/me").expect(200);
}

#[test]
fn everybody_sees_the_people_of_the_own_districts_and_no_secret_of_theirs() {
    let server = TestServer::start();
    let admin = server.login("administrator");
    for (name, districts) in
        [("li", json!(["东区"])), ("wang", json!(["西区"])), ("zhao", json!([])), ("gone", json!([]))]
    {
        let new = json!({ "name": name, "password": PASSWORD, "roles": ["handler"], "districts": districts });
        admin.post("/api/v1/users", &new).expect(201);
    }
    admin.patch("/api/v1/users/gone", &json!({ "disabled": true })).expect(200);
    let seen_by = |user: &str| {
        let reply = server.login(user).get("/api/v1/people").expect(200);
        assert!(!reply.text.contains("argon2") && !reply.text.contains("disabled"), "{}", reply.text);
        let items = reply.json()["items"].as_array().unwrap().clone();
        ["li", "wang", "zhao", "gone"].map(|name| items.iter().any(|person| person["name"] == name))
    };
    assert_eq!(seen_by("administrator"), [true, true, true, false]);
    assert_eq!(seen_by("li"), [true, false, true, false], "who works elsewhere takes no shift here");
    let li = server.login("li").get("/api/v1/people").expect(200).json()["items"].clone();
    let own = li.as_array().unwrap().iter().find(|person| person["name"] == "li").unwrap().clone();
    assert_eq!(own, json!({ "name": "li", "roles": ["handler"], "districts": ["东区"] }));
}
