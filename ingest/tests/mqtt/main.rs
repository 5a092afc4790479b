//! The MQTT listener's promises, over real sockets and a journal that can be held back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod harness;
mod raw;

mod acknowledge;
mod clients_mosquitto;
mod clients_rumqttc;
mod commands;
mod conformance;
mod connect;
mod limits;
mod malformed;
mod publish;
mod qos2;
mod restart;
mod session;
mod stop;
mod subscribe;
mod takeover;
mod tls;
mod will;
