//! The rules' time, by samples: after one message in some, the rules of its device are evaluated once more on copies,
//! with a clock beside them. The engine has no clock, and what is measured decides nothing.

use std::time::Instant;

use gengfu_model::{Body, Record};
use gengfu_rules::engine::Engine;

/// One message in so many is followed by a sample; a prime, so that no rhythm of the city is met again and again.
const EVERY: u32 = 1_021;

/// Takes samples.
#[derive(Debug)]
pub(super) struct Costs {
    begun: Instant,
    messages: u32,
}

impl Default for Costs {
    fn default() -> Self {
        // The first message is sampled, so that a quiet city has figures as well.
        Costs { begun: Instant::now(), messages: EVERY - 1 }
    }
}

impl Costs {
    /// A record was applied.
    pub(super) fn after(&mut self, engine: &Engine, record: &Record) {
        let Body::Message(envelope) = &record.body else { return };
        self.messages += 1;
        if self.messages < EVERY {
            return;
        }
        self.messages = 0;
        let begun = self.begun;
        let mut clock = || u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        engine.sample_cost(&envelope.device, &mut clock);
    }
}
