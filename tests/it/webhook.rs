//! Promise: a webhook is told of each case, signed, under the same id however often it takes.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use gengfu_ingest::SystemClock;
use gengfu_model::Kind;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::harness::{DEADLINE, TestGateway, wait_for};

const SECRET: &str = "a shared secret of the bureau";

/// One request as the receiver saw it.
struct Seen {
    headers: BTreeMap<String, String>,
    body: String,
}

impl Seen {
    fn id(&self) -> &str {
        &self.headers["x-gengfu-id"]
    }

    /// HMAC-SHA-256 as RFC 2104 writes it, of timestamp, full stop and body.
    fn check_signature(&self) {
        let mut key = [0_u8; 64];
        key[..SECRET.len()].copy_from_slice(SECRET.as_bytes());
        let text = format!("{}.{}", self.headers["x-gengfu-timestamp"], self.body);
        let inner = Sha256::new().chain_update(key.map(|byte| byte ^ 0x36)).chain_update(text).finalize();
        let outer = Sha256::new().chain_update(key.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize();
        let expected: String = outer.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(self.headers["x-gengfu-signature"], format!("sha256={expected}"));
    }
}

/// Serves on the address, answering each request with what `status` holds by then.
fn receive(listener: TcpListener, status: Arc<Mutex<u16>>) -> Receiver<(u16, Seen)> {
    let (sender, receiver) = channel();
    // The thread ends with the test's process, or when nobody listens to it any more.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let Some(seen) = read(&stream) else { continue };
            let status = *status.lock().unwrap();
            let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            (&stream).write_all(answer.as_bytes()).ok();
            if sender.send((status, seen)).is_err() {
                return;
            }
        }
    });
    receiver
}

fn read(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut headers = BTreeMap::new();
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { headers, body: String::from_utf8(body).ok()? })
}

fn gateway_that_tells(address: SocketAddr) -> TestGateway {
    TestGateway::start_with(Arc::new(SystemClock), |config| {
        let secret_file = config.data.folder.with_file_name("secret.txt");
        std::fs::write(&secret_file, format!("{SECRET}\n")).unwrap();
        config.webhook.push(gengfu::config::WebhookConfig {
            name: "dispatch".to_owned(),
            url: format!("http://{address}/hook"),
            secret_file,
            roots_file: None,
            topics: vec!["case.".to_owned()],
            cloudevents_source: None,
        });
    })
}

fn opens_a_case(gateway: &TestGateway) -> Value {
    gateway.add_device("cover-1", Kind::Manhole);
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":60}"#);
    wait_for("the case", || gateway.login("duty").list("/api/v1/cases").into_iter().next())
}

#[test]
fn a_case_is_told_with_a_signature_that_can_be_checked() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let told = receive(listener, Arc::new(Mutex::new(204)));
    let gateway = gateway_that_tells(address);
    let case = opens_a_case(&gateway);
    let (_, seen) = told.recv_timeout(DEADLINE).expect("the webhook is told");
    seen.check_signature();
    assert_eq!(seen.headers["x-gengfu-topic"], "case.opened");
    let number = case["number"].as_str().unwrap();
    assert!(seen.body.contains(number), "case {number}: {}", seen.body);
}

#[test]
fn what_a_receiver_missed_comes_again_under_the_same_id() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let status = Arc::new(Mutex::new(503));
    let told = receive(listener, Arc::clone(&status));
    let mut gateway = gateway_that_tells(address);
    opens_a_case(&gateway);
    let (_, first) = told.recv_timeout(DEADLINE).expect("a first try");
    // Not even a restart loses it.
    gateway.restart();
    *status.lock().unwrap() = 204;
    let until = std::time::Instant::now() + DEADLINE;
    let taken = loop {
        let left = until.saturating_duration_since(std::time::Instant::now());
        match told.recv_timeout(left).expect("it comes again") {
            (204, seen) => break seen,
            (_, again) => assert_eq!(again.id(), first.id(), "nothing overtakes it"),
        }
    };
    taken.check_signature();
    assert_eq!((taken.id(), &taken.body), (first.id(), &first.body));
}

#[test]
fn a_receiver_that_does_not_listen_yet_is_told_once_it_does() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = gateway_that_tells(free);
    opens_a_case(&gateway);
    let told = receive(TcpListener::bind(free).unwrap(), Arc::new(Mutex::new(200)));
    let (_, seen) = told.recv_timeout(DEADLINE).expect("the webhook is told once it listens");
    seen.check_signature();
}

#[test]
fn a_secret_that_is_missing_or_short_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gengfu.toml");
    let text = "[mqtt]\nlisten = \"127.0.0.1:0\"\n[coap]\nlisten = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
                [[webhook]]\nname = \"dispatch\"\nurl = \"http://127.0.0.1:9/\"\nsecret_file = \"hook.secret\"\n";
    std::fs::write(&file, text).unwrap();
    let serve = || {
        let output =
            Command::new(env!("CARGO_BIN_EXE_gengfu")).args(["serve", "--config"]).arg(&file).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let told = serve();
    assert!(told.contains("webhook `dispatch`") && told.contains("hook.secret"), "{told}");
    std::fs::write(folder.path().join("hook.secret"), "short\n").unwrap();
    let told = serve();
    assert!(told.contains("webhook `dispatch`") && told.contains("16"), "{told}");
}
