//! Who handles a case: by the profile's table of classes and districts, else by the register's owner of the
//! asset; and dispatching without being asked, where the table says so.

use std::sync::Arc;

use gengfu_model::{CaseState, EffectId, EffectSink};

use super::{At, Reducer, case, clocks, storm};

/// The department for a case of that class and district; `owner` is what the register or the reporter says.
pub(super) fn department(reducer: &Reducer, class: Option<&str>, district: &str, owner: &Arc<str>) -> Arc<str> {
    let rule = class.and_then(|class| reducer.profile.dispatch_rule(class, district));
    rule.map_or_else(|| owner.clone(), |rule| rule.department.clone())
}

/// Dispatches a case that was filed just now, if the profile says that its class needs nobody for that.
pub(super) fn auto(reducer: &mut Reducer, at: At, id: EffectId, out: &mut EffectSink) {
    let Some(open) = reducer.cases.get(&id).filter(|open| open.case.state == CaseState::Filed) else { return };
    let class = open.extra.keys.first().map_or("", |key| &*key.class);
    let Some(rule) = reducer.profile.dispatch_rule(class, &open.case.district).filter(|rule| rule.auto) else { return };
    let mut open = open.clone();
    open.case.department = rule.department.clone();
    clocks::start_handling(reducer, at, &mut open);
    open.case.state = CaseState::Dispatched;
    open.case.updated = at.now;
    let note = open.case.department.to_string();
    let event = case::happening(&open.case, at, "dispatch", Some(CaseState::Filed), note);
    case::publish(reducer, at, open, vec![event], Some("case.updated"), out);
    storm::dispatched(reducer, at, id, out);
}
