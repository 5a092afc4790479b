//! Promise: on the console leaders make rosters and chains, officers keep their contact and hand over, and who comes reads
//! it; what people were sent is seen by them and their leaders.

use gengfu_model::Kind;
use gengfu_model::staff::Role;
use serde_json::{Value, json};

use crate::browser::{browse, must_tell, text, went_well};
use crate::console_life::put_staff;
use crate::harness::{TestGateway, wait_for};

#[test]
fn a_shift_is_planned_kept_and_handed_over_on_the_console() {
    let gateway = TestGateway::start();
    put_staff(&gateway);
    gateway.put_user("relief", vec![Role::DutyOfficer]);
    gateway.add_device_with("cover-1", Kind::Manhole, |cover| cover.name = "人民路3号雨水井盖".into());
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":50}"#);
    let api = gateway.login("leader");
    wait_for("the case", || api.list("/api/v1/cases").into_iter().next());
    let base = gateway.anonymous().base().to_owned();
    let saw = browse("duty.mjs", &base, None, |_| Value::Null);
    went_well(&saw, &base);

    must_tell(text(&saw, "/rostering/fault"), &["每个班次至少要有一名值班员"]);
    must_tell(
        text(&saw, "/rostering/made"),
        &["盐湖区", "当前值班", "officer", "值班长 leader", "未结 1 件", "近日排班"],
    );
    let (_, rosters) = api.get("/api/v1/duty/rosters");
    let officers = &rosters["items"][0]["shifts"][0]["officers"];
    assert_eq!(
        *officers,
        json!({ "people": ["officer", "relief"], "since": text(&saw, "/rostering/today"), "days": 7 })
    );

    must_tell(&saw["chaining"]["usual"].to_string(), &["立即 值班员", "每 15 分再呼", "接手后 30 分未推进即退回"]);
    let (_, chains) = api.get("/api/v1/duty/escalation");
    assert_eq!(
        (&chains["usual"], &chains["chains"][0]["steps"][3]["after_min"]),
        (&json!(false), &json!(3)),
        "{chains}"
    );

    must_tell(text(&saw, "/strip"), &["值班", "盐湖区"]);
    assert_eq!(text(&saw, "/reached/from"), "21:30");
    let (_, contact) = gateway.login("officer").get("/api/v1/users/officer/contact");
    assert_eq!(
        (&contact["contact"]["language"], &contact["contact"]["quiet"][0]["below"]),
        (&json!("en"), &json!("major"))
    );

    must_tell(text(&saw, "/handing/note"), &["夜里注意来电", "盯住，21 点前要到现场", "人民路3号雨水井盖"]);
    must_tell(text(&saw, "/news"), &["上一班的交接", "夜里注意来电"]);
    assert_eq!(saw["news_again"], 0, "what was seen is not shown again");
    assert_eq!(saw["officer_buttons"], json!(["交接班"]));
    must_tell(&saw["of_officer"].to_string(), &["测试"]);
}
