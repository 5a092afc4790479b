//! The words and numbers that key columns hold: those of the model's JSON, so that a person with
//! the `sqlite3` tool can read the ledger.

use gengfu_model::{CaseState, CommandState, DeviceLife, DispositionKind, EffectId, IncidentState, Seq};
use rusqlite::Row;

use crate::LedgerError;

/// The word for an incident's state.
#[must_use]
pub fn incident_state(state: IncidentState) -> &'static str {
    match state {
        IncidentState::Open => "open",
        IncidentState::Cleared => "cleared",
    }
}

/// The word for a case's state.
#[must_use]
pub fn case_state(state: CaseState) -> &'static str {
    match state {
        CaseState::Reported => "reported",
        CaseState::PendingVerify => "pending_verify",
        CaseState::Rejected => "rejected",
        CaseState::Filed => "filed",
        CaseState::Returned => "returned",
        CaseState::Dispatched => "dispatched",
        CaseState::Handling => "handling",
        CaseState::Suspended => "suspended",
        CaseState::PendingCheck => "pending_check",
        CaseState::CheckPassed => "check_passed",
        CaseState::Closed => "closed",
        CaseState::ForceClosed => "force_closed",
        CaseState::Cancelled => "cancelled",
        CaseState::Merged => "merged",
    }
}

/// The word for a command's state.
#[must_use]
pub fn command_state(state: CommandState) -> &'static str {
    match state {
        CommandState::Queued => "queued",
        CommandState::Answered => "answered",
        CommandState::Failed => "failed",
        CommandState::Expired => "expired",
    }
}

/// The word for where a device stands in its life.
#[must_use]
pub fn life(life: DeviceLife) -> &'static str {
    match life {
        DeviceLife::Registered => "registered",
        DeviceLife::InService => "in_service",
        DeviceLife::Maintenance => "maintenance",
        DeviceLife::Retired => "retired",
    }
}

/// Every kind of disposition with its word.
pub const DISPOSITIONS: [(DispositionKind, &str); 6] = [
    (DispositionKind::Duplicate, "duplicate"),
    (DispositionKind::Quarantined, "quarantined"),
    (DispositionKind::StoredLate, "stored_late"),
    (DispositionKind::Replaced, "replaced"),
    (DispositionKind::OutOfRange, "out_of_range"),
    (DispositionKind::TooFarAhead, "too_far_ahead"),
];

/// The word for what became of a message or value.
#[must_use]
pub fn disposition(kind: DispositionKind) -> &'static str {
    match kind {
        DispositionKind::Duplicate => "duplicate",
        DispositionKind::Quarantined => "quarantined",
        DispositionKind::StoredLate => "stored_late",
        DispositionKind::Replaced => "replaced",
        DispositionKind::OutOfRange => "out_of_range",
        DispositionKind::TooFarAhead => "too_far_ahead",
    }
}

/// A sequence as SQLite's integer. The journal cannot reach 2^63 records.
pub(crate) fn seq_column(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

/// SQLite's integer as a sequence.
pub(crate) fn seq_value(column: i64) -> Seq {
    Seq(u64::try_from(column).unwrap_or(0))
}

/// An effect's id from two neighbouring columns.
pub(crate) fn effect_id(row: &Row<'_>, first: usize) -> rusqlite::Result<EffectId> {
    Ok(EffectId { seq: seq_value(row.get(first)?), ordinal: row.get(first + 1)? })
}

/// An effect's id from two neighbouring columns that are both null without one.
pub(crate) fn optional_effect_id(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<EffectId>> {
    let (seq, ordinal): (Option<i64>, Option<u32>) = (row.get(first)?, row.get(first + 1)?);
    Ok(seq.zip(ordinal).map(|(seq, ordinal)| EffectId { seq: seq_value(seq), ordinal }))
}

/// A value as JSON text for a `body` column.
pub(crate) fn to_json<T: serde::Serialize>(table: &str, value: &T) -> Result<String, LedgerError> {
    serde_json::to_string(value)
        .map_err(|error| LedgerError::Store { what: format!("{table}: encode"), message: error.to_string() })
}

/// A value from the JSON text of a `body` column; `key` names the row in the error.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(
    table: &str,
    key: impl std::fmt::Display,
    body: &str,
) -> Result<T, LedgerError> {
    serde_json::from_str(body)
        .map_err(|error| LedgerError::Corrupt { row: format!("{table} {key}"), message: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_models_json() {
        for (kind, word) in DISPOSITIONS {
            assert_eq!(serde_json::to_value(kind).unwrap(), word);
            assert_eq!(disposition(kind), word);
        }
        for state in [IncidentState::Open, IncidentState::Cleared] {
            assert_eq!(serde_json::to_value(state).unwrap(), incident_state(state));
        }
        use CommandState::{Answered, Expired, Failed, Queued};
        for state in [Queued, Answered, Failed, Expired] {
            assert_eq!(serde_json::to_value(state).unwrap(), command_state(state));
        }
        for stage in [DeviceLife::Registered, DeviceLife::InService, DeviceLife::Maintenance, DeviceLife::Retired] {
            assert_eq!(serde_json::to_value(stage).unwrap(), life(stage));
        }
        for state in [
            CaseState::Reported,
            CaseState::PendingVerify,
            CaseState::Rejected,
            CaseState::Filed,
            CaseState::Returned,
            CaseState::Dispatched,
            CaseState::Handling,
            CaseState::Suspended,
            CaseState::PendingCheck,
            CaseState::CheckPassed,
            CaseState::Closed,
            CaseState::ForceClosed,
            CaseState::Cancelled,
            CaseState::Merged,
        ] {
            assert_eq!(serde_json::to_value(state).unwrap(), case_state(state));
        }
    }
}
