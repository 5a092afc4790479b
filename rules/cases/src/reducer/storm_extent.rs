//! How large a storm or a rule's group is and where it lies: the number in its texts, and whose it is.
//!
//! While it is open, its texts and the title of its case say how many members there are at that moment; once it is
//! over, how many there were at most. It lies in the district of most of its members, and where the first of them
//! there stands. Its case goes along to another district while nobody was sent out for it; so that a storm that lies
//! half here and half there does not go to and fro, the other district must be ahead by a tenth of the members.
//! Numbers and titles change without a message; another district is one, and calls those on duty there.

use gengfu_model::{DecisionKind, DeviceId, EffectId, EffectSink, Incident, Why};

use super::members::Members;
use super::place::Place;
use super::state::{StormKey, TrackKey};
use super::{At, Reducer, case, decide, dispatch, escalation, group, storm_fold};
use crate::group::{RuleGroup, spoken};

/// What counts in a storm or a group.
fn members<'a>(reducer: &'a Reducer, storm: &StormKey) -> Option<&'a Members> {
    if group::is_group(storm) { reducer.groups.counted(storm) } else { reducer.members_of.get(storm) }
}

/// How many members there are: incidents in a storm of the profile, assets in a rule's group.
pub(super) fn count(reducer: &Reducer, storm: &StormKey) -> usize {
    let Some(members) = members(reducer, storm) else { return 0 };
    if group::is_group(storm) { members.asset_count() } else { members.len() }
}

/// The number as an incident's value.
pub(super) fn value(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

fn place_of<'a>(reducer: &'a Reducer, storm: &StormKey, key: &TrackKey) -> Option<&'a Place> {
    if group::is_group(storm) {
        let device = DeviceId::new(&key.key).ok()?;
        return reducer.groups.place(&(device, storm.condition.clone()));
    }
    reducer.tracks.get(key)?.place.as_deref()
}

/// Where a storm lies: the place of the first member in the district of most. `None`: it stays in the district `now`,
/// or the register tells no district of any.
pub(super) fn seat<'a>(reducer: &'a Reducer, storm: &StormKey, now: Option<&str>) -> Option<&'a Place> {
    let members = members(reducer, storm)?;
    let candidates = members.most(now);
    let places = || members.keys().filter_map(|key| place_of(reducer, storm, key));
    if candidates.is_empty() { None } else { places().find(|place| candidates.contains(&**place.district())) }
}

/// A text of the storm's with another number, if it is one.
fn renumbered(reducer: &Reducer, storm: &StormKey, text: &str, chinese: bool, count: usize) -> Option<String> {
    let (zh, en) = spoken(&storm.group);
    let name = if chinese { zh } else { en };
    if group::is_group(storm) {
        let rule = reducer.groups.of_storm(storm)?;
        let template = if chinese { &rule.text_zh } else { &rule.text_en };
        return RuleGroup::is_filled(template, &name, text).then(|| RuleGroup::fill(template, &name, count));
    }
    let (open, close) = if chinese { ("（", "）：") } else { (" (", "): ") };
    let after = text.strip_prefix(&*name)?.strip_prefix(open)?.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let rest = after.strip_prefix(close)?;
    Some(storm_text(&name, count, rest, chinese))
}

/// The text of a storm of the profile: its group, how many there are, and what the last of them said.
pub(super) fn storm_text(name: &str, count: usize, said: &str, chinese: bool) -> String {
    if chinese { format!("{name}（{count}）：{said}") } else { format!("{name} ({count}): {said}") }
}

/// Says on the storm's incident and case how many members there are and where most of them lie, if that changed.
pub(super) fn recount(reducer: &mut Reducer, at: At, storm: &StormKey, out: &mut EffectSink) {
    let Some(before) = reducer.storms.get(storm).and_then(|id| reducer.incidents.get(id)).cloned() else { return };
    let mut parent = before.clone();
    let count = count(reducer, storm);
    parent.value = Some(value(count).max(before.value.unwrap_or(0.0)));
    number(reducer, storm, &mut parent, count);
    let seat = seat(reducer, storm, Some(&before.district)).filter(|seat| *seat.district() != before.district).cloned();
    if let Some(seat) = &seat {
        parent.district = seat.district().clone();
    }
    if parent == before {
        return;
    }
    parent.updated = at.now;
    if seat.is_some() {
        decide::about(at, &parent, DecisionKind::Updated, Why::DetailsChanged, out);
    }
    let case = parent.case;
    reducer.save_incident(parent, out);
    let Some(case) = case else { return };
    entitle(reducer, storm, case, count, out);
    if let Some(seat) = seat {
        go_along(reducer, at, storm, case, &seat, out);
    }
}

/// The device that a member goes by is another one, or stands elsewhere.
pub(super) fn stands_elsewhere(reducer: &mut Reducer, at: At, key: &TrackKey, out: &mut EffectSink) {
    let member = reducer.tracks.get(key).and_then(|track| track.member.as_ref());
    if let Some(storm) = member.map(|member| member.storm.clone()) {
        recount(reducer, at, &storm, out);
    }
}

/// The storm is over: its texts say how many there were at most.
pub(super) fn sum_up(reducer: &mut Reducer, storm: &StormKey, parent: &mut Incident, out: &mut EffectSink) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count that was put there")]
    let most = parent.value.unwrap_or(0.0) as usize;
    number(reducer, storm, parent, most);
    if let Some(case) = parent.case {
        entitle(reducer, storm, case, most, out);
    }
}

fn number(reducer: &Reducer, storm: &StormKey, parent: &mut Incident, count: usize) {
    if let Some(text) = renumbered(reducer, storm, &parent.text_zh, true, count) {
        parent.text_zh = text;
    }
    if let Some(text) = renumbered(reducer, storm, &parent.text_en, false, count) {
        parent.text_en = text;
    }
}

/// Brings the number in a case's title up to date, if the title is the storm's.
fn entitle(reducer: &mut Reducer, storm: &StormKey, id: EffectId, count: usize, out: &mut EffectSink) {
    let Some(open) = reducer.cases.get(&id) else { return };
    let zh = renumbered(reducer, storm, &open.case.text_zh, true, count);
    let en = renumbered(reducer, storm, &open.case.text_en, false, count);
    let (Some(zh), Some(en)) = (zh, en) else { return };
    if (&zh, &en) != (&open.case.text_zh, &open.case.text_en) {
        let mut open = open.clone();
        open.case.text_zh = zh;
        open.case.text_en = en;
        reducer.save_case(open, out);
    }
}

/// The storm's own case goes to the district where most of the members lie now, unless somebody was sent out for it.
fn go_along(reducer: &mut Reducer, at: At, storm: &StormKey, id: EffectId, seat: &Place, out: &mut EffectSink) {
    let own = |open: &&super::state::OpenCase| open.case.asset == storm.group && !open.extra.dispatched;
    let Some(open) = reducer.cases.get(&id).filter(own) else { return };
    if !storm_fold::waits(open.case.state) || open.case.district == *seat.district() {
        return;
    }
    let mut open = open.clone();
    let from = std::mem::replace(&mut open.case.district, seat.district().clone());
    let class = open.extra.keys.first().map(|key| key.class.clone());
    open.case.department = dispatch::department(reducer, class.as_deref(), &open.case.district, seat.department());
    open.case.grid = seat.grid().clone();
    (open.case.latitude, open.case.longitude) = seat.position().unzip();
    open.case.updated = at.now;
    let calls = escalation::moved(reducer, at, &mut open, &from);
    let note = format!("{from} → {}", open.case.district);
    let event = case::happening(&open.case, at, "district_changed", Some(open.case.state), note);
    case::put_out(reducer, at, open, vec![event], Some("case.updated"), calls, out);
    dispatch::auto(reducer, at, id, out);
}
