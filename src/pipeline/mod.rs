//! The stages behind the journal: decode, engine, ledger, series, checkpoints; and recovery.
//!
//! Each stage is one thread with a bounded input; a full queue holds back the stage before it, up to
//! the journal and so to the devices. Order is that of the journal throughout. A stage ends when its
//! input is closed, after it has done what was in it: stopping the journal stops the line, in flow order.

pub mod checkpoint;
pub mod decode;
pub mod engine;
pub mod gather;
pub mod ledger;
pub mod progress;
pub mod recover;
pub mod series;
pub mod verdicts;

use std::sync::Arc;

use gengfu_model::Record;
use gengfu_rules::engine::{DecodedMessage, Engine};

/// How many batches wait between two stages.
pub const QUEUE_BATCHES: usize = 64;

/// A durable batch of records with what the codecs made of its messages.
pub struct DecodedBatch {
    /// The records, in journal order.
    pub records: Arc<Vec<Record>>,
    /// For each record its payload after the codec; `None` for a control record.
    pub decoded: Vec<Option<DecodedMessage>>,
}

/// What the engine thread is handed.
pub enum EngineInput {
    /// Records to apply.
    Batch(DecodedBatch),
    /// A question between two batches; it must not change what the journal did not say.
    Query(Box<dyn FnOnce(&mut Engine) + Send>),
}
