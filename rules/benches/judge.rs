//! How fast devices are judged: evaluations a second of a threshold rule and of the shipped manhole
//! rules, on one warm device and over 100,000 states in random order. Prints; asserts no speed.
//!
//! `cargo bench -p gengfu-rules --bench judge`
#![expect(clippy::print_stdout, reason = "a bench prints its result")]
#![expect(clippy::unwrap_used, reason = "a bench stops at the first surprise")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use gengfu_model::{Device, DeviceId, DeviceLife, Kind, Quality, Seq, Timestamp, Value};
use gengfu_rules::{Context, Latest, LatestValue, Pack, Parameters, RuleState, library};

const DEVICES: usize = 100_000;
const WARM: u64 = 3_000_000;
const SPREAD: u64 = 2_000_000;
const THRESHOLD: &str = "const RULE = #{ kind: \"manhole\", key: \"k\", severity: \"major\", condition: \"cover_tilted\", \
                         text_zh: \"z\", text_en: \"e\" };\n\
                         fn on_message(msg, dev) { incident(msg.battery_pct > 10.0 && msg.tilt_deg > 15.0); }\n";

fn device(number: usize) -> Device {
    Device {
        id: DeviceId::new(&format!("cover-{number}")).unwrap(),
        kind: Kind::Manhole,
        model: Arc::from(""),
        asset_code: Arc::from("a"),
        name: Arc::from(""),
        latitude: None,
        longitude: None,
        district: Arc::from(""),
        grid: Arc::from(""),
        feeder: Arc::from(""),
        cabinet: Arc::from(""),
        catchment: Arc::from(""),
        carrier_cell: Arc::from(""),
        department: Arc::from(""),
        asset_type: Arc::from("01-02"),
        interval_s: 600,
        token_hash: None,
        attributes: BTreeMap::new(),
        life: DeviceLife::InService,
    }
}

struct One {
    device: Device,
    latest: Latest,
    state: RuleState,
}

const FIELDS: [(&str, f64); 5] =
    [("battery_pct", 80.0), ("tilt_deg", 2.0), ("temperature_c", 20.0), ("ch4_pct_lel", 3.0), ("rssi_dbm", -90.0)];

fn one(number: usize) -> (One, u32) {
    let device = device(number);
    let mut latest = Latest::default();
    let mut carried = 0;
    for (name, value) in FIELDS {
        let field = device.kind.field(name).unwrap();
        carried |= 1 << field.0;
        let time = Timestamp(1);
        let value = Value::Number(value);
        latest
            .set(field, LatestValue { value, quality: Quality::Ok, event_time: time, journal_time: time, seq: Seq(1) });
    }
    (One { device, latest, state: RuleState::default() }, carried)
}

fn judge(pack: &Pack, one: &mut One, carried: u32, n: u64, parameters: &Parameters) {
    let time = Timestamp(1 + i64::try_from(n % 1_000).unwrap());
    let cx = Context::new(&one.device, &one.latest, parameters, time, Seq(n));
    let mut out = Vec::new();
    pack.on_reading(&cx, time, carried, &mut one.state, &mut out);
    assert!(black_box(out).is_empty());
}

fn report(what: &str, readings: u64, started: Instant, pack: &Pack, before: u64) {
    let seconds = started.elapsed().as_secs_f64();
    let evaluations = total(pack) - before;
    println!(
        "{what}: {:.2} M readings/s, {:.2} M evaluations/s, {:.0} ns a reading",
        readings as f64 / seconds / 1e6,
        evaluations as f64 / seconds / 1e6,
        seconds * 1e9 / readings as f64
    );
}

fn total(pack: &Pack) -> u64 {
    pack.counts().iter().map(|counts| counts.evaluations).sum()
}

fn run(name: &str, pack: &Pack) {
    let parameters = Parameters::default();
    let (mut warm, carried) = one(0);
    judge(pack, &mut warm, carried, 0, &parameters);
    let (started, before) = (Instant::now(), total(pack));
    for n in 0..WARM {
        judge(pack, &mut warm, carried, n, &parameters);
    }
    report(&format!("{name}, one warm device"), WARM, started, pack, before);

    let mut all: Vec<One> = (0..DEVICES).map(|number| one(number).0).collect();
    for device in &mut all {
        judge(pack, device, carried, 0, &parameters);
    }
    let (started, before) = (Instant::now(), total(pack));
    let mut seed: u64 = 1;
    for n in 0..SPREAD {
        // xorshift: the same order in every run.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let place = usize::try_from(seed % DEVICES as u64).unwrap();
        judge(pack, &mut all[place], carried, n, &parameters);
    }
    report(&format!("{name}, {DEVICES} states in random order"), SPREAD, started, pack, before);
}

fn main() {
    let threshold = BTreeMap::from([("threshold.rhai".to_owned(), THRESHOLD.to_owned())]);
    run("one threshold rule", &Pack::compile(&threshold).unwrap());
    run("shipped manhole rules", &Pack::compile(&library::files()).unwrap());
}
