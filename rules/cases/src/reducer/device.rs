//! What changes in the register mean for incidents: retirement, a move, maintenance, a swapped sensor.

use std::sync::Arc;

use gengfu_model::{Device, DeviceId, DeviceLife, EffectSink, Incident, IncidentState, Why};

use super::clearing::{release, unasked};
use super::incident::in_maintenance;
use super::place::Place;
use super::standing::announce;
use super::state::{Hold, TrackKey};
use super::{At, Reducer, group, storm_extent};

pub(super) fn register(reducer: &mut Reducer, at: At, device: &Device, out: &mut EffectSink) {
    for key in held_by(reducer, &device.id) {
        if device.life == DeviceLife::Retired || key.asset != device.asset_code {
            release(reducer, at, device, &key, &Arc::from("retired"), unasked(at, "retired"), out);
        } else {
            note_place(reducer, at, device, &key, out);
            maintenance(reducer, at, device, &key, out);
        }
    }
    group::register(reducer, at, device, out);
}

/// The incident's device was moved within the register: to another feeder, district or owner.
fn note_place(reducer: &mut Reducer, at: At, device: &Device, key: &TrackKey, out: &mut EffectSink) {
    let Some(mut track) = reducer.tracks.get(key).cloned() else { return };
    let leads = track.incident.and_then(|id| reducer.incidents.get(&id)).is_some_and(|row| row.device == device.id);
    let place = Some(Box::new(Place::of(device)));
    if leads {
        track.place = place;
    } else if let Some(other) = track.others.iter_mut().find(|other| other.device == device.id) {
        other.place = place;
    }
    reducer.save_track(key, Some(track), out);
    storm_extent::stands_elsewhere(reducer, at, key, out);
}

/// What a device holds, in the order of (rule, key).
fn held_by(reducer: &Reducer, device: &DeviceId) -> Vec<TrackKey> {
    let none: Arc<str> = Arc::from("");
    let from = (device.clone(), none.clone(), none);
    let own = reducer.holds.range(from..).take_while(|((holder, ..), _)| holder == device);
    own.map(|((_, rule, key), asset)| TrackKey { rule: rule.clone(), asset: asset.clone(), key: key.clone() }).collect()
}

/// Notes whether the device is in maintenance. Gives the open incident that was quiet and is so no more.
pub(super) fn note_quiet(
    reducer: &mut Reducer,
    device: &Device,
    key: &TrackKey,
    out: &mut EffectSink,
) -> Option<Incident> {
    let mut track = reducer.tracks.get(key).cloned()?;
    let incident = track.incident.and_then(|id| reducer.incidents.get(&id)).cloned()?;
    if incident.state != IncidentState::Open {
        return None;
    }
    let was_quiet = track.is_quiet();
    if incident.device == device.id {
        track.quiet = in_maintenance(device);
    } else if let Some(other) = track.others.iter_mut().find(|other| other.device == device.id) {
        other.quiet = in_maintenance(device);
    }
    let speaks = was_quiet && !track.is_quiet();
    reducer.save_track(key, Some(track), out);
    speaks.then_some(incident)
}

/// When maintenance of a device ended, what it still holds gets its case and its messages.
pub(super) fn maintenance(reducer: &mut Reducer, at: At, device: &Device, key: &TrackKey, out: &mut EffectSink) {
    // With a case, open or judged by staff, people knew of it before the maintenance.
    if let Some(incident) = note_quiet(reducer, device, key, out).filter(|incident| incident.case.is_none()) {
        let there = reducer.tracks.get(key).map_or_else(|| device.clone(), |track| track.leader(&incident, device));
        announce(reducer, at, &there, incident, Why::MaintenanceOver, out);
    }
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
        let was_quiet = track.is_quiet();
        if incident.device == *from {
            // What the new sensor says itself stands behind what it takes over, until its next verdict.
            track.others.retain(|other| other.device != to.id);
            track.quiet = in_maintenance(to);
            track.place = Some(Box::new(Place::of(to)));
            incident.device = to.id.clone();
            incident.updated = at.now;
            reducer.save_incident(incident.clone(), out);
        } else if let Some(index) = track.others.iter().position(|other| other.device == *from) {
            let taken = track.others.remove(index);
            let (device, quiet, place) = (to.id.clone(), in_maintenance(to), Some(Box::new(Place::of(to))));
            // Of what both sensors say, the worse stays; what leads is the worst anyway.
            let own = track.others.iter_mut().find(|other| other.device == to.id);
            match own {
                Some(own) if own.severity >= taken.severity => {}
                Some(own) => *own = Hold { device, quiet, place, ..taken },
                None if incident.device == to.id => {}
                None => track.others.push(Hold { device, quiet, place, ..taken }),
            }
        }
        let speaks = was_quiet && !track.is_quiet();
        let there = track.leader(&incident, to);
        reducer.save_track(&key, Some(track), out);
        storm_extent::stands_elsewhere(reducer, at, &key, out);
        if speaks && incident.case.is_none() {
            announce(reducer, at, &there, incident, Why::MaintenanceOver, out);
        }
    }
}
