//! What staff did about a live case, said about a draft's case.
//!
//! The ids of a draft's cases are its own. A live case is told by what its incidents are about: the open case
//! of the draft that has an incident of the same (rule, asset, key) is meant. Incidents that cleared for good are
//! not in the reducer any more; then it is the case that the same rule opened of the same asset and class.

use std::collections::BTreeSet;

use gengfu_model::staff::{Action, CaseStep, StaffRequest};
use gengfu_model::{Body, Case, Control, EffectId, Record};

use crate::engine::Engine;

/// A record for a draft.
pub(super) enum Translated {
    /// It applies as it is.
    Same,
    /// It applies like this.
    Other(Box<Record>),
    /// The draft has no such case: the step's name.
    Missing(&'static str),
}

/// Whether the record is a step about a case.
pub(super) fn names_a_case(record: &Record) -> bool {
    matches!(&record.body, Body::Control(Control::Request(StaffRequest { action: Action::Case { .. }, .. })))
}

/// The record as it applies to the draft.
pub(super) fn translate(record: &Record, live: &Engine, draft: &Engine) -> Translated {
    let Body::Control(Control::Request(request)) = &record.body else { return Translated::Same };
    let Action::Case { case, step, note } = &request.action else { return Translated::Same };
    if live.reducer().case(*case).is_none() {
        // The live side will refuse it as well.
        return Translated::Same;
    }
    let Some(own) = counterpart(*case, live, draft) else { return Translated::Missing(step.name()) };
    let step = match step {
        CaseStep::Merge { into } => match counterpart(*into, live, draft) {
            Some(into) => CaseStep::Merge { into },
            None => return Translated::Missing(step.name()),
        },
        other => other.clone(),
    };
    let action = Action::Case { case: own, step, note: note.clone() };
    let request = StaffRequest { action, ..request.clone() };
    Translated::Other(Box::new(Record { body: Body::Control(Control::Request(request)), ..record.clone() }))
}

/// The draft's open case about the same thing.
fn counterpart(case: EffectId, live: &Engine, draft: &Engine) -> Option<EffectId> {
    let about = about(case, live)?;
    if let Some(same) = draft.reducer().case(case)
        && !about.is_disjoint(&about_of(&same.incidents, draft))
    {
        return Some(case);
    }
    let by_incidents = draft.reducer().cases().find(|own| !about.is_disjoint(&about_of(&own.incidents, draft)));
    let live = live.reducer().case(case)?;
    let by_matter = || {
        let same = draft.reducer().case(case).filter(|own| same_matter(own, live));
        same.or_else(|| draft.reducer().cases().find(|own| same_matter(own, live)))
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

fn about(case: EffectId, engine: &Engine) -> Option<About<'_>> {
    engine.reducer().case(case).map(|case| about_of(&case.incidents, engine))
}

fn about_of<'a>(incidents: &[EffectId], engine: &'a Engine) -> About<'a> {
    let known = incidents.iter().filter_map(|id| engine.reducer().incident(*id));
    known.map(|incident| (&*incident.rule, &*incident.asset, &*incident.key)).collect()
}
