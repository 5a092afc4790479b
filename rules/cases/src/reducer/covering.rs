//! A cause that is found late: what it explains and opened shortly before goes under it, as if it had come first.
//!
//! A feeder goes dark before its cabinet says so, devices fall silent before their gateway is missed. So when a cause
//! opens, what opened in its group within the time that the profile's table says is held back by it from then on, and
//! a case that holds nothing else, and for which nobody was sent out, is folded into the cause's. A case for which
//! somebody is under way stays, and so does one of a cause that has no case itself: nobody would see it any more.

use std::collections::BTreeSet;
use std::sync::Arc;

use gengfu_model::{DecisionKind, Device, EffectId, EffectSink, Incident, IncidentState, Why};

use super::state::{StormKey, TrackKey};
use super::{At, Reducer, case, decide, standing, storm, storm_fold, storm_over};

/// The most incidents that one cause takes in at once; what is beyond goes on as it is.
const MAX_COVERED: usize = 1_000;

/// Takes in what a cause explains in these groups and opened before it. The cause is put out already; `except` is
/// being put out, and finds its place by itself.
pub(super) fn earlier(
    reducer: &mut Reducer,
    at: At,
    cause: &Incident,
    groups: &[Arc<str>],
    except: Option<EffectId>,
    out: &mut EffectSink,
) {
    let mut found = explained(reducer, at, cause, groups);
    found.retain(|incident| Some(incident.id) != except);
    if found.is_empty() {
        return;
    }
    let ids: BTreeSet<EffectId> = found.iter().map(|incident| incident.id).collect();
    let own_cases = found.iter().filter(|row| standing::has_open_case(reducer, row)).filter_map(|row| row.case);
    let own_cases: BTreeSet<EffectId> = own_cases.collect();
    let covered = |row: &Incident| ids.contains(&row.id);
    let into = cause.case.filter(|id| reducer.cases.contains_key(id));
    let mut left: BTreeSet<StormKey> = BTreeSet::new();
    let folded = into.map_or_else(Vec::new, |into| storm_fold::foldable(reducer, into, own_cases, &covered));
    for mut incident in found {
        let own = incident.case.filter(|id| reducer.cases.contains_key(id));
        if own.is_some_and(|own| !folded.contains(&own)) {
            continue;
        }
        incident.inhibited_by = Some(cause.id);
        incident.updated = at.now;
        decide::because(at, &incident, DecisionKind::Inhibited, Why::CauseCovers, cause.id, out);
        // What is explained is no sign of another storm.
        left.extend(storm::forget_membership(reducer, &TrackKey::of(&incident), out));
        reducer.save_incident(incident, out);
    }
    if let Some(into) = into.filter(|_| !folded.is_empty()) {
        storm_fold::fold(reducer, at, cause, into, &folded, None, Why::CauseCovers, out);
    }
    for storm in left {
        storm_over::left(reducer, at, &storm, out);
    }
}

/// What opened lately, calls somebody or would, and is explained by the cause: the oldest first.
fn explained(reducer: &Reducer, at: At, cause: &Incident, groups: &[Arc<str>]) -> Vec<Incident> {
    let of_cause = reducer.profile.inhibitions.values().flatten().filter(|rule| rule.cause == cause.condition);
    let Some(longest) = of_cause.map(|rule| rule.within_ms).max().filter(|within| *within > 0) else {
        return Vec::new();
    };
    let from = at.now.plus_ms(-longest);
    // Ids ascend with the opening, so this looks at no more than what opened within that time.
    let lately = reducer.incidents.values().rev().take_while(|incident| incident.opened >= from);
    let fits = |incident: &&Incident| {
        let free = incident.parent.is_none() && incident.silenced_by.is_none() && incident.inhibited_by.is_none();
        incident.state == IncidentState::Open && incident.id != cause.id && free && {
            let track = reducer.tracks.get(&TrackKey::of(incident)).filter(|track| !track.is_quiet());
            let place = track.and_then(|track| track.place.as_ref());
            place.is_some_and(|place| is_explained(reducer, at, cause, groups, &place.device(incident), incident))
        }
    };
    let mut found: Vec<Incident> = lately.filter(fits).take(MAX_COVERED).cloned().collect();
    found.reverse();
    found
}

fn is_explained(
    reducer: &Reducer,
    at: At,
    cause: &Incident,
    groups: &[Arc<str>],
    device: &Device,
    incident: &Incident,
) -> bool {
    let rules = reducer.profile.inhibitions.get(&incident.condition).into_iter().flatten();
    let mut lately =
        rules.filter(|rule| rule.cause == cause.condition && at.now.since_ms(incident.opened) <= rule.within_ms);
    lately.any(|rule| {
        let mut own = rule.by.iter().filter_map(|by| case::group_of(by, device));
        own.any(|group| groups.contains(&group))
    })
}
