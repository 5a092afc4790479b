//! What DingTalk and Feishu sign with: the Base64 of an HMAC-SHA-256.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The Base64 of the HMAC-SHA-256 of a message under a key.
pub(super) fn hmac_base64(key: &str, message: &str) -> String {
    // A key of any length is taken by HMAC; the error type is shared with other constructions.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return String::new() };
    mac.update(message.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::http::percent_encode;

    /// DingTalk publishes a value for its log-in signature, which is this one over the timestamp alone: timestamp
    /// 1546084445901, secret `testappSecret` (ding-doc.dingtalk.com, question hxs5v9; the same value stands in the
    /// tests of francistm/dingtalk-sdk, spec/dingtalk_sdk_spec.rb). For the group robot it publishes code and no value.
    #[test]
    fn the_value_that_dingtalk_publishes_comes_out() {
        let sign = percent_encode(&hmac_base64("testappSecret", "1546084445901"));
        assert_eq!(sign, "HCbG3xNE3vzhO%2Bu7qCUL1jS5hsu2n5r2cFhnTrtyDAE%3D");
    }

    /// RFC 4231, test case 2.
    #[test]
    fn the_value_of_the_rfc_comes_out() {
        let of = |hex: &str| {
            let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
            STANDARD.encode(bytes.collect::<Vec<u8>>())
        };
        let short = hmac_base64("Jefe", "what do ya want for nothing?");
        assert_eq!(short, of("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
    }
}
