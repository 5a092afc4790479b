//! What every transition of an incident puts out: the incident, its explanation, its message, and what it
//! means for its cases.

use gengfu_model::{DecisionKind, Device, Effect, EffectId, EffectSink, Evidence, Incident, IncidentState, Why};

use super::state::{StormKey, TrackKey};
use super::storm::Entry;
use super::{At, Reducer, case, covering, decide, notify, silence, standing, storm};

/// What is put out about an incident's transition.
pub(super) struct Change {
    /// The explanation's word.
    pub(super) name: &'static str,
    /// The topic for others, if they are to be told.
    pub(super) topic: Option<&'static str>,
    /// The device is in maintenance: recorded, but no case and no message.
    pub(super) quiet: bool,
    /// It needs a case even if it had one.
    pub(super) place: bool,
}

/// Puts an incident out with its explanation, its message and what it means for its case.
pub(super) fn put_out(
    reducer: &mut Reducer,
    at: At,
    device: Option<&Device>,
    mut incident: Incident,
    change: Change,
    evidence: Box<Evidence>,
    out: &mut EffectSink,
) {
    let id = incident.id;
    let old_case = incident.case;
    let mut entry = Entry::Alone;
    let mut placement = case::Placement::None;
    // What has a case goes on in it while a silence covers it, but calls nobody.
    let mut muted = None;
    let lodged = standing::lodges(reducer, &incident);
    let explained = explains(reducer, &incident);
    if change.quiet && change.name == "reopened" {
        // Nobody looks for its place now; where it stood last time may be over.
        incident.case.take_if(|_| lodged);
        (incident.parent, incident.silenced_by, incident.inhibited_by) = (None, None, None);
    }
    if let Some(device) = device.filter(|_| change.place && !change.quiet) {
        entry = standing::stand(reducer, at, device, &mut incident, &evidence, out);
        if entry == Entry::Alone {
            placement = case::place(reducer, device, &incident, out);
        }
    }
    if let Some(device) = device.filter(|_| !change.quiet && standing::has_open_case(reducer, &incident)) {
        muted = silence::covering(reducer, device, &incident);
    }
    incident.case = placement.case().or(incident.case);
    let told = incident.clone();
    let before = reducer.incidents.get(&id).cloned();
    reducer.save_incident(incident, out);
    out.push(Effect::Explanation { incident: id, change: change.name, evidence });
    let held = told.silenced_by.is_some() || told.inhibited_by.is_some();
    let hush = change.quiet || held || muted.is_some();
    match muted.filter(|_| change.name != "cleared") {
        Some(silence) => decide::because(at, &told, DecisionKind::Silenced, Why::SilenceCovers, silence, out),
        None => decided(at, before.as_ref(), &told, &change, entry, &placement, out),
    }
    // What happens to a storm's members is told by its parent.
    let swallowed = told.parent.is_some_and(|parent| reducer.incidents.contains_key(&parent));
    if let Some(topic) = change.topic.filter(|_| !hush && !swallowed) {
        notify::incident(reducer, at, topic, &told, out);
    }
    settle(reducer, at, device, &told, old_case, placement, hush, out);
    if !hush {
        storm::worsen(reducer, at, &told, out);
    }
    if change.place {
        explain_earlier(reducer, at, &told, out);
    }
    if !explained.is_empty() && explained != explains(reducer, &told) {
        // It turned into something else, and explains what it held back no more.
        standing::release(reducer, at, id, Why::CauseOver, out);
    }
}

/// The conditions and groups in which an incident explains others.
fn explains(reducer: &Reducer, incident: &Incident) -> Vec<StormKey> {
    let track = reducer.tracks.get(&TrackKey::of(incident)).filter(|_| incident.state == IncidentState::Open);
    track.map_or_else(Vec::new, |track| track.causes.clone())
}

/// What explains others takes in what it would have held back.
fn explain_earlier(reducer: &mut Reducer, at: At, cause: &Incident, out: &mut EffectSink) {
    let track = reducer.tracks.get(&TrackKey::of(cause)).filter(|track| !track.causes.is_empty());
    let Some(groups) = track.map(|track| track.causes.iter().map(|key| key.group.clone()).collect::<Vec<_>>()) else {
        return;
    };
    covering::earlier(reducer, at, cause, &groups, None, out);
}

/// The row of the decision log about a transition.
fn decided(
    at: At,
    before: Option<&Incident>,
    now: &Incident,
    change: &Change,
    entry: Entry,
    placement: &case::Placement,
    out: &mut EffectSink,
) {
    let what = match change.name {
        "cleared" => return decide::about(at, now, DecisionKind::Cleared, decide::clearing(now), out),
        "updated" => DecisionKind::Updated,
        "reopened" => DecisionKind::Reopened,
        _ => DecisionKind::Raised,
    };
    if change.quiet {
        decide::about(at, now, DecisionKind::HeldByMaintenance, Why::DeviceInMaintenance, out);
    } else if what == DecisionKind::Updated && entry == Entry::Alone {
        let why = before.map_or(Why::DetailsChanged, |before| decide::difference(before, now));
        decide::about(at, now, what, why, out);
    } else {
        decide::placed(at, now, what, entry, placement, out);
    }
}

/// What an incident that was put out means for its cases.
#[expect(clippy::too_many_arguments, reason = "the parts of one transition, each used once")]
pub(super) fn settle(
    reducer: &mut Reducer,
    at: At,
    device: Option<&Device>,
    incident: &Incident,
    old_case: Option<EffectId>,
    placement: case::Placement,
    quiet: bool,
    out: &mut EffectSink,
) {
    let stays = incident.case == old_case;
    match (placement, device) {
        (case::Placement::Open(plan), Some(device)) => case::open(reducer, at, device, incident, plan, out),
        (case::Placement::Join(plan), Some(_)) => case::join(reducer, at, incident, &plan, quiet, out),
        _ => {
            if let Some(id) = incident.case {
                case::refresh(reducer, at, id, Some(incident), quiet, out);
            }
        }
    }
    if let Some(left) = old_case.filter(|_| !stays) {
        standing::unlodge(reducer, at, incident.id, left, out);
        leave_case(reducer, at, left, quiet, out);
    }
}

/// A case that an incident went out of is looked at again.
pub(super) fn leave_case(reducer: &mut Reducer, at: At, left: EffectId, quiet: bool, out: &mut EffectSink) {
    case::refresh(reducer, at, left, None, quiet, out);
    case::close_if_gone(reducer, at, left, out);
}
