//! The reducer from the ledger's rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::{Case, EffectId, Incident, IncidentState};

use super::duty::DUTY_PREFIX;
use super::group_state::{MEMBER_PREFIX, PLACE_PREFIX};
use super::state::{
    CASE_PREFIX, CaseExtra, ENDING_PREFIX, NUMBERS_KEY, OpenCase, SILENCE_PREFIX, STORM_PREFIX, TRACK_PREFIX, Track,
    TrackKey,
};
use super::{Reducer, storm_over};
use crate::profile::Profile;

/// Why the ledger's rows are no state of a reducer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A row of private state cannot be read.
    #[error("reducer state `{key}` cannot be read: {reason}; restore the ledger from a backup or replay the journal")]
    Unreadable {
        /// The row's key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A row speaks of an incident that was not given.
    #[error("reducer state speaks of incident `{0}`, which the ledger does not have")]
    MissingIncident(EffectId),
    /// A row speaks of a case that was not given, or is final.
    #[error("reducer state speaks of case `{0}`, which the ledger does not have open")]
    MissingCase(EffectId),
    /// An open incident or case has no row of private state.
    #[error("`{0}` is open in the ledger, but the reducer's state does not know it")]
    Unknown(EffectId),
}

fn unreadable(key: &str, reason: impl ToString) -> RestoreError {
    RestoreError::Unreadable { key: key.to_owned(), reason: reason.to_string() }
}

fn read<'a, T: serde::Deserialize<'a>>(key: &str, json: &'a str) -> Result<T, RestoreError> {
    serde_json::from_str(json).map_err(|error| unreadable(key, error))
}

pub(super) fn incidents_in_cooldown(state: &[(String, String)]) -> Vec<EffectId> {
    let tracks = state.iter().filter(|(key, _)| key.starts_with(TRACK_PREFIX));
    let cooling = tracks.filter_map(|(key, value)| {
        let track: Track = read(key, value).ok()?;
        track.incident.filter(|_| track.reopen_until.is_some())
    });
    cooling.collect()
}

pub(super) fn restore(
    profile: Arc<Profile>,
    incidents: Vec<Incident>,
    cases: Vec<Case>,
    state: Vec<(String, String)>,
) -> Result<Reducer, RestoreError> {
    let mut reducer = Reducer::new(profile);
    let mut incidents: BTreeMap<EffectId, Incident> = incidents.into_iter().map(|row| (row.id, row)).collect();
    let open_cases = cases.into_iter().filter(|case| !case.state.is_final());
    let mut cases: BTreeMap<EffectId, Case> = open_cases.map(|case| (case.id, case)).collect();
    for (key, value) in &state {
        if key == NUMBERS_KEY {
            reducer.numbers = read(key, value)?;
        } else if let Some(name) = key.strip_prefix(TRACK_PREFIX) {
            let track_key: TrackKey = read(key, name)?;
            let track: Track = read(key, value)?;
            restore_track(&mut reducer, track_key, track, &mut incidents)?;
        } else if let Some(name) = key.strip_prefix(STORM_PREFIX) {
            let parent: EffectId = read(key, value)?;
            let incident = incidents.remove(&parent).ok_or(RestoreError::MissingIncident(parent))?;
            reducer.keep_incident(incident);
            reducer.storms.insert(read(key, name)?, parent);
        } else if let Some(name) = key.strip_prefix(ENDING_PREFIX) {
            storm_over::keep_ending(&mut reducer, read(key, name)?, read(key, value)?);
        } else if let Some(name) = key.strip_prefix(MEMBER_PREFIX) {
            reducer.groups.keep(read(key, name)?, read(key, value)?);
        } else if let Some(name) = key.strip_prefix(PLACE_PREFIX) {
            reducer.groups.keep_place(read(key, name)?, read(key, value)?);
        } else if key.starts_with(SILENCE_PREFIX) {
            reducer.keep_silence(read(key, value)?);
        } else if let Some(id) = key.strip_prefix(CASE_PREFIX) {
            let id: EffectId = id.parse().map_err(|reason: String| unreadable(key, reason))?;
            let extra: CaseExtra = read(key, value)?;
            let case = cases.remove(&id).ok_or(RestoreError::MissingCase(id))?;
            reducer.keep_case(OpenCase { case, extra });
        } else if let Some(name) = key.strip_prefix(DUTY_PREFIX) {
            reducer.restore_duty(name, value).map_err(|reason| unreadable(key, reason))?;
        } else if key.starts_with("cases/") {
            return Err(unreadable(key, "no such piece of state"));
        }
    }
    let stray = incidents.values().find(|incident| incident.state == IncidentState::Open).map(|incident| incident.id);
    match stray.or_else(|| cases.keys().next().copied()) {
        Some(id) => Err(RestoreError::Unknown(id)),
        None => Ok(reducer),
    }
}

fn restore_track(
    reducer: &mut Reducer,
    key: TrackKey,
    track: Track,
    incidents: &mut BTreeMap<EffectId, Incident>,
) -> Result<(), RestoreError> {
    if let Some(id) = track.incident {
        let incident = incidents.remove(&id).ok_or(RestoreError::MissingIncident(id))?;
        if incident.state == IncidentState::Open {
            reducer.note_hold(&incident.device, &key);
            for other in &track.others {
                reducer.note_hold(&other.device, &key);
            }
        }
        reducer.keep_incident(incident);
    }
    reducer.keep_track(key, track);
    Ok(())
}
