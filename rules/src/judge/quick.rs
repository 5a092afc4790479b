//! Evaluating the shorter ways of a rule: fields against constants, and a glance that often is enough.

use gengfu_model::{FieldId, Quality, Timestamp, Value};

use super::clock::minute_of_day;
use super::conditions::{and, or};
use super::number::{compare_floats, compare_ints};
use super::occasion::Occasion;
use super::state::Slot;
use crate::latest::{Latest, LatestValue};
use crate::program::{Against, DURING_COST, Glance, NodeId, Number, Quick, Rule};

/// The latest value of a field, if it may be judged: good, and not older than `fresh_from`.
#[inline(always)]
pub(super) fn usable(latest: &Latest, field: FieldId, fresh_from: Timestamp) -> Option<&LatestValue> {
    let latest = latest.get(field)?;
    (latest.quality == Quality::Ok && latest.journal_time >= fresh_from).then_some(latest)
}

/// A field against a constant.
#[inline(always)]
pub(super) fn against(on: &Occasion<'_>, against: Against) -> Option<bool> {
    let Value::Number(value) = usable(on.cx.latest, against.field, on.fresh_from)?.value else { return None };
    let Against { op, number, limit, .. } = against;
    Some(match number {
        Number::Float => compare_floats(op, value, limit),
        Number::Whole => compare_floats(op, value as i64 as f64, limit),
        Number::Int => compare_ints(op, value as i64, limit as i64),
    })
}

/// The local time of day is from the one to the other.
pub(super) fn during(on: &Occasion<'_>, from: u16, to: u16) -> Option<bool> {
    let minute = minute_of_day(on.cx.now, on.cx.zone)?;
    let (from, to) = (u32::from(from), u32::from(to));
    Some(if from <= to { (from..to).contains(&minute) } else { minute >= from || minute < to })
}

/// Looks whether an entry says what is remembered: gives the operations that this took, or `None` if it says something
/// new, or may. An unknown condition says nothing, and a clear one nothing new while its key is clear.
#[inline(always)]
pub(super) fn glance(rule: &Rule, glance: &Glance, on: &Occasion<'_>, slots: &[Slot]) -> Option<u32> {
    let mut look = Look { rule, on, operations: 0 };
    for call in &glance.calls {
        look.operations += 1;
        match look.condition(call.condition) {
            None => {}
            Some(false) if matches!(slots.get(call.verdict), Some(Slot::Verdict(None))) => {}
            Some(_) => return None,
        }
    }
    Some(look.operations)
}

struct Look<'a> {
    rule: &'a Rule,
    on: &'a Occasion<'a>,
    operations: u32,
}

impl Look<'_> {
    /// A condition; comparisons, the most of all, take no call.
    #[inline(always)]
    fn condition(&mut self, id: NodeId) -> Option<bool> {
        match self.rule.quick.get(usize::from(id)) {
            Some(Quick::Against(comparison)) => {
                self.operations += comparison.cost();
                against(self.on, *comparison)
            }
            Some(quick) => self.inner(*quick),
            None => None,
        }
    }

    fn inner(&mut self, quick: Quick) -> Option<bool> {
        self.operations += 1;
        match quick {
            Quick::And { a, b } => match self.condition(a) {
                Some(false) => Some(false),
                a => and(a, self.condition(b)),
            },
            Quick::Or { a, b } => match self.condition(a) {
                Some(true) => Some(true),
                a => or(a, self.condition(b)),
            },
            Quick::Not(x) => self.condition(x).map(|x| !x),
            Quick::Flag(field) => match usable(self.on.cx.latest, field, self.on.fresh_from)?.value {
                Value::Bool(v) => Some(v),
                Value::Number(_) | Value::Text(_) => None,
            },
            Quick::During { from, to } => {
                self.operations += DURING_COST - 1;
                during(self.on, from, to)
            }
            Quick::Against(_) | Quick::Plain => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use gengfu_model::{Attributes, Device, DeviceId, DeviceLife, Kind, Seq, Signal};

    use super::*;
    use crate::judge::{Context, RuleState};
    use crate::pack::Pack;
    use crate::parameters::Parameters;
    use crate::testing::coverage::Coverage;

    const BODIES: [&str; 10] = [
        "incident(msg.nh3_ppm > 15.0);",
        "incident(15.0 <= msg.nh3_ppm);",
        "incident(msg.nh3_ppm > 15.0 && msg.battery_pct < 20.0 || !(msg.nh3_ppm != 2.0));",
        "incident(msg.visits > 100);",
        "incident(msg.visits == 90.5 || msg.visits < 20.5 || 3 >= msg.visits);",
        "incident(msg.nh3_ppm > 15.0, #{ key: \"a\" }); incident(msg.battery_pct < 20.0, #{ key: \"b\" });",
        "incident(msg.nh3_ppm > 15.0 && at(\"20:00\", \"06:00\"));",
        "if msg.battery_pct < 20.0 { incident(msg.nh3_ppm > 15.0 && at(\"08:00\", \"12:00\")); }",
        "incident(msg.leak && msg.nh3_ppm < 50.0);",
        "incident(or_else(msg.nh3_ppm, 20.0) > 15.0 || msg.battery_pct <= 10.0);",
    ];

    fn toilet() -> Device {
        let none: Arc<str> = Arc::from("");
        Device {
            id: DeviceId::new("d-1").unwrap(),
            kind: Kind::Toilet,
            model: none.clone(),
            asset_code: none.clone(),
            name: none.clone(),
            latitude: None,
            longitude: None,
            district: none.clone(),
            grid: none.clone(),
            feeder: none.clone(),
            cabinet: none.clone(),
            catchment: none.clone(),
            carrier_cell: none.clone(),
            department: none.clone(),
            asset_type: none,
            interval_s: 600,
            token_hash: None,
            attributes: Attributes::default(),
            life: DeviceLife::InService,
        }
    }

    fn pack(body: &str, watched: bool) -> Pack {
        let text = format!(
            "const RULE = #{{ kind: \"toilet\", key: \"k\", severity: \"major\", condition: \"gas_alarm\", \
             text_zh: \"z\", text_en: \"e\" }};\nfn on_message(msg, dev) {{ {body} }}\n"
        );
        let mut pack = Pack::compile(&BTreeMap::from([("r.rhai".to_owned(), text)])).unwrap();
        for placed in pack.sets.iter_mut().flat_map(|set| &mut set.rules).filter(|_| watched) {
            placed.watched = Some(Arc::new(Coverage::of(&placed.rule)));
        }
        pack
    }

    /// What a pack says of a device that tells everything in every order, the state that is left, and the operations.
    fn judged(pack: &Pack) -> (Vec<Signal>, RuleState, u64) {
        let (device, parameters) = (toilet(), Parameters::default());
        let (mut latest, mut state, mut out) = (Latest::default(), RuleState::default(), Vec::new());
        let mut now = Timestamp(1_782_007_200_000);
        let values: [(&str, Option<f64>); 16] = [
            ("battery_pct", Some(80.0)),
            ("nh3_ppm", Some(2.0)),
            ("nh3_ppm", Some(15.0)),
            ("nh3_ppm", Some(15.000_000_1)),
            // While the gas is fresh: what was not said again for too long is unknown.
            ("leak", Some(1.0)),
            ("battery_pct", Some(12.0)),
            ("visits", Some(90.0)),
            ("visits", Some(101.0)),
            ("nh3_ppm", None),
            ("battery_pct", Some(10.0)),
            ("nh3_ppm", Some(60.0)),
            ("leak", None),
            ("battery_pct", None),
            ("nh3_ppm", Some(2.0)),
            ("battery_pct", Some(50.0)),
            ("visits", Some(3.0)),
        ];
        for (n, (name, value)) in values.iter().cycle().take(64).enumerate() {
            let field = Kind::Toilet.field(name).unwrap();
            let quality = if value.is_some() { Quality::Ok } else { Quality::Faulty };
            let value = match (*name, value.unwrap_or_default()) {
                ("leak", value) => Value::Bool(value != 0.0),
                (_, value) => Value::Number(value),
            };
            let seq = Seq(n as u64);
            latest.set(field, LatestValue { value, quality, event_time: now, journal_time: now, seq });
            let cx = Context::new(&device, &latest, &parameters, now, seq);
            pack.on_reading(&cx, now, 1 << field.0, &mut state, &mut out);
            now = now.plus_ms(11 * 60_000);
        }
        (out, state, pack.counts()[0].operations)
    }

    #[test]
    fn shorter_ways_say_and_cost_what_the_nodes_do() {
        for body in BODIES {
            let (short, long) = (judged(&pack(body, false)), judged(&pack(body, true)));
            // The packs have the same version, so the signals are equal to the last value of an explanation.
            assert_eq!(short.0, long.0, "{body}");
            assert_eq!(short.1, long.1, "{body}");
            assert_eq!(short.2, long.2, "{body}");
            assert!(!short.0.is_empty(), "{body} says something");
        }
    }

    #[test]
    fn a_glance_is_enough_for_conditions_without_memory_alone() {
        let glances = |body: &str| {
            let pack = pack(body, false);
            let rule = &pack.sets.iter().find(|set| !set.rules.is_empty()).unwrap().rules[0].rule;
            rule.on_message.as_ref().unwrap().glance.is_some()
        };
        let enough: Vec<bool> = BODIES.iter().map(|body| glances(body)).collect();
        assert_eq!(enough, [true, true, true, true, true, true, true, false, true, false]);
        for body in [
            "incident(held(msg.nh3_ppm > 15.0, 10.s));",
            "incident(msg.nh3_ppm > 15.0 && band(msg.battery_pct, 20.0, 30.0));",
            "if msg.leak { incident(msg.nh3_ppm > 15.0); }",
            "incident(msg.nh3_ppm / 2.0 > 15.0);",
        ] {
            assert!(!glances(body), "{body}");
        }
    }
}
