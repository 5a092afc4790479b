//! Promise: every page of the console shows real data in both languages, and no text is missing in either; a connection that
//! is lost is said, and what happened meanwhile is there when it is back.

use gengfu_model::Kind;
use serde_json::{Value, json};

use crate::bad_input::http_post;
use crate::browser::{browse, must_tell, text, went_well};
use crate::console_life::{put_roster, put_staff};
use crate::harness::{TestGateway, wait_for};

/// Each page, and what is there once it is ready.
fn places(case: &str, incident: &str, version: &str) -> Vec<(String, &'static str)> {
    let places = [
        ("#/work", ".duty-strip"),
        (&format!("#/work/{case}"), ".card .timeline"),
        ("#/work/new", ".step-form"),
        ("#/incidents", ".grid tbody tr"),
        (&format!("#/incidents/{incident}"), ".card .why"),
        ("#/duty", ".plan"),
        ("#/duty/chains", ".chain"),
        ("#/duty/contact", ".step-form"),
        ("#/notices?user=officer", ".notice-row"),
        ("#/silences", ".list-head"),
        ("#/silences/new", ".step-form"),
        ("#/decisions", ".decided li"),
        ("#/devices", ".grid tbody tr"),
        ("#/devices/cover-1", ".card .facts"),
        ("#/rules", ".cases .case"),
        ("#/rules/manhole-tilt", ".source.whole"),
        ("#/draft/manhole-tilt.rhai", ".editor"),
        ("#/trials", ".list-head"),
        ("#/trials/new", ".trial-form"),
        ("#/shadow", ".sheet .bar"),
        (&format!("#/versions/{version}"), ".card .card-head"),
        ("#/costs", ".figures-table tbody tr"),
        ("#/evaluation", ".sheet"),
        ("#/admin/accounts?name=officer", ".card .chips"),
        ("#/admin/audit", ".grid tbody tr"),
        ("#/admin/messages", ".messages"),
        ("#/admin/refusals", ".refusals tbody tr"),
        ("#/admin/sheets", ".worst"),
        ("#/admin/findings", ".sheet-title"),
        ("#/city/profile", ".profile .section"),
        ("#/city/places", ".places"),
        ("#/status", ".status .section"),
    ];
    places.into_iter().map(|(to, ready)| (to.to_owned(), ready)).collect()
}

#[test]
fn every_page_shows_real_data_in_both_languages() {
    let gateway = TestGateway::start();
    put_staff(&gateway);
    put_roster(&gateway);
    gateway.add_device("cover-1", Kind::Manhole);
    let mut cover = gateway.mqtt("cover-1");
    cover.publish(r#"{"tilt_deg":50}"#);
    cover.publish("{no json");
    let http = gateway.running().addresses().http.unwrap();
    let telemetry = format!("http://{http}/v1/devices/cover-1/telemetry");
    assert_eq!(http_post(&telemetry, "not-the-token-of-cover-1", "{}").0, 401);
    let api = gateway.login("admin");
    let case = wait_for("the case", || api.list("/api/v1/cases").into_iter().next());
    wait_for("the quarantine", || api.list("/api/v1/quarantine").into_iter().next());
    let id = case["id"].as_str().unwrap().to_owned();
    let incident = case["incidents"][0].as_str().unwrap().to_owned();
    let version = api.get("/api/v1/rules").1["pack"]["id"].as_str().unwrap().to_owned();
    for (user, step, body) in [
        ("officer", "acknowledge", json!({ "within_min": 30 })),
        ("acceptor", "verify", json!({ "note": "请到现场看" })),
        ("verifier", "file", json!({})),
    ] {
        let (status, answer) = gateway.login(user).post(&format!("/api/v1/cases/{id}/{step}"), &body);
        assert_eq!(status, 200, "{answer}");
    }
    let wanted = places(&id, &incident, &version);
    let base = gateway.anonymous().base().to_owned();
    let saw = browse("pages.mjs", &base, None, |wish| match wish {
        "places" => json!(wanted),
        "meanwhile" => {
            let note = json!({ "note": "said while nobody was connected" });
            let (status, answer) = gateway.login("officer").post(&format!("/api/v1/cases/{id}/comment"), &note);
            assert_eq!(status, 200, "{answer}");
            Value::Null
        }
        other => panic!("the script wants {other}"),
    });
    went_well(&saw, &base);
    for lang in ["zh", "en"] {
        for (to, _) in &wanted {
            let page = &saw[lang][to];
            assert_eq!(page["words"], json!([]), "{lang} {to}: words of the programs' own");
            assert!(page["length"].as_u64().unwrap() > 100, "{lang} {to} is empty: {page}");
            assert_eq!(page["wide"], Value::Bool(false), "{lang} {to} is wider than the window");
            assert_eq!(page["height"], saw["zh"]["#/work"]["height"], "{lang} {to}: the frame moved");
        }
    }
    must_tell(text(&saw, "/losing/told"), &["Connection lost"]);
    must_tell(text(&saw, "/losing/live"), &["Connection lost, trying again"]);
}
