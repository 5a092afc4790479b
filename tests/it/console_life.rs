//! Promise: one whole life of a case can be lived on the console, each step by whoever may take it, with the calls that
//! wait, the suspension, the rework, the verdict on the alarm by one tap, and the receipt of what was sent.

use gengfu_model::Kind;
use gengfu_model::staff::Role;
use serde_json::{Value, json};

use crate::browser::{browse, must_tell, text, went_well};
use crate::harness::{TestGateway, wait_for};

/// An account for each role of the workflow.
const STAFF: [(&str, Role); 6] = [
    ("acceptor", Role::Acceptor),
    ("officer", Role::DutyOfficer),
    ("dispatcher", Role::Dispatcher),
    ("handler", Role::Handler),
    ("verifier", Role::Verifier),
    ("leader", Role::ShiftLeader),
];

/// The officer and the leader watch at any hour.
pub(crate) fn put_roster(gateway: &TestGateway) {
    let turns = |who: &str| json!({ "people": [who] });
    let shift = json!({ "name": "全天", "from": "00:00", "to": "00:00", "officers": turns("officer"), "leaders": turns("leader") });
    let roster = json!({ "roster": { "district": "盐湖区", "shifts": [shift] } });
    let (status, answer) = gateway.login("admin").post("/api/v1/duty/rosters", &roster);
    assert_eq!(status, 200, "{answer}");
}

pub(crate) fn put_staff(gateway: &TestGateway) {
    for (name, role) in STAFF {
        gateway.put_user(name, vec![role]);
    }
}

#[test]
fn a_whole_life_of_a_case_is_lived_on_the_console() {
    let gateway = TestGateway::start();
    put_staff(&gateway);
    put_roster(&gateway);
    gateway.add_device_with("cover-1", Kind::Manhole, |cover| {
        cover.name = "人民路3号雨水井盖".into();
        cover.asset_type = "01-03".into();
    });
    let mut cover = gateway.mqtt("cover-1");
    cover.publish(r#"{"tilt_deg":50}"#);
    let api = gateway.login("leader");
    let case = wait_for("the case", || api.list("/api/v1/cases").into_iter().next());
    let base = gateway.anonymous().base().to_owned();
    let saw = browse("life.mjs", &base, None, |wish| {
        assert_eq!(wish, "calm");
        cover.publish(r#"{"tilt_deg":0.5}"#);
        Value::Null
    });
    went_well(&saw, &base);

    must_tell(text(&saw, "/title"), &["井盖移位或打开"]);
    must_tell(text(&saw, "/calls_before"), &["后呼叫 officer", "已通知 officer"]);
    must_tell(text(&saw, "/calls_after"), &["officer 须在", "否则退回并重新呼叫"]);
    let buttons = saw["officer_buttons"].to_string();
    assert!(!buttons.contains("立案") && !buttons.contains("接手"), "only what may be done: {buttons}");
    assert!(text(&saw, "/verifier_tab").starts_with("待我办"), "a verifier begins with what waits for a check");
    must_tell(text(&saw, "/suspended"), &["等井盖到货"]);
    must_tell(text(&saw, "/verifying"), &["传感器核查中"]);
    must_tell(text(&saw, "/files"), &["处置后", "复位后.png", "handler"]);
    assert_eq!(saw["picture"], 1, "the verifier's browser shows the handler's photo");
    must_tell(
        text(&saw, "/timeline"),
        &[
            "送核实",
            "立案",
            "派遣",
            "不属我处",
            "回退",
            "接收",
            "挂账",
            "恢复计时",
            "督办",
            "仍有缝隙",
            "返工",
            "核查通过",
            "属实",
        ],
    );
    must_tell(text(&saw, "/facts"), &["排水管理处", "返工 1 次", "回退 1 次"]);
    must_tell(text(&saw, "/notice"), &["告警", "井盖移位或打开"]);
    must_tell(text(&saw, "/deliveries"), &["控制台", "已发"]);
    must_tell(text(&saw, "/decisions"), &["已通知", "officer"]);
    must_tell(text(&saw, "/where"), &["#/decisions?case="]);

    let (_, case) = api.get(&format!("/api/v1/cases/{}", text(&case, "/id")));
    assert_eq!((&case["state"], &case["feedback"]), (&json!("closed"), &json!("real")));
    assert_eq!((&case["returns"], &case["reworks"], &case["supervised"]), (&json!(1), &json!(1), &json!(true)));
}
