//! Evaluating the shorter ways of a rule: fields against constants.

use gengfu_model::{FieldId, Quality, Timestamp, Value};

use super::clock::minute_of_day;
use super::number::{compare_floats, compare_ints};
use super::occasion::Occasion;
use crate::latest::{Latest, LatestValue};
use crate::program::{Against, Limit, Number};

/// The latest value of a field, if it may be judged: good, and not older than `fresh_from`.
#[inline(always)]
pub(super) fn usable(latest: &Latest, field: FieldId, fresh_from: Timestamp) -> Option<&LatestValue> {
    latest.get(field).filter(|latest| is_usable(latest, fresh_from))
}

#[inline(always)]
pub(super) fn is_usable(latest: &LatestValue, fresh_from: Timestamp) -> bool {
    latest.quality == Quality::Ok && latest.journal_time >= fresh_from
}

/// A field's number as a float.
#[inline(always)]
pub(super) fn number(on: &Occasion<'_>, field: FieldId, number: Number) -> Option<f64> {
    let Value::Number(value) = usable(on.cx.latest, field, on.fresh_from)?.value else { return None };
    Some(if number == Number::Float { value } else { value as i64 as f64 })
}

/// A field against a constant.
#[inline(always)]
pub(super) fn against(on: &Occasion<'_>, against: &Against) -> Option<bool> {
    let value = number(on, against.field, against.number)?;
    Some(match against.number {
        Number::Float | Number::Whole => said(&against.limit, value),
        Number::Int => compare_ints(against.limit.op, value as i64, against.limit.value as i64),
    })
}

/// A number against a constant.
#[inline(always)]
pub(super) fn said(limit: &Limit, value: f64) -> bool {
    if value > limit.high && value < f64::INFINITY {
        return limit.if_above;
    }
    if value < limit.low && value > f64::NEG_INFINITY {
        return limit.if_below;
    }
    closely(limit, value)
}

/// A number that is near the limit.
#[cold]
pub(super) fn closely(limit: &Limit, value: f64) -> bool {
    compare_floats(limit.op, value, limit.value)
}

/// The local time of day is from the one to the other.
pub(super) fn during(on: &Occasion<'_>, from: u16, to: u16) -> Option<bool> {
    let minute = minute_of_day(on.cx.now, on.cx.zone)?;
    let (from, to) = (u32::from(from), u32::from(to));
    Some(if from <= to { (from..to).contains(&minute) } else { minute >= from || minute < to })
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
    use crate::program::Needs;
    use crate::script::tree::Binary;
    use crate::testing::coverage::Coverage;

    const BODIES: [&str; 28] = [
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
        "incident(msg.nh3_ppm > param.limit);",
        "incident(msg.visits > 2.0 * param.limit + 60.0);",
        "incident(band(msg.nh3_ppm, param.limit, 0.8 * param.limit), #{ value: param.limit - 1.0 });",
        "incident(band(msg.battery_pct, 15.0, 60.0) && band(msg.nh3_ppm, 50.0, 3.0, \"b\"));",
        "incident(!band(msg.visits, 95.0, 92.0) || band(msg.nh3_ppm, 50.0, 3.0, \"b\"));",
        "incident(held(msg.nh3_ppm > 10.0, 20.min));",
        "incident(held(band(msg.nh3_ppm, param.limit, 3.0), param.hold) || held(msg.leak, 2.h, \"b\"));",
        "incident(held(msg.nh3_ppm > 10.0 && msg.battery_pct < 20.0, param.hold - 10.min), msg.battery_pct);",
        "incident(min(param.limit, 12.0) > 11.0 && msg.nh3_ppm > -(-10.0));",
        "let x = msg.nh3_ppm - param.limit; let bad = x > -6.0; if bad { incident(bad && x < 40.0); } else { clear(); }",
        "incident(band(msg.nh3_ppm, 14.0, 3.0), #{ severity: if band(msg.nh3_ppm, 50.0, 3.0, \"b\") \
         { \"critical\" } else { \"major\" } });",
        "let low = msg.battery_pct < 20.0; let gas = held(msg.nh3_ppm > 10.0, param.hold); \
         incident(low && gas); incident(!gas, #{ key: \"b\" });",
        "let low = msg.battery_pct < 20.0; let same = low; incident(same && msg.nh3_ppm > 10.0);",
        "incident(avg(msg.nh3_ppm, 2 * param.hold) > param.limit);",
        "incident(held(count(changed(msg.battery_pct), 1.d) > 1, param.hold));",
        "incident(msg.nh3_ppm > sqrt(param.limit - 16.0) || msg.nh3_ppm > floor(param.limit * 4.01));",
        "incident(msg.nh3_ppm > 1.0 && (msg.battery_pct < 90.0 && (msg.nh3_ppm > 2.5 && (msg.battery_pct < 60.0 && \
         (msg.visits > 1 || msg.nh3_ppm > 14.0)))));",
        "if !(msg.nh3_ppm > 1.0 && !(msg.battery_pct < 60.0 || msg.nh3_ppm > param.limit)) { incident(msg.leak); } \
         else { incident(msg.nh3_ppm > 50.0 || msg.nh3_ppm < 1.5); }",
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
             text_zh: \"z\", text_en: \"e\", parameters: #{{ limit: #{{ default: 14.0, min: 1.0, max: 90.0 }}, \
             hold: #{{ default: 30.min, min: 1.min, max: 2.h }} }} }};\nfn on_message(msg, dev) {{ {body} }}\n"
        );
        let mut pack = Pack::compile(&BTreeMap::from([("r.rhai".to_owned(), text)])).unwrap();
        for placed in pack.sets.iter_mut().flat_map(|set| &mut set.rules).filter(|_| watched) {
            placed.watched = Some(Arc::new(Coverage::of(&placed.rule)));
        }
        pack
    }

    /// What a pack says of a device that tells everything in every order, the state that is left, and the operations.
    fn judged(pack: &Pack, parameters: &Parameters) -> (Vec<Signal>, RuleState, u64) {
        let device = toilet();
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
            let cx = Context::new(&device, &latest, parameters, now, seq);
            pack.on_reading(&cx, now, 1 << field.0, &mut state, &mut out);
            now = now.plus_ms(11 * 60_000);
        }
        (out, state, pack.counts()[0].operations)
    }

    #[test]
    fn shorter_ways_say_and_cost_what_the_nodes_do() {
        let [rule, limit, hold, kind]: [Arc<str>; 4] = ["r", "limit", "hold", "kind"].map(Arc::from);
        let mut set = Parameters::default();
        set.set(&rule, &limit, &kind, Some(Value::Number(20.0)));
        set.set(&rule, &hold, &kind, Some(Value::Number(3_600.0)));
        for (body, parameters) in
            BODIES.into_iter().flat_map(|body| [(body, Parameters::default()), (body, set.clone())])
        {
            let (short, long) = (judged(&pack(body, false), &parameters), judged(&pack(body, true), &parameters));
            // The packs have the same version, so the signals are equal to the last value of an explanation.
            assert_eq!(short.0, long.0, "{body}");
            assert_eq!(short.1, long.1, "{body}");
            assert_eq!(short.2, long.2, "{body}");
            assert!(!short.0.is_empty(), "{body} says something");
        }
    }

    #[test]
    fn a_comparison_that_is_beyond_doubt_is_the_comparison() {
        let limits = [0.0, -0.0, 1.0, 15.0, -40.5, 1e-3, 1e-4, 1e-20, -1e-200, 1e12, 1e299, 1e301, f64::MAX];
        let factors = [0.0, -1.0, 0.5, 1.0, 1.0 + f64::EPSILON, 1.0 - 1e-15, 1.0 + 1e-11, 1.0 - 1e-11, 2.0, 1e9, -1e-9];
        let shifts = [0.0, f64::MIN_POSITIVE, 1e-300, -1e-17, 1e-13, -1e-11, 1.0, -1e3, 1e300, f64::INFINITY];
        for op in Binary::ALL.into_iter().filter(|op| op.is_comparison()) {
            for limit in limits {
                let comparison = Limit::new(op, limit);
                for value in factors.iter().flat_map(|factor| shifts.map(|shift| limit * factor + shift)) {
                    let said = said(&comparison, value);
                    assert_eq!(said, compare_floats(op, value, limit), "{value} {} {limit}", op.symbol());
                }
            }
        }
    }

    #[test]
    fn comparisons_of_fields_need_no_registers() {
        let needs = |body: &str| {
            let pack = pack(body, false);
            let rule = &pack.sets.iter().find(|set| !set.rules.is_empty()).unwrap().rules[0].rule;
            rule.ways(&Parameters::default()).tapes[0].as_ref().unwrap().needs
        };
        assert_eq!(
            needs("incident(msg.battery_pct > 10.0 && !(msg.nh3_ppm > 15.0 || msg.nh3_ppm <= 15.0));"),
            Needs::Few
        );
        assert_eq!(
            needs("incident(msg.battery_pct > 10.0 && msg.nh3_ppm > 15.0 || msg.h2s_ppm > 1.0);"),
            Needs::Nothing
        );
        assert_eq!(needs("if msg.battery_pct > param.limit { incident(msg.nh3_ppm > 15.0); }"), Needs::Few);
    }

    #[test]
    fn nearly_every_rule_has_a_tape() {
        let has_tape = |body: &str| {
            let pack = pack(body, false);
            let rule = &pack.sets.iter().find(|set| !set.rules.is_empty()).unwrap().rules[0].rule;
            rule.ways(&Parameters::default()).tapes[0].is_some()
        };
        // A window in a rule that can fail (`2 * param.hold` can) must be taken back, which a tape cannot.
        let without: Vec<&str> = BODIES.into_iter().filter(|body| !has_tape(body)).collect();
        assert_eq!(without, ["incident(avg(msg.nh3_ppm, 2 * param.hold) > param.limit);"]);
        for body in ["incident(flapping(msg.leak, 3, 1.h));", "incident(workday() && msg.leak);"] {
            assert!(!has_tape(body), "{body}");
        }
    }
}
