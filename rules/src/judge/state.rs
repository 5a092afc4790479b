//! What the rules remember of one device.
//!
//! One [`RuleState`] holds every slot of every rule of the device's kind: primitives (`held`, `band`,
//! windows, timers), the last verdict per key, and the fault score per rule; and when the device was
//! last heard. A slot is found by its place, which the pack fixes per kind; beside the slots stand
//! the hashes of their ids, so that a state finds its slots again under another pack: what keeps its
//! identity keeps its state, what is new starts unknown, what is gone is dropped.

use std::sync::Arc;

use gengfu_model::{Severity, Timestamp};
use serde::{Deserialize, Serialize};

use super::stops::Stops;
use super::window::Window;
use crate::pack::RuleSet;

/// All slots, timers, last verdicts and last-heard of one device.
///
/// Empty until something is to be remembered; the serialized form needs no self-description.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleState {
    /// When the device was last heard, or put in service; silence counts from here.
    pub(crate) heard: Option<Timestamp>,
    /// The hashes of the slots' ids, in order; shared between the devices of a kind.
    pub(crate) layout: Option<Arc<[u32]>>,
    /// The slots, in the layout's order.
    pub(crate) slots: Box<[Slot]>,
}

/// One piece of memory. 16 bytes; what is larger is boxed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) enum Slot {
    /// Nothing known yet.
    #[default]
    Empty,
    /// `band`: whether it is tripped.
    Band(bool),
    /// `held`: the condition has been true since then.
    Held {
        since: Timestamp,
        wait_ms: u32,
        /// A timer is armed and has not fired.
        pending: bool,
    },
    /// Samples over event time.
    Window(Box<Window>),
    /// `changed`, `prev`: the two newest samples.
    Last(Box<Last>),
    /// `after`, `every`: due then.
    Timer(Timestamp),
    /// `on_silent` has run since the device was last heard.
    SilenceFired,
    /// The last known verdict of a key; `None` is clear.
    Verdict(Option<Severity>),
    /// `implied_speed`: the newest position.
    Track(Box<Track>),
    /// `missed_stops`: the stops of today.
    Stops(Box<Stops>),
    /// `command`: the hash of what was last commanded (0: the wish is over), and when.
    Command { wish: u32, at: Timestamp },
    /// Evaluation errors: the score at a moment, and whether the rule is kept from the device.
    Faults { at: Timestamp, score: u16, quarantined: bool },
}

/// What kind of memory a slot is; a stored slot of another kind does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotKind {
    Band,
    Held,
    Window,
    Last,
    Timer,
    Silence,
    Verdict,
    Faults,
    Command,
    Track,
    Stops,
}

/// A position, and the speed at which it was reached.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Track {
    pub(crate) time: Timestamp,
    /// Longitude, latitude.
    pub(crate) at: [f64; 2],
    /// From the one before; `None`: there was none that is near in time.
    pub(crate) kmh: Option<f64>,
}

/// The two newest samples of an expression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Last {
    pub(crate) previous: Stored,
    pub(crate) newest: Stored,
}

/// A value that a slot can keep; a text is kept as its hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) enum Stored {
    #[default]
    Unknown,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(u64),
}

impl Slot {
    /// Whether a slot of that kind can hold this.
    pub(crate) fn fits(&self, kind: SlotKind) -> bool {
        match self {
            Slot::Empty => true,
            Slot::Band(_) => kind == SlotKind::Band,
            Slot::Held { .. } => kind == SlotKind::Held,
            Slot::Window(_) => kind == SlotKind::Window,
            Slot::Last(_) => kind == SlotKind::Last,
            Slot::Timer(_) => kind == SlotKind::Timer,
            Slot::SilenceFired => kind == SlotKind::Silence,
            Slot::Verdict(_) => kind == SlotKind::Verdict,
            Slot::Faults { .. } => kind == SlotKind::Faults,
            Slot::Command { .. } => kind == SlotKind::Command,
            Slot::Track(_) => kind == SlotKind::Track,
            Slot::Stops(_) => kind == SlotKind::Stops,
        }
    }

    /// The slot as text, for an explanation.
    pub(crate) fn describe(&self) -> String {
        match self {
            Slot::Empty => "nothing known".to_owned(),
            Slot::Band(tripped) => if *tripped { "tripped" } else { "not tripped" }.to_owned(),
            Slot::Held { since, wait_ms, pending } => {
                format!("true since {}, wait {wait_ms} ms, timer {}", since.0, if *pending { "armed" } else { "fired" })
            }
            Slot::Window(window) => format!("{} samples", window.samples.len()),
            Slot::Last(last) => format!("previous {:?}, newest {:?}", last.previous, last.newest),
            Slot::Timer(due) => format!("due {}", due.0),
            Slot::SilenceFired => "silent".to_owned(),
            Slot::Verdict(verdict) => verdict.map_or("clear", Severity::name).to_owned(),
            Slot::Track(track) => match track.kmh {
                Some(kmh) => format!("reached at {kmh:.1} km/h"),
                None => "the first position".to_owned(),
            },
            Slot::Stops(stops) => stops.describe(),
            Slot::Command { wish: 0, at } => format!("wished for nothing since the command at {}", at.0),
            Slot::Command { at, .. } => format!("commanded at {}", at.0),
            Slot::Faults { score, quarantined, .. } => {
                format!("score {score}{}", if *quarantined { ", quarantined" } else { "" })
            }
        }
    }
}

impl RuleState {
    /// When the device was last heard, or put in service.
    #[must_use]
    pub fn heard(&self) -> Option<Timestamp> {
        self.heard
    }

    /// Whether nothing is remembered at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heard.is_none() && self.slots.is_empty()
    }

    /// Nobody kept time for `gap_ms`: silence and the pending timers of held conditions move by the
    /// gap, so that nobody is called because the gateway was down; nor does a truck miss a stop of that day. `after`
    /// and `every` stay.
    pub fn shift(&mut self, gap_ms: i64) {
        self.heard = self.heard.map(|heard| heard.plus_ms(gap_ms));
        for slot in &mut self.slots {
            match slot {
                Slot::Held { since, pending: true, .. } => *since = since.plus_ms(gap_ms),
                Slot::Stops(stops) => stops.shift(gap_ms),
                _ => {}
            }
        }
    }

    /// Reads one slot in each line of memory, for [`Engine::foresee`](crate::engine::Engine::foresee).
    #[inline]
    pub(crate) fn look(&self) -> u64 {
        self.slots.iter().step_by(4).filter(|slot| matches!(slot, Slot::SilenceFired)).count() as u64
    }

    /// Reads the beginning of what the slots point at.
    #[inline]
    pub(crate) fn look_behind(&self) -> u64 {
        let beginning = |slot: &Slot| match slot {
            Slot::Window(window) => window.samples.len() as u64,
            Slot::Last(last) => u64::from(matches!(last.newest, Stored::Unknown)),
            _ => 0,
        };
        self.slots.iter().fold(0, |sum, slot| sum ^ beginning(slot))
    }

    /// Reads the ends of the windows.
    #[inline]
    pub(crate) fn look_at_samples(&self) -> u64 {
        let ends = |slot: &Slot| match slot {
            Slot::Window(window) => window.samples.front().zip(window.samples.back()).map_or(0, |(a, b)| a.0.0 ^ b.0.0),
            _ => 0,
        };
        self.slots.iter().fold(0, |sum, slot| sum ^ ends(slot) as u64)
    }

    /// A copy of the slots with these ids, and of nothing else.
    pub(crate) fn lend(&self, is_wanted: impl Fn(u32) -> bool) -> RuleState {
        let layout = self.layout.as_deref().unwrap_or_default();
        let lent = layout.iter().zip(&self.slots).filter(|(id, _)| is_wanted(**id));
        let (layout, slots): (Vec<u32>, Vec<Slot>) = lent.map(|(id, slot)| (*id, slot.clone())).unzip();
        RuleState { heard: None, layout: (!layout.is_empty()).then(|| layout.into()), slots: slots.into() }
    }

    /// These slots and those of another state behind them; of equal ids, the own one counts.
    pub(crate) fn joined(self, other: RuleState, heard: Option<Timestamp>) -> RuleState {
        if other.slots.is_empty() {
            return RuleState { heard, ..self };
        }
        let ids = |layout: Option<Arc<[u32]>>| layout.unwrap_or_default();
        let (own, others) = (ids(self.layout), ids(other.layout));
        RuleState {
            heard,
            layout: Some(own.iter().chain(others.iter()).copied().collect()),
            slots: self.slots.into_iter().chain(other.slots).collect(),
        }
    }

    /// What is remembered for the rule at a place of its kind's set, in whatever layout.
    pub(crate) fn memory_of(&self, set: &RuleSet, place: usize) -> Vec<&Slot> {
        let Some(placed) = set.rules.get(place) else { return Vec::new() };
        let places = placed.base..placed.base + placed.rule.slots.len();
        let fits = self.fits(&set.layout);
        let own = self.layout.as_deref().unwrap_or_default();
        let remembered = places.map(|place| {
            let (id, kind) = (set.layout.get(place), set.slot_kinds.get(place));
            let at = if fits { Some(place) } else { own.iter().position(|own| Some(own) == id) };
            let slot = at.and_then(|at| self.slots.get(at)).filter(|slot| kind.is_some_and(|kind| slot.fits(*kind)));
            slot.unwrap_or(&Slot::Empty)
        });
        remembered.collect()
    }

    /// Whether the state is laid out like this.
    pub(crate) fn fits(&self, layout: &Arc<[u32]>) -> bool {
        self.layout.as_ref().is_some_and(|own| Arc::ptr_eq(own, layout) || own == layout)
    }

    /// Brings the state to a layout: slots keep their content by identity.
    #[inline]
    pub(crate) fn fit(&mut self, layout: &Arc<[u32]>, kinds: &[SlotKind]) {
        if self.layout.as_ref().is_none_or(|own| !Arc::ptr_eq(own, layout)) {
            self.refit(layout, kinds);
        }
    }

    #[cold]
    fn refit(&mut self, layout: &Arc<[u32]>, kinds: &[SlotKind]) {
        if let Some(own) = &self.layout
            && own == layout
            && self.slots.len() == layout.len()
        {
            self.layout = Some(Arc::clone(layout));
            return;
        }
        let own = self.layout.replace(Arc::clone(layout)).unwrap_or_default();
        let mut old = std::mem::take(&mut self.slots).into_vec();
        let take = |(id, kind): (&u32, &SlotKind)| {
            let place = own.iter().position(|old_id| old_id == id)?;
            let slot = std::mem::take(old.get_mut(place)?);
            slot.fits(*kind).then_some(slot)
        };
        self.slots = layout.iter().zip(kinds).map(take).map(Option::unwrap_or_default).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_small() {
        assert!(size_of::<Slot>() <= 16, "{}", size_of::<Slot>());
        assert!(size_of::<RuleState>() <= 48, "{}", size_of::<RuleState>());
    }

    #[test]
    fn another_layout_keeps_what_has_the_same_identity_and_kind() {
        let mut state = RuleState::default();
        let first: Arc<[u32]> = Arc::from([1, 2, 3]);
        state.fit(&first, &[SlotKind::Band, SlotKind::Verdict, SlotKind::Timer]);
        state.slots[0] = Slot::Band(true);
        state.slots[1] = Slot::Verdict(Some(Severity::Major));
        state.slots[2] = Slot::Timer(Timestamp(9));
        let second: Arc<[u32]> = Arc::from([9, 2, 1, 3]);
        state.fit(&second, &[SlotKind::Band, SlotKind::Verdict, SlotKind::Band, SlotKind::Held]);
        assert_eq!(*state.slots, [Slot::Empty, Slot::Verdict(Some(Severity::Major)), Slot::Band(true), Slot::Empty]);
    }

    #[test]
    fn a_gap_moves_silence_and_pending_conditions_only() {
        let held = |since, pending| Slot::Held { since: Timestamp(since), wait_ms: 5, pending };
        let mut state = RuleState {
            heard: Some(Timestamp(100)),
            layout: None,
            slots: Box::new([held(10, true), held(20, false), Slot::Timer(Timestamp(30))]),
        };
        state.shift(1_000);
        assert_eq!(state.heard(), Some(Timestamp(1_100)));
        assert_eq!(*state.slots, [held(1_010, true), held(20, false), Slot::Timer(Timestamp(30))]);
    }

    #[test]
    fn reads_what_it_writes() {
        let state = RuleState {
            heard: Some(Timestamp(1)),
            layout: Some(Arc::from([7, 8])),
            slots: Box::new([
                Slot::Window(Box::new(Window::new([(Timestamp(1), 0.5)].into()))),
                Slot::Last(Box::new(Last { previous: Stored::Unknown, newest: Stored::Float(0.5) })),
            ]),
        };
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<RuleState>(&text).unwrap(), state);
    }
}
