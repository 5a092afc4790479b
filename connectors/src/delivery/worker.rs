//! The loop of one target: takes over outbox rows, makes the attempt whose turn it is, waits.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use gengfu_cases::FOLDED_TOPIC;
use gengfu_model::{EffectId, OutboxItem, Timestamp};

use super::channel::{Channel, Outcome};
use super::receipts::DeliveryState;
use super::store::{DeliveryStore, MAX_RECEIPTS, Pending, Progress};
use super::{Clock, DeliveryConfig};
use crate::{LedgerError, LedgerReader};

/// Outbox rows read at once.
const BATCH: usize = 256;
/// Unfinished items per target that are taken over; further ones wait in the ledger's outbox.
const MAX_PENDING: usize = 1_000;
/// Finished items between two looks at how many receipts there are.
const TRIM_EVERY: u32 = 1_000;

/// The wait after the record or the ledger could not be read or written. An item that was delivered
/// just then goes out again under its id, so the wait is not short.
const STORE_RETRY: Duration = Duration::from_secs(5);

/// How the threads are told to go on or to end.
#[derive(Debug, Default)]
pub(super) struct Bell {
    state: Mutex<BellState>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct BellState {
    stop: bool,
    rings: u64,
}

impl Bell {
    /// Wakes every worker.
    pub(super) fn ring(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).rings += 1;
        self.rung.notify_all();
    }

    /// Tells every worker to end.
    pub(super) fn stop(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).stop = true;
        self.rung.notify_all();
    }

    /// Waits until `timeout` is over, somebody rings (since the ring number `heard`) or it is time to
    /// end; `None` then.
    fn wait(&self, heard: u64, timeout: Duration) -> Option<u64> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (state, _) = self
            .rung
            .wait_timeout_while(state, timeout, |state| !state.stop && state.rings == heard)
            .unwrap_or_else(PoisonError::into_inner);
        (!state.stop).then_some(state.rings)
    }
}

/// One target's worker; it runs on a thread of its own.
pub(super) struct Worker {
    pub(super) name: String,
    pub(super) topics: Vec<String>,
    pub(super) channel: Box<dyn Channel>,
    pub(super) reader: LedgerReader,
    pub(super) store: Arc<DeliveryStore>,
    pub(super) config: DeliveryConfig,
    pub(super) clock: Clock,
    pub(super) bell: Arc<Bell>,
    /// How long after its first attempt an item is given up; `None`: never.
    pub(super) give_up_after_ms: Option<i64>,
}

/// What is known of the target itself, beside its items.
#[derive(Default)]
struct Line {
    /// Attempts in a row that found the target unavailable.
    failures: u32,
    /// No attempt before this.
    closed_until: Timestamp,
    finished: u32,
}

impl Worker {
    /// Runs until the bell says stop. Failures of the record or the ledger are logged and tried again.
    pub(super) fn run(mut self) {
        let mut line = Line::default();
        let mut heard = 0;
        loop {
            let wait = self.step(&mut line).unwrap_or_else(|error| {
                tracing::error!(target_name = %self.name, %error, "delivery waits");
                STORE_RETRY
            });
            match self.bell.wait(heard, wait) {
                Some(rings) => heard = rings,
                None => return,
            }
        }
    }

    /// Takes over what is new and makes at most one attempt; gives how long to wait then.
    fn step(&mut self, line: &mut Line) -> Result<Duration, LedgerError> {
        self.take_over()?;
        let now = (self.clock)();
        let skip_after = self.config.skip_after;
        let head = self.store.head(&self.name, skip_after)?;
        // Those aside go first when they are due, which is seldom: else a busy line would starve them.
        let aside = self.store.aside(&self.name, skip_after)?;
        let due = [aside, head].into_iter().flatten().min_by_key(|pending| pending.next_try.max(now));
        let Some(pending) = due else {
            return Ok(self.config.poll);
        };
        let start = pending.next_try.max(line.closed_until);
        if start > now {
            return Ok(self.until(now, start));
        }
        self.attempt(&pending, now, line)?;
        Ok(Duration::ZERO)
    }

    fn until(&self, now: Timestamp, start: Timestamp) -> Duration {
        let wait = u64::try_from(start.since_ms(now)).unwrap_or(0);
        // Never longer than the poll: new rows may have come, and a clock may be moved.
        Duration::from_millis(wait).min(self.config.poll)
    }

    fn take_over(&mut self) -> Result<(), LedgerError> {
        let mut position = self.store.position(&self.name)?;
        let mut room = MAX_PENDING.saturating_sub(self.store.pending(&self.name)?);
        while room > 0 {
            let rows = self.reader.outbox_after(position, BATCH.min(room))?;
            let Some(last) = rows.last() else {
                break;
            };
            let wanted: Vec<&OutboxItem> = rows.iter().filter(|item| self.wants(&item.topic)).collect();
            self.store.take_over(&self.name, &wanted, last.id, (self.clock)())?;
            room -= wanted.len();
            position = Some(last.id);
        }
        Ok(())
    }

    /// Whether the target is told of a topic: an exact name, or a prefix that ends in a full stop.
    fn wants(&self, topic: &str) -> bool {
        let matches =
            |wanted: &String| *wanted == topic || (wanted.ends_with('.') && topic.starts_with(wanted.as_str()));
        // What is for one person goes only to who asked for it by name.
        let all = self.topics.is_empty() && !topic.starts_with("notification.");
        all || self.topics.iter().any(matches)
    }

    fn attempt(&mut self, pending: &Pending, now: Timestamp, line: &mut Line) -> Result<(), LedgerError> {
        let Some(item) = self.reader.outbox_item(pending.id)? else {
            let answer = "the ledger has no such row any more";
            return self.finish(pending.id, DeliveryState::Failed, false, now, answer, line);
        };
        if let Some(into) = item.withdrawn {
            return self.withdraw(item.id, &format!("withdrawn: case {into} stands for it"), line);
        }
        if self.nothing_to_take_back(&item)? {
            return self.withdraw(item.id, "not sent: nothing had been told of the case", line);
        }
        match self.channel.deliver(&item, now) {
            Outcome::Delivered { answer } => {
                line.failures = 0;
                tracing::debug!(target_name = %self.name, id = %item.id, "delivered");
                self.finish(item.id, DeliveryState::Delivered, false, now, &answer, line)
            }
            Outcome::Refused { answer } => {
                line.failures = 0;
                let wait = self.config.backoff.wait_ms(item.id, pending.refusals + 1);
                self.failed(pending, true, now, now.plus_ms(wait), &answer, line)
            }
            Outcome::Busy { until, answer } => {
                tracing::debug!(target_name = %self.name, id = %item.id, answer, "waits");
                line.closed_until = until;
                Ok(())
            }
            Outcome::Unavailable { answer } => {
                line.failures = line.failures.saturating_add(1);
                let wait = self.config.backoff.wait_ms(item.id, line.failures);
                line.closed_until = now.plus_ms(wait);
                self.failed(pending, false, now, line.closed_until, &answer, line)
            }
        }
    }

    /// Whether an item says that a case was folded of which the target has heard nothing: all that it was to be told
    /// of the case was withdrawn before the first attempt.
    fn nothing_to_take_back(&self, item: &OutboxItem) -> Result<bool, LedgerError> {
        let Some(case) = item.case.filter(|_| &*item.topic == FOLDED_TOPIC) else { return Ok(false) };
        let mut withdrawn = false;
        for id in self.reader.outbox_about(case)?.into_iter().filter(|id| *id < item.id) {
            match self.store.standing(&self.name, id)? {
                Some((DeliveryState::Withdrawn, 0)) => withdrawn = true,
                Some(_) => return Ok(false),
                None => {}
            }
        }
        Ok(withdrawn)
    }

    fn withdraw(&mut self, id: EffectId, answer: &str, line: &mut Line) -> Result<(), LedgerError> {
        tracing::debug!(target_name = %self.name, %id, answer, "withdrawn");
        self.store.withdraw(&self.name, id, answer)?;
        self.finished(line)
    }

    fn failed(
        &mut self,
        pending: &Pending,
        refused: bool,
        now: Timestamp,
        next_try: Timestamp,
        answer: &str,
        line: &mut Line,
    ) -> Result<(), LedgerError> {
        let first = pending.first_try.unwrap_or(now);
        if self.give_up_after_ms.is_some_and(|limit| now.since_ms(first) >= limit) {
            tracing::error!(target_name = %self.name, id = %pending.id, answer, "given up");
            return self.finish(pending.id, DeliveryState::Failed, refused, now, answer, line);
        }
        tracing::warn!(target_name = %self.name, id = %pending.id, attempts = pending.attempts + 1, answer, "not delivered");
        let progress = Progress { state: DeliveryState::Pending, refused, now, next_try, answer };
        self.store.record(&self.name, pending.id, &progress)
    }

    fn finish(
        &mut self,
        id: EffectId,
        state: DeliveryState,
        refused: bool,
        now: Timestamp,
        answer: &str,
        line: &mut Line,
    ) -> Result<(), LedgerError> {
        self.store.record(&self.name, id, &Progress { state, refused, now, next_try: now, answer })?;
        self.finished(line)
    }

    fn finished(&self, line: &mut Line) -> Result<(), LedgerError> {
        line.finished += 1;
        if line.finished >= TRIM_EVERY {
            line.finished = 0;
            self.store.trim(&self.name, MAX_RECEIPTS)?;
        }
        Ok(())
    }
}
