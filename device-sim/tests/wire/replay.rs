//! Replay: recorded positions come in order, and the run ends with the traces.

use std::sync::Arc;
use std::time::Duration;

use gengfu_sim::mqtt::Counts;
use gengfu_sim::replay::{read_traces, register_of};
use gengfu_sim::run::{Options, TracePart, run};
use tokio_util::sync::CancellationToken;

use crate::server::{FakeServer, Manners};

const FILE: &str = "40.001|-74.0|A|x|2015-12-10T00:00:10\n40.000|-74.0|A|x|2015-12-10T00:00:00\n\
                    40.002|-74.0|A|x|2015-12-10T00:00:20\n41.0|-74.0|B 7|x|2015-12-10T00:00:05\n";

async fn replay(server: &FakeServer, date_shift: bool) -> gengfu_sim::run::Summary {
    let traces = read_traces(FILE.as_bytes()).unwrap();
    let origin_ms = traces[0].positions[0].at_ms;
    let city = Arc::new(register_of(&traces, 1));
    let options = Options {
        broker: server.address,
        seed: 1,
        speed: 100.0,
        connections: 40,
        duration: None,
        ramp: Some(Duration::ZERO),
        v5_every: 0,
        traces: traces.into_iter().map(|t| TracePart { trace: Arc::new(t), origin_ms, date_shift }).collect(),
    };
    run(city, Vec::new(), options, Arc::new(Counts::default()), CancellationToken::new(), |_| {}).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_is_played_in_order_to_its_end() {
    let server = FakeServer::start(Manners::default());
    let before_ms = gengfu_sim::clock::wall_ms();
    let summary = replay(&server, true).await;
    assert_eq!((summary.counts.acknowledged, summary.counts.failed), (4, 0));
    let log = server.log();
    let of_a: Vec<_> = log.published.iter().filter(|published| published.by == "trace-A").map(|p| p.json()).collect();
    let latitudes: Vec<f64> = of_a.iter().map(|json| json["latitude"].as_f64().unwrap()).collect();
    assert_eq!(latitudes, [40.0, 40.001, 40.002]);
    assert_eq!(of_a[1]["speed_kmh"], 40.0);
    assert!(log.published.iter().any(|published| published.by == "trace-B-7"));
    assert!(of_a.iter().all(|json| json["ts"].as_i64().unwrap() >= before_ms));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_shift_the_recorded_times_stay() {
    let server = FakeServer::start(Manners::default());
    replay(&server, false).await;
    let log = server.log();
    let times: Vec<i64> =
        log.published.iter().filter(|p| p.by == "trace-A").map(|p| p.json()["ts"].as_i64().unwrap()).collect();
    // Midnight of 10 December 2015 in the city's time zone, and 10 and 20 seconds after it.
    assert_eq!(times, [1_449_676_800_000, 1_449_676_810_000, 1_449_676_820_000]);
}
