//! How fast devices are judged: six named rules in both tiers beside a native floor, on one warm device
//! and over 100,000 device states in random order; instructions per evaluation by callgrind. Prints;
//! asserts no speed.
//!
//! `cargo bench -p gengfu-rules --bench judge` measures all; `-- threshold` only what has that name.
//! Instructions need valgrind (Debian: `apt-get install valgrind`); without it they are left out.
#![expect(clippy::print_stdout, reason = "a bench prints its result")]
#![expect(clippy::unwrap_used, reason = "a bench stops at the first surprise")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use gengfu_model::{Attributes, Device, DeviceId, DeviceLife, Kind, Quality, Seq, Timestamp, Value};
use gengfu_rules::{Context, Latest, LatestValue, Pack, Parameters, RuleState, Tier, library};

const DEVICES: usize = 100_000;
const WARM: u64 = 2_000_000;
const SPREAD: u64 = 1_000_000;
/// How often the rule runs under callgrind; the difference between once and twice as often counts.
const COUNTED: u64 = 3_000;

/// Every shipped rule of a manhole.
const SHIPPED: &str = "shipped";

/// Name, kind, and the body of `on_message`. None of them changes its verdict while it is measured.
const RULES: [(&str, Kind, &str); 8] = [
    ("threshold", Kind::Manhole, "incident(msg.battery_pct > 10.0 && msg.tilt_deg > 15.0);"),
    ("hysteresis", Kind::Manhole, "incident(band(msg.tilt_deg, 10.0, 8.0));"),
    ("rate", Kind::Manhole, "incident(rate(msg.ch4_pct_lel, 1.h) > 20.0);"),
    ("held", Kind::Manhole, "incident(held(msg.tilt_deg > 10.0, 10.s));"),
    ("schedule", Kind::Manhole, "incident(msg.tilt_deg > 15.0 && at(\"22:00\", \"06:00\"));"),
    ("parameter", Kind::Manhole, "incident(msg.tilt_deg - or_else(dev.baseline_tilt_deg, 0.0) > param.limit);"),
    ("geofence", Kind::Truck, "incident(!inside(\"depot\", msg) && msg.speed_kmh > 90.0);"),
    ("sun", Kind::Streetlight, "incident(msg.on && sun(dev));"),
];

fn text(kind: Kind, body: &str) -> String {
    format!(
        "const RULE = #{{ kind: \"{}\", key: \"k\", severity: \"major\", condition: \"cover_tilted\", \
         text_zh: \"z\", text_en: \"e\", parameters: #{{ limit: #{{ default: 30.0, min: 0.0, max: 90.0 }} }} }};\n\
         fn on_message(msg, dev) {{ {body} }}\n",
        kind.name()
    )
}

fn device(kind: Kind, number: usize) -> Device {
    Device {
        id: DeviceId::new(&format!("d-{number}")).unwrap(),
        kind,
        model: Arc::from(""),
        asset_code: Arc::from("a"),
        name: Arc::from(""),
        latitude: Some(35.02),
        longitude: Some(111.0),
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
        attributes: Attributes::default(),
        life: DeviceLife::InService,
    }
}

struct One {
    device: Device,
    latest: Latest,
    state: RuleState,
}

const FIELDS: [(&str, f64); 8] = [
    ("battery_pct", 80.0),
    ("tilt_deg", 2.0),
    ("temperature_c", 20.0),
    ("ch4_pct_lel", 3.0),
    ("rssi_dbm", -90.0),
    ("latitude", 35.02),
    ("longitude", 111.0),
    ("speed_kmh", 20.0),
];

fn one(kind: Kind, number: usize) -> (One, u32) {
    let device = device(kind, number);
    let mut latest = Latest::default();
    let mut carried = 0;
    let fields = FIELDS.iter().map(|(name, value)| (*name, Value::Number(*value))).chain([("on", Value::Bool(false))]);
    for (name, value) in fields {
        let Some(field) = device.kind.field(name) else { continue };
        carried |= 1 << field.0;
        let time = Timestamp(1);
        latest
            .set(field, LatestValue { value, quality: Quality::Ok, event_time: time, journal_time: time, seq: Seq(1) });
    }
    (One { device, latest, state: RuleState::default() }, carried)
}

#[inline(always)]
fn judge(pack: &Pack, one: &mut One, carried: u32, n: u64, parameters: &Parameters) {
    let time = Timestamp(1 + (n & 1_023) as i64);
    let cx = Context::new(&one.device, &one.latest, parameters, time, Seq(n));
    let mut out = Vec::new();
    pack.on_reading(&cx, time, carried, &mut one.state, &mut out);
    assert!(black_box(out).is_empty());
}

/// The threshold rule as a programmer would write it, with the same checks of quality and age.
#[inline(never)]
fn native(one: &One, n: u64) -> Option<bool> {
    let time = Timestamp(1 + (n & 1_023) as i64);
    let value = |name: u8| {
        let latest = one.latest.get(gengfu_model::FieldId(name))?;
        let fresh = time.since_ms(latest.journal_time) * 2 <= i64::from(one.device.interval_s) * 5_000;
        (latest.quality == Quality::Ok && fresh).then_some(latest.value.as_number()?)
    };
    let (battery, tilt) = black_box((Kind::Manhole.field("battery_pct")?.0, Kind::Manhole.field("tilt_deg")?.0));
    Some(value(battery)? > 10.0 && value(tilt)? > 15.0)
}

fn evaluations(pack: &Pack) -> u64 {
    pack.counts().iter().map(|counts| counts.evaluations).sum()
}

/// Millions of evaluations a second: on one warm device, and over many states in random order.
fn speed(pack: &Pack, kind: Kind) -> (f64, f64) {
    let parameters = Parameters::default();
    let (mut warm, carried) = one(kind, 0);
    judge(pack, &mut warm, carried, 0, &parameters);
    let (started, before) = (Instant::now(), evaluations(pack));
    for n in 0..WARM {
        judge(pack, &mut warm, carried, n, &parameters);
    }
    let warm = (evaluations(pack) - before) as f64 / started.elapsed().as_secs_f64() / 1e6;
    let mut all: Vec<One> = (0..DEVICES).map(|number| one(kind, number).0).collect();
    for device in &mut all {
        judge(pack, device, carried, 0, &parameters);
    }
    let (started, before) = (Instant::now(), evaluations(pack));
    let mut seed: u64 = 1;
    for n in 0..SPREAD {
        // xorshift: the same order in every run.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let place = usize::try_from(seed % DEVICES as u64).unwrap();
        judge(pack, &mut all[place], carried, n, &parameters);
    }
    (warm, (evaluations(pack) - before) as f64 / started.elapsed().as_secs_f64() / 1e6)
}

fn compiled(name: &str, tier: Tier) -> Option<(Pack, Kind)> {
    if name == SHIPPED {
        return Some((Pack::compile_in(&library::files(), tier).ok()?, Kind::Manhole));
    }
    let (_, kind, body) = RULES.iter().find(|(known, _, _)| *known == name)?;
    let files = BTreeMap::from([(format!("{name}.rhai"), text(*kind, body))]);
    Some((Pack::compile_in(&files, tier).ok()?, *kind))
}

/// The instructions of one evaluation: this program runs itself under callgrind, once and twice as long.
fn instructions(what: &str) -> Option<u64> {
    let total = |times: u64| {
        let program = std::env::current_exe().ok()?;
        let run = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(program)
            .args(["--count", what, &times.to_string()])
            .output()
            .ok()?;
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        let line = said.lines().find(|line| line.contains("Collected"))?;
        line.rsplit(':').next()?.trim().replace(',', "").parse::<u64>().ok()
    };
    Some((total(2 * COUNTED)? - total(COUNTED)?) / COUNTED)
}

/// What runs under callgrind: `RULE/TIER` so many times.
fn count(what: &str, times: u64) {
    let (name, tier) = what.split_once('/').unwrap();
    let parameters = Parameters::default();
    if tier == "native" {
        let (device, _) = one(Kind::Manhole, 0);
        for n in 0..times {
            black_box(native(black_box(&device), n));
        }
        return;
    }
    let tier = if tier == "lowered" { Tier::Lowered } else { Tier::Interpreter };
    let (pack, kind) = compiled(name, tier).unwrap();
    let (mut device, carried) = one(kind, 0);
    for n in 0..times {
        judge(&pack, &mut device, carried, n, &parameters);
    }
}

fn row(name: &str, tier: &str, speed: (f64, f64), instructions: Option<u64>) {
    let instructions = instructions.map_or_else(|| "-".to_owned(), |n| n.to_string());
    println!("{name:<11} {tier:<12} {:>10.2} {:>10.2} {instructions:>13}", speed.0, speed.1);
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [flag, what, times] = arguments.as_slice()
        && flag == "--count"
    {
        return count(what, times.parse().unwrap());
    }
    let wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|argument| name.contains(argument.as_str()));
    let has_valgrind = Command::new("valgrind").arg("--version").output().is_ok_and(|run| run.status.success());
    if !has_valgrind {
        println!("valgrind is not there: no instruction counts (Debian: apt-get install valgrind)");
    }
    let counted = |what: &str| if has_valgrind { instructions(what) } else { None };
    println!("{:<11} {:<12} {:>10} {:>10} {:>13}", "rule", "tier", "M/s warm", "M/s spread", "instructions");
    if wanted("threshold") {
        let device = one(Kind::Manhole, 0).0;
        let started = Instant::now();
        for n in 0..WARM {
            black_box(native(black_box(&device), n));
        }
        let warm = WARM as f64 / started.elapsed().as_secs_f64() / 1e6;
        println!(
            "{:<11} {:<12} {warm:>10.2} {:>10} {:>13}",
            "threshold",
            "native",
            "-",
            counted("threshold/native").map_or_else(|| "-".to_owned(), |n| n.to_string())
        );
    }
    for (name, _, _) in RULES.iter().filter(|(name, _, _)| wanted(name)) {
        for (tier, label) in [(Tier::Lowered, "lowered"), (Tier::Interpreter, "interpreter")] {
            match compiled(name, tier) {
                Some((pack, kind)) => row(name, label, speed(&pack, kind), counted(&format!("{name}/{label}"))),
                None => println!("{name:<11} {label:<12} its words are not in this build"),
            }
        }
    }
    if wanted(SHIPPED) {
        for (tier, label) in [(Tier::Lowered, "lowered"), (Tier::Interpreter, "interpreter")] {
            let (pack, kind) = compiled(SHIPPED, tier).unwrap();
            row(SHIPPED, label, speed(&pack, kind), counted(&format!("{SHIPPED}/{label}")));
        }
        println!("(shipped: every shipped rule of a manhole; evaluations one by one, instructions of a whole reading)");
    }
}
