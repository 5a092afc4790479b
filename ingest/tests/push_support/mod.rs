//! What the tests of the listeners share: a directory with devices, and a journal that only remembers.

#![allow(dead_code, reason = "each test binary uses its part of it")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gengfu_ingest::intake::{Arrival, Submission};
use gengfu_ingest::{Directory, Intake, Settled};
use gengfu_model::{Attributes, Device, DeviceId, DeviceLife, Envelope, Kind, Seq};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// The longest wait of a test.
const DEADLINE: Duration = Duration::from_secs(10);

/// The token of the manhole sensor `cover-1`.
pub(crate) const TOKEN: &str = "token-of-cover-1-long";
/// The token of the toilet sensor `toilet-1`, model GS301.
pub(crate) const TOILET_TOKEN: &str = "token-of-toilet-1-long";
/// The token of `old-1`, which is retired.
pub(crate) const RETIRED_TOKEN: &str = "token-of-old-1-long-one";
/// The token of `short-1`: too short to be used without the device's id.
pub(crate) const SHORT_TOKEN: &str = "short";

/// A directory with the devices named above.
pub(crate) fn directory() -> Arc<Directory> {
    let directory = Directory::new(b"secret of the test");
    let put = |id: &str, kind: Kind, model: &str, life: DeviceLife, token: &str| {
        directory.put(&Arc::new(Device {
            id: DeviceId::new(id).unwrap(),
            kind,
            model: Arc::from(model),
            asset_code: Arc::from(id),
            name: Arc::default(),
            latitude: None,
            longitude: None,
            district: Arc::default(),
            grid: Arc::default(),
            feeder: Arc::default(),
            cabinet: Arc::default(),
            catchment: Arc::default(),
            carrier_cell: Arc::default(),
            department: Arc::default(),
            asset_type: Arc::from("01-02"),
            interval_s: 3_600,
            token_hash: Some(directory.hash_token(token.as_bytes())),
            attributes: Attributes::default(),
            life,
        }));
    };
    put("cover-1", Kind::Manhole, "", DeviceLife::InService, TOKEN);
    put("toilet-1", Kind::Toilet, "GS301", DeviceLife::InService, TOILET_TOKEN);
    put("old-1", Kind::Manhole, "", DeviceLife::Retired, RETIRED_TOKEN);
    put("short-1", Kind::Manhole, "", DeviceLife::InService, SHORT_TOKEN);
    Arc::new(directory)
}

/// A journal that remembers what it was given, and settles it unless it is held.
pub(crate) struct FakeJournal {
    pub(crate) intake: Intake,
    held: watch::Sender<bool>,
    seen: Arc<Mutex<Vec<Envelope>>>,
    taken: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl FakeJournal {
    /// A journal with a queue for `capacity` submissions.
    pub(crate) fn start(capacity: usize) -> FakeJournal {
        let (intake, queue) = Intake::new(capacity);
        let (held, is_held) = watch::channel(false);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (counted, taken) = watch::channel(0);
        let task = tokio::spawn(work(queue, is_held, Arc::clone(&seen), counted));
        FakeJournal { intake, held, seen, taken, task }
    }

    /// From now on nothing is settled: one submission is kept in hand, the others wait in the queue.
    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Goes on.
    pub(crate) fn release(&self) {
        self.held.send_replace(false);
    }

    /// The journal is gone: the queue is closed.
    pub(crate) async fn stop(self) -> Intake {
        self.task.abort();
        self.task.await.ok();
        self.intake
    }

    /// What is in the journal.
    pub(crate) fn messages(&self) -> Vec<Envelope> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until it has taken so many submissions from its queue, the one in hand included.
    pub(crate) async fn takes(&self, submissions: usize) {
        let mut taken = self.taken.clone();
        let waiting = taken.wait_for(|count| *count >= submissions);
        let found = tokio::time::timeout(DEADLINE, waiting).await;
        assert_eq!(found.ok().and_then(Result::ok).map(|count| *count), Some(submissions), "submissions in hand");
    }

    /// How often each reason was counted since the last call.
    pub(crate) fn refusals(&self) -> Vec<(String, u64)> {
        self.intake.refusals().take().into_iter().map(|row| (row.reason, row.count)).collect()
    }
}

async fn work(
    mut queue: mpsc::Receiver<Submission>,
    mut is_held: watch::Receiver<bool>,
    seen: Arc<Mutex<Vec<Envelope>>>,
    taken: watch::Sender<usize>,
) {
    while let Some(submission) = queue.recv().await {
        taken.send_modify(|count| *count += 1);
        if is_held.wait_for(|held| !held).await.is_err() {
            return;
        }
        for (arrival, ticket) in submission.messages {
            let Arrival::Message(envelope) = arrival else { continue };
            let seq = {
                let mut seen = seen.lock().unwrap();
                seen.push(envelope);
                Seq(seen.len() as u64)
            };
            submission.sink.settle(ticket, Settled::Durable(seq));
        }
        submission.sink.wake();
    }
}

/// Waits until a condition holds, and gives way to what brings it about meanwhile.
pub(crate) async fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(DEADLINE, waiting).await.is_ok(), "waited {DEADLINE:?} for: {what}");
}
