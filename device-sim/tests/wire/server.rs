//! A tiny MQTT server for tests, written by hand from the standard: it shares no code with the client
//! that it tests. It takes logins, acknowledges publishes, remembers everything, and can misbehave.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Tests wait this long for what must happen.
const DEADLINE: Duration = Duration::from_secs(30);

/// A login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connected {
    pub(crate) version: u8,
    pub(crate) client_id: String,
    pub(crate) user: String,
    pub(crate) password: String,
}

/// A publish.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) by: String,
    pub(crate) version: u8,
    pub(crate) topic: String,
    pub(crate) payload: String,
    pub(crate) repeat: bool,
    pub(crate) message_id: Option<String>,
    pub(crate) acknowledged: bool,
}

impl Published {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.payload).expect("a payload is JSON")
    }
}

/// Everything that happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub(crate) connected: Vec<Connected>,
    pub(crate) published: Vec<Published>,
    pub(crate) subscribed: Vec<String>,
    pub(crate) disconnected: usize,
}

/// How the server behaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manners {
    /// The first connection of each device is cut at its n-th publish, which is not acknowledged.
    pub(crate) cuts_first_connection_at: Option<usize>,
    /// Every login is refused.
    pub(crate) refuses: bool,
    /// MQTT 5: what CONNACK says about publishes without acknowledgement.
    pub(crate) receive_maximum: Option<u16>,
    /// A command that is sent after a subscription.
    pub(crate) command: Option<String>,
}

struct Shared {
    log: Mutex<Log>,
    changed: Condvar,
    manners: Manners,
    over: AtomicBool,
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap()
    }

    fn note(&self, change: impl FnOnce(&mut Log)) {
        change(&mut self.log());
        self.changed.notify_all();
    }
}

pub(crate) struct FakeServer {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl FakeServer {
    pub(crate) fn start(manners: Manners) -> FakeServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared =
            Arc::new(Shared { log: Mutex::default(), changed: Condvar::new(), manners, over: AtomicBool::new(false) });
        let accepting = Some(thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let mut sessions = Vec::new();
                for stream in listener.incoming() {
                    if shared.over.load(Ordering::SeqCst) {
                        break;
                    }
                    let (stream, shared) = (stream.unwrap(), Arc::clone(&shared));
                    // A session ends when its client goes; an error there is the client's business.
                    sessions.push(thread::spawn(move || drop(Session { stream, shared }.serve())));
                }
                for session in sessions {
                    session.join().unwrap();
                }
            }
        }));
        FakeServer { address, shared, accepting }
    }

    /// Waits until the log fulfils the condition, and gives it; panics after the deadline.
    pub(crate) fn wait_until(&self, what: &str, condition: impl Fn(&Log) -> bool) -> Log {
        let guard = self.shared.log();
        let (guard, timeout) = self.shared.changed.wait_timeout_while(guard, DEADLINE, |log| !condition(log)).unwrap();
        assert!(!timeout.timed_out(), "never came: {what}; so far {} publishes", guard.published.len());
        guard.clone()
    }

    pub(crate) fn log(&self) -> Log {
        self.shared.log().clone()
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take()
            && !thread::panicking()
        {
            accepting.join().unwrap();
        }
    }
}

struct Session {
    stream: TcpStream,
    shared: Arc<Shared>,
}

/// The rest of a packet, read from its front.
struct Body(Vec<u8>);

impl Body {
    fn take(&mut self, bytes: usize) -> Vec<u8> {
        self.0.drain(..bytes).collect()
    }
    fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }
    fn word(&mut self) -> u16 {
        let bytes = self.take(2);
        u16::from_be_bytes([bytes[0], bytes[1]])
    }
    fn text(&mut self) -> String {
        let length = usize::from(self.word());
        String::from_utf8(self.take(length)).unwrap()
    }
    fn length(&mut self) -> usize {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            value |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return value;
            }
        }
    }
    /// The `message-id` user property; the tested client sends no other property.
    fn message_id(&mut self) -> Option<String> {
        let length = self.length();
        let mut properties = Body(self.take(length));
        if properties.0.is_empty() {
            return None;
        }
        assert_eq!(properties.byte(), 0x26, "a user property");
        assert_eq!(properties.text(), "message-id");
        Some(properties.text())
    }
}

impl Session {
    fn serve(mut self) -> io::Result<()> {
        let (first, mut body) = self.packet()?;
        assert_eq!(first, 0x10, "CONNECT comes first");
        assert_eq!(body.text(), "MQTT");
        let version = body.byte();
        let flags = body.byte();
        assert_eq!(flags, 0b1100_0010, "user name, password, clean session, no will");
        let _keep_alive_s = body.word();
        if version == 5 {
            assert_eq!(body.message_id(), None);
        }
        let login = Connected { version, client_id: body.text(), user: body.text(), password: body.text() };
        let device = login.user.clone();
        let manners = self.shared.manners.clone();
        if manners.refuses {
            return self.stream.write_all(if version == 5 { &[0x20, 3, 0, 0x87, 0] } else { &[0x20, 2, 0, 5] });
        }
        let first_time = !self.shared.log().connected.iter().any(|other| other.user == device);
        self.shared.note(|log| log.connected.push(login));
        match (version, manners.receive_maximum) {
            (5, Some(maximum)) => {
                let [high, low] = maximum.to_be_bytes();
                self.stream.write_all(&[0x20, 6, 0, 0, 3, 0x21, high, low])?;
            }
            (5, None) => self.stream.write_all(&[0x20, 3, 0, 0, 0])?,
            _ => self.stream.write_all(&[0x20, 2, 0, 0])?,
        }
        let mut publishes = 0;
        loop {
            let (first, mut body) = self.packet()?;
            match first >> 4 {
                3 => {
                    publishes += 1;
                    let cut = first_time && manners.cuts_first_connection_at == Some(publishes);
                    self.published(&device, version, first, &mut body, !cut)?;
                    if cut {
                        return Ok(());
                    }
                }
                4 => {}
                8 => self.subscribed(version, &mut body)?,
                12 => self.stream.write_all(&[0xd0, 0])?,
                14 => {
                    self.shared.note(|log| log.disconnected += 1);
                    return Ok(());
                }
                other => panic!("packet type {other}"),
            }
        }
    }

    fn published(&mut self, by: &str, version: u8, first: u8, body: &mut Body, answer: bool) -> io::Result<()> {
        assert_eq!(first & 0b0000_0111, 0b010, "QoS 1, not retained");
        let topic = body.text();
        let packet_id = body.word();
        assert_ne!(packet_id, 0);
        let message_id = if version == 5 { body.message_id() } else { None };
        let published = Published {
            by: by.to_owned(),
            version,
            topic,
            payload: String::from_utf8(std::mem::take(&mut body.0)).unwrap(),
            repeat: first & 0b1000 != 0,
            message_id,
            acknowledged: answer,
        };
        self.shared.note(|log| log.published.push(published));
        let [high, low] = packet_id.to_be_bytes();
        if answer { self.stream.write_all(&[0x40, 2, high, low]) } else { Ok(()) }
    }

    fn subscribed(&mut self, version: u8, body: &mut Body) -> io::Result<()> {
        let packet_id = body.word();
        if version == 5 {
            assert_eq!(body.length(), 0);
        }
        let topic = body.text();
        let [high, low] = packet_id.to_be_bytes();
        let answer: &[u8] = if version == 5 { &[0x90, 4, high, low, 0, 1] } else { &[0x90, 3, high, low, 1] };
        self.stream.write_all(answer)?;
        if let Some(command) = &self.shared.manners.command {
            let mut packet = (topic.len() as u16).to_be_bytes().to_vec();
            packet.extend_from_slice(topic.as_bytes());
            packet.extend_from_slice(&[0, 77]);
            if version == 5 {
                packet.push(0);
            }
            packet.extend_from_slice(command.as_bytes());
            assert!(packet.len() < 128, "the length fits one byte");
            self.stream.write_all(&[0x32, packet.len() as u8])?;
            self.stream.write_all(&packet)?;
        }
        self.shared.note(|log| log.subscribed.push(topic));
        Ok(())
    }

    fn packet(&mut self) -> io::Result<(u8, Body)> {
        let mut byte = [0];
        self.stream.read_exact(&mut byte)?;
        let first = byte[0];
        let (mut length, mut shift) = (0, 0);
        loop {
            self.stream.read_exact(&mut byte)?;
            length |= usize::from(byte[0] & 0x7f) << shift;
            shift += 7;
            if byte[0] & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((first, Body(body)))
    }
}
