//! The city profile: what differs between cities, as one checked, immutable value.
//!
//! Time zone and calendar, classes and standard rows with their limits, which condition is which class,
//! case numbers, policies. Read from TOML by [`Profile::parse`], which reports everything that is wrong
//! with line, field and hint. The shipped example city is [`YUNCHENG`].

mod calls;
mod check;
mod days;
mod error;
mod file;
mod policy;
mod storms;
mod tables;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::{CaseState, Severity};

pub use self::calls::{CALL_KINDS, CallTexts};
pub use self::error::ProfileError;
pub use self::policy::{DispatchRule, IOT, Rung, RungAction, RungTime, Source, StageLimits};
pub use self::text::{Template, TextPair};
use crate::calendar::Calendar;
use crate::deadline::Limit;
use crate::number::NumberPattern;

/// The example city's profile as TOML text.
pub const YUNCHENG: &str = include_str!("../../profile/yuncheng.toml");

/// The condition of a device that is not heard any more. It opens an incident and never a case: a dead
/// sensor is not a city case.
pub const DEVICE_SILENT: &str = "device_silent";

/// Every topic that the outbox can carry.
pub const TOPICS: [&str; 12] = [
    "incident.opened",
    "incident.updated",
    "incident.cleared",
    "case.opened",
    "case.updated",
    "case.overdue",
    "case.stage_overdue",
    "case.reminded",
    "case.supervised",
    "case.closed",
    "case.folded",
    "silence.over",
];

/// What differs between cities.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The profile's name.
    pub name: Arc<str>,
    /// Time zone, working time, holidays.
    pub calendar: Calendar,
    /// When lamps burn that have no hours of their own.
    pub lighting: Lighting,
    /// Classes (部件 and 事件) by their stable id, such as `01-02` or `E01-92`.
    pub classes: BTreeMap<Arc<str>, Class>,
    /// Standard rows by their stable id, such as `01-02.1`.
    pub standards: BTreeMap<Arc<str>, Standard>,
    /// Mappings of each condition, the narrowest asset type first.
    pub mappings: BTreeMap<Arc<str>, Vec<Mapping>>,
    /// How case numbers look.
    pub number: NumberPattern,
    /// The prefix in case numbers.
    pub number_prefix: Arc<str>,
    /// What happens to cases without being asked.
    pub cases: CasePolicy,
    /// Limits of the stages between people.
    pub clocks: StageLimits,
    /// What happens as the handling limit runs out, beside becoming overdue.
    pub ladder: Vec<Rung>,
    /// Where reports of people come from.
    pub sources: Vec<Source>,
    /// Who handles what; the first that takes a case counts.
    pub dispatch: Vec<DispatchRule>,
    /// When many incidents of a condition become one, by the condition.
    pub groups: BTreeMap<Arc<str>, GroupRule>,
    /// For so many milliseconds what is left of a storm that wanes stands under it; 0: not at all.
    pub outlast_ms: i64,
    /// What explains incidents of a condition, by that condition.
    pub inhibitions: BTreeMap<Arc<str>, Vec<Inhibition>>,
    /// How sensors verify what was handled, by the case's condition.
    pub verifications: BTreeMap<Arc<str>, Verification>,
    /// When an incident counts as flapping; `None`: never.
    pub flapping: Option<Flapping>,
    /// What goes out to others.
    pub outbox: OutboxPolicy,
    /// What people are told when they are called.
    pub calls: CallTexts,
}

/// A class of the city's table: a kind of part or event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// Stable id, unique over parts and events.
    pub id: Arc<str>,
    /// `component` (部件) or `event` (事件).
    pub kind: Arc<str>,
    /// Big and small class code, such as `01-02`; a part and an event may share one.
    pub code: Arc<str>,
    /// The class in words.
    pub name: Arc<str>,
    /// The big class in words.
    pub big_name: Arc<str>,
}

/// A row of the city's table of standards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standard {
    /// Stable id.
    pub id: Arc<str>,
    /// Id of its class.
    pub class: Arc<str>,
    /// When a case is filed under it (立案条件).
    pub filing: Arc<str>,
    /// When a case under it may be closed (结案条件).
    pub closing: Arc<str>,
    /// The handling limit (处置时限).
    pub limit: Limit,
}

/// What a condition on an asset type becomes.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// Only what this rule raises; such a mapping comes before those for all rules.
    pub rule: Option<Arc<str>>,
    /// Which asset types.
    pub asset_type: AssetTypes,
    /// What becomes of it.
    pub target: Target,
}

/// A set of asset types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssetTypes {
    /// That one.
    Exact(Arc<str>),
    /// All that begin so (`01-*`).
    Prefix(Arc<str>),
    /// All (`*`).
    All,
}

/// What becomes of an incident.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// It stays an incident.
    IncidentOnly,
    /// It opens or joins a case.
    Case(CaseTarget),
}

/// The case that an incident opens or joins.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseTarget {
    /// Id of the class.
    pub class: Arc<str>,
    /// Id of the standard row that gives the limit; `None`: no limit.
    pub standard: Option<Arc<str>>,
    /// Incidents with the same value of this are one case; `None`: of the same asset.
    pub group_by: Option<GroupBy>,
    /// The state in which the case opens.
    pub start: CaseState,
}

/// By what incidents of several assets become one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// Electric feeder.
    Feeder,
    /// Street-light cabinet.
    Cabinet,
    /// Drainage catchment.
    Catchment,
    /// Cell of the carrier's network.
    CarrierCell,
    /// Grid cell.
    Grid,
    /// District.
    District,
    /// So many metres around, by the register's position: for storms only.
    Radius(u32),
    /// An attribute of the register entry, such as `road`, within one district.
    Attribute(Arc<str>),
}

impl std::fmt::Display for GroupBy {
    /// As the profile writes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            GroupBy::Feeder => f.write_str("feeder"),
            GroupBy::Cabinet => f.write_str("cabinet"),
            GroupBy::Catchment => f.write_str("catchment"),
            GroupBy::CarrierCell => f.write_str("carrier_cell"),
            GroupBy::Grid => f.write_str("grid"),
            GroupBy::District => f.write_str("district"),
            GroupBy::Radius(metres) => write!(f, "radius:{metres}"),
            GroupBy::Attribute(name) => f.write_str(name),
        }
    }
}

/// When incidents of many assets become one parent incident with members.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupRule {
    /// By what assets belong together: the first of these that the asset's device has.
    pub by: Vec<GroupBy>,
    /// So many assets ...
    pub distinct: u32,
    /// ... and this share of the group's devices of the kind, if the register knows them ...
    pub share: Option<f64>,
    /// ... that opened the condition within so many milliseconds and still have it.
    pub within_ms: i64,
    /// What is wrong then, in the city's words.
    pub parent_condition: Arc<str>,
    /// How bad that is.
    pub severity: Severity,
    /// So many milliseconds people are not called for the case of a single one: a storm may be forming, which would
    /// take it in. The case itself is there at once.
    pub wait_ms: i64,
}

/// For how long after "handled" no reading contradicts, where the table says nothing: whoever did the work says so
/// first and closes the lid then, and the sensor needs a report for it.
pub const USUAL_GRACE_MS: i64 = 10 * gengfu_model::time::MINUTE_MS;

/// How sensors verify that what was handled is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verification {
    /// So many further readings of each sensor confirm, once the condition is gone.
    pub readings: u32,
    /// What is read within so many milliseconds contradicts nothing yet.
    pub grace_ms: i64,
    /// After so many milliseconds it must be decided.
    pub window_ms: i64,
    /// What is confirmed is closed without being asked.
    pub auto_close: bool,
}

impl Verification {
    /// What satisfies both.
    #[must_use]
    pub fn and(self, other: Verification) -> Verification {
        Verification {
            readings: self.readings.max(other.readings),
            grace_ms: self.grace_ms.max(other.grace_ms),
            window_ms: self.window_ms.max(other.window_ms),
            auto_close: self.auto_close && other.auto_close,
        }
    }
}

/// An open incident that explains others, which are held back while it is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inhibition {
    /// The condition of what explains.
    pub cause: Arc<str>,
    /// By what the two belong together: any one of these.
    pub by: Vec<GroupBy>,
    /// What opened so many milliseconds before the cause goes under it as well.
    pub within_ms: i64,
}

/// What happens to cases without being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CasePolicy {
    /// A case that nobody dispatched yet closes by itself when its condition is gone, and cannot come back
    /// by a cooldown.
    pub auto_close: bool,
    /// Every dispatch starts the limit anew, not only the first one.
    pub restart_on_redispatch: bool,
}

/// When lamps burn, by the sun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lighting {
    /// Minutes after sunset at which they go on; negative: before.
    pub on_after_sunset_min: i16,
    /// Minutes before sunrise at which they go out; negative: after.
    pub off_before_sunrise_min: i16,
}

/// When an incident counts as flapping, and what happens then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flapping {
    /// So many openings (the first one included) ...
    pub times: u32,
    /// ... within so many milliseconds ...
    pub within_ms: i64,
    /// ... and the incident clears only after its condition stayed away for so many milliseconds.
    pub quiet_ms: i64,
}

/// What goes out to others.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxPolicy {
    /// The topics that go out, with their texts.
    pub topics: BTreeMap<Arc<str>, TextPair>,
    /// Incidents go out if they are or were at least this bad.
    pub incident_from: Severity,
}

/// Where the profile sends an incident.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Route<'a> {
    /// No case.
    IncidentOnly,
    /// A case of that class and row.
    Case(&'a CaseTarget),
    /// A case without class and limit, for the acceptor to judge.
    Unmapped,
}

impl Profile {
    /// Reads and checks a profile.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the lines. A text that is no TOML, or has an unknown
    /// key, stops at that place.
    pub fn parse(text: &str) -> Result<Profile, Vec<ProfileError>> {
        check::check(text, file::read(text)?)
    }

    /// What becomes of an incident of that asset type and condition that `rule` raised.
    #[must_use]
    pub fn route(&self, rule: &str, asset_type: &str, condition: &str) -> Route<'_> {
        if condition == DEVICE_SILENT {
            return Route::IncidentOnly;
        }
        let mappings = self.mappings.get(condition).map_or(&[][..], Vec::as_slice);
        let fits = |mapping: &&Mapping| {
            mapping.rule.as_deref().is_none_or(|only| only == rule) && mapping.asset_type.contains(asset_type)
        };
        match mappings.iter().find(fits) {
            Some(Mapping { target: Target::IncidentOnly, .. }) => Route::IncidentOnly,
            Some(Mapping { target: Target::Case(target), .. }) => Route::Case(target),
            None => Route::Unmapped,
        }
    }

    /// Who handles cases of that class in that district, if the profile says so.
    #[must_use]
    pub fn dispatch_rule(&self, class: &str, district: &str) -> Option<&DispatchRule> {
        self.dispatch.iter().find(|rule| rule.takes(class, district))
    }

    /// A source of people's reports.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.sources.iter().find(|source| *source.name == *name)
    }

    /// The limit of a standard row, if there is such a row.
    #[must_use]
    pub fn limit(&self, standard: &str) -> Option<Limit> {
        self.standards.get(standard).map(|row| row.limit)
    }
}

impl AssetTypes {
    /// Whether an asset type is one of them.
    #[must_use]
    pub fn contains(&self, asset_type: &str) -> bool {
        match self {
            AssetTypes::Exact(code) => asset_type == &**code,
            AssetTypes::Prefix(prefix) => asset_type.starts_with(&**prefix),
            AssetTypes::All => true,
        }
    }

    /// How narrow the set is: exact before long prefixes before short ones before all.
    fn narrowness(&self) -> usize {
        match self {
            AssetTypes::Exact(_) => usize::MAX,
            AssetTypes::Prefix(prefix) => prefix.len(),
            AssetTypes::All => 0,
        }
    }
}
