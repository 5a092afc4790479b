//! The reducer's private state: what it keeps beyond incidents and cases, in the form in which it is stored.
//!
//! A field that is added later has a default, so that rows of earlier versions stay readable.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::signal::EvidenceReading;
use gengfu_model::{
    Case, CaseState, Device, DeviceId, EffectId, Evidence, Incident, Seq, Severity, Silence, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::place::Place;
use super::timer::Timer;

/// Key of the row of the case numbers' counter.
pub(super) const NUMBERS_KEY: &str = "cases/numbers";
/// Keys of tracks' rows begin so, then comes the JSON of the [`TrackKey`].
pub(super) const TRACK_PREFIX: &str = "cases/track/";
/// Keys of storms' rows begin so, then comes the JSON of the [`StormKey`]; the value is the parent's id.
pub(super) const STORM_PREFIX: &str = "cases/storm/";
/// Keys of rows of when a storm that wanes is over begin so, then comes the JSON of the [`StormKey`].
pub(super) const ENDING_PREFIX: &str = "cases/ending/";
/// Keys of silences' rows begin so, then comes the silence's id.
pub(super) const SILENCE_PREFIX: &str = "cases/silence/";
/// Keys of cases' rows begin so, then comes the case's id.
pub(super) const CASE_PREFIX: &str = "cases/case/";

/// What can be wrong at most once at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrackKey {
    pub(super) rule: Arc<str>,
    pub(super) asset: Arc<str>,
    pub(super) key: Arc<str>,
}

/// The life of one (rule, asset, key) beyond what its incident says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Track {
    /// The incident, while it is open or may open again.
    pub(super) incident: Option<EffectId>,
    /// The cooldown that the last raise asked for.
    pub(super) cooldown_ms: i64,
    /// The device that leads the incident is in maintenance.
    pub(super) quiet: bool,
    /// When it opened, newest last: as many as the flapping guard counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) opens: Vec<Timestamp>,
    /// Cleared: until when the incident may open again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reopen_until: Option<Timestamp>,
    /// Cleared: when all of this is forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) forget_at: Option<Timestamp>,
    /// Flapping: the clear that waits for quiet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pending: Option<PendingClear>,
    /// Open: the group that it counts in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) member: Option<Membership>,
    /// Open: where it stands, by the register's entry of its device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<Box<Place>>,
    /// Open: the conditions and groups in which it explains other incidents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) causes: Vec<StormKey>,
    /// What other devices on the asset hold; the incident itself says what its own device holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) others: Vec<Hold>,
}

/// A condition within a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StormKey {
    pub(super) condition: Arc<str>,
    /// Such as `feeder:F7`.
    pub(super) group: Arc<str>,
}

/// An open incident counts in a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Membership {
    pub(super) storm: StormKey,
    /// Since when.
    pub(super) since: Timestamp,
}

/// A clear that waits, since the incident flaps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PendingClear {
    pub(super) due: Timestamp,
    pub(super) reason: Arc<str>,
    pub(super) evidence: Evidence,
}

/// What one device says about a condition that holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hold {
    pub(super) device: DeviceId,
    /// It is in maintenance.
    pub(super) quiet: bool,
    pub(super) rule_version: Arc<str>,
    pub(super) severity: Severity,
    pub(super) condition: Arc<str>,
    pub(super) value: Option<f64>,
    pub(super) text_zh: String,
    pub(super) text_en: String,
    /// Where it stands, by the register; `None` in rows of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<Box<Place>>,
}

/// Which case an incident belongs to: incidents with the same key share one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseKey {
    /// Id of the class, or `?` and the condition if there is none.
    pub(super) class: Arc<str>,
    /// The asset or the group.
    pub(super) scope: Arc<str>,
}

/// A silence that is not over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptSilence {
    pub(super) silence: Silence,
    /// When its standing changes by itself.
    pub(super) next: Option<Timestamp>,
}

/// A case that is not final.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OpenCase {
    pub(super) case: Case,
    pub(super) extra: CaseExtra,
}

/// What the workflow keeps of a case beyond what people see.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseExtra {
    /// Incidents with these keys join the case.
    pub(super) keys: Vec<CaseKey>,
    /// It was dispatched before, so its limit already counts from there.
    pub(super) dispatched: bool,
    /// Suspended: what is left on the limit's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) left_ms: Option<i64>,
    /// Suspended: the state before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) resume: Option<CaseState>,
    /// The state that the stage's clock was set for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stage_of: Option<CaseState>,
    /// Suspended: what is left of the total limit, on the handling limit's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) total_left_ms: Option<i64>,
    /// The next rung of the ladder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rung: Option<NextRung>,
    /// What its incidents go by: the first [`MAX_SENSORS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) sensors: Vec<Sensor>,
    /// Something of it cleared without a verdict of its rule, so readings can confirm it no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) unjudged: bool,
    /// Hashes of its attachments: at most [`MAX_ATTACHMENTS`](gengfu_model::attachment::MAX_ATTACHMENTS).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) attachments: Vec<Arc<str>>,
    /// Handled: the window in which the sensors say whether it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) verifying: Option<Verifying>,
}

impl CaseExtra {
    /// Remembers what incidents go by that it has, as long as there is room.
    pub(super) fn watch(&mut self, sensors: &[Sensor]) {
        for sensor in sensors {
            if self.sensors.len() < MAX_SENSORS && !self.sensors.contains(sensor) {
                self.sensors.push(sensor.clone());
            }
        }
    }

    /// What a rule asks a device for, for the case: rule and key.
    pub(super) fn asked_of(&self, device: &DeviceId) -> impl Iterator<Item = &Sensor> {
        self.sensors.iter().filter(move |sensor| sensor.device == *device)
    }
}

/// The most sensors that a case remembers.
pub(super) const MAX_SENSORS: usize = 40;

/// A device by whose verdict under a rule and key an incident stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sensor {
    pub(super) device: DeviceId,
    pub(super) rule: Arc<str>,
    pub(super) key: Arc<str>,
}

impl Sensor {
    pub(super) fn of(incident: &Incident) -> Sensor {
        Sensor { device: incident.device.clone(), rule: incident.rule.clone(), key: incident.key.clone() }
    }
}

/// A window in which sensors verify what was handled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Verifying {
    /// When it opened.
    pub(super) since: Timestamp,
    /// When what is read begins to contradict.
    pub(super) grace_until: Timestamp,
    /// Nothing of the case held any more, and before the grace was over something did again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) returned: bool,
    /// When it is over.
    pub(super) until: Timestamp,
    /// So many readings of each device confirm.
    pub(super) readings: u32,
    /// What is confirmed is closed.
    pub(super) auto_close: bool,
    /// Devices whose readings count, with how many came since nothing holds.
    pub(super) devices: BTreeMap<DeviceId, u32>,
    /// The record since which nothing of the case holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) clear: Option<Seq>,
    /// What the newest messages in the window said.
    pub(super) evidence: Vec<Message>,
}

/// What a message in the window said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Message {
    pub(super) device: DeviceId,
    /// Something of the case held by it.
    pub(super) holds: bool,
    pub(super) readings: Vec<EvidenceReading>,
}

/// The rung of the ladder that a case reaches next.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NextRung {
    /// The deadline that it was counted by; when that moves, it is counted anew.
    pub(super) handling_due: Timestamp,
    /// Its place in the profile's ladder.
    pub(super) index: usize,
    /// When it is reached.
    pub(super) time: Timestamp,
}

impl TrackKey {
    pub(super) fn of(incident: &Incident) -> TrackKey {
        TrackKey { rule: incident.rule.clone(), asset: incident.asset.clone(), key: incident.key.clone() }
    }
}

impl Track {
    /// Whether every device that holds it is in maintenance: then it is recorded, and calls nobody.
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet && self.others.iter().all(|other| other.quiet)
    }

    /// The register's entry of the device that leads the incident, as far as it is known, when `speaks` says something
    /// of it.
    pub(super) fn leader(&self, incident: &Incident, speaks: &Device) -> Device {
        match &self.place {
            Some(place) if incident.device != speaks.id => place.device(incident),
            _ => speaks.clone(),
        }
    }

    /// When something happens to it by itself.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.pending.as_ref().map(|pending| pending.due).or(self.reopen_until).or(self.forget_at)
    }
}

impl Hold {
    /// What the incident's own device holds.
    pub(super) fn leading(incident: &Incident, track: &Track) -> Hold {
        Hold {
            device: incident.device.clone(),
            quiet: track.quiet,
            place: track.place.clone(),
            rule_version: incident.rule_version.clone(),
            severity: incident.severity,
            condition: incident.condition.clone(),
            value: incident.value,
            text_zh: incident.text_zh.clone(),
            text_en: incident.text_en.clone(),
        }
    }

    /// Whether two holds say the same, in maintenance or not, wherever they stand.
    pub(super) fn says_as(&self, other: &Hold) -> bool {
        let Hold { device, quiet: _, rule_version, severity, condition, value, text_zh, text_en, place: _ } = self;
        (device, rule_version, *severity, condition)
            == (&other.device, &other.rule_version, other.severity, &other.condition)
            && (*value, text_zh, text_en) == (other.value, &other.text_zh, &other.text_en)
    }

    /// Makes the incident say what this device says.
    pub(super) fn lead(self, incident: &mut Incident) {
        incident.device = self.device;
        incident.rule_version = self.rule_version;
        incident.severity = self.severity;
        incident.worst = incident.worst.max(self.severity);
        incident.condition = self.condition;
        incident.value = self.value;
        incident.text_zh = self.text_zh;
        incident.text_en = self.text_en;
    }
}

impl Verifying {
    /// When it must be looked at by itself.
    pub(super) fn due(&self) -> Timestamp {
        if self.returned { self.grace_until } else { self.until }
    }

    /// Whether every device said so many times that nothing holds.
    pub(super) fn confirmed(&self, times: u32) -> bool {
        self.devices.values().all(|count| *count >= times)
    }
}

impl OpenCase {
    /// When its deadline must be looked at.
    pub(super) fn due(&self) -> Option<Timestamp> {
        if self.case.overdue || !clock_runs(self.case.state) {
            return None;
        }
        self.case.deadline.as_ref().map(|deadline| deadline.due)
    }

    /// When the next call about it is due.
    fn next_call(&self) -> Option<Timestamp> {
        self.case.escalation.as_ref().and_then(|escalation| escalation.next_at)
    }

    /// What happens to it by itself, and when.
    pub(super) fn timers(&self) -> impl Iterator<Item = (Timestamp, Timer)> {
        let id = self.case.id;
        let clocks = &self.case.clocks;
        let stage = clocks.stage.filter(|clock| !clock.overdue).map(|clock| clock.deadline.due);
        let total_runs = !clocks.total_overdue && self.case.state != CaseState::Suspended;
        let total = clocks.total.filter(|_| total_runs).map(|total| total.due);
        let timers = [
            self.due().map(|due| (due, Timer::Overdue(id))),
            stage.map(|due| (due, Timer::Stage(id))),
            total.map(|due| (due, Timer::Total(id))),
            self.extra.rung.map(|rung| (rung.time, Timer::Rung(id))),
            self.extra.verifying.as_ref().map(|window| (window.due(), Timer::Verify(id))),
            self.next_call().map(|due| (due, Timer::Escalation(id))),
        ];
        timers.into_iter().flatten()
    }
}

/// Whether the handling limit runs: until the work is reported as handled, but for a suspension.
pub(super) fn clock_runs(state: CaseState) -> bool {
    match state {
        CaseState::Reported
        | CaseState::PendingVerify
        | CaseState::Filed
        | CaseState::Returned
        | CaseState::Dispatched
        | CaseState::Handling => true,
        CaseState::Suspended
        | CaseState::PendingCheck
        | CaseState::CheckPassed
        | CaseState::Rejected
        | CaseState::Closed
        | CaseState::ForceClosed
        | CaseState::Cancelled
        | CaseState::Merged => false,
    }
}
