//! What can be wrong with a profile.

use std::fmt;

/// One thing that is wrong with a profile: where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ProfileError {
    /// Line of the text, from 1.
    pub line: u32,
    /// The field, such as `calendar.holidays`.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What to do; empty if the message says it.
    pub hint: String,
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: `{}`: {}", self.line, self.field, self.message)?;
        if !self.hint.is_empty() {
            write!(f, " ({})", self.hint)?;
        }
        Ok(())
    }
}

/// The line, from 1, of a byte of the text.
pub(super) fn line_of(text: &str, byte: usize) -> u32 {
    let before = text.as_bytes().get(..byte).unwrap_or(text.as_bytes());
    let newlines = before.iter().filter(|b| **b == b'\n').count();
    u32::try_from(newlines).map_or(u32::MAX, |lines| lines.saturating_add(1))
}

/// Collects what is wrong while a profile is checked.
pub(super) struct Problems<'a> {
    text: &'a str,
    found: Vec<ProfileError>,
}

impl<'a> Problems<'a> {
    pub(super) fn new(text: &'a str) -> Problems<'a> {
        Problems { text, found: Vec::new() }
    }

    /// Notes that the field at that byte of the text is wrong.
    pub(super) fn add(&mut self, byte: usize, field: &str, message: impl Into<String>, hint: &str) {
        let line = line_of(self.text, byte);
        self.found.push(ProfileError { line, field: field.to_owned(), message: message.into(), hint: hint.to_owned() });
    }

    /// The value if nothing was wrong, else everything that was, in the order of the lines.
    pub(super) fn finish<T>(mut self, value: T) -> Result<T, Vec<ProfileError>> {
        if self.found.is_empty() {
            return Ok(value);
        }
        self.found.sort_by_key(|problem| problem.line);
        Err(self.found)
    }
}
