//! Stopping: nothing more is accepted, and everybody is told.

use crate::harness::{Gateway, soon};
use crate::raw::{Connect, QOS1, Raw, TELEMETRY, publish_v5};

#[tokio::test]
async fn a_stop_tells_clients_and_ends_all_tasks() {
    let mut gateway = Gateway::start().await;
    let mut v5 = Raw::v5(gateway.addr, "a").await;
    let mut v3 = Raw::v3(gateway.addr, "b").await;
    let mut silent = Raw::open(gateway.addr).await;
    gateway.cancel.cancel();
    v5.expect_disconnect(0x8B).await;
    v3.expect_closed().await;
    silent.expect_closed().await;
    soon("the end of the listener", &mut gateway.running).await.unwrap();
    assert_eq!(gateway.commands.connected(), 0);
}

#[tokio::test]
async fn a_stop_lets_messages_on_their_way_be_acknowledged() {
    let gateway = Gateway::start().await;
    gateway.journal.hold();
    let mut raw = Raw::v5(gateway.addr, "a").await;
    raw.send(&publish_v5(QOS1, TELEMETRY, 1, &[], "{}")).await;
    gateway.journal.messages(1).await;
    gateway.cancel.cancel();
    gateway.journal.settle_all();
    raw.expect(&[0x40, 2, 0, 1]).await;
    raw.expect_disconnect(0x8B).await;
}

#[tokio::test]
async fn a_stop_leaves_no_wills() {
    let mut gateway = Gateway::start().await;
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&Connect::v3("a").will("v1/devices/a/events", "lost").bytes()).await;
    raw.expect(&[0x20, 2, 0, 0]).await;
    gateway.cancel.cancel();
    raw.expect_closed().await;
    soon("the end of the listener", &mut gateway.running).await.unwrap();
    assert_eq!(gateway.journal.count(), 0);
}
