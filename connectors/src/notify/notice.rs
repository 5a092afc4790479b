//! A notification as a channel reads it from the outbox.

use gengfu_model::Timestamp;
use gengfu_model::duty::Language;
use serde::Deserialize;

/// What a person is told. Fields that a channel does not use are left out.
#[derive(Clone, Debug, Deserialize)]
pub struct Notice {
    /// Which happening.
    pub kind: String,
    /// When it came to be.
    pub time: Timestamp,
    /// The case's number; empty without a case.
    #[serde(default)]
    pub number: String,
    /// How bad it is; empty without a case.
    #[serde(default)]
    pub severity: String,
    /// The person.
    pub user: String,
    /// In which language.
    #[serde(default)]
    pub language: Language,
    /// Where in the channel.
    #[serde(default)]
    pub address: String,
    /// The text in Chinese.
    pub text_zh: String,
    /// The text in English.
    pub text_en: String,
}

impl Notice {
    /// The notification in the body of an outbox row.
    pub(super) fn read(body: &str) -> Result<Notice, String> {
        serde_json::from_str(body).map_err(|error| format!("this is no notification: {error}"))
    }

    /// The text in the person's language, cut to `most` bytes at the end of a character.
    pub(super) fn text(&self, most: usize) -> String {
        let text = match self.language {
            Language::Zh => &self.text_zh,
            Language::En => &self.text_en,
        };
        cut(text, most)
    }
}

/// A text of at most `most` bytes; what was cut off is shown by three dots.
pub(super) fn cut(text: &str, most: usize) -> String {
    const DOTS: &str = "...";
    if text.len() <= most {
        return text.to_owned();
    }
    let room = most.saturating_sub(DOTS.len());
    let end = (0..=room).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}{DOTS}", &text[..end])
}

/// Whether an address is a telephone number rather than an account of the vendor.
pub(super) fn is_phone(address: &str) -> bool {
    let digits = address.strip_prefix('+').unwrap_or(address);
    (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}
