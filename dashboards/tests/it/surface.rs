//! What holds for every route: access, the document, limits, headers, the console's files.

use std::sync::atomic::Ordering;

use gengfu_dashboards::Options;
use serde_json::{Value, json};

use crate::server::TestServer;

/// Every operation of the document with the placeholders of its path filled.
fn operations(server: &TestServer) -> Vec<(String, String, Value)> {
    let document = server.anonymous().get("/api/v1/openapi.json").expect(200).json();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let path = path
                .replace("{step}", "comment")
                .replace("{command}", "1-0")
                .replace("{name}", "nobody")
                .replace("{sha256}", &"0".repeat(64))
                .replace("{id}", "1-0");
            operations.push((method.to_ascii_uppercase(), path, operation.clone()));
        }
    }
    assert!(operations.len() > 35, "{}", operations.len());
    operations
}

#[test]
fn nothing_but_health_login_and_the_document_is_open() {
    let server = TestServer::start();
    let mut open = Vec::new();
    for (method, path, operation) in operations(&server) {
        let reply = server.anonymous().send(&method, &path, "");
        if reply.status == 401 {
            assert_eq!(reply.code(), "unauthenticated", "{method} {path}");
            assert!(operation["security"].is_array(), "{method} {path}");
        } else {
            open.push(path);
        }
    }
    assert_eq!(open, ["/api/v1/login", "/api/v1/openapi.json", "/healthz", "/readyz"]);
}

#[test]
fn every_route_answers_its_documented_parameters_in_its_documented_shape() {
    let server = TestServer::start();
    server.gateway.put_user(crate::seed::user("root", &gengfu_model::Role::ALL, &[]));
    let client = server.login("root");
    for (method, path, operation) in operations(&server) {
        if method != "GET" || path == "/api/v1/stream" {
            continue;
        }
        let parameters = operation["parameters"].as_array().unwrap().iter();
        let query: Vec<String> = parameters
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| {
                let example = parameter["example"].as_str().unwrap();
                format!("{}={}", parameter["name"].as_str().unwrap(), example)
            })
            .collect();
        let reply = client.get(&format!("{path}?{}", query.join("&")));
        // `1-0` and `cover-1` are not there; anything but that is a mistake of the list.
        assert!(reply.status == 200 || reply.status == 404, "{method} {path}: {} {}", reply.status, reply.text);
        if reply.status == 404 {
            assert_eq!(reply.code(), "not_found", "{path}");
        }
    }
}

#[test]
fn an_unknown_parameter_is_named() {
    let server = TestServer::start();
    let client = server.login("duty_officer");
    for path in ["/api/v1/devices", "/api/v1/incidents", "/api/v1/cases", "/api/v1/balance", "/api/v1/dispositions"] {
        let reply = client.get(&format!("{path}?colour=red")).expect(422);
        assert!(reply.text.contains("colour"), "{}", reply.text);
        assert_eq!(reply.code(), "invalid");
    }
    let reply = client.get("/api/v1/incidents?from=yesterday").expect(422);
    assert_eq!(reply.json()["error"]["field"], "from");
    assert!(reply.text.contains("yesterday"));
    client.get("/api/v1/cases?limit=0").expect(422);
    client.get("/api/v1/cases?limit=1001").expect(422);
    assert_eq!(client.get("/api/v1/cases?cursor=nonsense").expect(422).json()["error"]["field"], "cursor");
}

#[test]
fn errors_have_one_shape_whatever_is_wrong() {
    let server = TestServer::start();
    let client = server.login("engineer");
    assert_eq!(client.get("/api/v1/nothing").expect(404).code(), "not_found");
    assert_eq!(client.send("PUT", "/api/v1/me", "").expect(405).code(), "method_not_allowed");
    assert_eq!(client.send("POST", "/api/v1/rules/check", "{").expect(400).code(), "malformed");
    let reply = client.post("/api/v1/rules/check", &json!({ "files": { "a": 1 } })).expect(422);
    assert_eq!((reply.code().as_str(), reply.json()["error"]["field"].as_str()), ("invalid", Some("files.a")));
}

#[test]
fn bodies_are_limited() {
    let server = TestServer::with(Options { body_bytes: 1_000, import_bytes: 2_000, ..Options::default() }, 16);
    let client = server.login("engineer");
    let big = "x".repeat(1_500);
    assert_eq!(client.send("POST", "/api/v1/rules/check", &big).expect(413).code(), "too_large");
    client.send("POST", "/api/v1/devices/import?dry_run=true", &format!("id,kind\n{big},bin\n")).expect(200);
    client.send("POST", "/api/v1/devices/import?dry_run=true", &"x".repeat(3_000)).expect(413);
}

#[test]
fn requests_in_flight_are_limited() {
    let server = TestServer::with(Options { requests_in_flight: 0, ..Options::default() }, 16);
    let reply = server.anonymous().get("/healthz").expect(503);
    assert_eq!((reply.code().as_str(), reply.header("retry-after")), ("busy", "1"));
}

#[test]
fn health_says_whether_messages_are_taken() {
    let server = TestServer::start();
    server.anonymous().get("/healthz").expect(200);
    server.anonymous().get("/readyz").expect(200);
    server.gateway.ready.store(false, Ordering::SeqCst);
    server.anonymous().get("/readyz").expect(503);
    server.anonymous().get("/healthz").expect(200);
}

#[test]
fn answers_carry_security_headers_and_the_console_is_cached_by_its_hash() {
    let server = TestServer::start();
    let page = server.anonymous().get("/").expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let etag = page.header("etag").to_owned();
    assert!(etag.len() > 10, "{etag}");
    let again = server.anonymous().with("if-none-match", &etag).get("/").expect(304);
    assert_eq!(again.text, "");
    server.anonymous().with("if-none-match", "\"other\"").get("/").expect(200);
    assert_eq!(server.anonymous().get("/api/v1/me").expect(401).header("cache-control"), "no-store");
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let server = TestServer::start();
    let page = server.anonymous().get("/").expect(200).text;
    let references = page.split(['"', '\'']).filter(|piece| piece.starts_with('/') || piece.contains("://"));
    for reference in references.filter(|reference| *reference != "/") {
        server.anonymous().get(reference).expect(200);
    }
}

#[test]
fn no_path_leads_out_of_the_embedded_files() {
    let server = TestServer::start();
    for path in [
        "/../Cargo.toml",
        "/..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/index.html/../../Cargo.toml",
        "/etc/passwd",
        "//etc/passwd",
        "/assets/%00",
    ] {
        let reply = server.anonymous().get(path);
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(reply.code(), "not_found", "{path}");
    }
}

#[test]
fn status_balance_catalogue_and_overview_say_how_it_is() {
    let server = TestServer::start();
    *server.gateway.faults.lock().unwrap() = vec!["disk is full".to_owned()];
    {
        let mut balance = server.gateway.balance.lock().unwrap();
        balance.journaled = 10;
        balance.decoded = 7;
        balance.duplicate = 2;
        balance.values_decoded = 20;
        balance.values_stored = 20;
    }
    let client = server.login("handler");
    let status = client.get("/api/v1/status").expect(200).json();
    assert_eq!((status["ready"].as_bool(), status["faults"][0].as_str()), (Some(true), Some("disk is full")));
    assert_eq!(status["time"], "2026-11-23T01:00:00.000Z");
    let balance = client.get("/api/v1/balance").expect(200).json();
    assert_eq!(
        (balance["messages"]["difference"].as_i64(), balance["values"]["difference"].as_i64()),
        (Some(1), Some(0))
    );
    let catalogue = client.get("/api/v1/catalogue").expect(200).json();
    assert_eq!(catalogue["kinds"][0]["name"], "manhole");
    assert_eq!(catalogue["kinds"][0]["fields"][5]["name"], "tilt_deg");
    assert_eq!(catalogue["kinds"][0]["fields"][5]["max"], 180.0);
    let overview = client.get("/api/v1/overview").expect(200).json();
    assert_eq!(overview["open_incidents"]["critical"], 0);
}
