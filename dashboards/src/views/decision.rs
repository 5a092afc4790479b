//! A decision of the gateway.

use gengfu_connectors::ledger::DecisionRow;
use gengfu_model::Why;
use serde::Serialize;
use utoipa::ToSchema;

use crate::time_text::Time;

/// What was decided about something, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DecisionView {
    /// Its id.
    pub id: String,
    /// When.
    pub time: Time,
    /// The incident that it is about.
    pub incident: Option<String>,
    /// The case that it is about, or that it led to.
    pub case: Option<String>,
    /// The rule, or empty.
    pub rule: String,
    /// The asset, or empty.
    pub asset: String,
    /// The device.
    pub device: Option<String>,
    /// The district, or empty.
    pub district: String,
    /// `raised`, `reopened`, `updated`, `cleared`, `grouped`, `split_off`, `silenced`, `inhibited`,
    /// `held_by_maintenance`, `released`, `flapping_held`, `folded`, `verified`, `notified`, `not_notified`,
    /// `escalated`.
    pub what: String,
    /// The account or channel that it concerned.
    pub who: Option<String>,
    /// Why, as a word for programs.
    pub why: String,
    /// Why, for people, in Chinese.
    pub text_zh: String,
    /// Why, for people, in English.
    pub text_en: String,
    /// What else there is to say.
    pub note: String,
    /// What stood behind it: ids of a silence, a parent or causing incident, another case.
    pub refs: Vec<String>,
}

impl From<DecisionRow> for DecisionView {
    fn from(row: DecisionRow) -> DecisionView {
        let why = Why::from_word(&row.why);
        DecisionView {
            id: row.id.to_string(),
            time: row.time.into(),
            incident: row.incident.map(|id| id.to_string()),
            case: row.case.map(|id| id.to_string()),
            rule: row.rule,
            asset: row.asset,
            device: row.device,
            district: row.district,
            what: row.what,
            who: row.who,
            text_zh: why.map(|why| why.zh().to_owned()).unwrap_or_default(),
            text_en: why.map(|why| why.en().to_owned()).unwrap_or_default(),
            why: row.why,
            note: row.note,
            refs: row.refs.iter().map(ToString::to_string).collect(),
        }
    }
}
