//! The one place where a case is put together: from a rule's incident or from what somebody reports.

use std::sync::Arc;

use gengfu_model::{Case, CaseClocks, CaseState, EffectId, EffectSink, Progress, Severity};

use super::{At, Reducer, dispatch};
use crate::deadline;
use crate::profile::Class;

/// What is known of a case when it opens. Number, department, deadline and all that comes later are found here.
pub(super) struct Opening {
    pub(super) id: EffectId,
    pub(super) source: Arc<str>,
    pub(super) reporter: Arc<str>,
    pub(super) state: CaseState,
    pub(super) severity: Severity,
    pub(super) asset: Arc<str>,
    pub(super) asset_name: Arc<str>,
    /// Of the city's table; `None` if the profile has no mapping.
    pub(super) class: Option<Class>,
    /// Id of the row that gives the limit.
    pub(super) standard: Option<Arc<str>>,
    pub(super) condition: Arc<str>,
    pub(super) text_zh: String,
    pub(super) text_en: String,
    pub(super) district: Arc<str>,
    pub(super) grid: Arc<str>,
    /// Who owns the asset, if that is known; the profile's dispatch table may say more.
    pub(super) owner: Arc<str>,
    /// Latitude and longitude in degrees, WGS-84.
    pub(super) position: (Option<f64>, Option<f64>),
    /// The incident that it opens with, and whether it holds.
    pub(super) incident: Option<(EffectId, bool)>,
}

/// The case, with the next number and its handling limit counted from now.
pub(super) fn case(reducer: &mut Reducer, at: At, opening: Opening, out: &mut EffectSink) -> Case {
    let Opening { class, standard, incident, position, .. } = &opening;
    let class_id = class.as_ref().map(|class| &*class.id);
    let department = dispatch::department(reducer, class_id, &opening.district, &opening.owner);
    let limit = standard.as_ref().and_then(|standard| reducer.profile.limit(standard));
    let deadline = limit.map(|limit| deadline::deadline(&reducer.profile.calendar, limit, at.now));
    let of_class =
        |part: fn(&Class) -> &Arc<str>| class.as_ref().map_or_else(|| "".into(), |class| part(class).clone());
    let (incidents, condition_holds) = incident.map_or((Vec::new(), false), |(id, holds)| (vec![id], holds));
    Case {
        id: opening.id,
        number: reducer.next_number(at.now, out),
        class: of_class(|class| &class.code),
        class_kind: of_class(|class| &class.kind),
        class_name: of_class(|class| &class.name),
        standard: standard.clone().unwrap_or_else(|| "".into()),
        latitude: position.0,
        longitude: position.1,
        source: opening.source,
        reporter: opening.reporter,
        state: opening.state,
        severity: opening.severity,
        asset: opening.asset,
        asset_name: opening.asset_name,
        condition: opening.condition,
        text_zh: opening.text_zh,
        text_en: opening.text_en,
        district: opening.district,
        grid: opening.grid,
        department,
        incidents,
        condition_holds,
        deadline,
        overdue: false,
        clocks: CaseClocks::default(),
        progress: Progress::default(),
        acknowledged_by: None,
        acknowledged_at: None,
        assignee: None,
        opened: at.now,
        updated: at.now,
        closed: None,
        feedback: None,
        merged_into: None,
        escalation: None,
    }
}
