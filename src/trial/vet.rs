//! What stands against the publication of a pack: the one place that API and command line both ask.
//!
//! A pack that does not compile is never published; what is found here can be overridden with `force`, and is then
//! kept with the version.

use std::collections::BTreeMap;

use gengfu_dashboards::gateway::Vetted;
use gengfu_model::pack::TrialNote;
use gengfu_rules::Pack;

use super::TrialError;
use super::report::Report;
use super::store::Store;

/// Looks a pack over that is to be published after a trial.
///
/// # Errors
/// [`TrialError`] when the report is not there or cannot be read, or the pack does not compile.
pub fn vet(store: &Store, files: &BTreeMap<String, String>, after: Option<&str>) -> Result<Vetted, TrialError> {
    let pack = Pack::compile(files).map_err(gengfu_rules::trial::DraftError::Broken)?;
    let mut vetted = Vetted::default();
    if let Some(id) = after {
        let report = store.read(id)?.ok_or_else(|| TrialError::NoReport(id.to_owned()))?;
        against_report(&pack, &report, &mut vetted.against);
        vetted.trial = Some(TrialNote { id: report.id.clone(), summary: report.summary() });
    }
    Ok(vetted)
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
