//! What staff did about a live case, said about a candidate's case.
//!
//! The ids of a candidate's cases are its own. A live case is told by what its incidents are about: the open case
//! of the candidate that has an incident of the same (rule, asset, key) is meant. Incidents that cleared for good are
//! not in the reducer any more; then it is the case that the same rule opened of the same asset and class.

use std::collections::BTreeSet;

use gengfu_cases::Reducer;
use gengfu_model::staff::{Action, CaseStep, StaffRequest};
use gengfu_model::{Case, EffectId};

/// A request for a candidate.
pub(super) enum Translated {
    /// It applies as it is.
    Same,
    /// It applies like this.
    Other(Box<StaffRequest>),
    /// The candidate has no such case: the step's name.
    Missing(&'static str),
}

/// The request as it applies to a candidate; `live` has not met it yet.
pub(super) fn translate(request: &StaffRequest, live: &Reducer, own: &Reducer) -> Translated {
    let Action::Case { case, step, note } = &request.action else { return Translated::Same };
    if live.case(*case).is_none() {
        // The live side will refuse it as well.
        return Translated::Same;
    }
    let Some(counterpart_of_case) = counterpart(*case, live, own) else { return Translated::Missing(step.name()) };
    let step = match step {
        CaseStep::Merge { into } => match counterpart(*into, live, own) {
            Some(into) => CaseStep::Merge { into },
            None => return Translated::Missing(step.name()),
        },
        other => other.clone(),
    };
    let action = Action::Case { case: counterpart_of_case, step, note: note.clone() };
    Translated::Other(Box::new(StaffRequest { action, ..request.clone() }))
}

/// The candidate's open case about the same thing.
fn counterpart(case: EffectId, live: &Reducer, own: &Reducer) -> Option<EffectId> {
    let about = about(case, live)?;
    if let Some(same) = own.case(case)
        && !about.is_disjoint(&about_of(&same.incidents, own))
    {
        return Some(case);
    }
    let by_incidents = own.cases().find(|case| !about.is_disjoint(&about_of(&case.incidents, own)));
    let live = live.case(case)?;
    let by_matter = || {
        let same = own.case(case).filter(|own| same_matter(own, live));
        same.or_else(|| own.cases().find(|own| same_matter(own, live)))
    };
    by_incidents.or_else(by_matter).map(|own| own.id)
}

/// Whether two cases came from the same rule or source, about the same asset, in the same class.
fn same_matter(own: &Case, live: &Case) -> bool {
    let matter = |case: &Case| (case.source.clone(), case.reporter.clone(), case.asset.clone(), case.class.clone());
    matter(own) == matter(live)
}

/// What the incidents of a case are about: (rule, asset, key).
type About<'a> = BTreeSet<(&'a str, &'a str, &'a str)>;

fn about(case: EffectId, reducer: &Reducer) -> Option<About<'_>> {
    reducer.case(case).map(|case| about_of(&case.incidents, reducer))
}

fn about_of<'a>(incidents: &[EffectId], reducer: &'a Reducer) -> About<'a> {
    let known = incidents.iter().filter_map(|id| reducer.incident(*id));
    known.map(|incident| (&*incident.rule, &*incident.asset, &*incident.key)).collect()
}
