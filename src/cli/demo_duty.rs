//! The duty of the demo's city: who watches which district, who is called next, and when nobody wants to be woken.
//!
//! Set up at the first start through the same journaled requests as in a real bureau, so that the console shows a
//! roster, calls and escalations from the first alarm on, and everything can be changed there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use gengfu_dashboards::{Gateway as _, register_csv};
use gengfu_model::duty::{
    Contact, DayMinute, DutyAction, DutyOverride, EscalationChain, EscalationStep, Language, Post, QuietHours, Roster,
    Shift, StepTarget, Turns,
};
use gengfu_model::staff::{Action, Role};
use gengfu_model::{Severity, Timestamp};

use super::{Failure, say};
use crate::Gateway;
use crate::local::local_request;

/// The account that visitors log in with as duty officer: it stands in the largest district's roster.
pub(super) const DUTY: &str = "duty";
/// The other officers, by district in turn, and the shift leaders of all districts.
const OFFICERS: [&str; 4] = ["li.na", "wang.wei", "zhang.min", "zhao.lei"];
const LEADERS: [&str; 2] = ["chen.gang", "liu.yang"];

/// The accounts beside the administrator's, with their roles.
pub(super) fn people() -> Vec<(&'static str, Vec<Role>)> {
    let officer = |name| (name, vec![Role::DutyOfficer, Role::Acceptor]);
    let leader = |name| (name, vec![Role::ShiftLeader, Role::DutyOfficer]);
    std::iter::once(officer(DUTY)).chain(OFFICERS.map(officer)).chain(LEADERS.map(leader)).collect()
}

/// Sets up rosters, escalation chains and quiet hours. `city`: the register's file.
///
/// # Errors
/// When the register cannot be read, or the engine refuses something.
pub(super) async fn set_up(gateway: &Gateway, city: &Path, zone: chrono_tz::Tz) -> Result<(), Failure> {
    let file = std::fs::File::open(city).map_err(Failure::failed)?;
    // Only the districts are wanted, so a token's hash may be anything.
    let (devices, _) = register_csv::parse(file, &|_| [0; 32]);
    let mut sizes: BTreeMap<Arc<str>, u32> = BTreeMap::new();
    devices.into_iter().for_each(|device| *sizes.entry(device.district).or_default() += 1);
    // The largest first: its officer has something to do.
    let mut districts: Vec<Arc<str>> = sizes.keys().cloned().collect();
    districts.sort_by_key(|district| std::cmp::Reverse(sizes.get(district).copied()));
    let tomorrow = day_after(gateway.shared().status().time, zone);
    for (number, district) in districts.iter().enumerate() {
        ask(gateway, DutyAction::PutRoster { roster: roster(district, number, &tomorrow)? }).await?;
    }
    ask(gateway, DutyAction::PutEscalation { chains: chains() }).await?;
    for (name, _) in people() {
        ask(gateway, DutyAction::PutContact { contact: contact(name)? }).await?;
    }
    say(&format!("{} districts have a roster, with day and night shifts", districts.len()));
    Ok(())
}

async fn ask(gateway: &Gateway, ask: DutyAction) -> Result<(), Failure> {
    let verdict = gateway.shared().request(local_request(Action::Duty { ask })).await;
    verdict.map(drop).map_err(|refusal| Failure::Failed(refusal.message))
}

/// Two shifts of twelve hours, in which two officers take turns by the day; tomorrow somebody else stands in by day.
fn roster(district: &Arc<str>, number: usize, tomorrow: &str) -> Result<Roster, Failure> {
    let (first, second) = match number {
        0 => (DUTY, OFFICERS[0]),
        _ => (OFFICERS[(2 * number - 1) % OFFICERS.len()], OFFICERS[2 * number % OFFICERS.len()]),
    };
    let stands_in = OFFICERS.iter().find(|name| **name != first && **name != second).copied().unwrap_or(first);
    let turns = |people: [&str; 2]| Turns { people: people.map(Arc::from).to_vec(), since: Arc::from(""), days: 1 };
    let shift = |name: &str, from: &str, to: &str, officers: [&str; 2], leaders: [&str; 2]| {
        Ok::<_, Failure>(Shift {
            name: name.into(),
            days: Vec::new(),
            from: minute(from)?,
            to: minute(to)?,
            officers: turns(officers),
            leaders: turns(leaders),
        })
    };
    let [one, other] = LEADERS;
    Ok(Roster {
        district: Arc::clone(district),
        shifts: vec![
            shift("白班", "08:00", "20:00", [first, second], [one, other])?,
            shift("夜班", "20:00", "08:00", [second, first], [other, one])?,
        ],
        overrides: vec![DutyOverride {
            date: tomorrow.into(),
            shift: "白班".into(),
            post: Post::Officer,
            who: stands_in.into(),
        }],
    })
}

/// What may hurt somebody calls again and again; what is bad calls twice and then the leader; the rest calls once.
fn chains() -> Vec<EscalationChain> {
    let step = |after_min, level, to| EscalationStep { after_min, level, to };
    let chain = |name: &str, conditions: &[&str], severity_from, steps, repeat_min, repeats, progress_min| {
        let conditions = conditions.iter().map(|condition| Arc::from(*condition)).collect();
        let (name, districts) = (name.into(), Vec::new());
        EscalationChain { name, severity_from, conditions, districts, steps, repeat_min, repeats, progress_min }
    };
    let urgent = ["gas_alarm", "leakage", "toilet_sos", "bin_fire"];
    vec![
        chain(
            "人身安全",
            &urgent,
            Severity::Info,
            vec![step(0, 1, StepTarget::Officer), step(2, 2, StepTarget::Leader), step(3, 2, StepTarget::Officer)],
            5,
            12,
            10,
        ),
        chain(
            "重大案卷",
            &[],
            Severity::Major,
            vec![step(0, 1, StepTarget::Officer), step(5, 1, StepTarget::Officer), step(5, 2, StepTarget::Leader)],
            15,
            8,
            30,
        ),
        chain("一般案卷", &[], Severity::Info, vec![step(0, 1, StepTarget::Officer)], 0, 0, 0),
    ]
}

/// At night officers are woken by what is major, leaders by what is critical.
fn contact(name: &str) -> Result<Contact, Failure> {
    let below = if LEADERS.contains(&name) { Severity::Critical } else { Severity::Major };
    let quiet = QuietHours { from: minute("22:00")?, to: minute("07:00")?, below };
    Ok(Contact { user: name.into(), language: Language::Zh, channels: Vec::new(), quiet: vec![quiet] })
}

fn minute(text: &str) -> Result<DayMinute, Failure> {
    DayMinute::try_from(text.to_owned()).map_err(Failure::Failed)
}

/// The local day after that of a moment, `YYYY-MM-DD`.
fn day_after(now: Timestamp, zone: chrono_tz::Tz) -> String {
    let local = chrono::DateTime::from_timestamp_millis(now.as_millis()).unwrap_or_default().with_timezone(&zone);
    let day = local.date_naive();
    day.succ_opt().unwrap_or(day).format("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn everybody_in_a_roster_has_an_account_and_no_district_has_one_person_for_both_shifts() {
        let accounts: BTreeSet<&str> = people().iter().map(|(name, _)| *name).collect();
        for number in 0..7 {
            let roster = roster(&"盐湖区".into(), number, "2026-11-30").unwrap();
            gengfu_cases::roster::check(&roster).unwrap();
            let named =
                roster.shifts.iter().flat_map(|shift| shift.officers.people.iter().chain(&shift.leaders.people));
            assert!(named.chain(roster.overrides.iter().map(|other| &other.who)).all(|who| accounts.contains(&**who)));
            let own = &roster.shifts[0].officers.people;
            assert!(!own.contains(&roster.overrides[0].who), "nobody watches for a whole day: {roster:?}");
            for shift in &roster.shifts {
                assert_ne!(shift.officers.people[0], shift.officers.people[1], "{roster:?}");
            }
        }
        assert_eq!(roster(&"".into(), 0, "2026-11-30").unwrap().shifts[0].officers.people[0], DUTY.into());
    }

    #[test]
    fn every_case_has_a_chain_and_tomorrow_is_the_citys() {
        let last = chains().pop().unwrap();
        assert!(last.conditions.is_empty() && last.severity_from == Severity::Info);
        // 2026-11-29 20:30 UTC is the morning of the 30th in China.
        let evening = Timestamp(1_795_984_200_000);
        assert_eq!(day_after(evening, chrono_tz::Asia::Shanghai), "2026-12-01");
    }
}
