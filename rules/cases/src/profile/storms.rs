//! The tables of storms, of what explains what, and of what sensors verify, checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::time::MINUTE_MS;
use toml::Spanned;

use super::check::{duration, severity, word};
use super::error::Problems;
use super::file::{GroupFile, InhibitionFile, VerificationFile};
use super::{DEVICE_SILENT, GroupBy, GroupRule, Inhibition, USUAL_GRACE_MS, Verification, tables};

/// The most assets that a group can ask for.
const MAX_GROUP_DISTINCT: u32 = 1_000;
/// The most readings that a verification can ask for.
const MAX_READINGS: u32 = 100;
/// The longest that calls wait for a storm to form, in milliseconds.
const MAX_WAIT_MS: i64 = 5 * MINUTE_MS;
/// How long what is left of a storm stands under it, where the profile does not say: three reports of a cover in a
/// storm, one of a lamp at night.
const USUAL_OUTLAST_MS: i64 = 15 * MINUTE_MS;
/// The widest circle of a storm, in metres.
const MAX_RADIUS_M: u32 = 20_000;

pub(super) fn groups(
    list: &[GroupFile],
    incident_only: &[Spanned<String>],
    problems: &mut Problems<'_>,
) -> BTreeMap<Arc<str>, GroupRule> {
    let mut groups: BTreeMap<Arc<str>, GroupRule> = BTreeMap::new();
    for entry in list {
        let condition = word(&entry.condition, "group.condition", problems);
        let distinct = *entry.distinct.get_ref();
        if !(2..=MAX_GROUP_DISTINCT).contains(&distinct) {
            let message = format!("{distinct} is not between 2 and {MAX_GROUP_DISTINCT}");
            problems.add(entry.distinct.span().start, "group.distinct", message, "3 is usual");
        }
        let no_case = |name: &str| name == DEVICE_SILENT || incident_only.iter().any(|only| only.get_ref() == name);
        if no_case(entry.parent_condition.get_ref()) && !no_case(&condition) {
            let message = format!("a storm of `{condition}` would have no case");
            let hint = "take the parent's condition out of incident.incident_only";
            problems.add(entry.parent_condition.span().start, "group.parent_condition", message, hint);
        }
        let rule = GroupRule {
            by: by(&entry.by, "group.by", true, problems),
            distinct,
            share: share(entry, problems),
            within_ms: duration(&entry.within, "group.within", problems),
            parent_condition: word(&entry.parent_condition, "group.parent_condition", problems),
            severity: severity(&entry.severity, "group.severity", problems),
            wait_ms: wait(entry.wait.as_ref(), problems),
        };
        if groups.insert(condition.clone(), rule).is_some() {
            let message = format!("`{condition}` is grouped twice");
            problems.add(entry.condition.span().start, "group.condition", message, "keep one of the two");
        }
    }
    groups
}

/// How long what is left of a storm stands under it.
pub(super) fn outlast(outlast: Option<&Spanned<String>>, problems: &mut Problems<'_>) -> i64 {
    match outlast {
        None => USUAL_OUTLAST_MS,
        Some(none) if none.get_ref() == "0s" => 0,
        Some(outlast) => duration(outlast, "incident.outlast", problems),
    }
}

/// How long calls wait for a storm; that somebody is not called for long would be no grouping any more.
fn wait(wait: Option<&Spanned<String>>, problems: &mut Problems<'_>) -> i64 {
    let Some(wait) = wait else { return 0 };
    let wait_ms = duration(wait, "group.wait", problems);
    if wait_ms > MAX_WAIT_MS {
        let message = format!("`{}` is longer than calls may wait", wait.get_ref());
        problems.add(wait.span().start, "group.wait", message, "20s is usual, 5m the most");
    }
    wait_ms
}

fn share(entry: &GroupFile, problems: &mut Problems<'_>) -> Option<f64> {
    let share = entry.share.as_ref()?;
    let place = share.span().start;
    if !(*share.get_ref() > 0.0 && *share.get_ref() <= 1.0) {
        problems.add(place, "group.share", format!("{} is no share", share.get_ref()), "above 0, at most 1");
    }
    let counted =
        |name: &&str| matches!(*name, "feeder" | "cabinet" | "catchment" | "carrier_cell" | "grid" | "district");
    if !names(&entry.by).unwrap_or_default().iter().all(counted) {
        let message = "a share needs groups that the register counts";
        problems.add(place, "group.share", message, "feeder, cabinet, catchment, carrier_cell, grid or district");
    }
    Some(*share.get_ref())
}

/// What explains what, by the condition that is explained.
pub(super) fn inhibitions(list: &[InhibitionFile], problems: &mut Problems<'_>) -> BTreeMap<Arc<str>, Vec<Inhibition>> {
    let mut inhibitions: BTreeMap<Arc<str>, Vec<Inhibition>> = BTreeMap::new();
    for entry in list {
        let cause = word(&entry.cause, "inhibition.cause", problems);
        let by = by(&entry.by, "inhibition.by", false, problems);
        let within_ms = entry.within.as_ref().map_or(0, |within| duration(within, "inhibition.within", problems));
        for explained in &entry.inhibits {
            let condition = word(explained, "inhibition.inhibits", problems);
            if condition == cause {
                let message = format!("`{cause}` cannot explain itself");
                problems.add(explained.span().start, "inhibition.inhibits", message, "group it instead");
            }
            inhibitions.entry(condition).or_default().push(Inhibition {
                cause: cause.clone(),
                by: by.clone(),
                within_ms,
            });
        }
    }
    inhibitions
}

/// How sensors verify what was handled, by the case's condition.
pub(super) fn verifications(
    list: &[VerificationFile],
    problems: &mut Problems<'_>,
) -> BTreeMap<Arc<str>, Verification> {
    let mut verifications = BTreeMap::new();
    for entry in list {
        let readings = *entry.readings.get_ref();
        if !(1..=MAX_READINGS).contains(&readings) {
            let message = format!("{readings} is not between 1 and {MAX_READINGS}");
            problems.add(entry.readings.span().start, "verification.readings", message, "2 is usual");
        }
        let window_ms = duration(&entry.window, "verification.window", problems);
        let grace = entry.grace.as_ref();
        let grace_ms = grace.map_or(USUAL_GRACE_MS, |grace| duration(grace, "verification.grace", problems));
        if grace_ms >= window_ms {
            let place = grace.map_or(entry.window.span().start, |grace| grace.span().start);
            let message = "the grace is as long as the window, so nothing could contradict".to_owned();
            problems.add(place, "verification.grace", message, "10m is usual");
        }
        for name in &entry.condition {
            let condition = word(name, "verification.condition", problems);
            let verification = Verification { readings, grace_ms, window_ms, auto_close: entry.auto_close };
            if verifications.insert(condition.clone(), verification).is_some() {
                let message = format!("`{condition}` is verified twice");
                problems.add(name.span().start, "verification.condition", message, "keep one of the two");
            }
        }
    }
    verifications
}

/// The names of a text or a list of texts; `None` if it is neither.
fn names(list: &Spanned<toml::Value>) -> Option<Vec<&str>> {
    match list.get_ref() {
        toml::Value::String(one) => Some(vec![one]),
        toml::Value::Array(more) => more.iter().map(toml::Value::as_str).collect(),
        _ => None,
    }
}

fn by(list: &Spanned<toml::Value>, field: &str, circles: bool, problems: &mut Problems<'_>) -> Vec<GroupBy> {
    let names = names(list).unwrap_or_default();
    if names.is_empty() {
        let message = "it is neither a name nor a list of names";
        problems.add(list.span().start, field, message, "such as \"feeder\" or [\"catchment\", \"grid\"]");
    }
    let spanned = names.into_iter().map(|name| Spanned::new(list.span(), name.to_owned()));
    spanned.map(|name| one(&name, field, circles, problems)).collect()
}

fn one(name: &Spanned<String>, field: &str, circles: bool, problems: &mut Problems<'_>) -> GroupBy {
    let Some(metres) = name.get_ref().strip_prefix("radius:") else { return tables::group_by(name, field, problems) };
    let parsed = metres.parse().ok().filter(|metres| (1..=MAX_RADIUS_M).contains(metres));
    if parsed.is_none() || !circles {
        let message = format!("`{}` cannot be used here", name.get_ref());
        let hint = format!("storms take radius:1 to radius:{MAX_RADIUS_M}, in metres");
        problems.add(name.span().start, field, message, &hint);
    }
    GroupBy::Radius(parsed.unwrap_or(1))
}
