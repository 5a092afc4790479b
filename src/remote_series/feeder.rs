//! The feeding thread: journal in, batches of lines out, and a position that moves when they are safe.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gengfu_connectors::SeriesError;
use gengfu_connectors::series::influx::{FeedRecord, InfluxWriter, LineBuilder, Lines, WriteError};
use gengfu_ingest::Clock;
use gengfu_ingest::journal::reader::first_kept;
use gengfu_ingest::journal::{Disk, JournalError, JournalReader, ReadLimit, SyncedEnd};
use gengfu_model::record::OutcomeConfig;
use gengfu_model::{Body, Control, Record, Seq};

use super::Stop;
use super::metrics::Metrics;
use super::points::points_of;

/// A batch is sent when it has this many points,
const BATCH_POINTS: u64 = 5_000;
/// or that many records (not every record has points),
const BATCH_RECORDS: u64 = 50_000;
/// or is this old.
const BATCH_AGE: Duration = Duration::from_secs(1);
/// How often the journal is looked at when there was nothing new.
const POLL: Duration = Duration::from_millis(200);
/// The wait after the journal or the file of positions could not be read.
const TROUBLE_WAIT: Duration = Duration::from_secs(10);

/// What the thread works with.
pub(super) struct Feeder {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) synced: Arc<SyncedEnd>,
    pub(super) writer: InfluxWriter,
    pub(super) record: FeedRecord,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Arc<Metrics>,
    /// As of the records read last.
    pub(super) outcome: OutcomeConfig,
    pub(super) lines: LineBuilder,
}

/// Why the thread cannot go on for now; both are tried again.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Record(#[from] SeriesError),
}

/// How far the thread is.
struct Progress {
    reader: Option<JournalReader>,
    /// The store has kept everything up to here.
    confirmed: Seq,
    /// Everything up to here is in the lines, in the batch, or sent.
    read: Seq,
    /// Records since the last batch, and when the first of them came.
    records: u64,
    since: Option<Instant>,
    /// A batch that waits to be sent, and the position it ends at.
    batch: Option<(Lines, Seq)>,
}

impl Progress {
    fn at(position: Seq) -> Progress {
        Progress { reader: None, confirmed: position, read: position, records: 0, since: None, batch: None }
    }

    fn note(&mut self, position: Seq) {
        self.read = position;
        self.records += 1;
        self.since.get_or_insert_with(Instant::now);
    }
}

impl Feeder {
    /// Runs until it is told to stop.
    pub(super) fn run(mut self, stop: &Stop) {
        let mut progress = loop {
            match self.begin() {
                Ok(position) => break Progress::at(position),
                Err(trouble) => tracing::error!(%trouble, "the remote series waits"),
            }
            if stop.wait(TROUBLE_WAIT) {
                return;
            }
        };
        self.metrics.confirmed(progress.confirmed);
        tracing::info!(store = self.writer.address(), after = progress.confirmed.0, "feeding the remote series");
        loop {
            let wait = self.turn(&mut progress).unwrap_or_else(|trouble| {
                tracing::error!(%trouble, "the remote series waits");
                progress.reader = None;
                TROUBLE_WAIT
            });
            if stop.wait(wait) {
                return;
            }
        }
    }

    /// The durable position; a store that was never fed begins before the first record that is kept.
    fn begin(&mut self) -> Result<Seq, Trouble> {
        let synced = self.synced.get();
        match self.record.position()? {
            Some(position) if position <= synced => return Ok(position),
            Some(position) => tracing::warn!(
                position = position.0,
                journal = synced.0,
                "the journal ends before what the remote series was given: it is fed from the beginning"
            ),
            None => {}
        }
        let first = first_kept(self.disk.as_ref())?.unwrap_or(Seq(1));
        let position = Seq(first.0.saturating_sub(1));
        // Durable at once: from now on what the archive drops is a gap.
        self.record.advance(position, self.clock.now())?;
        Ok(position)
    }

    /// Does what is next; gives how long to wait then.
    fn turn(&mut self, progress: &mut Progress) -> Result<Duration, Trouble> {
        match self.writer.confirm() {
            Ok(None) => {}
            Ok(Some(position)) => {
                self.record.advance(position, self.clock.now())?;
                progress.confirmed = position;
                self.metrics.confirmed(position);
            }
            Err(error) => {
                self.failed(progress, &error);
                return Ok(Duration::ZERO);
            }
        }
        let wait = self.writer.wait();
        if !wait.is_zero() {
            return Ok(wait.min(POLL));
        }
        if progress.batch.is_none() {
            let caught_up = self.fill(progress)?;
            let young = progress.since.is_none_or(|since| since.elapsed() < BATCH_AGE);
            if caught_up && young {
                return Ok(POLL);
            }
            progress.batch = Some((self.lines.take(), progress.read));
            (progress.records, progress.since) = (0, None);
        }
        self.send(progress);
        Ok(Duration::ZERO)
    }

    /// Reads until the batch is full; gives whether it ran out of records before that.
    fn fill(&mut self, progress: &mut Progress) -> Result<bool, Trouble> {
        while self.lines.points() < BATCH_POINTS && progress.records < BATCH_RECORDS {
            match self.next(progress) {
                Ok(Some(record)) => {
                    self.take(&record);
                    progress.note(record.seq);
                }
                Ok(None) => return Ok(true),
                Err(JournalError::Gap { from, to }) => {
                    let new = self.record.note_gap(from, to, self.clock.now())?;
                    self.metrics.missed(from, to, new);
                    progress.reader = None;
                    progress.note(to);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }

    fn next(&mut self, progress: &mut Progress) -> Result<Option<Record>, JournalError> {
        let reader = match &mut progress.reader {
            Some(reader) => reader,
            none => {
                let limit = ReadLimit::Synced(Arc::clone(&self.synced));
                none.insert(JournalReader::open(Arc::clone(&self.disk), progress.read.next(), limit)?)
            }
        };
        reader.next().transpose()
    }

    fn take(&mut self, record: &Record) {
        if let Body::Control(Control::Started { config, .. }) = &record.body {
            self.outcome = config.clone();
        }
        let lines = &mut self.lines;
        points_of(record, &self.outcome, |point| lines.push(point));
    }

    fn send(&mut self, progress: &mut Progress) {
        let Some((lines, upto)) = &progress.batch else { return };
        match self.writer.write(lines, *upto) {
            Ok(written) => {
                if !lines.is_empty() {
                    self.metrics.written(lines.points(), &written, lines.left_out());
                }
                progress.batch = None;
            }
            Err(error) => self.failed(progress, &error),
        }
    }

    fn failed(&mut self, progress: &mut Progress, error: &WriteError) {
        match error {
            WriteError::Again(why) => self.metrics.failed(why),
            WriteError::Rewind(why) => {
                self.metrics.lost(why);
                *progress = Progress::at(progress.confirmed);
                // Lines of a batch that was being built are read again, too.
                drop(self.lines.take());
            }
        }
    }
}
