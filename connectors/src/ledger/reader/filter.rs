//! What lists can be narrowed to. Every field that is `None` leaves all rows in.

use gengfu_model::{
    CaseState, DeviceId, DeviceLife, DispositionKind, EffectId, IncidentState, Kind, Seq, SilenceState, Timestamp,
};

use super::page::{ListQuery, Order};
use crate::ledger::columns;

/// Which incidents are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IncidentFilter {
    /// Open or cleared.
    pub state: Option<IncidentState>,
    /// The device's kind.
    pub kind: Option<Kind>,
    /// The rule's id.
    pub rule: Option<String>,
    /// The device's id.
    pub device: Option<String>,
    /// The rule's key.
    pub key: Option<String>,
    /// The district.
    pub district: Option<String>,
    /// The condition, in the city's words.
    pub condition: Option<String>,
    /// The incident that it is a member of.
    pub parent: Option<EffectId>,
    /// Opened at or after.
    pub from: Option<Timestamp>,
    /// Opened before.
    pub to: Option<Timestamp>,
}

impl IncidentFilter {
    pub(super) fn query(&self) -> ListQuery {
        let mut query = ListQuery::new("SELECT opened, seq, ordinal, body FROM incident", Order::NewestBy("opened"));
        query.and("state = ?", self.state.map(|state| columns::incident_state(state).to_owned()));
        query.and("kind = ?", self.kind.map(|kind| kind.name().to_owned()));
        query.and("rule = ?", self.rule.clone());
        query.and("device = ?", self.device.clone());
        query.and("key = ?", self.key.clone());
        query.and("district = ?", self.district.clone());
        query.and("condition = ?", self.condition.clone());
        query.and("parent_seq = ?", self.parent.map(|id| columns::seq_column(id.seq)));
        query.and("parent_ordinal = ?", self.parent.map(|id| i64::from(id.ordinal)));
        query.and("opened >= ?", self.from.map(|time| time.0));
        query.and("opened < ?", self.to.map(|time| time.0));
        query
    }
}

/// Which cases are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CaseFilter {
    /// Those that are in no final state, or those that are.
    pub open: Option<bool>,
    /// The state.
    pub state: Option<CaseState>,
    /// The district.
    pub district: Option<String>,
    /// The class of the city's table.
    pub class: Option<String>,
    /// The asset's code.
    pub asset: Option<String>,
    /// The account that works on it.
    pub assignee: Option<String>,
    /// Those whose deadline has passed, or those whose has not.
    pub overdue: Option<bool>,
    /// Opened at or after.
    pub from: Option<Timestamp>,
    /// Opened before.
    pub to: Option<Timestamp>,
}

impl CaseFilter {
    pub(super) fn query(&self) -> ListQuery {
        let mut query = ListQuery::new("SELECT opened, seq, ordinal, body FROM case_file", Order::NewestBy("opened"));
        query.and("final = ?", self.open.map(|open| i64::from(!open)));
        query.and("state = ?", self.state.map(|state| columns::case_state(state).to_owned()));
        query.and("district = ?", self.district.clone());
        query.and("class = ?", self.class.clone());
        query.and("asset = ?", self.asset.clone());
        query.and("assignee = ?", self.assignee.clone());
        query.and("overdue = ?", self.overdue.map(i64::from));
        query.and("opened >= ?", self.from.map(|time| time.0));
        query.and("opened < ?", self.to.map(|time| time.0));
        query
    }
}

/// Which devices are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeviceFilter {
    /// The kind.
    pub kind: Option<Kind>,
    /// The district.
    pub district: Option<String>,
    /// Where it stands in its life.
    pub life: Option<DeviceLife>,
    /// Part of its id, name or asset code; ASCII letters match in both cases.
    pub text: Option<String>,
}

impl DeviceFilter {
    pub(super) fn query(&self) -> ListQuery {
        let mut query = ListQuery::new("SELECT id, body FROM device", Order::Text("id"));
        query.and("kind = ?", self.kind.map(|kind| kind.name().to_owned()));
        query.and("district = ?", self.district.clone());
        query.and("life = ?", self.life.map(|life| columns::life(life).to_owned()));
        let text = self.text.as_ref().filter(|text| !text.is_empty());
        // A scan of a narrow index, not of the bodies. A line feed between the three, so that no match
        // spans two of them.
        query.and(
            "id IN (SELECT id FROM device WHERE
             instr(lower(id || char(10) || name || char(10) || asset_code), ?) > 0)",
            text.map(|text| text.to_ascii_lowercase()),
        );
        query
    }
}

/// Which late findings are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FindingFilter {
    /// The device.
    pub device: Option<DeviceId>,
    /// The rule's id.
    pub rule: Option<String>,
    /// The district.
    pub district: Option<String>,
    /// Would have opened at or after.
    pub from: Option<Timestamp>,
    /// Would have opened before.
    pub to: Option<Timestamp>,
}

impl FindingFilter {
    pub(super) fn query(&self) -> ListQuery {
        let mut query = ListQuery::new("SELECT opened, seq, ordinal, body FROM finding", Order::NewestBy("opened"));
        query.and("device = ?", self.device.as_ref().map(|device| device.as_str().to_owned()));
        query.and("rule = ?", self.rule.clone());
        query.and("district = ?", self.district.clone());
        query.and("opened >= ?", self.from.map(|from| from.0));
        query.and("opened < ?", self.to.map(|to| to.0));
        query
    }
}

/// Which dispositions are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DispositionFilter {
    /// Journal time in `[from, to)`.
    pub day: Option<(Timestamp, Timestamp)>,
    /// The device.
    pub device: Option<DeviceId>,
    /// What became of it.
    pub kind: Option<DispositionKind>,
    /// Only quarantined messages that have not been decoded since.
    pub waits: bool,
    /// Only of this record.
    pub record: Option<Seq>,
}

impl DispositionFilter {
    pub(super) fn query(&self) -> ListQuery {
        let mut query = ListQuery::new(
            "SELECT time, seq, ordinal, message_seq, device, kind, detail, payload, source, redecoded FROM disposition",
            Order::NewestBy("time"),
        );
        query.and("time >= ?", self.day.map(|(from, _)| from.0));
        query.and("time < ?", self.day.map(|(_, to)| to.0));
        query.and("device = ?", self.device.as_ref().map(|device| device.as_str().to_owned()));
        query.and("kind = ?", self.kind.map(|kind| columns::disposition(kind).to_owned()));
        query.and("seq = ?", self.record.map(columns::seq_column));
        if self.waits {
            query.condition("waits = 1");
        }
        query
    }
}

/// Which silences are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SilenceFilter {
    /// Where they stand.
    pub state: Option<SilenceState>,
    /// The work order that they belong to.
    pub work_order: Option<String>,
}

impl SilenceFilter {
    pub(super) fn query(&self) -> ListQuery {
        let mut query = ListQuery::new("SELECT seq, ordinal, body FROM silence", Order::Newest);
        query.and("state = ?", self.state.map(|state| state.word().to_owned()));
        query.and("work_order = ?", self.work_order.clone());
        query
    }
}
