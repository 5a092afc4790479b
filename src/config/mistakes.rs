//! What is wrong with a configuration, and where.

use std::fmt;

use super::Config;

/// One mistake of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// File and line, or the environment variable.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What to do; may be empty.
    pub hint: String,
}

/// Every mistake of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError(pub Vec<Mistake>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, mistake) in self.0.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{}: {}", mistake.place, mistake.message)?;
            if !mistake.hint.is_empty() {
                write!(f, "\n  hint: {}", mistake.hint)?;
            }
        }
        Ok(())
    }
}

/// The configuration, if nothing is wrong with it.
pub(super) fn good((config, mistakes): (Config, Vec<Mistake>)) -> Result<Config, ConfigError> {
    if mistakes.is_empty() { Ok(config) } else { Err(ConfigError(mistakes)) }
}

/// The line of a key within its section, from 1; of the section if the key is not there.
pub(super) fn line_of(text: &str, section: &str, key: &str) -> usize {
    let mut in_section = false;
    let mut section_line = 1;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            in_section = line.trim_matches(['[', ']']) == section;
            if in_section {
                section_line = number + 1;
            }
        } else if in_section && line.split('=').next().is_some_and(|name| name.trim() == key) {
            return number + 1;
        }
    }
    section_line
}
