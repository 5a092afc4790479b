//! Telling people: one row of the outbox for each person and channel, within what a person can take in.
//!
//! A notification is one happening told to one person. The console always has it
//! ([`CONSOLE`](crate::CONSOLE_TOPIC)); the person's own channels have a row each. At most [`MAX_CALLS`] go out
//! to a person within [`WINDOW_MS`], of which the last is kept for a digest: what is more waits [`DIGEST_WAIT_MS`]
//! for it, so that whoever is called in a storm soon knows how large it is. What comes in quiet hours waits for a
//! digest at their end. Nothing is dropped: each is a row of the decision log that says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::duty::{Language, Told};
use gengfu_model::time::MINUTE_MS;
use gengfu_model::{
    Case, CaseState, Decision, DecisionKind, Effect, EffectId, EffectSink, LimitKind, OutboxItem, Severity, Timestamp,
    Why,
};
use serde::{Deserialize, Serialize};

use super::escalation::Call;
use super::{At, Reducer, decide};

/// Notifications that one person gets within any [`WINDOW_MS`] at most, digests included.
pub const MAX_CALLS: usize = 10;
/// The time over which notifications of a person are counted, in milliseconds.
pub const WINDOW_MS: i64 = 10 * MINUTE_MS;
/// How long the digest of what was too much waits for more of it, if there is a place for it by then.
pub const DIGEST_WAIT_MS: i64 = MINUTE_MS;
/// The topic of notifications on the console. Those of a channel are `notification.` and the channel's name.
pub const CONSOLE_TOPIC: &str = "notification.console";
/// Cases that a digest names; it counts all.
const MAX_DIGEST_CASES: usize = 50;
/// People and rows that a case remembers as told.
const MAX_TOLD: usize = 32;

/// What a person was sent lately, and what waits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Load {
    /// When the newest went out, within the window, the oldest first: at most [`MAX_CALLS`].
    pub(super) sent: Vec<Timestamp>,
    /// Too many: waits until one more may go out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) limited: Option<Held>,
    /// Quiet hours: waits for their end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) quiet: Option<Held>,
}

/// What waits for a digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Held {
    due: Timestamp,
    count: u32,
    worst: Severity,
    by_severity: BTreeMap<Severity, u32>,
    cases: Vec<EffectId>,
}

impl Load {
    /// When one more may go out so that there are at most `most` within the window: now, or when there is a place.
    fn room_at(&mut self, most: usize, now: Timestamp) -> Timestamp {
        self.sent.retain(|sent| now.since_ms(*sent) < WINDOW_MS);
        let surplus = self.sent.len().checked_sub(most);
        surplus.and_then(|surplus| self.sent.get(surplus)).map_or(now, |first| first.plus_ms(WINDOW_MS))
    }

    /// When a call that was too much is told of in a digest.
    fn digest_at(&mut self, now: Timestamp) -> Timestamp {
        self.room_at(MAX_CALLS, now).max(now.plus_ms(DIGEST_WAIT_MS))
    }

    /// When the next digest is due.
    pub(super) fn due(&self) -> Option<Timestamp> {
        [&self.limited, &self.quiet].into_iter().flatten().map(|held| held.due).min()
    }
}

/// One notification: what every channel gets. `user` and what follows it differ by person.
#[derive(Clone, Debug, Serialize)]
struct Body<'a> {
    /// Which happening: `alarm`, `repeated`, `escalated`, `came_back`, `returned`, `worsened`, `overdue`,
    /// `withdrawn`, `digest`, `hand_over`, `test`.
    kind: &'a str,
    time: Timestamp,
    /// The id that all rows of this notification share.
    notification: EffectId,
    case: Option<EffectId>,
    number: &'a str,
    district: &'a str,
    severity: &'a str,
    level: u8,
    text_zh: String,
    text_en: String,
    /// Earlier rows about the case, which this one replaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    replaces: Vec<EffectId>,
    /// Of a digest: how many notifications it stands for, by severity.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    counts: BTreeMap<&'static str, u32>,
    /// Of a digest: the cases, at most 50.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cases: Vec<EffectId>,
    user: &'a str,
    language: Language,
    channel: &'a str,
    address: &'a str,
}

impl Body<'_> {
    fn new(kind: &str, at: At) -> Body<'_> {
        Body {
            kind,
            time: at.now,
            notification: EffectId { seq: at.seq, ordinal: 0 },
            case: None,
            number: "",
            district: "",
            severity: "",
            level: 0,
            text_zh: String::new(),
            text_en: String::new(),
            replaces: Vec::new(),
            counts: BTreeMap::new(),
            cases: Vec::new(),
            user: "",
            language: Language::Zh,
            channel: "console",
            address: "",
        }
    }
}

/// Tells people of a case. What was sent is noted in `told`.
pub(super) fn call(
    reducer: &mut Reducer,
    at: At,
    case: &Case,
    calls: &[Call],
    told: &mut Vec<Told>,
    out: &mut EffectSink,
) {
    for call in calls {
        if call.people.is_empty() {
            let note = format!("{}, level {}", call.kind, call.level);
            let why = if call.why == Why::NoChain { Why::NoChain } else { Why::NobodyOnDuty };
            decide::put(about(case, at, DecisionKind::NotNotified, None, why).noting(note), out);
        }
        for who in &call.people {
            tell(reducer, at, case, call, who, told, out);
        }
    }
}

fn tell(
    reducer: &mut Reducer,
    at: At,
    case: &Case,
    call: &Call,
    who: &Arc<str>,
    told: &mut Vec<Told>,
    out: &mut EffectSink,
) {
    let mut load = reducer.duty.loads.get(who).cloned().unwrap_or_default();
    let held = match quiet_until(reducer, case, who, at.now) {
        Some(until) => Some((Why::QuietTime, hold(&mut load.quiet, until, case))),
        None if load.room_at(MAX_CALLS - 1, at.now) > at.now => {
            let until = load.digest_at(at.now);
            Some((Why::RateLimited, hold(&mut load.limited, until, case)))
        }
        None => None,
    };
    if let Some((why, until)) = held {
        let local = reducer.profile.calendar.local(until).format("%Y-%m-%d %H:%M");
        let note = format!("{}, level {}: in the digest of {local}", call.kind, call.level);
        decide::put(about(case, at, DecisionKind::NotNotified, Some(who), why).noting(note), out);
        reducer.save_load(who, load, out);
        return;
    }
    load.sent.push(at.now);
    reducer.save_load(who, load, out);
    let (text_zh, text_en) = texts(reducer, call.kind, case, call.level, who);
    let body = Body {
        case: Some(case.id),
        number: &case.number,
        district: &case.district,
        severity: case.severity.name(),
        level: call.level,
        text_zh,
        text_en,
        replaces: told.iter().filter(|told| told.who == *who).map(|told| told.by).collect(),
        ..Body::new(call.kind, at)
    };
    let (id, channels) = send(reducer, who, body, out);
    told.retain(|told| told.who != *who);
    told.push(Told { who: who.clone(), by: id });
    let surplus = told.len().saturating_sub(MAX_TOLD);
    told.drain(..surplus);
    let note = format!("{}, level {}, by {channels}", call.kind, call.level);
    let decision = about(case, at, DecisionKind::Notified, Some(who), call.why).because_of(id);
    decide::put(decision.noting(note), out);
}

/// Until when a case waits for a person's quiet hours to end.
fn quiet_until(reducer: &Reducer, case: &Case, who: &Arc<str>, now: Timestamp) -> Option<Timestamp> {
    let any_hour = case.deadline.is_some_and(|deadline| deadline.limit == LimitKind::UrgentHour);
    if any_hour || case.severity == Severity::Critical {
        return None;
    }
    let calendar = &reducer.profile.calendar;
    let today = calendar.local(now).date();
    let hours = reducer.duty.contacts.get(who)?.quiet.iter().filter(|hours| case.severity < hours.below);
    let ends = hours.flat_map(|hours| {
        [today.pred_opt(), Some(today)].into_iter().flatten().filter_map(|day| {
            let last = if hours.to <= hours.from { day.succ_opt()? } else { day };
            let (from, to) = (calendar.moment(day, hours.from.minutes()), calendar.moment(last, hours.to.minutes()));
            (from <= now && now < to).then_some(to)
        })
    });
    ends.max()
}

fn hold(held: &mut Option<Held>, until: Timestamp, case: &Case) -> Timestamp {
    let held = held.get_or_insert_with(|| Held {
        due: until,
        count: 0,
        worst: case.severity,
        by_severity: BTreeMap::new(),
        cases: Vec::new(),
    });
    held.count = held.count.saturating_add(1);
    held.worst = held.worst.max(case.severity);
    *held.by_severity.entry(case.severity).or_default() += 1;
    if held.cases.len() < MAX_DIGEST_CASES && !held.cases.contains(&case.id) {
        held.cases.push(case.id);
    }
    held.due
}

/// Sends the digests of a person that are due.
pub(super) fn digest(reducer: &mut Reducer, at: At, who: &Arc<str>, out: &mut EffectSink) {
    let Some(mut load) = reducer.duty.loads.get(who).cloned() else { return };
    let mut ready = Vec::new();
    for limited in [true, false] {
        let room_at = load.room_at(MAX_CALLS, at.now);
        let slot = if limited { &mut load.limited } else { &mut load.quiet };
        let Some(mut held) = slot.take_if(|held| held.due <= at.now) else { continue };
        if room_at > at.now {
            held.due = room_at;
            *slot = Some(held);
        } else {
            load.sent.push(at.now);
            ready.push(held);
        }
    }
    reducer.save_load(who, load, out);
    for held in ready {
        let open = held.cases.iter().filter(|id| reducer.cases.contains_key(id)).count();
        let counts: BTreeMap<&'static str, u32> =
            held.by_severity.iter().map(|(severity, count)| (severity.name(), *count)).collect();
        let place = |place: &str| match place {
            "count" => held.count.to_string(),
            "open" => open.to_string(),
            "severity" => held.worst.name().to_owned(),
            "who" => who.to_string(),
            _ => String::new(),
        };
        let pair = reducer.profile.calls.of("digest");
        let body = Body {
            severity: held.worst.name(),
            text_zh: pair.zh.fill(|name| match name {
                "severity" => in_chinese(held.worst).to_owned(),
                _ => place(name),
            }),
            text_en: pair.en.fill(place),
            counts,
            cases: held.cases.clone(),
            ..Body::new("digest", at)
        };
        let (id, channels) = send(reducer, who, body, out);
        let decision = Decision { refs: vec![id], ..nothing(at, DecisionKind::Notified, Some(who), Why::InDigest) };
        decide::put(decision.noting(format!("{} notifications, by {channels}", held.count)), out);
    }
}

/// A case that people were told of was folded into another: their notifications are withdrawn.
pub(super) fn withdraw(reducer: &Reducer, at: At, case: &Case, out: &mut EffectSink) {
    if case.state != CaseState::Merged {
        return;
    }
    for told in case.escalation.iter().flat_map(|escalation| &escalation.told) {
        let (text_zh, text_en) = texts(reducer, "withdrawn", case, 0, &told.who);
        let body = Body {
            case: case.merged_into,
            number: &case.number,
            district: &case.district,
            severity: case.severity.name(),
            text_zh,
            text_en,
            replaces: vec![told.by],
            user: &told.who,
            ..Body::new("withdrawn", at)
        };
        // On the console alone: a robot cannot take back what it said, and a second message would be noise.
        put(CONSOLE_TOPIC, &body, out);
    }
}

/// Tells somebody what is about no case: a hand-over that is missing, a test.
pub(super) fn remark(
    reducer: &mut Reducer,
    at: At,
    kind: &'static str,
    district: &str,
    who: &Arc<str>,
    why: Why,
    out: &mut EffectSink,
) -> EffectId {
    let place = |place: &str| match place {
        "who" => who.to_string(),
        "district" => district.to_owned(),
        _ => String::new(),
    };
    let pair = reducer.profile.calls.of(kind);
    let (text_zh, text_en) = (pair.zh.fill(place), pair.en.fill(place));
    let (id, channels) = send(reducer, who, Body { district, text_zh, text_en, ..Body::new(kind, at) }, out);
    let decision = Decision { district: district.into(), ..nothing(at, DecisionKind::Notified, Some(who), why) };
    decide::put(decision.because_of(id).noting(format!("{kind}, by {channels}")), out);
    id
}

/// Puts a row out for each channel of a person; gives the console's row and the channels in words.
fn send(reducer: &Reducer, who: &Arc<str>, body: Body<'_>, out: &mut EffectSink) -> (EffectId, String) {
    let contact = reducer.duty.contacts.get(who);
    let language = contact.map(|contact| contact.language).unwrap_or_default();
    let mut body = Body { user: who, language, ..body };
    let id = put(CONSOLE_TOPIC, &body, out);
    body.notification = id;
    let mut named = "console".to_owned();
    for channel in contact.into_iter().flat_map(|contact| &contact.channels) {
        body.channel = &channel.channel;
        body.address = &channel.address;
        put(&format!("notification.{}", channel.channel), &body, out);
        named.push_str(", ");
        named.push_str(&channel.channel);
    }
    (id, named)
}

fn put(topic: &str, body: &Body<'_>, out: &mut EffectSink) -> EffectId {
    let id = out.reserve();
    let is_console = topic == CONSOLE_TOPIC;
    let body = Body { notification: if is_console { id } else { body.notification }, ..body.clone() };
    // Plain data with text keys: nothing that JSON cannot say.
    let text = serde_json::to_string(&body).expect("a notification is plain data");
    let row = OutboxItem { id, topic: topic.into(), time: body.time, body: text, case: body.case, withdrawn: None };
    out.push(Effect::Outbox(Box::new(row)));
    id
}

/// The texts of a happening, in Chinese and in English.
fn texts(reducer: &Reducer, kind: &str, case: &Case, level: u8, who: &Arc<str>) -> (String, String) {
    let due = case.deadline.as_ref().map(|deadline| reducer.profile.calendar.local(deadline.due));
    let due = due.map_or_else(|| "-".to_owned(), |due| due.format("%Y-%m-%d %H:%M").to_string());
    let asset = if case.asset_name.is_empty() { &case.asset } else { &case.asset_name };
    let value = |place: &str, text: &str| match place {
        "number" => case.number.to_string(),
        "class" => case.class_name.to_string(),
        "asset" => asset.to_string(),
        "district" => case.district.to_string(),
        "severity" => case.severity.name().to_owned(),
        "due" => due.clone(),
        "level" => level.to_string(),
        "who" => who.to_string(),
        _ => text.to_owned(),
    };
    // Rules' texts name the part as a rule, and those of groups the group.
    let named = |text: &str, between: &str| {
        let known = asset.is_empty() || text.contains(&**asset) || asset.contains(':');
        if known { text.to_owned() } else { format!("{asset}{between}{text}") }
    };
    let pair = reducer.profile.calls.of(kind);
    let zh = pair.zh.fill(|place| match place {
        "severity" => in_chinese(case.severity).to_owned(),
        "what" => named(&case.text_zh, "，"),
        _ => value(place, &case.text_zh),
    });
    let en = pair.en.fill(|place| match place {
        "what" => named(&case.text_en, ", "),
        _ => value(place, &case.text_en),
    });
    (zh, en)
}

/// A severity as duty staff say it.
fn in_chinese(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "提示",
        Severity::Minor => "一般",
        Severity::Major => "重要",
        Severity::Critical => "紧急",
    }
}

fn about(case: &Case, at: At, what: DecisionKind, who: Option<&Arc<str>>, why: Why) -> Decision {
    Decision {
        case: Some(case.id),
        asset: case.asset.clone(),
        district: case.district.clone(),
        ..nothing(at, what, who, why)
    }
}

/// A decision about nothing in particular.
fn nothing(at: At, what: DecisionKind, who: Option<&Arc<str>>, why: Why) -> Decision {
    Decision {
        time: at.now,
        incident: None,
        case: None,
        rule: "".into(),
        asset: "".into(),
        device: None,
        district: "".into(),
        what,
        who: who.cloned(),
        why,
        note: String::new(),
        refs: Vec::new(),
    }
}
