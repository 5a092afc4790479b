//! One device in front of a pack: readings go in, time passes, signals come out.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(unreachable_pub, reason = "shared by several test binaries")]

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::{Assertion, Device, DeviceId, DeviceLife, Kind, Quality, Seq, Signal, Timestamp, Value};
use gengfu_rules::{City, Context, Latest, LatestValue, Pack, Parameters, PausedRules, RuleState, Tier};

pub const SECOND: i64 = 1_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;

/// 2026-06-21 10:00 in China.
pub const START: i64 = 1_782_007_200_000;

pub fn compile(files: &[(&str, &str)]) -> Pack {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    Pack::compile_in(&files, tier()).unwrap_or_else(|diagnostics| panic!("{}", show(&diagnostics)))
}

/// The tier that this test binary compiles for: those named `.._interpreter` run the same stories there.
pub fn tier() -> Tier {
    if env!("CARGO_CRATE_NAME").ends_with("_interpreter") { Tier::Interpreter } else { Tier::Lowered }
}

/// The diagnostics as people see them.
pub fn show(diagnostics: &[gengfu_rules::Diagnostic]) -> String {
    diagnostics.iter().map(|d| format!("{d}\n")).collect()
}

/// A rule of that kind around a body of `on_message`.
pub fn rule(kind: &str, body: &str) -> String {
    format!(
        "const RULE = #{{ kind: \"{kind}\", key: \"k\", severity: \"major\", condition: \"gas_alarm\", \
         text_zh: \"z\", text_en: \"e\" }};\nfn on_message(msg, dev) {{\n{body}\n}}\n"
    )
}

pub fn device(kind: Kind) -> Device {
    Device {
        id: DeviceId::new("d-1").unwrap(),
        kind,
        model: Arc::from(""),
        asset_code: Arc::from("a-1"),
        name: Arc::from("人民路1号"),
        latitude: None,
        longitude: None,
        district: Arc::from("盐湖"),
        grid: Arc::from(""),
        feeder: Arc::from("f-1"),
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

/// A field's value for [`Bench::feed`].
#[derive(Clone, Debug)]
pub enum V {
    B(bool),
    N(f64),
    T(&'static str),
    Faulty,
}
impl From<bool> for V {
    fn from(v: bool) -> V {
        V::B(v)
    }
}
impl From<f64> for V {
    fn from(v: f64) -> V {
        V::N(v)
    }
}
impl From<&'static str> for V {
    fn from(v: &'static str) -> V {
        V::T(v)
    }
}

pub struct Bench {
    pub pack: Pack,
    pub device: Device,
    pub latest: Latest,
    pub state: RuleState,
    pub parameters: Parameters,
    pub city: City,
    pub now: Timestamp,
    pub seq: Seq,
    pub late: bool,
    pub inherits: bool,
    pub paused: PausedRules,
    pub signals: Vec<Signal>,
    open: BTreeMap<(String, String), String>,
}

impl Bench {
    pub fn new(pack: Pack, kind: Kind) -> Bench {
        Bench {
            pack,
            device: device(kind),
            latest: Latest::default(),
            state: RuleState::default(),
            parameters: Parameters::default(),
            city: City::usual().clone(),
            now: Timestamp(START),
            seq: Seq(1),
            late: false,
            inherits: false,
            paused: PausedRules::default(),
            signals: Vec::new(),
            open: BTreeMap::new(),
        }
    }

    /// One rule whose `on_message` is `body`.
    pub fn of(kind: Kind, body: &str) -> Bench {
        Bench::new(compile(&[("r.rhai", &rule(kind.name(), body))]), kind)
    }

    pub fn shipped(kind: Kind) -> Bench {
        Bench::new(Pack::compile_in(&gengfu_rules::library::files(), tier()).unwrap(), kind)
    }

    /// A reading measured and received now. Gives the signals as `+rule/key severity`, `-rule/key`.
    pub fn feed(&mut self, fields: &[(&str, V)]) -> Vec<String> {
        self.feed_at(self.now, fields)
    }

    /// A reading measured at another time than it is received.
    pub fn feed_at(&mut self, event_time: Timestamp, fields: &[(&str, V)]) -> Vec<String> {
        self.seq = self.seq.next();
        let mut carried = 0;
        for (name, value) in fields {
            let field = self.device.kind.field(name).unwrap_or_else(|| panic!("no field {name}"));
            carried |= 1 << field.0;
            let (value, quality) = match value {
                V::B(v) => (Value::Bool(*v), Quality::Ok),
                V::N(v) => (Value::Number(*v), Quality::Ok),
                V::T(v) => (Value::Text(Arc::from(*v)), Quality::Ok),
                V::Faulty => (Value::Number(0.0), Quality::Faulty),
            };
            let (journal_time, seq) = (self.now, self.seq);
            self.latest.set(field, LatestValue { value, quality, event_time, journal_time, seq });
        }
        self.judge(|pack, cx, state, out| {
            pack.arm(cx, state, out);
            pack.on_reading(cx, event_time, carried, state, out);
        })
    }

    /// Time passes; timers fire when they are due.
    pub fn advance(&mut self, ms: i64) -> Vec<String> {
        let end = self.now.plus_ms(ms);
        let mut said = Vec::new();
        for _ in 0..10_000 {
            match self.pack.next_due(&self.device, &self.state).filter(|due| *due <= end) {
                Some(due) => {
                    self.now = due.max(self.now);
                    said.extend(self.judge(|pack, cx, state, out| pack.on_timer(cx, state, out)));
                }
                None => {
                    self.now = end;
                    return said;
                }
            }
        }
        panic!("timers never let go");
    }

    pub fn judge(&mut self, act: impl FnOnce(&Pack, &Context<'_>, &mut RuleState, &mut Vec<Signal>)) -> Vec<String> {
        let mut cx = Context::new(&self.device, &self.latest, &self.parameters, self.now, self.seq);
        cx.late = self.late;
        cx.city = &self.city;
        cx.inherits = self.inherits;
        cx.paused = &self.paused;
        let mut out = Vec::new();
        act(&self.pack, &cx, &mut self.state, &mut out);
        let mut said = Vec::new();
        for signal in out {
            let place = (signal.rule.to_string(), signal.key.to_string());
            match &signal.assertion {
                Assertion::Raise { severity, condition, .. } => {
                    said.push(format!("+{}/{} {}", signal.rule, signal.key, severity.name()));
                    self.open.insert(place, condition.to_string());
                }
                Assertion::Clear { .. } => {
                    said.push(format!("-{}/{}", signal.rule, signal.key));
                    self.open.remove(&place);
                }
            }
            self.signals.push(signal);
        }
        said
    }

    /// The conditions that hold, ordered by rule and key.
    pub fn open(&self) -> Vec<&str> {
        self.open.values().map(String::as_str).collect()
    }

    pub fn is_open(&self) -> bool {
        !self.open.is_empty()
    }
}
