//! What a rule made of a device at a moment of the past, and why: "why did this not fire last night".
//!
//! The engine begins with the newest state from before that moment and takes the records up to it, as they stand in
//! journal and archive, so the pack, the parameters, the register and the calendar are those of that time. Of the
//! messages it needs the device's own: what a rule remembers of a device comes from nothing else. Then time is let
//! pass to the moment, so that what was due has fired, and the rule is looked at as it is looked at live.

use std::sync::Arc;

use gengfu_ingest::journal::JournalReader;
use gengfu_model::{Body, DeviceId, Record, Timestamp};
use gengfu_rules::Why;
use gengfu_rules::engine::Output;
use serde::Serialize;

use super::TrialError;
use super::backtest::{Source, Watch};
use super::start::{Started, choose};
use crate::pipeline::decode::decode_record;

/// An evaluation of the past.
#[derive(Clone, Debug, Serialize)]
pub struct Past {
    /// The moment, in milliseconds of the epoch.
    pub at: Timestamp,
    /// Which state it was put together from, in words.
    pub from: String,
    /// How many messages of the device came between that state and the moment.
    pub messages: u64,
    /// What the rule made of the device; `None`: there was no such device then, or its kind had no such rule.
    pub why: Option<Why>,
}

/// Evaluates a rule for a device as of a moment that is over.
///
/// # Errors
/// [`TrialError`]; `NoStart` where the archive does not reach back so far, `Cancelled` when the watch says so.
pub fn why(
    source: &Source<'_>,
    device: &DeviceId,
    rule: &str,
    at: Timestamp,
    watch: &dyn Watch,
) -> Result<Past, TrialError> {
    let start = choose(source.data, source.disk.as_ref(), at)?;
    let Started { mut engine, after, .. } = start.open()?;
    let mut out = Output::unplotted();
    let mut next = after.next();
    let mut messages = 0;
    let mut reader = JournalReader::open(Arc::clone(&source.disk), next, source.limit.clone())?;
    'records: while let Some(records) = reader.next_batch()? {
        if watch.is_cancelled() {
            return Err(TrialError::Cancelled);
        }
        for record in &records {
            if record.time > at {
                break 'records;
            }
            next = record.seq.next();
            if concerns(record, device) {
                messages += u64::from(matches!(record.body, Body::Message(_)));
                engine.apply(record, decode_record(record).as_ref(), &mut out);
                // Nobody is told of what came of it then.
                out.effects.take();
                out.verdicts.clear();
            }
        }
    }
    engine.let_time_pass(next, at, &mut out);
    Ok(Past { at, from: start.describe(), messages, why: engine.why(device.as_str(), rule) })
}

/// Whether a record can change what rules make of the device: its own messages, and all that are no messages.
fn concerns(record: &Record, device: &DeviceId) -> bool {
    match &record.body {
        Body::Message(envelope) => envelope.device == *device,
        Body::Control(_) => true,
    }
}
