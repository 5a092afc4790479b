//! Talking to people on stderr and to programs on stdout, and ending with the right code.

use std::fmt;
use std::io::{self, Write};

/// Why a command did not do what was asked.
#[derive(Debug)]
pub enum Failure {
    /// It was asked for something that makes no sense: exit code 2.
    Usage(String),
    /// It was tried and did not work: exit code 1.
    Failed(String),
}

impl Failure {
    /// The process's exit code.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Failure::Usage(_) => 2,
            Failure::Failed(_) => 1,
        }
    }

    pub(super) fn failed(error: impl fmt::Display) -> Failure {
        Failure::Failed(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(text) | Failure::Failed(text) => f.write_str(text),
        }
    }
}

/// One line for people. A closed stderr is no reason to stop.
pub(super) fn tell(line: &str) {
    drop(writeln!(io::stderr().lock(), "{line}"));
}

/// One line for programs.
pub(super) fn answer(line: &str) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{line}").map_err(|error| Failure::Failed(format!("stdout: {error}")))
}

/// A value as one line of JSON for programs.
pub(super) fn answer_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    answer(&serde_json::to_string(value).map_err(Failure::failed)?)
}
