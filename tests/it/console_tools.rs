//! Promise: what is used now and then works on the console as well: the register as a file, the city's places and profile
//! read and replaced, the two sheets of a day, a backtest cancelled, and the sound of a call for those who want it.

use gengfu_model::Kind;
use serde_json::{Value, json};

use crate::browser::{browse, must_tell, text, went_well};
use crate::harness::{TestGateway, wait_for};
use crate::versions::begin_slow_backtest;

/// A square of some 1.1 by 0.9 km, and a road with a limit.
const PLACES: &str = r#"{"type":"FeatureCollection","features":[
 {"type":"Feature","properties":{"name":"东停车场","kind":"depot"},"geometry":{"type":"Polygon",
  "coordinates":[[[111.00,35.00],[111.01,35.00],[111.01,35.01],[111.00,35.01],[111.00,35.00]]]}},
 {"type":"Feature","properties":{"name":"红旗街","kind":"road","speed_limit_kmh":40},"geometry":{"type":"LineString",
  "coordinates":[[111.00,35.02],[111.05,35.02]]}}]}"#;

#[test]
fn what_is_used_now_and_then_works_on_the_console() {
    let gateway = TestGateway::start();
    for n in 1..4 {
        gateway.add_device(&format!("cover-{n}"), Kind::Manhole);
    }
    let mut cover = gateway.mqtt("cover-1");
    for n in 0..100 {
        cover.publish(&json!({ "tilt_deg": 1.0 + f64::from(n) / 50.0 }).to_string());
    }
    cover.publish("{no json");
    let api = gateway.login("admin");
    wait_for("the quarantine", || api.list("/api/v1/quarantine").into_iter().next());
    let header = "id,kind,model,asset_code,name,latitude,longitude,district,grid,feeder,cabinet,catchment,carrier_cell,\
                  department,asset_type,interval_s,token,attributes";
    let row = |id: &str, kind: &str| {
        format!(
            "{id},{kind},,1408020103000777,七号井盖,35.0,111.0,盐湖区,140802001001101,,,,,排水管理处,01-03,3600,a-token-of-{id},"
        )
    };
    let register = format!("{header}\n{}\n{}\n", row("cover-7", "manhole"), row("cover-8", "man"));
    let shipped = gengfu_cases::profile::YUNCHENG;
    let files = json!({
        "register": register,
        "places": { "bad": PLACES.replace("\"kind\":\"depot\"", "\"sort\":\"depot\""), "good": PLACES },
        "profile": {
            "bad": shipped.replacen("outlast = \"15m\"", "outlast = \"soon\"", 1),
            "good": shipped.replacen("outlast = \"15m\"", "outlast = \"20m\"", 1),
        },
    });
    let base = gateway.anonymous().base().to_owned();
    let mut alarms = 0;
    let saw = browse("tools.mjs", &base, None, |wish| match wish {
        "files" => files.clone(),
        "backtest" => json!(begin_slow_backtest(&api)),
        "alarm" => {
            alarms += 1;
            gateway.mqtt(&format!("cover-{}", 1 + alarms)).publish(r#"{"tilt_deg":60}"#);
            wait_for("the case", || (api.list("/api/v1/cases").len() == alarms).then_some(Value::Null))
        }
        other => panic!("the script wants {other}"),
    });
    went_well(&saw, &base);

    must_tell(text(&saw, "/register/looked"), &["可登记 1 行，1 行有误", "kind", "man"]);
    must_tell(text(&saw, "/register/row"), &["cover-7", "七号井盖", "盐湖区"]);
    assert!(api.get("/api/v1/devices/cover-8").0 == 404, "a bad row is not taken");

    must_tell(text(&saw, "/places/before"), &["还没有地点"]);
    must_tell(text(&saw, "/places/refused"), &["1 处错误", "东停车场", "kind"]);
    assert_eq!(saw["places"]["closed"], true, "what is wrong cannot be put to work");
    let rows = saw["places"]["rows"].to_string();
    must_tell(&rows, &["东停车场", "depot", "区域", "1.01 km²", "红旗街", "线路", "4.5 km", "40"]);
    must_tell(text(&saw, "/places/by"), &["2 个地点", "admin"]);
    // The file was in GCJ-02, so that what is kept lies half a kilometre beside its numbers.
    let (_, kept) = api.get("/api/v1/places?name=depot");
    let corner = kept["features"][0]["geometry"]["coordinates"][0][0][0].as_f64().unwrap();
    assert!((0.003..0.01).contains(&(111.0 - corner)), "{kept}");

    must_tell(
        text(&saw, "/profile/shown"),
        &["yuncheng", "排水分区", "内涝", "供电线路", "10 分钟", "部件 · 公用设施"],
    );
    must_tell(&saw["profile"]["found"].to_string(), &["01-37", "2 工作日"]);
    assert_eq!(text(&saw, "/profile/exported"), shipped, "the file is what is at work");
    must_tell(text(&saw, "/profile/refused"), &["incident.outlast", "soon"]);
    assert!(api.get("/api/v1/profile").1["text"].as_str().unwrap().contains("outlast = \"20m\""));

    must_tell(text(&saw, "/sheets/all"), &["账平", "已入日志", "101", "隔离", "cover-1"]);
    must_tell(text(&saw, "/sheets/bins"), &["0 台设备上报"]);
    let (_, day) = api.get("/api/v1/sheets");
    assert_eq!((&day["messages"]["quarantined"], &day["messages"]["difference"]), (&json!(1), &json!(0)), "{day}");
    assert_eq!(api.get("/api/v1/sheets?day=2026-13-01").0, 422);

    must_tell(text(&saw, "/cancelling/card"), &["已取消"]);
    must_tell(&saw["cancelling"]["listed"].to_string(), &["已取消"]);

    assert_eq!(saw["listening"]["silent"], json!([]), "nobody is startled who did not ask for it");
    assert_eq!(saw["listening"]["on"], json!([660, 880]), "switching it on lets it be heard");
    let called = saw["listening"]["called"].as_array().unwrap();
    assert_eq!(called.iter().filter(|tone| **tone == json!(740)).count(), 3, "a call is three pairs: {called:?}");
    assert_eq!(saw["listening"]["after"], 0, "switched off, it stays silent after the page is loaded again");
}
