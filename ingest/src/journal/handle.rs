//! What the rest of the gateway holds of the journal's writer.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{JoinHandle, Thread};

use gengfu_model::{Body, Control, Seq, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};

use super::codec;
use super::log::SyncedEnd;
use super::metrics::{JournalMetrics, MetricsSnapshot};

/// Whether the writer still runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriterState {
    /// It takes messages.
    Running,
    /// It was asked to stop, and everything it had taken is durable.
    Stopped,
    /// It failed; the process must end and start again. Says why.
    Failed(Arc<str>),
}

/// Why a control record was not journaled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The journal has stopped.
    #[error("the gateway is stopping")]
    Stopped,
    /// Disk and reserve are full.
    #[error("the disk is full, and the journal's reserve as well; free some room")]
    Full,
    /// The record is larger than a frame may be.
    #[error("the request of {bytes} bytes is over the limit of {limit}; split it")]
    TooLarge {
        /// The record's size.
        bytes: usize,
        /// The largest size.
        limit: usize,
    },
    /// The record cannot be written as JSON.
    #[error("the request cannot be journaled: {0}")]
    Unwritable(String),
}

/// A control record on its way to the writer, and where the answer goes.
pub(super) struct ControlRequest {
    pub(super) control: Control,
    pub(super) answer: oneshot::Sender<Result<Seq, ControlError>>,
}

/// Where the answer arrives.
type Answer = oneshot::Receiver<Result<Seq, ControlError>>;

/// What handle and threads share.
pub(super) struct Shared {
    pub(super) metrics: JournalMetrics,
    pub(super) next_due: AtomicI64,
    pub(super) stop: AtomicBool,
    pub(super) held: AtomicBool,
    pub(super) released: AtomicU64,
    pub(super) state: watch::Sender<WriterState>,
    pub(super) synced: Arc<SyncedEnd>,
    pub(super) max_record_bytes: usize,
    pub(super) writer: OnceLock<Thread>,
}

impl Shared {
    pub(super) fn new(synced: Arc<SyncedEnd>, max_record_bytes: usize) -> Shared {
        Shared {
            metrics: JournalMetrics::default(),
            next_due: AtomicI64::new(i64::MAX),
            stop: AtomicBool::new(false),
            held: AtomicBool::new(false),
            released: AtomicU64::new(0),
            state: watch::Sender::new(WriterState::Running),
            synced,
            max_record_bytes,
            writer: OnceLock::new(),
        }
    }

    pub(super) fn wake_writer(&self) {
        if let Some(thread) = self.writer.get() {
            thread.unpark();
        }
    }
}

/// The journal as the rest of the gateway sees it. Cheap to clone; the threads belong to all clones
/// together and are joined by [`JournalHandle::stop`].
#[derive(Clone)]
pub struct JournalHandle {
    pub(super) shared: Arc<Shared>,
    pub(super) controls: mpsc::Sender<ControlRequest>,
    pub(super) threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl JournalHandle {
    /// Journals a control record; gives its sequence once it is durable. Waits while the lane is full.
    ///
    /// # Errors
    /// [`ControlError`] says why the record is not in the journal.
    pub async fn control(&self, control: Control) -> Result<Seq, ControlError> {
        let (request, answer) = self.request(control)?;
        self.controls.send(request).await.map_err(|_| ControlError::Stopped)?;
        answer.await.unwrap_or(Err(ControlError::Stopped))
    }

    /// Gives a record to the writer and does not wait for it; `false` if the writer has no place for it.
    #[must_use]
    pub fn control_detached(&self, control: Control) -> bool {
        self.request(control).is_ok_and(|(request, _)| self.controls.try_send(request).is_ok())
    }

    /// As [`JournalHandle::control`], for threads that are not async; panics within an async task.
    ///
    /// # Errors
    /// [`ControlError`] says why the record is not in the journal.
    pub fn control_blocking(&self, control: Control) -> Result<Seq, ControlError> {
        let (request, answer) = self.request(control)?;
        self.controls.blocking_send(request).map_err(|_| ControlError::Stopped)?;
        answer.blocking_recv().unwrap_or(Err(ControlError::Stopped))
    }

    /// Tells when the engine's next timer is due; `None`: none is. The writer sees to it that a record
    /// at or after that moment exists, a tick if nothing else comes, within 100 ms and the limit of
    /// one tick a second.
    pub fn set_next_due(&self, due: Option<Timestamp>) {
        self.shared.next_due.store(due.map_or(i64::MAX, Timestamp::as_millis), Ordering::Release);
    }

    /// Tells that all consumers have passed `up_to`: segments that end there or before may be archived.
    pub fn release(&self, up_to: Seq) {
        self.shared.released.fetch_max(up_to.0, Ordering::Release);
    }

    /// Holds messages back although the journal has room, because what comes behind it has none: they
    /// wait as on a full disk, while control records go on.
    pub fn hold_messages(&self, hold: bool) {
        self.shared.held.store(hold, Ordering::Release);
        self.shared.wake_writer();
    }

    /// Whether the writer still runs, and a way to wait for its end.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<WriterState> {
        self.shared.state.subscribe()
    }

    /// What a wall clock that shows `wall` is taken for: itself, or, while the clock is not believed, the
    /// journal's time by the writer's last look (100 ms ago at most). A message is received then.
    #[must_use]
    pub fn believed(&self, wall: Timestamp) -> Timestamp {
        if self.shared.metrics.clock_fault().is_some() { self.shared.metrics.now() } else { wall }
    }

    /// Whether messages wait because the disk is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.shared.metrics.full()
    }

    /// Up to where the journal is synced, for readers.
    #[must_use]
    pub fn synced_end(&self) -> Arc<SyncedEnd> {
        Arc::clone(&self.shared.synced)
    }

    /// The writer's counters.
    #[must_use]
    pub fn metrics(&self) -> MetricsSnapshot {
        self.shared.metrics.snapshot()
    }

    /// Makes the writer look at its clock now: for tests that move the clock by hand.
    pub fn poke(&self) {
        self.shared.wake_writer();
    }

    /// Stops the journal: takes nothing more, makes durable and settles what was taken, hands it on,
    /// and joins the threads. Blocks; the consumer of the batches must still be reading. Stopping
    /// again gives the same answer.
    #[must_use]
    pub fn stop(&self) -> WriterState {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.wake_writer();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            if thread.join().is_err() {
                self.shared.state.send_replace(WriterState::Failed("a thread of the journal panicked".into()));
            }
        }
        self.shared.state.borrow().clone()
    }

    /// Checks the size here, where the answer can still be given to the one who asks.
    fn request(&self, control: Control) -> Result<(ControlRequest, Answer), ControlError> {
        let body = Body::Control(control);
        let mut bytes = Vec::new();
        codec::encode(&body, &mut bytes).map_err(|error| ControlError::Unwritable(error.to_string()))?;
        let limit = self.shared.max_record_bytes;
        if bytes.len() > limit {
            return Err(ControlError::TooLarge { bytes: bytes.len(), limit });
        }
        let Body::Control(control) = body else {
            return Err(ControlError::Unwritable("it is no control record".to_owned()));
        };
        let (answer, receiver) = oneshot::channel();
        Ok((ControlRequest { control, answer }, receiver))
    }
}
