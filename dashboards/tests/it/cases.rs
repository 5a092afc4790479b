//! Cases and their steps, judged by the real reducer.

use gengfu_model::{Kind, Severity};
use serde_json::{Value, json};

use crate::seed::{Raise, clear, device, raise, tilt_evidence};
use crate::server::{Client, TestServer};

pub(crate) fn with_cases(count: usize) -> TestServer {
    let server = TestServer::start();
    for n in 1..=count {
        let id = format!("cover-{n}");
        server.gateway.put_device(device(&id, Kind::Manhole, &format!("{n}号井盖"), "east"), None);
        server.gateway.signal(
            &id,
            raise(Raise {
                rule: "manhole_tilt",
                severity: Severity::Critical,
                condition: "cover_displaced",
                value: 38.0,
                text_zh: "井盖倾斜 38°",
                text_en: "cover tilted 38°",
                evidence: tilt_evidence(server.gateway.time(), 38.0),
            }),
        );
    }
    server
}

fn cases(client: &Client<'_>, query: &str) -> Vec<Value> {
    client.get(&format!("/api/v1/cases?{query}")).expect(200).json()["items"].as_array().unwrap().clone()
}

pub(crate) fn only_case(client: &Client<'_>) -> String {
    let cases = cases(client, "");
    assert_eq!(cases.len(), 1);
    cases[0]["id"].as_str().unwrap().to_owned()
}

fn actions(client: &Client<'_>, id: &str) -> Vec<String> {
    let body = client.get(&format!("/api/v1/cases/{id}")).expect(200).json();
    let actions = body["actions"].as_array().unwrap();
    actions.iter().map(|action| action["step"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_case_says_what_where_whose_and_until_when() {
    let server = with_cases(1);
    let client = server.login("duty_officer");
    let id = only_case(&client);
    let case = client.get(&format!("/api/v1/cases/{id}")).expect(200).json();
    assert_eq!((case["state"].as_str(), case["stage"].as_str()), (Some("reported"), Some("report")), "{case}");
    assert_eq!((case["asset_name"].as_str(), case["district"].as_str()), (Some("1号井盖"), Some("east")));
    assert_eq!(case["deadline"]["limit"], "urgent_hour");
    assert_eq!(case["deadline"]["due"], "2026-11-23T03:00:00.000Z");
    assert_eq!(case["condition_holds"], true);
    assert_eq!(case["history"][0]["action"], "opened");
    assert_eq!(case["final"], false);
    assert_eq!(case["incidents"].as_array().unwrap().len(), 1);
}

#[test]
fn the_whole_life_of_a_case_goes_over_the_api() {
    let server = with_cases(1);
    let id = only_case(&server.login("duty_officer"));
    let step = |user: &str, step: &str, body: Value| {
        server.login(user).post(&format!("/api/v1/cases/{id}/{step}"), &body).expect(200);
    };
    step("duty_officer", "acknowledge", json!({}));
    step("duty_officer", "assign", json!({ "to": "handler" }));
    step("duty_officer", "verify", json!({}));
    step("verifier", "file", json!({}));
    step("dispatcher", "dispatch", json!({ "department": "市政处" }));
    step("handler", "receive", json!({}));
    step("shift_leader", "suspend", json!({ "note": "等配件" }));
    step("shift_leader", "resume", json!({}));
    step("handler", "handle", json!({ "note": "已复位" }));
    step("verifier", "rework", json!({ "note": "仍有缝隙" }));
    step("handler", "handle", json!({}));
    step("verifier", "check", json!({}));
    server.gateway.signal("cover-1", clear("manhole_tilt", server.gateway.time()));
    step("shift_leader", "supervise", json!({}));
    step("acceptor", "comment", json!({ "note": "现场照片已存" }));
    step("acceptor", "close", json!({ "feedback": "real" }));
    let case = server.login("acceptor").get(&format!("/api/v1/cases/{id}")).expect(200).json();
    assert_eq!((case["state"].as_str(), case["feedback"].as_str()), (Some("closed"), Some("real")));
    assert_eq!((case["assignee"].as_str(), case["acknowledged_by"].as_str()), (Some("handler"), Some("duty_officer")));
    assert_eq!((case["actions"].clone(), case["final"].as_bool()), (json!([]), Some(true)));
    let history: Vec<&str> =
        case["history"].as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert!(history.contains(&"rework") && history.contains(&"suspend"), "{history:?}");
    // A final case is still there to look at; a step on it is a matter of state.
    let reply = server.login("acceptor").post(&format!("/api/v1/cases/{id}/comment"), &json!({ "note": "x" }));
    assert_eq!(reply.expect(409).code(), "wrong_state");
}

#[test]
fn the_other_steps_reach_the_engine_as_well() {
    let server = with_cases(6);
    let leader = server.login("shift_leader");
    let ids: Vec<String> = cases(&leader, "").iter().map(|case| case["id"].as_str().unwrap().to_owned()).collect();
    let step = |user: &str, case: &str, step: &str, body: Value| {
        server.login(user).post(&format!("/api/v1/cases/{case}/{step}"), &body).expect(200);
    };
    step("shift_leader", &ids[0], "force_close", json!({ "note": "误报" }));
    step("shift_leader", &ids[1], "cancel", json!({ "note": "误报" }));
    step("shift_leader", &ids[2], "merge", json!({ "into": ids[3] }));
    step("acceptor", &ids[5], "reject", json!({ "note": "施工中" }));
    step("acceptor", &ids[4], "file", json!({}));
    step("dispatcher", &ids[4], "dispatch", json!({}));
    step("handler", &ids[4], "return", json!({ "note": "不属本处" }));
    let state = |id: &str| leader.get(&format!("/api/v1/cases/{id}")).expect(200).json()["state"].clone();
    assert_eq!(state(&ids[0]), "force_closed");
    assert_eq!(state(&ids[1]), "cancelled");
    assert_eq!(state(&ids[2]), "merged");
    assert_eq!(state(&ids[4]), "returned");
    assert_eq!(state(&ids[5]), "rejected");
    assert_eq!(cases(&leader, "open=true").len(), 2);
    assert_eq!(cases(&leader, "open=false").len(), 4);
    assert_eq!(cases(&leader, "state=returned").len(), 1);
}

#[test]
fn what_may_be_done_depends_on_role_and_state() {
    let server = with_cases(1);
    let id = only_case(&server.login("duty_officer"));
    assert_eq!(actions(&server.login("dispatcher"), &id), ["acknowledge", "assign", "comment", "attach", "merge"]);
    assert_eq!(actions(&server.login("handler"), &id), ["acknowledge", "comment", "attach"]);
    assert_eq!(actions(&server.login("engineer"), &id), Vec::<String>::new());
    server.login("acceptor").post(&format!("/api/v1/cases/{id}/file"), &json!({})).expect(200);
    assert!(actions(&server.login("dispatcher"), &id).contains(&"dispatch".to_owned()));
    server.login("dispatcher").post(&format!("/api/v1/cases/{id}/dispatch"), &json!({})).expect(200);
    assert_eq!(actions(&server.login("handler"), &id), ["acknowledge", "receive", "return", "comment", "attach"]);
}

#[test]
fn refusals_say_what_is_wrong_with_a_fitting_status() {
    let server = with_cases(1);
    let id = only_case(&server.login("duty_officer"));
    let post =
        |user: &str, step: &str, body: Value| server.login(user).post(&format!("/api/v1/cases/{id}/{step}"), &body);
    assert_eq!(post("engineer", "acknowledge", json!({})).expect(403).code(), "forbidden");
    assert_eq!(post("verifier", "check", json!({})).expect(409).code(), "wrong_state");
    let reply = post("shift_leader", "force_close", json!({})).expect(422);
    assert_eq!((reply.code().as_str(), reply.json()["error"]["field"].as_str()), ("invalid", Some("note")));
    assert_eq!(post("duty_officer", "assign", json!({})).expect(422).json()["error"]["field"], "to");
    assert_eq!(post("duty_officer", "acknowledge", json!({ "to": "x" })).expect(422).json()["error"]["field"], "to");
    assert_eq!(post("duty_officer", "acknowledge", json!({ "speed": 1 })).expect(422).code(), "invalid");
    let long = "长".repeat(1_000);
    assert_eq!(post("duty_officer", "comment", json!({ "note": long })).expect(422).json()["error"]["field"], "note");
    assert_eq!(post("duty_officer", "dance", json!({})).expect(404).code(), "not_found");
    assert_eq!(post("acceptor", "merge", json!({ "into": "999-0" })).expect(404).code(), "not_found");
    let client = server.login("duty_officer");
    client.post("/api/v1/cases/999-0/acknowledge", &json!({})).expect(404);
    client.get("/api/v1/cases/999-0").expect(404);
}

#[test]
fn every_request_carries_the_sessions_user_and_roles_and_is_in_the_audit() {
    let server = with_cases(1);
    let id = only_case(&server.login("duty_officer"));
    server.login("handler").post(&format!("/api/v1/cases/{id}/acknowledge"), &json!({})).expect(200);
    server.login("handler").post(&format!("/api/v1/cases/{id}/check"), &json!({})).expect(403);
    let request = server.gateway.requests.lock().unwrap()[0].clone();
    assert_eq!((&*request.user, request.roles.as_slice()), ("handler", [gengfu_model::Role::Handler].as_slice()));
    server.login("handler").get("/api/v1/audit").expect(403);
    let audit = server.login("evaluator").get("/api/v1/audit?limit=1").expect(200).json();
    assert_eq!(
        (audit["items"][0]["user"].as_str(), audit["items"][0]["action"].as_str()),
        (Some("handler"), Some("check"))
    );
    assert!(audit["items"][0]["verdict"].as_str().unwrap().starts_with("forbidden"));
    let cursor = audit["cursor"].as_str().unwrap();
    let next = server.login("evaluator").get(&format!("/api/v1/audit?limit=1&cursor={cursor}")).expect(200).json();
    assert_eq!(next["items"][0]["verdict"], "accepted");
}

#[test]
fn overdue_cases_are_found() {
    let server = with_cases(1);
    let client = server.login("duty_officer");
    assert_eq!(cases(&client, "overdue=true").len(), 0);
    server.gateway.set_time(server.gateway.time().plus_ms(3 * 3_600_000));
    assert_eq!(cases(&client, "overdue=true").len(), 1);
    assert_eq!(client.get("/api/v1/overview").expect(200).json()["overdue_cases"], 1);
}
