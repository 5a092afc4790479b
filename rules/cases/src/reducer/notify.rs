//! What goes out to others: one outbox row per happening, with the entity as JSON and its texts filled.

use std::sync::Arc;

use gengfu_model::{Case, CaseEvent, Effect, EffectId, EffectSink, Incident, OutboxItem, Silence, Timestamp};
use serde::Serialize;

use super::{At, Reducer};
use crate::profile::TextPair;

/// The body of a message about an incident.
#[derive(Serialize)]
struct IncidentBody<'a> {
    topic: &'a str,
    time: Timestamp,
    incident: &'a Incident,
    text_zh: String,
    text_en: String,
}

/// The body of a message about a case.
#[derive(Serialize)]
struct CaseBody<'a> {
    topic: &'a str,
    time: Timestamp,
    case: &'a Case,
    event: &'a CaseEvent,
    /// What stands behind the case: its incidents that are known, the newest last.
    evidence: Vec<Evidence<'a>>,
    /// Cases whose messages this one replaces.
    #[serde(skip_serializing_if = "<[EffectId]>::is_empty")]
    replaces: &'a [EffectId],
    text_zh: String,
    text_en: String,
}

/// An incident of a case, in short.
#[derive(Serialize)]
struct Evidence<'a> {
    incident: EffectId,
    rule: &'a str,
    device: &'a str,
    condition: &'a str,
    severity: &'a str,
    value: Option<f64>,
    opened: Timestamp,
    cleared: Option<Timestamp>,
    text_zh: &'a str,
    text_en: &'a str,
}

/// Incidents that a message about a case tells of at most.
const MAX_EVIDENCE: usize = 20;

/// The topic of the news that a case was folded into that of a storm or a cause.
pub const FOLDED_TOPIC: &str = "case.folded";

/// Tells others about an incident, if the profile says so.
pub(super) fn incident(reducer: &Reducer, at: At, topic: &str, incident: &Incident, out: &mut EffectSink) {
    let Some((name, texts)) = reducer.profile.outbox.topics.get_key_value(topic) else { return };
    if incident.worst < reducer.profile.outbox.incident_from {
        return;
    }
    let value = |place: &str, text: &str| match place {
        "rule" => incident.rule.to_string(),
        "asset" => incident.asset.to_string(),
        "district" => incident.district.to_string(),
        "severity" => incident.severity.name().to_owned(),
        "value" => incident.value.map(|value| value.to_string()).unwrap_or_default(),
        _ => text.to_owned(),
    };
    let TextPair { zh, en } = texts;
    let text_zh = zh.fill(|place| value(place, &incident.text_zh));
    let text_en = en.fill(|place| value(place, &incident.text_en));
    send(name, at, &IncidentBody { topic, time: at.now, incident, text_zh, text_en }, None, out);
}

/// The body of a message about a silence.
#[derive(Serialize)]
struct SilenceBody<'a> {
    topic: &'a str,
    time: Timestamp,
    silence: &'a Silence,
    /// Incidents that it held back and that are open: the first [`MAX_LISTED`].
    open: &'a [EffectId],
    /// How many of them there are.
    open_count: usize,
    text_zh: String,
    text_en: String,
}

/// The most incidents that a message about a silence lists.
const MAX_LISTED: usize = 100;

/// Tells others what happened during a silence, if the profile says so.
pub(super) fn silence(reducer: &Reducer, at: At, silence: &Silence, open: &[EffectId], out: &mut EffectSink) {
    const TOPIC: &str = "silence.over";
    let Some((name, texts)) = reducer.profile.outbox.topics.get_key_value(TOPIC) else { return };
    let value = |place: &str| match place {
        "reason" => silence.asked.reason.to_string(),
        "work_order" => silence.asked.work_order.as_deref().unwrap_or("-").to_owned(),
        "author" => silence.author.to_string(),
        "held" => silence.held.to_string(),
        "cleared" => silence.cleared.to_string(),
        _ => open.len().to_string(),
    };
    let (text_zh, text_en) = (texts.zh.fill(value), texts.en.fill(value));
    let listed = open.get(..MAX_LISTED).unwrap_or(open);
    let body =
        SilenceBody { topic: TOPIC, time: at.now, silence, open: listed, open_count: open.len(), text_zh, text_en };
    send(name, at, &body, None, out);
}

/// Tells others about a case, if the profile says so. `event` is what happened to it, `replaces` the cases whose
/// messages this one replaces.
pub(super) fn case(
    reducer: &Reducer,
    at: At,
    topic: &str,
    case: &Case,
    event: &CaseEvent,
    replaces: &[EffectId],
    out: &mut EffectSink,
) {
    let Some((name, texts)) = reducer.profile.outbox.topics.get_key_value(topic) else { return };
    let due = case.deadline.as_ref().map(|deadline| reducer.profile.calendar.local(deadline.due));
    let due = due.map_or_else(|| "-".to_owned(), |due| due.format("%Y-%m-%d %H:%M").to_string());
    let asset = if case.asset_name.is_empty() { &case.asset } else { &case.asset_name };
    let value = |place: &str, text: &str| match place {
        "number" => case.number.to_string(),
        "class" => case.class_name.to_string(),
        "asset" => asset.to_string(),
        "due" => due.clone(),
        "district" => case.district.to_string(),
        "department" => case.department.to_string(),
        "severity" => case.severity.name().to_owned(),
        _ => text.to_owned(),
    };
    let TextPair { zh, en } = texts;
    let text_zh = zh.fill(|place| value(place, &case.text_zh));
    let text_en = en.fill(|place| value(place, &case.text_en));
    let evidence = reducer.members(case).collect::<Vec<_>>();
    let newest = evidence.iter().skip(evidence.len().saturating_sub(MAX_EVIDENCE));
    let evidence = newest.map(|incident| Evidence::of(incident)).collect();
    let body = CaseBody { topic, time: at.now, case, event, evidence, replaces, text_zh, text_en };
    send(name, at, &body, Some(case.id), out);
}

impl<'a> Evidence<'a> {
    fn of(incident: &'a Incident) -> Evidence<'a> {
        Evidence {
            incident: incident.id,
            rule: &incident.rule,
            device: incident.device.as_str(),
            condition: &incident.condition,
            severity: incident.severity.name(),
            value: incident.value,
            opened: incident.opened,
            cleared: incident.cleared,
            text_zh: &incident.text_zh,
            text_en: &incident.text_en,
        }
    }
}

fn send(topic: &Arc<str>, at: At, body: &impl Serialize, case: Option<EffectId>, out: &mut EffectSink) {
    // Plain data with text keys: nothing that JSON cannot say.
    let body = serde_json::to_string(body).expect("incidents and cases are plain data");
    let id = out.reserve();
    let row = OutboxItem { id, topic: topic.clone(), time: at.now, body, case, withdrawn: None };
    out.push(Effect::Outbox(Box::new(row)));
}
