//! What the tests of the remote series share: points, settings, and waiting without sleeping blindly.

use std::time::{Duration, Instant};

use gengfu_connectors::series::influx::{InfluxSettings, InfluxWriter, LineBuilder, LineOptions, Lines, WriteError};
use gengfu_model::{DeviceId, Kind, Point, Seq, Timestamp, Value};

/// How long anything may take that the tests wait for.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// A moment in the past that every store keeps.
pub(crate) const START_MS: i64 = 1_790_000_000_000;

/// A tilt of a manhole cover.
pub(crate) fn tilt(device: &str, time_ms: i64, seq: u64, degrees: f64) -> Point {
    Point {
        device: DeviceId::new(device).unwrap(),
        kind: Kind::Manhole,
        field: Kind::Manhole.field("tilt_deg").unwrap(),
        time: Timestamp(time_ms),
        seq: Seq(seq),
        value: Value::Number(degrees),
    }
}

pub(crate) fn lines(points: &[Point]) -> Lines {
    let mut builder = LineBuilder::new(LineOptions::default());
    points.iter().for_each(|point| builder.push(point));
    builder.take()
}

/// Settings whose waits are short.
pub(crate) fn quick(url: &str) -> InfluxSettings {
    InfluxSettings {
        timeout: Duration::from_secs(5),
        confirm_after: Duration::from_millis(400),
        retry_first: Duration::from_millis(20),
        retry_most: Duration::from_millis(200),
        ..InfluxSettings::new(url, "city", "telemetry")
    }
}

/// Waits until `look` finds something.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "{what} did not happen within {DEADLINE:?}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// Keeps batches and feeds them, as the gateway does from its journal. Batch `n` is position `n + 1`.
pub(crate) struct Feeder {
    pub(crate) writer: InfluxWriter,
    pub(crate) batches: Vec<Lines>,
    pub(crate) next: usize,
    pub(crate) confirmed: usize,
    pub(crate) failures: u32,
    pub(crate) rewinds: u32,
}

impl Feeder {
    pub(crate) fn new(settings: &InfluxSettings, batches: Vec<Lines>) -> Feeder {
        let writer = InfluxWriter::new(settings).unwrap();
        Feeder { writer, batches, next: 0, confirmed: 0, failures: 0, rewinds: 0 }
    }

    /// One try of whatever is next; waits first if the writer asks for it.
    pub(crate) fn step(&mut self) {
        std::thread::park_timeout(self.writer.wait());
        let written = match self.batches.get(self.next) {
            Some(batch) => self.writer.write(batch, Seq(self.next as u64 + 1)).map(|_| self.next += 1),
            None => Ok(()),
        };
        let result = written.and_then(|()| self.writer.confirm());
        match result {
            Ok(Some(seq)) => self.confirmed = usize::try_from(seq.0).unwrap(),
            Ok(None) => {}
            Err(WriteError::Again(_)) => self.failures += 1,
            Err(WriteError::Rewind(_)) => {
                self.rewinds += 1;
                self.next = self.confirmed;
            }
        }
    }

    /// Goes on until everything is confirmed.
    pub(crate) fn finish(&mut self) {
        wait_for("the confirmation of everything", || {
            self.step();
            (self.confirmed == self.batches.len()).then_some(())
        });
    }
}
