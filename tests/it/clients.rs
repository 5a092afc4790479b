//! Promise: the clients that devices are built with work as they are: paho-mqtt and MQTT.js in both versions,
//! aiocoap with block-wise transfer.
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
        .env("PYTHONPATH", format!("{CLIENTS}/python"))
        .arg(format!("{CLIENTS}/{script}"))
        .args([&address.ip().to_string(), &address.port().to_string(), device, token, version])
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; `bash tests/setup.sh` installs what is missing"));
    let told = String::from_utf8_lossy(&output.stderr);
    let missing = "`bash tests/setup.sh` installs paho-mqtt and MQTT.js";
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
fn aiocoap() {
    let gateway = TestGateway::start();
    gateway.add_device("cover-1", Kind::Manhole);
    let address = gateway.running().addresses().coap.unwrap();
    let output = Command::new("python3")
        .env("PYTHONPATH", format!("{CLIENTS}/python"))
        .arg(format!("{CLIENTS}/aiocoap_client.py"))
        .args([&address.ip().to_string(), &address.port().to_string(), "cover-1", &token_of("cover-1")])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    let codes: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("no answer (`bash tests/setup.sh` installs aiocoap): {told}"));
    let expected = serde_json::json!({
        "small": "2.04", "blockwise": "2.04", "thingsboard": "2.01", "wrong_token": "4.01"
    });
    assert_eq!(codes, expected);
    let balance = wait_for("three messages", || Some(gateway.balance()).filter(|balance| balance.journaled == 3));
    assert_eq!(balance.values_decoded, 202, "{balance:?}");
}

#[test]
fn paho_mqtt() {
    publishes_at_every_quality_of_service("python3", "paho_client.py");
}

#[test]
fn mqtt_js() {
    publishes_at_every_quality_of_service("node", "mqttjs.mjs");
}
