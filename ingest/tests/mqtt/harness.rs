//! A listener with three devices, and a journal whose acknowledgements the test decides.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use gengfu_ingest::mqtt::{
    BackoffOptions, Command, CommandQos, CommandReport, Commands, Listener, MemorySessions, MqttMetrics, MqttOptions,
};
use gengfu_ingest::{AckSink, Arrival, Directory, Intake, ManualClock, Settled, Submission};
use gengfu_model::{
    Device, DeviceId, DeviceLife, Envelope, Kind, MqttSession, SentCommand, Seq, SessionChange, Timestamp,
};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// How long anything may take before the test fails. Nothing waits for it when all is well.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// The token of device `id` (long enough to stand alone).
pub(crate) fn token(id: &str) -> String {
    format!("token-of-{id}-0123456789")
}

pub(crate) fn device(id: &str, life: DeviceLife) -> Device {
    Device {
        id: DeviceId::new(id).unwrap(),
        kind: Kind::Manhole,
        model: Arc::from("em310"),
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
        interval_s: 600,
        token_hash: None,
        attributes: Default::default(),
        life,
    }
}

/// Waits for a future, at most until the deadline.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("waited too long for {what}"))
}

/// Waits until a condition holds, at most until the deadline, and gives way to what brings it about meanwhile.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < end, "waited too long until {what}");
        tokio::task::yield_now().await;
    }
}

/// What a test's journal has taken, and what it still owes.
#[derive(Default)]
struct JournalState {
    taken: Vec<Envelope>,
    /// Messages per submission.
    submissions: Vec<usize>,
    holding: bool,
    owed: VecDeque<Owed>,
    /// The sessions that are on disk.
    sessions: BTreeMap<DeviceId, MqttSession>,
}

/// What is not on disk yet.
struct Owed {
    sink: Arc<dyn AckSink>,
    ticket: u64,
    /// `None` for a message.
    session: Option<SessionChange>,
}

impl JournalState {
    fn make_durable(&mut self, owed: Owed) {
        match owed.session {
            Some(SessionChange { device, session: Some(session) }) => drop(self.sessions.insert(device, session)),
            Some(SessionChange { device, session: None }) => drop(self.sessions.remove(&device)),
            None => {}
        }
        owed.sink.settle(owed.ticket, Settled::Durable(Seq(1)));
    }
}

/// The fake journal.
#[derive(Clone)]
pub(crate) struct Journal {
    state: Arc<Mutex<JournalState>>,
    /// How many messages were taken; it is told after every submission, and after what was owed became durable.
    taken: watch::Sender<usize>,
    /// While true, nothing is taken from the queue.
    jammed: Arc<watch::Sender<bool>>,
}

impl Journal {
    fn start(mut queue: mpsc::Receiver<Submission>) -> (Journal, JoinHandle<()>) {
        let state: Arc<Mutex<JournalState>> = Arc::default();
        let taken = watch::Sender::new(0);
        let counted = taken.clone();
        let (jammed, mut is_jammed) = watch::channel(false);
        let journal = Journal { state: Arc::clone(&state), taken, jammed: Arc::new(jammed) };
        let task = tokio::spawn(async move {
            loop {
                if is_jammed.wait_for(|jammed| !jammed).await.is_err() {
                    return;
                }
                let Some(submission) = queue.recv().await else { return };
                // A jam that came while we waited still lets this one through, as a real writer would.
                let count = take(&mut state.lock().unwrap(), submission);
                counted.send_replace(count);
            }
        });
        (journal, task)
    }

    /// From now on nothing is acknowledged until [`Journal::settle`].
    pub(crate) fn hold(&self) {
        self.state.lock().unwrap().holding = true;
    }

    /// Makes the next `n` messages durable that are owed, and the records of sessions before and just behind them.
    pub(crate) fn settle(&self, n: usize) {
        self.make_next_durable(n);
        self.taken.send_modify(|_| {});
    }

    fn make_next_durable(&self, n: usize) {
        let mut left = n;
        let mut state = self.state.lock().unwrap();
        loop {
            let next_is_message = state.owed.front().map(|owed| owed.session.is_none());
            match (next_is_message, left) {
                (Some(true), 0) | (None, 0) => return,
                (Some(true), _) => left -= 1,
                (Some(false), _) => {}
                (None, _) => panic!("nothing is owed"),
            }
            let owed = state.owed.pop_front().unwrap();
            let sink = Arc::clone(&owed.sink);
            state.make_durable(owed);
            sink.wake();
        }
    }

    /// Makes all durable that is owed, and everything from now on at once.
    pub(crate) fn settle_all(&self) {
        let messages = {
            let mut state = self.state.lock().unwrap();
            state.holding = false;
            state.owed.iter().filter(|owed| owed.session.is_none()).count()
        };
        self.settle(messages);
    }

    /// Tells all that are waiting that there will be no acknowledgement.
    pub(crate) fn fail(&self) {
        while let Some(owed) = { self.state.lock().unwrap().owed.pop_front() } {
            owed.sink.settle(owed.ticket, Settled::Stopped);
            owed.sink.wake();
        }
    }

    /// The sessions that would be found after a power cut now.
    pub(crate) fn sessions(&self) -> BTreeMap<DeviceId, MqttSession> {
        self.state.lock().unwrap().sessions.clone()
    }

    /// Waits until the sessions on disk are as wanted.
    pub(crate) async fn sessions_are(&self, what: &str, wanted: impl Fn(&BTreeMap<DeviceId, MqttSession>) -> bool) {
        let mut told = self.taken.subscribe();
        soon(what, told.wait_for(|_| wanted(&self.state.lock().unwrap().sessions))).await.unwrap();
    }

    /// Stops (or goes on) taking from the queue.
    pub(crate) fn jam(&self, jammed: bool) {
        self.jammed.send_replace(jammed);
    }

    /// Waits until `n` messages were taken, and gives all of them.
    pub(crate) async fn messages(&self, n: usize) -> Vec<Envelope> {
        let mut taken = self.taken.subscribe();
        soon("messages in the journal", taken.wait_for(|count| *count >= n)).await.unwrap();
        self.state.lock().unwrap().taken.clone()
    }

    /// Messages taken so far.
    pub(crate) fn count(&self) -> usize {
        self.state.lock().unwrap().taken.len()
    }

    /// Messages per submission so far.
    pub(crate) fn submissions(&self) -> Vec<usize> {
        self.state.lock().unwrap().submissions.clone()
    }
}

fn take(state: &mut JournalState, submission: Submission) -> usize {
    let before = state.taken.len();
    for (arrival, ticket) in submission.messages {
        let session = match arrival {
            Arrival::Message(envelope) => {
                state.taken.push(envelope);
                None
            }
            Arrival::Session(change) => Some(*change),
        };
        let owed = Owed { sink: Arc::clone(&submission.sink), ticket, session };
        if state.holding {
            state.owed.push_back(owed);
        } else {
            state.make_durable(owed);
        }
    }
    if state.taken.len() > before {
        let messages = state.taken.len() - before;
        state.submissions.push(messages);
    }
    submission.sink.wake();
    state.taken.len()
}

/// A running listener.
pub(crate) struct Gateway {
    pub(crate) addr: SocketAddr,
    pub(crate) journal: Journal,
    pub(crate) intake: Intake,
    pub(crate) directory: Arc<Directory>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) commands: Commands,
    pub(crate) reports: mpsc::Receiver<CommandReport>,
    pub(crate) metrics: Arc<MqttMetrics>,
    pub(crate) cancel: CancellationToken,
    pub(crate) running: JoinHandle<()>,
}

/// What the clock shows at the start of a test.
pub(crate) const T0: Timestamp = Timestamp(1_760_000_000_000);

/// Options whose waits do not slow tests down.
pub(crate) fn options() -> MqttOptions {
    MqttOptions {
        backoff: BackoffOptions {
            first: Duration::from_millis(1),
            longest: Duration::from_millis(1),
            ..BackoffOptions::default()
        },
        linger: Duration::from_millis(200),
        ..MqttOptions::default()
    }
}

impl Gateway {
    /// With the usual options.
    pub(crate) async fn start() -> Gateway {
        Gateway::with(options()).await
    }

    pub(crate) async fn with(options: MqttOptions) -> Gateway {
        Gateway::with_all(options, 64, None).await
    }

    /// Devices `a` and `b` are in service, `gone` is retired.
    pub(crate) async fn with_all(
        options: MqttOptions,
        queue: usize,
        tls: Option<Arc<tokio_rustls::rustls::ServerConfig>>,
    ) -> Gateway {
        Gateway::with_sessions(options, queue, tls, MemorySessions::default(), BTreeMap::new()).await
    }

    /// What a new process makes of the sessions that the old one had on disk when it was cut off at `went_down`. The
    /// commands of the names given are still open, and are `commands` to the new process.
    pub(crate) async fn restarted(journal: &Journal, open: &[&str], went_down: Timestamp) -> Gateway {
        let sessions = MemorySessions::default();
        for (device, row) in journal.sessions() {
            let is_open = row.sent.iter().filter(|sent| open.contains(&&*sent.command));
            let again =
                |sent: &SentCommand| (sent.packet_id, command(device.as_str(), &sent.command, CommandQos::AtLeastOnce));
            let sent = is_open.map(again).collect();
            sessions.restore(device, row, sent, went_down);
        }
        Gateway::with_sessions(options(), 64, None, sessions, journal.sessions()).await
    }

    async fn with_sessions(
        options: MqttOptions,
        queue: usize,
        tls: Option<Arc<tokio_rustls::rustls::ServerConfig>>,
        sessions: MemorySessions,
        on_disk: BTreeMap<DeviceId, MqttSession>,
    ) -> Gateway {
        let (intake, receiver) = Intake::new(queue);
        let (journal, _) = Journal::start(receiver);
        journal.state.lock().unwrap().sessions = on_disk;
        let directory = Arc::new(Directory::new(b"secret"));
        for (id, life) in [("a", DeviceLife::InService), ("b", DeviceLife::Registered), ("gone", DeviceLife::Retired)] {
            let token_hash = Some(directory.hash_token(token(id).as_bytes()));
            directory.put(&Arc::new(Device { token_hash, ..device(id, life) }));
        }
        let clock = Arc::new(ManualClock::new(T0));
        let (commands, reports) = Commands::new(Arc::new(sessions), 64);
        let listener = Listener::bind(options, SocketAddr::from(([127, 0, 0, 1], 0)), tls).await.unwrap();
        let (addr, metrics, cancel) = (listener.local_addr(), listener.metrics(), CancellationToken::new());
        let running = tokio::spawn(listener.run(
            intake.clone(),
            Arc::clone(&directory),
            Arc::clone(&clock) as Arc<_>,
            commands.clone(),
            cancel.clone(),
        ));
        Gateway { addr, journal, intake, directory, clock, commands, reports, metrics, cancel, running }
    }

    /// Puts a device into the register, in another life than before.
    pub(crate) fn set_life(&self, id: &str, life: DeviceLife) {
        let token_hash = Some(self.directory.hash_token(token(id).as_bytes()));
        self.directory.put(&Arc::new(Device { token_hash, ..device(id, life) }));
    }

    /// How often something was refused for this reason since the last call.
    pub(crate) fn refused(&self, reason: &str) -> u64 {
        let counts = self.intake.refusals().take();
        counts.iter().filter(|row| row.reason == reason).map(|row| row.count).sum()
    }

    /// Waits for the next report of a command.
    pub(crate) async fn report(&mut self) -> CommandReport {
        soon("a report", self.reports.recv()).await.expect("the reports end only with the gateway")
    }

    /// The value of a counter.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let all = self.metrics.snapshot();
        all.iter().find(|(found, _)| *found == name).unwrap_or_else(|| panic!("no counter `{name}`")).1
    }

    /// Waits until the device has no connection.
    pub(crate) async fn offline(&self, id: &str) {
        let id = DeviceId::new(id).unwrap();
        eventually("the device is offline", || !self.commands.is_connected(&id)).await;
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let panicked = self.metric("gengfu_mqtt_tasks_panicked_total");
        self.cancel.cancel();
        if !std::thread::panicking() {
            assert_eq!(panicked, 0, "a connection's task panicked");
        }
    }
}

/// A command for a device.
pub(crate) fn command(device: &str, id: &str, qos: CommandQos) -> Command {
    Command {
        device: DeviceId::new(device).unwrap(),
        id: Arc::from(id),
        payload: Bytes::from(format!("{{\"id\":\"{id}\"}}")),
        qos,
        expires: None,
    }
}
