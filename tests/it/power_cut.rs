//! Promise: a power cut loses nothing that was acknowledged, and brings nothing twice.
//!
//! The journal runs over a disk that forgets or tears what was not synced; ledger, checkpoints and
//! series are stores whose transactions are atomic and durable at commit. Each seed plays a city's
//! traffic, cuts the power somewhere (inside a commit, between two, during recovery), recovers, plays on,
//! and compares with a run of the same journal that was never cut. With one safeguard taken out, the suite
//! must go red: that is tested as well.

use std::collections::BTreeMap;

use gengfu::pipeline::decode::decode_record;
use gengfu::pipeline::recover::recover;
use gengfu_connectors::checkpoint::MemoryCheckpoints;
use gengfu_connectors::ledger::MemoryLedger;
use gengfu_connectors::series::MemorySeries;
use gengfu_connectors::{CheckpointStore, DeviceRow, Ledger, SeriesStore};
use gengfu_ingest::journal::model_disk::SplitMix64;
use gengfu_ingest::journal::{JournalReader, Log, LogOptions, ModelDisk, ReadLimit, append_start, start_records};
use gengfu_model::places::{Place, Shape};
use gengfu_model::record::OutcomeConfig;
use gengfu_model::staff::{Action, CaseStep, Role, StaffRequest};
use gengfu_model::{
    Attachment, AttachmentPurpose, AttachmentType, Attributes, Body, Case, CaseState, Control, Device, DeviceId,
    DeviceLife, Disposition, DispositionKind, EffectId, Envelope, Kind, Matcher, MessageKey, NewSilence, PayloadFormat,
    Quarantined, Record, Seq, Timestamp, Transport,
};
use gengfu_rules::engine::{Engine, Output, Round};

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

const START: Timestamp = Timestamp(1_790_000_000_000);
const DEVICES: u64 = 6;
/// Crashes of one seed, one of them during recovery.
const CRASHES: u64 = 3;
const COMMITS_A_LIFE: u64 = 14;
/// A seed plays on after its last cut until it has this many records.
const MIN_RECORDS: Seq = Seq(200);

/// What survives a power cut: the disk, and what was committed to the stores.
struct World {
    disk: ModelDisk,
    ledger: MemoryLedger,
    checkpoints: MemoryCheckpoints,
    series: MemorySeries,
    /// What the sender was told is safe: the message's own number.
    acknowledged: Vec<u64>,
    next_message: u64,
    clock: Timestamp,
}

impl World {
    fn new(sabotage: Sabotage) -> World {
        let disk = ModelDisk::new();
        disk.lie_about_data(sabotage == Sabotage::NoDataSync);
        disk.lie_about_dir(sabotage == Sabotage::NoDirectorySync);
        World {
            disk,
            ledger: MemoryLedger::new(),
            checkpoints: MemoryCheckpoints::new(),
            series: MemorySeries::default(),
            acknowledged: Vec::new(),
            next_message: 0,
            clock: START,
        }
    }
}

fn options() -> LogOptions {
    LogOptions { segment_bytes: 64 << 10, max_frame_bytes: 16 << 10, ..LogOptions::default() }
}

fn device(number: u64) -> Device {
    let id = format!("cover-{number}");
    Device {
        id: DeviceId::new(&id).unwrap(),
        kind: Kind::Manhole,
        model: "".into(),
        asset_code: format!("32058201020481{number:02}").into(),
        name: "雨水井盖".into(),
        latitude: Some(35.03),
        longitude: Some(111.0),
        district: "盐湖区".into(),
        grid: "".into(),
        feeder: format!("F{}", number % 3).into(),
        cabinet: "".into(),
        catchment: "".into(),
        carrier_cell: "".into(),
        department: "".into(),
        asset_type: "01-02".into(),
        interval_s: 60,
        token_hash: None,
        attributes: Attributes::default(),
        life: DeviceLife::Registered,
    }
}

fn request(action: Action) -> Control {
    Control::Request(StaffRequest { user: "local".into(), roles: Role::ALL.to_vec(), action })
}

/// The rule pack of this suite: tilt at once, tilt after a hold time, and silence, so that timers run; a group of what
/// tilts or is silent together; a question about a place and commands to the device.
const RULE: &str = r#"
/// Cover displaced.
const RULE = #{ kind: "manhole", key: "tilt", severity: "critical", condition: "cover_displaced",
                silent: 5.min, cooldown: 2.min,
                group: "feeder", distinct: 2, share: 0.4, enough: "both", within: 3.min,
                group_severity: "major", group_condition: "feeder_outage" };
fn member(msg, dev) { dev.silent || held(msg.tilt_deg > 20.0, 3.s) }
fn on_message(msg, dev) {
    incident(msg.tilt_deg > 30.0 || held(band(msg.tilt_deg, 10.0, 8.0), 10.s));
    incident(msg.tilt_deg > 5.0 && inside("school", dev), #{ key: "school", severity: "minor" });
    if msg.tilt_deg > 30.0 { command(dev, "set_interval", #{ interval_s: 30 }); }
    else if msg.tilt_deg < 9.0 { command(dev, "set_interval", #{ interval_s: 900 }, 5.min); }
}
fn on_silent(dev) { raise(#{ key: "silent", severity: "minor", condition: "device_silent" }); }
"#;

/// The city of this suite: what was handled is verified by the sensor, and a silent device is no case.
const PROFILE: &str = r#"
name = "power cut"
[incident]
incident_only = ["device_silent"]
[[verification]]
condition = ["cover_displaced"]
readings = 2
window = "5m"
"#;

fn first_records() -> Vec<Control> {
    vec![
        request(Action::SetProfile { text: PROFILE.to_owned() }),
        request(Action::ActivatePack { files: BTreeMap::from([("tilt.rhai".to_owned(), RULE.to_owned())]) }),
        request(Action::AddDevices { devices: (0..DEVICES).map(device).collect(), replace: false }),
        put_places(0),
    ]
}

/// A school's fence: around the covers, or somewhere else.
fn put_places(draw: u64) -> Control {
    let at = [111.0 + draw as f64, 35.03];
    let shape = Shape::Point { at, radius_m: 100.0 };
    let school =
        Place { name: "第一小学".into(), kind: "school".into(), shape, speed_limit_kmh: None, routes: Vec::new() };
    request(Action::PutPlaces { places: vec![school] })
}

/// A command that mostly expires within the seed.
fn command(random: &mut SplitMix64) -> Control {
    let device = DeviceId::new(&format!("cover-{}", random.below(DEVICES))).unwrap();
    let expires_s = 1 + u32::try_from(random.below(300)).unwrap();
    request(Action::SendCommand { device, name: "ping".into(), args: Default::default(), expires_s })
}

/// What staff do about an open case: mostly the next step of its life, so that many are handled and verified.
fn case_step(life: &Life, random: &mut SplitMix64) -> Option<Control> {
    let cases: Vec<&Case> = life.engine.reducer().cases().collect();
    let case = cases.get(usize::try_from(random.below(cases.len().max(1) as u64)).unwrap())?;
    let next = match case.state {
        CaseState::Reported | CaseState::PendingVerify => CaseStep::File,
        CaseState::Filed | CaseState::Returned => CaseStep::Dispatch { department: "市政处".into() },
        CaseState::Dispatched => CaseStep::Receive,
        CaseState::Handling => CaseStep::Handle,
        CaseState::Suspended => CaseStep::Resume,
        // The sensors' turn; a person is only sometimes faster.
        CaseState::PendingCheck if random.chance(1, 10) => CaseStep::Rework,
        CaseState::PendingCheck => CaseStep::Comment,
        CaseState::CheckPassed
        | CaseState::Rejected
        | CaseState::Closed
        | CaseState::ForceClosed
        | CaseState::Cancelled
        | CaseState::Merged => CaseStep::Close { feedback: Some("real".into()) },
    };
    let step = match random.below(12) {
        0 => CaseStep::Suspend,
        1 => CaseStep::ForceClose,
        2 => CaseStep::Attach { attachment: Box::new(photo(random.below(4))) },
        _ => next,
    };
    Some(request(Action::Case { case: case.id, step, note: "因断电演练".to_owned() }))
}

fn photo(number: u64) -> Attachment {
    Attachment {
        sha256: format!("{number:064x}").into(),
        media: AttachmentType::Jpeg,
        bytes: number,
        purpose: AttachmentPurpose::Handling,
        name: "".into(),
    }
}

/// A silence of a cover for some minutes or until it is closed, or the end of one before its time.
fn silence(world: &World, life: &Life, random: &mut SplitMix64) -> Control {
    let running: Vec<EffectId> = life.engine.reducer().silences().map(|silence| silence.id).collect();
    if let Some(id) = running.get(usize::try_from(random.below(3)).unwrap()) {
        return request(Action::EndSilence { silence: Some(*id), work_order: None });
    }
    let asked = NewSilence {
        matches: Matcher { asset: Some(device(random.below(DEVICES)).asset_code), ..Matcher::default() },
        from: random.chance(1, 4).then(|| world.clock.plus_ms(random.below(200_000) as i64)),
        to: world.clock.plus_ms(300_000 + random.below(600_000) as i64),
        weekly: None,
        until_clear: random.chance(1, 2),
        work_order: None,
        reason: "检修".into(),
        comment: String::new(),
    };
    request(Action::PutSilence { silence: Box::new(asked) })
}

/// A message of the quarantine with what the codec of another day reads in it; sometimes one that was
/// decoded before.
fn second_try(world: &World, random: &mut SplitMix64) -> Option<Control> {
    let waiting: Vec<Disposition> =
        world.ledger.dispositions().into_iter().filter(|row| row.kind == DispositionKind::Quarantined).collect();
    let row = waiting.get(usize::try_from(random.below(waiting.len().max(1) as u64)).unwrap())?;
    let message = Quarantined {
        seq: row.seq,
        device: row.device.clone(),
        kind: Kind::Manhole,
        model: "".into(),
        source: row.source?,
        payload: format!(r#"{{"tilt_deg":{}}}"#, random.below(60)).into_bytes().into(),
    };
    Some(request(Action::Redecode { message: Box::new(message) }))
}

/// One message with its own number in it, sometimes tilted, sometimes garbage, sometimes late.
fn message(world: &mut World, random: &mut SplitMix64) -> Envelope {
    let number = world.next_message;
    world.next_message += 1;
    let tilt = if random.chance(1, 6) { random.below(60) } else { random.below(9) };
    let at = world.clock.plus_ms(if random.chance(1, 12) { -900_000 } else { -(random.below(2_000) as i64) });
    let payload = match random.below(20) {
        0 => format!("garbage {number}"),
        1 => format!(r#"{{"ts":{},"tilt_deg":999,"n":{number}}}"#, at.as_millis()),
        _ => format!(r#"{{"ts":{},"tilt_deg":{tilt},"battery_pct":80,"n":{number}}}"#, at.as_millis()),
    };
    Envelope {
        device: DeviceId::new(&format!("cover-{}", random.below(DEVICES))).unwrap(),
        kind: Kind::Manhole,
        model: "".into(),
        transport: Transport::Mqtt,
        format: PayloadFormat::Json,
        key: MessageKey::None,
        received_at: world.clock,
        payload: payload.into_bytes().into(),
    }
}

/// The number that [`message`] put into a payload.
fn number_of(envelope: &Envelope) -> u64 {
    let text = std::str::from_utf8(&envelope.payload).unwrap();
    let digits: String =
        text.chars().rev().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.chars().rev().collect::<String>().parse().unwrap()
}

/// The process while it lives: what is in memory, and gone after the cut.
struct Life {
    log: Log,
    engine: Engine,
    output: Output,
    round: Option<Round>,
}

/// Starts the process on what survived. `None`: the power was cut during the start.
fn start(world: &mut World) -> Result<Option<Life>, String> {
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

fn apply(life: &mut Life, records: Vec<Record>) {
    for record in records {
        let decoded = decode_record(&record);
        life.engine.apply(&record, decoded.as_ref(), &mut life.output);
    }
}

fn commit(world: &mut World, life: &mut Life) {
    let effects = life.output.effects.take();
    world.ledger.commit(&effects, life.engine.applied(), life.engine.now()).unwrap();
    world.series.write(&std::mem::take(&mut life.output.points)).unwrap();
}

/// One step of a checkpoint round; the ledger goes first, unless that is what is sabotaged.
fn checkpoint(world: &mut World, life: &mut Life, sabotage: Sabotage) {
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
fn live(world: &mut World, life: &mut Life, random: &mut SplitMix64, sabotage: Sabotage) {
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

/// Every record of the journal that survived.
fn journal(disk: &ModelDisk) -> Result<Vec<Record>, String> {
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

fn dump(ledger: &MemoryLedger) -> String {
    let mut text = Vec::new();
    ledger.dump(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn first_difference<'a>(found: &'a str, expected: &'a str) -> (&'a str, &'a str) {
    let lines = |text: &'a str| text.lines().chain(std::iter::repeat("nothing"));
    lines(found).zip(lines(expected)).find(|(a, b)| a != b).unwrap_or_default()
}

/// The ledger and the balance that the journal amounts to when nothing is ever cut.
fn reference(records: &[Record]) -> (String, Engine) {
    let mut ledger = MemoryLedger::new();
    let end = records.last().map_or(Seq(0), |record| record.seq);
    let open = |_: Seq| Ok(std::iter::once(Ok(records.to_vec())));
    let (engine, _) = recover(&mut ledger, &MemoryCheckpoints::new(), &mut MemorySeries::default(), end, open).unwrap();
    (dump(&ledger), engine)
}

/// Plays one seed and says what promise was broken, if any. Also gives how many records there were.
fn play(seed: u64, sabotage: Sabotage) -> Result<usize, String> {
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
    if life.engine.balance() != uncut.balance() || life.engine.next_due() != uncut.next_due() {
        return Err("counts or timers differ from those of the same journal without a cut".to_owned());
    }
    Ok(records.len())
}

/// Plays seeds on both cores; gives the broken promises and the smallest number of records.
fn play_all(seeds: std::ops::Range<u64>, sabotage: Sabotage) -> (Vec<String>, usize) {
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

#[test]
fn ten_thousand_power_cuts_lose_nothing() {
    // Three cuts a seed.
    let (broken, fewest) = play_all(0..3_400, Sabotage::None);
    assert!(broken.is_empty(), "{} seeds broke a promise:\n{}", broken.len(), broken[..broken.len().min(5)].join("\n"));
    assert!(fewest >= 200, "a seed had only {fewest} records");
}

/// Runs that never come to what they are about would prove nothing.
#[test]
fn the_cuts_fall_into_silences_and_verifications() {
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
        for word in ["sensor_confirms", "sensor_contradicts", "\"silenced\"", "\"attach\"", "silence_over"] {
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
