//! The city profile.

use gengfu_cases::{Profile, ProfileError};
use gengfu_model::time::MINUTE_MS;
use serde::Serialize;
use utoipa::ToSchema;

use crate::views::name_of;

/// The profile at work.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ProfileView {
    /// Its name.
    pub name: String,
    /// IANA name of the city's time zone.
    pub time_zone: String,
    /// Classes of the city's table, by id.
    pub classes: Vec<ClassView>,
    /// Where people's reports come from.
    pub sources: Vec<SourceView>,
    /// Departments that the dispatch table names, each once.
    pub departments: Vec<String>,
    /// When many incidents of a condition become one.
    pub groups: Vec<GroupView>,
    /// For so many minutes what is left of a storm that wanes stands under it.
    pub outlast_min: i64,
    /// What explains what.
    pub inhibitions: Vec<InhibitionView>,
    /// What sensors verify after the work was reported as done.
    pub verifications: Vec<VerificationView>,
    /// All of it, as TOML.
    pub text: String,
}

/// A class of the city's table.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ClassView {
    /// Stable id.
    pub id: String,
    /// `component` or `event`.
    pub kind: String,
    /// Big and small class code.
    pub code: String,
    /// In words.
    pub name: String,
    /// The big class in words.
    pub big_name: String,
    /// Its rows.
    pub standards: Vec<StandardView>,
}

/// A row of a class.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct StandardView {
    /// Stable id.
    pub id: String,
    /// When a case is filed under it.
    pub filing: String,
    /// When a case under it may be closed.
    pub closing: String,
    /// `urgent_hour`, `work_hour`, `work_day`, ...
    pub limit: String,
    /// How many of the limit's units.
    pub amount: u32,
}

/// When many incidents of a condition become one.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct GroupView {
    /// The condition of the members.
    pub condition: String,
    /// By what they belong together; the first that the device has.
    pub by: Vec<String>,
    /// So many assets,
    pub distinct: u32,
    /// and this share of the group,
    pub share: Option<f64>,
    /// within so many minutes,
    pub within_min: i64,
    /// are one incident of that condition,
    pub parent_condition: String,
    /// and that bad.
    pub severity: String,
}

/// A condition that explains others.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct InhibitionView {
    /// What explains.
    pub cause: String,
    /// What is explained.
    pub condition: String,
    /// By what the two belong together.
    pub by: Vec<String>,
    /// What opened so many minutes before the cause goes under it as well.
    pub within_min: i64,
}

/// What sensors verify.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct VerificationView {
    /// The case's condition.
    pub condition: String,
    /// So many further readings confirm.
    pub readings: u32,
    /// What is read within so many minutes contradicts nothing yet.
    pub grace_min: i64,
    /// After so many minutes it must be decided.
    pub window_min: i64,
    /// What is confirmed is closed without being asked.
    pub auto_close: bool,
}

/// A source of reports.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SourceView {
    /// Its name.
    pub name: String,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
    /// The state in which its cases open.
    pub start: String,
}

/// What is wrong with a profile.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ProfileCheckView {
    /// Nothing is.
    pub ok: bool,
    /// Everything that is.
    pub mistakes: Vec<ProfileMistakeView>,
}

/// A mistake in a profile.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ProfileMistakeView {
    /// Line, from 1.
    pub line: u32,
    /// The field, such as `calendar.holidays`.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl ProfileView {
    /// Of a profile and the text that it was read from.
    #[must_use]
    pub fn new(profile: &Profile, text: String) -> ProfileView {
        let classes = profile.classes.values().map(|class| {
            let rows = profile.standards.values().filter(|row| row.class == class.id);
            let standards = rows.map(|row| StandardView {
                id: row.id.to_string(),
                filing: row.filing.to_string(),
                closing: row.closing.to_string(),
                limit: name_of(&row.limit.kind),
                amount: row.limit.amount,
            });
            ClassView {
                id: class.id.to_string(),
                kind: class.kind.to_string(),
                code: class.code.to_string(),
                name: class.name.to_string(),
                big_name: class.big_name.to_string(),
                standards: standards.collect(),
            }
        });
        let sources = profile.sources.iter().map(|source| SourceView {
            name: source.name.to_string(),
            zh: source.zh.to_string(),
            en: source.en.to_string(),
            start: name_of(&source.start),
        });
        let mut departments: Vec<String> = profile.dispatch.iter().map(|rule| rule.department.to_string()).collect();
        departments.sort_unstable();
        departments.dedup();
        ProfileView {
            name: profile.name.to_string(),
            time_zone: profile.calendar.zone.name().to_owned(),
            classes: classes.collect(),
            sources: sources.collect(),
            departments,
            groups: groups(profile),
            outlast_min: profile.outlast_ms / MINUTE_MS,
            inhibitions: inhibitions(profile),
            verifications: verifications(profile),
            text,
        }
    }
}

fn groups(profile: &Profile) -> Vec<GroupView> {
    let groups = profile.groups.iter().map(|(condition, group)| GroupView {
        condition: condition.to_string(),
        by: group.by.iter().map(ToString::to_string).collect(),
        distinct: group.distinct,
        share: group.share,
        within_min: group.within_ms / MINUTE_MS,
        parent_condition: group.parent_condition.to_string(),
        severity: group.severity.name().to_owned(),
    });
    groups.collect()
}

fn inhibitions(profile: &Profile) -> Vec<InhibitionView> {
    let rules =
        profile.inhibitions.iter().flat_map(|(condition, rules)| rules.iter().map(move |rule| (condition, rule)));
    let views = rules.map(|(condition, rule)| InhibitionView {
        cause: rule.cause.to_string(),
        condition: condition.to_string(),
        by: rule.by.iter().map(ToString::to_string).collect(),
        within_min: rule.within_ms / MINUTE_MS,
    });
    let mut views: Vec<InhibitionView> = views.collect();
    views.sort_by(|a, b| (&a.cause, &a.condition).cmp(&(&b.cause, &b.condition)));
    views
}

fn verifications(profile: &Profile) -> Vec<VerificationView> {
    let views = profile.verifications.iter().map(|(condition, rule)| VerificationView {
        condition: condition.to_string(),
        readings: rule.readings,
        grace_min: rule.grace_ms / MINUTE_MS,
        window_min: rule.window_ms / MINUTE_MS,
        auto_close: rule.auto_close,
    });
    views.collect()
}

impl From<ProfileError> for ProfileMistakeView {
    fn from(mistake: ProfileError) -> ProfileMistakeView {
        ProfileMistakeView { line: mistake.line, field: mistake.field, message: mistake.message, hint: mistake.hint }
    }
}
