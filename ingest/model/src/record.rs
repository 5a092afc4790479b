//! The journal's records: the only things that can change an outcome.

use serde::{Deserialize, Serialize};

use crate::{Envelope, Seq, SessionChange, StaffRequest, Timestamp};

/// One record of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its position.
    pub seq: Seq,
    /// The journal's time when it was appended: stamped by the one writer, never decreasing.
    pub time: Timestamp,
    /// What it says.
    pub body: Body,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A device's message.
    Message(Envelope),
    /// Anything else that can change an outcome.
    Control(Control),
}

/// A record that is not a device's message. Self-contained: full texts, never references to files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "control", rename_all = "snake_case", deny_unknown_fields)]
pub enum Control {
    /// The process started.
    Started {
        /// The program's version.
        version: String,
        /// The part of the configuration that can change an outcome.
        config: OutcomeConfig,
    },
    /// Nobody kept time from `from` to `to`: timers of silence and of held conditions move by the gap.
    /// The record is stamped `from`.
    Away {
        /// The last moment that the journal knows of.
        from: Timestamp,
        /// The moment of the start.
        to: Timestamp,
    },
    /// Time has passed, and nothing else came.
    Tick,
    /// Staff, the command line or the console asked for something.
    Request(StaffRequest),
    /// What was refused at the door since the last such record, per source and reason.
    Refusals {
        /// One count per transport and reason.
        counts: Vec<RefusalCount>,
    },
    /// A device's MQTT session stands like this now, or is over.
    Session(SessionChange),
}

/// The part of the configuration that can change an outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomeConfig {
    /// IANA name of the city's time zone.
    pub time_zone: String,
    /// Event time up to this far ahead of received time is taken as received, in milliseconds.
    pub max_ahead_ms: i64,
    /// A reading older than the device's newest accepted one by more than this is late, in milliseconds.
    pub late_after_ms: i64,
    /// A reading received longer than this after its event time is late, in milliseconds.
    pub late_received_ms: i64,
}

impl Default for OutcomeConfig {
    fn default() -> Self {
        OutcomeConfig {
            time_zone: "Asia/Shanghai".to_owned(),
            max_ahead_ms: 120_000,
            late_after_ms: 120_000,
            late_received_ms: 600_000,
        }
    }
}

/// How often one thing was refused at the door.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusalCount {
    /// The listener that refused.
    pub transport: crate::Transport,
    /// The device, where it was known by then.
    pub device: Option<crate::DeviceId>,
    /// Why, from a closed list of the listener's.
    pub reason: String,
    /// How often.
    pub count: u64,
}
