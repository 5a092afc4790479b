//! Folding one case into another.

use gengfu_model::{CaseEvent, CaseState, EffectId, EffectSink, Incident, Refusal};

use super::request::{Asked, not_found};
use super::state::{OpenCase, clock_runs};
use super::{At, MAX_INCIDENTS_PER_CASE, Reducer, case, verify};

/// Folds `folded` into the case `into`: its incidents and what would join it go there, and so does its
/// limit if it leaves less time.
pub(super) fn merge(
    reducer: &mut Reducer,
    at: At,
    asked: &Asked<'_>,
    folded: OpenCase,
    into: EffectId,
    out: &mut EffectSink,
) -> Result<(), Refusal> {
    if into == folded.case.id {
        return Err(Refusal::new("invalid", "a case cannot be merged into itself").field("into"));
    }
    let Some(stays) = reducer.cases.get(&into).cloned() else {
        return Err(Refusal { field: Some("into".to_owned()), ..not_found(into) });
    };
    fits(&stays, &folded)?;
    let event = asked.event(at, folded.case.state, CaseState::Merged);
    fold(reducer, at, folded, stays, event, out);
    Ok(())
}

/// Whether two cases together are not too large.
pub(super) fn fits(stays: &OpenCase, folded: &OpenCase) -> Result<(), Refusal> {
    if stays.case.incidents.len() + folded.case.incidents.len() > MAX_INCIDENTS_PER_CASE {
        let message = format!("the two cases have more than {MAX_INCIDENTS_PER_CASE} incidents together");
        return Err(Refusal::new("invalid", message).field("into").hint("leave them apart"));
    }
    Ok(())
}

/// Folds one case into another; `event` is the line in the folded one's history.
pub(super) fn fold(
    reducer: &mut Reducer,
    at: At,
    mut folded: OpenCase,
    mut stays: OpenCase,
    event: CaseEvent,
    out: &mut EffectSink,
) {
    let moved: Vec<Incident> = reducer.members(&folded.case).cloned().collect();
    for mut incident in moved {
        incident.case = Some(stays.case.id);
        reducer.save_incident(incident, out);
    }
    let from = folded.case.state;
    let keys = std::mem::take(&mut folded.extra.keys);
    folded.case.state = CaseState::Merged;
    folded.case.merged_into = Some(stays.case.id);
    folded.case.condition_holds = false;
    folded.case.closed = Some(at.now);
    folded.case.updated = at.now;
    let note = format!("{} ({}) by {}", folded.case.number, folded.case.id, event.actor);
    let line = case::happening(&stays.case, at, "merged_from", Some(stays.case.state), note);
    take_sooner_limit(&mut stays, &folded, from);
    stays.case.severity = stays.case.severity.max(folded.case.severity);
    stays.case.incidents.extend(folded.case.incidents.iter().copied());
    stays.case.incidents.sort_unstable();
    stays.case.incidents.dedup();
    stays.case.updated = at.now;
    stays.extra.keys.extend(keys);
    stays.extra.watch(&folded.extra.sensors);
    stays.extra.unjudged |= folded.extra.unjudged;
    case::publish(reducer, at, folded, vec![event], Some("case.closed"), out);
    stays.case.condition_holds = reducer.condition_holds(&stays.case);
    let id = stays.case.id;
    case::publish(reducer, at, stays, vec![line], Some("case.updated"), out);
    verify::follow(reducer, at, id, false, out);
}

/// While both clocks run, the sooner deadline stays, with its row and class.
pub(super) fn take_sooner_limit(stays: &mut OpenCase, folded: &OpenCase, folded_state: CaseState) {
    let Some(offered) = folded.case.deadline else { return };
    let both_run = clock_runs(stays.case.state) && clock_runs(folded_state);
    let sooner = stays.case.deadline.is_none_or(|own| offered.due < own.due);
    if both_run && sooner {
        stays.case.deadline = Some(offered);
        stays.case.overdue = folded.case.overdue;
        stays.case.standard = folded.case.standard.clone();
        stays.case.class = folded.case.class.clone();
        stays.case.class_kind = folded.case.class_kind.clone();
        stays.case.class_name = folded.case.class_name.clone();
    }
}
