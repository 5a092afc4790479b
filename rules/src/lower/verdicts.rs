//! What a rule says as a whole: every key can clear, and is judged once per evaluation.

use gengfu_model::Severity;

use super::{EntryKind, Lowerer};
use crate::script::Pos;

/// The word that was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Incident,
    Raise,
    Clear,
}

/// A call of `incident`, `raise` or `clear`.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) key: u8,
    pub(super) call: Call,
    /// `None` if it is computed.
    pub(super) severity: Option<Severity>,
    /// The `if`s around, with the branch taken.
    pub(super) path: Vec<(u32, u8)>,
    pub(super) entry: EntryKind,
    pub(super) pos: Pos,
}

impl Site {
    /// Whether no evaluation reaches both.
    fn excludes(&self, other: &Site) -> bool {
        self.entry != other.entry
            || self.path.iter().any(|(number, arm)| other.path.iter().any(|(n, a)| n == number && a != arm))
    }
}

impl Lowerer<'_> {
    /// `counts`: its group may be all that it is about.
    pub(super) fn verdicts(&mut self, counts: bool) {
        let sites = std::mem::take(&mut self.sites);
        if !counts && sites.iter().all(|site| site.call == Call::Clear) && self.problems.is_empty() {
            self.error(self.meta.pos, "the rule never raises anything", "call incident(condition)");
        }
        for number in 0..self.keys.len() {
            let of_key: Vec<&Site> = sites.iter().filter(|site| usize::from(site.key) == number).collect();
            self.judged_once(&of_key, number);
            self.can_clear(&of_key, number);
        }
    }

    fn judged_once(&mut self, sites: &[&Site], number: usize) {
        let name = self.keys.get(number).map(|key| key.name.to_string()).unwrap_or_default();
        for (place, later) in sites.iter().enumerate() {
            for earlier in sites.iter().take(place) {
                if later.call == Call::Clear || earlier.call == Call::Clear || later.excludes(earlier) {
                    continue;
                }
                let line = earlier.pos.line;
                if later.call == Call::Raise && earlier.call == Call::Raise {
                    if later.severity != earlier.severity || later.severity.is_none() {
                        let hint = "write `if .. else ..`, or one raise with severity: if x > 90.0 { \"major\" } else { \"minor\" }";
                        let message = format!(
                            "key `{name}` is raised here and in line {line} with another severity, and both can hold at once"
                        );
                        self.error(later.pos, message, hint);
                    }
                } else {
                    let message = format!("key `{name}` is judged here and in line {line}, and both can be reached");
                    self.error(later.pos, message, "join the conditions with `||`, or take another key");
                }
            }
        }
    }

    fn can_clear(&mut self, sites: &[&Site], number: usize) {
        let name = self.keys.get(number).map(|key| key.name.to_string()).unwrap_or_default();
        let raises = |entry: EntryKind| {
            sites.iter().find(|site| site.call != Call::Clear && site.entry == entry).map(|site| site.pos)
        };
        let (by_silence, by_message, by_timer) =
            (raises(EntryKind::Silent), raises(EntryKind::Message), raises(EntryKind::Timer));
        let Some(first) = by_message.or(by_timer).or(by_silence) else {
            if let Some(site) = sites.first() {
                self.error(site.pos, format!("nothing raises key `{name}`"), "clear a key that the rule raises");
            }
            return;
        };
        if by_silence.is_some() {
            if let Some(other) = by_message.or(by_timer) {
                let message = format!("key `{name}` is raised by `on_silent` as well");
                self.error(other, message, "the next message clears what on_silent raised: take another key");
            }
            if let Some(key) = self.keys.get_mut(number) {
                key.by_silence = true;
            }
            return;
        }
        if sites.iter().all(|site| site.call == Call::Raise) {
            let message = format!("key `{name}` can never clear");
            self.error(first, message, format!("call clear(\"{name}\") where it is over, or use incident(condition)"));
        }
    }
}
