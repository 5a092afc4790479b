//! Incidents and what decided them.

use gengfu_model::{Kind, Role, Severity};
use serde_json::json;

use crate::seed::{Raise, clear, device, raise, tilt_evidence, user};
use crate::server::{NOW, TestServer};

fn with_incidents() -> TestServer {
    let server = TestServer::start();
    for (n, district) in [(1, "east"), (2, "west"), (3, "east")] {
        let id = format!("cover-{n}");
        server.gateway.put_device(device(&id, Kind::Manhole, &format!("{n}号井盖"), district), None);
        server.gateway.set_time(NOW.plus_ms(n * 1_000));
        server.gateway.signal(
            &id,
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
    server.gateway.set_time(NOW.plus_ms(10_000));
    server.gateway.signal("cover-3", clear("manhole_tilt", server.gateway.time()));
    server
}

#[test]
fn an_incident_has_the_fields_that_others_rely_on() {
    let server = with_incidents();
    let client = server.login("handler");
    let page = client.get("/api/v1/incidents?device=cover-1").expect(200).json();
    let incident = &page["items"][0];
    let id = incident["id"].as_str().unwrap();
    for (name, value) in [
        ("rule", json!("manhole_tilt")),
        ("rule_version", json!("9f2c41d07ab3")),
        ("asset", json!("asset-cover-1")),
        ("device", json!("cover-1")),
        ("kind", json!("manhole")),
        ("key", json!("manhole_tilt")),
        ("severity", json!("critical")),
        ("state", json!("open")),
        ("opened", json!("2026-11-23T01:00:01.000Z")),
        ("cleared", json!(null)),
        ("value", json!(38.0)),
        ("parent", json!(null)),
    ] {
        assert_eq!(incident[name], value, "{name}");
    }
    assert!(incident["updated"].is_string() && incident["case"].is_string());
    assert_eq!(client.get(&format!("/api/v1/incidents/{id}")).expect(200).json(), *incident);
    client.get("/api/v1/incidents/999-0").expect(404);
    client.get("/api/v1/incidents/nonsense").expect(404);
}

#[test]
fn lists_are_filtered_newest_first_and_paged() {
    let server = with_incidents();
    let client = server.login("handler");
    let devices = |query: &str| -> Vec<String> {
        let body = client.get(&format!("/api/v1/incidents?{query}")).expect(200).json();
        let items = body["items"].as_array().unwrap();
        items.iter().map(|item| item["device"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(devices(""), ["cover-3", "cover-2", "cover-1"]);
    assert_eq!(devices("state=open"), ["cover-2", "cover-1"]);
    assert_eq!(devices("state=cleared"), ["cover-3"]);
    assert_eq!(devices("district=west&rule=manhole_tilt&kind=manhole"), ["cover-2"]);
    assert_eq!(devices("kind=bin"), Vec::<String>::new());
    assert_eq!(devices("from=2026-11-23T09:00:02%2B08:00"), ["cover-3", "cover-2"]);
    assert_eq!(devices("to=1795395602000"), ["cover-1"]);
    let first = client.get("/api/v1/incidents?limit=2").expect(200).json();
    let cursor = first["cursor"].as_str().unwrap();
    let second = client.get(&format!("/api/v1/incidents?limit=2&cursor={cursor}")).expect(200).json();
    assert_eq!(second["items"].as_array().unwrap().len(), 1);
    assert_eq!(second["cursor"], json!(null));
}

#[test]
fn an_explanation_shows_what_decided() {
    let server = with_incidents();
    let client = server.login("handler");
    let page = client.get("/api/v1/incidents?device=cover-3").expect(200).json();
    let id = page["items"][0]["id"].as_str().unwrap();
    let body = client.get(&format!("/api/v1/incidents/{id}/explanation")).expect(200).json();
    assert_eq!((body["rule"].as_str(), body["changes"][0]["change"].as_str()), (Some("manhole_tilt"), Some("opened")));
    assert_eq!(body["changes"][1]["change"], "cleared");
    let opened = &body["changes"][0];
    assert_eq!((opened["file"].as_str(), opened["line"].as_u64()), (Some("manhole_tilt.rhai"), Some(4)));
    assert_eq!(opened["steps"][1]["text"], "msg.tilt_deg > 30.0");
    assert_eq!(opened["readings"][0]["time"], "2026-11-23T01:00:00.000Z");
    assert_eq!(opened["readings"][1]["value"], json!(null));
    client.get("/api/v1/incidents/999-0/explanation").expect(404);
}

#[test]
fn other_districts_are_not_there() {
    let server = with_incidents();
    server.gateway.put_user(user("west", &[Role::DutyOfficer], &["west"]));
    let client = server.login("west");
    let body = client.get("/api/v1/incidents").expect(200).json();
    assert_eq!(body["items"].as_array().unwrap().len(), 1);
    let all = server.login("handler").get("/api/v1/incidents?device=cover-1").expect(200).json();
    let id = all["items"][0]["id"].as_str().unwrap();
    client.get(&format!("/api/v1/incidents/{id}")).expect(404);
    client.get(&format!("/api/v1/incidents/{id}/explanation")).expect(404);
    let case = all["items"][0]["case"].as_str().unwrap();
    client.get(&format!("/api/v1/cases/{case}")).expect(404);
    client.post(&format!("/api/v1/cases/{case}/comment"), &json!({ "note": "x" })).expect(404);
}

#[test]
fn the_decision_log_says_what_became_of_an_incident() {
    let server = with_incidents();
    let client = server.login("handler");
    let decisions = |query: &str| client.get(&format!("/api/v1/decisions?{query}")).expect(200).json()["items"].clone();
    let of_device = decisions("device=cover-3");
    let words: Vec<_> = of_device.as_array().unwrap().iter().map(|row| row["what"].as_str().unwrap()).collect();
    assert_eq!(words, ["cleared", "raised"], "the newest first");
    let raised = &of_device[1];
    assert_eq!((raised["why"].as_str(), raised["text_zh"].as_str()), (Some("case_opened"), Some("已开立案卷")));
    let incident = raised["incident"].as_str().unwrap();
    assert_eq!(decisions(&format!("incident={incident}")), of_device);
    assert_eq!(decisions(&format!("case={}&what=raised", raised["case"].as_str().unwrap()))[0], *raised);
    assert_eq!(decisions("asset=asset-cover-3&what=cleared")[0], of_device[0]);
    assert_eq!(decisions("user=nobody").as_array().unwrap().len(), 0);
    assert_eq!(decisions("from=2026-11-23T09:00:04%2B08:00").as_array().unwrap().len(), 1);
    let reply = client.get("/api/v1/decisions?what=forgotten").expect(422);
    assert!(reply.text.contains("not_notified"), "{}", reply.text);
    server.gateway.put_user(user("west", &[Role::DutyOfficer], &["west"]));
    let seen = server.login("west").get("/api/v1/decisions").expect(200).json();
    let districts: Vec<_> = seen["items"].as_array().unwrap().iter().map(|row| &row["district"]).collect();
    assert!(!districts.is_empty() && districts.iter().all(|own| *own == "west"), "no other district: {districts:?}");
}
