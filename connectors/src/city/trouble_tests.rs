//! A platform in every kind of trouble: whatever it does, each case is there once, in the order of the outbox.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gengfu_model::EffectId;
use gengfu_model::time::HOUR_MS;

use super::{Authorization, Platform, PlatformBody};
use crate::delivery::fixture::{self, Fixture, PATIENCE, Request};
use crate::delivery::{Deliverer, DeliveryState, StartAt, Target};

/// How long the gateway waits for an answer here.
const TIMEOUT: Duration = Duration::from_millis(300);

/// What the platform does with one request.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Takes the case and answers.
    Take,
    /// Takes the case, and says nothing before the gateway gives up.
    TakeTooLate,
    /// Takes the case, and closes its side without an answer.
    TakeAndClose,
    /// Answers with that status and takes nothing.
    Answer(u16),
    /// Answers with what is no HTTP.
    Garbage,
    /// Begins an answer and breaks off.
    HalfAnAnswer,
    /// A firewall's page, with a good status.
    Page,
}

#[derive(Default)]
struct State {
    script: VecDeque<Act>,
    /// How often each key was taken, in the order of the first time.
    taken: Vec<(String, u32)>,
    requests: u32,
}

/// A platform on an address; it knows idempotency keys, as a platform must.
#[derive(Clone, Default)]
struct City(Arc<(Mutex<State>, Condvar)>);

impl City {
    fn serve(&self, listener: TcpListener) {
        let city = self.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let city = city.clone();
                // One that is not answered must not keep the next one waiting.
                thread::spawn(move || city.handle(&stream));
            }
        });
    }

    fn handle(&self, stream: &TcpStream) -> Option<()> {
        let Request { headers, mut rest, .. } = fixture::read(stream)?;
        let key = headers.get("idempotency-key")?.clone();
        let (act, known) = {
            let mut state = self.0.0.lock().unwrap();
            state.requests += 1;
            let act = state.script.pop_front().unwrap_or(Act::Take);
            let known = state.taken.iter().any(|(taken, _)| *taken == key);
            if matches!(act, Act::Take | Act::TakeTooLate | Act::TakeAndClose) {
                match state.taken.iter_mut().find(|(taken, _)| *taken == key) {
                    Some((_, times)) => *times += 1,
                    None => state.taken.push((key, 1)),
                }
            }
            self.0.1.notify_all();
            (act, known)
        };
        let mut stream = stream;
        let mut say = |text: &str| stream.write_all(text.as_bytes()).ok();
        match act {
            Act::Take if known => say("HTTP/1.1 409 known\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
            Act::Take => say("HTTP/1.1 201 taken\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"),
            // The gateway closes when its time is over.
            Act::TakeTooLate => rest.read_to_end(&mut Vec::new()).ok().map(drop),
            Act::TakeAndClose => stream.shutdown(std::net::Shutdown::Write).ok(),
            Act::Answer(status) => {
                say(&format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
            }
            Act::Garbage => say("\u{1}\u{2} 220 mail.example.cn ESMTP\r\n\r\n"),
            Act::HalfAnAnswer => say("HTTP/1.1 200 OK\r\nContent-Le"),
            Act::Page => {
                let page = "<!DOCTYPE html><html>please log in</html>";
                say(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}", page.len()))
            }
        }
    }

    /// Waits until so many cases are there.
    fn has(&self, count: usize) -> Vec<(String, u32)> {
        let (state, changed) = &*self.0;
        let waited = changed.wait_timeout_while(state.lock().unwrap(), PATIENCE, |state| state.taken.len() < count);
        let (state, timeout) = waited.unwrap();
        assert!(!timeout.timed_out(), "only {:?} after {} requests", state.taken, state.requests);
        state.taken.clone()
    }
}

/// Cases of the fixture's outbox go to the platform at that address.
fn start(fixture: &Fixture, address: SocketAddr) -> Deliverer {
    let body = PlatformBody::CloudEvent { source: "/gengfu".to_owned() };
    let proof = Authorization::Bearer("token".to_owned());
    let url = format!("http://{address}/cases");
    let channel = Platform::new(&url, b"", TIMEOUT, proof, body).unwrap();
    fixture.deliver(Target {
        name: "platform:city".to_owned(),
        topics: vec!["case.".to_owned()],
        start: StartAt::Oldest,
        channel: Box::new(channel),
        keep_trying: true,
    })
}

/// Waits until the record says that an item was delivered; gives how many attempts it took.
fn delivered(deliverer: &Deliverer, id: EffectId) -> u32 {
    let begun = Instant::now();
    loop {
        let found = deliverer.receipts().of_item(id).unwrap();
        if let Some(found) = found.iter().find(|found| found.state == DeliveryState::Delivered) {
            return found.attempts;
        }
        assert!(begun.elapsed() < PATIENCE, "{id} was never delivered: {found:?}");
        thread::yield_now();
    }
}

#[test]
fn whatever_the_platform_does_each_case_is_there_once() {
    let mut fixture = Fixture::new();
    let city = City::default();
    let script = [
        Act::TakeTooLate,
        Act::Take, // the same key again: 409
        Act::TakeAndClose,
        Act::Take, // and again
        Act::Answer(503),
        Act::Answer(500),
        Act::Garbage,
        Act::HalfAnAnswer,
        Act::Page,
        Act::Answer(429),
    ];
    city.0.0.lock().unwrap().script.extend(script);
    let (listener, address) = fixture::listener();
    city.serve(listener);
    let sent = fixture.put(&["case.opened"; 5]);
    let deliverer = start(&fixture, address);
    let attempts: Vec<u32> = sent.iter().map(|id| delivered(&deliverer, *id)).collect();
    let expected: Vec<String> = sent.iter().map(ToString::to_string).collect();
    let taken = city.has(5);
    assert_eq!(taken.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), expected, "in the outbox's order");
    assert_eq!(
        taken.iter().map(|(_, times)| *times).collect::<Vec<_>>(),
        [2, 2, 1, 1, 1],
        "asked again by the same key"
    );
    assert_eq!(attempts, [2, 2, 7, 1, 1]);
}

#[test]
fn a_platform_that_is_down_for_a_day_has_everything_when_it_is_back() {
    let mut fixture = Fixture::new();
    let (listener, address) = fixture::listener();
    drop(listener);
    let before = fixture.put(&["case.opened"; 3]);
    let deliverer = start(&fixture, address);
    let tried = |id: EffectId, times: u32| {
        let begun = Instant::now();
        while deliverer.receipts().of_item(id).unwrap().first().is_none_or(|found| found.attempts < times) {
            assert!(begun.elapsed() < PATIENCE, "{id} is not tried");
            thread::yield_now();
        }
    };
    tried(before[0], 2);
    // Longer than anything else is tried.
    fixture.ahead(25 * HOUR_MS);
    let meanwhile = fixture.put(&["case.opened"; 2]);
    deliverer.wake();
    tried(before[0], 4);
    let city = City::default();
    city.serve(TcpListener::bind(address).unwrap());
    let all = [before, meanwhile].concat();
    let taken = city.has(5);
    assert_eq!(taken, all.iter().map(|id| (id.to_string(), 1)).collect::<Vec<_>>());
    assert!(all.iter().all(|id| delivered(&deliverer, *id) > 0));
}

#[test]
fn a_case_that_the_platform_refuses_does_not_hold_up_the_others_for_ever() {
    let mut fixture = Fixture::new();
    let city = City::default();
    city.0.0.lock().unwrap().script.extend([Act::Answer(422); 3]);
    let (listener, address) = fixture::listener();
    city.serve(listener);
    let sent = fixture.put(&["case.opened"; 2]);
    let deliverer = start(&fixture, address);
    assert_eq!((delivered(&deliverer, sent[1]), delivered(&deliverer, sent[0])), (1, 4));
    assert_eq!(city.has(2).iter().map(|(_, times)| *times).collect::<Vec<_>>(), [1, 1]);
}
