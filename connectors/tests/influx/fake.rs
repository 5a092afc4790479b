//! A store that speaks just enough HTTP to check what is sent and to answer as it is told.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What came in.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The query, decoded.
    pub(crate) query: HashMap<String, String>,
    /// Header names in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

/// What goes out.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Status, further headers, body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// Nothing, until the client gives up.
    Silence,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Answer {
        Answer::Status(status, Vec::new(), String::new())
    }

    /// An error as InfluxDB 2 words it.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Answer {
        let body = format!(r#"{{"code":"{code}","message":"{message}"}}"#);
        Answer::Status(status, vec![("Content-Type", "application/json; charset=utf-8".to_owned())], body)
    }
}

type Judge = Box<dyn FnMut(&Request) -> Answer + Send>;

struct State {
    judge: Mutex<Judge>,
    requests: Mutex<Vec<Request>>,
    connections: Mutex<Vec<TcpStream>>,
    tls: Option<Arc<ServerConfig>>,
    stop: AtomicBool,
}

/// A running fake on a port of its own; stops when dropped.
pub(crate) struct Fake {
    address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    /// A store that answers writes (POST) as `judge` says, and signs of life with 200.
    pub(crate) fn start(mut judge: impl FnMut(&Request) -> Answer + Send + 'static) -> Fake {
        Fake::start_raw(
            Box::new(move |request| if request.method == "POST" { judge(request) } else { Answer::status(200) }),
            None,
        )
    }

    /// A store that answers everything as `judge` says, over TLS if a configuration is given.
    pub(crate) fn start_raw(judge: Judge, tls: Option<Arc<ServerConfig>>) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            judge: Mutex::new(judge),
            requests: Mutex::default(),
            connections: Mutex::default(),
            tls,
            stop: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            let mut threads = Vec::new();
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                if shared.stop.load(Ordering::SeqCst) {
                    break;
                }
                shared.connections.lock().unwrap().push(stream.try_clone().unwrap());
                let state = Arc::clone(&shared);
                threads.push(std::thread::spawn(move || serve(stream, &state)));
            }
            shared.cut();
            for thread in threads {
                thread.join().unwrap();
            }
        });
        Fake { address, state, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.state.tls.is_some() { "https" } else { "http" };
        // A name, not a number: certificates are made out to names.
        format!("{scheme}://localhost:{}", self.address.port())
    }

    /// The writes so far.
    pub(crate) fn writes(&self) -> Vec<Request> {
        let requests = self.state.requests.lock().unwrap();
        requests.iter().filter(|request| request.method == "POST").cloned().collect()
    }

    /// Cuts every connection without a word, as a store does that is killed.
    pub(crate) fn cut(&self) {
        self.state.cut();
    }
}

impl State {
    fn cut(&self) {
        for connection in self.connections.lock().unwrap().drain(..) {
            // It may be closed already.
            connection.shutdown(Shutdown::Both).ok();
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it is to stop.
        TcpStream::connect(self.address).ok();
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(matches!(ended, Some(Ok(()))) || std::thread::panicking(), "the fake store panicked");
    }
}

fn serve(stream: TcpStream, state: &State) {
    stream.set_nodelay(true).unwrap();
    match &state.tls {
        None => converse(stream, state),
        Some(tls) => converse(StreamOwned::new(ServerConnection::new(Arc::clone(tls)).unwrap(), stream), state),
    }
}

/// Answers one request after the other until the client has gone.
fn converse(stream: impl Read + Write, state: &State) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream) {
        let answer = (state.judge.lock().unwrap())(&request);
        state.requests.lock().unwrap().push(request);
        let Answer::Status(status, headers, body) = answer else {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).ok();
            return;
        };
        let mut text = format!("HTTP/1.1 {status} Told\r\n");
        headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
        if status != 204 {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(&body);
        let sent = stream.get_mut().write_all(text.as_bytes()).and_then(|()| stream.get_mut().flush());
        let closes = headers.iter().any(|(name, value)| *name == "Connection" && value == "close");
        if sent.is_err() || closes {
            return;
        }
    }
}

fn read_request(stream: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length: usize = headers.get("content-length").map_or(0, |length: &String| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let url = reqwest::Url::parse(&format!("http://x{target}")).unwrap();
    let query = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    Some(Request { method, path: url.path().to_owned(), query, headers, body: String::from_utf8(body).unwrap() })
}
