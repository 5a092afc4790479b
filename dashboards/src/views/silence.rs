//! Silences, and what one would have hidden.

use gengfu_model::Silence;
use gengfu_model::silence::{Matcher, Weekly};
use serde::Serialize;
use utoipa::ToSchema;

use crate::time_text::Time;
use crate::views::IncidentView;

/// A silence or maintenance window: while it is active, what it covers is recorded and calls nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SilenceView {
    /// Its id.
    pub id: String,
    /// `planned`, `active`, `resting` (between two of its hours of the week), `ended`.
    pub state: String,
    /// What it covers: everything named must fit.
    pub matches: MatcherView,
    /// When it begins.
    pub from: Time,
    /// When it is over at the latest.
    pub to: Time,
    /// Only in these hours of the week.
    pub weekly: Option<WeeklyView>,
    /// An asset is covered until what was held back there has cleared.
    pub until_clear: bool,
    /// The work order that it ends with.
    pub work_order: Option<String>,
    /// Why, in a few words.
    pub reason: String,
    /// What else there is to say.
    pub comment: String,
    /// Who asked for it.
    pub author: String,
    /// When it was asked for.
    pub created: Time,
    /// Openings that it held back in the window that runs or ran last.
    pub held: u32,
    /// Of these, how many cleared meanwhile.
    pub cleared: u32,
    /// Assets that it does not cover any more.
    pub rearmed: Vec<String>,
    /// When it ended.
    pub ended: Option<Time>,
    /// Who ended it.
    pub ended_by: Option<String>,
    /// By what it ended: `time`, `condition`, `request`, `work_order`.
    pub ended_why: Option<String>,
}

/// What a silence covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
pub struct MatcherView {
    /// The named words by their field.
    #[schema(value_type = Object)]
    pub words: std::collections::BTreeMap<&'static str, String>,
}

/// Hours of the week in the city's time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct WeeklyView {
    /// Days on which a window begins: 1 is Monday, 7 is Sunday.
    pub days: Vec<u8>,
    /// Such as `22:00`.
    pub from: String,
    /// Such as `06:00`; at or before `from`: of the next day.
    pub to: String,
}

/// What a silence would have hidden.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct PreviewView {
    /// Open incidents that it covers.
    pub live: u32,
    /// Incidents of the past seven days that it would have held back.
    pub week: u32,
    /// Of both, those that have or had a case.
    pub with_case: u32,
    /// Assets of these.
    pub assets: u32,
    /// By condition and worst severity, the most frequent first.
    pub by_condition: Vec<PreviewRow>,
    /// The newest of them, at most 20.
    pub examples: Vec<IncidentView>,
    /// There were more incidents than are looked at: the counts are too low.
    pub truncated: bool,
}

/// How many of one condition and severity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PreviewRow {
    /// What is wrong.
    pub condition: String,
    /// The worst that it was.
    pub severity: String,
    /// How many.
    pub count: u32,
}

impl From<&Matcher> for MatcherView {
    fn from(matcher: &Matcher) -> MatcherView {
        MatcherView { words: matcher.words().map(|(field, word)| (field, word.to_string())).collect() }
    }
}

impl From<&Weekly> for WeeklyView {
    fn from(weekly: &Weekly) -> WeeklyView {
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        WeeklyView { days: weekly.days.clone(), from: clock(weekly.from_min), to: clock(weekly.to_min) }
    }
}

impl From<Silence> for SilenceView {
    fn from(silence: Silence) -> SilenceView {
        let asked = silence.asked;
        SilenceView {
            id: silence.id.to_string(),
            state: silence.state.word().to_owned(),
            matches: MatcherView::from(&asked.matches),
            from: silence.from.into(),
            to: asked.to.into(),
            weekly: asked.weekly.as_ref().map(WeeklyView::from),
            until_clear: asked.until_clear,
            work_order: asked.work_order.map(|order| order.to_string()),
            reason: asked.reason.to_string(),
            comment: asked.comment,
            author: silence.author.to_string(),
            created: silence.created.into(),
            held: silence.held,
            cleared: silence.cleared,
            rearmed: silence.rearmed.iter().map(ToString::to_string).collect(),
            ended: silence.ended.map(Time),
            ended_by: silence.ended_by.map(|by| by.to_string()),
            ended_why: silence.ended_why.map(|why| why.to_string()),
        }
    }
}
