//! Brings the engine's verdict back to whoever asked.
//!
//! The asker learns its record's sequence from the journal, the verdict comes from the ledger's
//! thread: whichever is first waits here for the other.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use gengfu_model::Seq;
use gengfu_model::staff::Verdict;
use tokio::sync::oneshot;

/// How many verdicts wait for an asker that may have gone away.
const MAX_UNCLAIMED: usize = 10_000;

enum Slot {
    Asked(oneshot::Sender<Verdict>),
    Judged(Verdict),
}

/// Askers and verdicts that wait for each other.
#[derive(Default)]
pub struct Verdicts(Mutex<BTreeMap<Seq, Slot>>);

impl Verdicts {
    /// The verdict for the request at `seq`, now or later.
    pub fn ask(&self, seq: Seq) -> oneshot::Receiver<Verdict> {
        let (sender, receiver) = oneshot::channel();
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match slots.remove(&seq) {
            Some(Slot::Judged(verdict)) => {
                // The receiver is in our hands, so it is there.
                sender.send(verdict).ok();
            }
            Some(Slot::Asked(_)) | None => {
                slots.insert(seq, Slot::Asked(sender));
            }
        }
        receiver
    }

    /// Tells the verdict for the request at `seq`.
    pub fn tell(&self, seq: Seq, verdict: Verdict) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match slots.remove(&seq) {
            Some(Slot::Asked(sender)) => {
                // The asker may have given up; the verdict stands in the audit all the same.
                sender.send(verdict).ok();
            }
            Some(Slot::Judged(_)) | None => {
                slots.insert(seq, Slot::Judged(verdict));
                while slots.len() > MAX_UNCLAIMED {
                    slots.pop_first();
                }
            }
        }
    }
}
