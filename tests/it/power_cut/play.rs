//! Plays seeds, and compares each with a run of the same journal that was never cut.

use std::collections::BTreeMap;

use gengfu::pipeline::recover::recover;
use gengfu_connectors::Ledger;
use gengfu_connectors::checkpoint::MemoryCheckpoints;
use gengfu_connectors::ledger::MemoryLedger;
use gengfu_connectors::series::MemorySeries;
use gengfu_ingest::journal::model_disk::SplitMix64;
use gengfu_ingest::journal::{JournalReader, Log, ModelDisk, ReadLimit};
use gengfu_model::{Body, Record, Seq};
use gengfu_rules::engine::Engine;

use super::Sabotage;
use super::life::{commit, live, start};
use super::sheets;
use super::traffic::number_of;
use super::world::{World, options};

/// Crashes of one seed, one of them during recovery.
pub(super) const CRASHES: u64 = 3;
/// A seed plays on after its last cut until it has this many records.
pub(super) const MIN_RECORDS: Seq = Seq(200);

/// Plays one seed and says what promise was broken, if any. Also gives how many records there were.
pub(super) fn play(seed: u64, sabotage: Sabotage) -> Result<usize, String> {
    let mut random = SplitMix64::new(seed);
    let mut world = World::new(sabotage);
    for crash in 0..CRASHES {
        // The power goes somewhere in this life: in its start, or in one of its commits.
        let operations = random.below(if crash == 1 { 12 } else { 90 });
        world.disk.cut_power_after(operations);
        if let Some(mut life) = start(&mut world)? {
            live(&mut world, &mut life, &mut random, sabotage);
        }
        world.disk = world.disk.crash(random.next_u64());
        world.clock = world.clock.plus_ms(random.below(60_000) as i64);
    }
    let mut life = start(&mut world)?.ok_or("the journal cannot be opened after the crash")?;
    while life.engine.applied() < MIN_RECORDS {
        live(&mut world, &mut life, &mut random, sabotage);
    }
    commit(&mut world, &mut life);

    let records = journal(&world.disk)?;
    let mut times: BTreeMap<u64, u32> = BTreeMap::new();
    let mut messages = 0;
    for record in &records {
        if let Body::Message(envelope) = &record.body {
            *times.entry(number_of(envelope)).or_default() += 1;
            messages += 1;
        }
    }
    for number in &world.acknowledged {
        match times.get(number) {
            Some(1) => {}
            Some(times) => return Err(format!("message {number} is in the journal {times} times")),
            None => return Err(format!("message {number} was acknowledged and is lost")),
        }
    }
    let (expected, mut uncut) = reference(&records);
    let found = dump(&world.ledger);
    if found != expected {
        let (found, expected) = first_difference(&found, &expected);
        return Err(format!("the ledger differs from that without a cut:\n  is     {found}\n  not    {expected}"));
    }
    let (sheet, _) = life.engine.balance();
    if sheet.difference() != (0, 0) || sheet.journaled - sheet.redecoded != messages {
        return Err(format!("the sheets do not add up: {sheet:?}, {messages} messages"));
    }
    sheets::add_up(&records, &world.ledger, &life.engine)?;
    if life.engine.balance() != uncut.balance() || life.engine.next_due() != uncut.next_due() {
        return Err("counts or timers differ from those of the same journal without a cut".to_owned());
    }
    Ok(records.len())
}

/// Plays seeds on both cores; gives the broken promises and the smallest number of records.
pub(super) fn play_all(seeds: std::ops::Range<u64>, sabotage: Sabotage) -> (Vec<String>, usize) {
    let middle = seeds.start + (seeds.end - seeds.start) / 2;
    let halves = [seeds.start..middle, middle..seeds.end];
    let results = std::thread::scope(|scope| {
        let threads: Vec<_> = halves
            .into_iter()
            .map(|half| scope.spawn(move || half.map(|seed| (seed, play(seed, sabotage))).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let mut broken = Vec::new();
    let mut fewest = usize::MAX;
    for (seed, result) in results {
        match result {
            Ok(records) => fewest = fewest.min(records),
            Err(error) => broken.push(format!("seed {seed}: {error}")),
        }
    }
    (broken, fewest)
}

/// Every record of the journal that survived.
pub(super) fn journal(disk: &ModelDisk) -> Result<Vec<Record>, String> {
    let (log, _) = Log::open(disk.disk(), options()).map_err(|error| error.to_string())?;
    drop(log);
    let mut reader =
        JournalReader::open(disk.disk(), Seq(1), ReadLimit::Everything).map_err(|error| error.to_string())?;
    let mut records = Vec::new();
    while let Some(batch) = reader.next_batch().map_err(|error| error.to_string())? {
        records.extend(batch);
    }
    Ok(records)
}

pub(super) fn dump(ledger: &MemoryLedger) -> String {
    let mut text = Vec::new();
    ledger.dump(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// The ledger and the balance that the journal amounts to when nothing is ever cut.
pub(super) fn reference(records: &[Record]) -> (String, Engine) {
    let mut ledger = MemoryLedger::new();
    let end = records.last().map_or(Seq(0), |record| record.seq);
    let open = |_: Seq| Ok(std::iter::once(Ok(records.to_vec())));
    let (engine, _) = recover(&mut ledger, &MemoryCheckpoints::new(), &mut MemorySeries::default(), end, open).unwrap();
    (dump(&ledger), engine)
}

pub(super) fn first_difference<'a>(found: &'a str, expected: &'a str) -> (&'a str, &'a str) {
    let lines = |text: &'a str| text.lines().chain(std::iter::repeat("nothing"));
    lines(found).zip(lines(expected)).find(|(a, b)| a != b).unwrap_or_default()
}
