//! Cases that opened before a storm had formed, folded into the storm's case in the same transaction.

use std::collections::BTreeSet;

use gengfu_model::{CaseEvent, CaseState, Decision, DecisionKind, EffectId, EffectSink, Incident, IncidentState, Why};

use super::{At, MAX_INCIDENTS_PER_CASE, Reducer, case, decide, merge};

/// The most numbers of folded cases that the history's line names.
const NAMED: usize = 20;

/// Whether nobody was sent out for a case in that state.
pub(super) fn waits(state: CaseState) -> bool {
    matches!(state, CaseState::Reported | CaseState::PendingVerify | CaseState::Filed | CaseState::Returned)
}

/// Which of these cases can be folded: nobody was sent out, nothing but members of the storm holds in them, and
/// together they are not too large. `last` is the member that is being put out.
pub(super) fn foldable(
    reducer: &Reducer,
    parent: EffectId,
    last: EffectId,
    into: EffectId,
    cases: BTreeSet<EffectId>,
) -> Vec<EffectId> {
    let mut room = MAX_INCIDENTS_PER_CASE - 1;
    if let Some(stays) = reducer.cases.get(&into) {
        room = MAX_INCIDENTS_PER_CASE.saturating_sub(stays.case.incidents.len() + 1);
    }
    let mut found = Vec::new();
    for id in cases.into_iter().filter(|id| *id != into) {
        let Some(open) = reducer.cases.get(&id).filter(|open| waits(open.case.state)) else { continue };
        let of_storm =
            |row: &Incident| row.state == IncidentState::Cleared || row.parent == Some(parent) || row.id == last;
        let size = open.case.incidents.len();
        if size <= room && reducer.members(&open.case).all(of_storm) {
            room -= size;
            found.push(id);
        }
    }
    found
}

/// Folds cases into the storm's. What would have joined them opens a case of its own once the storm is over, so
/// their keys go nowhere.
pub(super) fn fold(
    reducer: &mut Reducer,
    at: At,
    parent: &Incident,
    into: EffectId,
    cases: &[EffectId],
    last: &mut Incident,
    out: &mut EffectSink,
) {
    let mut numbers = Vec::new();
    for id in cases {
        let Some(mut folded) = reducer.cases.get(id).cloned() else { continue };
        let Some(mut stays) = reducer.cases.get(&into).cloned() else { return };
        let moved: Vec<Incident> = reducer.members(&folded.case).cloned().collect();
        for incident in moved {
            if incident.id == last.id {
                last.case = Some(into);
            } else {
                reducer.save_incident(Incident { case: Some(into), ..incident }, out);
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
        };
        numbers.push(folded.case.number.to_string());
        let about = Decision::about(parent, at.now, DecisionKind::Folded, Why::StormBegan).because_of(into);
        decide::put(Decision { case: Some(*id), asset: folded.case.asset.clone(), device: None, ..about }, out);
        case::publish(reducer, at, folded, vec![event], Some("case.folded"), out);
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
