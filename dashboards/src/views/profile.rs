//! The city profile.

use gengfu_cases::{Profile, ProfileError};
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
            text,
        }
    }
}

impl From<ProfileError> for ProfileMistakeView {
    fn from(mistake: ProfileError) -> ProfileMistakeView {
        ProfileMistakeView { line: mistake.line, field: mistake.field, message: mistake.message, hint: mistake.hint }
    }
}
