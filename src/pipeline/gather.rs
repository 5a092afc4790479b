//! Points wait a moment for each other on their way to the series.
//!
//! With a few thousand messages a second there are as many small batches, and a transaction of one point costs as
//! much as one of hundreds. Nothing waits for the series: alarms take the ledger's way, and a checkpoint asks for
//! what was gathered.

use std::time::{Duration, Instant};

use gengfu_model::Point;

/// The longest that a point waits.
const LONGEST: Duration = Duration::from_millis(100);
/// So many do not wait any longer.
const ENOUGH: usize = 5_000;

/// Points that wait.
#[derive(Debug, Default)]
pub struct Gather {
    points: Vec<Point>,
    /// When the oldest of them came.
    since: Option<Instant>,
}

impl Gather {
    /// Adds points, and leaves the list empty.
    pub fn add(&mut self, points: &mut Vec<Point>) {
        if points.is_empty() {
            return;
        }
        self.since.get_or_insert_with(Instant::now);
        self.points.append(points);
    }

    /// Whether they are to be handed on now.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.points.len() >= ENOUGH || self.wait().is_some_and(|wait| wait.is_zero())
    }

    /// How long they may still wait; `None` when there are none.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.since.map(|since| LONGEST.saturating_sub(since.elapsed()))
    }

    /// Takes them all.
    pub fn take(&mut self) -> Vec<Point> {
        self.since = None;
        std::mem::take(&mut self.points)
    }
}
