//! The profile as it stands in the file: every key, its default, and where it stood.

use serde::Deserialize;
use toml::Spanned;

use super::error::{ProfileError, line_of};

/// Reads the text; values are not checked yet.
pub(super) fn read(text: &str) -> Result<ProfileFile, Vec<ProfileError>> {
    toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        let place = text.get(span.clone()).unwrap_or_default().lines().next().unwrap_or_default().trim();
        vec![ProfileError {
            line: line_of(text, span.start),
            field: place.chars().take(60).collect(),
            message: error.message().to_owned(),
            hint: String::new(),
        }]
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileFile {
    pub(super) name: String,
    #[serde(default = "shanghai")]
    pub(super) time_zone: Spanned<String>,
    #[serde(default)]
    pub(super) calendar: CalendarFile,
    #[serde(default)]
    pub(super) lighting: LightingFile,
    #[serde(default)]
    pub(super) case: CaseFile,
    #[serde(default)]
    pub(super) incident: IncidentFile,
    #[serde(default)]
    pub(super) outbox: OutboxFile,
    #[serde(default)]
    pub(super) call: Vec<CallFile>,
    #[serde(default)]
    pub(super) group: Vec<GroupFile>,
    #[serde(default)]
    pub(super) inhibition: Vec<InhibitionFile>,
    #[serde(default)]
    pub(super) verification: Vec<VerificationFile>,
    #[serde(default)]
    pub(super) class: Vec<ClassFile>,
    #[serde(default)]
    pub(super) mapping: Vec<MappingFile>,
    #[serde(default)]
    pub(super) source: Vec<SourceFile>,
    #[serde(default)]
    pub(super) dispatch: Vec<DispatchFile>,
}

fn shanghai() -> Spanned<String> {
    Spanned::new(0..0, "Asia/Shanghai".to_owned())
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct CalendarFile {
    /// Such as `["08:00-12:00", "14:00-18:00"]`.
    pub(super) spans: Option<Spanned<Vec<Spanned<String>>>>,
    /// Such as `["sat", "sun"]`.
    pub(super) weekend: Option<Spanned<Vec<Spanned<String>>>>,
    /// `"8 hours"` or `"end_of_day"`.
    pub(super) work_day: Option<Spanned<String>>,
    /// Dates, or `2026-02-15..2026-02-23`.
    #[serde(default)]
    pub(super) holidays: Vec<Spanned<String>>,
    /// Dates.
    #[serde(default)]
    pub(super) make_up: Vec<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct LightingFile {
    /// Minutes, may be negative.
    pub(super) on_after_sunset_min: Option<Spanned<i64>>,
    /// Minutes, may be negative.
    pub(super) off_before_sunrise_min: Option<Spanned<i64>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseFile {
    pub(super) number: Option<Spanned<String>>,
    pub(super) prefix: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) auto_close: bool,
    #[serde(default)]
    pub(super) restart_on_redispatch: bool,
    #[serde(default)]
    pub(super) clocks: ClocksFile,
    #[serde(default)]
    pub(super) ladder: Vec<RungFile>,
}

/// Limits of the stages, such as `"30 urgent_minute"`; a stage without one has no clock.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct ClocksFile {
    pub(super) file: Option<Spanned<String>>,
    pub(super) verify: Option<Spanned<String>>,
    pub(super) dispatch: Option<Spanned<String>>,
    pub(super) check: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RungFile {
    /// A part of the handling limit, such as `"75%"`.
    pub(super) at: Option<Spanned<String>>,
    /// A limit counted from the deadline on, such as `"4 work_hour"`.
    pub(super) after: Option<Spanned<String>>,
    /// `remind` or `supervise`.
    pub(super) action: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceFile {
    pub(super) name: Spanned<String>,
    pub(super) zh: String,
    pub(super) en: String,
    /// `reported`, `pending_verify` or `filed`.
    pub(super) start: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DispatchFile {
    /// Ids of classes, prefixes such as `01-*`; none: all.
    pub(super) class: Option<Spanned<Vec<Spanned<String>>>>,
    /// Districts; none: all.
    #[serde(default)]
    pub(super) district: Vec<String>,
    pub(super) department: Spanned<String>,
    /// Whether filing such a case dispatches it.
    #[serde(default)]
    pub(super) auto: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct IncidentFile {
    /// Conditions that open no case, of any asset type.
    #[serde(default)]
    pub(super) incident_only: Vec<Spanned<String>>,
    /// Such as `"15m"`, which it is by default, or `"0s"`.
    pub(super) outlast: Option<Spanned<String>>,
    pub(super) flapping: Option<FlappingFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FlappingFile {
    pub(super) times: Spanned<u32>,
    /// Such as `"1h"`.
    pub(super) within: Spanned<String>,
    pub(super) quiet: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupFile {
    /// The condition of the members.
    pub(super) condition: Spanned<String>,
    /// Such as `"feeder"`, `["catchment", "grid"]` (the first that a device has), or `"radius:200"`.
    pub(super) by: Spanned<toml::Value>,
    pub(super) distinct: Spanned<u32>,
    /// Such as `0.3`.
    pub(super) share: Option<Spanned<f64>>,
    /// Such as `"20m"`.
    pub(super) within: Spanned<String>,
    pub(super) parent_condition: Spanned<String>,
    pub(super) severity: Spanned<String>,
    /// How long people are not called for a single one, since a storm may be forming; none: not at all.
    pub(super) wait: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InhibitionFile {
    /// The condition of what explains the others.
    pub(super) cause: Spanned<String>,
    /// The conditions that it explains.
    pub(super) inhibits: Vec<Spanned<String>>,
    /// By what they belong together: any of these.
    pub(super) by: Spanned<toml::Value>,
    /// What opened so long before the cause goes under it as well; none: only what opens after it.
    pub(super) within: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerificationFile {
    pub(super) condition: Vec<Spanned<String>>,
    pub(super) readings: Spanned<u32>,
    /// Such as `"10m"`, which it is by default.
    pub(super) grace: Option<Spanned<String>>,
    /// Such as `"2h"`.
    pub(super) window: Spanned<String>,
    #[serde(default)]
    pub(super) auto_close: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct OutboxFile {
    pub(super) topics: Option<Vec<Spanned<String>>>,
    pub(super) incident_from: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) text: Vec<TextFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TextFile {
    pub(super) topic: Spanned<String>,
    pub(super) zh: Option<Spanned<String>>,
    pub(super) en: Option<Spanned<String>>,
}

/// The texts of a notification to people.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallFile {
    pub(super) kind: Spanned<String>,
    pub(super) zh: Option<Spanned<String>>,
    pub(super) en: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClassFile {
    pub(super) id: Spanned<String>,
    /// `component` or `event`.
    pub(super) kind: Spanned<String>,
    pub(super) code: Spanned<String>,
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) big_name: String,
    #[serde(default)]
    pub(super) standards: Vec<StandardFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StandardFile {
    pub(super) id: Spanned<String>,
    pub(super) filing: String,
    #[serde(default)]
    pub(super) closing: String,
    /// Such as `"2 urgent_hour"`.
    pub(super) limit: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MappingFile {
    pub(super) condition: Spanned<String>,
    /// Only what this rule raises.
    pub(super) rule: Option<Spanned<String>>,
    /// Codes, prefixes such as `01-*`, or `*`.
    pub(super) asset_type: Option<Spanned<Vec<Spanned<String>>>>,
    /// A row's id; `{asset_type}` in it stands for the code.
    pub(super) standard: Option<Spanned<String>>,
    /// A class's id, for a case without limit.
    pub(super) class: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) incident_only: bool,
    pub(super) group_by: Option<Spanned<String>>,
    /// `reported`, `pending_verify` or `filed`.
    pub(super) start: Option<Spanned<String>>,
}
