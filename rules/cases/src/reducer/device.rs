//! What changes in the register mean for incidents: retirement, a move, maintenance, a swapped sensor.

use std::sync::Arc;

use gengfu_model::{Device, DeviceId, DeviceLife, EffectSink, Incident, IncidentState};

use super::clearing::{release, unasked};
use super::incident::in_maintenance;
use super::state::TrackKey;
use super::transition::settle;
use super::{At, Reducer, case, notify};

pub(super) fn register(reducer: &mut Reducer, at: At, device: &Device, out: &mut EffectSink) {
    for key in held_by(reducer, &device.id) {
        if device.life == DeviceLife::Retired || key.asset != device.asset_code {
            release(reducer, at, &device.id, &key, &Arc::from("retired"), unasked(at, "retired"), out);
        } else {
            maintenance(reducer, at, device, &key, out);
        }
    }
}

/// What a device holds, in the order of (rule, key).
fn held_by(reducer: &Reducer, device: &DeviceId) -> Vec<TrackKey> {
    let none: Arc<str> = Arc::from("");
    let from = (device.clone(), none.clone(), none);
    let own = reducer.holds.range(from..).take_while(|((holder, ..), _)| holder == device);
    own.map(|((_, rule, key), asset)| TrackKey { rule: rule.clone(), asset: asset.clone(), key: key.clone() }).collect()
}

/// Notes whether the device is in maintenance, if it leads an open incident and that changed.
pub(super) fn note_quiet(
    reducer: &mut Reducer,
    device: &Device,
    key: &TrackKey,
    out: &mut EffectSink,
) -> Option<Incident> {
    let mut track = reducer.tracks.get(key).cloned()?;
    let incident = track.incident.and_then(|id| reducer.incidents.get(&id)).cloned()?;
    let quiet = in_maintenance(device);
    let leads = incident.state == IncidentState::Open && incident.device == device.id;
    if !leads || track.quiet == quiet {
        return None;
    }
    track.quiet = quiet;
    reducer.save_track(key, Some(track), out);
    Some(incident)
}

/// When maintenance of a device ended, what it still holds gets its case and its messages.
pub(super) fn maintenance(reducer: &mut Reducer, at: At, device: &Device, key: &TrackKey, out: &mut EffectSink) {
    let Some(mut incident) = note_quiet(reducer, device, key, out) else { return };
    // With a case, open or judged by staff, people knew of it before the maintenance.
    if in_maintenance(device) || incident.case.is_some() {
        return;
    }
    let placement = case::place(reducer, device, &incident, out);
    incident.case = placement.case();
    incident.updated = at.now;
    let told = incident.clone();
    reducer.save_incident(incident, out);
    notify::incident(reducer, at, "incident.opened", &told, out);
    settle(reducer, at, Some(device), &told, None, placement, false, out);
}

pub(super) fn hand_over(reducer: &mut Reducer, at: At, from: &DeviceId, to: &Device, out: &mut EffectSink) {
    if *from == to.id {
        return;
    }
    for key in held_by(reducer, from).into_iter().filter(|key| key.asset == to.asset_code) {
        let Some(mut track) = reducer.tracks.get(&key).cloned() else { continue };
        let Some(mut incident) = track.incident.and_then(|id| reducer.incidents.get(&id)).cloned() else { continue };
        reducer.drop_hold(from, &key);
        reducer.note_hold(&to.id, &key);
        if incident.device == *from {
            // What the new sensor says itself stands behind what it takes over, until its next verdict.
            track.others.retain(|other| other.device != to.id);
            track.quiet = in_maintenance(to);
            incident.device = to.id.clone();
            incident.updated = at.now;
            reducer.save_incident(incident, out);
        } else {
            let speaks = incident.device == to.id || track.others.iter().any(|other| other.device == to.id);
            if speaks {
                track.others.retain(|other| other.device != *from);
            } else if let Some(other) = track.others.iter_mut().find(|other| other.device == *from) {
                other.device = to.id.clone();
            }
        }
        reducer.save_track(&key, Some(track), out);
    }
}
