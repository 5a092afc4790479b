//! CloudEvents 1.0 in structured JSON mode (cloudevents/spec, `cloudevents/formats/json-format.md` and
//! `cloudevents/bindings/http-protocol-binding.md`): one JSON object with the attributes and the data.

use chrono::{DateTime, SecondsFormat};
use gengfu_model::OutboxItem;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// The media type of an event in structured mode.
pub const MEDIA_TYPE: &str = "application/cloudevents+json; charset=utf-8";
/// What stands before the topic in an event's type.
pub const TYPE_PREFIX: &str = "cn.gengfu.";

/// An outbox row as an event. `source` and the row's id together name it for ever, so a repeat is told by them.
///
/// # Errors
/// When the row's body is no JSON.
pub fn structured(item: &OutboxItem, source: &str) -> Result<String, String> {
    let data: Box<RawValue> =
        serde_json::from_str(&item.body).map_err(|error| format!("the row's body is no JSON: {error}"))?;
    let body: Value = serde_json::from_str(&item.body).unwrap_or_default();
    let subject = ["case", "incident"].iter().find_map(|entity| body.get(entity)?.get("id")?.as_str());
    let time = DateTime::from_timestamp_millis(item.time.0).unwrap_or_default();
    let mut event = json!({
        "specversion": "1.0",
        "id": item.id.to_string(),
        "source": source,
        "type": format!("{TYPE_PREFIX}{}", item.topic),
        "time": time.to_rfc3339_opts(SecondsFormat::Millis, true),
        "datacontenttype": "application/json",
    });
    if let Some(subject) = subject {
        event["subject"] = json!(subject);
    }
    let mut text = event.to_string();
    // The data goes in as it is, so that numbers keep their digits.
    text.truncate(text.len() - 1);
    Ok(format!("{text},\"data\":{}}}", data.get()))
}

/// Whether a text can be an event's `source`: a URI reference that is not empty.
#[must_use]
pub fn is_source(source: &str) -> bool {
    !source.is_empty() && source.len() <= 200 && source.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use gengfu_model::{EffectId, Seq, Timestamp};

    fn item(body: &str) -> OutboxItem {
        let id = EffectId { seq: Seq(77), ordinal: 3 };
        let (topic, time, body) = ("case.opened".into(), Timestamp(1_783_900_800_123), body.to_owned());
        OutboxItem { id, topic, time, body, case: None, withdrawn: None }
    }

    /// The attributes that the specification (section "Context Attributes") requires, and the rules of its
    /// types: non-empty strings, `specversion` 1.0, `source` a URI reference, `time` RFC 3339.
    #[test]
    fn an_event_has_what_the_specification_requires() {
        let text = structured(&item(r#"{"topic":"case.opened","case":{"id":"70-1"},"x":0.10}"#), "/gengfu/yc").unwrap();
        let event: Value = serde_json::from_str(&text).unwrap();
        for required in ["specversion", "id", "source", "type"] {
            assert!(event[required].as_str().is_some_and(|value| !value.is_empty()), "{required}: {event}");
        }
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["id"], "77-3");
        assert_eq!(event["type"], "cn.gengfu.case.opened");
        assert_eq!(event["subject"], "70-1");
        assert!(DateTime::parse_from_rfc3339(event["time"].as_str().unwrap()).is_ok());
        assert_eq!(event["datacontenttype"], "application/json");
        assert!(event["data"].is_object(), "JSON data stands as a value and not as text");
        assert!(text.contains("0.10"), "the data is the row's own text");
        let names = event.as_object().unwrap().keys();
        for name in names.filter(|name| *name != "data") {
            let good = name.len() <= 20 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            assert!(good, "attribute names are lower-case letters and digits, 20 at most: {name}");
        }
        assert!(structured(&item("no json"), "/x").is_err());
    }

    #[test]
    fn a_source_is_a_reference() {
        assert!(is_source("/gengfu/yuncheng") && is_source("https://city.example/gengfu"));
        assert!(!is_source("") && !is_source("a b") && !is_source("运城"));
    }
}
