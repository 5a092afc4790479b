//! Timers: what happens by itself when time passes.

use std::sync::Arc;

use gengfu_model::{EffectId, EffectSink, IncidentState};

use super::state::{StormKey, TrackKey};
use super::{At, Reducer, case, clearing, clocks, duty_request, escalation, personal, silence, storm_over, verify};

/// What is due. The order is that in which timers of the same moment fire.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// Something about a (rule, asset, key): quiet after flapping, the end of a cooldown, forgetting.
    Track(TrackKey),
    /// A case's deadline.
    Overdue(EffectId),
    /// The sensors' time to verify what was handled.
    Verify(EffectId),
    /// Somebody comes on duty in a roster's district, or leaves.
    ShiftChange(Arc<str>),
    /// The next call about a case.
    Escalation(EffectId),
    /// What waits for a person goes out.
    Digest(Arc<str>),
    /// A silence begins, or one of its windows is over.
    Silence(EffectId),
    /// The limit of a case's stage.
    Stage(EffectId),
    /// A case's total deadline.
    Total(EffectId),
    /// The next rung of a case's ladder.
    Rung(EffectId),
    /// What is left of a storm that wanes had its time.
    StormOver(StormKey),
}

pub(super) fn fire(reducer: &mut Reducer, at: At, out: &mut EffectSink) {
    while reducer.timers.first().is_some_and(|(due, _)| *due <= at.now) {
        // Taken out before it fires, so that whatever it finds, it fires once.
        let Some((due, timer)) = reducer.timers.pop_first() else { break };
        let at = At { seq: at.seq, now: due };
        match timer {
            Timer::Track(key) => track_due(reducer, at, &key, out),
            Timer::Overdue(id) => case::overdue(reducer, at, id, out),
            Timer::Verify(id) => verify::due(reducer, at, id, out),
            Timer::ShiftChange(district) => duty_request::shift_change(reducer, at, &district, out),
            Timer::Escalation(id) => escalation::due(reducer, at, id, out),
            Timer::Digest(who) => personal::digest(reducer, at, &who, out),
            Timer::Silence(id) => silence::due(reducer, at, id, out),
            Timer::Stage(id) => clocks::stage_overdue(reducer, at, id, out),
            Timer::Total(id) => clocks::total_overdue(reducer, at, id, out),
            Timer::Rung(id) => clocks::rung(reducer, at, id, out),
            Timer::StormOver(storm) => storm_over::due(reducer, at, &storm, out),
        }
    }
}

/// Quiet came, a cooldown ended, or the last opening is long enough ago.
fn track_due(reducer: &mut Reducer, at: At, key: &TrackKey, out: &mut EffectSink) {
    let Some(mut track) = reducer.tracks.get(key).cloned() else { return };
    if let Some(pending) = track.pending.take() {
        clearing::clear_now(reducer, at, key, track, pending.reason, Box::new(pending.evidence), out);
        return;
    }
    expire(reducer, at, key, out);
}

/// Ends a cooldown that is over, and forgets a track that has nothing more to remember.
pub(super) fn expire(reducer: &mut Reducer, at: At, key: &TrackKey, out: &mut EffectSink) {
    let Some(mut track) = reducer.tracks.get(key).cloned() else { return };
    let mut ended = None;
    if track.reopen_until.is_some_and(|until| until <= at.now) {
        track.reopen_until = None;
        ended = track.incident.take();
    }
    let forgotten = track.forget_at.is_some_and(|forget| forget <= at.now);
    let keep = track.incident.is_some() || !forgotten;
    reducer.save_track(key, keep.then_some(track), out);
    let Some(incident) = ended.and_then(|id| reducer.incidents.get(&id)) else { return };
    debug_assert_eq!(incident.state, IncidentState::Cleared);
    let (id, of_case) = (incident.id, incident.case);
    reducer.forget_incident(id);
    if let Some(of_case) = of_case {
        case::close_if_gone(reducer, at, of_case, out);
    }
}
