//! The register over HTTP: list, add, change, retire, import, export, newest values, series.

use gengfu_model::staff::Action;
use gengfu_model::{DeviceLife, Kind, Role, Value};
use serde_json::json;

use crate::seed::{device, now, user};
use crate::server::{NOW, TestServer};

fn with_devices() -> TestServer {
    let server = TestServer::start();
    for n in 0..5 {
        let district = if n % 2 == 0 { "east" } else { "west" };
        let cover = device(&format!("cover-{n}"), Kind::Manhole, &format!("中山路{n}号井盖"), district);
        let latest = now(&cover, NOW.plus_ms(-60_000), &[("tilt_deg", Value::Number(2.5))]);
        server.gateway.put_device(cover, Some(latest));
    }
    server.gateway.put_device(device("lamp-1", Kind::Streetlight, "路灯1", "east"), None);
    server
}

fn ids(body: &serde_json::Value) -> Vec<&str> {
    body["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[test]
fn lists_are_filtered_and_paged_without_a_gap() {
    let server = with_devices();
    let client = server.login("handler");
    let body = client.get("/api/v1/devices?kind=manhole&district=east").expect(200).json();
    assert_eq!(ids(&body), ["cover-0", "cover-2", "cover-4"]);
    assert_eq!(body["cursor"], json!(null));
    let body = client.get("/api/v1/devices?text=LAMP").expect(200).json();
    assert_eq!(ids(&body), ["lamp-1"]);
    assert_eq!(body["items"][0]["heard"], json!(null));
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let body = client.get(&format!("/api/v1/devices?limit=2&cursor={cursor}")).expect(200).json();
        seen.extend(ids(&body).into_iter().map(str::to_owned));
        match body["cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["cover-0", "cover-1", "cover-2", "cover-3", "cover-4", "lamp-1"]);
    let body = client.get("/api/v1/devices?heard=true&limit=1").expect(200).json();
    assert_eq!(body["items"][0]["heard"], "2026-11-23T00:59:00.000Z");
    assert!(!body.to_string().contains("token_hash"));
    let reply = client.get("/api/v1/devices?kind=drain").expect(422);
    assert!(reply.json()["error"]["hint"].as_str().unwrap().contains("manhole"));
}

#[test]
fn an_account_sees_and_registers_its_districts_only() {
    let server = with_devices();
    server.gateway.put_user(user("east", &[Role::Engineer], &["east"]));
    server.gateway.put_user(user("both", &[Role::Engineer], &["west", "north"]));
    let east = server.login("east");
    assert_eq!(ids(&east.get("/api/v1/devices").expect(200).json()), ["cover-0", "cover-2", "cover-4", "lamp-1"]);
    assert_eq!(east.get("/api/v1/devices/cover-1").expect(404).code(), "not_found");
    assert_eq!(east.get("/api/v1/devices?district=west").expect(403).code(), "forbidden");
    let new = json!({ "id": "cover-9", "kind": "manhole", "district": "west" });
    assert_eq!(east.post("/api/v1/devices", &new).expect(403).code(), "forbidden");
    let both = server.login("both");
    let body = both.get("/api/v1/devices?limit=1").expect(200).json();
    assert_eq!(ids(&body), ["cover-1"]);
    assert!(server.gateway.requests.lock().unwrap().is_empty());
}

#[test]
fn one_device_carries_its_newest_values() {
    let server = with_devices();
    let client = server.login("handler");
    let body = client.get("/api/v1/devices/cover-3").expect(200).json();
    assert_eq!(body["latest"]["fields"]["tilt_deg"]["value"], 2.5);
    let latest = client.get("/api/v1/devices/cover-3/latest").expect(200).json();
    assert_eq!(
        latest,
        json!({
            "device": "cover-3",
            "time": "2026-11-23T00:59:00.000Z",
            "fields": { "tilt_deg": { "value": 2.5, "time": "2026-11-23T00:59:00.000Z", "quality": "ok" } },
        })
    );
    assert_eq!(client.get("/api/v1/devices/lamp-1/latest").expect(200).json()["fields"], json!({}));
    client.get("/api/v1/devices/nothing").expect(404);
    client.get("/api/v1/devices/a%2fb").expect(404);
}

#[test]
fn a_device_is_added_once_with_its_token_hashed() {
    let server = with_devices();
    let client = server.login("engineer");
    let new = json!({ "id": "bin-1", "kind": "bin", "token": "secret-token", "attributes": { "height_mm": 1200 } });
    let body = client.post("/api/v1/devices", &new).expect(201).json();
    assert_eq!((body["id"].as_str(), body["has_token"].as_bool()), (Some("bin-1"), Some(true)));
    client.get("/api/v1/devices/bin-1").expect(200);
    let reply = client.post("/api/v1/devices", &new).expect(409);
    assert_eq!((reply.code().as_str(), reply.json()["error"]["field"].as_str()), ("exists", Some("bin-1")));
    let bad = json!({ "id": "bin-2", "kind": "bin", "attributes": { "height_mm": -1 } });
    assert_eq!(client.post("/api/v1/devices", &bad).expect(422).json()["error"]["field"], "attributes");
    server.login("handler").post("/api/v1/devices", &new).expect(403);
    let requests = server.gateway.requests.lock().unwrap();
    assert!(!format!("{requests:?}").contains("secret-token"));
}

#[test]
fn life_is_set_by_duty_officers_and_the_rest_by_engineers() {
    let server = with_devices();
    let duty = server.login("duty_officer");
    let body = duty.patch("/api/v1/devices/cover-1", &json!({ "life": "maintenance" })).expect(200).json();
    assert_eq!(body["device"]["life"], "maintenance");
    duty.patch("/api/v1/devices/cover-1", &json!({ "life": "retired" })).expect(403);
    duty.patch("/api/v1/devices/cover-1", &json!({ "new_token": true })).expect(403);
    duty.delete("/api/v1/devices/cover-1").expect(403);
    server.login("handler").patch("/api/v1/devices/cover-1", &json!({ "life": "in_service" })).expect(403);

    let engineer = server.login("engineer");
    let body = engineer.patch("/api/v1/devices/cover-1", &json!({ "new_token": true })).expect(200).json();
    assert!(body["token"].as_str().unwrap().len() >= 32);
    let entry = json!({ "entry": { "kind": "manhole", "name": "新名", "district": "west" } });
    let body = engineer.patch("/api/v1/devices/cover-1", &entry).expect(200).json();
    assert_eq!((body["device"]["name"].as_str(), body["device"]["life"].as_str()), (Some("新名"), Some("maintenance")));
    assert_eq!(body["device"]["has_token"], true);
    let other = json!({ "entry": { "id": "cover-2", "kind": "manhole" } });
    assert_eq!(engineer.patch("/api/v1/devices/cover-1", &other).expect(422).json()["error"]["field"], "entry.id");
    engineer.delete("/api/v1/devices/cover-1").expect(200);
    assert_eq!(engineer.get("/api/v1/devices/cover-1").expect(200).json()["life"], "retired");
    engineer.delete("/api/v1/devices/nothing").expect(404);
}

#[test]
fn an_import_takes_good_rows_names_bad_ones_and_asks_in_records_of_a_thousand() {
    let server = with_devices();
    let mut file = "id,kind,district,interval_s\n".to_owned();
    for n in 0..2_499 {
        file.push_str(&format!("bin-{n:04},bin,east,600\n"));
    }
    file.push_str("bad id,bin,east,600\nbin-x,bim,east,600\nbin-0000,bin,east,600\ncover-1,manhole,west,600\n");
    let client = server.login("engineer").with("content-type", "text/csv");
    let body = client.send("POST", "/api/v1/devices/import", &file).expect(200).json();
    assert_eq!((body["rows"].as_u64(), body["refused_count"].as_u64()), (Some(2_500), Some(3)));
    let places: Vec<(u64, &str)> = body["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["row"].as_u64().unwrap(), row["field"].as_str().unwrap()))
        .collect();
    assert_eq!(places, [(2_501, "id"), (2_502, "kind"), (2_503, "id")]);
    let sizes: Vec<usize> = server
        .gateway
        .requests
        .lock()
        .unwrap()
        .iter()
        .map(|request| match &request.action {
            Action::AddDevices { devices, replace: true } => devices.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(sizes, [1_000, 1_000, 500]);
    // The file says neither hash nor life of a device that was there.
    let cover = client.get("/api/v1/devices/cover-1").expect(200).json();
    assert_eq!((cover["has_token"].as_bool(), cover["life"].as_str()), (Some(true), Some("in_service")));
    assert_eq!(cover["interval_s"], 600);
}

#[test]
fn an_import_can_refuse_what_is_there_and_can_only_look() {
    let server = with_devices();
    let client = server.login("engineer");
    let file = "id,kind\ncover-1,manhole\nbin-1,bin\n";
    let body = client.send("POST", "/api/v1/devices/import?dry_run=true", file).expect(200).json();
    assert_eq!(body["rows"], 2);
    assert!(server.gateway.requests.lock().unwrap().is_empty());
    let body = client.send("POST", "/api/v1/devices/import?replace=false", file).expect(200).json();
    assert_eq!(body["rows"], 1);
    assert_eq!(body["refused"][0]["row"], 2);
    assert_eq!(body["refused"][0]["code"], "exists");
    let reply = client.send("POST", "/api/v1/devices/import", "id,kind,colour\n").expect(422);
    assert_eq!(reply.json()["error"]["field"], "colour");
}

#[test]
fn an_export_can_be_imported() {
    let server = with_devices();
    let client = server.login("engineer");
    let reply = client.get("/api/v1/devices/export?kind=manhole").expect(200);
    assert!(reply.header("content-type").starts_with("text/csv"));
    assert!(reply.text.starts_with("id,kind,model,asset_code,name,latitude"));
    assert_eq!(reply.text.lines().count(), 6);
    assert!(reply.text.contains("中山路3号井盖"));
    let body = client.send("POST", "/api/v1/devices/import", &reply.text).expect(200).json();
    assert_eq!((body["rows"].as_u64(), body["refused_count"].as_u64()), (Some(5), Some(0)));
    server.login("handler").get("/api/v1/devices/export").expect(403);
}

#[test]
fn a_retired_device_stays_in_the_register() {
    let server = with_devices();
    server.gateway.put_device(
        gengfu_model::Device { life: DeviceLife::Retired, ..device("old-1", Kind::Bin, "旧箱", "east") },
        None,
    );
    let client = server.login("handler");
    assert_eq!(ids(&client.get("/api/v1/devices?life=retired").expect(200).json()), ["old-1"]);
}

#[test]
fn a_series_is_raw_or_in_windows() {
    let server = with_devices();
    let cover = device("cover-1", Kind::Manhole, "井盖", "west");
    let at = |minutes: i64, tilt: f64| (NOW.plus_ms(minutes * 60_000), Value::Number(tilt));
    server.gateway.measure(&cover, "tilt_deg", &[at(-130, 9.0), at(-10, 1.0), at(-9, 3.0), at(-1, 38.5)]);
    let open = [(NOW.plus_ms(-60_000), Value::Bool(true))];
    server.gateway.measure(&cover, "cover_open", &open);
    let client = server.login("handler");
    let series = |query: &str| client.get(&format!("/api/v1/devices/cover-1/series?{query}")).expect(200).json();
    assert_eq!(
        series("field=tilt_deg&from=2026-11-23T00:00:00Z&to=2026-11-23T01:00:00Z"),
        json!({
            "field": "tilt_deg",
            "points": [
                ["2026-11-23T00:50:00.000Z", 1.0],
                ["2026-11-23T00:51:00.000Z", 3.0],
                ["2026-11-23T00:59:00.000Z", 38.5],
            ],
            "truncated": false,
        })
    );
    assert_eq!(series("field=tilt_deg")["points"].as_array().unwrap().len(), 4);
    let windows = series("field=tilt_deg&every=1h");
    assert_eq!(windows["points"][0][0], "2026-11-22T22:00:00.000Z");
    assert_eq!(
        windows["points"][1],
        json!(["2026-11-23T00:00:00.000Z", { "min": 1.0, "max": 38.5, "mean": 42.5 / 3.0, "last": 38.5, "count": 3 }])
    );
    assert_eq!(series("field=cover_open")["points"][0][1], true);
    assert_eq!(series("field=ch4_pct_lel")["points"], json!([]));
}

#[test]
fn series_questions_are_checked() {
    let server = with_devices();
    let client = server.login("handler");
    let field = |query: &str| {
        let reply = client.get(&format!("/api/v1/devices/cover-1/series?{query}")).expect(422);
        reply.json()["error"]["field"].as_str().unwrap().to_owned()
    };
    assert_eq!(field(""), "field");
    assert_eq!(field("field=power_w"), "field");
    assert_eq!(field("field=tilt_deg&every=5"), "every");
    assert_eq!(field("field=tilt_deg&from=2026-11-23T00:00:00Z&to=2026-11-22T00:00:00Z"), "from");
    assert_eq!(field("field=tilt_deg&from=2020-11-23T00:00:00Z"), "from");
    assert_eq!(field("field=tilt_deg&from=2026-01-01T00:00:00Z&every=1s"), "every");
    client.get("/api/v1/devices/nothing/series?field=tilt_deg").expect(404);
}
