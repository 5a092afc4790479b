//! Positions that the store has acknowledged, and may still lose.
//!
//! Only positions are kept, not the lines: whoever writes has them (the gateway in its journal), and
//! sends everything after the last confirmed position again when the connection was lost. So the
//! memory is the same at any rate.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gengfu_model::Seq;

/// Acknowledgements of this long are one entry, which bounds how many there are.
const ENTRY_SPAN: Duration = Duration::from_millis(500);

/// What was acknowledged within one short span.
#[derive(Debug)]
struct Entry {
    first: Instant,
    last: Instant,
    upto: Seq,
}

/// Acknowledged positions, oldest first.
#[derive(Debug, Default)]
pub(super) struct Unconfirmed {
    entries: VecDeque<Entry>,
    /// A position that needs no confirmation, since no line stands before it that has none.
    free: Option<Seq>,
}

impl Unconfirmed {
    /// Lines up to `upto` were acknowledged at `now`.
    pub(super) fn add(&mut self, upto: Seq, now: Instant) {
        if let Some(entry) = self.entries.back_mut()
            && now.saturating_duration_since(entry.first) < ENTRY_SPAN
        {
            entry.last = now;
            entry.upto = upto;
            return;
        }
        self.entries.push_back(Entry { first: now, last: now, upto });
    }

    /// There are no lines from the last position up to `upto`.
    pub(super) fn pass(&mut self, upto: Seq) {
        match self.entries.back_mut() {
            Some(entry) => entry.upto = upto,
            None => self.free = Some(upto),
        }
    }

    /// Whether anything waits to be confirmed.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// When the oldest entry had been acknowledged in full.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.entries.front().map(|entry| entry.last)
    }

    /// Takes out what was acknowledged at or before `moment`; gives the last position of it.
    pub(super) fn take_until(&mut self, moment: Option<Instant>) -> Option<Seq> {
        let mut confirmed = self.free.take();
        while let Some(entry) = self.entries.front()
            && moment.is_some_and(|moment| entry.last <= moment)
        {
            confirmed = Some(entry.upto);
            self.entries.pop_front();
        }
        confirmed
    }

    /// The store may have lost it all.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.free = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_confirmed_when_its_last_acknowledgement_is_old_enough() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut ring = Unconfirmed::default();
        ring.add(Seq(10), at(0));
        ring.add(Seq(20), at(400));
        ring.add(Seq(30), at(600));
        ring.pass(Seq(35));
        assert_eq!(ring.oldest(), Some(at(400)));
        assert_eq!(ring.take_until(None), None);
        assert_eq!(ring.take_until(Some(at(399))), None, "half of an entry is none");
        assert_eq!(ring.take_until(Some(at(400))), Some(Seq(20)));
        assert_eq!(ring.take_until(Some(at(1_000))), Some(Seq(35)));
        assert!(ring.is_empty());
    }

    #[test]
    fn a_stretch_without_lines_needs_no_confirmation() {
        let now = Instant::now();
        let mut ring = Unconfirmed::default();
        ring.pass(Seq(5));
        assert_eq!(ring.take_until(None), Some(Seq(5)));
        ring.add(Seq(6), now);
        ring.clear();
        assert_eq!(ring.take_until(Some(now)), None);
    }

    #[test]
    fn a_second_of_acknowledgements_is_a_few_entries() {
        let start = Instant::now();
        let mut ring = Unconfirmed::default();
        for ms in 0..1_000 {
            ring.add(Seq(ms), start + Duration::from_millis(ms));
        }
        assert_eq!(ring.entries.len(), 2);
    }
}
