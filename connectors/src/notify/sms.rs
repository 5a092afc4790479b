//! SMS through the HTTP interface of whatever gateway the city has: the body is a template of the configuration.

use gengfu_model::time::MINUTE_MS;
use gengfu_model::{OutboxItem, Timestamp};
use serde_json::Value;

use super::notice::{Notice, is_phone};
use super::pace::Pace;
use super::{NotifyError, SmsTemplate};
use crate::delivery::http::Http;
use crate::delivery::{Channel, Outcome};

/// Some seven parts of a long Chinese message.
const MAX_TEXT_BYTES: usize = 1_200;
/// A telephone takes in no more, whoever is at fault.
const MOST_A_MINUTE: usize = 60;

pub(super) struct Sms {
    http: Http,
    template: SmsTemplate,
    pace: Pace,
}

impl Sms {
    pub(super) fn new(http: Http, template: SmsTemplate) -> Result<Sms, NotifyError> {
        let filled = fill(&template, "13800000000", "text", "1-0");
        if serde_json::from_str::<Value>(&filled).is_err() {
            let message =
                "the body of an SMS channel is no JSON: write it as '{\"mobile\":\"{phone}\",\"content\":\"{text}\"}'";
            return Err(NotifyError::Settings(message.to_owned()));
        }
        if !template.body.contains("{phone}") || !template.body.contains("{text}") {
            return Err(NotifyError::Settings("the body of an SMS channel needs {phone} and {text}".to_owned()));
        }
        Ok(Sms { http, template, pace: Pace::new(MOST_A_MINUTE, MINUTE_MS) })
    }
}

impl Channel for Sms {
    fn deliver(&mut self, item: &OutboxItem, now: Timestamp) -> Outcome {
        let notice = match Notice::read(&item.body) {
            Ok(notice) => notice,
            Err(answer) => return Outcome::Refused { answer },
        };
        if !is_phone(&notice.address) {
            return Outcome::Refused { answer: format!("`{}` is no telephone number", notice.address) };
        }
        if let Err(until) = self.pace.take(now) {
            return Outcome::Busy { until, answer: "60 messages went out within a minute".to_owned() };
        }
        let id = item.id.to_string();
        let body = fill(&self.template, &notice.address, &notice.text(MAX_TEXT_BYTES), &id);
        let answer = match self.http.post_json("", &body) {
            Ok(answer) => answer,
            Err(answer) => return Outcome::Unavailable { answer },
        };
        if !answer.is_ok() || self.template.ok_field.is_empty() {
            return answer.outcome();
        }
        let said: Option<Value> = serde_json::from_str(&answer.text).ok();
        let said = said.and_then(|said| said.pointer(&pointer(&self.template.ok_field)).cloned());
        let said = match said {
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
            None => return Outcome::Unavailable { answer: answer.summary() },
        };
        match said == self.template.ok_value {
            true => Outcome::Delivered { answer: answer.summary() },
            false => Outcome::Refused { answer: answer.summary() },
        }
    }
}

/// `data.code` as a JSON pointer.
fn pointer(path: &str) -> String {
    path.split('.').map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect()
}

/// The body with its places filled, each escaped for JSON. Filled in one pass, so that a text that holds a
/// place's name stays text.
fn fill(template: &SmsTemplate, phone: &str, text: &str, id: &str) -> String {
    let escaped = |text: &str| {
        let quoted = Value::from(text).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let places = [("{phone}", phone), ("{text}", text), ("{id}", id), ("{secret}", template.secret.as_str())];
    let mut filled = String::new();
    let mut rest = template.body.as_str();
    while let Some(start) = rest.find('{') {
        filled.push_str(&rest[..start]);
        rest = &rest[start..];
        match places.iter().find(|(name, _)| rest.starts_with(name)) {
            Some((name, value)) => {
                filled.push_str(&escaped(value));
                rest = &rest[name.len()..];
            }
            None => {
                filled.push('{');
                rest = &rest[1..];
            }
        }
    }
    filled.push_str(rest);
    filled
}
