//! What tests of delivery share: a ledger with an outbox, a clock that can be put ahead, and a request read from a
//! socket.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use gengfu_model::{Effect, EffectId, OutboxItem, Seq, Timestamp};

use super::{Backoff, Clock, Deliverer, DeliveryConfig, Target};
use crate::LedgerReader;
use crate::ledger::samples::{id, outbox};
use crate::ledger::{Ledger, LedgerOptions, SqliteLedger};

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway's outbox, and what delivers it.
pub(crate) struct Fixture {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) reader: LedgerReader,
    pub(crate) clock: Clock,
    ledger: SqliteLedger,
    /// Added to the clock's time.
    ahead_ms: Arc<AtomicI64>,
    next: u64,
}

impl Fixture {
    pub(crate) fn new() -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.db");
        let ledger =
            SqliteLedger::open_with(&path, LedgerOptions { reserve_bytes: 0, ..LedgerOptions::default() }).unwrap();
        let reader = LedgerReader::open(&path).unwrap();
        let ahead_ms = Arc::new(AtomicI64::new(0));
        let (started, ahead) = (Instant::now(), ahead_ms.clone());
        let clock: Clock = Arc::new(move || {
            let run = i64::try_from(started.elapsed().as_millis()).unwrap();
            Timestamp(1_783_900_800_000 + run + ahead.load(Ordering::SeqCst))
        });
        Fixture { dir, reader, clock, ledger, ahead_ms, next: 1 }
    }

    /// Puts the clock so far ahead.
    pub(crate) fn ahead(&self, ms: i64) {
        self.ahead_ms.store(ms, Ordering::SeqCst);
    }

    /// Puts a row of each topic in the outbox, in one record each, and gives their ids.
    pub(crate) fn put(&mut self, topics: &[&str]) -> Vec<EffectId> {
        topics.iter().map(|topic| self.put_row(None, topic)).collect()
    }

    /// Puts a row about a case in the outbox.
    pub(crate) fn put_about(&mut self, case: EffectId, topic: &str) -> EffectId {
        self.put_row(Some(case), topic)
    }

    fn put_row(&mut self, case: Option<EffectId>, topic: &str) -> EffectId {
        let id = id(self.next, 0);
        self.commit(vec![Effect::Outbox(Box::new(OutboxItem { case, ..outbox(id, topic) }))]);
        id
    }

    /// Commits effects of one record.
    pub(crate) fn commit(&mut self, effects: Vec<Effect>) {
        let numbered = (0..).zip(effects).map(|(ordinal, effect)| (id(self.next, ordinal), effect));
        let effects: Vec<_> = numbered.collect();
        self.next += 1;
        self.ledger.commit(&effects, Seq(self.next), Timestamp(0)).unwrap();
    }

    /// Delivers to a target, trying again within milliseconds.
    pub(crate) fn deliver(&self, target: Target) -> Deliverer {
        let config = DeliveryConfig {
            backoff: Backoff { first_ms: 1, most_ms: 20 },
            skip_after: 3,
            poll: Duration::from_millis(5),
            ..DeliveryConfig::default()
        };
        let record = self.dir.path().join("delivery.db");
        Deliverer::start(&self.reader, &record, vec![target], config, &self.clock).unwrap()
    }
}

/// A listener on a free port, with its address.
pub(crate) fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A request as it came.
pub(crate) struct Request<'a> {
    /// `POST /hook HTTP/1.1`.
    pub(crate) first: String,
    /// By names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    /// What comes after it.
    pub(crate) rest: BufReader<&'a TcpStream>,
}

/// Reads a request. `None`: it broke off.
pub(crate) fn read(stream: &TcpStream) -> Option<Request<'_>> {
    let mut rest = BufReader::new(stream);
    let (mut first, mut headers) = (String::new(), BTreeMap::new());
    rest.read_line(&mut first).ok()?;
    loop {
        let mut line = String::new();
        rest.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    rest.read_exact(&mut body).ok()?;
    Some(Request { first, headers, body, rest })
}
