//! What a city decides about its workflow: limits of the stages, the ladder of an overdue case, sources of
//! reports, and who handles what.

use std::sync::Arc;

use gengfu_model::{CaseState, Deadline, Stage, Timestamp};
use toml::Spanned;

use super::check::word;
use super::error::Problems;
use super::file::{ClocksFile, DispatchFile, RungFile, SourceFile};
use super::{AssetTypes, tables};
use crate::calendar::Calendar;
use crate::deadline::{self, Limit};

/// The most rungs of a ladder.
const MAX_RUNGS: usize = 16;
/// The source of what rules find.
pub const IOT: &str = "iot";

/// The limits of the stages between people; `None`: that stage has no clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageLimits {
    /// From the report to filing or rejecting it.
    pub file: Option<Limit>,
    /// From the order to check on site to its answer.
    pub verify: Option<Limit>,
    /// From filing, or a department's return, to the dispatch.
    pub dispatch: Option<Limit>,
    /// From the handling's end to the closing.
    pub check: Option<Limit>,
}

/// A step of the ladder that a case climbs as its handling limit runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// When.
    pub when: RungTime,
    /// What happens then.
    pub action: RungAction,
}

/// When a rung is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RungTime {
    /// When this much of the handling limit has passed, in percent.
    Percent(u32),
    /// So long after the deadline.
    After(Limit),
}

/// What happens at a rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RungAction {
    /// Those who are to act are told again (催办).
    Remind,
    /// The case comes under supervision (督办).
    Supervise,
}

/// Where reports come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name, such as `public`.
    pub name: Arc<str>,
    /// What people call it, in Chinese.
    pub zh: Arc<str>,
    /// What people call it, in English.
    pub en: Arc<str>,
    /// The state in which its cases open: a public report is checked on site before it is filed.
    pub start: CaseState,
}

/// Who handles the cases of some classes in some districts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DispatchRule {
    /// Ids of classes.
    pub classes: Vec<AssetTypes>,
    /// Districts; empty: all.
    pub districts: Vec<Arc<str>>,
    /// The department.
    pub department: Arc<str>,
    /// Filing such a case dispatches it.
    pub auto: bool,
}

impl StageLimits {
    /// The limit of a stage.
    #[must_use]
    pub fn of(&self, stage: Stage) -> Option<Limit> {
        match stage {
            Stage::File => self.file,
            Stage::Verify => self.verify,
            Stage::Dispatch => self.dispatch,
            Stage::Check => self.check,
        }
    }
}

impl Rung {
    /// When a case with that handling deadline reaches it, seen from `now`; `None` if that was before.
    #[must_use]
    pub fn time(&self, calendar: &Calendar, handling: &Deadline, now: Timestamp) -> Option<Timestamp> {
        match self.when {
            RungTime::Percent(percent) => deadline::part(calendar, handling, percent, now),
            RungTime::After(limit) => Some(deadline::due(calendar, limit, handling.due)).filter(|time| *time >= now),
        }
    }
}

impl DispatchRule {
    /// Whether it speaks of cases of that class in that district.
    #[must_use]
    pub fn takes(&self, class: &str, district: &str) -> bool {
        let of_class = self.classes.is_empty() || self.classes.iter().any(|classes| classes.contains(class));
        of_class && (self.districts.is_empty() || self.districts.iter().any(|other| **other == *district))
    }
}

pub(super) fn clocks(file: &ClocksFile, problems: &mut Problems<'_>) -> StageLimits {
    let mut limit =
        |text: &Option<Spanned<String>>, field| text.as_ref().map(|text| tables::limit_of(text, field, problems));
    StageLimits {
        file: limit(&file.file, "case.clocks.file"),
        verify: limit(&file.verify, "case.clocks.verify"),
        dispatch: limit(&file.dispatch, "case.clocks.dispatch"),
        check: limit(&file.check, "case.clocks.check"),
    }
}

pub(super) fn ladder(list: &[RungFile], problems: &mut Problems<'_>) -> Vec<Rung> {
    if let Some(extra) = list.get(MAX_RUNGS) {
        let message = format!("the ladder has {} rungs, at most {MAX_RUNGS} are allowed", list.len());
        problems.add(extra.action.span().start, "case.ladder", message, "take some away");
    }
    let rungs = list.iter().filter_map(|rung| {
        let place = rung.action.span().start;
        let when = match (&rung.at, &rung.after) {
            (Some(at), None) => RungTime::Percent(percent(at, problems)),
            (None, Some(after)) => RungTime::After(tables::limit_of(after, "case.ladder.after", problems)),
            (Some(_), Some(_)) | (None, None) => {
                let message = "a rung has either `at` or `after`";
                problems.add(place, "case.ladder", message, "at = \"75%\", or after = \"4 work_hour\"");
                return None;
            }
        };
        let action = match rung.action.get_ref().as_str() {
            "remind" => RungAction::Remind,
            "supervise" => RungAction::Supervise,
            other => {
                let message = format!("a rung cannot `{other}`");
                problems.add(place, "case.ladder.action", message, "write remind or supervise");
                return None;
            }
        };
        Some(Rung { when, action })
    });
    rungs.collect()
}

fn percent(text: &Spanned<String>, problems: &mut Problems<'_>) -> u32 {
    let parsed = text.get_ref().strip_suffix('%').and_then(|number| number.parse().ok());
    parsed.filter(|percent| (1..=99).contains(percent)).unwrap_or_else(|| {
        let message = format!("`{}` is no part of a limit", text.get_ref());
        problems.add(text.span().start, "case.ladder.at", message, "write 1% to 99%");
        75
    })
}

/// The sources of a profile; those of the standard workflow if it names none.
pub(super) fn sources(list: &[SourceFile], problems: &mut Problems<'_>) -> Vec<Source> {
    let mut sources: Vec<Source> = if list.is_empty() { usual_sources() } else { Vec::new() };
    for entry in list {
        let name = word(&entry.name, "source.name", problems);
        if sources.iter().any(|other| other.name == name) {
            let message = format!("`{name}` is there twice");
            problems.add(entry.name.span().start, "source.name", message, "keep one of the two");
        }
        if &*name == IOT {
            let message = "`iot` is the source of what rules find";
            problems.add(entry.name.span().start, "source.name", message, "its start stands with each mapping");
        }
        let start = entry.start.as_ref();
        let start = start.map_or(CaseState::Reported, |name| tables::start(name, "source.start", problems));
        sources.push(Source { name, zh: entry.zh.as_str().into(), en: entry.en.as_str().into(), start });
    }
    sources
}

/// 信息采集员 and 上级交办 may be filed as they are; what the public and the media report is checked on site first.
fn usual_sources() -> Vec<Source> {
    let source =
        |name: &str, zh: &str, en: &str, start| Source { name: name.into(), zh: zh.into(), en: en.into(), start };
    vec![
        source("collector", "信息采集员上报", "inspector", CaseState::Reported),
        source("video", "视频监控", "video surveillance", CaseState::Reported),
        source("public", "公众举报", "public report", CaseState::PendingVerify),
        source("superior", "上级交办", "superior authority", CaseState::Reported),
        source("media", "媒体曝光", "media", CaseState::PendingVerify),
        source("department", "部门转办", "other department", CaseState::Reported),
    ]
}

pub(super) fn dispatch(
    list: &[DispatchFile],
    classes: &tables::Classes,
    problems: &mut Problems<'_>,
) -> Vec<DispatchRule> {
    let rules = list.iter().map(|entry| {
        let named = entry.class.as_ref().map_or(&[][..], |list| list.get_ref().as_slice());
        let sets: Vec<AssetTypes> =
            named.iter().map(|code| tables::asset_types_of(code, "dispatch.class", problems)).collect();
        for (set, code) in sets.iter().zip(named) {
            if !classes.keys().any(|class| set.contains(class)) {
                let message = format!("no class is `{}`", code.get_ref());
                problems.add(
                    code.span().start,
                    "dispatch.class",
                    message,
                    "name ids of [[class]], such as 01-37 or 01-*",
                );
            }
        }
        let department = entry.department.get_ref().trim();
        if department.is_empty() {
            problems.add(entry.department.span().start, "dispatch.department", "the department is empty", "");
        }
        let districts = entry.district.iter().map(|name| name.as_str().into()).collect();
        DispatchRule { classes: sets, districts, department: department.into(), auto: entry.auto }
    });
    rules.collect()
}
