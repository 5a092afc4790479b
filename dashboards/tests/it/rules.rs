//! Rule packs: listing, checking, publishing, rolling back.

use serde_json::{Value, json};

use crate::server::TestServer;

const TILT: &str = "/// Cover tilted.\nconst RULE = #{ kind: \"manhole\", key: \"tilt\", severity: \"critical\" };\n";

fn pack(text: &str) -> Value {
    json!({ "files": { "covers/tilt.rhai": text, "README.md": "covers" } })
}

#[test]
fn a_published_pack_is_live_and_can_be_rolled_back() {
    let server = TestServer::start();
    let client = server.login("engineer");
    let empty = client.get("/api/v1/rules").expect(200).json();
    assert_eq!(empty, json!({ "pack": null, "items": [], "packs": [] }));
    client.post("/api/v1/rules/publish", &pack(TILT)).expect(200);
    let first = client.get("/api/v1/rules").expect(200).json();
    assert_eq!((first["items"][0]["id"].as_str(), first["items"].as_array().unwrap().len()), (Some("tilt"), 1));
    assert_eq!(first["items"][0]["doc"], "Cover tilted.");
    assert_eq!(first["items"][0]["facts"]["severity"], "critical");
    assert_eq!(first["pack"]["by"], "engineer");
    let version = first["pack"]["version"].as_str().unwrap();

    client.post("/api/v1/rules/publish", &pack("const RULE = #{ id: \"other\" };")).expect(200);
    let second = client.get("/api/v1/rules").expect(200).json();
    assert_eq!((second["items"][0]["id"].as_str(), second["packs"].as_array().unwrap().len()), (Some("other"), 2));
    client.get("/api/v1/rules/tilt").expect(404);
    client.post("/api/v1/rules/rollback", &json!({ "version": version })).expect(200);
    let rule = client.get("/api/v1/rules/tilt").expect(200).json();
    assert_eq!((rule["source"].as_str(), rule["file"].as_str()), (Some(TILT), Some("covers/tilt.rhai")));
    client.post("/api/v1/rules/rollback", &json!({ "version": "unknown" })).expect(404);
}

#[test]
fn mistakes_are_all_listed_and_block_publishing() {
    let server = TestServer::start();
    let client = server.login("engineer");
    let bad = pack("mistake();\nmistake();\n");
    let found = client.post("/api/v1/rules/check", &bad).expect(200).json();
    assert_eq!((found["ok"].as_bool(), found["mistakes"].as_array().unwrap().len()), (Some(false), 2));
    let reply = client.post("/api/v1/rules/publish", &bad).expect(422);
    assert_eq!(reply.json()["error"]["field"], "covers/tilt.rhai:1:5");
    assert_eq!(reply.json()["error"]["hint"], "did you mean `min`");
    assert!(server.gateway.requests.lock().unwrap().is_empty());
    let found = client.post("/api/v1/rules/check", &pack(TILT)).expect(200).json();
    assert_eq!(found, json!({ "ok": true, "mistakes": [], "tiers": [] }));
}

#[test]
fn tests_run_for_engineers_and_tell_red_from_broken() {
    let server = TestServer::start();
    let client = server.login("engineer");
    let ask = |text: &str, filter: &str| json!({ "files": { "covers/tilt.rhai": text }, "filter": filter });
    let green = client.post("/api/v1/rules/test", &ask(TILT, "")).expect(200).json();
    assert_eq!((green["ok"].as_bool(), green["report"]["passed"].as_u64()), (Some(true), Some(1)));
    let red = client.post("/api/v1/rules/test", &ask(TILT, "red")).expect(200).json();
    assert_eq!((red["ok"].as_bool(), red["report"]["failed"].as_u64()), (Some(false), Some(1)));
    let broken = client.post("/api/v1/rules/test", &ask("mistake();\n", "")).expect(200).json();
    assert_eq!((broken["ok"].as_bool(), broken["mistakes"].as_array().unwrap().len()), (Some(false), 1));
    assert_eq!(broken["report"], json!(null));
    client.post("/api/v1/rules/test", &json!({ "files": {} })).expect(422);
    server.login("handler").post("/api/v1/rules/test", &ask(TILT, "")).expect(403);
}

#[test]
fn only_engineers_publish_and_names_stay_in_the_pack() {
    let server = TestServer::start();
    server.login("handler").post("/api/v1/rules/publish", &pack(TILT)).expect(403);
    server.login("handler").post("/api/v1/rules/rollback", &json!({ "version": "x" })).expect(403);
    let client = server.login("engineer");
    for name in ["../tilt.rhai", "/tilt.rhai", "a//b.rhai", "a/../b.rhai", "a\\b.rhai", ".hidden", ""] {
        let reply = client.post("/api/v1/rules/publish", &json!({ "files": { name: TILT } })).expect(422);
        assert_eq!(reply.json()["error"]["field"], "files", "{name}");
    }
    client.post("/api/v1/rules/check", &json!({ "files": {} })).expect(422);
}

#[test]
fn an_editor_gets_the_files_of_a_version_and_sees_what_its_draft_changes() {
    let server = TestServer::start();
    let client = server.login("engineer");
    client.get("/api/v1/rules/packs/live").expect(404);
    client.post("/api/v1/rules/publish", &pack(TILT)).expect(200);
    let first = client.get("/api/v1/rules/packs/live").expect(200).json();
    assert_eq!(first["files"], pack(TILT)["files"]);
    let other = TILT.replace("critical", "minor");
    client.post("/api/v1/rules/publish", &pack(&other)).expect(200);
    let version = first["version"].as_str().unwrap();
    assert_eq!(client.get(&format!("/api/v1/rules/packs/{version}")).expect(200).json(), first);
    client.get("/api/v1/rules/packs/unknown").expect(404);

    // Whoever is logged in may look, as at the rules themselves.
    let reader = server.login("handler");
    let same = reader.post("/api/v1/rules/diff", &pack(&other)).expect(200).json();
    assert_eq!((&same["text"], &same["to"]), (&json!(""), &json!("draft")));
    let mut draft = pack(TILT);
    draft["from"] = first["version"].clone();
    assert_eq!(reader.post("/api/v1/rules/diff", &draft).expect(200).json()["text"], "");
    draft["from"] = json!(null);
    let text = reader.post("/api/v1/rules/diff", &draft).expect(200).json()["text"].clone();
    let text = text.as_str().unwrap();
    assert!(text.starts_with("covers/tilt.rhai\n") && text.contains("severity: \"critical\""), "{text}");
    reader.post("/api/v1/rules/diff", &json!({ "files": {} })).expect(422);
}
