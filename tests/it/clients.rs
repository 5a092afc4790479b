//! Promise: the clients that devices are built with work as they are: paho-mqtt and MQTT.js, in both versions.
//!
//! (mosquitto_pub, mosquitto_sub, rumqttc and libcoap's client are tried in `ingest/tests`.)

use std::process::Command;

use gengfu_model::Kind;
use serde_json::Value;

use crate::harness::{TestGateway, token_of, wait_for};

const CLIENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");

/// Runs a client and reads its one line.
fn play(gateway: &TestGateway, program: &str, script: &str, device: &str, token: &str, version: &str) -> Value {
    let address = gateway.running().addresses().mqtt.unwrap();
    let output = Command::new(program)
        .arg(format!("{CLIENTS}/{script}"))
        .args([&address.ip().to_string(), &address.port().to_string(), device, token, version])
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; `bash tests/setup.sh` installs what is missing"));
    let told = String::from_utf8_lossy(&output.stderr);
    let missing = "install python3-paho-mqtt (Debian), or `npm ci` in tests/clients";
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{script} gave no answer ({missing}): {told}"))
}

fn publishes_at_every_quality_of_service(program: &str, script: &str) {
    let gateway = TestGateway::start();
    for version in ["4", "5"] {
        let device = format!("cover-{version}");
        gateway.add_device(&device, Kind::Manhole);
        let answer = play(&gateway, program, script, &device, &token_of(&device), version);
        assert_eq!(answer["connected"], true, "{answer}");
        assert_eq!(answer["granted"], serde_json::json!([1]), "its own command topic: {answer}");
        let refused = play(&gateway, program, script, &device, "a-wrong-token-0123456789", version);
        assert_eq!(refused["connected"], false, "{refused}");
    }
    let balance = wait_for("six messages", || Some(gateway.balance()).filter(|balance| balance.journaled == 6));
    assert_eq!((balance.decoded, balance.duplicate), (6, 0), "{balance:?}");
}

#[test]
fn paho_mqtt() {
    // Debian's own interpreter, which is the one that has the package.
    publishes_at_every_quality_of_service("/usr/bin/python3", "paho_client.py");
}

#[test]
fn mqtt_js() {
    publishes_at_every_quality_of_service("node", "mqttjs.mjs");
}
