//! The process while it lives: from its start over commits and checkpoints to the cut.

use gengfu::pipeline::decode::decode_record;
use gengfu::pipeline::recover::recover;
use gengfu_connectors::{CheckpointStore, DeviceRow, Ledger, SeriesStore};
use gengfu_ingest::journal::model_disk::SplitMix64;
use gengfu_ingest::journal::{JournalReader, Log, ReadLimit, append_start, start_records};
use gengfu_model::record::OutcomeConfig;
use gengfu_model::{Body, Control, Envelope, Record, Seq};
use gengfu_rules::engine::{Engine, Output, Round};

use super::Sabotage;
use super::traffic::{case_step, command, message, number_of, second_try, silence};
use super::world::{World, first_records, options, put_places};

pub(super) const COMMITS_A_LIFE: u64 = 14;

/// The process while it lives: what is in memory, and gone after the cut.
pub(super) struct Life {
    pub(super) log: Log,
    pub(super) engine: Engine,
    pub(super) output: Output,
    pub(super) round: Option<Round>,
}

/// Starts the process on what survived. `None`: the power was cut during the start.
pub(super) fn start(world: &mut World) -> Result<Option<Life>, String> {
    let Ok((mut log, opened)) = Log::open(world.disk.disk(), options()) else { return Ok(None) };
    let records = start_records(opened.last_time, world.clock, true, "test", OutcomeConfig::default()).unwrap();
    if append_start(&mut log, records).is_err() {
        return Ok(None);
    }
    let end = log.last_seq();
    let disk = world.disk.disk();
    let open = |after: Seq| {
        let mut reader = JournalReader::open(disk, after.next(), ReadLimit::Seq(end)).map_err(|e| e.to_string())?;
        Ok(std::iter::from_fn(move || reader.next_batch().map_err(|e| e.to_string()).transpose()))
    };
    let recovered = recover(&mut world.ledger, &world.checkpoints, &mut world.series, end, open);
    let (engine, _) = match recovered {
        Ok(recovered) => recovered,
        // The power may go while recovery reads; anything else is a bug.
        Err(gengfu::pipeline::recover::RecoverError::Journal(_)) => return Ok(None),
        Err(error) => return Err(format!("recovery failed: {error}")),
    };
    let mut life = Life { log, engine, output: Output::default(), round: None };
    if life.engine.device_count() == 0 {
        let Ok(records) = life.log.append_control(first_records(), world.clock) else { return Ok(None) };
        if life.log.sync().is_err() {
            return Ok(None);
        }
        apply(&mut life, records);
    }
    Ok(Some(life))
}

pub(super) fn apply(life: &mut Life, records: Vec<Record>) {
    for record in records {
        let decoded = decode_record(&record);
        life.engine.apply(&record, decoded.as_ref(), &mut life.output);
    }
}

pub(super) fn commit(world: &mut World, life: &mut Life) {
    let effects = life.output.effects.take();
    world.ledger.commit(&effects, life.engine.applied(), life.engine.now()).unwrap();
    world.series.write(&std::mem::take(&mut life.output.points)).unwrap();
}

/// One step of a checkpoint round; the ledger goes first, unless that is what is sabotaged.
pub(super) fn checkpoint(world: &mut World, life: &mut Life, sabotage: Sabotage) {
    if sabotage != Sabotage::RowBeforeLedger {
        commit(world, life);
    }
    let mut round = life.round.take().unwrap_or_else(|| life.engine.begin_round());
    if round.is_complete() {
        world.checkpoints.advance(round.position, &round.tables).unwrap();
        return;
    }
    let rows = life.engine.round_rows(&mut round, 2).into_iter();
    let rows: Vec<DeviceRow> =
        rows.map(|row| DeviceRow { device: row.device, position: row.position, bytes: row.bytes }).collect();
    world.checkpoints.put(&rows).unwrap();
    life.round = Some(round);
}

/// Plays traffic until the power is cut or the life's commits are done.
pub(super) fn live(world: &mut World, life: &mut Life, random: &mut SplitMix64, sabotage: Sabotage) {
    for _ in 0..COMMITS_A_LIFE {
        // Mostly dense traffic; at times a pause in which timers come due.
        let pause = if random.chance(1, 5) { random.below(400_000) } else { random.below(3_000) };
        world.clock = world.clock.plus_ms(pause as i64);
        let count = 1 + random.below(12);
        let envelopes: Vec<Envelope> = (0..count).map(|_| message(world, random)).collect();
        let numbers: Vec<u64> = envelopes.iter().map(number_of).collect();
        let bodies = envelopes.into_iter().map(Body::Message).collect();
        let Ok(mut records) = life.log.append(bodies, world.clock) else { return };
        if sabotage == Sabotage::AckBeforeSync {
            world.acknowledged.extend(&numbers);
        }
        if random.chance(1, 2) {
            let control = match random.below(14) {
                0 => Some(Control::Tick),
                1 => second_try(world, random),
                2 => Some(command(random)),
                3 | 4 => Some(silence(world, life, random)),
                5 | 6 => Some(put_places(random.below(2))),
                _ => case_step(life, random),
            };
            let control = control.unwrap_or_else(|| command(random));
            let Ok(more) = life.log.append_control(vec![control], world.clock) else { return };
            records.extend(more);
        }
        if life.log.sync().is_err() {
            return;
        }
        if sabotage != Sabotage::AckBeforeSync {
            world.acknowledged.extend(&numbers);
        }
        apply(life, records);
        if random.chance(1, 3) {
            commit(world, life);
        }
        if random.chance(1, 2) {
            checkpoint(world, life, sabotage);
        }
    }
}
