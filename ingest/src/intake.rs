//! The way from a listener to the journal: a bounded queue in, a durable acknowledgement back.
//!
//! A listener hands over messages with a ticket each. After the journal has synced them, it settles
//! the tickets on the listener's [`AckSink`], in the order in which they were handed over. When the
//! journal is behind or has no room, the queue is full: [`Intake::submit`] waits (MQTT stops
//! reading), [`Intake::try_submit`] says so (CoAP 5.03, HTTP 503).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gengfu_model::record::RefusalCount;
use gengfu_model::{DeviceId, Envelope, Seq, SessionChange, Transport};
use tokio::sync::{mpsc, oneshot};

use crate::door::{Door, TurnedAway};

/// What became of a message that was handed to the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is in the journal and synced: acknowledge it.
    Durable(Seq),
    /// The journal has stopped and will take nothing more: do not acknowledge.
    Stopped,
}

/// Where the journal settles tickets. Called on the journal's thread: it must only note the result
/// and wake somebody, never block.
pub trait AckSink: Send + Sync {
    /// Settles one ticket. Tickets of one sink are settled in the order of their submission.
    fn settle(&self, ticket: u64, outcome: Settled);

    /// Called after a run of `settle` calls for this sink within one commit: wake the waiting task here.
    fn wake(&self);
}

/// What a listener hands to the journal.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrival {
    /// A device's message.
    Message(Envelope),
    /// A device's MQTT session has changed. It takes the way of the messages, behind what came before it,
    /// and waits with them when there is no room.
    Session(Box<SessionChange>),
}

/// Messages of one connection or request, in the order of their arrival. They are never parted: what is
/// submitted together is in one commit.
pub struct Submission {
    /// The messages, each with the ticket that its sink knows it by.
    pub messages: Vec<(Arrival, u64)>,
    /// Where the tickets are settled.
    pub sink: Arc<dyn AckSink>,
}

/// Why a submission was not taken; it comes back with the error.
pub enum SubmitError {
    /// The queue is full: the journal is behind, or the disk is.
    Full(Submission),
    /// The journal has stopped.
    Stopped(Submission),
}

/// The listeners' end of the queue. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    queue: mpsc::Sender<Submission>,
    refusals: Arc<Refusals>,
    door: Arc<Door>,
}

impl Intake {
    /// A queue for `capacity` submissions, and its end for the journal's writer.
    #[must_use]
    pub fn new(capacity: usize) -> (Intake, mpsc::Receiver<Submission>) {
        let (queue, receiver) = mpsc::channel(capacity);
        (Intake { queue, refusals: Arc::default(), door: Arc::default() }, receiver)
    }

    /// Hands messages over, and waits while the queue is full.
    ///
    /// # Errors
    /// Gives the submission back when the journal has stopped.
    pub async fn submit(&self, submission: Submission) -> Result<(), SubmitError> {
        self.queue.send(submission).await.map_err(|error| SubmitError::Stopped(error.0))
    }

    /// Hands messages over, or says at once that the queue or the disk is full.
    ///
    /// # Errors
    /// Gives the submission back when the queue is full or the journal has stopped.
    pub fn try_submit(&self, submission: Submission) -> Result<(), SubmitError> {
        if self.refusals.no_room.load(Ordering::Acquire) {
            return Err(SubmitError::Full(submission));
        }
        self.queue.try_send(submission).map_err(|error| match error {
            mpsc::error::TrySendError::Full(submission) => SubmitError::Full(submission),
            mpsc::error::TrySendError::Closed(submission) => SubmitError::Stopped(submission),
        })
    }

    /// Hands one message over without waiting for room, then waits until it is durable, for 10 s at most.
    ///
    /// # Errors
    /// [`SubmitOneError`] when the queue is full, the journal took too long (then it may yet take the
    /// message: the sender's repeat is a duplicate), or it has stopped.
    pub async fn submit_one(&self, envelope: Envelope) -> Result<Seq, SubmitOneError> {
        let (sender, receiver) = oneshot::channel();
        let sink = Arc::new(OneSink(Mutex::new(Some(sender))));
        self.try_submit(Submission { messages: vec![(Arrival::Message(envelope), 0)], sink }).map_err(|error| {
            match error {
                SubmitError::Full(_) => SubmitOneError::Full,
                SubmitError::Stopped(_) => SubmitOneError::Stopped,
            }
        })?;
        match tokio::time::timeout(MAX_WAIT, receiver).await {
            Ok(Ok(Settled::Durable(seq))) => Ok(seq),
            Ok(Ok(Settled::Stopped) | Err(_)) => Err(SubmitOneError::Stopped),
            Err(_) => Err(SubmitOneError::Full),
        }
    }

    /// Counts something that was refused at the door.
    pub fn refuse(&self, away: &TurnedAway<'_>) {
        self.refusals.add(away.transport, away.device, away.reason);
        self.door.add(away);
    }

    /// Who was refused, for people.
    #[must_use]
    pub fn door(&self) -> Arc<Door> {
        Arc::clone(&self.door)
    }

    /// The counters that the journal's writer empties once a second into a `Refusals` record.
    #[must_use]
    pub fn refusals(&self) -> Arc<Refusals> {
        Arc::clone(&self.refusals)
    }
}

/// The longest that one message waits for its place in the journal before its sender is told to come
/// again: the disk may have become full under it.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Why [`Intake::submit_one`] did not take a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitOneError {
    /// The queue is full.
    #[error("the journal is behind, try again later")]
    Full,
    /// The journal has stopped.
    #[error("the gateway is stopping")]
    Stopped,
}

struct OneSink(Mutex<Option<oneshot::Sender<Settled>>>);

impl AckSink for OneSink {
    fn settle(&self, _ticket: u64, outcome: Settled) {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sender) = sender {
            // The request may have given up meanwhile; the message is journaled all the same.
            sender.send(outcome).ok();
        }
    }

    fn wake(&self) {}
}

/// How many different (transport, device, reason) are counted apart within one second; what comes
/// beyond is counted without the device.
const MAX_REFUSAL_ROWS: usize = 1_000;

/// What the door and the journal's writer tell each other: what was refused since the last summary, and
/// whether messages can be taken at all.
#[derive(Debug, Default)]
pub struct Refusals {
    counts: Mutex<BTreeMap<RefusalKey, u64>>,
    no_room: AtomicBool,
}

type RefusalKey = (Transport, Option<DeviceId>, &'static str);

impl Refusals {
    fn add(&self, transport: Transport, device: Option<&DeviceId>, reason: &'static str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let device = if counts.len() < MAX_REFUSAL_ROWS { device.cloned() } else { None };
        *counts.entry((transport, device, reason)).or_default() += 1;
    }

    /// Tells the door whether messages have to wait for room: whoever can be told is told at once.
    pub(crate) fn set_no_room(&self, no_room: bool) {
        self.no_room.store(no_room, Ordering::Release);
    }

    /// Takes the counts out, in a fixed order.
    #[must_use]
    pub fn take(&self) -> Vec<RefusalCount> {
        let counts = std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        let row = |((transport, device, reason), count): (RefusalKey, u64)| RefusalCount {
            transport,
            device,
            reason: reason.to_owned(),
            count,
        };
        counts.into_iter().map(row).collect()
    }
}
