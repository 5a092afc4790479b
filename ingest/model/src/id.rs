//! Identifiers: devices, journal positions, effects.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest device id, in bytes.
pub const MAX_DEVICE_ID_BYTES: usize = 64;

/// The id of a device (the sensor, not the city's asset it is fixed to).
///
/// 1 to 64 bytes of ASCII letters, digits and `. _ : -`; `me` is reserved, since topics use it for
/// "the device that is logged in". No `/`, `+` or `#`, so an id can never change a topic's shape.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceId(Arc<str>);

/// Why a text is no device id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is empty or longer than [`MAX_DEVICE_ID_BYTES`].
    #[error("device id has {0} bytes, it must have 1 to {MAX_DEVICE_ID_BYTES}")]
    Length(usize),
    /// The text has a character that is not allowed.
    #[error("device id `{id}` has `{character}`, allowed are ASCII letters, digits and . _ : -")]
    Character {
        /// The whole text.
        id: String,
        /// The first character that is not allowed.
        character: char,
    },
    /// The text is the reserved word `me`.
    #[error("device id `me` is reserved for topics")]
    Reserved,
}

impl DeviceId {
    /// Checks a text and makes it a device id.
    ///
    /// # Errors
    /// [`IdError`] names what is wrong with the text.
    pub fn new(id: &str) -> Result<DeviceId, IdError> {
        if id.is_empty() || id.len() > MAX_DEVICE_ID_BYTES {
            return Err(IdError::Length(id.len()));
        }
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
        if !id.bytes().all(is_allowed) {
            let mut characters = id.chars();
            let character = characters.find(|c| !u8::try_from(*c).is_ok_and(is_allowed)).unwrap_or_default();
            return Err(IdError::Character { id: id.to_owned(), character });
        }
        if id == "me" {
            return Err(IdError::Reserved);
        }
        Ok(DeviceId(Arc::from(id)))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DeviceId {
    type Error = IdError;
    fn try_from(id: String) -> Result<DeviceId, IdError> {
        DeviceId::new(&id)
    }
}

impl From<DeviceId> for String {
    fn from(id: DeviceId) -> String {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for DeviceId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The position of a record in the journal. The first record has sequence 1; 0 means "before the
/// first record".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The position after this one.
    #[must_use]
    pub const fn next(self) -> Seq {
        Seq(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The id of whatever the engine brings forth: the sequence of the record that caused it (for a
/// timer, of the record that moved time), and its ordinal among the effects of that record.
///
/// Written `SEQUENCE-ORDINAL`. Never random and never auto-increment, so a replay gives the same ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EffectId {
    /// The record that caused the effect.
    pub seq: Seq,
    /// Which of that record's effects this is, from 0.
    pub ordinal: u32,
}

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.seq, self.ordinal)
    }
}

impl std::str::FromStr for EffectId {
    type Err = String;
    fn from_str(text: &str) -> Result<EffectId, String> {
        let parse = || {
            let (seq, ordinal) = text.split_once('-')?;
            Some(EffectId { seq: Seq(seq.parse().ok()?), ordinal: ordinal.parse().ok()? })
        };
        parse().ok_or_else(|| format!("`{text}` is no id of the form SEQUENCE-ORDINAL"))
    }
}

impl TryFrom<String> for EffectId {
    type Error = String;
    fn try_from(text: String) -> Result<EffectId, String> {
        text.parse()
    }
}

impl From<EffectId> for String {
    fn from(id: EffectId) -> String {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_ids_are_checked() {
        assert!(DeviceId::new("cover-00:17.a_B").is_ok());
        assert_eq!(DeviceId::new("").unwrap_err(), IdError::Length(0));
        assert_eq!(DeviceId::new(&"x".repeat(65)).unwrap_err(), IdError::Length(65));
        assert_eq!(DeviceId::new("me").unwrap_err(), IdError::Reserved);
        for bad in ["a/b", "a+b", "#", "井盖", "a b", "a\0"] {
            assert!(matches!(DeviceId::new(bad), Err(IdError::Character { .. })), "{bad}");
        }
    }

    #[test]
    fn effect_ids_read_what_they_write() {
        let id = EffectId { seq: Seq(77), ordinal: 3 };
        assert_eq!(id.to_string().parse::<EffectId>(), Ok(id));
        assert!("77".parse::<EffectId>().is_err());
        assert!("-1-2".parse::<EffectId>().is_err());
    }
}
