//! What stands against the publication of a pack: the one place that API and command line both ask.
//!
//! A pack that does not compile is never published; what is found here can be overridden with `force`, and is then
//! kept with the version.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_cases::Profile;
use gengfu_connectors::LedgerReader;
use gengfu_dashboards::gateway::Vetted;
use gengfu_model::pack::TrialNote;
use gengfu_rules::Pack;
use gengfu_rules::testing::{self, Options};

use super::TrialError;
use super::report::Report;
use super::store::Store;

/// How many failed tests are named.
const MAX_NAMED: usize = 5;

/// Looks a pack over that is to be published, after a trial or not: its tests run on the city's own profile.
/// `with_tests` are the files with the tables of tests beside them; the tables are no part of the pack.
///
/// # Errors
/// [`TrialError`] when the report is not there or cannot be read, or the pack does not compile.
pub fn vet(
    store: &Store,
    files: &BTreeMap<String, String>,
    with_tests: &BTreeMap<String, String>,
    profile: Arc<Profile>,
    after: Option<&str>,
) -> Result<Vetted, TrialError> {
    let pack = Pack::compile(files).map_err(gengfu_rules::trial::DraftError::Broken)?;
    let mut vetted = Vetted::default();
    let options = Options { profile, filter: String::new(), coverage: false };
    let tests = testing::run(with_tests, &options).map_err(gengfu_rules::trial::DraftError::Broken)?;
    vetted.tests = format!("{} passed, {} failed", tests.passed, tests.failed);
    vetted.against.extend(red(&tests));
    if let Some(id) = after {
        let report = store.read(id)?.ok_or_else(|| TrialError::NoReport(id.to_owned()))?;
        against_report(&pack, &report, &mut vetted.against);
        vetted.trial = Some(TrialNote { id: report.id.clone(), summary: report.summary() });
    }
    Ok(vetted)
}

/// The profile at work, by which the tests of a draft make cases; the example city's before one was set.
pub fn profile_at_work(ledger: Option<&LedgerReader>) -> Arc<Profile> {
    let text = ledger.and_then(|ledger| ledger.profile().ok().flatten());
    let own = text.and_then(|text| Profile::parse(&text).ok());
    let shipped = || Profile::parse(gengfu_cases::profile::YUNCHENG).expect("the shipped profile is good");
    Arc::new(own.unwrap_or_else(shipped))
}

/// What is said of tests that fail.
fn red(tests: &testing::Report) -> Option<String> {
    let failed: Vec<String> = tests
        .tests
        .iter()
        .filter(|test| test.failure.is_some())
        .map(|test| format!("{}::{}", test.file, test.name))
        .collect();
    let named = failed.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = if failed.len() > MAX_NAMED { ", ..." } else { "" };
    (!tests.is_green()).then(|| format!("{} tests fail: {named}{more}", tests.failed))
}

fn against_report(pack: &Pack, report: &Report, against: &mut Vec<String>) {
    if report.draft != **pack.version() {
        against.push(format!(
            "report {} is about pack {}, and this is pack {}: run the backtest again",
            report.id,
            report.draft,
            pack.version()
        ));
    }
}
