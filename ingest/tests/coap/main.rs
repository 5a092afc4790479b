//! What a device that speaks CoAP can rely on, over real UDP, with packets made by hand.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod acknowledge;
mod blocks;
mod clients_libcoap;
mod limits;
mod packets;
#[path = "../push_support/mod.rs"]
mod push_support;
mod requests;
