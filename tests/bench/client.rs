//! Devices as plain as can be: bytes on a socket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// The token of a device that the bench registers itself.
pub(crate) fn token(id: &str) -> String {
    format!("token-of-{id}-0123456789")
}

/// An MQTT 3.1.1 CONNECT with keep-alive 0 and a login.
fn connect_packet(device: &str, token: &str) -> Vec<u8> {
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 0b1100_0010, 0, 0];
    for text in [device, device, token] {
        body.extend(u16::try_from(text.len()).expect("a short text").to_be_bytes());
        body.extend(text.as_bytes());
    }
    let mut packet = vec![0x10];
    let mut length = body.len();
    while length >= 128 {
        packet.push((length % 128) as u8 | 0x80);
        length /= 128;
    }
    packet.push(length as u8);
    packet.extend(body);
    packet
}

fn log_in(stream: &mut (impl Read + Write), device: &str, token: &str) {
    stream.write_all(&connect_packet(device, token)).expect("CONNECT is sent");
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).expect("CONNACK");
    assert_eq!(answer, [0x20, 2, 0, 0], "the device is let in");
}

/// A connection that is logged in.
pub(crate) fn connect(broker: SocketAddr, device: &str, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(broker).expect("the broker accepts");
    log_in(&mut stream, device, token);
    stream
}

/// What TLS clients are made from.
pub(crate) fn tls(certificate: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate");
    roots.add(certificate).expect("the certificate is taken");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Arc::new(builder.expect("TLS").with_root_certificates(roots).with_no_client_auth())
}

/// A TLS connection that is logged in.
pub(crate) fn connect_tls(
    broker: SocketAddr,
    config: &Arc<ClientConfig>,
    device: &str,
    token: &str,
) -> StreamOwned<ClientConnection, TcpStream> {
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::clone(config), name).expect("a TLS client");
    let mut stream = StreamOwned::new(connection, TcpStream::connect(broker).expect("the broker accepts"));
    log_in(&mut stream, device, token);
    stream
}

/// Publishes telemetry with QoS 1 and waits for the PUBACK.
pub(crate) fn publish(stream: &mut TcpStream, payload: &str) {
    let topic = "v1/devices/me/telemetry";
    let mut packet = vec![0x32, (2 + topic.len() + 2 + payload.len()) as u8];
    packet.extend((topic.len() as u16).to_be_bytes());
    packet.extend(topic.as_bytes());
    packet.extend([0, 1]);
    packet.extend(payload.as_bytes());
    stream.write_all(&packet).expect("PUBLISH is sent");
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).expect("PUBACK");
}
