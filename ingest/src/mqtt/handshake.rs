//! From an accepted socket to CONNACK.
//!
//! TLS and CONNECT run under one time limit inside the connection's own task, so a silent peer costs its own
//! place among the handshakes and nothing else. A refusal is answered with its reason, late if the peer's
//! address keeps being refused.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use gengfu_model::DeviceId;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout};

use super::backoff::Source;
use super::closing::linger;
use super::commands::{CommandOutcome, Registration};
use super::connection::{Connection, Start};
use super::listener::{Shared, Who};
use super::login::{self, Certificate, LoginRefusal};
use super::metrics::count;
use super::outgoing::Outgoing;
use super::refusal::Refused;
use super::session::Opened;
use super::stream::Stream;
use super::wire::{self, CONNACK_REFUSAL_BYTES, ConnAckV5, Connect, ConnectFault, Reason, Version};

/// Bytes read at once while the CONNECT is awaited.
const CONNECT_READ_BYTES: usize = 1024;

/// Serves one accepted socket to its end.
pub(super) async fn serve_socket(
    shared: Arc<Shared>,
    tcp: TcpStream,
    peer: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    place: OwnedSemaphorePermit,
) {
    // Each phase in its own box, so that an idle connection does not carry the memory of its handshake.
    let Some(hello) = Box::pin(shared.cancel.run_until_cancelled(receive_hello(&shared, tcp, peer, tls))).await else {
        return;
    };
    drop(place);
    let Some(hello) = hello else { return };
    let cancel = shared.cancel.clone();
    let Some(Some(mut connection)) = Box::pin(cancel.run_until_cancelled(admit(shared, hello, peer))).await else {
        return;
    };
    let end = connection.serve().await;
    Box::pin(connection.finish(end)).await;
}

/// A socket with its CONNECT.
struct Hello {
    stream: Stream,
    connect: Result<Connect, ConnectFault>,
    /// What came after the CONNECT.
    rest: BytesMut,
}

async fn receive_hello(
    shared: &Shared,
    tcp: TcpStream,
    peer: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
) -> Option<Hello> {
    let hello = async {
        tcp.set_nodelay(true).ok();
        let stream = match tls {
            None => Stream::Plain(tcp),
            Some(config) => match tokio_rustls::TlsAcceptor::from(config).accept(tcp).await {
                Ok(tls) => Stream::Tls(Box::new(tls)),
                Err(error) => {
                    count(&shared.metrics.handshakes_failed);
                    tracing::debug!(%peer, %error, "mqtt TLS handshake failed");
                    return None;
                }
            },
        };
        receive_connect(shared, stream).await.ok()
    };
    let Ok(hello) = timeout(shared.options.connect_timeout, hello).await else {
        count(&shared.metrics.handshakes_timed_out);
        tracing::debug!(%peer, "mqtt peer sent no CONNECT in time");
        return None;
    };
    hello
}

async fn receive_connect(shared: &Shared, mut stream: Stream) -> io::Result<Hello> {
    let mut rest = BytesMut::new();
    loop {
        match wire::peek_frame(&rest, shared.options.max_connect_bytes, None) {
            Ok(None) => {}
            Ok(Some(header)) => {
                let connect = wire::decode_connect(wire::take_frame(&mut rest, header));
                return Ok(Hello { stream, connect, rest });
            }
            Err(fault) => return Ok(Hello { stream, connect: Err(ConnectFault { answer_in: None, fault }), rest }),
        }
        rest.reserve(CONNECT_READ_BYTES);
        if stream.read_buf(&mut rest).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Judges a CONNECT; gives the connection, with CONNACK on its way, or answers the refusal.
async fn admit(shared: Arc<Shared>, hello: Hello, peer: SocketAddr) -> Option<Connection> {
    let Hello { stream, connect, rest } = hello;
    let connect = match connect {
        Ok(connect) => connect,
        Err(fault) => {
            refuse_fault(&shared, stream, peer, &fault).await;
            return None;
        }
    };
    let certificate = match stream.client_common_name() {
        Some(name) => Certificate::Named(name),
        None if stream.has_client_certificate() => Certificate::Nameless,
        None => Certificate::None,
    };
    let from = Some(peer.ip().to_canonical());
    let entry = match login::authenticate(&connect, &certificate, &shared.directory) {
        Ok(entry) => entry,
        Err(refusal) => {
            let claimed = login::claimed(&connect, &certificate, &shared.directory);
            let who = Who { device: None, claimed, from };
            refuse(&shared, stream, peer, &connect, refusal, who).await;
            return None;
        }
    };
    let device = entry.id.clone();
    if let Err(refusal) = login::check_wishes(&connect, device.as_str(), &shared.options) {
        let who = Who { device: Some(&device), claimed: None, from };
        refuse(&shared, stream, peer, &connect, refusal, who).await;
        return None;
    }
    sleep(shared.backoff.remaining(&Source::Device(device.clone()), Instant::now())).await;
    match take_place(&shared, &device, &connect).await {
        Ok((registration, permit)) => Some(open(shared, stream, rest, connect, device, registration, permit).await),
        Err(refusal) => {
            let who = Who { device: Some(&device), claimed: None, from };
            refuse(&shared, stream, peer, &connect, refusal, who).await;
            None
        }
    }
}

/// Takes over from an older connection of the device, then takes a place among the connections: in this order, so
/// that a device can come back when the listener is full.
async fn take_place(
    shared: &Shared,
    device: &DeviceId,
    connect: &Connect,
) -> Result<(Registration, OwnedSemaphorePermit), LoginRefusal> {
    let client_id = assigned_client_id(connect, device).unwrap_or(&connect.client_id);
    let (registration, old) = shared.commands.take_over(device, client_id, connect.clean);
    if let Some(old) = old
        && timeout(shared.options.handover_timeout, old.done.cancelled()).await.is_err()
    {
        old.abandon();
        tracing::warn!(%device, "the older mqtt connection of the device did not end in time");
    }
    let permit = Arc::clone(&shared.connections).try_acquire_owned().map_err(|_| login::TOO_MANY)?;
    Ok((registration, permit))
}

/// A client without an id gets its device id: sessions belong to the device, so nobody else can have it.
fn assigned_client_id<'a>(connect: &Connect, device: &'a DeviceId) -> Option<&'a str> {
    connect.client_id.is_empty().then(|| device.as_str())
}

async fn open(
    shared: Arc<Shared>,
    stream: Stream,
    rest: BytesMut,
    connect: Connect,
    device: DeviceId,
    registration: Registration,
    permit: OwnedSemaphorePermit,
) -> Connection {
    let client_id = registration.link.client_id();
    let session_expiry_s = match connect.version {
        Version::V3 if connect.clean => 0,
        Version::V3 => shared.capped_expiry_s(u32::MAX).min(shared.expiry_v3_s()),
        Version::V5 => shared.capped_expiry_s(connect.session_expiry_s),
    };
    let now = shared.clock.now();
    let mut opened = shared.commands.store().open(&device, client_id, connect.clean, session_expiry_s, now);
    let mut connack = BytesMut::new();
    write_connack(&mut connack, &shared, &connect, &device, &opened, session_expiry_s);
    count(&shared.metrics.logins_accepted);
    tracing::debug!(%device, client_id, session_present = opened.present, "mqtt device connected");
    shared.commands.report(&device, std::mem::take(&mut opened.dropped), CommandOutcome::SessionEnded).await;
    registration.link.set_listening(opened.subscription.delivery().is_some());
    let window = shared.options.max_commands_in_flight.min(connect.receive_maximum);
    let start = Start {
        version: connect.version,
        device,
        registration,
        permit,
        input: rest,
        connack,
        connack_waits: opened.replaces_kept,
        unreleased: std::mem::take(&mut opened.unreleased),
        outgoing: Outgoing::new(opened, window, connect.max_packet_bytes),
        keep_alive_s: connect.keep_alive_s,
        will: connect.will,
        session_expiry_s,
    };
    Connection::new(shared, stream, start)
}

fn write_connack(
    output: &mut BytesMut,
    shared: &Shared,
    connect: &Connect,
    device: &DeviceId,
    opened: &Opened,
    session_expiry_s: u32,
) {
    if connect.version == Version::V3 {
        wire::connack_v3(output, opened.present, 0);
        return;
    }
    let options = &shared.options;
    let accepted = ConnAckV5 {
        session_present: opened.present,
        receive_maximum: options.max_in_flight,
        max_packet_bytes: u32::try_from(options.max_packet_bytes).unwrap_or(u32::MAX),
        topic_alias_maximum: options.topic_alias_maximum,
        session_expiry_s: (session_expiry_s != connect.session_expiry_s).then_some(session_expiry_s),
        assigned_client_id: assigned_client_id(connect, device).map(str::to_owned),
    };
    wire::connack_v5(output, Reason::Success, Some(accepted));
}

async fn refuse_fault(shared: &Shared, stream: Stream, peer: SocketAddr, fault: &ConnectFault) {
    tracing::debug!(%peer, fault = %fault.fault, "mqtt CONNECT is broken");
    let refused = match fault.fault.reason {
        Reason::UnsupportedVersion => Refused::Version,
        Reason::BadCredentials => Refused::BadCredentials,
        Reason::PacketTooLarge => Refused::PacketTooLarge,
        _ => Refused::ProtocolError,
    };
    let code_v3 = match refused {
        Refused::Version => Some(login::code::VERSION),
        Refused::BadCredentials => Some(login::code::CREDENTIALS),
        // 3.1.1 has no code for a broken CONNECT: the connection is closed without a CONNACK.
        _ => None,
    };
    let mut answer = BytesMut::new();
    match (fault.answer_in, code_v3) {
        (Some(Version::V3), Some(code)) => wire::connack_v3(&mut answer, false, code),
        (Some(Version::V5), _) => wire::connack_v5(&mut answer, fault.fault.reason, None),
        _ => {}
    }
    shared.refuse(refused, Who { device: None, claimed: None, from: Some(peer.ip().to_canonical()) });
    count(&shared.metrics.logins_refused);
    answer_late(shared, stream, peer, answer).await;
}

async fn refuse(
    shared: &Shared,
    stream: Stream,
    peer: SocketAddr,
    connect: &Connect,
    refusal: LoginRefusal,
    who: Who<'_>,
) {
    tracing::debug!(%peer, reason = refusal.refused.as_str(), "mqtt login refused");
    shared.refuse(refusal.refused, who);
    count(&shared.metrics.logins_refused);
    let mut answer = BytesMut::new();
    match connect.version {
        Version::V3 => wire::connack_v3(&mut answer, false, refusal.code_v3),
        // A client that does not even take this one is left without a word.
        Version::V5 if connect.max_packet_bytes.is_some_and(|most| (most as usize) < CONNACK_REFUSAL_BYTES) => {}
        Version::V5 => wire::connack_v5(&mut answer, refusal.reason_v5, None),
    }
    answer_late(shared, stream, peer, answer).await;
}

/// Answers a refusal after its back-off. Only refusals wait, so devices behind the same address do not.
async fn answer_late(shared: &Shared, mut stream: Stream, peer: SocketAddr, mut answer: BytesMut) {
    let Ok(_place) = shared.waiting.try_acquire() else { return };
    sleep(shared.backoff.fault(Source::Address(peer.ip()), Instant::now())).await;
    let patience = shared.options.linger;
    let sent = timeout(patience, async {
        stream.write_all_buf(&mut answer).await?;
        stream.shutdown().await
    });
    if let Ok(Ok(())) = sent.await {
        linger(&mut stream, patience).await;
    }
}
