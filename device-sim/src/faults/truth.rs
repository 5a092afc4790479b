//! The ground truth: one JSON line for each fault when it begins.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};

/// What was injected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// The fault's name.
    pub fault: String,
    /// The device, feeder, carrier cell or catchment that it was put on.
    pub device: String,
    /// The devices that it hits.
    pub members: Vec<String>,
    /// When it began, epoch milliseconds.
    pub from: i64,
    /// When it will be over, epoch milliseconds.
    pub to: i64,
    /// The conditions of which a rule pack should give one; empty: it must give none because of this.
    pub expect: Vec<String>,
    /// Conditions that are true as well: they count neither for nor against the pack.
    #[serde(default)]
    pub also: Vec<String>,
}

/// Writes ground truth as JSON lines, each at once, so that a killed run leaves what it did.
#[derive(Debug)]
pub struct TruthWriter<W: Write> {
    out: W,
}

impl<W: Write> TruthWriter<W> {
    /// A writer onto `out`.
    pub fn new(out: W) -> TruthWriter<W> {
        TruthWriter { out }
    }

    /// Appends one line.
    ///
    /// # Errors
    /// What the file's system says.
    pub fn write(&mut self, truth: &Truth) -> io::Result<()> {
        let mut line = serde_json::to_string(truth).map_err(io::Error::other)?;
        line.push('\n');
        self.out.write_all(line.as_bytes())?;
        self.out.flush()
    }
}

/// Reads ground truth; empty lines are skipped.
///
/// # Errors
/// A text that names the line.
pub fn read_truth(input: impl BufRead) -> Result<Vec<Truth>, String> {
    let mut truths = Vec::new();
    for (index, line) in input.lines().enumerate() {
        let line = line.map_err(|error| format!("ground truth, line {}: {error}", index + 1))?;
        if !line.trim().is_empty() {
            let truth =
                serde_json::from_str(&line).map_err(|error| format!("ground truth, line {}: {error}", index + 1))?;
            truths.push(truth);
        }
    }
    Ok(truths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_reads_back() {
        let truth = Truth {
            fault: "cover-open".to_owned(),
            device: "cover-1".to_owned(),
            members: vec!["cover-1".to_owned()],
            from: 1,
            to: 2,
            expect: vec!["cover_open".to_owned()],
            also: Vec::new(),
        };
        let mut out = Vec::new();
        let mut writer = TruthWriter::new(&mut out);
        writer.write(&truth).unwrap();
        writer.write(&truth).unwrap();
        assert_eq!(read_truth(out.as_slice()).unwrap(), vec![truth.clone(), truth]);
        assert!(read_truth(&b"{}\n"[..]).unwrap_err().starts_with("ground truth, line 1"));
    }
}
