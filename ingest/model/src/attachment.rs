//! An attachment of a case (附件): a photo, a voice note, a document, kept as a file and known by its hash.
//!
//! The journal and the ledger hold what is said here and never the bytes, so that a replay needs no file and a
//! case's history stays small. The file is named by its hash: what is read back is what was handed in, or damaged.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Attachments that one case may have at most.
pub const MAX_ATTACHMENTS: usize = 50;
/// The longest file name that is kept, in bytes.
pub const MAX_ATTACHMENT_NAME_BYTES: usize = 200;
/// Hexadecimal digits of a SHA-256.
const HASH_DIGITS: usize = 64;

/// What a file is, by its first bytes. What could carry a script (HTML, SVG) is none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttachmentType {
    /// A photo.
    Jpeg,
    /// A picture.
    Png,
    /// A picture.
    Webp,
    /// A photo of a telephone that saves room.
    Heic,
    /// A document.
    Pdf,
    /// A film.
    Mp4,
    /// A voice note in AAC.
    M4a,
    /// A voice note of a simple telephone.
    Amr,
}

/// At which step of its life a case got it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttachmentPurpose {
    /// What was found: before the handling (处置前).
    Report,
    /// What was done (处置后).
    Handling,
    /// What the check saw (核查).
    Check,
}

/// A file that belongs to a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// SHA-256 of the bytes in 64 lower-case hexadecimal digits: its name among the case's attachments and on disk.
    pub sha256: Arc<str>,
    /// What it is.
    pub media: AttachmentType,
    /// How many bytes it has.
    pub bytes: u64,
    /// What it is for.
    pub purpose: AttachmentPurpose,
    /// What its sender calls the file; may be empty.
    #[serde(default)]
    pub name: Arc<str>,
}

impl AttachmentType {
    /// What the bytes are by their beginning; `None`: nothing that is taken.
    #[must_use]
    pub fn sniff(bytes: &[u8]) -> Option<AttachmentType> {
        if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
            Some(AttachmentType::Jpeg)
        } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(AttachmentType::Png)
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            Some(AttachmentType::Webp)
        } else if bytes.starts_with(b"%PDF-") {
            Some(AttachmentType::Pdf)
        } else if bytes.starts_with(b"#!AMR") {
            Some(AttachmentType::Amr)
        } else if bytes.get(4..8) == Some(b"ftyp") {
            by_brand(bytes.get(8..12)?)
        } else {
            None
        }
    }

    /// The media type by which browsers know it.
    #[must_use]
    pub fn mime(self) -> &'static str {
        match self {
            AttachmentType::Jpeg => "image/jpeg",
            AttachmentType::Png => "image/png",
            AttachmentType::Webp => "image/webp",
            AttachmentType::Heic => "image/heic",
            AttachmentType::Pdf => "application/pdf",
            AttachmentType::Mp4 => "video/mp4",
            AttachmentType::M4a => "audio/mp4",
            AttachmentType::Amr => "audio/amr",
        }
    }

    /// What its files end in.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            AttachmentType::Jpeg => "jpg",
            AttachmentType::Png => "png",
            AttachmentType::Webp => "webp",
            AttachmentType::Heic => "heic",
            AttachmentType::Pdf => "pdf",
            AttachmentType::Mp4 => "mp4",
            AttachmentType::M4a => "m4a",
            AttachmentType::Amr => "amr",
        }
    }
}

/// The major brand of an ISO base media file (ISO/IEC 14496-12, section 4.3).
fn by_brand(brand: &[u8]) -> Option<AttachmentType> {
    match brand {
        b"heic" | b"heix" | b"hevc" | b"mif1" | b"msf1" => Some(AttachmentType::Heic),
        b"M4A " | b"M4B " => Some(AttachmentType::M4a),
        b"isom" | b"iso2" | b"iso4" | b"iso5" | b"iso6" | b"mp41" | b"mp42" | b"avc1" | b"M4V " | b"3gp4" | b"3gp5"
        | b"qt  " => Some(AttachmentType::Mp4),
        _ => None,
    }
}

impl AttachmentPurpose {
    /// The purpose of that word, as in [`AttachmentPurpose::word`].
    #[must_use]
    pub fn from_word(word: &str) -> Option<AttachmentPurpose> {
        use AttachmentPurpose::{Check, Handling, Report};
        [Report, Handling, Check].into_iter().find(|purpose| purpose.word() == word)
    }

    /// Its word in the API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            AttachmentPurpose::Report => "report",
            AttachmentPurpose::Handling => "handling",
            AttachmentPurpose::Check => "check",
        }
    }
}

/// Whether a text is a SHA-256 as attachments write it: nothing else is ever made a file's name.
#[must_use]
pub fn is_attachment_hash(text: &str) -> bool {
    text.len() == HASH_DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_first_bytes_say() {
        let iso = |brand: &[u8; 4]| [b"\0\0\0\x18ftyp".as_slice(), brand, b"\0\0\0\0"].concat();
        let known: [(Vec<u8>, AttachmentType); 8] = [
            (vec![0xff, 0xd8, 0xff, 0xe1, 0], AttachmentType::Jpeg),
            (b"\x89PNG\r\n\x1a\n\0".to_vec(), AttachmentType::Png),
            (b"RIFF\x10\0\0\0WEBPVP8 ".to_vec(), AttachmentType::Webp),
            (iso(b"heic"), AttachmentType::Heic),
            (b"%PDF-1.7\n".to_vec(), AttachmentType::Pdf),
            (iso(b"isom"), AttachmentType::Mp4),
            (iso(b"M4A "), AttachmentType::M4a),
            (b"#!AMR\n".to_vec(), AttachmentType::Amr),
        ];
        for (bytes, media) in known {
            assert_eq!(AttachmentType::sniff(&bytes), Some(media), "{media:?}");
        }
        let strangers: [&[u8]; 8] = [
            b"",
            b"<svg onload=alert(1)>",
            b"<!doctype html>",
            b"GIF89a",
            b"MZ\x90",
            b"PK\x03\x04",
            b"RIFF....WAVE",
            b"\0\0\0\x18ftyp",
        ];
        for bytes in strangers {
            assert_eq!(AttachmentType::sniff(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn only_a_hash_is_a_hash() {
        assert!(is_attachment_hash(&"0af3".repeat(16)));
        for text in ["", "../../etc/passwd", &"0AF3".repeat(16), &"0af3".repeat(15), &"0af/".repeat(16)] {
            assert!(!is_attachment_hash(text), "{text}");
        }
    }
}
