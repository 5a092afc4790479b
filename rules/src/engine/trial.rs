//! What trials ask of an engine, and the live line does not.

use gengfu_model::{Seq, Timestamp};

use super::{Engine, Output};

impl Engine {
    /// The city's time zone, by the newest record that said it.
    #[must_use]
    pub fn zone(&self) -> chrono_tz::Tz {
        self.zone
    }

    /// Every device's row has been caught up with, and the ledger's position as well: from here on the engine
    /// says everything that comes of a record.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.ahead.is_empty() && self.applied >= self.ledger
    }

    /// Lets time pass to `to` without a record, for the end of a stretch. `next` is the record that would have
    /// moved time.
    pub fn let_time_pass(&mut self, next: Seq, to: Timestamp, out: &mut Output) {
        out.effects.start(next);
        self.candidates.iter_mut().for_each(|candidate| candidate.out.effects.start(next));
        self.advance(next, to, out);
    }
}
