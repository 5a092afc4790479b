//! The decision log of incidents: one row for each transition, with the word that says most.

use gengfu_model::{Decision, DecisionKind, Effect, EffectId, EffectSink, Incident, Why};

use super::At;
use super::case::Placement;
use super::storm::Entry;

/// Puts a decision about an incident out.
pub(super) fn about(at: At, incident: &Incident, what: DecisionKind, why: Why, out: &mut EffectSink) {
    put(Decision::about(incident, at.now, what, why), out);
}

/// Puts a decision about an incident out, with what stood behind it.
pub(super) fn because(
    at: At,
    incident: &Incident,
    what: DecisionKind,
    why: Why,
    reference: EffectId,
    out: &mut EffectSink,
) {
    put(Decision::about(incident, at.now, what, why).because_of(reference), out);
}

/// Puts any decision out.
pub(super) fn put(decision: Decision, out: &mut EffectSink) {
    out.push(Effect::Decision(Box::new(decision)));
}

/// What became of an incident that was looked at for its place: the word of its kind unless something held
/// it back or took it in.
pub(super) fn placed(
    at: At,
    incident: &Incident,
    what: DecisionKind,
    entry: Entry,
    placement: &Placement,
    out: &mut EffectSink,
) {
    match entry {
        Entry::Began(parent) => because(at, incident, DecisionKind::Grouped, Why::StormBegan, parent, out),
        Entry::Member => {
            let decision = Decision::about(incident, at.now, DecisionKind::Grouped, Why::StormMember);
            put(Decision { refs: incident.parent.into_iter().collect(), ..decision }, out);
        }
        Entry::Silenced(silence) => because(at, incident, DecisionKind::Silenced, Why::SilenceCovers, silence, out),
        Entry::Inhibited(cause) => because(at, incident, DecisionKind::Inhibited, Why::CauseCovers, cause, out),
        Entry::Alone => {
            let why = match placement {
                Placement::Open(_) => Why::CaseOpened,
                Placement::Join(_) => Why::CaseJoined,
                Placement::None => Why::IncidentOnly,
            };
            about(at, incident, what, why, out);
        }
    }
}

/// Why an incident that stays open is another one than before.
pub(super) fn difference(before: &Incident, after: &Incident) -> Why {
    if after.condition != before.condition {
        Why::ConditionChanged
    } else if after.severity > before.severity {
        Why::SeverityUp
    } else if after.severity < before.severity {
        Why::SeverityDown
    } else {
        Why::DetailsChanged
    }
}

/// The reason of a clear by its stored word.
pub(super) fn clearing(incident: &Incident) -> Why {
    match incident.cleared_by.as_deref() {
        Some("withdrawn") => Why::RuleWithdrawn,
        Some("retired") => Why::DeviceRetired,
        _ => Why::ConditionGone,
    }
}
