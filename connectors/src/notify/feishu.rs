//! Feishu (飞书) custom group robot.
//!
//! By the vendor's page "自定义机器人使用指南" (open.feishu.cn/document/client-docs/bot-v3/add-custom-bot): `timestamp`
//! (seconds, as text) and `sign` in the body, where `sign` is the Base64 of HMAC-SHA-256 of nothing under the key
//! made of timestamp, a line feed and the secret; body of at most 20 KB; at most 100 messages a minute and 5 a
//! second; `code` 0 in the answer (`StatusCode` in older ones).

use gengfu_model::time::{MINUTE_MS, SECOND_MS};
use gengfu_model::{OutboxItem, Timestamp};
use serde_json::json;

use super::dingtalk::with_keyword;
use super::notice::Notice;
use super::pace::Pace;
use super::reply::Codes;
use super::sign::hmac_base64;
use crate::delivery::http::Http;
use crate::delivery::{Channel, Outcome};

/// Well within the body's 20 KB, however its characters are escaped.
const MAX_TEXT_BYTES: usize = 4_000;
const CODES: Codes = Codes {
    fields: &["code", "StatusCode"],
    // frequency limited
    too_many: &[11_232],
    wait_ms: MINUTE_MS,
    // signature, address of the sender, word; no such robot
    locked_out: &[19_021, 19_022, 19_024, 19_001],
};

pub(super) struct Feishu {
    http: Http,
    secret: Option<String>,
    keyword: Option<String>,
    minute: Pace,
    second: Pace,
}

impl Feishu {
    pub(super) fn new(http: Http, secret: Option<String>, keyword: Option<String>) -> Feishu {
        Feishu { http, secret, keyword, minute: Pace::new(100, MINUTE_MS), second: Pace::new(5, SECOND_MS) }
    }
}

impl Channel for Feishu {
    fn deliver(&mut self, item: &OutboxItem, now: Timestamp) -> Outcome {
        let notice = match Notice::read(&item.body) {
            Ok(notice) => notice,
            Err(answer) => return Outcome::Refused { answer },
        };
        if let Err(until) = self.second.take(now).and_then(|()| self.minute.take(now)) {
            return Outcome::Busy { until, answer: "100 messages a minute, 5 a second went out".to_owned() };
        }
        let mut text = with_keyword(notice.text(MAX_TEXT_BYTES), self.keyword.as_deref());
        if is_user_id(&notice.address) {
            text = format!("<at user_id=\"{}\"></at> {text}", notice.address);
        }
        let mut body = json!({ "msg_type": "text", "content": { "text": text } });
        if let Some(secret) = &self.secret {
            let seconds = now.0.div_euclid(SECOND_MS);
            body["timestamp"] = json!(seconds.to_string());
            body["sign"] = json!(sign(secret, seconds));
        }
        match self.http.post_json("", &body.to_string()) {
            Ok(answer) => CODES.judge(answer, now),
            Err(answer) => Outcome::Unavailable { answer },
        }
    }
}

/// The signature of a moment in seconds.
pub(super) fn sign(secret: &str, seconds: i64) -> String {
    hmac_base64(&format!("{seconds}\n{secret}"), "")
}

/// Whether an address can stand in the text as it is.
fn is_user_id(address: &str) -> bool {
    !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}
