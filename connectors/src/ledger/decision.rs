//! The decision log's rows as they are read, the filter of their list, and how long they are kept.

use gengfu_model::time::DAY_MS;
use gengfu_model::{Decision, DecisionKind, DeviceId, EffectId, Timestamp};
use serde::Serialize;

use super::reader::page::{ListQuery, Order};
use crate::ledger::columns::seq_column;

/// Decisions older than this, counted back from the newest one, are forgotten: the archive's 35 days.
pub const DECISIONS_KEPT_MS: i64 = 35 * DAY_MS;

/// Whether a decision of that time is kept.
pub(crate) fn is_kept(newest: Timestamp, time: Timestamp) -> bool {
    newest.since_ms(time) <= DECISIONS_KEPT_MS
}

/// The columns in the order in which [`super::sqlite::decisions::row`] reads them.
pub(crate) const SELECT: &str = "SELECT time, seq, ordinal, incident_seq, incident_ordinal, case_seq, case_ordinal,
    rule, asset, device, district, what, who, why, note, refs FROM decision";

/// One row of the decision log: a [`Decision`] with its id and its words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DecisionRow {
    /// The effect's id.
    pub id: EffectId,
    /// When.
    pub time: Timestamp,
    /// The incident that it is about.
    pub incident: Option<EffectId>,
    /// The case that it is about, or that it led to.
    pub case: Option<EffectId>,
    /// The rule, or empty.
    pub rule: String,
    /// The asset, or empty.
    pub asset: String,
    /// The device.
    pub device: Option<String>,
    /// The district, or empty.
    pub district: String,
    /// What was decided: a word of [`DecisionKind`].
    pub what: String,
    /// The account or channel.
    pub who: Option<String>,
    /// Why: a word of [`gengfu_model::Why`].
    pub why: String,
    /// What else there is to say.
    pub note: String,
    /// What stood behind it.
    pub refs: Vec<EffectId>,
}

impl DecisionRow {
    /// The row of a decision.
    #[must_use]
    pub fn new(id: EffectId, decision: &Decision) -> DecisionRow {
        DecisionRow {
            id,
            time: decision.time,
            incident: decision.incident,
            case: decision.case,
            rule: decision.rule.to_string(),
            asset: decision.asset.to_string(),
            device: decision.device.as_ref().map(ToString::to_string),
            district: decision.district.to_string(),
            what: decision.what.word().to_owned(),
            who: decision.who.as_deref().map(str::to_owned),
            why: decision.why.word().to_owned(),
            note: decision.note.clone(),
            refs: decision.refs.clone(),
        }
    }
}

/// Which decisions are wanted. Every field that is `None` leaves all rows in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionFilter {
    /// About that incident.
    pub incident: Option<EffectId>,
    /// About that case.
    pub case: Option<EffectId>,
    /// About that asset.
    pub asset: Option<String>,
    /// About that device.
    pub device: Option<DeviceId>,
    /// Concerning that account or channel.
    pub who: Option<String>,
    /// Of that kind.
    pub what: Option<DecisionKind>,
    /// In that district.
    pub district: Option<String>,
    /// At or after.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
}

impl DecisionFilter {
    pub(crate) fn query(&self) -> ListQuery {
        let mut query = ListQuery::new(SELECT, Order::NewestBy("time"));
        query.and("incident_seq = ?", self.incident.map(|id| seq_column(id.seq)));
        query.and("incident_ordinal = ?", self.incident.map(|id| i64::from(id.ordinal)));
        query.and("case_seq = ?", self.case.map(|id| seq_column(id.seq)));
        query.and("case_ordinal = ?", self.case.map(|id| i64::from(id.ordinal)));
        query.and("asset = ?", self.asset.clone());
        query.and("device = ?", self.device.as_ref().map(|device| device.as_str().to_owned()));
        query.and("who = ?", self.who.clone());
        query.and("what = ?", self.what.map(|what| what.word().to_owned()));
        query.and("district = ?", self.district.clone());
        query.and("time >= ?", self.from.map(|time| time.0));
        query.and("time < ?", self.to.map(|time| time.0));
        query
    }
}
