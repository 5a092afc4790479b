//! Promise: the command line says what is wrong, where, and what to do, with the exit code for it.

use std::path::Path;
use std::process::{Command, Output};

use gengfu_model::Kind;

use crate::harness::TestGateway;

fn gengfu(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gengfu")).args(arguments).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn config(folder: &Path, text: &str) -> String {
    let file = folder.join("gengfu.toml");
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn check_tells_all_mistakes_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("drafts");
    std::fs::create_dir(&rules).unwrap();
    let rule = "const RULE = #{ kind: \"manhole\", key: \"t\", severity: \"minor\", condition: \"cover_tilted\" };\n\
                fn on_message(msg, dev) { incident(msg.tilt_degg > 30.0); }\n";
    std::fs::write(rules.join("tilt.rhai"), rule).unwrap();
    let file = config(folder.path(), "[city]\nrules = \"drafts\"\n");
    let output = gengfu(&["check", "--config", &file]);
    assert_eq!(code(&output), 64, "{}", told(&output));
    assert!(told(&output).contains("tilt.rhai:2:") && told(&output).contains("tilt_deg"), "{}", told(&output));

    // Two in one section, one in another, and those of the files that the configuration names.
    std::fs::write(folder.path().join("city.toml"), "name = 3\n").unwrap();
    let text = "[mqtt]\nlisten = \"nowhere\"\nrate = 0\n[journal]\nsegmant = \"64MiB\"\n\
                [city]\nrules = \"drafts\"\nprofile = \"city.toml\"\ntime_zone = \"Mars/Base\"\n";
    let file = config(folder.path(), text);
    let output = gengfu(&["check", "--config", &file]);
    assert_eq!(code(&output), 64);
    for part in [
        "gengfu.toml:2: `mqtt.listen`",
        "gengfu.toml:3: `mqtt.rate`",
        "gengfu.toml:5: `journal.segmant`",
        "gengfu.toml:9: `city.time_zone`",
        "tilt.rhai:2:",
        "city.toml: ",
    ] {
        assert!(told(&output).contains(part), "`{part}` is missing in:\n{}", told(&output));
    }
}

#[test]
fn check_binds_nothing_and_is_content_with_the_defaults() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), &format!("[mqtt]\nlisten = \"{}\"\n", taken.local_addr().unwrap()));
    let output = gengfu(&["check", "--config", &file]);
    assert_eq!(code(&output), 0, "{}", told(&output));
}

#[test]
fn wrong_usage_is_exit_code_2() {
    assert_eq!(code(&gengfu(&["serve", "--sideways"])), 2);
    assert_eq!(code(&gengfu(&["users", "add", "li", "--role", "king"])), 2);
    assert_eq!(code(&gengfu(&["--help"])), 0);
}

#[test]
fn a_second_instance_on_the_same_data_is_refused() {
    let gateway = TestGateway::start();
    let data = gateway.config.data.folder.to_str().unwrap();
    let file =
        config(gateway.folder.path(), &format!("[data]\nfolder = \"{data}\"\n[mqtt]\nlisten = \"127.0.0.1:0\"\n"));
    let output = gengfu(&["serve", "--config", &file]);
    assert_eq!(code(&output), 1);
    assert!(told(&output).contains(data), "it names the folder: {}", told(&output));
}

#[test]
fn a_port_in_use_is_named_with_its_key() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), &format!("[mqtt]\nlisten = \"{}\"\n", taken.local_addr().unwrap()));
    let output = gengfu(&["serve", "--config", &file]);
    assert_eq!(code(&output), 1);
    assert!(told(&output).contains("mqtt.listen"), "{}", told(&output));
}

#[test]
fn devices_and_users_go_to_the_running_gateway() {
    let gateway = TestGateway::start();
    gateway.add_device("cover-1", Kind::Manhole);
    let data = gateway.config.data.folder.to_str().unwrap();
    let file = config(gateway.folder.path(), &format!("[data]\nfolder = \"{data}\"\n"));
    let output = gengfu(&["devices", "add", "tank-1", "--kind", "septic", "--config", &file]);
    assert_eq!(code(&output), 0, "{}", told(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim().len(), 32, "the token is shown once");
    let output = gengfu(&["devices", "add", "tank-1", "--kind", "septic", "--config", &file]);
    assert_eq!(code(&output), 1);
    assert!(told(&output).contains("tank-1"), "{}", told(&output));
    let output = gengfu(&["devices", "list", "--config", &file]);
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(listed.contains("cover-1") && listed.contains("tank-1"), "{listed}");

    let bad = gateway.folder.path().join("bad.csv");
    std::fs::write(&bad, "id,kind\ngood-1,bin\n井盖,manhole\nbad-kind,volcano\n").unwrap();
    let output = gengfu(&["devices", "import", bad.to_str().unwrap(), "--config", &file]);
    assert_eq!(code(&output), 1);
    let text = told(&output);
    assert!(text.contains("row 3") && text.contains("row 4") && text.contains("1 devices taken"), "{text}");
}

#[test]
fn a_broken_rule_pack_does_not_replace_the_live_one() {
    let gateway = TestGateway::start();
    let data = gateway.config.data.folder.to_str().unwrap();
    let file = config(gateway.folder.path(), &format!("[data]\nfolder = \"{data}\"\n"));
    let before = String::from_utf8(gengfu(&["rules", "list", "--config", &file]).stdout).unwrap();
    let drafts = gateway.folder.path().join("drafts");
    std::fs::create_dir(&drafts).unwrap();
    std::fs::write(drafts.join("a.rhai"), "this is no rule").unwrap();
    let output = gengfu(&["rules", "publish", drafts.to_str().unwrap(), "--reason", "first", "--config", &file]);
    assert_eq!(code(&output), 64);
    assert!(told(&output).contains("a.rhai:1:"), "{}", told(&output));
    assert_eq!(String::from_utf8(gengfu(&["rules", "list", "--config", &file]).stdout).unwrap(), before);
}
