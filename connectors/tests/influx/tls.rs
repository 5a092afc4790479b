//! Promise: over TLS only a store whose certificate was named in the configuration is written to.

use std::sync::Arc;

use gengfu_connectors::series::influx::{InfluxSettings, InfluxWriter, WriteError};
use gengfu_model::Seq;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

use crate::fake::{Answer, Fake};
use crate::support::{START_MS, lines, quick, tilt};

/// A store with a certificate of its own, and that certificate as PEM.
fn store() -> (Fake, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.key_pair.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let judge = |request: &crate::fake::Request| Answer::status(if request.method == "POST" { 204 } else { 200 });
    (Fake::start_raw(Box::new(judge), Some(Arc::new(config))), made.cert.pem())
}

#[test]
fn a_store_with_the_named_certificate_is_written_to() {
    let (fake, pem) = store();
    let settings = InfluxSettings { roots_pem: pem.into_bytes(), ..quick(&fake.url()) };
    let mut writer = InfluxWriter::new(&settings).unwrap();
    writer.write(&lines(&[tilt("c", START_MS, 1, 1.0)]), Seq(1)).unwrap();
    assert_eq!(fake.writes().len(), 1);
}

#[test]
fn a_store_with_another_certificate_is_not() {
    let (fake, _) = store();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
    let settings = InfluxSettings { roots_pem: other.into_bytes(), ..quick(&fake.url()) };
    let mut writer = InfluxWriter::new(&settings).unwrap();
    let result = writer.write(&lines(&[tilt("c", START_MS, 1, 1.0)]), Seq(1));
    assert!(matches!(result, Err(WriteError::Again(_))), "{result:?}");
    assert!(fake.writes().is_empty());
}
