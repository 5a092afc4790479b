//! How well a rule pack did: incidents compared with the ground truth of a run.
//!
//! A fault counts as found if an incident of one of its expected conditions was opened on one of its
//! devices between its beginning and its end, or a grace time later. An incident is a hit if it belongs
//! to any injected fault that way, or is of a condition that is true as well while the fault acts.
//! Faults without expected conditions (duplicates, wrong clocks) are not to be found.

use std::collections::{BTreeMap, BTreeSet};

use gengfu_model::time::{MINUTE_MS, SECOND_MS};
use serde::Serialize;
use serde_json::Value;

use crate::calendar::parse_rfc3339;
use crate::faults::Truth;

/// An incident may be opened so long after its fault is over: conditions that have to hold, silences.
const GRACE_MS: i64 = 20 * MINUTE_MS;
/// Clocks of the simulator and the gateway may differ by so much.
const SKEW_MS: i64 = 5 * SECOND_MS;

/// What is needed of an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// What is wrong, in the city's words; the rule's id where there is no condition.
    pub condition: String,
    /// The rule's id.
    pub rule: String,
    /// The device, or the asset or group of an incident of many.
    pub subjects: Vec<String>,
    /// When it opened, epoch milliseconds.
    pub opened: i64,
}

/// One line of the score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaultScore {
    /// The fault's name.
    pub fault: String,
    /// How often it was injected.
    pub injected: usize,
    /// How many of them were found.
    pub found: usize,
    /// `found / injected`; `None` if none was to be found.
    pub recall: Option<f64>,
    /// Incidents of the conditions that are expected for it.
    pub incidents: usize,
    /// How many of those belong to an injected fault.
    pub hits: usize,
    /// `hits / incidents`; `None` without incidents.
    pub precision: Option<f64>,
    /// Seconds from the fault to its first incident, in the middle of all found; `None` if none was.
    pub delay_s: Option<f64>,
}

/// The whole score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    /// One line a fault, by name.
    pub faults: Vec<FaultScore>,
    /// Incidents in all.
    pub incidents: usize,
    /// Incidents that belong to no injected fault, by condition.
    pub unexplained: BTreeMap<String, usize>,
}

/// Compares.
#[must_use]
pub fn score(truths: &[Truth], incidents: &[Incident]) -> Score {
    let mut by_fault: BTreeMap<&str, Vec<&Truth>> = BTreeMap::new();
    for truth in truths {
        by_fault.entry(&truth.fault).or_default().push(truth);
    }
    let explained = |incident: &Incident| {
        truths.iter().any(|truth| belongs(incident, truth, &truth.expect) || belongs(incident, truth, &truth.also))
    };
    let hit: Vec<bool> = incidents.iter().map(explained).collect();
    let faults = by_fault.into_iter().map(|(fault, truths)| fault_score(fault, &truths, incidents, &hit)).collect();
    let mut unexplained = BTreeMap::new();
    for (incident, _) in incidents.iter().zip(&hit).filter(|(_, hit)| !**hit) {
        *unexplained.entry(incident.condition.clone()).or_default() += 1;
    }
    Score { faults, incidents: incidents.len(), unexplained }
}

fn fault_score(fault: &str, truths: &[&Truth], incidents: &[Incident], hit: &[bool]) -> FaultScore {
    let expected = truths.iter().filter(|truth| !truth.expect.is_empty());
    let conditions: BTreeSet<&str> = truths.iter().flat_map(|truth| &truth.expect).map(String::as_str).collect();
    let mut delays_s: Vec<f64> = expected
        .clone()
        .filter_map(|truth| {
            let opened = incidents
                .iter()
                .filter(|incident| belongs(incident, truth, &truth.expect))
                .map(|incident| incident.opened);
            opened.min().map(|first| (first - truth.from) as f64 / 1_000.0)
        })
        .collect();
    delays_s.sort_by(f64::total_cmp);
    let of_condition: Vec<bool> = incidents
        .iter()
        .zip(hit)
        .filter(|(incident, _)| conditions.iter().any(|condition| names(incident, condition)))
        .map(|(_, hit)| *hit)
        .collect();
    let (injected, hits) = (expected.count(), of_condition.iter().filter(|hit| **hit).count());
    let ratio = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
    FaultScore {
        fault: fault.to_owned(),
        injected,
        found: delays_s.len(),
        recall: ratio(delays_s.len(), injected),
        incidents: of_condition.len(),
        hits,
        precision: ratio(hits, of_condition.len()),
        delay_s: delays_s.get(delays_s.len() / 2).copied(),
    }
}

fn names(incident: &Incident, condition: &str) -> bool {
    incident.condition == condition || incident.rule == condition
}

/// Whether the incident is one of these conditions, on a device of the fault, in its time.
fn belongs(incident: &Incident, truth: &Truth, conditions: &[String]) -> bool {
    let in_time = (truth.from - SKEW_MS..=truth.to + GRACE_MS).contains(&incident.opened);
    in_time
        && conditions.iter().any(|condition| names(incident, condition))
        && incident.subjects.iter().any(|subject| *subject == truth.device || truth.members.contains(subject))
}

/// Reads incidents as the HTTP API lists them: an array, or an object with the array under `items` or
/// `incidents`. Times are RFC 3339 or epoch milliseconds.
///
/// # Errors
/// A text that names the incident and what is missing.
pub fn read_incidents(text: &str) -> Result<Vec<Incident>, String> {
    let json: Value = serde_json::from_str(text).map_err(|error| format!("incidents: {error}"))?;
    let list = ["items", "incidents"].iter().find_map(|key| json.get(key)).unwrap_or(&json);
    let list = list.as_array().ok_or("incidents: neither an array nor an object with `items`")?;
    list.iter()
        .enumerate()
        .map(|(index, item)| incident(item).map_err(|e| format!("incident {}: {e}", index + 1)))
        .collect()
}

fn incident(item: &Value) -> Result<Incident, String> {
    let text = |name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
    let opened = match item.get("opened") {
        Some(Value::Number(ms)) => ms.as_i64(),
        Some(Value::String(time)) => parse_rfc3339(time),
        _ => None,
    };
    let rule = text("rule").unwrap_or_default();
    let condition = text("condition").unwrap_or_else(|| rule.clone());
    if condition.is_empty() {
        return Err("neither `condition` nor `rule`".to_owned());
    }
    let subjects: Vec<String> = ["device", "asset", "key"].iter().filter_map(|name| text(name)).collect();
    if subjects.is_empty() {
        return Err("neither `device` nor `asset`".to_owned());
    }
    Ok(Incident { condition, rule, subjects, opened: opened.ok_or("`opened` is no time")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(fault: &str, device: &str, from: i64, expect: &[&str]) -> Truth {
        Truth {
            fault: fault.to_owned(),
            device: device.to_owned(),
            members: vec![device.to_owned(), format!("{device}-member")],
            from,
            to: from + MINUTE_MS,
            expect: expect.iter().map(|condition| (*condition).to_owned()).collect(),
            also: vec!["device_silent".to_owned()],
        }
    }

    #[test]
    fn what_was_found_missed_and_made_up_is_counted() {
        let truths = [
            truth("cover-open", "c1", 1_000_000, &["cover_open", "cover_displaced"]),
            truth("cover-open", "c2", 1_000_000, &["cover_open"]),
            truth("feeder-outage", "F1", 1_000_000, &["feeder_outage"]),
            truth("duplicates", "t1", 1_000_000, &[]),
        ];
        let json = r#"{"items":[
            {"rule":"cover_tilt","condition":"cover_displaced","device":"c1","opened":1004000},
            {"rule":"cover_tilt","condition":"cover_displaced","device":"c9","opened":1004000},
            {"rule":"lamp_dark","condition":"feeder_outage","device":"F1-member","opened":"1970-01-01T00:17:30Z"},
            {"rule":"cover_open","device":"c2","opened":1},
            {"rule":"sos","condition":"toilet_sos","device":"t1","opened":1000500},
            {"rule":"silent","condition":"device_silent","device":"c2","opened":1000500}
        ]}"#;
        let score = score(&truths, &read_incidents(json).unwrap());
        assert_eq!(score.incidents, 6);
        let line = |fault: &str| score.faults.iter().find(|line| line.fault == fault).unwrap();
        let cover = line("cover-open");
        assert_eq!((cover.injected, cover.found, cover.recall), (2, 1, Some(0.5)));
        assert_eq!((cover.incidents, cover.hits, cover.precision), (3, 1, Some(1.0 / 3.0)));
        assert_eq!(cover.delay_s, Some(4.0));
        assert_eq!((line("feeder-outage").found, line("feeder-outage").delay_s), (1, Some(50.0)));
        assert_eq!((line("duplicates").injected, line("duplicates").recall), (0, None));
        let unexplained: Vec<(&str, usize)> = score.unexplained.iter().map(|(c, n)| (c.as_str(), *n)).collect();
        assert_eq!(unexplained, [("cover_displaced", 1), ("cover_open", 1), ("toilet_sos", 1)]);
    }

    #[test]
    fn incidents_without_what_is_needed_are_named() {
        assert!(read_incidents("{}").unwrap_err().contains("neither an array"));
        assert!(read_incidents("[{\"rule\":\"x\",\"device\":\"d\"}]").unwrap_err().starts_with("incident 1: `opened`"));
        assert!(read_incidents("[{\"device\":\"d\",\"opened\":1}]").unwrap_err().contains("neither `condition`"));
    }
}
