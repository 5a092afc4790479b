//! A robot's answer: status 200 with a code in the body, which alone says whether it took the message.

use gengfu_model::Timestamp;
use serde_json::Value;

use crate::delivery::Outcome;
use crate::delivery::http::Answer;

/// What a vendor's codes mean.
#[derive(Debug)]
pub(super) struct Codes {
    /// Where the code stands; the first that is there counts.
    pub(super) fields: &'static [&'static str],
    /// Too many messages, and how long to wait then, in milliseconds.
    pub(super) too_many: &'static [i64],
    /// See `too_many`.
    pub(super) wait_ms: i64,
    /// Wrong address, secret, word or sender: no message would fare better.
    pub(super) locked_out: &'static [i64],
}

impl Codes {
    /// How the attempt ended.
    pub(super) fn judge(&self, answer: Answer, now: Timestamp) -> Outcome {
        if !answer.is_ok() {
            return answer.outcome();
        }
        let body: Option<Value> = serde_json::from_str(&answer.text).ok();
        let code = body.as_ref().and_then(|body| self.fields.iter().find_map(|field| body.get(field)?.as_i64()));
        let answer = answer.summary();
        match code {
            Some(0) => Outcome::Delivered { answer },
            Some(code) if self.too_many.contains(&code) => Outcome::Busy { until: now.plus_ms(self.wait_ms), answer },
            Some(code) if self.locked_out.contains(&code) => Outcome::Unavailable { answer },
            Some(_) => Outcome::Refused { answer },
            // Something in between answered: a page of a firewall is not the vendor's word.
            None => Outcome::Unavailable { answer },
        }
    }
}
