//! `make bench`: how fast a backtest goes, decoding included, and what memory it needs; it asserts nothing.
//!
//! Messages are generated straight into an archive: 20,000 manhole covers that report in turn, most of them quiet.
//! `cargo bench --bench backtest -- 50000000` says how many (or `GENGFU_BENCH_MESSAGES`); 2 million else.
//! `GENGFU_BENCH_EVERY_S` says how often a cover reports: every 4 seconds, which fills each window to its limit, unless
//! asked otherwise; 21,600 is what a battery allows. The rules are the shipped library. The first pass is one engine alone, on one thread. The second is the backtest: the live side and
//! one draft, so every message is judged twice. Reading the archive and decoding are within the time of both. The
//! backtest reads and decodes on a thread of its own, ahead of the engines: so beside the time that passes stands the
//! processor time of all threads, and "a core" is by that.

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use gengfu::pipeline::decode::decode_record;
use gengfu::trial::ask::{Against, Ask};
use gengfu::trial::backtest::{Source, Unwatched, run};
use gengfu::trial::generate::{Beginning, Generator};
use gengfu::trial::start::Start;
use gengfu_connectors::SqliteLedger;
use gengfu_ingest::journal::{JournalReader, ReadLimit, RealDisk};
use gengfu_model::record::OutcomeConfig;
use gengfu_model::{Attributes, Device, DeviceId, DeviceLife, Kind, Seq, Timestamp};
use gengfu_rules::engine::{FORESEEN, Output};

const DEVICES: usize = 20_000;
const DEFAULT_MESSAGES: u64 = 2_000_000;
/// 2026-06-19 00:00 in China.
const START: i64 = 1_781_798_400_000;
const DEFAULT_EVERY_S: u64 = 4;

fn main() {
    let argument = std::env::args().skip(1).find(|argument| argument != "--bench");
    let asked = argument.or_else(|| std::env::var("GENGFU_BENCH_MESSAGES").ok());
    let messages: u64 = asked.map_or(DEFAULT_MESSAGES, |text| text.parse().expect("a number of messages"));
    let every = std::env::var("GENGFU_BENCH_EVERY_S").ok();
    let every_s = every.map_or(DEFAULT_EVERY_S, |text| text.parse().expect("a number of seconds"));
    let folder = tempfile::tempdir().expect("a folder for the data");
    let data = folder.path();
    let begun = Instant::now();
    generate(data, messages, every_s * 1_000);
    let seconds = begun.elapsed().as_secs_f64();
    say(&format!("generated {messages} messages of {DEVICES} devices, one every {every_s} s each, in {seconds:.1} s"));
    let bytes = size(&data.join("journal"));
    say(&format!("journal and archive: {bytes} bytes, {:.1} a message", bytes as f64 / messages as f64));
    // A trial looks up in the ledger which pack is live; this folder has never been opened by a gateway.
    drop(SqliteLedger::open(&data.join("ledger.db")).expect("a ledger"));
    let disk = RealDisk::open(data.join("journal")).expect("the journal");
    let source = Source { data, disk: Arc::new(disk), limit: ReadLimit::Everything };
    let before = resident();
    one_engine(&source, messages);
    say_memory(before);
    reset_peak();
    let before = resident();
    backtest(&source);
    say_memory(before);
}

/// The archive from its first record through one engine, as a restart without a checkpoint would.
fn one_engine(source: &Source<'_>, messages: u64) {
    let watch = Stopwatch::start();
    let mut engine = Start::Beginning.open().expect("an engine").engine;
    let limit = source.limit.clone();
    let mut reader = JournalReader::open(Arc::clone(&source.disk), Seq(1), limit).expect("the journal");
    let (mut records, mut out) = (Vec::new(), Output::unplotted());
    while reader.add_batch(&mut records).expect("records") {
        let decoded: Vec<_> = records.iter().map(decode_record).collect();
        for (place, (record, decoded)) in records.iter().zip(&decoded).enumerate() {
            if place.is_multiple_of(FORESEEN) {
                engine.foresee(&records[place..]);
            }
            engine.apply(record, decoded.as_ref(), &mut out);
        }
        out.effects.take();
        out.verdicts.clear();
        records.clear();
    }
    let evaluations: u64 = engine.pack().counts().iter().map(|counts| counts.evaluations).sum();
    say(&format!("one engine alone: {}; {evaluations} evaluations", watch.read(messages)));
}

fn backtest(source: &Source<'_>) {
    let ask = Ask {
        files: Some(gengfu_rules::library::files()),
        from: Timestamp(START),
        to: Timestamp(i64::MAX / 2),
        sweep: None,
        against: Against::History,
        examples: 3,
    };
    let watch = Stopwatch::start();
    let report = run(source, &ask, Timestamp(START), &Unwatched).expect("the backtest runs");
    say(&format!("backtest, each message judged by 2 sides: {}", watch.read(report.counts.messages)));
    say(&format!("  {}", report.summary()));
    for cost in &report.costs {
        let (side, made, shared) = (&cost.side, cost.evaluations, cost.shared);
        say(&format!("  {side}: {made} evaluations, {shared} of them made once for it and the live side"));
    }
    say(&format!("  {} ms in the engine", report.busy_ms));
}

/// Takes the time that passes, and the processor time of all threads.
struct Stopwatch {
    begun: Instant,
    processor: f64,
}

impl Stopwatch {
    fn start() -> Stopwatch {
        Stopwatch { begun: Instant::now(), processor: processor_s() }
    }

    fn read(&self, messages: u64) -> String {
        let (passed, processor) = (self.begun.elapsed().as_secs_f64(), processor_s() - self.processor);
        let rate = |seconds: f64| messages as f64 / seconds;
        format!(
            "{messages} messages in {passed:.1} s, {:.0} messages/s; {processor:.1} s of processor time, \
             {:.0} messages/s a core",
            rate(passed),
            rate(processor)
        )
    }
}

/// Processor time of this process so far, in seconds.
fn processor_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may have blanks, the 12th and 13th: ticks of a hundredth of a second.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Lets the highest mark of memory begin anew; where that cannot be done, it is that of the whole run.
fn reset_peak() {
    std::fs::write("/proc/self/clear_refs", "5").ok();
}

fn say_memory(before: u64) {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    say(&format!(
        "  resident memory: {:.0} MiB before, {:.0} MiB after, {:.0} MiB at most",
        mib(before),
        mib(resident()),
        mib(peak())
    ));
}

fn generate(data: &std::path::Path, messages: u64, every_ms: u64) {
    let ids: Vec<DeviceId> =
        (0..DEVICES).map(|number| DeviceId::new(&format!("cover-{number:05}")).expect("an id")).collect();
    let devices = ids.iter().map(device).collect();
    let beginning = Beginning {
        from: Timestamp(START),
        outcome: OutcomeConfig::default(),
        profile: gengfu_cases::profile::YUNCHENG,
        files: gengfu_rules::library::files(),
        places: Vec::new(),
        devices,
    };
    let mut generator = Generator::begin(data, 64 << 20, beginning).expect("a journal");
    let mut payload = Vec::new();
    for number in 0..messages {
        let passed_ms = number * every_ms / DEVICES as u64;
        let time = Timestamp(START + 1_000 + i64::try_from(passed_ms).expect("a time"));
        // Devices come in an order that no cache likes; one message of 5,000 is a cover that tips.
        let device = (number.wrapping_mul(7_919) % DEVICES as u64) as usize;
        let tilt = if number % 5_000 == 4_999 { 45.0 } else { (number % 17) as f64 / 10.0 };
        payload.clear();
        let time_ms = time.as_millis();
        write!(
            payload,
            r#"{{"ts":{time_ms},"tilt_deg":{tilt:.1},"battery_pct":{},"water_level_cm":0.0}}"#,
            50 + number % 50
        )
        .expect("memory takes it");
        generator.message(time, &ids[device], Kind::Manhole, &payload).expect("the disk takes it");
    }
    assert_eq!(generator.finish().expect("the disk takes it"), messages);
}

fn device(id: &DeviceId) -> Device {
    Device {
        id: id.clone(),
        kind: Kind::Manhole,
        model: "".into(),
        asset_code: id.as_str().into(),
        name: "".into(),
        latitude: None,
        longitude: None,
        district: "盐湖区".into(),
        grid: "".into(),
        feeder: "".into(),
        cabinet: "".into(),
        catchment: "".into(),
        carrier_cell: "".into(),
        department: "".into(),
        asset_type: "01-02".into(),
        interval_s: 21_600,
        token_hash: None,
        attributes: Attributes::default(),
        life: DeviceLife::Registered,
    }
}

fn size(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry"));
    entries
        .map(|entry| if entry.path().is_dir() { size(&entry.path()) } else { entry.metadata().expect("a file").len() })
        .sum()
}

fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() * 1_024
}

fn resident() -> u64 {
    status("VmRSS")
}

fn peak() -> u64 {
    status("VmHWM")
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn say(text: &str) {
    println!("{text}");
}
