//! Load: what is counted as acknowledged was acknowledged, and nothing else is logged.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::time::Duration;

use gengfu_sim::city::City;
use gengfu_sim::load::{LoadResult, Options, load};
use gengfu_sim::mqtt::Version;
use tokio_util::sync::CancellationToken;

use crate::server::{FakeServer, Log, Manners};

async fn make_load(server: &FakeServer, change: impl FnOnce(&mut Options)) -> (LoadResult, City) {
    let city = City::generate(1, 12);
    let mut options = Options {
        broker: server.address,
        connections: 8,
        in_flight: 4,
        duration: Duration::from_millis(400),
        rate: None,
        version: Version::V4,
        acked_log: None,
    };
    change(&mut options);
    (load(&city, options, CancellationToken::new()).await.unwrap(), city)
}

fn ids(log: &Log, acknowledged: bool) -> BTreeSet<String> {
    let wanted = log.published.iter().filter(|published| published.acknowledged || !acknowledged);
    wanted.map(|published| published.json()["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_is_unlike_every_other_and_acknowledged_once() {
    let server = FakeServer::start(Manners::default());
    let (result, city) = make_load(&server, |_| {}).await;
    let log = server.log();
    assert!(result.acknowledged > 50);
    assert_eq!((result.sent, result.unacknowledged, result.resent), (result.acknowledged, 0, 0));
    assert_eq!(log.published.len() as u64, result.sent);
    assert_eq!(ids(&log, true).len() as u64, result.sent);
    assert_eq!(log.connected.len(), 8);
    for login in &log.connected {
        let device = city.devices.iter().find(|device| *device.id == *login.user).unwrap();
        assert_eq!(login.password, *device.token);
    }
    let latency = result.latency_ms;
    assert!(latency.p50 > 0.0 && latency.p50 <= latency.p99 && latency.p99 <= latency.max);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_not_exceeded() {
    let server = FakeServer::start(Manners::default());
    let (result, _) = make_load(&server, |options| options.rate = Some(500.0)).await;
    // 400 ms of 500 a second is 200; each connection rounds by one at most.
    assert!((1..=208).contains(&result.sent), "{}", result.sent);
    assert_eq!(result.acknowledged, result.sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_mqtt_5_gets_no_more_than_it_asked_for() {
    let server = FakeServer::start(Manners { receive_maximum: Some(1), ..Manners::default() });
    let (result, _) = make_load(&server, |options| options.version = Version::V5).await;
    assert!(result.acknowledged > 8);
    assert_eq!(result.acknowledged, result.sent);
    assert!(server.log().connected.iter().all(|login| login.version == 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_acknowledged_ids_has_exactly_those_even_when_connections_are_cut() {
    let server = FakeServer::start(Manners { cuts_first_connection_at: Some(7), ..Manners::default() });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("acked");
    // Long enough for the first wait before coming back, half a second at most.
    let change = |options: &mut Options| {
        options.acked_log = Some(File::create(&path).unwrap());
        options.duration = Duration::from_secs(1);
    };
    let (result, _) = make_load(&server, change).await;
    let log = server.log();
    let text = fs::read_to_string(&path).unwrap();
    let logged: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(logged.len(), text.lines().count(), "each once");
    assert_eq!(logged.len() as u64, result.acknowledged);
    assert_eq!(result.errors.lost, 8);
    assert!(result.resent >= 8 && result.errors.first.is_some());
    // The acknowledgement of a message that is repeated may have been lost on the cut connection.
    assert!(logged.is_subset(&ids(&log, true)));
    assert_eq!(result.unacknowledged, 0);
    assert_eq!(logged, ids(&log, false), "what was cut off came again");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_connections_than_devices_are_refused() {
    let server = FakeServer::start(Manners::default());
    let options = Options {
        broker: server.address,
        connections: 13,
        in_flight: 1,
        duration: Duration::from_millis(1),
        rate: None,
        version: Version::V4,
        acked_log: None,
    };
    let error = load(&City::generate(1, 12), options, CancellationToken::new()).await.unwrap_err();
    assert_eq!(error, "13 connections need as many devices; there are 12");
}
