//! Silences and maintenance windows: asked for by staff, active by time or hours of the week, ended by time, by
//! the condition, by request or with their work order.
//!
//! While a silence is active, what opens under it is recorded and calls nobody. At the end of each window, one
//! message says what happened meanwhile, and what still holds is raised at once.

use gengfu_model::silence::{Matched, NewSilence, Silence, SilenceState};
use gengfu_model::staff::Accepted;
use gengfu_model::time::{DAY_MS, HOUR_MS};
use gengfu_model::{Device, EffectId, EffectSink, Incident, Refusal, Role, Verdict, Why};

use super::state::TrackKey;
use super::{At, MAX_NAME_BYTES, MAX_NOTE_BYTES, Reducer, case, notify, standing};
use crate::windows;

/// The most silences that are not over.
pub const MAX_SILENCES: usize = 500;
/// The longest time from now to a silence's end.
pub const MAX_SILENCE_MS: i64 = 366 * DAY_MS;
/// How long a silence may be that a duty officer asks for.
pub const DUTY_OFFICER_MS: i64 = 24 * HOUR_MS;
/// The most assets that one silence remembers as covered no more; with one more it ends.
const MAX_REARMED: usize = 1_000;

/// Judges and begins what staff asked for.
pub(super) fn put(
    reducer: &mut Reducer,
    at: At,
    user: &str,
    roles: &[Role],
    asked: &NewSilence,
    out: &mut EffectSink,
) -> Verdict {
    check(reducer, at, roles, asked)?;
    let from = asked.from.unwrap_or(at.now).max(at.now);
    let id = out.reserve();
    let silence = Silence {
        id,
        author: user.into(),
        created: at.now,
        from,
        asked: asked.clone(),
        state: SilenceState::Planned,
        held: 0,
        cleared: 0,
        rearmed: Vec::new(),
        ended: None,
        ended_by: None,
        ended_why: None,
    };
    let (state, _) = stands(reducer, &silence, at);
    if state == SilenceState::Ended {
        return Err(Refusal::new("invalid", "none of its hours of the week lies between its beginning and its end")
            .field("weekly")
            .hint("let it end later"));
    }
    reducer.save_silence(at, Silence { state, ..silence }, out);
    Ok(Accepted { id: Some(id), ..Accepted::default() })
}

fn check(reducer: &Reducer, at: At, roles: &[Role], asked: &NewSilence) -> Result<(), Refusal> {
    let invalid = |field: &str, message: String| Err(Refusal::new("invalid", message).field(field));
    if asked.matches.is_empty() {
        return invalid("matches", "a silence names at least an asset, a device, an area or a rule".to_owned());
    }
    for (field, word) in asked.matches.words() {
        if word.trim().is_empty() || word.len() > MAX_NAME_BYTES {
            return invalid(field, format!("`{field}` must have 1 to {MAX_NAME_BYTES} bytes"));
        }
    }
    if asked.reason.trim().is_empty() || asked.reason.len() > MAX_NAME_BYTES {
        return invalid("reason", format!("the reason must have 1 to {MAX_NAME_BYTES} bytes"));
    }
    if asked.comment.len() > MAX_NOTE_BYTES {
        return invalid("comment", format!("the comment may have {MAX_NOTE_BYTES} bytes"));
    }
    if asked.work_order.as_ref().is_some_and(|order| order.trim().is_empty() || order.len() > MAX_NAME_BYTES) {
        return invalid("work_order", format!("`work_order` must have 1 to {MAX_NAME_BYTES} bytes"));
    }
    let from = asked.from.unwrap_or(at.now).max(at.now);
    if asked.to <= from {
        return invalid("to", "a silence must end after it begins, and not in the past".to_owned());
    }
    if asked.to.since_ms(at.now) > MAX_SILENCE_MS {
        return invalid("to", format!("a silence ends within {} days", MAX_SILENCE_MS / DAY_MS));
    }
    if let Some(mistake) = asked.weekly.as_ref().and_then(windows::mistake) {
        return invalid("weekly", mistake.to_owned());
    }
    let wide = !asked.matches.names_one() || asked.to.since_ms(from) > DUTY_OFFICER_MS;
    if wide && !roles.iter().any(|role| matches!(role, Role::ShiftLeader | Role::Administrator)) {
        let message = "an area, a rule, or more than 24 hours may be silenced by a shift leader only";
        return Err(Refusal::new("forbidden", message).hint("name one asset or device, and end it within 24 hours"));
    }
    if reducer.silences.len() >= MAX_SILENCES {
        let message = format!("there are {MAX_SILENCES} silences that are not over");
        return Err(Refusal::new("limit", message).hint("end some of them first"));
    }
    Ok(())
}

/// Ends a silence, or all of a work order.
pub(super) fn end(
    reducer: &mut Reducer,
    at: At,
    user: &str,
    silence: Option<EffectId>,
    work_order: Option<&str>,
    out: &mut EffectSink,
) -> Verdict {
    let (ids, why): (Vec<EffectId>, &str) = match (silence, work_order) {
        (Some(id), None) => (reducer.silences.contains_key(&id).then_some(id).into_iter().collect(), "request"),
        (None, Some(order)) => {
            let of_order = reducer.silences().filter(|row| row.asked.work_order.as_deref() == Some(order));
            (of_order.map(|row| row.id).collect(), "work_order")
        }
        _ => return Err(Refusal::new("invalid", "name either a silence or a work order")),
    };
    if ids.is_empty() {
        let what = silence.map_or_else(|| work_order.unwrap_or_default().to_owned(), |id| id.to_string());
        return Err(Refusal::new("not_found", format!("no silence of `{what}` runs or is planned")));
    }
    for id in &ids {
        end_now(reducer, at, *id, user, why, out);
    }
    Ok(Accepted { id: silence, rows: u32::try_from(ids.len()).unwrap_or(u32::MAX), ..Accepted::default() })
}

/// The timer: a window begins or is over.
pub(super) fn due(reducer: &mut Reducer, at: At, id: EffectId, out: &mut EffectSink) {
    let Some(silence) = reducer.silence(id).cloned() else { return };
    let (state, _) = stands(reducer, &silence, at);
    if state == SilenceState::Ended {
        return end_now(reducer, at, id, case::SYSTEM, "time", out);
    }
    let mut next = Silence { state, ..silence.clone() };
    if state == SilenceState::Active {
        // A window begins with nothing held back and everything covered.
        next = Silence { held: 0, cleared: 0, rearmed: Vec::new(), ..next };
    }
    reducer.save_silence(at, next, out);
    if silence.state == SilenceState::Active {
        over(reducer, at, &silence, out);
    }
}

fn end_now(reducer: &mut Reducer, at: At, id: EffectId, by: &str, why: &str, out: &mut EffectSink) {
    let Some(silence) = reducer.silence(id).cloned() else { return };
    let was_active = silence.state == SilenceState::Active;
    let silence = Silence {
        state: SilenceState::Ended,
        ended: Some(at.now),
        ended_by: Some(by.into()),
        ended_why: Some(why.into()),
        ..silence
    };
    reducer.save_silence(at, silence.clone(), out);
    if was_active {
        over(reducer, at, &silence, out);
    }
}

/// A window is over: one message says what happened, and what still holds is raised.
fn over(reducer: &mut Reducer, at: At, silence: &Silence, out: &mut EffectSink) {
    if silence.held > 0 {
        let open: Vec<EffectId> = reducer.held_back.get(&silence.id).into_iter().flatten().copied().collect();
        notify::silence(reducer, at, silence, &open, out);
    }
    standing::release(reducer, at, silence.id, Why::SilenceOver, out);
}

/// How a silence stands now, and when that changes.
pub(super) fn stands(reducer: &Reducer, silence: &Silence, at: At) -> (SilenceState, Option<gengfu_model::Timestamp>) {
    let NewSilence { to, weekly, .. } = &silence.asked;
    windows::standing(&reducer.profile.calendar, silence.from, *to, weekly.as_ref(), at.now)
}

/// The active silence that covers an incident; of several, the one that was asked for first.
pub(super) fn covering(reducer: &Reducer, device: &Device, incident: &Incident) -> Option<EffectId> {
    let matched = Matched { device, rule: &incident.rule, key: &incident.key, condition: &incident.condition };
    let covers = |silence: &&Silence| {
        silence.state == SilenceState::Active
            && silence.asked.matches.covers(matched)
            && !silence.rearmed.contains(&incident.asset)
    };
    reducer.silences().find(covers).map(|silence| silence.id)
}

/// A silence held an incident back.
pub(super) fn count_held(reducer: &mut Reducer, at: At, id: EffectId, out: &mut EffectSink) {
    let Some(silence) = reducer.silence(id).cloned() else { return };
    reducer.save_silence(at, Silence { held: silence.held.saturating_add(1), ..silence }, out);
}

/// What a silence held back has cleared by itself.
pub(super) fn cleared(reducer: &mut Reducer, at: At, incident: &Incident, out: &mut EffectSink) {
    let silence = incident.silenced_by.and_then(|id| reducer.silence(id)).cloned();
    let Some(mut silence) = silence.filter(|silence| silence.state == SilenceState::Active) else { return };
    silence.cleared = silence.cleared.saturating_add(1);
    let id = silence.id;
    let closed = silence.asked.until_clear && !holds_on(reducer, id, incident);
    if closed {
        silence.rearmed.push(incident.asset.clone());
    }
    let full = silence.rearmed.len() > MAX_REARMED;
    let one = silence.asked.matches.names_one();
    reducer.save_silence(at, silence, out);
    if closed && (one || full) {
        end_now(reducer, at, id, case::SYSTEM, "condition", out);
    }
}

/// Whether a silence still holds anything back on the incident's asset.
fn holds_on(reducer: &Reducer, id: EffectId, incident: &Incident) -> bool {
    let held = reducer.held_back.get(&id).into_iter().flatten().filter_map(|id| reducer.incidents.get(id));
    held.filter(|other| other.id != incident.id).any(|other| TrackKey::of(other).asset == incident.asset)
}
