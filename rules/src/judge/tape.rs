//! Running an entry's tape: see [`crate::program::Tape`].

use gengfu_model::{Timestamp, Value};

use super::Scalar;
use super::branch::{comparisons, is_clear, one_of};
use super::memory::{banded, holds, stored};
use super::number::{compare_floats, compare_ints, float_op, int_op, math};
use super::occasion::{Occasion, Trigger};
use super::quick::{during, said, usable};
use super::reads::{attribute, of_device, parameter};
use super::state::{Last, Slot, Stored};
use crate::program::{FEW_REGISTERS, MANY_REGISTERS, Needs, Register, Rule, Step, Tape, WindowFunction};

/// A slot's content before it was written; windows are not taken back.
#[derive(Clone, Copy)]
enum Before {
    Empty,
    Band(bool),
    Held { since: Timestamp, wait_ms: u32, pending: bool },
    Last(Last),
}

/// What a tape works on.
struct Run<'a, 's, const REGISTERS: usize> {
    rule: &'a Rule,
    on: &'a Occasion<'a>,
    slots: &'s mut [Slot],
    floats: [Option<f64>; REGISTERS],
    ints: [Option<i64>; REGISTERS],
    bools: [Option<bool>; REGISTERS],
    before: Vec<(u16, Before)>,
}

/// Runs a tape: gives the operations if nobody is to be told of anything. `None`: the machine must see to it; the slots
/// are as they were, but that windows have taken the reading's samples, which the machine takes again.
#[inline(always)]
pub(super) fn run<'a>(tape: &Tape, rule: &'a Rule, on: &'a Occasion<'a>, slots: &mut [Slot]) -> Option<u32> {
    match tape.needs {
        Needs::Nothing => comparisons(tape, on, slots),
        Needs::Few => Run::<FEW_REGISTERS>::whole(tape, rule, on, slots),
        Needs::Many => Run::<MANY_REGISTERS>::whole(tape, rule, on, slots),
    }
}

/// The event time of a reading that brings a slot a sample.
#[inline(always)]
fn brings(trigger: Trigger, reads: u32) -> Option<Timestamp> {
    match trigger {
        Trigger::Reading { event_time, carried } if carried & reads != 0 => Some(event_time),
        Trigger::Reading { .. } | Trigger::Timer | Trigger::Silent => None,
    }
}

impl<'a, 's, const REGISTERS: usize> Run<'a, 's, REGISTERS> {
    #[inline(never)]
    fn whole(tape: &Tape, rule: &'a Rule, on: &'a Occasion<'a>, slots: &'s mut [Slot]) -> Option<u32> {
        let mut run = Run {
            rule,
            on,
            slots,
            floats: [None; REGISTERS],
            ints: [None; REGISTERS],
            bools: [None; REGISTERS],
            before: Vec::new(),
        };
        let operations = run.play(tape);
        if operations.is_none() && !run.before.is_empty() {
            run.take_back();
        }
        operations
    }

    /// A register's place. There are no others: the writer gives none.
    #[inline(always)]
    fn at(register: u8) -> usize {
        usize::from(register) % REGISTERS
    }

    #[inline(always)]
    fn play(&mut self, tape: &Tape) -> Option<u32> {
        let (mut place, mut operations) = (1, tape.cost);
        while let Some(step) = tape.steps.get(place) {
            place += 1;
            match *step {
                Step::Cost(cost) => operations += cost,
                Step::Unset(register) => match register {
                    Register::Float(to) => self.floats[Self::at(to)] = None,
                    Register::Int(to) => self.ints[Self::at(to)] = None,
                    Register::Bool(to) => self.bools[Self::at(to)] = None,
                },
                Step::Move { to, from } => match (to, from) {
                    (Register::Float(to), Register::Float(from)) => {
                        self.floats[Self::at(to)] = self.floats[Self::at(from)]
                    }
                    (Register::Int(to), Register::Int(from)) => self.ints[Self::at(to)] = self.ints[Self::at(from)],
                    (Register::Bool(to), Register::Bool(from)) => self.bools[Self::at(to)] = self.bools[Self::at(from)],
                    _ => return None,
                },
                Step::Float { to, value } => self.floats[Self::at(to)] = Some(value),
                Step::Int { to, value } => self.ints[Self::at(to)] = Some(value),
                Step::Bool { to, value } => self.bools[Self::at(to)] = Some(value),
                Step::Field { to, field } => {
                    let value = usable(self.on.cx.latest, field, self.on.fresh_from).map(|latest| &latest.value);
                    match (to, value) {
                        (Register::Float(to), Some(Value::Number(value))) => self.floats[Self::at(to)] = Some(*value),
                        (Register::Float(to), None) => self.floats[Self::at(to)] = None,
                        (Register::Int(to), Some(Value::Number(value))) => {
                            self.ints[Self::at(to)] = Some(*value as i64)
                        }
                        (Register::Int(to), None) => self.ints[Self::at(to)] = None,
                        (Register::Bool(to), Some(Value::Bool(value))) => self.bools[Self::at(to)] = Some(*value),
                        (Register::Bool(to), None) => self.bools[Self::at(to)] = None,
                        _ => return None,
                    }
                }
                Step::FieldKnown { to, field } => {
                    self.bools[Self::at(to)] = Some(usable(self.on.cx.latest, field, self.on.fresh_from).is_some());
                }
                Step::Attribute { to, name } => self.put(to, attribute(self.rule, name, self.on.cx.device))?,
                Step::AttributeKnown { to, name } => {
                    let is_known = attribute(self.rule, name, self.on.cx.device) != Scalar::Unknown;
                    self.bools[Self::at(to)] = Some(is_known);
                }
                Step::Parameter { to, index } => self.put(to, parameter(self.rule, index, self.on))?,
                Step::Device { to, property } => self.put(to, of_device(property, self.on))?,
                Step::FloatOp { op, to, a, b } => {
                    let sides = self.floats[Self::at(a)].zip(self.floats[Self::at(b)]);
                    self.floats[Self::at(to)] = sides.map(|(a, b)| float_op(op, a, b));
                }
                Step::NegateFloat { to, x } => self.floats[Self::at(to)] = self.floats[Self::at(x)].map(|x| -x),
                Step::Math { f, to, x } => {
                    self.floats[Self::at(to)] = self.floats[Self::at(x)].and_then(|x| math(f, x))
                }
                Step::Smaller { to, a, b } => {
                    let sides = self.floats[Self::at(a)].zip(self.floats[Self::at(b)]);
                    self.floats[Self::at(to)] = sides.map(|(a, b)| a.min(b));
                }
                Step::Larger { to, a, b } => {
                    let sides = self.floats[Self::at(a)].zip(self.floats[Self::at(b)]);
                    self.floats[Self::at(to)] = sides.map(|(a, b)| a.max(b));
                }
                Step::ToFloat { to, x } => self.floats[Self::at(to)] = self.ints[Self::at(x)].map(|x| x as f64),
                Step::IntOp { op, to, a, b } => {
                    let sides = self.ints[Self::at(a)].zip(self.ints[Self::at(b)]);
                    self.ints[Self::at(to)] = sides.map(|(a, b)| int_op(op, a, b)).transpose().ok()?;
                }
                Step::NegateInt { to, x } => {
                    let negated = self.ints[Self::at(x)].map(i64::checked_neg);
                    self.ints[Self::at(to)] = match negated {
                        Some(None) => return None,
                        negated => negated.flatten(),
                    };
                }
                Step::ToInt { to, x } => {
                    let whole = self.floats[Self::at(x)].map(libm::trunc);
                    let whole = whole.filter(|x| (-9.2e18..=9.2e18).contains(x));
                    self.ints[Self::at(to)] = whole.map(|x| x as i64);
                }
                Step::Not { to, x } => self.bools[Self::at(to)] = self.bools[Self::at(x)].map(|x| !x),
                Step::And { to, a, b, cost } => {
                    operations += cost;
                    self.bools[Self::at(to)] = super::conditions::and(self.bools[Self::at(a)], self.bools[Self::at(b)]);
                }
                Step::Or { to, a, b, cost } => {
                    operations += cost;
                    self.bools[Self::at(to)] = super::conditions::or(self.bools[Self::at(a)], self.bools[Self::at(b)]);
                }
                Step::SameBool { negated, to, a, b } => {
                    let sides = self.bools[Self::at(a)].zip(self.bools[Self::at(b)]);
                    self.bools[Self::at(to)] = sides.map(|(a, b)| (a == b) != negated);
                }
                Step::Compare { op, to, a, b } => {
                    let sides = self.floats[Self::at(a)].zip(self.floats[Self::at(b)]);
                    self.bools[Self::at(to)] = sides.map(|(a, b)| compare_floats(op, a, b));
                }
                Step::CompareInt { op, to, a, b } => {
                    let sides = self.ints[Self::at(a)].zip(self.ints[Self::at(b)]);
                    self.bools[Self::at(to)] = sides.map(|(a, b)| compare_ints(op, a, b));
                }
                Step::CompareIntWith { op, to, x, value } => {
                    self.bools[Self::at(to)] = self.ints[Self::at(x)].map(|x| compare_ints(op, x, value));
                }
                Step::Against { to, x, limit } => {
                    let limit = tape.limits.get(usize::from(limit))?;
                    self.bools[Self::at(to)] = self.floats[Self::at(x)].map(|x| said(limit, x));
                }
                Step::FieldAgainst { to, field, limit } => {
                    let limit = tape.limits.get(usize::from(limit))?;
                    let value = usable(self.on.cx.latest, field, self.on.fresh_from).map(|latest| &latest.value);
                    self.bools[Self::at(to)] = match value {
                        Some(Value::Number(x)) => Some(said(limit, *x)),
                        None => None,
                        Some(_) => return None,
                    };
                }
                Step::Known { to, x } => self.bools[Self::at(to)] = Some(self.is_known(x)),
                Step::During { to, from, until } => self.bools[Self::at(to)] = during(self.on, from, until),
                Step::Band { to, x, slot, limits } => {
                    let (trip, reset) = *tape.bands.get(usize::from(limits))?;
                    self.bools[Self::at(to)] = self.within(slot, self.floats[Self::at(x)], trip, reset);
                }
                Step::BandBetween { to, x, slot, trip, reset } => {
                    let limits = self.floats[Self::at(trip)].zip(self.floats[Self::at(reset)]);
                    self.bools[Self::at(to)] =
                        limits.and_then(|(trip, reset)| self.within(slot, self.floats[Self::at(x)], trip, reset));
                }
                Step::Held { to, condition, slot, wait_ms } => {
                    self.bools[Self::at(to)] = self.held(slot, self.bools[Self::at(condition)], wait_ms);
                }
                Step::Changed { to, slot, x, reads } => {
                    let (last, brought) = self.last_two(slot, x, reads);
                    self.bools[Self::at(to)] = match brought {
                        false => Some(false),
                        true => (last.previous != Stored::Unknown).then_some(last.previous != last.newest),
                    };
                }
                Step::Previous { to, slot, x, reads } => {
                    let value = match self.last_two(slot, x, reads).0.previous {
                        Stored::Bool(v) => Scalar::Bool(v),
                        Stored::Int(v) => Scalar::Int(v),
                        Stored::Float(v) => Scalar::Float(v),
                        Stored::Unknown | Stored::Text(_) => Scalar::Unknown,
                    };
                    self.put(to, value)?;
                }
                Step::Window { f, to, slot, x, reads, span_ms } => {
                    let value = self.window(f, slot, x, (reads, span_ms), &mut operations);
                    match to {
                        Register::Float(to) => self.floats[Self::at(to)] = value,
                        Register::Int(to) => self.ints[Self::at(to)] = value.map(|count| count as i64),
                        Register::Bool(_) => return None,
                    }
                }
                Step::SkipIf { x, value, cost, to } => {
                    operations += cost;
                    if self.bools[Self::at(x)] == Some(value) {
                        place = to.into();
                    }
                }
                Step::SkipIfKnown { x, cost, to } => {
                    operations += cost;
                    if self.is_known(x) {
                        place = to.into();
                    }
                }
                Step::Branch { x, cost, yes, no, unknown } => {
                    operations += cost;
                    place = one_of(self.bools[Self::at(x)], yes, no, unknown);
                }
                Step::Test { x, near, cost, low, high, above, below, unknown } => {
                    operations += cost;
                    place = match self.floats[Self::at(x)] {
                        Some(x) => tape.side(x, (low, high), (above, below), near),
                        None => unknown.into(),
                    };
                }
                Step::TestField { bit, near, cost, low, high, above, below, unknown } => {
                    operations += u32::from(cost);
                    place = tape.field_side(self.on, bit, (low, high), (above, below, unknown), near)?;
                }
                Step::TestFloats { op, a, b, cost, yes, no, unknown } => {
                    operations += cost;
                    let sides = self.floats[Self::at(a)].zip(self.floats[Self::at(b)]);
                    place = one_of(sides.map(|(a, b)| compare_floats(op, a, b)), yes, no, unknown);
                }
                Step::Jump { cost, to } => {
                    operations += cost;
                    place = to.into();
                }
                Step::Clear { verdict } if is_clear(self.slots, verdict) => {}
                Step::LeaveIf { slot, empty } if matches!(self.slot(slot), Slot::Empty) != empty => {}
                Step::Clear { .. } | Step::LeaveIf { .. } | Step::Leave => return None,
            }
        }
        Some(operations)
    }

    /// A value into a register of its sort; `None` if it is of another.
    #[inline(always)]
    fn put(&mut self, to: Register, value: Scalar<'_>) -> Option<()> {
        match (to, value) {
            (Register::Float(to), Scalar::Float(value)) => self.floats[Self::at(to)] = Some(value),
            (Register::Float(to), Scalar::Unknown) => self.floats[Self::at(to)] = None,
            (Register::Int(to), Scalar::Int(value)) => self.ints[Self::at(to)] = Some(value),
            (Register::Int(to), Scalar::Unknown) => self.ints[Self::at(to)] = None,
            (Register::Bool(to), Scalar::Bool(value)) => self.bools[Self::at(to)] = Some(value),
            (Register::Bool(to), Scalar::Unknown) => self.bools[Self::at(to)] = None,
            _ => return None,
        }
        Some(())
    }

    #[inline(always)]
    fn is_known(&self, x: Register) -> bool {
        match x {
            Register::Float(x) => self.floats[Self::at(x)].is_some(),
            Register::Int(x) => self.ints[Self::at(x)].is_some(),
            Register::Bool(x) => self.bools[Self::at(x)].is_some(),
        }
    }

    fn scalar(&self, x: Register) -> Scalar<'static> {
        match x {
            Register::Float(x) => self.floats[Self::at(x)].into(),
            Register::Int(x) => self.ints[Self::at(x)].into(),
            Register::Bool(x) => self.bools[Self::at(x)].into(),
        }
    }

    #[inline(always)]
    fn slot(&self, slot: u16) -> &Slot {
        self.slots.get(usize::from(slot)).unwrap_or(&Slot::Empty)
    }

    /// Changes a slot that is no window.
    #[cold]
    fn write(&mut self, slot: u16, new: Slot) {
        let Some(place) = self.slots.get_mut(usize::from(slot)) else { return };
        let before = match place {
            Slot::Band(tripped) => Before::Band(*tripped),
            Slot::Held { since, wait_ms, pending } => {
                Before::Held { since: *since, wait_ms: *wait_ms, pending: *pending }
            }
            Slot::Last(last) => Before::Last(**last),
            // What does not fit there is gone when the state is laid out.
            _ => Before::Empty,
        };
        *place = new;
        self.before.push((slot, before));
    }

    #[cold]
    fn take_back(&mut self) {
        while let Some((slot, before)) = self.before.pop() {
            let Some(place) = self.slots.get_mut(usize::from(slot)) else { continue };
            *place = match before {
                Before::Empty => Slot::Empty,
                Before::Band(tripped) => Slot::Band(tripped),
                Before::Held { since, wait_ms, pending } => Slot::Held { since, wait_ms, pending },
                Before::Last(last) => Slot::Last(Box::new(last)),
            };
        }
    }

    #[inline(always)]
    fn within(&mut self, slot: u16, x: Option<f64>, trip: f64, reset: f64) -> Option<bool> {
        let (was, is) = banded(self.slot(slot), x?, trip, reset);
        if let Some(on) = is.filter(|_| is != was) {
            self.write(slot, Slot::Band(on));
        }
        is
    }

    #[inline(always)]
    fn held(&mut self, slot: u16, condition: Option<bool>, wait_ms: u32) -> Option<bool> {
        if !condition? {
            if matches!(self.slot(slot), Slot::Held { .. }) {
                self.write(slot, Slot::Empty);
            }
            return Some(false);
        }
        let (over, then) = holds(self.slot(slot), self.on.cx.now, wait_ms);
        if then != *self.slot(slot) {
            self.write(slot, then);
        }
        Some(over)
    }

    /// The two newest samples, after taking the one that this reading brings.
    #[inline(always)]
    fn last_two(&mut self, slot: u16, x: Register, reads: u32) -> (Last, bool) {
        let x = stored(self.scalar(x));
        let known = match self.slot(slot) {
            Slot::Last(last) => **last,
            _ => Last::default(),
        };
        if brings(self.on.trigger, reads).is_none() || x == Stored::Unknown {
            return (known, false);
        }
        let last = Last { previous: known.newest, newest: x };
        match self.slots.get_mut(usize::from(slot)) {
            Some(Slot::Last(old)) if **old == last => {}
            Some(Slot::Last(old)) => {
                self.before.push((slot, Before::Last(**old)));
                **old = last;
            }
            _ => self.write(slot, Slot::Last(Box::new(last))),
        }
        (last, true)
    }

    fn window(
        &mut self,
        f: WindowFunction,
        slot: u16,
        x: Register,
        (reads, span_ms): (u32, i64),
        operations: &mut u32,
    ) -> Option<f64> {
        let x = match self.scalar(x) {
            Scalar::Bool(v) => Some(if v { 1.0 } else { 0.0 }),
            Scalar::Int(v) => Some(v as f64),
            Scalar::Float(v) => Some(v).filter(|v| v.is_finite()),
            Scalar::Unknown | Scalar::Text(_) => None,
        };
        let end = match self.on.trigger {
            Trigger::Reading { event_time, .. } => event_time,
            Trigger::Timer | Trigger::Silent => self.on.cx.now,
        };
        let start = end.plus_ms(-span_ms);
        let place = self.slots.get_mut(usize::from(slot))?;
        if let (Some(x), Some(time)) = (x, brings(self.on.trigger, reads)) {
            if !matches!(place, Slot::Window(_)) {
                *place = Slot::Window(Box::default());
            }
            if let Slot::Window(window) = place {
                window.take(time, x, start);
            }
        }
        let Slot::Window(window) = place else {
            return matches!(f, WindowFunction::Count | WindowFunction::CountTrue).then_some(0.0);
        };
        *operations += u32::try_from(window.samples.len()).unwrap_or(u32::MAX);
        window.aggregate(f, start, end, span_ms).filter(|v| v.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use crate::pack::Pack;
    use crate::parameters::Parameters;

    #[test]
    fn the_shipped_rules_are_on_tape_but_for_what_asks_for_texts_places_or_the_sun() {
        let pack = Pack::compile(&crate::library::files()).unwrap();
        let mut without = Vec::new();
        let mut with = 0;
        for placed in pack.sets.iter().flat_map(|set| &set.rules) {
            let ways = placed.rule.ways(&Parameters::default());
            let entries = ["on_message", "on_silent", "on_timer", "member"].iter().zip(placed.rule.entry_places());
            for ((name, entry), tape) in entries.zip(&ways.tapes) {
                match (entry, tape) {
                    (Some(_), Some(_)) => with += 1,
                    (Some(_), None) => without.push(format!("{} {name}", placed.rule.id)),
                    (None, _) => {}
                }
            }
        }
        let expected = [
            "streetlight-day-burner on_message",
            "streetlight-leakage on_message",
            "streetlight-power on_message",
            "streetlight-supply member",
            "truck-drift on_message",
            "truck-fence on_message",
            "truck-idle on_message",
            "truck-missed-round on_message",
            "truck-missed-stop on_message",
            "truck-off-route on_message",
            "truck-overspeed on_message",
        ];
        assert_eq!(without, expected);
        assert!(with > 35, "{with}");
    }
}
