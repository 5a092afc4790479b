//! What both ledgers derive from effects: the live stream's event names, and the incidents that
//! recovery needs though they have cleared.

use gengfu_model::{EffectId, IncidentState};
use serde_json::Value;

use crate::LedgerError;

/// Rows of the live stream that are kept: the newest.
pub const STREAM_KEPT: u64 = 100_000;

/// Keys of the reducer's pieces whose value names a cleared incident that may open again.
pub(crate) const COOLDOWN_PREFIX: &str = "cooldown/";

/// The live stream's event for an incident that stood like `before` and stands like `after`.
///
/// Opening again within the cooldown is `incident.opened` as well: whoever lists open incidents
/// must put it back.
pub(crate) fn incident_event(before: Option<IncidentState>, after: IncidentState) -> &'static str {
    match (before, after) {
        (None | Some(IncidentState::Cleared), IncidentState::Open) => "incident.opened",
        (None | Some(IncidentState::Open), IncidentState::Cleared) => "incident.cleared",
        (Some(IncidentState::Open), IncidentState::Open) | (Some(IncidentState::Cleared), IncidentState::Cleared) => {
            "incident.updated"
        }
    }
}

/// The live stream's event for a case.
pub(crate) fn case_event(known: bool) -> &'static str {
    if known { "case.updated" } else { "case.opened" }
}

/// The incidents that a cooldown piece names: every text under a key `incident`, at any depth.
pub(crate) fn cooldown_incidents(key: &str, value: &str) -> Result<Vec<EffectId>, LedgerError> {
    let corrupt = |message: String| LedgerError::Corrupt { row: format!("reducer_state {key}"), message };
    let parsed: Value = serde_json::from_str(value).map_err(|error| corrupt(error.to_string()))?;
    let mut ids = Vec::new();
    collect(&parsed, &mut ids).map_err(corrupt)?;
    Ok(ids)
}

fn collect(value: &Value, ids: &mut Vec<EffectId>) -> Result<(), String> {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "incident" => ids.push(text.parse()?),
                    _ => collect(value, ids)?,
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(item, ids)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use gengfu_model::Seq;

    #[test]
    fn a_cooldown_names_its_incident() {
        let id = |seq, ordinal| EffectId { seq: Seq(seq), ordinal };
        let named = |value| cooldown_incidents("cooldown/x", value);
        assert_eq!(named(r#"{"incident":"7-2","until":9}"#).unwrap(), [id(7, 2)]);
        assert_eq!(named(r#"{"a":[{"incident":"8-0"}],"incident":"7-2"}"#).unwrap(), [id(8, 0), id(7, 2)]);
        assert_eq!(named(r#"{"until":9}"#).unwrap(), []);
        assert!(named(r#"{"incident":"seven"}"#).is_err());
        assert!(named("{").is_err());
    }

    #[test]
    fn an_incident_that_opens_again_is_opened() {
        use IncidentState::{Cleared, Open};
        assert_eq!(incident_event(None, Open), "incident.opened");
        assert_eq!(incident_event(Some(Cleared), Open), "incident.opened");
        assert_eq!(incident_event(Some(Open), Open), "incident.updated");
        assert_eq!(incident_event(Some(Open), Cleared), "incident.cleared");
        assert_eq!(incident_event(Some(Cleared), Cleared), "incident.updated");
    }
}
