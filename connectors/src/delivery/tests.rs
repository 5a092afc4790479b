//! Delivery over real sockets to a receiver that checks, fails and goes away.

use std::collections::VecDeque;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Condvar, Mutex};
use std::time::Instant;

use gengfu_model::Effect;
use gengfu_model::time::HOUR_MS;

use super::fixture::{self, Fixture, PATIENCE, Request};
use super::*;
use crate::ledger::Page;
use crate::ledger::samples::id;

const SECRET: &[u8] = b"a secret of some length";

/// A request as the receiver saw it.
#[derive(Clone, Debug)]
struct Seen {
    id: String,
    topic: String,
    body: String,
    status: u16,
}

/// A receiver on a port of its own. It answers with the given statuses in turn, then with 204; a
/// request whose signature is wrong is answered 401 and fails the test.
struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    statuses: VecDeque<u16>,
    /// Items that are always refused.
    poison: Vec<String>,
    stop: bool,
}

impl Receiver {
    fn start(address: &str) -> Receiver {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let serve = shared.clone();
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if serve.state.lock().unwrap().stop {
                    return;
                }
                handle(&stream.unwrap(), &serve);
            }
        });
        Receiver { address, shared, thread: Some(thread) }
    }

    fn answer(&self, statuses: &[u16]) {
        self.shared.state.lock().unwrap().statuses = statuses.iter().copied().collect();
    }

    /// Waits until the receiver has accepted `count` requests, and gives all that it saw.
    fn accepted(&self, count: usize) -> Vec<Seen> {
        self.wait(|seen| seen.iter().filter(|seen| seen.status == 204).count() >= count)
    }

    fn wait(&self, enough: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let state = self.shared.state.lock().unwrap();
        let (state, timeout) =
            self.shared.changed.wait_timeout_while(state, PATIENCE, |state| !enough(&state.seen)).unwrap();
        assert!(!timeout.timed_out(), "waited in vain, saw {:#?}", state.seen);
        state.seen.clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Ok(mut state) = self.shared.state.lock() {
            state.stop = true;
        }
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(thread::panicking() || ended.is_ok(), "the receiver found something wrong");
        }
    }
}

fn handle(stream: &TcpStream, shared: &Shared) {
    let Request { first, headers, body, .. } = fixture::read(stream).unwrap();
    let body = String::from_utf8(body).unwrap();
    assert!(first.starts_with("POST /hook HTTP/1.1"), "{first}");
    let time = Timestamp(headers["x-gengfu-timestamp"].parse().unwrap());
    assert_eq!(headers["x-gengfu-signature"], webhook::signature(SECRET, time, &body));
    assert_eq!(headers["content-type"], "application/json");
    let mut state = shared.state.lock().unwrap();
    let id = headers["x-gengfu-id"].clone();
    let status = if state.poison.contains(&id) { 422 } else { state.statuses.pop_front().unwrap_or(204) };
    state.seen.push(Seen { id, topic: headers["x-gengfu-topic"].clone(), body, status });
    shared.changed.notify_all();
    drop(state);
    let text = if status == 204 { "" } else { "no thanks" };
    let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len());
    (&*stream).write_all(answer.as_bytes()).unwrap();
}

/// What a webhook of those topics delivers.
fn start(fixture: &Fixture, address: SocketAddr, topics: &[&str], start: StartAt) -> Deliverer {
    let channel = Webhook::new(WebhookConfig {
        url: format!("http://{address}/hook"),
        secret: SECRET.to_vec(),
        timeout: Duration::from_secs(5),
        roots_pem: Vec::new(),
    });
    fixture.deliver(Target {
        name: "city".to_owned(),
        topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        start,
        channel: Box::new(channel.unwrap()),
        keep_trying: false,
    })
}

/// Puts a row of each topic in the outbox; gives their ids as texts, as receivers see them.
fn put(fixture: &mut Fixture, topics: &[&str]) -> Vec<String> {
    fixture.put(topics).iter().map(ToString::to_string).collect()
}

fn ids(seen: &[Seen], status: u16) -> Vec<String> {
    seen.iter().filter(|seen| seen.status == status).map(|seen| seen.id.clone()).collect()
}

/// Waits until the record says so.
fn recorded(deliverer: &Deliverer, id: &str, state: DeliveryState) -> Delivery {
    let begun = Instant::now();
    loop {
        let found = deliverer.receipts().of_item(id.parse().unwrap()).unwrap();
        if let Some(found) = found.into_iter().find(|delivery| delivery.state == state) {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{id} never became {state:?}");
        thread::yield_now();
    }
}

#[test]
fn items_arrive_signed_in_order_with_what_the_ledger_says() {
    let mut fixture = Fixture::new();
    let receiver = Receiver::start("127.0.0.1:0");
    let sent = put(&mut fixture, &["case.opened"; 12]);
    let deliverer = start(&fixture, receiver.address, &[], StartAt::Oldest);
    let seen = receiver.accepted(12);
    assert_eq!(ids(&seen, 204), sent);
    assert_eq!((seen[0].topic.as_str(), seen[0].body.as_str()), ("case.opened", "{\"id\":\"1-0\",\"城\":1.5}"));
    let more = put(&mut fixture, &["case.updated"]);
    deliverer.wake();
    receiver.accepted(13);
    let receipt = recorded(&deliverer, &more[0], DeliveryState::Delivered);
    assert_eq!((receipt.attempts, receipt.answer.as_str(), receipt.next_try), (1, "204", None));
    assert_eq!(deliverer.ended(), Vec::<&str>::new());
    assert_eq!(deliverer.stop(), Vec::<String>::new());
}

#[test]
fn a_failing_receiver_gets_the_same_item_again_and_those_behind_wait() {
    let mut fixture = Fixture::new();
    let receiver = Receiver::start("127.0.0.1:0");
    receiver.answer(&[500, 503]);
    let sent = put(&mut fixture, &["case.opened"; 3]);
    let deliverer = start(&fixture, receiver.address, &[], StartAt::Oldest);
    let seen = receiver.accepted(3);
    let all: Vec<&str> = seen.iter().map(|seen| seen.id.as_str()).collect();
    assert_eq!(all, ["1-0", "1-0", "1-0", "2-0", "3-0"]);
    assert!(seen.iter().take(3).all(|request| request.body == seen[0].body));
    assert_eq!(recorded(&deliverer, &sent[0], DeliveryState::Delivered).attempts, 3);
}

#[test]
fn a_receiver_that_is_down_and_comes_back_misses_nothing() {
    let mut fixture = Fixture::new();
    let first = Receiver::start("127.0.0.1:0");
    let address = first.address;
    let before = put(&mut fixture, &["case.opened"]);
    let deliverer = start(&fixture, address, &[], StartAt::Oldest);
    first.accepted(1);
    recorded(&deliverer, &before[0], DeliveryState::Delivered);
    drop(first);
    let sent = put(&mut fixture, &["case.opened"; 5]);
    deliverer.wake();
    // It has been tried in vain, more often than a refused item would hold the line up.
    let begun = Instant::now();
    while deliverer.receipts().of_item(sent[0].parse().unwrap()).unwrap().first().is_none_or(|found| found.attempts < 5)
    {
        assert!(begun.elapsed() < PATIENCE);
        thread::yield_now();
    }
    let again = Receiver::start(&address.to_string());
    let seen = again.accepted(5);
    assert_eq!(ids(&seen, 204), sent, "in order, and the first was not told again");
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let mut fixture = Fixture::new();
    let receiver = Receiver::start("127.0.0.1:0");
    let first = put(&mut fixture, &["case.opened"; 3]);
    let deliverer = start(&fixture, receiver.address, &[], StartAt::Oldest);
    receiver.accepted(3);
    recorded(&deliverer, &first[2], DeliveryState::Delivered);
    drop(deliverer);
    let second = put(&mut fixture, &["case.opened"; 3]);
    // Known by now: where a new target would begin does not matter any more.
    let _again = start(&fixture, receiver.address, &[], StartAt::Newest);
    let seen = receiver.accepted(6);
    assert_eq!(ids(&seen, 204), [first, second].concat());
}

#[test]
fn a_refused_item_steps_aside_and_is_given_up_in_the_end() {
    let mut fixture = Fixture::new();
    let receiver = Receiver::start("127.0.0.1:0");
    let sent = put(&mut fixture, &["case.opened"; 3]);
    receiver.shared.state.lock().unwrap().poison.push(sent[0].clone());
    let deliverer = start(&fixture, receiver.address, &[], StartAt::Oldest);
    let seen = receiver.accepted(2);
    assert_eq!(ids(&seen, 204), sent[1..]);
    let held_up = seen.iter().position(|seen| seen.id == sent[1]).unwrap();
    assert!(held_up >= 3, "it held the line up for three attempts: {seen:#?}");
    // It is still tried, until its time is over.
    receiver.wait(|seen| seen.iter().filter(|seen| seen.status == 422).count() >= 5);
    fixture.ahead(25 * HOUR_MS);
    let receipt = recorded(&deliverer, &sent[0], DeliveryState::Failed);
    assert_eq!(receipt.answer, "422 no thanks");
    let failed = deliverer.receipts().deliveries("city", Some(DeliveryState::Failed), &Page::default()).unwrap();
    assert_eq!(failed.items, [receipt]);
}

#[test]
fn a_target_is_told_what_it_wants_from_where_it_begins() {
    let mut fixture = Fixture::new();
    let receiver = Receiver::start("127.0.0.1:0");
    put(&mut fixture, &["case.opened", "case.updated"]);
    let deliverer = start(&fixture, receiver.address, &["case.", "incident.opened"], StartAt::Newest);
    let sent = put(&mut fixture, &["incident.cleared", "case.updated", "cases", "incident.opened"]);
    deliverer.wake();
    let seen = receiver.accepted(2);
    assert_eq!(ids(&seen, 204), [sent[1].clone(), sent[3].clone()]);
    assert_eq!(deliverer.receipts().of_item(sent[0].parse().unwrap()).unwrap(), []);
}

#[test]
fn what_was_withdrawn_while_the_receiver_was_down_is_not_sent() {
    let mut fixture = Fixture::new();
    let first = Receiver::start("127.0.0.1:0");
    let address = first.address;
    let (told, untold, storm) = (id(900, 0), id(901, 0), id(902, 0));
    let known = fixture.put_about(told, "case.opened").to_string();
    let deliverer = start(&fixture, address, &[], StartAt::Oldest);
    recorded(&deliverer, &known, DeliveryState::Delivered);
    drop(first);
    drop(deliverer);
    // One case was told of and one was not, when both are folded.
    let late = fixture.put_about(told, "case.updated").to_string();
    let never = fixture.put_about(untold, "case.opened").to_string();
    let flood = fixture.put_about(storm, "case.opened").to_string();
    let mut folded = Vec::new();
    for case in [told, untold] {
        fixture.commit(vec![Effect::OutboxWithdrawn { case, into: storm }]);
        folded.push(fixture.put_about(case, "case.folded").to_string());
    }
    let again = Receiver::start(&address.to_string());
    let deliverer = start(&fixture, address, &[], StartAt::Oldest);
    let not_needed = recorded(&deliverer, &folded[1], DeliveryState::Withdrawn);
    assert_eq!((not_needed.attempts, not_needed.answer.as_str()), (0, "not sent: nothing had been told of the case"));
    for id in [&late, &never] {
        let withdrawn = recorded(&deliverer, id, DeliveryState::Withdrawn);
        assert_eq!((withdrawn.attempts, withdrawn.answer.contains("case 902-0")), (0, true), "{withdrawn:?}");
    }
    assert_eq!(ids(&again.accepted(2), 204), [flood, folded[0].clone()], "the flood, and that the known case is in it");
}

#[test]
fn two_targets_of_one_name_are_refused() {
    struct Nobody;
    impl Channel for Nobody {
        fn deliver(&mut self, _: &gengfu_model::OutboxItem, _: Timestamp) -> Outcome {
            Outcome::Unavailable { answer: String::new() }
        }
    }
    let fixture = Fixture::new();
    let target = || Target {
        name: "same".to_owned(),
        topics: Vec::new(),
        start: StartAt::Oldest,
        channel: Box::new(Nobody),
        keep_trying: false,
    };
    let record = fixture.dir.path().join("delivery.db");
    let targets = vec![target(), target()];
    let refused = Deliverer::start(&fixture.reader, &record, targets, DeliveryConfig::default(), &fixture.clock);
    assert!(matches!(refused, Err(DeliveryError::SameName(name)) if name == "same"));
}
