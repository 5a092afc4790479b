//! Who is on duty, how people are reached and who is called next: the data that shift leaders keep, and what
//! can be asked about it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{EffectId, Severity, Timestamp};

/// The most shifts of a roster, overrides of a roster, people of a rotation, chains, steps of a chain, channels
/// of a person, quiet hours of a person.
pub const MAX_DUTY_ROWS: usize = 200;
/// The longest name of a shift, chain, channel or person, and the longest address, in bytes.
pub const MAX_DUTY_NAME_BYTES: usize = 200;
/// The most remarks on single cases in a hand-over.
pub const MAX_HAND_OVER_ITEMS: usize = 100;

/// Who watches a district, by shifts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roster {
    /// The district; empty: every district that has no roster of its own.
    pub district: Arc<str>,
    /// The shifts. None: the roster is taken away.
    pub shifts: Vec<Shift>,
    /// Exceptions for single days.
    #[serde(default)]
    pub overrides: Vec<DutyOverride>,
}

/// A stretch of days that one person at a time watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// What people call it, such as `夜班`; unique in its roster.
    pub name: Arc<str>,
    /// The days on which it begins; none: every day.
    #[serde(default)]
    pub days: Vec<DutyDay>,
    /// Local time at which it begins.
    pub from: DayMinute,
    /// Local time at which it ends; on the next day when it is not later than `from`.
    pub to: DayMinute,
    /// The officers, in turn.
    pub officers: Turns,
    /// The shift leaders, in turn.
    #[serde(default)]
    pub leaders: Turns,
}

/// People who take turns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turns {
    /// Accounts, in the order of their turns.
    pub people: Vec<Arc<str>>,
    /// The day on which the first one's turn begins, `YYYY-MM-DD`; empty: 1970-01-01.
    #[serde(default)]
    pub since: Arc<str>,
    /// How many days a turn has; 0 counts as 1.
    #[serde(default)]
    pub days: u16,
}

/// A day on which a shift begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DutyDay {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
    /// A working day of the city's calendar, make-up days included.
    Working,
    /// A weekend's or holiday's day of the city's calendar.
    Free,
}

/// Somebody else for one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DutyOverride {
    /// The day on which the shift begins, `YYYY-MM-DD`.
    pub date: Arc<str>,
    /// The shift's name.
    pub shift: Arc<str>,
    /// Which post.
    pub post: Post,
    /// Who has it that day.
    pub who: Arc<str>,
}

/// A post of a shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Post {
    /// 值班员.
    Officer,
    /// 值班长.
    Leader,
}

/// A local time of day, written `HH:MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DayMinute(u16);

impl DayMinute {
    /// Minutes after local midnight, 0 to 1,439.
    #[must_use]
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

impl fmt::Display for DayMinute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl From<DayMinute> for String {
    fn from(minute: DayMinute) -> String {
        minute.to_string()
    }
}

impl TryFrom<String> for DayMinute {
    type Error = String;
    fn try_from(text: String) -> Result<DayMinute, String> {
        let two = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        let parse = || {
            let (hour, minute) = text.split_once(':').filter(|(hour, minute)| two(hour) && two(minute))?;
            let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
            (hour < 24 && minute < 60).then_some(DayMinute(hour * 60 + minute))
        };
        parse().ok_or_else(|| format!("`{text}` is no time of day: write it as 08:30, from 00:00 to 23:59"))
    }
}

/// Who is called about a case, and when the next one is, until somebody takes it over. The first chain of the
/// list that fits a case is the case's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscalationChain {
    /// What people call it.
    pub name: Arc<str>,
    /// Cases at least this bad.
    pub severity_from: Severity,
    /// Cases that these conditions opened; none: any.
    #[serde(default)]
    pub conditions: Vec<Arc<str>>,
    /// Cases of these districts; none: any.
    #[serde(default)]
    pub districts: Vec<Arc<str>>,
    /// Who is called, one after the other. None: nobody.
    pub steps: Vec<EscalationStep>,
    /// After the last step, that one is called again every so many minutes; 0: not.
    #[serde(default)]
    pub repeat_min: u32,
    /// How often at most.
    #[serde(default)]
    pub repeats: u16,
    /// Who has acknowledged has so many minutes to get the case on its way before it comes back; 0: it never does.
    #[serde(default)]
    pub progress_min: u32,
}

/// One step of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscalationStep {
    /// Minutes after the step before; of the first step, after the case opened.
    pub after_min: u32,
    /// The level that people see, from 1.
    pub level: u8,
    /// Who is called.
    pub to: StepTarget,
}

/// Whom a step calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepTarget {
    /// The officer on duty in the case's district.
    Officer,
    /// The shift leader on duty in the case's district.
    Leader,
    /// That account.
    User(Arc<str>),
}

impl EscalationChain {
    /// The chains of a gateway where nobody set any: what is major or critical calls the officer at once and
    /// again after five minutes, the leader after ten and then every fifteen; what is minor calls the officer once.
    #[must_use]
    pub fn usual() -> Vec<EscalationChain> {
        let step = |after_min, level, to| EscalationStep { after_min, level, to };
        let urgent =
            vec![step(0, 1, StepTarget::Officer), step(5, 1, StepTarget::Officer), step(5, 2, StepTarget::Leader)];
        let chain = |name: &str, severity_from, steps, repeats, progress_min| EscalationChain {
            name: name.into(),
            severity_from,
            conditions: Vec::new(),
            districts: Vec::new(),
            steps,
            repeat_min: 15,
            repeats,
            progress_min,
        };
        vec![
            chain("urgent", Severity::Major, urgent, 4, 30),
            chain("ordinary", Severity::Minor, vec![step(0, 1, StepTarget::Officer)], 0, 0),
        ]
    }
}

/// How a member of staff is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// The account.
    pub user: Arc<str>,
    /// In which language.
    #[serde(default)]
    pub language: Language,
    /// Channels beside the console, which always has it.
    #[serde(default)]
    pub channels: Vec<ContactChannel>,
    /// When what is less bad waits.
    #[serde(default)]
    pub quiet: Vec<QuietHours>,
}

/// A way to reach somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactChannel {
    /// The channel's name in the configuration.
    pub channel: Arc<str>,
    /// Where there: a mail address, a telephone number, the user id in the robot's group.
    #[serde(default)]
    pub address: Arc<str>,
}

/// Hours in which what is less bad than `below` waits until they end. What is critical never waits, nor does
/// what the city's table wants handled at any hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// Local time at which they begin.
    pub from: DayMinute,
    /// Local time at which they end; on the next day when it is not later than `from`.
    pub to: DayMinute,
    /// What is less bad than this waits.
    pub below: Severity,
}

/// In which language somebody is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Chinese.
    #[default]
    Zh,
    /// English.
    En,
}

/// Where the calls about a case stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// The chain's name.
    pub chain: Arc<str>,
    /// The level that was called last; 0: nobody yet.
    pub level: u8,
    /// How many steps of the chain were taken.
    pub step: u16,
    /// How often the last one was repeated.
    pub repeats: u16,
    /// What stops the next call.
    pub waits_for: WaitsFor,
    /// When the next call is; `None`: there is none.
    pub next_at: Option<Timestamp>,
    /// Who is called then, as the roster stands.
    pub next_who: Vec<Arc<str>>,
    /// So many minutes to get it on its way, as asked for when it was taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_min: Option<u32>,
    /// The newest notification of each person who was told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<Told>,
}

/// What stops the next call about a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// Somebody acknowledges it.
    Acknowledgement,
    /// Who acknowledged it gets it on its way.
    Progress,
    /// Nothing: it is on its way.
    Nothing,
}

/// Somebody was told of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Who.
    pub who: Arc<str>,
    /// By which row of the outbox.
    pub by: EffectId,
}

/// What was said when a shift was handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOverNote {
    /// The record that brought it.
    pub id: EffectId,
    /// When.
    pub time: Timestamp,
    /// Who handed over.
    pub from: Arc<str>,
    /// The shift, if it was one of the roster.
    pub shift: Arc<str>,
    /// What was said.
    pub note: String,
    /// Cases that were open then, the oldest first, at most [`MAX_HAND_OVER_ITEMS`]; with a remark if one was made.
    pub items: Vec<HandOverItem>,
    /// How many cases were open in all.
    pub open: u32,
}

/// A case in a hand-over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandOverItem {
    /// The case.
    pub case: EffectId,
    /// What is to be said of it.
    #[serde(default)]
    pub remark: String,
}

/// What can be asked about duty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "duty", rename_all = "snake_case", deny_unknown_fields)]
pub enum DutyAction {
    /// Set or replace the roster of a district.
    PutRoster {
        /// The roster.
        roster: Roster,
    },
    /// Replace the escalation chains. None: the usual ones.
    PutEscalation {
        /// The chains, in the order in which they are looked at.
        chains: Vec<EscalationChain>,
    },
    /// Set or replace how somebody is reached.
    PutContact {
        /// The contact.
        contact: Contact,
    },
    /// Hand a shift over.
    HandOver {
        /// The district.
        district: Arc<str>,
        /// What the next one must know.
        note: String,
        /// Remarks on single cases; the gateway adds every case that is open.
        #[serde(default)]
        items: Vec<HandOverItem>,
    },
    /// Everything up to that notification has been read by whoever asks.
    ReadNotifications {
        /// The newest one that was read.
        upto: EffectId,
    },
    /// Send a test by every channel of somebody.
    TestContact {
        /// The account.
        user: Arc<str>,
    },
}

impl DutyAction {
    /// The action's name, for the audit and for metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            DutyAction::PutRoster { .. } => "put_roster",
            DutyAction::PutEscalation { .. } => "put_escalation",
            DutyAction::PutContact { .. } => "put_contact",
            DutyAction::HandOver { .. } => "hand_over",
            DutyAction::ReadNotifications { .. } => "read_notifications",
            DutyAction::TestContact { .. } => "test_contact",
        }
    }

    /// What it is about, for the audit.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            DutyAction::PutRoster { roster } => roster.district.to_string(),
            DutyAction::PutEscalation { chains } => format!("{} chains", chains.len()),
            DutyAction::PutContact { contact } => contact.user.to_string(),
            DutyAction::HandOver { district, .. } => district.to_string(),
            DutyAction::ReadNotifications { upto } => upto.to_string(),
            DutyAction::TestContact { user } => user.to_string(),
        }
    }

    /// The accounts that it names, which must exist.
    #[must_use]
    pub fn people(&self) -> Vec<&Arc<str>> {
        match self {
            DutyAction::PutRoster { roster } => {
                let turns = roster.shifts.iter().flat_map(|shift| [&shift.officers, &shift.leaders]);
                let people = turns.flat_map(|turns| &turns.people);
                people.chain(roster.overrides.iter().map(|other| &other.who)).collect()
            }
            DutyAction::PutEscalation { chains } => {
                let steps = chains.iter().flat_map(|chain| &chain.steps);
                steps
                    .filter_map(|step| match &step.to {
                        StepTarget::User(user) => Some(user),
                        StepTarget::Officer | StepTarget::Leader => None,
                    })
                    .collect()
            }
            DutyAction::PutContact { contact } => vec![&contact.user],
            DutyAction::TestContact { user } => vec![user],
            DutyAction::HandOver { .. } | DutyAction::ReadNotifications { .. } => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_reads_what_it_writes() {
        for (text, minutes) in [("00:00", 0), ("08:30", 510), ("23:59", 1_439)] {
            let minute = DayMinute::try_from(text.to_owned()).unwrap();
            assert_eq!((minute.minutes(), minute.to_string()), (minutes, text.to_owned()));
        }
        for bad in ["24:00", "8:30", "08:60", "0830", "", "-1:00", "+8:30"] {
            assert!(DayMinute::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
