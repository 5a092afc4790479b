//! Where a tape goes on: comparisons and other conditions, and tapes that are made of nothing else.

use gengfu_model::Value;

use super::occasion::Occasion;
use super::quick::{closely, is_usable};
use super::state::Slot;
use crate::program::{Place, Step, Tape};

/// Runs a tape that needs no registers, as many rules are: nothing has to be made ready for it.
#[inline(always)]
pub(super) fn comparisons(tape: &Tape, on: &Occasion<'_>, slots: &[Slot]) -> Option<u32> {
    let (mut place, mut operations) = (1, tape.cost);
    while let Some(step) = tape.steps.get(place) {
        place = match *step {
            Step::TestField { bit, near, cost, low, high, above, below, unknown } => {
                operations += u32::from(cost);
                tape.field_side(on, bit, (low, high), (above, below, unknown), near)?
            }
            Step::Clear { verdict } if is_clear(slots, verdict) => place + 1,
            _ => return None,
        };
    }
    Some(operations)
}

/// Whether the slot of a verdict says that all is well.
#[inline(always)]
pub(super) fn is_clear(slots: &[Slot], verdict: u16) -> bool {
    matches!(slots.get(usize::from(verdict)), Some(Slot::Verdict(None)))
}

/// Where it goes on after a condition.
#[inline(always)]
pub(super) fn one_of(condition: Option<bool>, yes: Place, no: Place, unknown: Place) -> usize {
    usize::from(match condition {
        Some(true) => yes,
        Some(false) => no,
        None => unknown,
    })
}

impl Tape {
    /// Where it goes on with a number that is above `high`, below `low`, or between them.
    #[inline(always)]
    pub(super) fn side(&self, x: f64, (low, high): (f64, f64), (above, below): (Place, Place), near: u16) -> usize {
        if x > high && x < f64::INFINITY {
            return above.into();
        }
        if x < low && x > f64::NEG_INFINITY {
            return below.into();
        }
        self.near(x, near)
    }

    /// The same with a field, by its bit.
    #[inline(always)]
    pub(super) fn field_side(
        &self,
        on: &Occasion<'_>,
        bit: u32,
        limits: (f64, f64),
        (above, below, unknown): (Place, Place, Place),
        near: u16,
    ) -> Option<usize> {
        match on.cx.latest.at(bit).filter(|latest| is_usable(latest, on.fresh_from)).map(|latest| &latest.value) {
            Some(Value::Number(x)) => Some(self.side(*x, limits, (above, below), near)),
            Some(_) => None,
            None => Some(unknown.into()),
        }
    }

    /// The same for a number near its limit; there is always such an entry, or the tape would be left.
    #[cold]
    fn near(&self, x: f64, near: u16) -> usize {
        let near = self.near.get(usize::from(near));
        near.map_or(0, |near| if closely(&near.limit, x) { near.yes } else { near.no }).into()
    }
}
