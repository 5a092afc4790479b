//! What is wrong with a rule pack: place, cause and hint, in a form for people and for programs.

use std::fmt;

use serde::Serialize;

use crate::script::Pos;

/// Whether a pack with it can go live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The pack is refused as a whole.
    Error,
    /// The pack can go live; somebody should look.
    Warning,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Diagnostic {
    /// The file, as named in the pack.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Where what is meant ends in its line: the column after its last character.
    pub end_column: u32,
    /// Error or warning.
    pub level: Level,
    /// What is wrong.
    pub message: String,
    /// The source line.
    pub source_line: String,
    /// What to do; empty if there is nothing to say beyond the message.
    pub hint: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        writeln!(f, "{}:{}:{}: {level}: {}", self.file, self.line, self.column, self.message)?;
        writeln!(f, "  | {}", self.source_line)?;
        let before = self.source_line.chars().take(self.column.saturating_sub(1) as usize);
        let indent: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        write!(f, "  | {indent}^")?;
        if !self.hint.is_empty() {
            write!(f, "\n  = {}", self.hint)?;
        }
        Ok(())
    }
}

/// A mistake before it is known in which file it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    pub(crate) pos: Pos,
    pub(crate) level: Level,
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl Problem {
    pub(crate) fn error(pos: Pos, message: impl Into<String>) -> Problem {
        Problem { pos, level: Level::Error, message: message.into(), hint: String::new() }
    }

    pub(crate) fn warning(pos: Pos, message: impl Into<String>) -> Problem {
        Problem { pos, level: Level::Warning, message: message.into(), hint: String::new() }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = hint.into();
        self
    }

    pub(crate) fn in_file(self, file: &str, text: &str) -> Diagnostic {
        let line = self.pos.line.max(1);
        let source_line = text.lines().nth(line as usize - 1).unwrap_or_default().trim_end().to_owned();
        let column = self.pos.column.max(1);
        Diagnostic {
            file: file.to_owned(),
            line,
            column,
            end_column: end_of_word(&source_line, column),
            level: self.level,
            message: self.message,
            source_line,
            hint: self.hint,
        }
    }
}

/// The column after the word, number, text or chain of names that begins at a column.
fn end_of_word(line: &str, column: u32) -> u32 {
    let mut rest = line.chars().skip(column.saturating_sub(1) as usize);
    let length = match rest.next() {
        Some('"') => 2 + rest.take_while(|c| *c != '"').count(),
        Some(c) if c.is_alphanumeric() || c == '_' => {
            1 + rest.take_while(|c| c.is_alphanumeric() || *c == '_' || *c == '.').count()
        }
        _ => 1,
    };
    column.saturating_add(u32::try_from(length).unwrap_or(1))
}

/// The name nearest to `wanted`, if one is near enough to be what was meant.
pub(crate) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (wanted.chars().count() / 3).max(2);
    names.into_iter().map(|name| (distance(wanted, name), name)).filter(|(d, _)| *d <= limit).min().map(|(_, n)| n)
}

/// `did you mean ..`, or the whole list where no name is near.
pub(crate) fn did_you_mean<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(name) = nearest(wanted, names.clone()) {
        return format!("did you mean `{name}`?");
    }
    let names: Vec<_> = names.into_iter().collect();
    if names.is_empty() { "there is none".to_owned() } else { format!("there are: {}", names.join(", ")) }
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        for (j, cb) in b.iter().enumerate() {
            let change = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_after_the_word_that_is_meant() {
        let line = "    incident(msg.tilt_degg > 30.0, \"k\");";
        for (column, end) in [(5, 13), (14, 27), (30, 34), (36, 39), (28, 29), (90, 91)] {
            assert_eq!(end_of_word(line, column), end, "{column}");
        }
    }

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        assert_eq!(nearest("tilt_degg", ["tilt_deg", "water"]), Some("tilt_deg"));
        assert_eq!(nearest("titl_deg", ["tilt_deg", "water"]), Some("tilt_deg"));
        assert_eq!(nearest("colour", ["tilt_deg", "water"]), None);
    }
}
