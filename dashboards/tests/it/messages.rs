//! What became of messages that were not simply stored.

use std::sync::Arc;

use gengfu_model::{DeviceId, Disposition, DispositionKind, Effect, Kind, Role, Seq};
use serde_json::json;

use crate::seed::{device, user};
use crate::server::{NOW, TestServer};

fn with_dispositions() -> TestServer {
    let server = TestServer::start();
    server.gateway.put_device(device("cover-1", Kind::Manhole, "1号井盖", "east"), None);
    let rows = [
        (DispositionKind::Duplicate, 0, None),
        (DispositionKind::Quarantined, 1_000, Some(b"{not json".to_vec())),
        (DispositionKind::Quarantined, 2_000, Some(vec![0xff, 0x00])),
        // The day before, in the city.
        (DispositionKind::OutOfRange, -10 * 3_600_000, None),
    ];
    for (kind, later_ms, payload) in rows {
        server.gateway.push(Effect::Disposition(Box::new(Disposition {
            seq: Seq(5),
            device: DeviceId::new("cover-1").unwrap(),
            time: NOW.plus_ms(later_ms),
            kind,
            detail: "why".to_owned(),
            payload: payload.map(Arc::from),
        })));
    }
    server
}

#[test]
fn dispositions_are_listed_by_day_device_and_kind() {
    let server = with_dispositions();
    let client = server.login("duty_officer");
    let kinds = |query: &str| -> Vec<String> {
        let body = client.get(&format!("/api/v1/dispositions?{query}")).expect(200).json();
        let items = body["items"].as_array().unwrap();
        items.iter().map(|item| item["disposition"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(""), ["quarantined", "quarantined", "duplicate", "out_of_range"]);
    assert_eq!(kinds("day=2026-11-23"), ["quarantined", "quarantined", "duplicate"]);
    assert_eq!(kinds("day=2026-11-22&device=cover-1"), ["out_of_range"]);
    assert_eq!(kinds("disposition=duplicate"), ["duplicate"]);
    assert_eq!(client.get("/api/v1/dispositions?day=today").expect(422).json()["error"]["field"], "day");
    client.get("/api/v1/dispositions?device=nothing").expect(404);
    server.login("handler").get("/api/v1/dispositions").expect(403);
}

#[test]
fn the_quarantine_shows_the_bytes() {
    let server = with_dispositions();
    let body = server.login("engineer").get("/api/v1/quarantine").expect(200).json();
    assert_eq!(body["items"].as_array().unwrap().len(), 2);
    assert_eq!(body["items"][0]["payload_text"], json!(null));
    assert_eq!(body["items"][0]["payload_base64"], "/wA=");
    assert_eq!(
        (body["items"][1]["payload_text"].as_str(), body["items"][1]["bytes"].as_u64()),
        (Some("{not json"), Some(9))
    );
}

#[test]
fn an_account_of_a_district_asks_device_by_device() {
    let server = with_dispositions();
    server.gateway.put_user(user("east", &[Role::DutyOfficer], &["east"]));
    server.gateway.put_user(user("west", &[Role::DutyOfficer], &["west"]));
    let east = server.login("east");
    assert_eq!(east.get("/api/v1/quarantine").expect(422).json()["error"]["field"], "device");
    east.get("/api/v1/quarantine?device=cover-1").expect(200);
    server.login("west").get("/api/v1/quarantine?device=cover-1").expect(404);
}
