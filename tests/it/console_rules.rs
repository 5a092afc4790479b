//! Promise: the life of a rule version can be lived on the console: paused with a reason, asked why it does not fire, drafted,
//! checked, tested, tried over the archive, put into the shadow, published against red tests only by force, rolled back.

use gengfu_model::Kind;
use gengfu_model::staff::Role;
use serde_json::{Value, json};

use crate::browser::{browse, must_tell, text, went_well};
use crate::harness::{TestGateway, wait_for};

#[test]
fn a_rule_version_lives_its_life_on_the_console() {
    let gateway = TestGateway::start();
    gateway.put_user("engineer", vec![Role::Engineer]);
    gateway.add_device("cover-1", Kind::Manhole);
    let mut cover = gateway.mqtt("cover-1");
    for tilt in ["1.5", "40", "2.0"] {
        cover.publish(&json!({ "tilt_deg": tilt.parse::<f64>().unwrap() }).to_string());
    }
    let api = gateway.login("engineer");
    wait_for("the incident", || api.list("/api/v1/incidents").into_iter().find(|row| row["state"] == "cleared"));
    let first = api.get("/api/v1/rules").1["pack"]["version"].clone();
    let base = gateway.anonymous().base().to_owned();
    let saw = browse("rules.mjs", &base, None, |_| Value::Null);
    went_well(&saw, &base);

    must_tell(text(&saw, "/pausing/kept"), &["没有判定", "夜间误报太多"]);
    must_tell(text(&saw, "/pausing/steps"), &["param.open_deg", "不成立"]);

    must_tell(
        text(&saw, "/tuning/shown"),
        &["60°", "区域 盐湖区", "1 台设备", "cover-1", "来自 区域 盐湖区", "15° – 90°"],
    );
    let after = text(&saw, "/tuning/after");
    assert!(after.contains("cover-1: 30°") && after.contains("来自 规则默认"), "the rule's own counts again: {after}");
    must_tell(text(&saw, "/costs"), &["manhole-tilt", "井盖"]);

    must_tell(text(&saw, "/drafting/mistake"), &["tilt_dge", "tilt_deg", "^"]);
    assert_eq!(saw["drafting"]["marked"].as_array().map(Vec::len), Some(1), "the line is marked in the editor");
    must_tell(text(&saw, "/drafting/red"), &["未通过", "test_wide_open_counts_at_once_and_takes_over", "覆盖"]);
    must_tell(&saw["drafting"]["diff"].to_string(), &["default: 30.0", "default: 50.0"]);
    assert_eq!(text(&saw, "/drafting/kept"), "1", "the draft outlasts the page");

    // The live rules saw 40 degrees as open at once; above 50 it only leans, and not for long enough.
    must_tell(
        text(&saw, "/trying/report"),
        &["消失", "参数扫描 manhole-tilt.open_deg", "按规则", "变化举例", "开销", "相同的规则只判定一次", "盐湖区"],
    );
    must_tell(&saw["trying"]["listed"].to_string(), &["告警 1 → 0", "消失 1"]);
    must_tell(text(&saw, "/shadowing/shown"), &["先看一晚", "影子", "运行中"]);
    assert!(api.list("/api/v1/rules/trials").iter().any(|trial| trial["sort"] == "shadow"), "its report is kept");

    must_tell(text(&saw, "/publishing/refused"), &["发布被拦下", "tests fail", "test_wide_open"]);
    assert!(!text(&saw, "/publishing/after").is_empty(), "the draft's own backtest is chosen by itself");
    must_tell(text(&saw, "/going_back/shown"), &["开启角度放宽到 50 度", "tests fail", "default: 50.0", "强制发布"]);
    must_tell(&saw["going_back"]["rows"].to_string(), &["漏报"]);
    let (_, rules) = api.get("/api/v1/rules");
    assert_eq!(rules["pack"]["version"], first, "the first version is live again");
    assert_eq!(rules["packs"].as_array().map(Vec::len), Some(3));
    let buttons = saw["officer"].to_string();
    for word in ["暂停规则", "改一份草稿", "运行测试"] {
        assert!(!buttons.contains(word), "{word}: {buttons}");
    }
}
