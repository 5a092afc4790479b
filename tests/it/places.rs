//! Promise: the city's places come in as GeoJSON by whoever may put them, are judged by from the next message on, and
//! are there after a restart and in a replay.

use std::process::Command;

use gengfu_model::Kind;
use gengfu_model::staff::Role;
use serde_json::{Value, json};

use crate::harness::{TestGateway, wait_for};

/// A working area and a depot within it, in a coordinate system.
fn city(crs: &str, west: f64, south: f64) -> String {
    let (east, north) = (west + 0.02, south + 0.02);
    json!({
        "type": "FeatureCollection",
        "crs": crs,
        "features": [
            { "type": "Feature", "properties": { "name": "东区", "kind": "working_area" }, "geometry": { "type": "Polygon",
              "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]] } },
            { "type": "Feature", "properties": { "name": "车场", "kind": "depot", "radius_m": 80 },
              "geometry": { "type": "Point", "coordinates": [west + 0.001, south + 0.001] } },
        ],
    })
    .to_string()
}

const FENCE: &str = r#"
/// Truck out of its area.
const RULE = #{ kind: "truck", key: "out", severity: "minor", condition: "truck_out_of_area",
                text_zh: "驶出", text_en: "out" };
fn on_message(msg, dev) { incident(!inside("working_area", msg)); }
"#;

fn at(gateway: &TestGateway, longitude: f64, latitude: f64) {
    gateway.mqtt("truck-1").publish(&json!({ "longitude": longitude, "latitude": latitude, "fix": true }).to_string());
}

fn incidents(gateway: &TestGateway, state: &str) -> usize {
    gateway.login("duty").list(&format!("/api/v1/incidents?state={state}")).len()
}

#[test]
fn places_are_put_by_whoever_may_and_judged_by_from_then_on() {
    let mut gateway = TestGateway::start();
    gateway.put_user("engineer", vec![Role::Engineer]);
    gateway.add_device("truck-1", Kind::Truck);
    let files = [("fence.rhai".to_owned(), FENCE.to_owned())].into();
    gateway.act(gengfu_model::staff::Action::ActivatePack { files }).unwrap();

    let engineer = gateway.login("engineer");
    let (status, empty) = engineer.get("/api/v1/places");
    assert_eq!((status, &empty["features"]), (200, &json!([])), "{empty}");
    // No place of that kind: unknown, so nothing is said.
    at(&gateway, 112.0, 36.0);
    let (status, found) = engineer.post("/api/v1/rules/check", &json!({ "files": { "fence.rhai": FENCE } }));
    assert_eq!(status, 200);
    let warned = found["mistakes"][0]["message"].as_str().unwrap_or_default();
    assert!(warned.contains("no place of the name or kind `working_area`"), "{found}");

    let file = city("wgs84", 111.0, 35.0);
    let (status, refused) = gateway.login("duty").put_text("/api/v1/places", &file);
    assert_eq!(status, 403, "{refused}");
    let broken = file.replace("\"depot\"", "\"\"");
    let (status, refused) = engineer.put_text("/api/v1/places", &broken);
    assert_eq!((status, &refused["error"]["code"]), (422, &json!("invalid")), "{refused}");
    assert!(
        refused["error"]["message"].as_str().unwrap().contains("feature 2 `车场`: `kind` has 1 to 64"),
        "{refused}"
    );
    let (_, checked) =
        gateway.login("duty").post("/api/v1/places/check", &serde_json::from_str::<Value>(&broken).unwrap());
    assert_eq!((&checked["ok"], &checked["mistakes"][0]["feature"]), (&json!(false), &json!(2)), "{checked}");
    let (status, done) = engineer.put_text("/api/v1/places", &file);
    assert_eq!((status, &done["rows"]), (200, &json!(2)), "{done}");

    at(&gateway, 111.01, 35.01);
    assert_eq!(incidents(&gateway, "open"), 0);
    at(&gateway, 111.03, 35.01);
    wait_for("the incident", || (incidents(&gateway, "open") == 1).then_some(()));

    let (_, shown) = gateway.login("duty").get("/api/v1/places?name=depot&crs=gcj02");
    assert_eq!((&shown["by"], &shown["crs"]), (&json!("engineer"), &json!("gcj02")), "{shown}");
    let longitude = shown["features"][0]["geometry"]["coordinates"][0].as_f64().unwrap();
    assert!((0.003..0.01).contains(&(longitude - 111.001)), "shifted by some hundred metres: {longitude}");
    assert_eq!(gateway.login("duty").get("/api/v1/places?crs=utm").0, 422);
    let audit = gateway.login("admin").list("/api/v1/audit");
    assert_eq!((&audit[0]["action"], &audit[0]["subject"]), (&json!("put_places"), &json!("2 places")), "{audit:?}");

    // The same places from a Chinese map, and over a restart.
    let amap: Value = engineer.get("/api/v1/places?crs=gcj02").1;
    let (status, done) = engineer.put_text("/api/v1/places", &amap.to_string());
    assert_eq!(status, 200, "{done}");
    gateway.restart();
    let back = gateway.login("duty").get("/api/v1/places").1;
    let corner = back["features"][0]["geometry"]["coordinates"][0][0].clone();
    let [lon, lat] = [0, 1].map(|n| corner[n].as_f64().unwrap());
    assert!((lon - 111.0).abs() < 1e-7 && (lat - 35.0).abs() < 1e-7, "{corner}");
    at(&gateway, 111.01, 35.01);
    wait_for("the end", || (incidents(&gateway, "cleared") == 1).then_some(()));
}

#[test]
fn the_ledger_and_its_replay_have_the_same_places() {
    let mut gateway = TestGateway::start();
    gateway.add_device("truck-1", Kind::Truck);
    let files = [("fence.rhai".to_owned(), FENCE.to_owned())].into();
    gateway.act(gengfu_model::staff::Action::ActivatePack { files }).unwrap();
    for n in 0..6 {
        // The fence moves under the truck.
        let file = city("wgs84", 111.0 + f64::from(n % 2), 35.0);
        assert_eq!(gateway.login("admin").put_text("/api/v1/places", &file).0, 200);
        at(&gateway, 111.01, 35.01);
        if n == 3 {
            gateway.restart();
        }
        at(&gateway, 112.01, 35.01);
    }
    let (live, replayed) = gateway.dumps();
    assert_eq!(live.lines().filter(|line| line.contains(r#""table":"places""#)).count(), 6);
    assert!(live.lines().any(|line| line.contains(r#""table":"incident""#)), "{live}");
    assert!(live == replayed, "the ledger differs from its replay");
}

#[test]
fn the_command_line_checks_puts_and_shows() {
    let mut gateway = TestGateway::start();
    let folder = gateway.folder.path().to_owned();
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let config = file("gengfu.toml", &format!("[data]\nfolder = {:?}\n", gateway.config.data.folder));
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_gengfu")).args(arguments).output().unwrap();
        let told = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code(), told)
    };
    let good = file("good.geojson", &city("bd09", 111.0, 35.0));
    let bad = file("bad.geojson", &city("wgs84", 111.0, 35.0).replace("[111.0,35.0]", "[35.0,111.0]"));
    let (code, [_, told]) = run(&["places", "check", &good]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("2 places: 1 areas, 0 lines, 1 points"), "{told}");
    let (code, [_, told]) = run(&["places", "check", &bad]);
    assert_eq!(code, Some(64), "{told}");
    assert!(told.contains("feature 1 `东区`, ring 1: [35, 111] is not on earth"), "{told}");
    assert_eq!(run(&["places", "show", "--config", &config]).0, Some(1), "none were ever put");

    let (code, [_, told]) = run(&["places", "put", &good, "--config", &config]);
    assert_eq!(code, Some(0), "{told}");
    gateway.close();
    let (code, [shown, told]) = run(&["places", "show", "--crs", "bd09", "--config", &config]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("put by local: 2 places"), "{told}");
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let corner = shown["features"][0]["geometry"]["coordinates"][0][0][0].as_f64().unwrap();
    assert!((corner - 111.0).abs() < 1e-7, "{corner}");

    let named = |places: &str| file("named.toml", &format!("[city]\nplaces = {places:?}\n"));
    let (code, [_, told]) = run(&["check", "--config", &named("good.geojson")]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("no place of the name or kind `forbidden`"), "the shipped rules ask for it: {told}");
    let (code, [_, told]) = run(&["check", "--config", &named("bad.geojson")]);
    assert_eq!(code, Some(64), "{told}");
    assert!(told.contains("ring 1"), "{told}");
}
