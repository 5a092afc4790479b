//! TLS on the same listener, and client certificates whose common name is the device.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gengfu_ingest::mqtt::{Command, CommandQos, MqttOptions, server_config};
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, KeyPair};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::harness::{Gateway, T0, command, eventually, options, soon};
use crate::raw::{Connect, QOS1, Raw, publish_v3, subscribe};

struct Authority(Certificate, KeyPair);

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Authority(params.self_signed(&key).unwrap(), key)
    }

    fn issue(&self, names: &[&str], common_name: Option<&str>) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "the bureau");
        if let Some(name) = common_name {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0, &self.1).unwrap().pem(), key.serialize_pem())
    }
}

async fn start(authority: &Authority, with_clients: bool, options: MqttOptions) -> Gateway {
    let (chain, key) = authority.issue(&["localhost"], None);
    let clients = authority.0.pem();
    let clients = with_clients.then_some(clients.as_bytes());
    let config = server_config(chain.as_bytes(), key.as_bytes(), clients).unwrap();
    Gateway::with_all(options, 64, Some(config)).await
}

async fn connect(gateway: &Gateway, authority: &Authority, client: Option<(String, String)>) -> std::io::Result<Raw> {
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.0.pem().as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let chain = vec![CertificateDer::from_pem_slice(chain.as_bytes()).unwrap()];
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap()
        }
    };
    let tcp = TcpStream::connect(gateway.addr).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let tls = soon("the TLS handshake", TlsConnector::from(Arc::new(config)).connect(name, tcp)).await?;
    Ok(Raw::over(tls))
}

fn by_certificate(user: Option<&str>) -> Vec<u8> {
    let user = user.map(|user| user.as_bytes().to_vec());
    Connect { user, password: None, ..Connect::v3("x") }.bytes()
}

#[tokio::test]
async fn a_token_works_over_tls() {
    let authority = Authority::new();
    let gateway = start(&authority, false, options()).await;
    let mut raw = connect(&gateway, &authority, None).await.unwrap();
    raw.send(&Connect::v3("a").bytes()).await;
    raw.expect(&[0x20, 2, 0, 0]).await;
    // Larger than a TLS record and than what is read at once.
    raw.send(&publish_v3(QOS1, "v1/devices/a/up", 1, &"x".repeat(100_000))).await;
    raw.expect(&[0x40, 2, 0, 1]).await;
    assert_eq!(gateway.journal.messages(1).await[0].payload.len(), 100_000);
}

#[tokio::test]
async fn a_large_command_arrives_whole_over_tls() {
    let authority = Authority::new();
    let gateway = start(&authority, false, options()).await;
    let mut raw = connect(&gateway, &authority, None).await.unwrap();
    raw.send(&Connect::v3("a").bytes()).await;
    raw.expect(&[0x20, 2, 0, 0]).await;
    raw.send(&subscribe(4, 1, &[("v1/devices/me/commands", 1)])).await;
    raw.expect(&[0x90, 3, 0, 1, 1]).await;
    // More than the sockets' buffers take while the client does not read.
    let payload = Bytes::from(vec![b'x'; 8_000_000]);
    let large = Command { payload: payload.clone(), ..command("a", "large", CommandQos::AtLeastOnce) };
    gateway.commands.send(large, T0).unwrap();
    eventually("it is being written", || gateway.metric("gengfu_mqtt_commands_sent_total") == 1).await;
    assert!(raw.receive().await.ends_with(&payload));
    raw.ping().await;
}

#[tokio::test]
async fn a_client_certificate_is_a_login() {
    let authority = Authority::new();
    let gateway = start(&authority, true, options()).await;
    let certificate = authority.issue(&[], Some("a"));
    for user in [None, Some("a")] {
        let mut raw = connect(&gateway, &authority, Some(certificate.clone())).await.unwrap();
        raw.send(&by_certificate(user)).await;
        raw.expect(&[0x20, 2, 0, 0]).await;
        raw.send(&publish_v3(QOS1, "v1/devices/me/up", 1, "{}")).await;
        raw.expect(&[0x40, 2, 0, 1]).await;
    }
    assert!(gateway.journal.messages(2).await.iter().all(|message| message.device.as_str() == "a"));
    // Who has no certificate still logs in by token.
    let mut raw = connect(&gateway, &authority, None).await.unwrap();
    raw.send(&Connect::v3("b").bytes()).await;
    raw.expect(&[0x20, 2, 0, 0]).await;
}

#[tokio::test]
async fn a_certificate_speaks_for_nobody_else() {
    let authority = Authority::new();
    let gateway = start(&authority, true, options()).await;
    let cases = [
        (Some("a"), by_certificate(Some("b")), 4),
        (Some("a"), Connect::v3("b").bytes(), 4),
        (Some("nobody"), by_certificate(None), 4),
        (Some("gone"), by_certificate(None), 5),
        (None, by_certificate(None), 4),
    ];
    for (name, bytes, code) in cases {
        let mut raw = connect(&gateway, &authority, Some(authority.issue(&[], name))).await.unwrap();
        raw.send(&bytes).await;
        raw.expect(&[0x20, 2, 0, code]).await;
    }
}

#[tokio::test]
async fn a_certificate_of_another_authority_does_not_get_through() {
    let authority = Authority::new();
    let gateway = start(&authority, true, options()).await;
    let forged = Authority::new().issue(&[], Some("a"));
    // With TLS 1.3 the client learns of it at its first read.
    if let Ok(mut raw) = connect(&gateway, &authority, Some(forged)).await {
        raw.send(&by_certificate(None)).await;
        raw.expect_closed().await;
    }
    assert_eq!(gateway.metric("gengfu_mqtt_logins_accepted_total"), 0);
}

#[tokio::test]
async fn a_silent_tls_peer_costs_only_its_place_and_its_time() {
    let authority = Authority::new();
    let short = MqttOptions { connect_timeout: Duration::from_millis(300), max_handshakes: 2, ..options() };
    let gateway = start(&authority, false, short).await;
    let mut silent = Raw::open(gateway.addr).await;
    let mut raw = connect(&gateway, &authority, None).await.unwrap();
    raw.send(&Connect::v3("a").bytes()).await;
    raw.expect(&[0x20, 2, 0, 0]).await;
    silent.expect_closed().await;
    raw.ping().await;
}

#[tokio::test]
async fn plain_mqtt_on_a_tls_port_is_closed() {
    let authority = Authority::new();
    let gateway = start(&authority, false, options()).await;
    let mut raw = Raw::open(gateway.addr).await;
    raw.send(&Connect::v3("a").bytes()).await;
    // The TLS side answers with an alert, which is no MQTT packet of ours.
    eventually("the handshake has failed", || gateway.metric("gengfu_mqtt_handshakes_failed_total") == 1).await;
}
