//! DingTalk (钉钉) custom group robot.
//!
//! By the vendor's pages "自定义机器人安全设置" and "自定义机器人接入" (open.dingtalk.com): `timestamp` (milliseconds)
//! and `sign` in the address, where `sign` is the Base64 of HMAC-SHA-256, under the secret, of timestamp, a line
//! feed and the secret, percent-encoded; or a word that the text must contain; at most 20 messages a minute, or the
//! robot is throttled for ten minutes; `errcode` 0 in the answer.

use gengfu_model::time::MINUTE_MS;
use gengfu_model::{OutboxItem, Timestamp};
use serde_json::json;

use super::notice::{Notice, is_phone};
use super::pace::Pace;
use super::reply::Codes;
use super::sign::hmac_base64;
use crate::delivery::http::{Http, percent_encode};
use crate::delivery::{Channel, Outcome};

/// The vendor wants a body of at most 20,000 bytes; telephones show less.
const MAX_TEXT_BYTES: usize = 4_000;
const MOST_A_MINUTE: usize = 20;
const CODES: Codes = Codes {
    fields: &["errcode"],
    // send too fast
    too_many: &[130_101, 410_100],
    wait_ms: 10 * MINUTE_MS,
    // signature, time, word or address of the sender; no such robot
    locked_out: &[310_000, 300_001],
};

pub(super) struct Dingtalk {
    http: Http,
    secret: Option<String>,
    keyword: Option<String>,
    pace: Pace,
}

impl Dingtalk {
    pub(super) fn new(http: Http, secret: Option<String>, keyword: Option<String>) -> Dingtalk {
        Dingtalk { http, secret, keyword, pace: Pace::new(MOST_A_MINUTE, MINUTE_MS) }
    }
}

impl Channel for Dingtalk {
    fn deliver(&mut self, item: &OutboxItem, now: Timestamp) -> Outcome {
        let notice = match Notice::read(&item.body) {
            Ok(notice) => notice,
            Err(answer) => return Outcome::Refused { answer },
        };
        if let Err(until) = self.pace.take(now) {
            return Outcome::Busy { until, answer: "20 messages went out within a minute".to_owned() };
        }
        let at = if is_phone(&notice.address) { "atMobiles" } else { "atUserIds" };
        let people: Vec<&str> = Some(notice.address.as_str()).into_iter().filter(|who| !who.is_empty()).collect();
        let text = with_keyword(notice.text(MAX_TEXT_BYTES), self.keyword.as_deref());
        let body = json!({
            "msgtype": "text",
            "text": { "content": text },
            "at": { at: people, "isAtAll": false },
        });
        let query = self
            .secret
            .as_ref()
            .map(|secret| format!("timestamp={}&sign={}", now.0, percent_encode(&sign(secret, now))));
        match self.http.post_json(&query.unwrap_or_default(), &body.to_string()) {
            Ok(answer) => CODES.judge(answer, now),
            Err(answer) => Outcome::Unavailable { answer },
        }
    }
}

/// The signature before it is percent-encoded.
pub(super) fn sign(secret: &str, now: Timestamp) -> String {
    hmac_base64(secret, &format!("{}\n{secret}", now.0))
}

/// The text with the word that a robot asks for.
pub(super) fn with_keyword(text: String, keyword: Option<&str>) -> String {
    match keyword {
        Some(keyword) if !text.contains(keyword) => format!("{keyword} {text}"),
        _ => text,
    }
}
