//! Cases that opened before a storm had formed, or before what explains them was known, folded into the case of the
//! storm or the cause in the same transaction. What nobody has been told of them yet, nobody is told any more.

use std::collections::BTreeSet;

use gengfu_model::{
    CaseEvent, CaseState, Decision, DecisionKind, Effect, EffectId, EffectSink, Incident, IncidentState, Why,
};

use super::notify::FOLDED_TOPIC;
use super::{At, MAX_INCIDENTS_PER_CASE, Reducer, case, decide, merge};

/// The most numbers of folded cases that the history's line names.
const NAMED: usize = 20;

/// Whether nobody was sent out for a case in that state.
pub(super) fn waits(state: CaseState) -> bool {
    matches!(state, CaseState::Reported | CaseState::PendingVerify | CaseState::Filed | CaseState::Returned)
}

/// Which of these cases can be folded: nobody was sent out, nothing holds in them but what `covered` says, and
/// together they are not too large.
pub(super) fn foldable(
    reducer: &Reducer,
    into: EffectId,
    cases: BTreeSet<EffectId>,
    covered: &dyn Fn(&Incident) -> bool,
) -> Vec<EffectId> {
    let mut room = MAX_INCIDENTS_PER_CASE - 1;
    if let Some(stays) = reducer.cases.get(&into) {
        room = MAX_INCIDENTS_PER_CASE.saturating_sub(stays.case.incidents.len() + 1);
    }
    let mut found = Vec::new();
    for id in cases.into_iter().filter(|id| *id != into) {
        let Some(open) = reducer.cases.get(&id).filter(|open| waits(open.case.state)) else { continue };
        let size = open.case.incidents.len();
        let gone = |row: &Incident| row.state == IncidentState::Cleared || covered(row);
        if size <= room && reducer.members(&open.case).all(gone) {
            room -= size;
            found.push(id);
        }
    }
    found
}

/// Folds cases into that of a storm or a cause, which is `parent`. What would have joined them opens a case of its
/// own once that is over, so their keys go nowhere. `last` is the incident that is being put out, if one is.
#[expect(clippy::too_many_arguments, reason = "the parts of one transition, each used once")]
pub(super) fn fold(
    reducer: &mut Reducer,
    at: At,
    parent: &Incident,
    into: EffectId,
    cases: &[EffectId],
    mut last: Option<&mut Incident>,
    why: Why,
    out: &mut EffectSink,
) {
    let mut numbers = Vec::new();
    for id in cases {
        let Some(mut folded) = reducer.cases.get(id).cloned() else { continue };
        let Some(mut stays) = reducer.cases.get(&into).cloned() else { return };
        let moved: Vec<Incident> = reducer.members(&folded.case).cloned().collect();
        for incident in moved {
            match &mut last {
                Some(last) if last.id == incident.id => last.case = Some(into),
                _ => reducer.save_incident(Incident { case: Some(into), ..incident }, out),
            }
        }
        let from = folded.case.state;
        merge::take_sooner_limit(&mut stays, &folded, from);
        stays.case.severity = stays.case.severity.max(folded.case.severity);
        stays.case.incidents.extend(folded.case.incidents.iter().copied());
        stays.case.incidents.sort_unstable();
        stays.case.incidents.dedup();
        reducer.keep_case_quietly(stays);
        folded.extra.keys.clear();
        folded.case.state = CaseState::Merged;
        folded.case.merged_into = Some(into);
        folded.case.condition_holds = false;
        folded.case.closed = Some(at.now);
        folded.case.updated = at.now;
        let event = CaseEvent {
            case: *id,
            time: at.now,
            actor: case::SYSTEM.into(),
            action: "merge".into(),
            from: Some(from),
            to: CaseState::Merged,
            note: into.to_string(),
            attachment: None,
        };
        numbers.push(folded.case.number.to_string());
        let about = Decision::about(parent, at.now, DecisionKind::Folded, why).because_of(into);
        decide::put(Decision { case: Some(*id), asset: folded.case.asset.clone(), device: None, ..about }, out);
        out.push(Effect::OutboxWithdrawn { case: *id, into });
        case::publish(reducer, at, folded, vec![event], Some(FOLDED_TOPIC), out);
    }
    let Some(mut stays) = reducer.cases.get(&into).filter(|_| !numbers.is_empty()).cloned() else { return };
    let more = if numbers.len() > NAMED { format!(" (+{})", numbers.len() - NAMED) } else { String::new() };
    let note =
        format!("{}{more} by {}", numbers.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", "), case::SYSTEM);
    stays.case.updated = at.now;
    stays.case.condition_holds = true;
    let line = case::happening(&stays.case, at, "merged_from", Some(stays.case.state), note);
    // The message of its opening says which cases it replaces.
    case::publish(reducer, at, stays, vec![line], None, out);
}
