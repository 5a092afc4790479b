//! What happens to a device: readings in time and late, repeats, gaps, restarts, other packs, pauses.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::{Kind, Timestamp, Value};
use gengfu_rules::{Latest, Pack, PausedRules, RuleState, Tier};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::terms::{BOOLS, FLOATS};
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
    /// A parameter by its number.
    Parameter(usize, Option<i32>),
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
    /// The device is registered in another district, or back.
    Move(bool),
}

pub fn event() -> impl Strategy<Value = Event> {
    let field = (0..FLOATS.len() + BOOLS.len() + 1, prop_oneof![8 => (0..500).prop_map(Some), 1 => Just(None)]);
    let ago = prop_oneof![
        4 => Just((0, false)),
        2 => Just((SECOND, false)),
        2 => Just((90 * SECOND, false)),
        1 => Just((20 * MINUTE, true)),
        1 => Just((3 * HOUR, true)),
    ];
    let wait = prop_oneof![
        2 => Just(1),
        3 => Just(SECOND),
        3 => Just(40 * SECOND),
        3 => Just(10 * MINUTE),
        2 => Just(HOUR),
        1 => Just(9 * HOUR),
    ];
    prop_oneof![
        24 => (proptest::collection::vec(field, 1..5), ago)
            .prop_map(|(fields, (ago, late))| Event::Reading(fields, ago, late)),
        2 => Just(Event::Again),
        12 => wait.prop_map(Event::Wait),
        3 => (0..3_usize, proptest::option::of(0..50)).prop_map(|(which, value)| Event::Parameter(which, value)),
        2 => Just(Event::Restart),
        1 => Just(Event::Reload),
        1 => prop_oneof![Just(MINUTE), Just(2 * HOUR)].prop_map(Event::Away),
        1 => any::<bool>().prop_map(Event::Inherits),
        1 => any::<bool>().prop_map(Event::Pause),
        1 => any::<bool>().prop_map(Event::Move),
    ]
}

/// A rule that stands before the random one, so that the random one's slots lie elsewhere.
const OTHER: &str = "incident(held(msg.leak, 10.s), #{ value: avg(msg.nh3_ppm, 1.h) });";

/// A device's life under a pack, in one tier.
pub struct Life {
    pub bench: Bench,
    tier: Tier,
    files: BTreeMap<String, String>,
    last: Option<(Timestamp, Vec<(&'static str, V)>)>,
}

impl Life {
    /// A new device under a pack of one rule; the mistakes if that does not compile.
    pub fn new(rule: &str, tier: Tier) -> Result<Life, String> {
        let files = BTreeMap::from([("r.rhai".to_owned(), rule.to_owned())]);
        let pack = Pack::compile_in(&files, tier).map_err(|mistakes| common::show(&mistakes))?;
        let mut bench = Bench::new(pack, Kind::Toilet);
        (bench.device.latitude, bench.device.longitude) = (Some(35.02), Some(111.0));
        Ok(Life { bench, tier, files, last: None })
    }

    pub fn play(&mut self, event: &Event) {
        match event {
            Event::Reading(fields, ago, late) => {
                let fields = reading(fields);
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
            Event::Parameter(which, value) => {
                let (name, value) = match which {
                    0 => ("limit", value.map(|v| Value::Number(f64::from(v)))),
                    1 => ("hold", value.map(|v| Value::Number(f64::from(v + 1)))),
                    _ => ("strict", value.map(|v| Value::Bool(v % 2 == 0))),
                };
                self.bench.parameters.set(&"r".into(), &name.into(), &"kind".into(), value);
            }
            Event::Restart => {
                self.bench.state = stored::<RuleState>(&self.bench.state);
                self.bench.latest = stored::<Latest>(&self.bench.latest);
                self.compile();
            }
            Event::Reload => {
                if self.files.remove("a.rhai").is_none() {
                    self.files.insert("a.rhai".to_owned(), common::rule("toilet", OTHER));
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
            Event::Move(away) => self.bench.device.district = Arc::from(if *away { "别处" } else { "盐湖" }),
        }
    }

    fn compile(&mut self) {
        self.bench.pack = Pack::compile_in(&self.files, self.tier).unwrap();
    }
}

fn reading(fields: &[(usize, Option<i32>)]) -> Vec<(&'static str, V)> {
    let fields: BTreeMap<usize, Option<i32>> = fields.iter().copied().collect();
    let named = fields.into_iter().map(|(field, value)| match (value, field.checked_sub(FLOATS.len())) {
        (None, None) => (FLOATS[field], V::Faulty),
        (None, Some(bool)) => (BOOLS.get(bool).copied().unwrap_or("visits"), V::Faulty),
        (Some(v), None) => (FLOATS[field], V::N(f64::from(v) / 10.0)),
        (Some(v), Some(bool)) => match BOOLS.get(bool) {
            Some(name) => (*name, V::B(v % 2 == 0)),
            None => ("visits", V::N(f64::from(v / 40))),
        },
    });
    named.collect()
}

/// As it comes back from a checkpoint's row.
fn stored<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> T {
    let bytes = postcard::to_extend(value, Vec::new()).unwrap();
    let back: T = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(&back, value);
    back
}
