//! What became of messages that were not simply stored.

use std::sync::Arc;

use gengfu_model::{
    Action, DeviceId, Disposition, DispositionKind, Effect, Kind, PayloadFormat, Role, Seq, Source, Transport,
};
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
        server.gateway.push(|seq| {
            Effect::Disposition(Box::new(Disposition {
                seq,
                device: DeviceId::new("cover-1").unwrap(),
                time: NOW.plus_ms(later_ms),
                kind,
                detail: "why".to_owned(),
                source: payload.is_some().then_some(Source {
                    transport: Transport::Mqtt,
                    format: PayloadFormat::Json,
                    received_at: NOW.plus_ms(later_ms),
                }),
                payload: payload.map(Arc::from),
                redecoded: None,
            }))
        });
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

#[test]
fn the_quarantine_is_decoded_again_by_engineers_a_message_a_request() {
    let server = with_dispositions();
    let engineer = server.login("engineer");
    server.login("duty_officer").post("/api/v1/quarantine/redecode", &json!({})).expect(403);
    let waiting = engineer.get("/api/v1/quarantine?waits=true").expect(200).json()["items"].clone();
    let newest = waiting[0]["seq"].as_u64().unwrap();
    let ask = |body: serde_json::Value| engineer.post("/api/v1/quarantine/redecode", &body).expect(200).json();
    let first = ask(json!({"records": [newest]}));
    assert_eq!((&first["decoded"], &first["items"][0]["values"]), (&json!(1), &json!(3)), "{first}");
    let requests = server.gateway.requests.lock().unwrap().clone();
    let Some(Action::Redecode { message }) = requests.last().map(|request| &request.action) else {
        panic!("no request to decode again: {requests:?}")
    };
    assert_eq!((message.seq, &*message.payload), (Seq(newest), &[0xff, 0x00][..]), "the request carries the bytes");
    let row = engineer.get("/api/v1/quarantine").expect(200).json()["items"][0].clone();
    assert_eq!((&row["redecoded"]["decoded"], &row["redecoded"]["detail"]), (&json!(true), &json!("3 values")));
    let rest = ask(json!({"device": "cover-1", "day": "2026-11-23"}));
    assert_eq!((&rest["decoded"], &rest["more"]), (&json!(1), &json!(false)), "{rest}");
    assert_eq!(ask(json!({}))["items"], json!([]), "nothing waits any more");
    let wrong = engineer.post("/api/v1/quarantine/redecode", &json!({"records": vec![1; 501]})).expect(422).json();
    assert_eq!(wrong["error"]["field"], "records");
}
