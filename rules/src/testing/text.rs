//! Reports as people read them in a terminal.

use std::collections::BTreeMap;
use std::fmt;

use super::{Fate, FileCoverage, MutationReport, Report, TestResult};

impl fmt::Display for TestResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(failure) = &self.failure else { return write!(f, "ok    {}  {}", self.file, self.name) };
        writeln!(f, "FAIL  {}  {}", self.file, self.name)?;
        writeln!(f, "  {}:{}:{}: {}", self.file, failure.line, failure.column, failure.message)?;
        writeln!(f, "  | {}", failure.source_line)?;
        let before = failure.source_line.chars().take(failure.column.saturating_sub(1) as usize);
        let indent: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        write!(f, "  | {indent}^")?;
        for value in &failure.values {
            write!(f, "\n  = {value}")?;
        }
        if !failure.tape.is_empty() {
            write!(f, "\n  what happened:")?;
        }
        for line in &failure.tape {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}

impl Report {
    /// One line that says it all, and the name of each test that failed.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut text = format!("{} tests: {} passed, {} failed", self.tests.len(), self.passed, self.failed);
        if !self.untested.is_empty() {
            text.push_str(&format!("; without a test: {}", self.untested.join(", ")));
        }
        for test in self.tests.iter().filter(|test| test.failure.is_some()) {
            text.push_str(&format!("\nfailed: {}::{}", test.file, test.name));
        }
        text
    }
}

impl FileCoverage {
    /// The rule's source with what was evaluated before each line, and the sides of each condition.
    #[must_use]
    pub fn annotated(&self, source: &str) -> String {
        let mut out = format!("{}\n", self.summary());
        let lines: BTreeMap<u32, bool> = self.listing.iter().map(|line| (line.line, line.hit)).collect();
        let last = lines.keys().last().copied().unwrap_or_default();
        // What stands above RULE is the doc.
        let begins = source.lines().take_while(|line| line.starts_with("///") || line.trim().is_empty()).count();
        for (number, text) in (1_u32..).zip(source.lines()).skip(begins) {
            if number > last {
                break;
            }
            let mark = match lines.get(&number) {
                Some(true) => "+",
                Some(false) => "-",
                None => " ",
            };
            out.push_str(&format!("{mark} {number:>4} | {text}\n"));
            for one in self.conditions.iter().filter(|one| one.line == number) {
                let side = |seen: bool, letter: char| if seen { letter } else { '.' };
                let sides = [side(one.was_true, 'T'), side(one.was_false, 'F'), side(one.was_unknown, 'U')];
                let missing = match (one.was_true, one.was_false) {
                    (true, true) => String::new(),
                    (true, false) => "  <- never false".to_owned(),
                    (false, true) => "  <- never true".to_owned(),
                    (false, false) => "  <- neither true nor false".to_owned(),
                };
                let why = one.exempt.as_ref().filter(|_| !missing.is_empty());
                let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
                out.push_str(&format!("       {} {}{missing}{why}\n", sides.iter().collect::<String>(), one.text));
            }
        }
        out
    }

    /// One line: how many lines and sides were evaluated.
    #[must_use]
    pub fn summary(&self) -> String {
        format!(
            "{}: {} of {} lines, {} of {} sides of conditions",
            self.file, self.lines_hit, self.lines, self.branches_hit, self.branches
        )
    }
}

impl fmt::Display for MutationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mutant in self.mutants.iter().filter(|mutant| mutant.fate == Fate::Survived) {
            let (file, line, column) = (&mutant.file, mutant.line, mutant.column);
            writeln!(f, "{file}:{line}:{column}: {} may as well be {}", mutant.from, mutant.to)?;
            writeln!(f, "  | {}", mutant.source_line)?;
        }
        for mutant in self.mutants.iter().filter(|mutant| mutant.fate == Fate::Excused) {
            let (file, line, column) = (&mutant.file, mutant.line, mutant.column);
            let why = mutant.reason.as_deref().unwrap_or_default();
            writeln!(f, "{file}:{line}:{column}: {} may be {}: {why}", mutant.from, mutant.to)?;
        }
        write!(
            f,
            "{} changes of numbers: {} noticed, {} not noticed, {} with a reason",
            self.mutants.len(),
            self.noticed,
            self.survived,
            self.excused
        )
    }
}
