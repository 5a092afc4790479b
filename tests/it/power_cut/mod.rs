//! Promise: a power cut loses nothing that was acknowledged, and brings nothing twice.
//!
//! The journal runs over a disk that forgets or tears what was not synced; ledger, checkpoints and
//! series are stores whose transactions are atomic and durable at commit. Each seed plays a city's
//! traffic, cuts the power somewhere (inside a commit, between two, during recovery), recovers, plays on,
//! and compares with a run of the same journal that was never cut. With one safeguard taken out, the suite
//! must go red: that is tested as well.

mod life;
mod play;
mod sheets;
mod traffic;
mod world;

use std::collections::BTreeMap;

use gengfu::pipeline::recover::recover;
use gengfu_connectors::checkpoint::MemoryCheckpoints;
use gengfu_connectors::ledger::MemoryLedger;
use gengfu_connectors::series::MemorySeries;
use gengfu_ingest::journal::model_disk::SplitMix64;
use gengfu_model::{Record, Seq};

use life::{commit, live, start};
use play::{MIN_RECORDS, dump, journal, play_all, reference};
use world::World;

/// A safeguard that is taken out to see that the suite notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sabotage {
    None,
    /// fdatasync does nothing.
    NoDataSync,
    /// The directory is not synced.
    NoDirectorySync,
    /// Messages are acknowledged before the sync.
    AckBeforeSync,
    /// Device rows are stored before the ledger has reached their position.
    RowBeforeLedger,
}

#[test]
fn ten_thousand_power_cuts_lose_nothing() {
    // Three cuts a seed.
    let (broken, fewest) = play_all(0..3_400, Sabotage::None);
    assert!(broken.is_empty(), "{} seeds broke a promise:\n{}", broken.len(), broken[..broken.len().min(5)].join("\n"));
    assert!(fewest >= 200, "a seed had only {fewest} records");
}

/// Runs that never come to what they are about would prove nothing.
#[test]
fn the_cuts_fall_into_silences_verifications_and_midnight() {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for seed in 0..300 {
        let mut random = SplitMix64::new(seed);
        let mut world = World::new(Sabotage::None);
        let mut life = start(&mut world).unwrap().unwrap();
        while life.engine.applied() < MIN_RECORDS {
            live(&mut world, &mut life, &mut random, Sabotage::None);
        }
        commit(&mut world, &mut life);
        let ledger = dump(&world.ledger);
        for word in
            ["sensor_confirms", "sensor_contradicts", "\"silenced\"", "\"attach\"", "silence_over", "\"day_sheet\""]
        {
            *seen.entry(word).or_default() += u32::from(ledger.contains(word));
        }
    }
    assert!(seen.values().all(|count| *count > 0), "{seen:?}");
}

#[test]
fn the_suite_goes_red_without_a_safeguard() {
    for sabotage in
        [Sabotage::NoDataSync, Sabotage::NoDirectorySync, Sabotage::AckBeforeSync, Sabotage::RowBeforeLedger]
    {
        let (broken, _) = play_all(0..100, sabotage);
        assert!(!broken.is_empty(), "nothing was noticed without {sabotage:?}");
    }
}

#[test]
fn the_same_journal_gives_the_same_ledger_in_any_batches() {
    let mut random = SplitMix64::new(7);
    let mut world = World::new(Sabotage::None);
    let mut life = start(&mut world).unwrap().unwrap();
    for _ in 0..5 {
        live(&mut world, &mut life, &mut random, Sabotage::None);
    }
    commit(&mut world, &mut life);
    let records = journal(&world.disk).unwrap();
    let (whole, _) = reference(&records);
    assert!(whole.lines().any(|line| line.contains("cover_displaced")), "the journal has incidents in it");
    assert_eq!(dump(&world.ledger), whole, "live and replayed");
    for size in [1, 2, 7, 100] {
        let mut ledger = MemoryLedger::new();
        let chunks: Vec<Vec<Record>> = records.chunks(size).map(<[Record]>::to_vec).collect();
        let open = |_: Seq| Ok(chunks.into_iter().map(Ok));
        let end = records.last().unwrap().seq;
        recover(&mut ledger, &MemoryCheckpoints::new(), &mut MemorySeries::default(), end, open).unwrap();
        assert_eq!(dump(&ledger), whole, "in batches of {size}");
    }
}
