//! TLS: the server's configuration, and the device id in a client's certificate.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate chain cannot be read, or is empty.
    #[error("the certificate chain is no PEM text with at least one certificate")]
    Chain,
    /// The private key cannot be read.
    #[error("the private key is no PEM text of a PKCS#8, PKCS#1 or SEC1 key")]
    Key,
    /// The certificates that clients are checked against cannot be read, or there are none.
    #[error("the client authorities are no PEM text with at least one certificate")]
    Authorities,
    /// Key and certificates do not go together, or are not supported.
    #[error("TLS configuration: {0}")]
    Rustls(#[from] rustls::Error),
    /// The client authorities are not usable.
    #[error("client authorities: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

/// The TLS side of a listener, on `ring`. With `client_authorities`, a client may show a certificate of one
/// of them; its subject's common name is then the device id. Clients without one log in as usual.
///
/// # Errors
/// [`TlsError`] names the part that is wrong.
pub fn server_config(
    chain_pem: &[u8],
    key_pem: &[u8],
    client_authorities_pem: Option<&[u8]>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates(chain_pem).ok_or(TlsError::Chain)?;
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|_| TlsError::Key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match client_authorities_pem {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(pem).ok_or(TlsError::Authorities)? {
                roots.add(certificate)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.allow_unauthenticated().build()?)
        }
    };
    Ok(Arc::new(builder.with_single_cert(chain, key)?))
}

fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    (!all.is_empty()).then_some(all)
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_ID: u8 = 0x06;
const EXPLICIT_VERSION: u8 = 0xA0;
/// 2.5.4.3, id-at-commonName.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// The one common name of the certificate's subject; `None` if there is none, more than one, or it is in a
/// character set other than UTF-8, printable or IA5.
pub(super) fn common_name(certificate: &[u8]) -> Option<String> {
    let mut to_be_signed = Der(Der(Der(certificate).take(SEQUENCE)?).take(SEQUENCE)?);
    to_be_signed.skip_if(EXPLICIT_VERSION)?;
    for _ in ["serial number", "signature algorithm", "issuer", "validity"] {
        to_be_signed.next()?;
    }
    let mut names = Der(to_be_signed.take(SEQUENCE)?);
    let mut found = None;
    while !names.0.is_empty() {
        let mut attributes = Der(names.take(SET)?);
        while !attributes.0.is_empty() {
            let mut attribute = Der(attributes.take(SEQUENCE)?);
            if attribute.take(OBJECT_ID)? == COMMON_NAME {
                let (tag, value) = attribute.next()?;
                let is_text = matches!(tag, 0x0C | 0x13 | 0x16);
                if !is_text || found.is_some() {
                    return None;
                }
                found = Some(std::str::from_utf8(value).ok()?.to_owned());
            }
        }
    }
    found
}

/// The rest of a DER encoding. Lengths of up to four bytes, definite form only.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            if bytes.is_empty() || bytes.len() > 4 {
                return None;
            }
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }

    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, value)| value)
    }

    fn skip_if(&mut self, tag: u8) -> Option<()> {
        if self.0.first() == Some(&tag) {
            self.next()?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(names: &[&str]) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "the bureau");
        for name in names {
            params.distinguished_name.push(rcgen::DnType::CommonName, *name);
        }
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn finds_the_common_name() {
        assert_eq!(common_name(&certificate(&["cover-17"])).as_deref(), Some("cover-17"));
        assert_eq!(common_name(&certificate(&[])), None);
    }

    #[test]
    fn survives_every_truncation_and_flipped_byte() {
        let good = certificate(&["cover-17"]);
        for end in 0..good.len() {
            assert_eq!(common_name(&good[..end]), None);
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0xFF;
            // Any answer will do, as long as there is one.
            common_name(&bad);
        }
    }

    #[test]
    fn bad_pem_is_named() {
        assert!(matches!(server_config(b"", b"", None), Err(TlsError::Chain)));
    }
}
