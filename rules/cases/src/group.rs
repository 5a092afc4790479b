//! A rule's group: when so many of its devices say the same that it is one thing of the group.

use std::sync::Arc;

use gengfu_model::{Kind, Severity};

use crate::profile::GroupBy;

/// When the members that a rule counts are one incident of their feeder, cabinet, catchment, grid cell or
/// carrier cell.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleGroup {
    /// By what devices belong together: the first of these that a device has in the register.
    pub by: Vec<GroupBy>,
    /// From so many assets on.
    pub distinct: Option<u32>,
    /// From this share of the group's devices of the kind on, and from two assets on.
    pub share: Option<f64>,
    /// Both are needed, not either of them.
    pub both: bool,
    /// They became members within so many milliseconds.
    pub within_ms: i64,
    /// What is wrong then, in the city's words.
    pub condition: Arc<str>,
    /// How bad that is.
    pub severity: Severity,
    /// For people, in Chinese; `{group}` and `{count}` are filled in.
    pub text_zh: String,
    /// For people, in English.
    pub text_en: String,
}

impl RuleGroup {
    /// The name under which the group of a kind's rule is kept.
    #[must_use]
    pub fn name(kind: Kind, rule: &str) -> Arc<str> {
        format!("{PREFIX}{}/{rule}", kind.name()).into()
    }

    /// How many assets are needed in a group with so many devices of the kind.
    #[must_use]
    pub fn needs(&self, size: Option<u32>) -> u32 {
        let part = self.share.zip(size).map(|(share, size)| libm::ceil(share * f64::from(size)).max(2.0) as u32);
        match (self.distinct, part) {
            (Some(distinct), Some(part)) if self.both => distinct.max(part),
            (Some(distinct), Some(part)) => distinct.min(part),
            (Some(only), None) | (None, Some(only)) => only,
            // A share of what the register does not know.
            (None, None) => u32::MAX,
        }
    }

    /// A text with the group, as it is spoken of, and the number of its members.
    pub(crate) fn fill(text: &str, group: &str, count: usize) -> String {
        text.replace("{group}", group).replace("{count}", &count.to_string())
    }

    /// Whether a text is `template` with that group and any number.
    pub(crate) fn is_filled(template: &str, group: &str, text: &str) -> bool {
        let template = template.replace("{group}", group);
        let mut parts = template.split("{count}");
        let first = parts.next().unwrap_or("");
        let rest = parts.try_fold(text.strip_prefix(first), |left, part| {
            let left = left?;
            let after = left.trim_start_matches(|digit: char| digit.is_ascii_digit());
            Some(after.strip_prefix(part).filter(|_| after.len() < left.len()))
        });
        rest.flatten() == Some("")
    }
}

/// What people call a group such as `cabinet:X-12`, in Chinese and in English. An attribute's group is called by its
/// value alone (`road:解放路`), and so is what is of no known sort.
pub(crate) fn spoken(group: &str) -> (String, String) {
    let (by, name) = group.split_once(':').unwrap_or(("", group));
    let called = match by {
        "feeder" => Some(("馈线", "feeder")),
        "cabinet" => Some(("控制箱", "cabinet")),
        "catchment" => Some(("排水分区", "catchment")),
        "carrier_cell" => Some(("基站", "cell")),
        "grid" => Some(("网格", "grid cell")),
        _ => None,
    };
    match called {
        Some((zh, en)) => (format!("{zh} {name}"), format!("{en} {name}")),
        None => (name.to_owned(), name.to_owned()),
    }
}

/// Names of rules' groups begin so; no condition can.
pub(crate) const PREFIX: &str = "rule:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_or_both_of_number_and_share_are_needed_and_never_one_asset_alone() {
        let group = |distinct, share, both| RuleGroup {
            by: vec![GroupBy::Feeder],
            distinct,
            share,
            both,
            within_ms: 1,
            condition: "c".into(),
            severity: Severity::Major,
            text_zh: String::new(),
            text_en: String::new(),
        };
        for (distinct, share, both, size, needs) in [
            (Some(3), Some(0.3), false, Some(52), 3),
            (Some(3), Some(0.3), false, Some(6), 2),
            (Some(3), Some(0.3), false, Some(1), 2),
            (Some(3), Some(0.3), true, Some(52), 16),
            (Some(3), Some(0.3), true, Some(6), 3),
            (Some(3), None, false, Some(2), 3),
            (None, Some(0.5), false, Some(9), 5),
            (None, Some(0.5), false, None, u32::MAX),
            (Some(3), Some(0.5), true, None, 3),
        ] {
            assert_eq!(group(distinct, share, both).needs(size), needs, "{distinct:?} {share:?} {both} of {size:?}");
        }
    }

    #[test]
    fn a_group_is_called_by_what_it_is() {
        let spoken = |group| spoken(group);
        assert_eq!(spoken("cabinet:X-12"), ("控制箱 X-12".to_owned(), "cabinet X-12".to_owned()));
        assert_eq!(spoken("road:解放路").0, "解放路");
        assert_eq!(spoken("解州镇").0, "解州镇");
    }

    #[test]
    fn texts_name_group_and_number() {
        assert_eq!(RuleGroup::fill("{group}: {count} lamps", "feeder:F7", 3), "feeder:F7: 3 lamps");
        for (text, filled) in [
            ("F7: 3 of 3 lamps", true),
            ("F7: 12 of 12 lamps", true),
            ("F8: 3 of 3 lamps", false),
            ("F7:  of 3 lamps", false),
            ("F7: 3 of 3 lamps!", false),
            ("F7", false),
        ] {
            assert_eq!(RuleGroup::is_filled("{group}: {count} of {count} lamps", "F7", text), filled, "{text}");
        }
    }
}
