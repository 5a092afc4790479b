//! What `RULE` says of the rule's group, checked.

use std::sync::Arc;

use super::metadata::{MIN_PERIOD_MS, Reader};
use crate::diagnostic::{Problem, did_you_mean};
use crate::pack::GroupInfo;
use crate::script::tree::{Expr, ExprKind};

/// By what a rule may group: columns of the register.
const GROUPS: [&str; 5] = ["feeder", "cabinet", "catchment", "grid", "carrier_cell"];
/// What stands beside `group`.
const BESIDE: [&str; 8] =
    ["distinct", "share", "enough", "within", "group_severity", "group_condition", "group_text_zh", "group_text_en"];
/// The most devices that a group can ask for.
const MAX_DISTINCT: f64 = 100_000.0;
/// What the text of a group may name.
const PLACEHOLDERS: [&str; 2] = ["group", "count"];

impl<'a> Reader<'a> {
    pub(super) fn group(&mut self) -> Option<GroupInfo> {
        let Some(entry) = self.get("group") else {
            let found: Vec<_> = BESIDE.into_iter().filter_map(|key| self.get(key)).collect();
            for alone in found {
                let message = format!("`{}` stands without `group`", alone.key);
                self.problems.push(Problem::error(alone.key_pos, message));
            }
            return None;
        };
        let by = self.columns(&entry.value)?;
        let distinct = self.get("distinct").and_then(|entry| self.number(&entry.value));
        let share = self.get("share").and_then(|entry| self.number(&entry.value));
        if distinct.is_none() && share.is_none() {
            return self.wrong(entry.key_pos, "`group` needs `distinct` or `share`", "from how many devices on?");
        }
        if distinct.is_some_and(|n| !(2.0..=MAX_DISTINCT).contains(&n) || n.fract() != 0.0) {
            return self.wrong(entry.key_pos, "`distinct` must be a whole number from 2 on", "");
        }
        if share.is_some_and(|n| n <= 0.0 || n > 1.0) {
            return self.wrong(entry.key_pos, "`share` must be above 0 and at most 1", "0.3 is thirty percent");
        }
        let both = match self.text("enough") {
            None => false,
            Some((word, pos)) => match word.as_str() {
                "either" => false,
                "both" if distinct.is_some() && share.is_some() => true,
                "both" => return self.wrong(pos, "`enough: \"both\"` needs `distinct` and `share`", ""),
                other => {
                    let hint = did_you_mean(other, ["either", "both"]);
                    return self.wrong(pos, format!("`enough` is \"{other}\""), &hint);
                }
            },
        };
        let Some(within) = self.get("within") else {
            return self.wrong(entry.key_pos, "`group` needs `within`", "write within: 20.min");
        };
        let within_ms = self.duration(&within.value, MIN_PERIOD_MS)?;
        let key = |own: &'static str, rules: &'static str| if self.get(own).is_some() { own } else { rules };
        let (severity, condition) = (key("group_severity", "severity"), key("group_condition", "condition"));
        for (own, rules) in [("group_severity", severity), ("group_condition", condition)] {
            if self.get(rules).is_none() {
                let hint = format!("write {own}: \"..\"");
                return self.wrong(entry.key_pos, format!("`group` needs `{own}`, since RULE has no `{rules}`"), &hint);
            }
        }
        let (severity, (condition, _)) = (self.severity(severity)?, self.word(condition)?);
        let zh = self.group_text("group_text_zh", "{group} 成片异常，{count} 处")?;
        let en = self.group_text("group_text_en", "{group}: {count} at once")?;
        let distinct = distinct.map(|n| n as u32);
        Some(GroupInfo { by, distinct, share, both, within_ms, severity, condition, text_zh: zh, text_en: en })
    }

    /// A column, or a list of them.
    fn columns(&mut self, value: &'a Expr) -> Option<Vec<Arc<str>>> {
        let value = self.resolve(value);
        let named: Vec<&Expr> = match &value.kind {
            ExprKind::List(items) => items.iter().collect(),
            _ => vec![value],
        };
        let mut columns: Vec<Arc<str>> = Vec::new();
        for name in named {
            let ExprKind::Text(text) = &name.kind else {
                return self.wrong(
                    name.pos,
                    "`group` is no text",
                    "write group: \"feeder\", or [\"cabinet\", \"feeder\"]",
                );
            };
            if !GROUPS.contains(&text.as_str()) {
                let hint = did_you_mean(text, GROUPS);
                return self.wrong(name.pos, format!("there is no group `{text}`"), &hint);
            }
            if columns.iter().any(|column| **column == **text) {
                return self.wrong(name.pos, format!("`{text}` stands twice in `group`"), "");
            }
            columns.push(Arc::from(text.as_str()));
        }
        if columns.is_empty() {
            return self.wrong(value.pos, "`group` is empty", "write group: \"feeder\"");
        }
        Some(columns)
    }

    fn group_text(&mut self, key: &str, usual: &str) -> Option<String> {
        if self.get(key).is_none() {
            return Some(usual.to_owned());
        }
        let (text, pos) = self.text(key)?;
        for name in text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name) {
            if !PLACEHOLDERS.contains(&name) {
                let hint = did_you_mean(name, PLACEHOLDERS);
                return self.wrong(pos, format!("the group's text has no `{{{name}}}`"), &hint);
            }
        }
        Some(text)
    }
}
