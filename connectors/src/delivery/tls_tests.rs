//! The webhook over TLS: it trusts what its configuration names, and nothing else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gengfu_model::{OutboxItem, Timestamp};
use rcgen::CertifiedKey;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Channel, Outcome, Webhook, WebhookConfig};
use crate::ledger::samples::{id, outbox};

fn certificate() -> CertifiedKey {
    rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap()
}

/// Serves one connection and gives the body that it was sent, if the client got that far.
fn serve(certified: &CertifiedKey) -> (SocketAddr, JoinHandle<Option<String>>) {
    let key = PrivateKeyDer::try_from(certified.key_pair.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let tls = ServerConnection::new(Arc::new(config)).unwrap();
        answer(BufReader::new(StreamOwned::new(tls, stream))).ok()
    });
    (address, serving)
}

fn answer(mut reader: BufReader<impl Read + Write>) -> std::io::Result<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    reader.get_mut().write_all(b"HTTP/1.1 204 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    reader.get_mut().flush()?;
    Ok(String::from_utf8(body).unwrap())
}

fn deliver(address: SocketAddr, roots_pem: String, item: &OutboxItem) -> Outcome {
    let config = WebhookConfig {
        url: format!("https://localhost:{}/hook", address.port()),
        secret: b"a secret of some length".to_vec(),
        timeout: Duration::from_secs(10),
        roots_pem: roots_pem.into_bytes(),
    };
    Webhook::new(config).unwrap().deliver(item, Timestamp(7))
}

#[test]
fn a_receiver_with_a_trusted_certificate_gets_the_item() {
    let certified = certificate();
    let (address, serving) = serve(&certified);
    let item = outbox(id(1, 0), "case.opened");
    let outcome = deliver(address, certified.cert.pem(), &item);
    assert_eq!(outcome, Outcome::Delivered { answer: "204".to_owned() });
    assert_eq!(serving.join().unwrap(), Some(item.body));
}

#[test]
fn a_receiver_with_another_certificate_gets_nothing() {
    let (address, serving) = serve(&certificate());
    let outcome = deliver(address, certificate().cert.pem(), &outbox(id(1, 0), "case.opened"));
    assert!(matches!(&outcome, Outcome::Unavailable { answer } if answer.contains("certificate")), "{outcome:?}");
    assert_eq!(serving.join().unwrap(), None);
}
