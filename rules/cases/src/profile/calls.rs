//! The texts of notifications to people, by what happened: a city may bring its own.

use std::collections::BTreeMap;

use super::error::Problems;
use super::file::CallFile;
use super::text::{Template, TextPair};

/// Every happening that a person can be told of.
pub const CALL_KINDS: [&str; 12] = [
    "alarm",
    "repeated",
    "escalated",
    "came_back",
    "returned",
    "worsened",
    "overdue",
    "withdrawn",
    "digest",
    "hand_over",
    "test",
    "other",
];

/// Places of these texts.
const PLACES: &[&str] =
    &["number", "class", "asset", "text", "what", "due", "district", "severity", "level", "who", "count", "open"];

/// The texts of notifications, by what happened.
#[derive(Clone, Debug, PartialEq)]
pub struct CallTexts(BTreeMap<&'static str, TextPair>);

impl CallTexts {
    /// The texts of a happening.
    ///
    /// # Panics
    /// Never: every happening has its texts, and an unknown one has those of `other`.
    #[must_use]
    pub fn of(&self, kind: &str) -> &TextPair {
        self.0.get(kind).or_else(|| self.0.get("other")).expect("every kind has texts")
    }
}

/// Reads the `[[call]]` entries of a profile.
pub(super) fn calls(entries: &[CallFile], problems: &mut Problems<'_>) -> CallTexts {
    let mut texts = BTreeMap::new();
    for kind in CALL_KINDS {
        let own = entries.iter().find(|entry| entry.kind.get_ref() == kind);
        let (zh, en) = usual(kind);
        let mut template = |own: Option<&toml::Spanned<String>>, usual: &str| {
            let text = own.map_or(usual, |own| own.get_ref().as_str());
            Template::parse_with(kind, PLACES, text).unwrap_or_else(|message| {
                problems.add(own.map_or(0, |own| own.span().start), "call", message, "");
                Template::literal(text)
            })
        };
        let zh = template(own.and_then(|own| own.zh.as_ref()), zh);
        let en = template(own.and_then(|own| own.en.as_ref()), en);
        texts.insert(kind, TextPair { zh, en });
    }
    for entry in entries.iter().filter(|entry| !CALL_KINDS.contains(&entry.kind.get_ref().as_str())) {
        let message = format!("`{}` is no happening that people are told of", entry.kind.get_ref());
        problems.add(entry.kind.span().start, "call.kind", message, &CALL_KINDS.join(", "));
    }
    CallTexts(texts)
}

/// The texts for a profile that does not bring its own, in Chinese and in English.
fn usual(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "alarm" => (
            "【{severity}】{what}。案卷 {number}，时限 {due}，请签收。",
            "[{severity}] {what}. Case {number}, due {due}. Please acknowledge.",
        ),
        "repeated" => (
            "【再次通知】案卷 {number} 尚未签收：{what}，时限 {due}。",
            "[again] Case {number} is not acknowledged: {what}, due {due}.",
        ),
        "escalated" => (
            "【升级至第 {level} 级】案卷 {number} 无人签收：{what}，时限 {due}。",
            "[level {level}] Nobody acknowledged case {number}: {what}, due {due}.",
        ),
        "came_back" => (
            "【签收后无进展】案卷 {number}：{what}，请重新签收并处理。",
            "[no progress] Case {number} was acknowledged and did not move: {what}.",
        ),
        "returned" => (
            "【退回】案卷 {number} 被处置部门退回，需重新派遣：{what}。",
            "[sent back] Case {number} was sent back and must be dispatched again: {what}.",
        ),
        "worsened" => (
            "【{severity}】案卷 {number} 情况加重：{what}，时限 {due}。",
            "[{severity}] Case {number} got worse: {what}, due {due}.",
        ),
        "overdue" => (
            "【超期】案卷 {number}：{class} {what}，时限 {due}。",
            "[overdue] Case {number}: {class} {what}, was due {due}.",
        ),
        "withdrawn" => (
            "案卷 {number} 已并入其他案卷，此前通知作废。",
            "Case {number} was folded into another one; its notification is withdrawn.",
        ),
        "digest" => (
            "【汇总】另有 {count} 条通知（最高级别 {severity}），其中 {open} 个案卷仍未办结，请查看控制台。",
            "[digest] {count} more notifications (worst: {severity}); {open} of their cases are open. See the console.",
        ),
        "hand_over" => (
            "{district} 班次已结束，请填写交接班记录；交接完成前您仍在当班。",
            "Your shift in {district} is over: please hand over. You stay on duty until you do.",
        ),
        "test" => ("这是一条测试通知，收件人 {who}。", "This is a test notification for {who}."),
        _ => ("案卷 {number}：{what}", "Case {number}: {what}"),
    }
}
