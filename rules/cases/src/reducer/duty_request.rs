//! Requests about duty: judged, then kept as rows; and the change of shifts.

use std::sync::Arc;

use gengfu_model::duty::{
    Contact, EscalationChain, HandOverItem, HandOverNote, MAX_DUTY_NAME_BYTES, MAX_DUTY_ROWS, MAX_HAND_OVER_ITEMS,
};
use gengfu_model::staff::Accepted;
use gengfu_model::{DutyAction, EffectId, EffectSink, Refusal, Role, Verdict, Why};

use super::duty::{Kept, NOTES_KEPT, Owed, put_row};
use super::{At, MAX_NOTE_BYTES, Reducer, personal};
use crate::roster::{self, is_name};

/// Who may change rosters and chains, and act for others.
const LEADERS: [Role; 2] = [Role::ShiftLeader, Role::Administrator];
/// The longest wait of a chain, in minutes.
const MAX_WAIT_MIN: u32 = 7 * 24 * 60;

/// Judges and carries out what was asked about duty.
pub(super) fn request(
    reducer: &mut Reducer,
    at: At,
    user: &Arc<str>,
    roles: &[Role],
    ask: &DutyAction,
    out: &mut EffectSink,
) -> Verdict {
    let leads = roles.iter().any(|role| LEADERS.contains(role));
    let allowed = match ask {
        DutyAction::PutRoster { .. } | DutyAction::PutEscalation { .. } => leads,
        DutyAction::PutContact { contact } => leads || contact.user == *user,
        DutyAction::TestContact { user: other } => leads || other == user,
        DutyAction::HandOver { .. } => leads || roles.contains(&Role::DutyOfficer),
        DutyAction::ReadNotifications { .. } => true,
    };
    if !allowed {
        let message = format!("`{}` needs one of the roles ShiftLeader, Administrator", ask.name());
        return Err(Refusal::new("forbidden", message).hint("everybody may change and test the own contact"));
    }
    match ask {
        DutyAction::PutRoster { roster } => put_roster(reducer, at, roster, out),
        DutyAction::PutEscalation { chains } => put_chains(reducer, chains, out),
        DutyAction::PutContact { contact } => put_contact(reducer, contact, out),
        DutyAction::HandOver { district, note, items } => {
            hand_over(reducer, at, (user, leads), district, note, items, out)
        }
        DutyAction::ReadNotifications { upto } => {
            if reducer.duty.read.get(user).is_none_or(|before| before < upto) {
                put_row("read", user, Some(upto), out);
                reducer.duty.read.insert(user.clone(), *upto);
            }
            Ok(done(None))
        }
        DutyAction::TestContact { user } => {
            Ok(done(Some(personal::remark(reducer, at, "test", "", user, Why::TestAsked, out))))
        }
    }
}

fn done(id: Option<EffectId>) -> Accepted {
    Accepted { id, rows: 1, ..Accepted::default() }
}

fn put_roster(reducer: &mut Reducer, at: At, roster: &gengfu_model::duty::Roster, out: &mut EffectSink) -> Verdict {
    roster::check(roster)?;
    let district = &roster.district;
    if roster.shifts.is_empty() {
        if !reducer.duty.rosters.contains_key(district) {
            let message = format!("district `{district}` has no roster that could be taken away");
            return Err(Refusal::new("not_found", message).field("district"));
        }
        reducer.save_roster(district, None, out);
        return Ok(done(None));
    }
    let full = reducer.duty.rosters.len() >= MAX_DUTY_ROWS && !reducer.duty.rosters.contains_key(district);
    if full {
        return Err(Refusal::new("too_many", format!("there are {MAX_DUTY_ROWS} rosters already")));
    }
    let next_change = roster::next_change(roster, &reducer.profile.calendar, at.now);
    let owed = reducer.duty.rosters.get(district).and_then(|before| before.owed.clone());
    reducer.save_roster(district, Some(Kept { roster: roster.clone(), next_change, owed }), out);
    Ok(done(None))
}

fn put_chains(reducer: &mut Reducer, chains: &[EscalationChain], out: &mut EffectSink) -> Verdict {
    check_chains(chains)?;
    if chains.is_empty() {
        if reducer.duty.chains.take().is_some() {
            put_row::<Vec<EscalationChain>>("chains", "", None, out);
        }
        return Ok(done(None));
    }
    put_row("chains", "", Some(&chains), out);
    reducer.duty.chains = Some(chains.to_vec());
    Ok(done(None))
}

fn check_chains(chains: &[EscalationChain]) -> Result<(), Refusal> {
    let invalid = |field: String, message: String| Err(Refusal::new("invalid", message).field(field));
    if chains.len() > MAX_DUTY_ROWS {
        return invalid("chains".to_owned(), format!("there may be at most {MAX_DUTY_ROWS} chains"));
    }
    for (index, chain) in chains.iter().enumerate() {
        let place = |field: &str| format!("chains[{index}].{field}");
        if !is_name(&chain.name) || chains[..index].iter().any(|other| other.name == chain.name) {
            return invalid(place("name"), format!("`{}` is no name of its own", chain.name));
        }
        if chain.steps.len() > MAX_DUTY_ROWS {
            return invalid(place("steps"), format!("a chain has at most {MAX_DUTY_ROWS} steps"));
        }
        let waits = chain.steps.iter().map(|step| step.after_min).chain([chain.repeat_min, chain.progress_min]);
        if waits.into_iter().any(|wait| wait > MAX_WAIT_MIN) {
            return invalid(place("steps"), format!("a wait has at most {MAX_WAIT_MIN} minutes (a week)"));
        }
        if chain.steps.iter().any(|step| step.level == 0) {
            return invalid(place("steps"), "levels count from 1".to_owned());
        }
    }
    Ok(())
}

fn put_contact(reducer: &mut Reducer, contact: &Contact, out: &mut EffectSink) -> Verdict {
    let invalid = |field: &str, message: String| Err(Refusal::new("invalid", message).field(field));
    if !is_name(&contact.user) {
        return invalid("user", format!("`{}` is no account", contact.user));
    }
    if contact.channels.len() > MAX_DUTY_ROWS || contact.quiet.len() > MAX_DUTY_ROWS {
        return invalid("channels", format!("a contact has at most {MAX_DUTY_ROWS} channels and quiet hours"));
    }
    for (index, channel) in contact.channels.iter().enumerate() {
        let twice = contact.channels[..index].contains(channel);
        let good = is_name(&channel.channel) && &*channel.channel != "console" && !channel.channel.contains(' ');
        if twice || !good {
            return invalid("channels", format!("`{}` is no channel, or is given twice", channel.channel));
        }
        let address = &channel.address;
        if address.len() > MAX_DUTY_NAME_BYTES || address.contains(char::is_control) {
            return invalid("channels", format!("an address has at most {MAX_DUTY_NAME_BYTES} bytes on one line"));
        }
    }
    put_row("contact", &contact.user, Some(contact), out);
    reducer.duty.contacts.insert(contact.user.clone(), contact.clone());
    Ok(done(None))
}

/// A shift is handed over: the note must say something, and every open case of the district stands in it.
fn hand_over(
    reducer: &mut Reducer,
    at: At,
    (user, leads): (&Arc<str>, bool),
    district: &Arc<str>,
    note: &str,
    items: &[HandOverItem],
    out: &mut EffectSink,
) -> Verdict {
    let invalid = |field: &str, message: String| Err(Refusal::new("invalid", message).field(field));
    if note.trim().is_empty() {
        return invalid("note", "a hand-over needs a note: what must the next one know?".to_owned());
    }
    let remarks: usize = items.iter().map(|item| item.remark.len()).sum();
    if note.len() > MAX_NOTE_BYTES || items.len() > MAX_HAND_OVER_ITEMS || remarks > MAX_NOTE_BYTES {
        let message = format!(
            "note and remarks have at most {MAX_NOTE_BYTES} bytes each, and there are at most {MAX_HAND_OVER_ITEMS}"
        );
        return invalid("note", message);
    }
    let Some(kept) = reducer.duty.rosters.get(district).cloned() else {
        let message = format!("district `{district}` has no roster of its own");
        return Err(Refusal::new("not_found", message).field("district").hint("the roster of all others has `\"\"`"));
    };
    let watches = roster::on_duty(&kept.roster, &reducer.profile.calendar, at.now);
    let own = watches.iter().find(|watch| watch.officer.as_ref() == Some(user) || watch.leader.as_ref() == Some(user));
    let owes = kept.owed.as_ref().filter(|owed| owed.by == *user);
    if own.is_none() && owes.is_none() && !leads {
        let message = format!("`{user}` is not on duty in `{district}`");
        return Err(Refusal::new("wrong_state", message).hint("a shift leader may hand over for others"));
    }
    // A leader who hands over for others hands over the first shift of those.
    let shift = owes.map(|owed| owed.shift.clone()).or_else(|| Some(own.or(watches.first())?.shift.clone()));
    let open: Vec<EffectId> = reducer.open_in(district).collect();
    if let Some(stray) = items.iter().find(|item| !open.contains(&item.case)) {
        return invalid("items", format!("`{}` is no open case of `{district}`", stray.case));
    }
    let remark = |case: &EffectId| items.iter().find(|item| item.case == *case).map(|item| item.remark.clone());
    let row = HandOverNote {
        id: out.reserve(),
        time: at.now,
        from: user.clone(),
        shift: shift.unwrap_or_else(|| "".into()),
        note: note.to_owned(),
        items: open
            .iter()
            .take(MAX_HAND_OVER_ITEMS)
            .map(|case| HandOverItem { case: *case, remark: remark(case).unwrap_or_default() })
            .collect(),
        open: u32::try_from(open.len()).unwrap_or(u32::MAX),
    };
    let id = row.id;
    let mut notes = reducer.duty.notes.remove(district).unwrap_or_default();
    notes.push(row);
    let surplus = notes.len().saturating_sub(NOTES_KEPT);
    notes.drain(..surplus);
    put_row("notes", district, Some(&notes), out);
    reducer.duty.notes.insert(district.clone(), notes);
    if kept.owed.is_some() {
        reducer.save_roster(district, Some(Kept { owed: None, ..kept }), out);
    }
    Ok(done(Some(id)))
}

/// Somebody comes on duty or leaves. Who leaves without having handed over stays on duty until it is done.
pub(super) fn shift_change(reducer: &mut Reducer, at: At, district: &Arc<str>, out: &mut EffectSink) {
    let Some(mut kept) = reducer.duty.rosters.get(district).cloned() else { return };
    let calendar = reducer.profile.calendar.clone();
    let before = roster::on_duty(&kept.roster, &calendar, at.now.plus_ms(-1));
    let now = roster::on_duty(&kept.roster, &calendar, at.now);
    let stays = |who: &Arc<str>| now.iter().any(|watch| watch.officer.as_ref() == Some(who));
    let ended = before.iter().filter(|watch| watch.to <= at.now);
    let leaves = ended.filter_map(|watch| Some((watch, watch.officer.clone()?))).find(|(_, who)| !stays(who));
    let mut reminded = None;
    if let Some((watch, who)) = leaves {
        let notes = reducer.duty.notes.get(district).into_iter().flatten();
        // A note of the first half is the hand-over of the shift before, made late.
        let half = watch.from.plus_ms(watch.to.since_ms(watch.from) / 2);
        if !notes.into_iter().any(|note| note.shift == watch.shift && note.time >= half) {
            kept.owed = Some(Owed { by: who.clone(), shift: watch.shift.clone(), since: at.now });
            reminded = Some(who);
        }
    }
    kept.next_change = roster::next_change(&kept.roster, &calendar, at.now);
    reducer.save_roster(district, Some(kept), out);
    if let Some(who) = reminded {
        personal::remark(reducer, at, "hand_over", district, &who, Why::HandOverOwed, out);
    }
}
