//! Delivers the ledger's outbox to whoever is to be told outside.
//!
//! Promises: every outbox row that a target wants reaches it at least once, always under the same
//! id, or ends as a record of having been given up; a restart goes on where it was. Order: the items
//! of a target go out one after the other in the outbox's order. While a target cannot be reached,
//! the head of its line waits and so do those behind it. An item that the target *refuses* holds the
//! line up for [`DeliveryConfig::skip_after`] attempts; then it steps aside and is tried on its own
//! with growing waits, and the rest goes on. So a receiver that cares about the order of a case's
//! items compares their ids (sequence, then ordinal) and drops the older.
//! Given up is after [`DeliveryConfig::give_up_after_ms`] from an item's own first attempt.
//! What the ledger has withdrawn by the time of its attempt, since another case's message stands in its place, is not
//! sent; neither is the news that a case was folded to a target that has heard nothing of that case.
//!
//! Each target has a thread of its own, so that a slow one holds up nobody else.

mod backoff;
mod channel;
#[cfg(test)]
pub(crate) mod fixture;
pub mod http;
mod receipts;
mod store;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;
pub mod webhook;
mod worker;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gengfu_model::time::DAY_MS;
use gengfu_model::{EffectId, Seq, Timestamp};

pub use backoff::Backoff;
pub use channel::{Channel, Outcome};
pub use receipts::{Delivery, DeliveryReader, DeliveryState};
pub use webhook::{BodyForm, Webhook, WebhookConfig, WebhookError};

use crate::{LedgerError, LedgerReader};
use store::DeliveryStore;
use worker::{Bell, Worker};

/// Tells the time; tests move their own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How deliveries are tried again. The same for all targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryConfig {
    /// The waits between attempts.
    pub backoff: Backoff,
    /// Refusals after which an item steps aside.
    pub skip_after: u32,
    /// How long after its first attempt an item is given up, in milliseconds.
    pub give_up_after_ms: i64,
    /// How often the outbox is looked at when nobody calls [`Deliverer::wake`].
    pub poll: Duration,
}

impl Default for DeliveryConfig {
    fn default() -> DeliveryConfig {
        DeliveryConfig {
            backoff: Backoff::default(),
            skip_after: 5,
            give_up_after_ms: DAY_MS,
            poll: Duration::from_secs(1),
        }
    }
}

/// Where a target that was never seen before begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// With the first row of the outbox.
    Oldest,
    /// After the rows that are there: a new target is not told old news.
    Newest,
}

/// Somebody to be told.
pub struct Target {
    /// Its name, in the record and the log; unique, and the same over restarts.
    pub name: String,
    /// The topics it is told of: names, or prefixes that end in a full stop (`case.`). Empty: all.
    pub topics: Vec<String>,
    /// Where it begins when it is new.
    pub start: StartAt,
    /// How it is told.
    pub channel: Box<dyn Channel>,
    /// Nothing is ever given up: what is refused steps aside and is tried again with the longest wait.
    pub keep_trying: bool,
}

/// Why delivery cannot start.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The ledger or the record cannot be read or written.
    #[error(transparent)]
    Store(#[from] LedgerError),
    /// Two targets have one name.
    #[error("two targets are called `{0}`: their records would mix")]
    SameName(String),
    /// The system gives no thread.
    #[error("no thread for target `{target}`: {source}")]
    Thread {
        /// The target.
        target: String,
        /// The system's words.
        source: std::io::Error,
    },
}

/// Delivers until it is stopped or dropped.
pub struct Deliverer {
    bell: Arc<Bell>,
    receipts: DeliveryReader,
    threads: Vec<(String, JoinHandle<()>)>,
}

impl fmt::Debug for Deliverer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.threads.iter().map(|(name, _)| name).collect();
        f.debug_struct("Deliverer").field("targets", &names).finish_non_exhaustive()
    }
}

impl Deliverer {
    /// Starts a thread per target, which reads the outbox through `reader` and keeps its record in
    /// the file `record` (made if it is not there).
    ///
    /// # Errors
    /// [`DeliveryError`]; nothing runs then.
    pub fn start(
        reader: &LedgerReader,
        record: &Path,
        targets: Vec<Target>,
        config: DeliveryConfig,
        clock: &Clock,
    ) -> Result<Deliverer, DeliveryError> {
        let mut names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(DeliveryError::SameName(twice[0].to_owned()));
        }
        let store = Arc::new(DeliveryStore::open(record)?);
        let receipts = DeliveryReader::open(record)?;
        let mut deliverer = Deliverer { bell: Arc::new(Bell::default()), receipts, threads: Vec::new() };
        for Target { name, topics, start, channel, keep_trying } in targets {
            begin(reader, &store, &name, start, clock())?;
            let worker = Worker {
                name: name.clone(),
                topics,
                channel,
                reader: reader.clone(),
                store: store.clone(),
                config,
                clock: clock.clone(),
                bell: deliverer.bell.clone(),
                give_up_after_ms: (!keep_trying).then_some(config.give_up_after_ms),
            };
            let thread = thread::Builder::new()
                .name(format!("deliver {name}"))
                .spawn(move || worker.run())
                .map_err(|source| DeliveryError::Thread { target: name.clone(), source })?;
            deliverer.threads.push((name, thread));
        }
        Ok(deliverer)
    }

    /// Says that the outbox has new rows; without it they are found at the next poll.
    pub fn wake(&self) {
        self.bell.ring();
    }

    /// The record, for reading.
    #[must_use]
    pub fn receipts(&self) -> DeliveryReader {
        self.receipts.clone()
    }

    /// Targets whose thread has ended though nobody asked it to: always a defect.
    #[must_use]
    pub fn ended(&self) -> Vec<&str> {
        self.threads.iter().filter(|(_, thread)| thread.is_finished()).map(|(name, _)| name.as_str()).collect()
    }

    /// Stops: attempts under way are waited for (each is bounded by its timeout), what is left is
    /// delivered after the next start. Gives the targets whose thread had panicked.
    #[must_use]
    pub fn stop(mut self) -> Vec<String> {
        self.join()
    }

    fn join(&mut self) -> Vec<String> {
        self.bell.stop();
        let joined = self.threads.drain(..).map(|(name, thread)| (name, thread.join()));
        joined.filter(|(_, ended)| ended.is_err()).map(|(name, _)| name).collect()
    }
}

impl Drop for Deliverer {
    fn drop(&mut self) {
        for name in self.join() {
            tracing::error!(target_name = %name, "delivery panicked");
        }
    }
}

/// Gives a target that was never seen its position.
fn begin(
    reader: &LedgerReader,
    store: &DeliveryStore,
    name: &str,
    start: StartAt,
    now: Timestamp,
) -> Result<(), LedgerError> {
    if store.position(name)?.is_some() {
        return Ok(());
    }
    let before_all = EffectId { seq: Seq(0), ordinal: 0 };
    let position = match start {
        StartAt::Oldest => before_all,
        StartAt::Newest => reader.outbox_newest()?.unwrap_or(before_all),
    };
    store.take_over(name, &[], position, now)
}
