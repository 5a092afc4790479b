//! The seam to whoever is told: one attempt at one item.

use gengfu_model::{OutboxItem, Timestamp};

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered {
        /// The receiver's answer in short, for the receipt.
        answer: String,
    },
    /// The receiver answered and does not want this item (as it is, or now): others may fare better.
    Refused {
        /// Why.
        answer: String,
    },
    /// It was not tried: so much went out that the receiver takes nothing before `until`.
    Busy {
        /// When to try again.
        until: Timestamp,
        /// Why.
        answer: String,
    },
    /// The receiver cannot be reached, or takes nothing at all: others would fare no better.
    Unavailable {
        /// Why.
        answer: String,
    },
}

/// A way to tell somebody. An implementation makes one attempt and keeps no queue: order, repeats
/// and the record are the deliverer's business.
pub trait Channel: Send {
    /// Makes one attempt, bounded by a timeout of its own. `now` is the time to say in the message.
    ///
    /// The item's id is the idempotency key: after a crash the same item comes again.
    fn deliver(&mut self, item: &OutboxItem, now: Timestamp) -> Outcome;
}
