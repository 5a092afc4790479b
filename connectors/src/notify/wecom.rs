//! WeCom (企业微信) group robot.
//!
//! By the vendor's page 91770 ("群机器人配置说明", developer.work.weixin.qq.com/document/path/91770): POST of
//! `msgtype` `text` to the robot's address, text of at most 2,048 bytes, `mentioned_list` of user ids or
//! `mentioned_mobile_list` of telephone numbers, at most 20 messages a minute, `errcode` 0 in the answer.

use gengfu_model::time::MINUTE_MS;
use gengfu_model::{OutboxItem, Timestamp};
use serde_json::json;

use super::notice::{Notice, is_phone};
use super::pace::Pace;
use super::reply::Codes;
use crate::delivery::http::Http;
use crate::delivery::{Channel, Outcome};

const MAX_TEXT_BYTES: usize = 2_048;
const MOST_A_MINUTE: usize = 20;
const CODES: Codes = Codes {
    fields: &["errcode"],
    // api freq out of limit
    too_many: &[45_009],
    wait_ms: MINUTE_MS,
    // invalid webhook url
    locked_out: &[93_000],
};

pub(super) struct Wecom {
    http: Http,
    pace: Pace,
}

impl Wecom {
    pub(super) fn new(http: Http) -> Wecom {
        Wecom { http, pace: Pace::new(MOST_A_MINUTE, MINUTE_MS) }
    }
}

impl Channel for Wecom {
    fn deliver(&mut self, item: &OutboxItem, now: Timestamp) -> Outcome {
        let notice = match Notice::read(&item.body) {
            Ok(notice) => notice,
            Err(answer) => return Outcome::Refused { answer },
        };
        if let Err(until) = self.pace.take(now) {
            return Outcome::Busy { until, answer: "20 messages went out within a minute".to_owned() };
        }
        let mut text = json!({ "content": notice.text(MAX_TEXT_BYTES) });
        if !notice.address.is_empty() {
            let list = if is_phone(&notice.address) { "mentioned_mobile_list" } else { "mentioned_list" };
            text[list] = json!([notice.address]);
        }
        let body = json!({ "msgtype": "text", "text": text });
        match self.http.post_json("", &body.to_string()) {
            Ok(answer) => CODES.judge(answer, now),
            Err(answer) => Outcome::Unavailable { answer },
        }
    }
}
