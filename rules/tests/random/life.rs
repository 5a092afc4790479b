//! What happens to a device: readings in time and late, repeats, gaps, restarts, other packs, pauses; parameters of
//! every scope, other calendars and places, another entry in the register.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::{DeviceLife, Kind, Timestamp, Value};
use gengfu_rules::{Context, Latest, Pack, PausedRules, RuleState, Tier, Why};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::subject::{Subject, attributes, places, position, set_calendar, subject_of};
use crate::common::{self, Bench, HOUR, MINUTE, SECOND, V};

/// What happens.
#[derive(Clone, Debug)]
pub enum Event {
    /// Fields by their number, in tenths; `None`: the sensor says that it is broken. How long ago, and whether the
    /// engine calls it late.
    Reading(Vec<(usize, Option<i32>)>, i64, bool),
    /// The last reading once more.
    Again,
    Wait(i64),
    /// A parameter by its number, the scope by its own.
    Parameter(usize, usize, Option<i32>),
    /// The state is written and read back, and the pack compiled again.
    Restart,
    /// Another rule comes into the pack, or goes.
    Reload,
    /// Nobody kept time.
    Away(i64),
    /// The asset has open incidents from another sensor, or not.
    Inherits(bool),
    /// The rule is paused, or goes on.
    Pause(bool),
    /// The device is registered in another district and feeder, or back; and without a position, or with one.
    Move(bool, bool),
    /// Another calendar and other lighting hours, by their number.
    Calendar(usize),
    /// Other places, by their number.
    Places(usize),
    /// Other attributes in the register, by their number.
    Attributes(usize),
    /// The device is in maintenance, or in service again.
    Maintenance(bool),
}

/// The fields of a reading: four numbers, four flags, the whole number, position, text, precision.
const FIELDS: usize = 12;
/// The scopes of parameters: three that the device is in, and two that it may be in after a move.
const SCOPES: [&str; 6] = ["kind", "district:盐湖", "group:f-1", "device:d-1", "district:别处", "group:f-2"];

pub fn event() -> impl Strategy<Value = Event> {
    let field = (0..FIELDS, prop_oneof![8 => (0..500).prop_map(Some), 1 => Just(None)]);
    let ago = prop_oneof![
        4 => Just((0, false)),
        2 => Just((SECOND, false)),
        2 => Just((90 * SECOND, false)),
        1 => Just((20 * MINUTE, true)),
        1 => Just((3 * HOUR, true)),
    ];
    let wait = prop_oneof![
        4 => Just(1),
        6 => Just(SECOND),
        6 => Just(40 * SECOND),
        6 => Just(10 * MINUTE),
        4 => Just(HOUR),
        2 => Just(9 * HOUR),
        1 => Just(40 * HOUR),
    ];
    prop_oneof![
        48 => (proptest::collection::vec(field, 1..6), ago)
            .prop_map(|(fields, (ago, late))| Event::Reading(fields, ago, late)),
        4 => Just(Event::Again),
        24 => wait.prop_map(Event::Wait),
        6 => (0..3_usize, 0..SCOPES.len(), proptest::option::of(0..50))
            .prop_map(|(which, scope, value)| Event::Parameter(which, scope, value)),
        4 => Just(Event::Restart),
        2 => Just(Event::Reload),
        2 => prop_oneof![Just(MINUTE), Just(2 * HOUR)].prop_map(Event::Away),
        2 => any::<bool>().prop_map(Event::Inherits),
        2 => any::<bool>().prop_map(Event::Pause),
        2 => (any::<bool>(), any::<bool>()).prop_map(|(away, nowhere)| Event::Move(away, nowhere)),
        2 => (0..3_usize).prop_map(Event::Calendar),
        3 => (0..3_usize).prop_map(Event::Places),
        2 => (0..3_usize).prop_map(Event::Attributes),
        1 => any::<bool>().prop_map(Event::Maintenance),
    ]
}

/// A rule that stands before the random one, so that the random one's slots lie elsewhere.
const OTHER: &str = "incident(held(msg.temperature_c > 20.0, 10.s), #{ value: avg(msg.battery_v, 1.h) });";

/// A device's life under a pack, in one tier.
pub struct Life {
    pub bench: Bench,
    tier: Tier,
    files: BTreeMap<String, String>,
    subject: &'static Subject,
    last: Option<(Timestamp, Vec<(&'static str, V)>)>,
}

impl Life {
    /// A new device under a pack of one rule; the mistakes if that does not compile.
    pub fn new(rule: &str, tier: Tier) -> Result<Life, String> {
        let files = BTreeMap::from([("r.rhai".to_owned(), rule.to_owned())]);
        let pack = Pack::compile_in(&files, tier).map_err(|mistakes| common::show(&mistakes))?;
        let kind: Kind = pack.rules()[0].kind;
        let mut life = Life { bench: Bench::new(pack, kind), tier, files, subject: subject_of(kind), last: None };
        life.play(&Event::Move(false, false));
        life.play(&Event::Attributes(1));
        life.play(&Event::Places(1));
        Ok(life)
    }

    pub fn play(&mut self, event: &Event) {
        match event {
            Event::Reading(fields, ago, late) => {
                let fields = reading(self.subject, fields);
                let time = self.bench.now.plus_ms(-ago);
                self.bench.late = *late;
                self.bench.feed_at(time, &fields);
                self.bench.late = false;
                self.last = Some((time, fields));
            }
            Event::Again => {
                if let Some((time, fields)) = self.last.clone() {
                    self.bench.feed_at(time, &fields);
                }
            }
            Event::Wait(ms) => {
                self.bench.advance(*ms);
            }
            Event::Parameter(which, scope, value) => {
                let (name, value) = match which {
                    0 => ("limit", value.map(|v| Value::Number(f64::from(v)))),
                    1 => ("hold", value.map(|v| Value::Number(f64::from(v + 1)))),
                    _ => ("strict", value.map(|v| Value::Bool(v % 2 == 0))),
                };
                self.bench.parameters.set(&"r".into(), &name.into(), &SCOPES[*scope].into(), value);
            }
            Event::Restart => {
                self.bench.state = stored::<RuleState>(&self.bench.state);
                self.bench.latest = stored::<Latest>(&self.bench.latest);
                self.compile();
            }
            Event::Reload => {
                if self.files.remove("a.rhai").is_none() {
                    let other = common::rule(self.subject.kind.name(), OTHER);
                    self.files.insert("a.rhai".to_owned(), other);
                }
                self.compile();
            }
            Event::Away(gap_ms) => {
                self.bench.state.shift(*gap_ms);
                self.bench.now = self.bench.now.plus_ms(*gap_ms);
            }
            Event::Inherits(inherits) => self.bench.inherits = *inherits,
            Event::Pause(paused) => {
                let one = r#"{"r":{"since":0,"by":"test","reason":""}}"#;
                self.bench.paused = serde_json::from_str::<PausedRules>(if *paused { one } else { "{}" }).unwrap();
            }
            Event::Move(away, nowhere) => {
                let device = &mut self.bench.device;
                device.district = Arc::from(if *away { "别处" } else { "盐湖" });
                device.feeder = Arc::from(if *away { "f-2" } else { "f-1" });
                let place = position(if *away { 300 } else { 155 });
                (device.longitude, device.latitude) =
                    if *nowhere { (None, None) } else { (Some(place.0), Some(place.1)) };
            }
            Event::Calendar(which) => set_calendar(&mut self.bench.city, *which),
            Event::Places(which) => self.bench.city.put_places(places(*which)),
            Event::Attributes(which) => self.bench.device.attributes = attributes(self.subject.kind, *which),
            Event::Maintenance(begins) => {
                self.bench.device.life = if *begins { DeviceLife::Maintenance } else { DeviceLife::InService };
            }
        }
    }

    /// Why the rule says what it says now, whatever runs it. Of an evaluation that fails, how far it came is the tier's
    /// own: the interpreter stops, the lowered tier looks at the rest as well.
    pub fn why(&self) -> Why {
        let Bench { pack, device, latest, state, parameters, city, now, seq, paused, .. } = &self.bench;
        let mut cx = Context::new(device, latest, parameters, *now, *seq);
        (cx.city, cx.paused) = (city, paused);
        let mut why = Why { tier: Tier::Lowered, ..pack.why(&cx, state, "r").unwrap() };
        if why.fault.is_some() {
            why.steps.clear();
        }
        why
    }

    fn compile(&mut self) {
        self.bench.pack = Pack::compile_in(&self.files, self.tier).unwrap();
    }
}

/// The fields of a reading by their numbers; a kind without such a field leaves it out.
fn reading(subject: &Subject, fields: &[(usize, Option<i32>)]) -> Vec<(&'static str, V)> {
    let fields: BTreeMap<usize, Option<i32>> = fields.iter().copied().collect();
    let is_truck = subject.kind == Kind::Truck;
    let mut named: BTreeMap<&'static str, V> = BTreeMap::new();
    for (field, value) in fields {
        let mut put = |name: &'static str, of: &dyn Fn(i32) -> V| {
            named.insert(name, value.map_or(V::Faulty, of));
        };
        match field {
            0..4 => put(subject.floats[field], &|v| V::N(f64::from(v) / 10.0)),
            4..8 => put(subject.bools[field - 4], &|v| V::B(v % 2 == 0)),
            8 => put(subject.whole.1, &|v| V::N(f64::from(v / 40))),
            9 if is_truck => {
                put("longitude", &|v| V::N(position(v).0));
                put("latitude", &|v| V::N(position(v).1));
            }
            10 => {
                if let Some(text) = subject.text {
                    put(text, &|v| V::T(["sweep", "collect", "R7"][(v % 3) as usize]));
                }
            }
            11 if is_truck => put("hdop", &|v| V::N(f64::from(v) / 80.0)),
            _ => put("temperature_c", &|v| V::N(f64::from(v) / 10.0)),
        }
    }
    named.into_iter().collect()
}

/// As it comes back from a checkpoint's row.
fn stored<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> T {
    let bytes = postcard::to_extend(value, Vec::new()).unwrap();
    let back: T = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(&back, value);
    back
}
