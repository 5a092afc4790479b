//! Mail over TLS, by STARTTLS and from the first byte on: it trusts the authority that its configuration names, and
//! nothing else, and a password goes over an encrypted connection only.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gengfu_model::{EffectId, OutboxItem, Seq, Timestamp};
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use super::{ChannelKind, SmtpSettings, SmtpTls, channel};
use crate::delivery::Outcome;

const NOW: Timestamp = Timestamp(1_783_900_800_000);

/// The city's own certificate authority.
struct Authority(Certificate, KeyPair);

impl Authority {
    fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::OrganizationName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Authority(params.self_signed(&key).unwrap(), key)
    }

    /// A server's TLS with a certificate of this authority for that name.
    fn server(&self, name: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate: CertificateDer<'static> = params.signed_by(&key, &self.0, &self.1).unwrap().der().clone();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        Arc::new(config)
    }
}

/// What a mail server heard: before the connection was encrypted, and after.
#[derive(Debug, Default)]
struct Heard {
    plain: Vec<String>,
    encrypted: Vec<String>,
}

/// Talks SMTP until the client goes, or asks for TLS; says whether it asked.
fn talk(stream: &mut BufReader<impl Read + Write>, offers_tls: bool, greets: bool, heard: &mut Vec<String>) -> bool {
    let mut in_data = false;
    if greets {
        stream.get_mut().write_all(b"220 mail.example.cn ESMTP\r\n").ok();
        stream.get_mut().flush().ok();
    }
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).unwrap_or(0) == 0 {
            return false;
        }
        let line = line.trim_end().to_owned();
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer = match (in_data, line.as_str(), verb.as_str()) {
            (true, ".", _) => {
                in_data = false;
                "250 2.0.0 queued as 4711"
            }
            (true, ..) => "",
            (_, _, "EHLO") if offers_tls => "250-mail.example.cn\r\n250-STARTTLS\r\n250 8BITMIME",
            (_, _, "EHLO") => "250-mail.example.cn\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME",
            (_, _, "STARTTLS") => "220 go ahead",
            (_, _, "AUTH") => "235 2.7.0 welcome",
            (_, _, "DATA") => {
                in_data = true;
                "354 go on"
            }
            (_, _, "QUIT") => "221 bye",
            _ => "250 ok",
        };
        heard.push(line);
        if !answer.is_empty() {
            stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).ok();
            stream.get_mut().flush().ok();
        }
        match verb.as_str() {
            "STARTTLS" if offers_tls => return true,
            "QUIT" if !in_data => return false,
            _ => {}
        }
    }
}

/// A mail server for one connection.
fn serve(tls: Arc<ServerConfig>, mode: SmtpTls) -> (SocketAddr, JoinHandle<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut heard = Heard::default();
        let wants_tls = match mode {
            SmtpTls::Tls => true,
            SmtpTls::Starttls | SmtpTls::None => {
                let mut plain = BufReader::new(Both(stream.try_clone().unwrap()));
                talk(&mut plain, mode == SmtpTls::Starttls, true, &mut heard.plain)
            }
        };
        if wants_tls {
            let session = ServerConnection::new(tls).unwrap();
            let mut encrypted = BufReader::new(StreamOwned::new(session, stream));
            talk(&mut encrypted, false, mode == SmtpTls::Tls, &mut heard.encrypted);
        }
        heard
    });
    (address, serving)
}

/// A stream that is read and written through one handle.
struct Both(TcpStream);

impl Read for Both {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Both {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

fn mail() -> OutboxItem {
    let body = json!({
        "kind": "alarm", "time": NOW, "number": "YC2026112400001", "severity": "critical", "user": "wang",
        "language": "zh", "address": "wang@city.cn", "text_zh": "井盖打开", "text_en": "a cover is open",
    });
    let (topic, body) = ("notification.mail".into(), body.to_string());
    OutboxItem { id: EffectId { seq: Seq(7), ordinal: 2 }, topic, time: NOW, body, case: None, withdrawn: None }
}

/// Sends the mail to the server at that address, known as `localhost`, trusting these roots.
fn send(address: SocketAddr, tls: SmtpTls, roots: &Authority) -> Outcome {
    let account = Some(("duty".to_owned(), "secret".to_owned()));
    let settings = SmtpSettings { from: "duty@city.cn".into(), account, tls };
    let server = format!("localhost:{}", address.port());
    let pem = roots.0.pem();
    let made = channel(ChannelKind::Smtp(settings), &server, pem.as_bytes(), Duration::from_secs(10));
    made.unwrap().deliver(&mail(), NOW)
}

#[test]
fn a_mail_goes_over_tls_both_ways_and_the_password_with_it() {
    let authority = Authority::new("the city");
    for mode in [SmtpTls::Starttls, SmtpTls::Tls] {
        let (address, serving) = serve(authority.server("localhost"), mode);
        let outcome = send(address, mode, &authority);
        assert!(matches!(&outcome, Outcome::Delivered { answer } if answer.contains("4711")), "{mode:?}: {outcome:?}");
        let heard = serving.join().unwrap();
        let said = |lines: &[String], what: &str| lines.iter().any(|line| line.starts_with(what));
        assert!(said(&heard.encrypted, "AUTH") && said(&heard.encrypted, "RCPT TO:<wang@city.cn>"), "{heard:?}");
        assert!(!said(&heard.plain, "AUTH") && !said(&heard.plain, "MAIL"), "{heard:?}");
        assert_eq!(said(&heard.plain, "STARTTLS"), mode == SmtpTls::Starttls);
    }
}

#[test]
fn a_certificate_of_another_authority_or_for_another_name_is_refused_and_said_so() {
    let authority = Authority::new("the city");
    for mode in [SmtpTls::Starttls, SmtpTls::Tls] {
        for (server, word) in [
            (Authority::new("somebody else").server("localhost"), "unknownissuer"),
            (authority.server("mail.elsewhere.cn"), "validforname"),
        ] {
            let (address, serving) = serve(server, mode);
            let outcome = send(address, mode, &authority);
            let Outcome::Unavailable { answer } = outcome else { panic!("{mode:?}: {outcome:?}") };
            let said = answer.to_lowercase().replace(' ', "");
            assert!(said.contains("certificate") && said.contains(word), "{mode:?}: {answer}");
            let heard = serving.join().unwrap();
            assert!(heard.encrypted.is_empty(), "{heard:?}");
            assert!(heard.plain.iter().all(|line| !line.starts_with("AUTH")), "{heard:?}");
        }
    }
}

#[test]
fn a_server_that_does_not_offer_starttls_gets_no_mail() {
    let authority = Authority::new("the city");
    let (address, serving) = serve(authority.server("localhost"), SmtpTls::None);
    let outcome = send(address, SmtpTls::Starttls, &authority);
    assert!(!matches!(outcome, Outcome::Delivered { .. }), "{outcome:?}");
    let heard = serving.join().unwrap();
    assert!(heard.plain.iter().all(|line| !line.starts_with("AUTH") && !line.starts_with("MAIL")), "{heard:?}");
}
