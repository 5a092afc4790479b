//! Promise: staff see a tipped cover in their browser without touching it, read why, take it over, and read it in
//! Chinese and in the bureau's time, wherever the browser thinks it is.
//!
//! The browser is a real one, driven by `tests/browser/console.mjs`.

use gengfu_ingest::{Clock, SystemClock};
use gengfu_model::Kind;
use serde_json::{Value, json};

use crate::browser::{browse, must_tell, text, went_well};
use crate::harness::{Device311, TestGateway, wait_for};

const SCRIPT: &str = "console.mjs";
/// From the gateway's PUBACK to the row in the page. Generous: the figure is printed, and only a hang is a failure.
const ARRIVAL_DEADLINE_MS: i64 = 10_000;

/// Two calm hours in the past, so that the plot has a line.
fn publish_calm_hours(device: &mut Device311) {
    let now = SystemClock.now().as_millis();
    for step in (1..=12_i64).rev() {
        let ts = now - step * 600_000;
        device.publish(&json!({ "ts": ts, "tilt_deg": 1.0 + (step % 3) as f64 }).to_string());
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "how long it took is for reading, not for judging")]
fn a_tipped_cover_comes_to_the_duty_officer() {
    let gateway = TestGateway::start();
    gateway.add_device("cover-before", Kind::Manhole);
    gateway.add_device_with("cover-tips", Kind::Manhole, |device| device.name = "人民路3号雨水井盖".into());
    gateway.mqtt("cover-before").publish(r#"{"tilt_deg":41.0}"#);
    let mut cover = gateway.mqtt("cover-tips");
    publish_calm_hours(&mut cover);
    let api = gateway.login("duty");
    wait_for("the first case", || api.list("/api/v1/cases").into_iter().next());

    let base = gateway.anonymous().base().to_owned();
    let saw = browse(SCRIPT, &base, None, |wish| {
        assert_eq!(wish, "tip");
        cover.publish(r#"{"tilt_deg":38.0}"#);
        json!({ "puback_ms": SystemClock.now().as_millis() })
    });
    went_well(&saw, &base);

    assert_eq!(text(&saw, "/entering/refusal"), "账号或密码不对");
    assert_eq!(text(&saw, "/entering/lang"), "zh-CN", "Chinese unless somebody switches");
    must_tell(
        &saw["entering"].to_string(),
        &["工作", "告警", "设备", "规则", "新案件", "超期", "解放路12号雨水井盖", "剩"],
    );

    let arrival = saw["arriving"]["after_puback_ms"].as_i64().unwrap();
    println!("from PUBACK to the row in the page: {arrival} ms");
    assert!(arrival < ARRIVAL_DEADLINE_MS, "{arrival} ms");
    assert_eq!(saw["arriving"]["without_reload"], true);

    judge_the_card(&gateway, &saw);
    must_tell(text(&saw, "/acknowledging/facts"), &["duty"]);
    must_tell(&saw["acknowledging"]["mine"].to_string(), &["人民路3号雨水井盖"]);

    let inked = saw["plotting"]["inked"].as_u64().unwrap();
    assert!(inked > 200, "the plot has a line of {inked} pixels");
    must_tell(text(&saw, "/plotting/values"), &["倾角", "38°"]);

    assert_eq!(text(&saw, "/switching/lang"), "en");
    must_tell(&saw["switching"].to_string(), &["Work", "Incidents", "Devices", "Overdue"]);

    must_tell(&saw["explaining"]["buttons"].to_string(), &["接手", "备注"]);
    must_tell(&saw["device_buttons"].to_string(), &["转检修"]);
    assert_eq!(saw["looking"]["buttons"], json!([]), "an evaluator only looks");
    assert_eq!(saw["looking"]["device_buttons"], json!([]));
}

/// The card tells rule, version, line and reading as the API has them, and the time as the bureau's clocks show it.
fn judge_the_card(gateway: &TestGateway, saw: &Value) {
    let api = gateway.login("duty");
    let incident = api.list("/api/v1/incidents?device=cover-tips").into_iter().next().unwrap();
    let (status, explanation) = api.get(&format!("/api/v1/incidents/{}/explanation", text(&incident, "/id")));
    assert_eq!(status, 200, "{explanation}");
    let change = &explanation["changes"][0];
    let version = text(&explanation, "/rule_version");
    let line = change["line"].as_u64().unwrap();
    let rule = text(saw, "/explaining/rule");
    must_tell(rule, &[text(&explanation, "/rule"), &version[..12], &format!("第 {line} 行")]);
    must_tell(text(saw, "/explaining/source"), &["lean > param.open_deg"]);
    must_tell(
        text(saw, "/explaining/shown"),
        &["38°", "紧急", "市政处", "盐湖区", "无人接手", "依据的数值", "井盖移位或打开 · 紧急"],
    );
    must_tell(text(saw, "/explaining/steps"), &["倾角", "38°"]);

    let opened: chrono::DateTime<chrono::Utc> = text(&incident, "/opened").parse().unwrap();
    let clock = opened.with_timezone(&chrono_tz::Asia::Shanghai).format("%H:%M:%S").to_string();
    must_tell(text(saw, "/explaining/shown"), &[&clock]);
}

#[test]
fn a_missing_browser_is_told_by_its_package() {
    let saw = browse(SCRIPT, "http://127.0.0.1:1", Some("/nowhere/chromium"), |_| Value::Null);
    must_tell(text(&saw, "/missing"), &["the package chromium", "tests/setup.sh"]);
}
