//! Evaluation errors per (rule, device): a score with decay, and quarantine.
//!
//! Each failed evaluation adds one; the score halves every [`FAULT_HALF_LIFE_MS`]. At
//! [`FAULTS_TO_QUARANTINE`] the rule leaves the device alone for [`QUARANTINE_MS`], then tries again
//! with half the score. Journal time counts, so a replay quarantines at the same records.

use gengfu_model::Timestamp;
use gengfu_model::time::HOUR_MS;

use super::state::Slot;

/// The score halves in this time, in milliseconds.
pub const FAULT_HALF_LIFE_MS: i64 = HOUR_MS;
/// From this score on a device is kept from the rule.
pub const FAULTS_TO_QUARANTINE: u16 = 10;
/// How long, in milliseconds.
pub const QUARANTINE_MS: i64 = HOUR_MS;

/// Whether the rule leaves the device alone at `now`; lifts a quarantine that is over.
#[inline]
pub(super) fn quarantined(slot: &mut Slot, now: Timestamp) -> bool {
    let Slot::Faults { at, score, quarantined: true } = *slot else { return false };
    if now.since_ms(at) < QUARANTINE_MS {
        return true;
    }
    *slot = Slot::Faults { at: now, score: score / 2, quarantined: false };
    false
}

/// One more failure.
pub(super) fn failed(slot: &mut Slot, now: Timestamp) {
    let old = match *slot {
        Slot::Faults { at, score, .. } => {
            let halvings = (now.since_ms(at).max(0) / FAULT_HALF_LIFE_MS).min(15);
            score >> halvings
        }
        _ => 0,
    };
    let score = old.saturating_add(1);
    *slot = Slot::Faults { at: now, score, quarantined: score >= FAULTS_TO_QUARANTINE };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_failures_quarantine_and_an_hour_lifts_it() {
        let mut slot = Slot::Empty;
        for n in 0..FAULTS_TO_QUARANTINE {
            assert!(!quarantined(&mut slot, Timestamp(i64::from(n))), "{n}");
            failed(&mut slot, Timestamp(i64::from(n)));
        }
        assert!(quarantined(&mut slot, Timestamp(10)));
        assert!(quarantined(&mut slot, Timestamp(QUARANTINE_MS)));
        assert!(!quarantined(&mut slot, Timestamp(QUARANTINE_MS + 9)));
    }

    #[test]
    fn rare_failures_are_forgotten() {
        let mut slot = Slot::Empty;
        for n in 0..100 {
            failed(&mut slot, Timestamp(n * FAULT_HALF_LIFE_MS));
        }
        assert!(!quarantined(&mut slot, Timestamp(100 * FAULT_HALF_LIFE_MS)));
    }
}
