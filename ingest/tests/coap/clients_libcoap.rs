//! Another's client: libcoap's.

use std::io::Write;
use std::process::{Command, Stdio};

use gengfu_ingest::coap::Options;

use crate::packets::{READING, serve, value};
use crate::push_support::{FakeJournal, TOKEN};

/// Runs libcoap's client and gives what it printed. `-B` among the arguments bounds its time.
async fn libcoap(arguments: &[&str], stdin: &[u8]) -> String {
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let stdin = stdin.to_vec();
    // On a thread of its own, so that the gateway in this runtime can answer it.
    tokio::task::spawn_blocking(move || run_libcoap(&arguments, &stdin)).await.unwrap()
}

fn run_libcoap(arguments: &[String], stdin: &[u8]) -> String {
    for name in ["coap-client-notls", "coap-client"] {
        let mut command = Command::new(name);
        let child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let Ok(mut child) = child else { continue };
        child.stdin.take().unwrap().write_all(stdin).unwrap();
        let output = child.wait_with_output().unwrap();
        return [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    }
    panic!("libcoap's client is missing: install the Debian package libcoap3-bin");
}

#[tokio::test]
async fn libcoaps_client_is_understood() {
    let journal = FakeJournal::start(16);
    let gateway = serve(journal.intake.clone(), Options::default()).await;
    let uri = format!("coap://{}/v1/devices/cover-1/telemetry?token={TOKEN}", gateway.addr);
    let post = ["-m", "post", "-t", "json", "-B", "10", "-f", "-"];
    let printed = libcoap(&[&post[..], &[&uri]].concat(), READING).await;
    assert_eq!((printed.as_str(), journal.messages().len()), ("", 1));
    // Non-confirmable, and by ThingsBoard's path.
    let things_board = format!("coap://{}/api/v1/{TOKEN}/telemetry", gateway.addr);
    libcoap(&[&post[..], &["-N", &things_board]].concat(), READING).await;
    assert!(journal.messages().iter().all(|message| *message.payload == *READING));
    assert_eq!(journal.messages().len(), 2);
    // Block-wise, in its own block size and in small ones.
    let elements: Vec<_> = (0..500).map(|n| format!("{{\"tilt_deg\":{n:.1}}}")).collect();
    let large = format!("[{}]", elements.join(","));
    libcoap(&[&post[..], &[&uri]].concat(), large.as_bytes()).await;
    // The size is its choice, 1,024 bytes at most.
    assert!(value(&gateway.metrics.blocks) >= large.len() as u64 / 1_024);
    libcoap(&[&post[..], &["-b", "128", &uri]].concat(), large.as_bytes()).await;
    let messages = journal.messages();
    assert_eq!(messages.len(), 4);
    assert!(messages[2..].iter().all(|message| *message.payload == *large.as_bytes()));
    // What it is told when it may not.
    let wrong = format!("coap://{}/v1/devices/cover-1/telemetry?token=wrong-token-of-some-length", gateway.addr);
    let printed = libcoap(&[&post[..], &[&wrong]].concat(), READING).await;
    assert!(printed.contains("4.01"), "{printed}");
}
