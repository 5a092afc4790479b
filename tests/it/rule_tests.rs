//! Promise: rules are tested before they wake anybody, by command line and API, and what happened (or was
//! missed) becomes a test by one command.

use std::path::Path;
use std::process::{Command, Output};

use chrono::TimeZone;
use gengfu_model::{Kind, Role};
use serde_json::json;

use crate::harness::{TestGateway, wait_for};

const RULE: &str = "const RULE = #{ kind: \"bin\", key: \"full\", severity: \"minor\", condition: \"bin_full\" };\n\
                    fn on_message(msg, dev) { incident(band(msg.fill_pct, 80.0, 70.0)); }\n";
const GREEN: &str = "fn test_full() { let d = sim(\"bin\"); d.feed(#{ fill_pct: 85.0 }); expect(d.open(\"full\")); }\n";
const RED: &str = "fn test_full() { let d = sim(\"bin\"); d.feed(#{ fill_pct: 60.0 }); expect(d.open(\"full\")); }\n";

fn gengfu(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gengfu")).args(arguments).output().unwrap()
}

fn test(folder: &Path, more: &[&str]) -> (i32, String) {
    let mut arguments = vec!["rules", "test", folder.to_str().unwrap()];
    arguments.extend(more);
    let output = gengfu(&arguments);
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

#[test]
fn the_exit_code_tells_green_from_red_from_broken() {
    let folder = tempfile::tempdir().unwrap();
    let rule = folder.path().join("bin-full.rhai");
    std::fs::write(&rule, format!("{RULE}{GREEN}")).unwrap();
    let (code, said) = test(folder.path(), &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("1 tests: 1 passed, 0 failed"), "{said}");
    let (code, said) = test(folder.path(), &["--mutate"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("bin-full.rhai:2:61: 70.0 may as well be 77.0"), "{said}");
    let (code, said) = test(folder.path(), &["--coverage"]);
    assert!(code == 0 && said.contains("<- never false"), "{said}");
    let (code, said) = test(folder.path(), &["--filter", "nothing"]);
    assert!(code == 0 && said.contains("0 tests"), "{said}");

    std::fs::write(&rule, format!("{RULE}{RED}")).unwrap();
    let (code, said) = test(folder.path(), &["--json"]);
    assert_eq!(code, 1, "{said}");
    let report: serde_json::Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!(report["tests"][0]["failure"]["message"], "expected this to be true");
    assert_eq!(report["tests"][0]["failure"]["line"], 3);

    std::fs::write(&rule, RULE.replace("fill_pct", "fil_pct")).unwrap();
    let (code, said) = test(folder.path(), &[]);
    assert!(code == 64 && said.contains("did you mean `fill_pct`"), "{said}");
}

#[test]
fn engineers_run_tests_over_the_api() {
    let gateway = TestGateway::start();
    gateway.put_user("eve", vec![Role::Engineer]);
    let api = gateway.login("eve");
    let ask = |tests: &str| json!({ "files": { "bin-full.rhai": format!("{RULE}{tests}") } });
    let (status, green) = api.post("/api/v1/rules/test", &ask(GREEN));
    assert_eq!((status, &green["ok"], &green["report"]["passed"]), (200, &json!(true), &json!(1)), "{green}");
    let (status, red) = api.post("/api/v1/rules/test", &ask(RED));
    assert_eq!((status, &red["ok"], &red["report"]["failed"]), (200, &json!(false), &json!(1)), "{red}");
    let (status, broken) = api.post("/api/v1/rules/test", &ask("fn test_x() { nonsense(); }\n"));
    assert_eq!((status, &broken["ok"]), (200, &json!(false)), "{broken}");
    let mistakes = broken["mistakes"].as_array().unwrap();
    let said = |mistake: &serde_json::Value| mistake["message"].as_str().unwrap_or_default().contains("`nonsense`");
    assert!(mistakes.iter().any(said), "{broken}");
}

#[test]
fn an_incident_and_a_missed_one_become_tests() {
    let mut gateway = TestGateway::start();
    gateway.put_user("eve", vec![Role::Engineer]);
    gateway.add_device_with("cover-1", Kind::Manhole, |device| {
        device.attributes.insert("baseline_tilt_deg".into(), gengfu_model::Value::Number(2.0));
    });
    let mut device = gateway.mqtt("cover-1");
    device.publish(r#"{"tilt_deg": 2.5}"#);
    device.publish(r#"{"tilt_deg": 47.0, "battery_pct": 81}"#);
    device.publish(r#"{"tilt_deg": 9.5}"#);
    let api = gateway.login("eve");
    let id = wait_for("the incident to clear", || {
        let incidents = api.list("/api/v1/incidents");
        let cleared = incidents.iter().find(|one| one["key"] == "open" && one["state"] == "cleared")?;
        Some(cleared["id"].as_str()?.to_owned())
    });
    let now = gateway.running_time();
    gateway.stop();

    let data = gateway.config.data.folder.to_str().unwrap();
    let config = gateway.folder.path().join("gengfu.toml");
    std::fs::write(&config, format!("[data]\nfolder = \"{data}\"\n")).unwrap();
    let config = config.to_str().unwrap();
    let pins = tempfile::tempdir().unwrap();
    let out = pins.path().to_str().unwrap();
    let shipped = gengfu_rules::library::files();
    let source = &shipped["manhole-tilt.rhai"];
    let rule = pins.path().join("manhole-tilt.rhai");
    std::fs::write(&rule, source).unwrap();

    let output = gengfu(&["rules", "pin", &id, "--out", out, "--config", config]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let pinned = std::fs::read_to_string(pins.path().join(format!("manhole-tilt.{id}.test.toml"))).unwrap();
    assert!(pinned.contains("baseline_tilt_deg = 2.0") && pinned.contains("| 47"), "{pinned}");
    let (code, said) = test(pins.path(), &["--filter", &format!("incident {id}")]);
    assert!(code == 0 && said.contains("1 tests: 1 passed"), "{said}\n{pinned}");
    // A rule that would not have said it is caught.
    std::fs::write(&rule, source.replace("lean > param.open_deg", "lean > 4.0 * param.open_deg")).unwrap();
    let (code, said) = test(pins.path(), &["--filter", &format!("incident {id}")]);
    assert!(code == 1 && said.contains("missing:    open"), "{said}");
    std::fs::write(&rule, source).unwrap();

    // Something that should have been raised and was not is a red test until the rule is mended.
    let local = chrono_tz::Asia::Shanghai.timestamp_millis_opt(now.as_millis() + 1_000).unwrap();
    let at = local.format("%Y-%m-%d %H:%M:%S").to_string();
    let missed = ["--rule", "manhole-tilt", "--device", "cover-1", "--at", &at, "--key", "tilt"];
    let mut arguments = vec!["rules", "pin", "--out", out, "--config", config];
    arguments.extend(missed);
    let output = gengfu(&arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let (code, said) = test(pins.path(), &["--filter", "missed cover-1"]);
    assert!(code == 1 && said.contains("missing:    tilt"), "{said}");

    let output = gengfu(&["rules", "pin", "999999-0", "--out", out, "--config", config]);
    assert!(output.status.code() == Some(1) && String::from_utf8_lossy(&output.stderr).contains("999999-0"));
    let output = gengfu(&["rules", "pin", "--out", out, "--config", config]);
    assert_eq!(output.status.code(), Some(2));
}
