//! The storms that the city must live through: few cases, nothing lost, one row of the decision log an alarm.
//!
//! `World` restores the ledger after every record, which is too slow here: these restore it once at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gengfu_cases::{At, Profile, Reducer};
use gengfu_model::Severity::{Critical, Major, Minor};
use gengfu_model::{
    Assertion, CaseState, DecisionKind, Device, EffectSink, Incident, IncidentState, LimitKind, Seq, Severity,
    Timestamp,
};

use crate::support::{Ledger, device, lamp, local, profile, signal};

struct Storm {
    profile: Arc<Profile>,
    reducer: Reducer,
    ledger: Ledger,
    now: Timestamp,
    seq: Seq,
}

impl Storm {
    fn new() -> Storm {
        let profile = profile(&[("outlast = \"0s\"", "outlast = \"15m\"")]);
        let reducer = Reducer::new(profile.clone());
        Storm { profile, reducer, ledger: Ledger::default(), now: local("2026-11-20 21:00"), seq: Seq(0) }
    }

    fn record(&mut self, action: impl FnOnce(&mut Reducer, At, &mut EffectSink)) {
        self.seq = self.seq.next();
        let mut out = EffectSink::new(self.seq);
        self.reducer.fire(At { seq: self.seq, now: self.now }, &mut out);
        action(&mut self.reducer, At { seq: self.seq, now: self.now }, &mut out);
        self.ledger.apply(out.take());
    }

    fn raise(&mut self, device: &Device, key: &str, severity: Severity, condition: &str) {
        let assertion = Assertion::Raise {
            severity,
            condition: condition.into(),
            value: None,
            text_zh: "告警".to_owned(),
            text_en: "alarm".to_owned(),
            late: false,
            cooldown_ms: 0,
        };
        self.record(|reducer, at, out| reducer.signal(at, device, signal(key, assertion), out));
    }

    fn clear(&mut self, device: &Device, key: &str) {
        let signal = signal(key, Assertion::Clear { reason: "clear".into() });
        self.record(|reducer, at, out| reducer.signal(at, device, signal, out));
    }

    fn open(&self) -> impl Iterator<Item = &Incident> {
        self.ledger.incidents.values().filter(|row| row.state == IncidentState::Open)
    }

    /// Everything open is seen in an open case, its own or its storm's, but for what the profile wants none.
    fn nothing_is_lost(&self) {
        for incident in self.open() {
            let parent = incident.parent.map(|id| &self.ledger.incidents[&id]);
            assert!(parent.is_none_or(|parent| parent.state == IncidentState::Open), "{incident:?}");
            let seen = incident.case.or(parent.and_then(|parent| parent.case));
            let none_wanted = matches!(&*incident.condition, "device_silent" | "cell_outage");
            assert!(none_wanted || seen.is_some_and(|case| self.reducer.case(case).is_some()), "{incident:?}");
        }
        assert_eq!(self.ledger.restore(self.profile.clone()), self.reducer, "restore differs from live");
    }

    fn cases_by_condition(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for case in self.reducer.cases() {
            *counts.entry(&*case.condition).or_default() += 1;
        }
        counts
    }
}

/// A cover in one of eight catchments of two districts.
fn cover(n: usize) -> Device {
    let catchment = n % 8;
    Device {
        district: if catchment < 4 { "yanhu" } else { "kaifaqu" }.into(),
        catchment: format!("C{catchment}").into(),
        grid: format!("g{}", n % 200).into(),
        ..device(&format!("cover-{n}"), "01-03")
    }
}

#[test]
fn ten_thousand_water_alarms_are_at_most_ten_cases_and_none_is_lost() {
    let mut storm = Storm::new();
    let covers: Vec<Device> = (0..10_000).map(cover).collect();
    for cover in &covers {
        storm.raise(cover, "water", Major, "manhole_water");
        storm.now = storm.now.plus_ms(6);
    }
    assert!(storm.now.since_ms(local("2026-11-20 21:00")) <= 60_000);
    assert_eq!(storm.cases_by_condition(), BTreeMap::from([("flood", 8)]));
    assert_eq!(storm.open().filter(|row| &*row.condition == "manhole_water").count(), 10_000);
    storm.nothing_is_lost();
    // Four of each catchment had a case before the storm had formed: folded, and their messages replaced.
    let merged: Vec<_> = storm.ledger.cases.values().filter(|case| case.state == CaseState::Merged).collect();
    assert_eq!(merged.len(), 4 * 8);
    let opened: Vec<serde_json::Value> =
        storm.ledger.outbox.iter().map(|item| serde_json::from_str(&item.body).expect("JSON")).collect();
    let replaced: BTreeSet<&str> =
        opened.iter().filter_map(|body| body["replaces"].as_array()).flatten().filter_map(|id| id.as_str()).collect();
    assert_eq!(replaced.len(), 4 * 8);
    // One row a decision: one for each alarm, one more for what joined late or was folded, one for each storm.
    let of_people = |what: DecisionKind| matches!(what, DecisionKind::Notified | DecisionKind::NotNotified);
    let (told, rows): (Vec<_>, Vec<_>) = storm.ledger.decisions.iter().partition(|row| of_people(row.what));
    assert_eq!(rows.len(), 10_000 + 4 * 8 + 4 * 8 + 8);
    assert_eq!(told.len(), 4 * 8 + 8, "for each case that opened, that nobody is on duty to be told");
    let grouped = storm.ledger.decisions.iter().filter(|row| row.what == DecisionKind::Grouped).count();
    assert_eq!(grouped, 10_000);
    // The water falls: every cover clears, every storm ends, no case holds any more.
    storm.now = storm.now.plus_ms(3_600_000);
    for cover in &covers {
        storm.clear(cover, "water");
    }
    assert_eq!(storm.open().count(), 0);
    assert!(storm.reducer.cases().all(|case| !case.condition_holds));
    assert_eq!(storm.ledger.cases.len(), 8 + 4 * 8, "nor does the last cover of a catchment get a case of its own");
    storm.nothing_is_lost();
}

#[test]
fn the_night_of_the_thunderstorm_is_three_circuits_the_floods_and_the_open_covers() {
    let mut storm = Storm::new();
    let lamps: Vec<Device> = (0..3 * 52)
        .map(|n| {
            let cabinet = n / 52;
            let half = n % 52 / 26;
            Device {
                cabinet: format!("X{cabinet}").into(),
                feeder: format!("X{cabinet}-L{half}").into(),
                ..lamp(&format!("lamp-{n}"), &format!("road {cabinet}"))
            }
        })
        .collect();
    let silent: Vec<Device> = (0..800)
        .map(|n| Device { carrier_cell: "460-00-7".into(), ..device(&format!("quiet-{n}"), "01-02") })
        .collect();
    for device in lamps.iter().chain(&silent) {
        storm.reducer.resize(None, Some(device));
    }
    for lamp in &lamps {
        storm.raise(lamp, "dark", Minor, "lamp_dark");
    }
    for n in 0..6_000 {
        storm.raise(&cover(n), "water", Major, "manhole_water");
        storm.now = storm.now.plus_ms(10);
    }
    for n in 0..40 {
        storm.raise(&cover(n * 7), "open", Critical, "cover_displaced");
    }
    for n in 0..20 {
        let truck = Device { carrier_cell: format!("460-00-{}", 100 + n).into(), ..device(&format!("truck-{n}"), "") };
        storm.raise(&truck, "silent", Minor, "device_silent");
    }
    for device in &silent {
        storm.now = storm.now.plus_ms(100);
        storm.raise(device, "silent", Minor, "device_silent");
    }
    let expected = BTreeMap::from([("cover_displaced", 40), ("feeder_outage", 3), ("flood", 8)]);
    assert_eq!(storm.cases_by_condition(), expected, "no case from the silent cell or the trucks");
    for case in storm.reducer.cases().filter(|case| &*case.condition != "feeder_outage") {
        let deadline = case.deadline.expect("a limit");
        assert_eq!((deadline.limit, deadline.amount), (LimitKind::UrgentHour, 2), "{case:?}");
        assert_eq!(deadline.due, case.opened.plus_ms(2 * 3_600_000));
    }
    let cells: Vec<&Incident> = storm.open().filter(|row| &*row.condition == "cell_outage").collect();
    assert_eq!(cells.len(), 1, "the silent cell is one incident");
    assert_eq!(cells[0].case, None);
    let members = storm.open().filter(|row| row.parent == Some(cells[0].id)).count();
    assert_eq!(members, 800);
    storm.nothing_is_lost();
}
