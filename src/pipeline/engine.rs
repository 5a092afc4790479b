//! The engine thread: applies decoded records in journal order and hands on what comes of them.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use gengfu_model::staff::Action;
use gengfu_model::{Seq, Timestamp};
use gengfu_rules::Pack;
use gengfu_rules::engine::{Engine, FORESEEN, Output, Round};

use super::checkpoint::CheckpointJob;
use super::costs::Costs;
use super::gather::Gather;
use super::ledger::LedgerJob;
use super::progress::{Positions, Progress};
use super::series::SeriesJob;
use super::{DecodedBatch, EngineInput};

/// A ledger job is handed on when it has this many effects, at the latest after each batch.
const JOB_EFFECTS: usize = 1_000;
/// How many device rows are encoded between two batches: a millisecond or so, so that no alarm waits
/// for a checkpoint.
const ROUND_ROWS: usize = 100;
/// How long a round waits for a slow disk before it looks for new batches again.
const ROUND_WAIT: Duration = Duration::from_millis(2);
/// A decision that is still wanted after this long is journaled again: its record was not taken.
const DECIDE_AGAIN_MS: i64 = 60_000;

/// When a checkpoint round begins.
#[derive(Clone, Copy, Debug)]
pub struct CheckpointOptions {
    /// After this many records.
    pub records: u64,
    /// After this long, by the journal's time, in milliseconds.
    pub every_ms: i64,
}

/// Where the engine thread's results go.
pub struct Outputs {
    /// To the ledger's thread.
    pub ledger: SyncSender<LedgerJob>,
    /// To the series' thread.
    pub series: SyncSender<SeriesJob>,
    /// To the checkpoints' thread.
    pub checkpoints: SyncSender<CheckpointJob>,
    /// Tells the journal's writer when the next timer is due.
    pub next_due: Box<dyn Fn(Option<Timestamp>) + Send>,
    /// How far the stages have come.
    pub progress: Arc<Progress>,
    /// The pack that the engine judges by, for whoever shows its counts.
    pub live_pack: Arc<RwLock<Arc<Pack>>>,
    /// Journals what the gateway itself decides; does not wait, and may fail: it is asked for again.
    pub decide: Box<dyn Fn(Action) + Send>,
}

/// The engine and what it keeps between batches.
pub struct EngineThread {
    engine: Engine,
    options: CheckpointOptions,
    outputs: Outputs,
    output: Output,
    gather: Gather,
    round: Option<Round>,
    pending: Option<CheckpointJob>,
    /// Points that the series had no place for: grows only while its disk is full and messages are held.
    unsent: Option<SeriesJob>,
    round_began: (Seq, Timestamp),
    /// The last record whose effects were handed to the ledger.
    handed: Seq,
    /// The pack that was shown last.
    live_pack: Arc<Pack>,
    /// What was decided last, and when.
    decided: Option<(Action, Timestamp)>,
    /// Takes the rules' time now and then.
    costs: Costs,
}

impl EngineThread {
    /// An engine thread that goes on from where recovery left the engine.
    #[must_use]
    pub fn new(mut engine: Engine, options: CheckpointOptions, outputs: Outputs) -> EngineThread {
        let round_began = (engine.applied(), engine.now());
        (outputs.next_due)(engine.next_due());
        let live_pack = Arc::clone(engine.pack());
        EngineThread {
            engine,
            options,
            outputs,
            output: Output::default(),
            gather: Gather::default(),
            round: None,
            pending: None,
            unsent: None,
            round_began,
            handed: Seq(0),
            live_pack,
            decided: None,
            costs: Costs::default(),
        }
    }

    /// Runs until the input is closed, then writes a last checkpoint, so that the next start has
    /// nothing to replay.
    ///
    /// # Errors
    /// When a stage behind has stopped.
    pub fn run(mut self, input: &Receiver<EngineInput>) -> Result<(), String> {
        loop {
            match self.next(input) {
                Ok(EngineInput::Batch(batch)) => self.batch(batch)?,
                Ok(EngineInput::Query(query)) => query(&mut self.engine),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => break,
            }
            self.hand_unsent()?;
            self.hand_gathered(false)?;
            self.checkpoint()?;
        }
        self.finish()
    }

    /// The next input. Waits as long as nothing else is to be done.
    fn next(&self, input: &Receiver<EngineInput>) -> Result<EngineInput, TryRecvError> {
        let wait = if self.pending.is_some() || self.unsent.is_some() {
            ROUND_WAIT
        } else if self.round.is_some() {
            return input.try_recv();
        } else if let Some(wait) = self.gather.wait() {
            wait
        } else {
            return input.recv().map_err(|_| TryRecvError::Disconnected);
        };
        input.recv_timeout(wait).map_err(|error| match error {
            RecvTimeoutError::Timeout => TryRecvError::Empty,
            RecvTimeoutError::Disconnected => TryRecvError::Disconnected,
        })
    }

    fn batch(&mut self, batch: DecodedBatch) -> Result<(), String> {
        for (place, (record, decoded)) in batch.records.iter().zip(&batch.decoded).enumerate() {
            if place.is_multiple_of(FORESEEN) {
                self.engine.foresee(&batch.records[place..]);
            }
            self.engine.apply(record, decoded.as_ref(), &mut self.output);
            self.costs.after(&self.engine, record);
            if self.output.effects.effects().len() >= JOB_EFFECTS {
                self.hand_on(false)?;
            }
        }
        self.hand_on(false)?;
        let (applied, handed) = (self.engine.applied(), self.handed);
        self.outputs.progress.update(|positions| (positions.applied, positions.handed) = (applied, handed));
        let pack = self.engine.pack();
        if !Arc::ptr_eq(pack, &self.live_pack)
            && let Ok(mut live) = self.outputs.live_pack.write()
        {
            *live = Arc::clone(pack);
            self.live_pack = Arc::clone(pack);
        }
        (self.outputs.next_due)(self.engine.next_due());
        if let Some(action) = self.engine.pause_wanted() {
            self.decide(action);
        }
        Ok(())
    }

    /// Has a decision journaled, once until a minute of the journal's time is over.
    fn decide(&mut self, action: Action) {
        let now = self.engine.now();
        if self.decided.as_ref().is_some_and(|(last, at)| *last == action && now.since_ms(*at) < DECIDE_AGAIN_MS) {
            return;
        }
        self.decided = Some((action.clone(), now));
        (self.outputs.decide)(action);
    }

    /// Hands on what has come of the records so far; `force` moves the ledger's position even
    /// without an effect.
    fn hand_on(&mut self, force: bool) -> Result<(), String> {
        let position = self.engine.applied();
        let job = LedgerJob {
            effects: self.output.effects.take(),
            verdicts: std::mem::take(&mut self.output.verdicts),
            position,
            time: self.engine.now(),
            force,
        };
        if !job.effects.is_empty() {
            self.handed = position;
        }
        if force || !job.effects.is_empty() || !job.verdicts.is_empty() {
            self.outputs.ledger.send(job).map_err(|_| "the ledger has stopped".to_owned())?;
        }
        self.gather.add(&mut self.output.points);
        self.hand_gathered(force)
    }

    /// Hands on the points that have waited long enough for others; `force` moves the series' position even
    /// without a point.
    fn hand_gathered(&mut self, force: bool) -> Result<(), String> {
        if !force && !self.gather.is_due() {
            return Ok(());
        }
        let (points, position) = (self.gather.take(), self.engine.applied());
        self.hand_points(SeriesJob { points, position })
    }

    /// Hands on the points that had no place, once the series has room.
    fn hand_unsent(&mut self) -> Result<(), String> {
        match self.unsent.take_if(|_| !self.outputs.progress.get().series_full) {
            Some(job) => self.hand_points(job),
            None => Ok(()),
        }
    }

    /// Hands points to the series: waits while it is slow, but not while its disk is full, since timers
    /// and staff must go on. Messages are held then, so what piles up is what was under way.
    fn hand_points(&mut self, job: SeriesJob) -> Result<(), String> {
        let stopped = |_| "the series store has stopped".to_owned();
        let mut job = match self.unsent.take() {
            Some(mut unsent) => {
                unsent.points.extend(job.points);
                SeriesJob { position: job.position, ..unsent }
            }
            None => job,
        };
        loop {
            let seen = self.outputs.progress.get().series;
            job = match self.outputs.series.try_send(job) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(_)) => return Err(stopped(())),
                Err(TrySendError::Full(job)) => job,
            };
            let moved = |positions: &Positions| positions.series > seen || positions.series_full;
            if !self.outputs.progress.wait_until(moved) {
                // It gave up for want of room and drops what comes, or it failed and is gone.
                return self.outputs.series.send(job).map_err(|_| stopped(()));
            }
            if self.outputs.progress.get().series_full {
                self.unsent = Some(job);
                return Ok(());
            }
        }
    }

    /// Begins a round when it is time, and goes on with the one under way, never waiting for the disk.
    fn checkpoint(&mut self) -> Result<(), String> {
        if self.round.is_none() && self.pending.is_none() && self.is_due() {
            self.begin()?;
        }
        self.step()
    }

    fn is_due(&self) -> bool {
        let (seq, time) = self.round_began;
        let records = self.engine.applied().0 - seq.0;
        records > 0 && (records >= self.options.records || self.engine.now().since_ms(time) >= self.options.every_ms)
    }

    fn begin(&mut self) -> Result<(), String> {
        self.round_began = (self.engine.applied(), self.engine.now());
        self.round = Some(self.engine.begin_round());
        self.hand_on(true)
    }

    fn step(&mut self) -> Result<(), String> {
        if self.pending.is_none() {
            let Some(mut round) = self.round.take() else { return Ok(()) };
            if round.is_complete() {
                self.pending = Some(CheckpointJob::Advance { position: round.position, tables: round.tables });
            } else {
                let rows = self.engine.round_rows(&mut round, ROUND_ROWS);
                // The rows are as of the engine's position: the stores must come that far first.
                self.hand_on(true)?;
                self.pending = Some(CheckpointJob::Rows(rows));
                self.round = Some(round);
            }
        }
        if let Some(job) = self.pending.take() {
            match self.outputs.checkpoints.try_send(job) {
                Ok(()) => {}
                Err(TrySendError::Full(job)) => self.pending = Some(job),
                Err(TrySendError::Disconnected(_)) => return Err("the checkpoints have stopped".to_owned()),
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), String> {
        self.hand_unsent()?;
        while self.round.is_some() || self.pending.is_some() {
            self.blocking_step()?;
        }
        self.begin()?;
        while self.round.is_some() || self.pending.is_some() {
            self.blocking_step()?;
        }
        Ok(())
    }

    fn blocking_step(&mut self) -> Result<(), String> {
        if let Some(job) = self.pending.take() {
            return self.outputs.checkpoints.send(job).map_err(|_| "the checkpoints have stopped".to_owned());
        }
        self.step()
    }
}
