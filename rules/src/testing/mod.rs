//! Tests of rules: `fn test_*` in the rule's file and tables beside it, through the live engine.
//!
//! Promises: a test runs the one rule file that it belongs to through [`crate::engine::Engine`] with its
//! reducer and the city's profile, on a clock that only the test moves; the same files give the same
//! report on every machine. Nothing here reads a file or a clock: the caller brings texts.
//!
//! - [`run`] runs the tests, with [`FileCoverage`] if asked.
//! - [`mutate`] changes every number of the rules and tells which change no test notices.
//! - [`pin`] writes a table test from what happened.

mod bench;
pub(crate) mod check;
pub(crate) mod coverage;
mod exempt;
mod mutate;
pub mod pin;
mod script;
mod table;
mod tape;
mod text;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_cases::Profile;
use serde::Serialize;

use crate::diagnostic::Diagnostic;
use crate::pack::{Pack, Placed};
use crate::script::test_functions;

use coverage::Coverage;
pub use coverage::{CoveredCondition, CoveredLine, FileCoverage};
pub use mutate::{Fate, Mutant, MutationReport, mutate};
pub use table::SUFFIX as TABLE_SUFFIX;
pub use words::{TEST_WORDS, TestWord};

/// The most days that one test lasts.
pub(crate) const MAX_DAYS: i64 = 400;
/// The most tests of a pack.
const MAX_TESTS: usize = 5_000;

/// What to run, and before which city.
#[derive(Clone, Debug)]
pub struct Options {
    /// The city's profile, which makes cases of incidents.
    pub profile: Arc<Profile>,
    /// Only tests whose `FILE::NAME` holds this text; empty: all.
    pub filter: String,
    /// Whether to tell what the tests evaluated.
    pub coverage: bool,
}

/// What the tests of a pack gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// How many passed.
    pub passed: usize,
    /// How many failed.
    pub failed: usize,
    /// Rule files without a single test.
    pub untested: Vec<String>,
    /// Every test, by file and in the order of the source.
    pub tests: Vec<TestResult>,
    /// What was evaluated, by file; empty unless asked for.
    pub coverage: Vec<FileCoverage>,
}

impl Report {
    /// Whether no test failed.
    #[must_use]
    pub fn is_green(&self) -> bool {
        self.failed == 0
    }
}

/// One test and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TestResult {
    /// The file that the test stands in.
    pub file: String,
    /// The rule's file.
    pub rule: String,
    /// The test's name.
    pub name: String,
    /// Line, from 1.
    pub line: u32,
    /// Why it failed; nothing if it passed.
    pub failure: Option<TestFailure>,
}

/// Why a test failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TestFailure {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What was expected, or what went wrong.
    pub message: String,
    /// The source line.
    pub source_line: String,
    /// The values on both sides.
    pub values: Vec<String>,
    /// What was fed and what came of it, oldest first.
    pub tape: Vec<String>,
}

/// Runs the tests of a pack: `.rhai` files and the `.test.toml` files beside them, by name.
///
/// # Errors
/// The mistakes of the pack: nothing runs before it compiles.
pub fn run(files: &BTreeMap<String, String>, options: &Options) -> Result<Report, Vec<Diagnostic>> {
    let pack = Pack::compile(files)?;
    let mut report = Report::default();
    for (file, text, placed) in rules(&pack, files) {
        let one = Rule { file, text, id: &placed.rule.id, tables: table::of(files, file) };
        let coverage = options.coverage.then(|| Arc::new(Coverage::of(&placed.rule)));
        if one.is_untested() {
            report.untested.push(file.to_owned());
        }
        one.run(options, coverage.as_ref(), &mut |result| {
            report.tests.push(result);
            report.tests.len() < MAX_TESTS
        });
        if one.is_asked_for(&options.filter) {
            report.coverage.extend(coverage.map(|coverage| coverage.report(&placed.rule)));
        }
    }
    report.tests.extend(table::orphans(files));
    report.failed = report.tests.iter().filter(|test| test.failure.is_some()).count();
    report.passed = report.tests.len() - report.failed;
    Ok(report)
}

/// Every rule file with its text and its compiled rule, by name.
fn rules<'a>(
    pack: &'a Pack,
    files: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = (&'a str, &'a str, &'a Placed)> {
    let placed = move |file: &str| pack.sets.iter().flat_map(|set| &set.rules).find(|one| &*one.rule.file == file);
    files.iter().filter_map(move |(file, text)| Some((file.as_str(), text.as_str(), placed(file)?)))
}

/// A rule file with its tests.
struct Rule<'a> {
    file: &'a str,
    text: &'a str,
    id: &'a str,
    tables: Vec<(&'a str, &'a str)>,
}

impl Rule<'_> {
    fn is_untested(&self) -> bool {
        self.tables.is_empty() && !test_functions(self.text).iter().any(|function| function.arguments == 0)
    }

    /// Whether the filter asks for one of its tests.
    fn is_asked_for(&self, filter: &str) -> bool {
        let named = test_functions(self.text).into_iter().map(|function| format!("{}::{}", self.file, function.name));
        let beside = self.tables.iter().map(|(file, _)| (*file).to_owned());
        filter.is_empty() || named.chain(beside).chain([self.file.to_owned()]).any(|name| name.contains(filter))
    }

    /// Runs its tests in the order of the source until `take` has enough.
    fn run(&self, options: &Options, coverage: Option<&Arc<Coverage>>, take: &mut dyn FnMut(TestResult) -> bool) {
        let pack = BTreeMap::from([(self.file.to_owned(), self.text.to_owned())]);
        let wanted = |file: &str, name: &str| format!("{file}::{name}").contains(&options.filter);
        let tests = test_functions(self.text);
        let tests = tests.iter().filter(|one| one.arguments == 0 && wanted(self.file, &one.name));
        let mut tests = tests.peekable();
        if tests.peek().is_some() {
            let compiled =
                script::Tests::compile(&options.profile, self.id, self.text, pack.clone(), coverage.cloned());
            for test in tests {
                let (tape, complaint) = match &compiled {
                    Ok(compiled) => compiled.run(&test.name),
                    Err(complaint) => (Vec::new(), Some(complaint.clone())),
                };
                let failure = complaint.map(|complaint| complaint.in_text(self.text, tape));
                if !take(self.result(self.file, &test.name, test.pos.line, failure)) {
                    return;
                }
            }
        }
        for (file, text) in &self.tables {
            for (name, line, failure) in
                table::run(&options.profile, self.id, text, &pack, coverage, &|name| wanted(file, name))
            {
                if !take(self.result(file, &name, line, failure)) {
                    return;
                }
            }
        }
    }

    fn result(&self, file: &str, name: &str, line: u32, failure: Option<TestFailure>) -> TestResult {
        TestResult { file: file.to_owned(), rule: self.file.to_owned(), name: name.to_owned(), line, failure }
    }
}

impl script::Complaint {
    fn in_text(self, text: &str, tape: Vec<String>) -> TestFailure {
        let line = self.pos.line.max(1);
        TestFailure {
            line,
            column: self.pos.column.max(1),
            message: self.message,
            source_line: text.lines().nth(line as usize - 1).unwrap_or_default().trim_end().to_owned(),
            values: self.values,
            tape,
        }
    }
}
