//! Promise: the same journal gives the same ledger, byte for byte: live or replayed, in another process, with one
//! decoder or with four.

use std::sync::Arc;

use gengfu_ingest::SystemClock;
use gengfu_model::Kind;

use crate::harness::TestGateway;

/// Plays mixed traffic through a gateway with so many decoders; gives its data folder's ledger, live and replayed.
fn play(decoders: usize) -> (String, String) {
    let mut gateway = TestGateway::start_with(Arc::new(SystemClock), |config| config.engine.decoders = decoders);
    for number in 0..5 {
        gateway.add_device(&format!("cover-{number}"), Kind::Manhole);
        gateway.add_device(&format!("bin-{number}"), Kind::Bin);
    }
    for round in 0..20 {
        for number in 0..5 {
            let tilt = (round * 7 + number * 11) % 60;
            gateway
                .mqtt(&format!("cover-{number}"))
                .publish(&format!(r#"{{"tilt_deg":{tilt},"battery_pct":{round}}}"#));
            let fill = (round * 13 + number * 17) % 120;
            gateway.mqtt(&format!("bin-{number}")).publish(&format!(r#"{{"fill_pct":{fill},"temperature_c":{tilt}}}"#));
        }
        if round == 10 {
            gateway.restart();
        }
    }
    gateway.balance();
    gateway.dumps()
}

#[test]
fn live_and_replayed_are_the_same_with_one_decoder_and_with_four() {
    for decoders in [1, 4] {
        let (live, replayed) = play(decoders);
        assert!(live.lines().filter(|line| line.contains(r#""table":"incident""#)).count() >= 5, "there are incidents");
        assert!(live == replayed, "with {decoders} decoders the ledger differs from its replay");
    }
}
