//! The platform's news of a case, read by the configuration's mapping.

use std::collections::BTreeMap;

use gengfu_model::staff::PlatformStage;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::mapping::at;

/// The longest note of a message that is kept, in bytes.
const MAX_NOTE_BYTES: usize = 1_000;

/// Where a message of the platform says what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StatusMapping {
    /// Path of the message's id.
    pub message: String,
    /// Path of the case: our id or number.
    pub case: String,
    /// Path of the status.
    pub status: String,
    /// Path of what is said with it; empty: nothing.
    pub note: String,
    /// Their status to our stage: `noted`, `filed`, `dispatched`, `handling`, `handled`, `returned`. A status that is
    /// not in it is noted.
    pub stages: BTreeMap<String, PlatformStage>,
}

impl Default for StatusMapping {
    fn default() -> StatusMapping {
        let own = [
            PlatformStage::Noted,
            PlatformStage::Filed,
            PlatformStage::Dispatched,
            PlatformStage::Handling,
            PlatformStage::Handled,
            PlatformStage::Returned,
        ];
        let name = |stage: PlatformStage| serde_json::to_value(stage).ok()?.as_str().map(str::to_owned);
        StatusMapping {
            message: "id".to_owned(),
            case: "case".to_owned(),
            status: "status".to_owned(),
            note: "note".to_owned(),
            stages: own.into_iter().filter_map(|stage| Some((name(stage)?, stage))).collect(),
        }
    }
}

/// One message of the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusMessage {
    /// Its id there.
    pub message: String,
    /// The case, by our id or number.
    pub case: String,
    /// How far it is.
    pub reached: PlatformStage,
    /// What was said.
    pub note: String,
}

impl StatusMapping {
    /// Reads one message.
    ///
    /// # Errors
    /// The path that is missing, or holds no text or number.
    pub fn read(&self, body: &Value) -> Result<StatusMessage, String> {
        let word = |path: &str| {
            let found = at(body, path).ok_or_else(|| format!("`{path}` is missing"))?;
            match found {
                Value::String(text) if !text.trim().is_empty() => Ok(text.clone()),
                Value::Number(number) => Ok(number.to_string()),
                _ => Err(format!("`{path}` is no text or number")),
            }
        };
        let status = word(&self.status)?;
        let said = if self.note.is_empty() { String::new() } else { word(&self.note).unwrap_or_default() };
        let reached = self.stages.get(&status).copied();
        // What the mapping does not know is kept in the case's history rather than lost.
        let mut note = match reached {
            Some(_) => said,
            None => format!("{status} {said}").trim().to_owned(),
        };
        let end = (0..=note.len().min(MAX_NOTE_BYTES)).rev().find(|end| note.is_char_boundary(*end)).unwrap_or(0);
        note.truncate(end);
        Ok(StatusMessage {
            message: word(&self.message)?,
            case: word(&self.case)?,
            reached: reached.unwrap_or(PlatformStage::Noted),
            note,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_is_read_by_the_mapping() {
        let mapping = StatusMapping {
            message: "head.msgId".into(),
            case: "data.caseNo".into(),
            status: "data.state".into(),
            note: "data.opinion".into(),
            stages: BTreeMap::from([("40".to_owned(), PlatformStage::Handled)]),
        };
        let body = json!({ "head": { "msgId": 991 }, "data": { "caseNo": "YC1", "state": "40", "opinion": "换盖" } });
        let read = mapping.read(&body).unwrap();
        assert_eq!((read.message.as_str(), read.case.as_str(), read.note.as_str()), ("991", "YC1", "换盖"));
        assert_eq!(read.reached, PlatformStage::Handled);
        let other = json!({ "head": { "msgId": "a" }, "data": { "caseNo": "YC1", "state": "77", "opinion": "?" } });
        let read = mapping.read(&other).unwrap();
        assert_eq!((read.reached, read.note.as_str()), (PlatformStage::Noted, "77 ?"));
        assert_eq!(mapping.read(&json!({ "data": {} })).unwrap_err(), "`data.state` is missing");
    }

    #[test]
    fn the_usual_mapping_has_our_own_words() {
        let body = json!({ "id": "m1", "case": "7-0", "status": "dispatched" });
        let read = StatusMapping::default().read(&body).unwrap();
        assert_eq!(read.reached, PlatformStage::Dispatched);
        assert_eq!(read.note, "");
    }
}
