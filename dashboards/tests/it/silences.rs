//! Silences through the API: asked for, seen beforehand, ended; who may what.

use gengfu_model::{Kind, Role, Severity};
use serde_json::json;

use crate::seed::{Raise, clear, device, raise, tilt_evidence, user};
use crate::server::{NOW, TestServer};

fn alarm(server: &TestServer, id: &str) {
    server.gateway.signal(
        id,
        raise(Raise {
            rule: "manhole_tilt",
            severity: Severity::Critical,
            condition: "cover_displaced",
            value: 38.0,
            text_zh: "井盖倾斜 38°",
            text_en: "cover tilted 38°",
            evidence: tilt_evidence(NOW, 38.0),
        }),
    );
}

fn server() -> TestServer {
    let server = TestServer::start();
    for (n, district) in [(1, "east"), (2, "west"), (3, "east")] {
        server.gateway.put_device(device(&format!("cover-{n}"), Kind::Manhole, "井盖", district), None);
    }
    server
}

#[test]
fn a_silence_is_asked_for_seen_and_ended() {
    let server = server();
    let client = server.login("duty_officer");
    let body = json!({
        "matches": { "asset": "asset-cover-1" }, "minutes": 60, "reason": "维修", "work_order": "WO-7",
        "weekly": { "days": [1, 2, 3, 4, 5, 6, 7], "from": "00:00", "to": "24:00" },
    });
    let silence = client.post("/api/v1/silences", &body).expect(201).json();
    let id = silence["id"].as_str().unwrap();
    assert_eq!((silence["state"].as_str(), silence["author"].as_str()), (Some("active"), Some("duty_officer")));
    assert_eq!(silence["matches"], json!({ "asset": "asset-cover-1" }));
    assert_eq!(silence["weekly"]["from"], "00:00");
    alarm(&server, "cover-1");
    let incident = client.get("/api/v1/incidents?device=cover-1").expect(200).json()["items"][0].clone();
    assert_eq!((incident["silenced_by"].as_str(), incident["case"].as_str()), (Some(id), None));
    let listed = client.get("/api/v1/silences?state=active&work_order=WO-7").expect(200).json();
    assert_eq!((listed["items"][0]["id"].as_str(), listed["items"][0]["held"].as_u64()), (Some(id), Some(1)));
    assert_eq!(client.post("/api/v1/work_orders/WO-7/close", &json!({})).expect(200).json()["rows"], 1);
    let ended = client.get(&format!("/api/v1/silences/{id}")).expect(200).json();
    assert_eq!((ended["state"].as_str(), ended["ended_why"].as_str()), (Some("ended"), Some("work_order")));
    let incident = client.get("/api/v1/incidents?device=cover-1").expect(200).json()["items"][0].clone();
    assert!(incident["silenced_by"].is_null() && incident["case"].is_string(), "raised at once");
    client.delete(&format!("/api/v1/silences/{id}")).expect(404);
    client.get("/api/v1/silences/9-9").expect(404);
}

#[test]
fn a_preview_counts_what_it_would_have_hidden() {
    let server = server();
    for id in ["cover-1", "cover-2", "cover-3"] {
        alarm(&server, id);
    }
    server.gateway.signal("cover-3", clear("manhole_tilt", server.gateway.time()));
    let client = server.login("duty_officer");
    let body = json!({ "matches": { "district": "east", "condition": "cover_displaced" } });
    let preview = client.post("/api/v1/silences/preview", &body).expect(200).json();
    assert_eq!((preview["live"].as_u64(), preview["week"].as_u64()), (Some(1), Some(2)));
    assert_eq!((preview["assets"].as_u64(), preview["with_case"].as_u64()), (Some(2), Some(2)));
    assert_eq!(
        preview["by_condition"],
        json!([{ "condition": "cover_displaced", "severity": "critical", "count": 2 }])
    );
    assert_eq!(preview["examples"][0]["device"], "cover-3");
    // The past is looked at in the hours of the week alone: cover-3 cleared, and Sunday is another day.
    let sunday = json!({ "days": [7], "from": "00:00", "to": "24:00" });
    let body = json!({ "matches": { "grid": "140802001001005" }, "weekly": sunday });
    let preview = client.post("/api/v1/silences/preview", &body).expect(200).json();
    assert_eq!((preview["live"].as_u64(), preview["week"].as_u64()), (Some(2), Some(2)));
    client.post("/api/v1/silences/preview", &json!({ "matches": {} })).expect(422);
}

#[test]
fn who_may_silence_what() {
    let server = server();
    let area = json!({ "matches": { "district": "east" }, "minutes": 60, "reason": "roadworks" });
    assert_eq!(server.login("handler").post("/api/v1/silences", &area).expect(403).code(), "forbidden");
    assert_eq!(server.login("duty_officer").post("/api/v1/silences", &area).expect(403).code(), "forbidden");
    let id = server.login("shift_leader").post("/api/v1/silences", &area).expect(201).json()["id"].clone();
    server.gateway.put_user(user("west", &[Role::ShiftLeader], &["west"]));
    let west = server.login("west");
    west.post("/api/v1/silences", &area).expect(403);
    west.delete(&format!("/api/v1/silences/{}", id.as_str().unwrap())).expect(404);
    assert_eq!(west.get("/api/v1/silences").expect(200).json()["items"], json!([]));
    let rule = json!({ "matches": { "rule": "manhole_tilt" }, "minutes": 60, "reason": "roadworks" });
    let own = west.post("/api/v1/silences", &rule).expect(201).json();
    assert_eq!(own["matches"]["district"], "west", "an account of one district silences there");
}

#[test]
fn mistakes_are_named() {
    let server = server();
    let client = server.login("shift_leader");
    let good = json!({ "matches": { "asset": "a" }, "minutes": 60, "reason": "x" });
    for (field, value, named) in [
        ("minutes", json!(null), "to"),
        ("to", json!("tomorrow"), "to"),
        ("weekly", json!({ "days": [9], "from": "01:00", "to": "02:00" }), "weekly"),
        ("weekly", json!({ "days": [1], "from": "25:00", "to": "02:00" }), "weekly.from"),
        ("matches", json!({}), "matches"),
        ("matches", json!({ "colour": "red" }), "matches.colour"),
        ("reason", json!(" "), "reason"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let error = client.post("/api/v1/silences", &body).expect(422).json()["error"].clone();
        assert_eq!(error["field"].as_str(), Some(named), "{error}");
    }
}
