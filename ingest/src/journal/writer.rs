//! The journal's one writer: drains what is queued, stamps it, appends it as one commit, syncs, and only
//! then settles the senders' tickets and hands the batch on.
//!
//! What comes in during a sync makes up the next commit; small commits do not follow each other too closely. When the disk is
//! full, messages stay where they are and control records go on. A failed sync ends the thread:
//! every ticket is settled as stopped, and the process has to start again.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use gengfu_model::{Body, Control, Record, Seq, Timestamp};
use tokio::sync::{mpsc, oneshot};

use super::archive::Archive;
use super::error::JournalError;
use super::handle::{ControlError, ControlRequest, JournalHandle, Shared, WriterState};
use super::journal_clock::JournalClock;
use super::log::{AppendError, Log};
use super::pace::Pace;
use super::settle::Pending;
use super::spare::{Spare, SpareTask};
use super::upkeep;
use super::writer_options::WriterOptions;
use crate::clock::Clock;
use crate::intake::{Refusals, Submission};

/// Refusal counters in one record, at most; more make more records.
const MAX_REFUSAL_ROWS: usize = 100;
/// The largest size of a refusal counter as JSON, with a device id and a reason of sensible length.
const REFUSAL_ROW_BYTES: usize = 256;
/// After a spare could not be made ahead, it is tried again after this many commits or wake-ups.
const SPARE_PAUSE: u32 = 100;

/// The writer; see [`JournalWriter::start`].
pub struct JournalWriter {
    shared: Arc<Shared>,
    log: Log,
    clock: Arc<dyn Clock>,
    journal_clock: JournalClock,
    options: WriterOptions,
    messages: mpsc::Receiver<Submission>,
    controls: mpsc::Receiver<ControlRequest>,
    refusals: Arc<Refusals>,
    batches: SyncSender<Arc<Vec<Record>>>,
    pending: Pending,
    waiting: Vec<Option<oneshot::Sender<Result<Seq, ControlError>>>>,
    control_bodies: Vec<Control>,
    began: Timestamp,
    last_tick: Timestamp,
    last_refusals: Timestamp,
    held: Vec<Control>,
    room: Option<RoomWait>,
    spare_tasks: SyncSender<SpareTask>,
    spares: Receiver<Result<Spare, JournalError>>,
    spare: SpareState,
    pace: Pace,
    drained: bool,
}

/// The disk is full: when room is looked for again, and how long the wait after that is.
struct RoomWait {
    until: Instant,
    wait: Duration,
}

enum SpareState {
    Idle,
    Asked,
    Paused(u32),
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl JournalWriter {
    /// Starts the writer's thread and the upkeep's. `messages` and `refusals` are the intake's ends;
    /// each commit is handed to `batches`, which makes the writer wait when it is full. With an
    /// archive, segments passed by [`JournalHandle::release`] are archived.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(
        log: Log,
        clock: Arc<dyn Clock>,
        messages: mpsc::Receiver<Submission>,
        refusals: Arc<Refusals>,
        batches: SyncSender<Arc<Vec<Record>>>,
        archive: Option<Archive>,
        options: WriterOptions,
    ) -> io::Result<JournalHandle> {
        let shared = Arc::new(Shared::new(log.synced_end(), log.max_record_bytes()));
        shared.metrics.set_last(log.last_seq(), log.last_time());
        shared.metrics.set_now(log.last_time().max(clock.now()));
        let (control_sender, controls) = mpsc::channel(options.control_capacity);
        let (spare_tasks, task_receiver) = sync_channel(1);
        let (spare_sender, spares) = sync_channel(1);
        let wall = clock.now();
        let began = log.last_time().max(wall);
        let journal_clock = JournalClock::new(log.last_time(), wall, options.monotonic.elapsed_ms());
        let pace = Pace::new(options.commit_gap);
        let writer = JournalWriter {
            shared: Arc::clone(&shared),
            log,
            clock,
            journal_clock,
            options,
            messages,
            controls,
            refusals,
            batches,
            pending: Pending::default(),
            waiting: Vec::new(),
            control_bodies: Vec::new(),
            began,
            last_tick: Timestamp(i64::MIN),
            last_refusals: began,
            held: Vec::new(),
            room: None,
            spare_tasks,
            spares,
            spare: SpareState::Idle,
            pace,
            drained: false,
        };
        let upkeep_shared = Arc::clone(&shared);
        let upkeep = thread::Builder::new()
            .name("journal-upkeep".to_owned())
            .spawn(move || upkeep::run(&upkeep_shared, archive, &task_receiver, &spare_sender))?;
        let thread = thread::Builder::new().name("journal".to_owned()).spawn(move || writer.run())?;
        // Nobody can wake the thread before the handle is given out.
        shared.writer.get_or_init(|| thread.thread().clone());
        let threads = Arc::new(std::sync::Mutex::new(vec![thread, upkeep]));
        Ok(JournalHandle { shared, controls: control_sender, threads })
    }

    fn run(mut self) {
        let end = match self.work() {
            Ok(()) => WriterState::Stopped,
            Err(error) => {
                tracing::error!(%error, "the journal has stopped; nothing more is acknowledged");
                WriterState::Failed(error.to_string().into())
            }
        };
        self.refuse_the_rest();
        self.shared.state.send_replace(end);
    }

    fn work(&mut self) -> Result<(), JournalError> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            let stopping = self.shared.stop.load(Ordering::Acquire);
            if stopping {
                self.messages.close();
                self.controls.close();
            }
            self.collect(&mut context);
            self.look_after_spares();
            let now = self.now();
            self.add_own_records(now, stopping);
            if let Some(records) = self.commit(now)? {
                let wait = self.pace.after(records, Instant::now());
                if !wait.is_zero() && !stopping {
                    thread::sleep(wait);
                }
                continue;
            }
            // Stopped, or nobody is left who could hand anything in. On a full disk what still waits cannot
            // be taken any more; it was never acknowledged.
            if self.drained || (stopping && self.is_held()) {
                return Ok(());
            }
            thread::park_timeout(self.sleep_for(now));
        }
    }

    /// Whether messages have to wait: for room in the journal, or behind it.
    fn is_held(&self) -> bool {
        self.room.is_some() || self.shared.held.load(Ordering::Acquire)
    }

    fn now(&mut self) -> Timestamp {
        let now = self.journal_clock.now(self.clock.now(), self.options.monotonic.elapsed_ms());
        self.shared.metrics.set_now(now);
        self.shared.metrics.set_clock_fault(self.journal_clock.fault());
        now
    }

    /// Takes what is queued, as far as one commit goes. Messages stay queued while the disk is full.
    fn collect(&mut self, context: &mut Context<'_>) {
        let mut drained = true;
        let held = self.is_held();
        self.refusals.set_no_room(held);
        loop {
            let full = self.pending.len() >= self.options.max_commit_messages
                || self.pending.bytes >= self.options.max_commit_bytes;
            if full || held {
                drained = false;
                break;
            }
            match self.messages.poll_recv(context) {
                Poll::Ready(Some(submission)) => {
                    self.pending.take(submission, self.shared.max_record_bytes, &self.shared.metrics);
                }
                Poll::Ready(None) => break,
                Poll::Pending => {
                    drained = false;
                    break;
                }
            }
        }
        while self.control_bodies.len() < self.options.control_capacity {
            match self.controls.poll_recv(context) {
                Poll::Ready(Some(request)) => {
                    self.control_bodies.push(request.control);
                    self.waiting.push(Some(request.answer));
                }
                Poll::Ready(None) => break,
                Poll::Pending => {
                    drained = false;
                    break;
                }
            }
        }
        self.drained = drained;
    }

    /// Adds the records that the journal itself writes: refusals once a second, and a tick when time
    /// has to move and nothing else moves it. While messages wait, refusals are only counted: the
    /// reserve is for timers and staff.
    fn add_own_records(&mut self, now: Timestamp, stopping: bool) {
        let due = !self.is_held() && now.since_ms(self.last_refusals) >= self.options.refusals_every_ms;
        if stopping || due {
            self.last_refusals = now;
            let rows = (self.shared.max_record_bytes / REFUSAL_ROW_BYTES).clamp(1, MAX_REFUSAL_ROWS);
            let mut controls = std::mem::take(&mut self.held);
            if controls.is_empty() {
                let counts = self.refusals.take();
                controls.extend(counts.chunks(rows).map(|counts| Control::Refusals { counts: counts.to_vec() }));
            }
            for control in controls {
                self.add_control(control);
            }
        }
        let moved = !self.control_bodies.is_empty() || (self.room.is_none() && !self.pending.bodies.is_empty());
        let last_time = self.log.last_time();
        let due = Timestamp(self.shared.next_due.load(Ordering::Acquire));
        let timer = due <= now && last_time < due;
        let idle = now.since_ms(last_time.max(self.began)) >= self.options.idle_tick_ms;
        if !moved && (timer || idle) && now.since_ms(self.last_tick) >= self.options.min_tick_ms {
            self.last_tick = now;
            self.add_control(Control::Tick);
        }
    }

    fn add_control(&mut self, control: Control) {
        self.control_bodies.push(control);
        self.waiting.push(None);
    }

    /// Makes one commit of what was collected. Gives the number of its records, if there was anything.
    fn commit(&mut self, now: Timestamp) -> Result<Option<usize>, JournalError> {
        let mut records = Vec::new();
        let mut messages = 0;
        if !self.pending.is_empty() && self.may_try_room() {
            messages = self.pending.bodies.len();
            let mut bodies = std::mem::take(&mut self.pending.bodies);
            bodies.extend(self.control_bodies.drain(..).map(Body::Control));
            match self.log.append(bodies, now) {
                Ok(appended) => {
                    records = appended;
                    self.have_room();
                }
                Err(AppendError { cause: JournalError::Full, mut bodies }) => {
                    let controls = bodies.split_off(messages);
                    self.control_bodies.extend(controls.into_iter().filter_map(into_control));
                    self.pending.bodies = bodies;
                    messages = 0;
                    self.wait_for_room();
                }
                Err(error) => return Err(error.cause),
            }
        } else if self.room.as_ref().is_some_and(|room| room.until <= Instant::now()) {
            match self.log.retry_room() {
                Ok(()) => self.have_room(),
                Err(JournalError::Full) => self.wait_for_room(),
                Err(error) => return Err(error),
            }
        }
        if !self.control_bodies.is_empty() {
            let controls = std::mem::take(&mut self.control_bodies);
            match self.log.append_control(controls, now) {
                Ok(appended) => records = appended,
                Err(AppendError { cause: JournalError::Full, bodies }) => {
                    self.answer(Err(ControlError::Full));
                    // Counts are not lost: they wait for the next turn, and no others are taken meanwhile.
                    let controls = bodies.into_iter().filter_map(into_control);
                    self.held.extend(controls.filter(|control| matches!(control, Control::Refusals { .. })));
                }
                Err(error) => return Err(error.cause),
            }
        }
        let settled_only = messages == 0 && self.pending.bodies.is_empty() && !self.pending.is_empty();
        if records.is_empty() && !settled_only {
            return Ok(None);
        }
        let count = records.len();
        self.finish(records, messages)?;
        Ok(Some(count))
    }

    /// Syncs, settles, answers, hands on.
    fn finish(&mut self, records: Vec<Record>, messages: usize) -> Result<(), JournalError> {
        let began = Instant::now();
        self.log.sync()?;
        self.shared.metrics.synced(began.elapsed());
        let from_devices = records.iter().filter(|record| matches!(record.body, Body::Message(_))).count();
        let controls = records.len() - from_devices;
        self.shared.metrics.committed(from_devices, controls, self.log.last_seq(), self.log.last_time());
        if self.pending.bodies.is_empty() {
            self.pending.settle(Some(records.first().map_or(Seq(0), |record| record.seq)));
        }
        if let Some(first_control) = records.get(messages) {
            self.answer(Ok(first_control.seq));
        }
        if records.is_empty() {
            return Ok(());
        }
        let handed_on = self.batches.send(Arc::new(records));
        handed_on.map_err(|_| JournalError::Poisoned("nobody takes the journal's batches any more".into()))
    }

    /// Answers all control requests: with their sequences from the first one on, or with the error.
    fn answer(&mut self, outcome: Result<Seq, ControlError>) {
        for (offset, answer) in (0..).zip(self.waiting.drain(..)) {
            if let Some(answer) = answer {
                // Who asked may have given up meanwhile; the record is journaled all the same.
                answer.send(outcome.clone().map(|first| Seq(first.0 + offset))).ok();
            }
        }
    }

    fn may_try_room(&self) -> bool {
        self.room.as_ref().is_none_or(|room| room.until <= Instant::now())
    }

    fn have_room(&mut self) {
        self.room = None;
        self.shared.metrics.set_full(false);
    }

    fn wait_for_room(&mut self) {
        let before = self.room.as_ref().map_or(self.options.room_wait, |room| room.wait);
        let wait = before.min(self.options.max_room_wait);
        self.room = Some(RoomWait { until: Instant::now() + wait, wait: wait * 2 });
        self.shared.metrics.set_full(true);
        self.refusals.set_no_room(true);
    }

    /// Has the next spare made ahead by the other thread, so that no commit waits for its zeros.
    fn look_after_spares(&mut self) {
        if let Ok(made) = self.spares.try_recv() {
            self.spare = match made {
                Ok(spare) => {
                    self.log.add_spare(spare);
                    SpareState::Idle
                }
                Err(error) => {
                    tracing::debug!(%error, "no spare segment could be made ahead");
                    SpareState::Paused(SPARE_PAUSE)
                }
            };
        }
        match &mut self.spare {
            SpareState::Asked => {}
            SpareState::Paused(0) => self.spare = SpareState::Idle,
            SpareState::Paused(left) => *left -= 1,
            SpareState::Idle => {
                if let Some(task) = self.log.spare_wanted() {
                    match self.spare_tasks.try_send(task) {
                        Ok(()) => self.spare = SpareState::Asked,
                        Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                            self.spare = SpareState::Paused(SPARE_PAUSE);
                        }
                    }
                }
            }
        }
    }

    fn sleep_for(&self, now: Timestamp) -> Duration {
        let mut sleep = self.options.max_sleep;
        let due = Timestamp(self.shared.next_due.load(Ordering::Acquire));
        if self.log.last_time() < due {
            // A timer that is due already waits for the limit of one tick a second.
            let soonest = due.max(self.last_tick.plus_ms(self.options.min_tick_ms));
            sleep = sleep.min(Duration::from_millis(soonest.since_ms(now).max(1).unsigned_abs()));
        }
        match &self.room {
            Some(room) => sleep.min(room.until.saturating_duration_since(Instant::now())),
            None => sleep,
        }
    }

    /// Takes nothing more, and tells everybody who still waits.
    fn refuse_the_rest(&mut self) {
        self.messages.close();
        self.controls.close();
        self.pending.settle(None);
        while let Ok(submission) = self.messages.try_recv() {
            self.pending.take(submission, usize::MAX, &self.shared.metrics);
            self.pending.settle(None);
        }
        self.answer(Err(ControlError::Stopped));
        while let Ok(request) = self.controls.try_recv() {
            request.answer.send(Err(ControlError::Stopped)).ok();
        }
    }
}

impl Drop for JournalWriter {
    /// A thread that panics has not said how it ended.
    fn drop(&mut self) {
        self.shared.state.send_if_modified(|state| {
            let running = *state == WriterState::Running;
            if running {
                *state = WriterState::Failed("the journal's thread panicked".into());
            }
            running
        });
    }
}

fn into_control(body: Body) -> Option<Control> {
    match body {
        Body::Control(control) => Some(control),
        Body::Message(_) => None,
    }
}
