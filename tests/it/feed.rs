//! Promise: engineers' tools see readings, incidents and cases live over MQTT, with an account that has the right.

use std::time::Duration;

use gengfu_model::Kind;
use rumqttc::{Client, Connection, Event, MqttOptions, Packet, QoS};
use serde_json::Value;

use crate::harness::{PASSWORD, TestGateway, wait_for};

fn subscribe(gateway: &TestGateway, user: &str) -> (Client, Connection) {
    let address = gateway.running().addresses().feed.unwrap();
    let mut options = MqttOptions::new(format!("tool-{user}"), address.ip().to_string(), address.port());
    options.set_credentials(user, PASSWORD);
    let (client, connection) = Client::new(options, 100);
    client.subscribe("gengfu/#", QoS::AtMostOnce).unwrap();
    (client, connection)
}

#[test]
fn readings_incidents_and_cases_are_on_the_feed() {
    let gateway = TestGateway::start_with(std::sync::Arc::new(gengfu_ingest::SystemClock), |config| {
        config.feed.enabled = true;
        config.feed.listen = "127.0.0.1:0".parse().unwrap();
    });
    gateway.add_device("cover-1", Kind::Manhole);
    let (_client, mut connection) = subscribe(&gateway, "admin");
    wait_for("the subscription", || match connection.recv_timeout(Duration::from_millis(200)) {
        Ok(Ok(Event::Incoming(Packet::SubAck(_)))) => Some(()),
        _ => None,
    });
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":61}"#);
    // The three come from different threads, in no fixed order.
    let mut seen = std::collections::BTreeMap::new();
    wait_for("all three topics", || {
        if let Ok(Ok(Event::Incoming(Packet::Publish(publish)))) = connection.recv_timeout(Duration::from_millis(200)) {
            let body: Value = serde_json::from_slice(&publish.payload).unwrap();
            seen.insert(publish.topic, body);
        }
        (seen.len() >= 3).then_some(())
    });
    assert_eq!(seen["gengfu/readings/manhole/cover-1"]["fields"]["tilt_deg"], 61.0);
    assert_eq!(seen["gengfu/incidents/盐湖区/critical"]["condition"], "cover_displaced");
    assert_eq!(seen["gengfu/cases/盐湖区"]["asset"], "asset-cover-1");
}

#[test]
fn an_account_without_the_right_is_refused() {
    let gateway = TestGateway::start_with(std::sync::Arc::new(gengfu_ingest::SystemClock), |config| {
        config.feed.enabled = true;
        config.feed.listen = "127.0.0.1:0".parse().unwrap();
    });
    let (_client, mut connection) = subscribe(&gateway, "duty");
    let refused = wait_for("the refusal", || match connection.recv_timeout(Duration::from_millis(200)) {
        Ok(Err(error)) => Some(error.to_string()),
        _ => None,
    });
    assert!(!refused.is_empty());
}
