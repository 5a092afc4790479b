//! The evaluation of a period, and the city profile, over the API.

use serde_json::{Value, json};

use crate::cases::{only_case, with_cases};
use crate::seed::clear;

/// A server with two cases: one seen through to its closing with one rework, one that nobody touched.
fn evaluated() -> crate::server::TestServer {
    let server = with_cases(1);
    let id = only_case(&server.login("duty_officer"));
    let step = |user: &str, step: &str, body: Value| {
        server.login(user).post(&format!("/api/v1/cases/{id}/{step}"), &body).expect(200);
    };
    step("duty_officer", "acknowledge", json!({}));
    step("acceptor", "file", json!({}));
    step("dispatcher", "dispatch", json!({ "department": "市政处" }));
    step("handler", "receive", json!({}));
    step("handler", "handle", json!({}));
    step("verifier", "rework", json!({ "note": "仍有缝隙" }));
    step("handler", "handle", json!({}));
    step("verifier", "check", json!({}));
    server.gateway.signal("cover-1", clear("manhole_tilt", server.gateway.time()));
    step("acceptor", "close", json!({ "feedback": "nuisance" }));
    let report = json!({
        "source": "public", "class": "01-37", "standard": "01-37.3", "asset": "L-1", "text": "路灯不亮",
        "district": "east", "department": "路灯管理所"
    });
    server.login("acceptor").post("/api/v1/cases", &report).expect(200);
    server
}

fn period() -> &'static str {
    "from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z"
}

#[test]
fn departments_are_told_apart_with_shares_and_times() {
    let server = evaluated();
    let path = format!("/api/v1/evaluation?by=department&{}", period());
    let answer = server.login("evaluator").get(&path).expect(200).json();
    let items = answer["items"].as_array().unwrap();
    let keys: Vec<&str> = items.iter().map(|row| row["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["市政处", "路灯管理所"]);
    let done = &items[0];
    assert_eq!(
        (&done["cases"], &done["closed"], &done["on_time"], &done["rework"]),
        (&json!(1), &json!(1), &json!(1), &json!(1))
    );
    assert_eq!(
        (&done["nuisance"], &done["false_share"], &done["on_time_share"]),
        (&json!(1), &json!(1.0), &json!(1.0))
    );
    assert_eq!(done["alarms"], 1);
    assert!(done["acknowledge_median_s"].is_number() && done["close_p90_s"].is_number(), "{done}");
    let open = &items[1];
    assert_eq!(
        (&open["open"], &open["on_time_share"], &open["close_median_s"]),
        (&json!(1), &Value::Null, &Value::Null)
    );
}

#[test]
fn rules_and_districts_count_every_alarm() {
    let server = evaluated();
    let login = server.login("evaluator");
    let rules = login.get(&format!("/api/v1/evaluation?by=rule&{}", period())).expect(200).json();
    assert_eq!((&rules["items"][0]["key"], &rules["items"][0]["alarms"]), (&json!("manhole_tilt"), &json!(1)));
    assert_eq!(rules["items"].as_array().unwrap().len(), 1, "a report of the public is no rule's: {rules}");
    let districts = login.get(&format!("/api/v1/evaluation?by=district&{}", period())).expect(200).json();
    assert_eq!((&districts["items"][0]["key"], &districts["items"][0]["cases"]), (&json!("east"), &json!(2)));
    let classes = login.get(&format!("/api/v1/evaluation?by=class&{}", period())).expect(200).json();
    assert!(classes["items"].as_array().unwrap().iter().any(|row| row["key"] == "01-37" && row["name"] == "路灯"));
    let empty = login.get("/api/v1/evaluation?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z").expect(200).json();
    assert_eq!(empty["items"], json!([]));
}

#[test]
fn the_evaluation_comes_as_csv_and_as_a_workbook() {
    let server = evaluated();
    let login = server.login("evaluator");
    let csv = login.get(&format!("/api/v1/evaluation?format=csv&{}", period())).expect(200);
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let mut lines = csv.text.lines();
    assert!(lines.next().unwrap().trim_start_matches('\u{feff}').starts_with("名称,案卷数,在办"), "{}", csv.text);
    assert!(lines.next().unwrap().starts_with("市政处,1,0,1,0,1,0,1.0000"), "{}", csv.text);
    let path = format!("/api/v1/evaluation?format=xlsx&lang=en&{}", period());
    let mut book = login.run("GET", &path, "");
    let bytes = book.body_mut().read_to_vec().unwrap();
    assert!(bytes.starts_with(b"PK") && bytes.len() > 1_000, "a workbook is a zip archive of {} bytes", bytes.len());
}

#[test]
fn a_wrong_question_is_refused_and_so_is_who_may_not_ask() {
    let server = with_cases(1);
    let login = server.login("evaluator");
    for (query, field) in [
        ("by=colour", "by"),
        ("format=pdf", "format"),
        ("from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z", "to"),
        ("from=2020-11-02T00:00:00Z&to=2026-11-01T00:00:00Z", "to"),
    ] {
        let answer = login.get(&format!("/api/v1/evaluation?{query}")).expect(422).json();
        assert_eq!(answer["error"]["field"], field, "{query}: {answer}");
    }
    server.login("handler").get("/api/v1/evaluation").expect(403);
}

#[test]
fn the_profile_at_work_is_shown_and_a_bad_one_is_told_its_mistakes() {
    let server = with_cases(1);
    let bad = json!({ "text": "name = \"x\"\n[case.clocks]\nfile = \"soon\"\n[[dispatch]]\ndepartment = \"\"\n" });
    let answer = server.login("administrator").post("/api/v1/profile/check", &bad).expect(200).json();
    assert_eq!(answer["ok"], false);
    let fields: Vec<&str> =
        answer["mistakes"].as_array().unwrap().iter().map(|mistake| mistake["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["case.clocks.file", "dispatch.department"]);
    let good = json!({ "text": gengfu_cases::profile::YUNCHENG });
    assert_eq!(server.login("administrator").post("/api/v1/profile/check", &good).expect(200).json()["ok"], true);
    server.login("handler").post("/api/v1/profile", &good).expect(403);
}
