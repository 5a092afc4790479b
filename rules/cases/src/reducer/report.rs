//! Cases that people report: citizens, inspectors, superiors, other departments.
//!
//! A report of something that has an open case already (the same class and asset, found by a rule or reported
//! before) goes into that case's history, so that there is one piece of work.

use gengfu_model::staff::Accepted;
use gengfu_model::{CaseReport, EffectId, EffectSink, Refusal, Verdict};

use super::opening::{self, Opening};
use super::request::{MAX_NAME_BYTES, MAX_NOTE_BYTES};
use super::state::{CaseExtra, CaseKey, OpenCase};
use super::{At, Reducer, case, dispatch};
use crate::profile::{Class, Source, Standard};

pub(super) fn report(reducer: &mut Reducer, at: At, user: &str, report: &CaseReport, out: &mut EffectSink) -> Verdict {
    check_texts(report)?;
    let found = checked(reducer, report)?;
    let scope = if report.asset.is_empty() { None } else { Some(format!("asset:{}", report.asset)) };
    let key = scope.map(|scope| CaseKey { class: report.class.clone(), scope: scope.into() });
    let known = key.as_ref().and_then(|key| reducer.case_of.get(key)).copied();
    let id = match known {
        Some(id) => {
            again(reducer, at, user, report, id, out);
            id
        }
        None => open(reducer, at, user, report, found, key, out),
    };
    Ok(Accepted { id: Some(id), ..Accepted::default() })
}

/// What the profile says of a report.
struct Found {
    source: Source,
    class: Class,
    standard: Option<Standard>,
}

fn checked(reducer: &Reducer, report: &CaseReport) -> Result<Found, Refusal> {
    let profile = &reducer.profile;
    let invalid = |field: &str, message: String| Refusal::new("invalid", message).field(field);
    let source = profile.source(&report.source).cloned().ok_or_else(|| {
        let names: Vec<&str> = profile.sources.iter().map(|source| &*source.name).collect();
        invalid("source", format!("`{}` is no source of reports", report.source)).hint(names.join(", "))
    })?;
    let class = profile.classes.get(&report.class).cloned().ok_or_else(|| {
        invalid("class", format!("the city table has no class `{}`", report.class))
            .hint("name its id, such as 01-02 for a part or E05-06 for an event")
    })?;
    let standard = match &report.standard {
        None => None,
        Some(id) => {
            let row = profile.standards.get(id).filter(|row| row.class == report.class).cloned();
            let rows: Vec<&str> =
                profile.standards.values().filter(|row| row.class == report.class).map(|row| &*row.id).collect();
            let refusal =
                || invalid("standard", format!("class `{}` has no row `{id}`", report.class)).hint(rows.join(", "));
            Some(row.ok_or_else(refusal)?)
        }
    };
    Ok(Found { source, class, standard })
}

fn check_texts(report: &CaseReport) -> Result<(), Refusal> {
    if report.text.trim().is_empty() || report.text.len() > MAX_NOTE_BYTES {
        let message = format!("`text` must have 1 to {MAX_NOTE_BYTES} bytes");
        return Err(Refusal::new("invalid", message).field("text").hint("say what is wrong"));
    }
    let names = [
        ("reporter", &report.reporter),
        ("asset", &report.asset),
        ("asset_name", &report.asset_name),
        ("district", &report.district),
        ("grid", &report.grid),
        ("department", &report.department),
    ];
    if let Some((field, _)) = names.iter().find(|(_, name)| name.len() > MAX_NAME_BYTES) {
        return Err(Refusal::new("invalid", format!("`{field}` has more than {MAX_NAME_BYTES} bytes")).field(*field));
    }
    let on_earth = |value: Option<f64>, limit: f64| value.is_none_or(|value| value.is_finite() && value.abs() <= limit);
    if !on_earth(report.latitude, 90.0) || !on_earth(report.longitude, 180.0) {
        return Err(Refusal::new("invalid", "the position is not on earth").field("latitude"));
    }
    Ok(())
}

/// There is such a case: the report goes into its history.
fn again(reducer: &mut Reducer, at: At, user: &str, report: &CaseReport, id: EffectId, out: &mut EffectSink) {
    let Some(mut open) = reducer.cases.get(&id).cloned() else { return };
    open.case.progress.reported_again += 1;
    open.case.updated = at.now;
    let state = Some(open.case.state);
    let mut event = case::happening(&open.case, at, "reported_again", state, said(report));
    event.actor = user.into();
    case::publish(reducer, at, open, vec![event], Some("case.updated"), out);
}

fn open(
    reducer: &mut Reducer,
    at: At,
    user: &str,
    report: &CaseReport,
    found: Found,
    key: Option<CaseKey>,
    out: &mut EffectSink,
) -> EffectId {
    let id = out.reserve();
    // A place without a code is a case of its own; its key is its id, so that nothing joins it by chance.
    let key = key.unwrap_or_else(|| CaseKey { class: report.class.clone(), scope: format!("case:{id}").into() });
    let Found { source, class, standard } = found;
    let opening = Opening {
        id,
        source: source.name,
        reporter: report.reporter.clone(),
        state: source.start,
        severity: report.severity,
        asset: report.asset.clone(),
        asset_name: report.asset_name.clone(),
        class: Some(class),
        standard: standard.map(|row| row.id),
        condition: "reported".into(),
        text_zh: report.text.clone(),
        text_en: report.text.clone(),
        district: report.district.clone(),
        grid: report.grid.clone(),
        owner: report.department.clone(),
        position: (report.latitude, report.longitude),
        incident: None,
    };
    let case = opening::case(reducer, at, opening, out);
    let extra = CaseExtra { keys: vec![key], ..CaseExtra::default() };
    let mut event = case::happening(&case, at, "opened", None, said(report));
    event.actor = user.into();
    case::publish(reducer, at, OpenCase { case, extra }, vec![event], Some("case.opened"), out);
    dispatch::auto(reducer, at, id, out);
    id
}

/// The report as a line of a history.
fn said(report: &CaseReport) -> String {
    if report.reporter.is_empty() {
        format!("{}: {}", report.source, report.text)
    } else {
        format!("{} ({}): {}", report.source, report.reporter, report.text)
    }
}
