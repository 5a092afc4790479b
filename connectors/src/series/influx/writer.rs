//! Writes lines to the store and knows which of them it can be trusted to have kept.

use std::fmt;
use std::time::{Duration, Instant};

use gengfu_model::Seq;

use super::line::Lines;
use super::pace::Pace;
use super::settings::{InfluxError, InfluxSettings};
use super::unconfirmed::Unconfirmed;
use super::wire::{SendError, Wire};
use super::witness::{Sight, Witness};

/// The store is asked for a sign of life no more often than this, and no less while it is written to.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Calls that are spent on one batch to find the lines that the store refuses; what is not found by
/// then is given up together.
const MAX_CALLS: u32 = 64;

/// Why a batch is not (or not any more) in the store. In both cases wait for [`InfluxWriter::wait`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The batch was not taken: send it again.
    #[error("{0}")]
    Again(String),
    /// The connection was lost, and what was acknowledged may be lost with it: send everything after
    /// the last confirmed position again.
    #[error("{0}; what was not confirmed is sent again")]
    Rewind(String),
}

/// A batch that was acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Lines that the store took.
    pub lines: usize,
    /// Lines that it refused for good, such as those older than its retention.
    pub refused: usize,
    /// Its words about the refused ones.
    pub why: Option<String>,
}

/// Writes to one remote store. Blocks; not to be called from an async task.
pub struct InfluxWriter {
    wire: Wire,
    witness: Witness,
    unconfirmed: Unconfirmed,
    pace: Pace,
    confirm_after: Duration,
    look_every: Duration,
    last_look: Option<Instant>,
    address: String,
}

impl fmt::Debug for InfluxWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InfluxWriter").field("address", &self.address).finish_non_exhaustive()
    }
}

impl InfluxWriter {
    /// A writer by its settings. Nothing is sent: the store may come later.
    ///
    /// # Errors
    /// [`InfluxError`] names what is wrong with the settings.
    pub fn new(settings: &InfluxSettings) -> Result<InfluxWriter, InfluxError> {
        let base = settings.check()?;
        Ok(InfluxWriter {
            wire: Wire::new(settings, &base)?,
            witness: Witness::new(settings, &base)?,
            unconfirmed: Unconfirmed::default(),
            pace: Pace::new(settings.retry_first, settings.retry_most),
            confirm_after: settings.confirm_after,
            look_every: LOOK_EVERY.min(settings.confirm_after / 4),
            last_look: None,
            address: base.into(),
        })
    }

    /// The store's address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Sends one batch, which holds everything after the last position up to `upto`; one try. Without
    /// lines nothing is sent, and the position moves on.
    ///
    /// # Errors
    /// [`WriteError`] says what to send again.
    pub fn write(&mut self, lines: &Lines, upto: Seq) -> Result<Written, WriteError> {
        if lines.is_empty() {
            self.unconfirmed.pass(upto);
            return Ok(Written::default());
        }
        // Acknowledgements count from here on, so the connection that is watched must stand before.
        self.look(Instant::now())?;
        let written = self.send(lines).map_err(|error| self.failed(error))?;
        self.pace.succeeded();
        self.unconfirmed.add(upto, Instant::now());
        Ok(written)
    }

    /// The last position that the store has kept for sure, when that has moved on.
    ///
    /// # Errors
    /// [`WriteError::Rewind`] when the connection was lost before that.
    pub fn confirm(&mut self) -> Result<Option<Seq>, WriteError> {
        let now = Instant::now();
        if self.unconfirmed.oldest().is_some_and(|oldest| now >= oldest + self.confirm_after) {
            self.look(now)?;
        }
        // An entry is confirmed by a look that came late enough after it.
        let moment = self.last_look.and_then(|look| look.checked_sub(self.confirm_after));
        Ok(self.unconfirmed.take_until(moment))
    }

    /// How long to wait before the next try; zero when nothing is wrong.
    #[must_use]
    pub fn wait(&self) -> Duration {
        self.pace.wait(Instant::now())
    }

    /// Looks whether the store is still the one of the last look, unless that was just now.
    fn look(&mut self, now: Instant) -> Result<(), WriteError> {
        if self.last_look.is_some_and(|last| now < last + self.look_every) {
            return Ok(());
        }
        match self.witness.look() {
            // A new connection that was to be expected leaves nothing open: see `Witness::follow`, and
            // after a loss nothing waits to be confirmed.
            Sight::Same | Sight::New => {}
            Sight::Changed if self.unconfirmed.is_empty() => {}
            Sight::Changed => {
                self.pace.failed(now);
                self.last_look = Some(now);
                self.unconfirmed.clear();
                return Err(WriteError::Rewind("the store was restarted or the connection was cut".to_owned()));
            }
            Sight::Gone(message) => return Err(self.failed(SendError::Lost(message))),
        }
        self.last_look = Some(now);
        Ok(())
    }

    fn failed(&mut self, error: SendError) -> WriteError {
        let now = Instant::now();
        match error {
            SendError::Busy(message, asked) => {
                self.pace.busy(now, asked);
                WriteError::Again(message)
            }
            SendError::Refused(message) | SendError::Denied(message) => {
                self.pace.failed(now);
                WriteError::Again(message)
            }
            SendError::Lost(message) => {
                self.pace.failed(now);
                self.last_look = None;
                if self.unconfirmed.is_empty() {
                    return WriteError::Again(message);
                }
                self.unconfirmed.clear();
                WriteError::Rewind(message)
            }
        }
    }

    /// Sends the lines; those that the store refuses are found by halves, so that one bad line costs
    /// itself alone.
    fn send(&mut self, lines: &Lines) -> Result<Written, SendError> {
        let mut written = Written::default();
        let mut calls = 0;
        let mut parts = Vec::from([(0, lines.len())]);
        while let Some((start, end)) = parts.pop() {
            let part = start..end;
            calls += 1;
            match self.wire.send(lines.body(part.clone())) {
                Ok(()) => written.lines += part.len(),
                Err(SendError::Refused(why)) => {
                    if part.len() == 1 || calls >= MAX_CALLS {
                        written.refused += part.len();
                        written.why = Some(why);
                    } else {
                        let middle = part.start + part.len() / 2;
                        parts.push((middle, end));
                        parts.push((start, middle));
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }
}
