//! The shipped rules: the one visible list.
//!
//! They are a pack like any other: a city starts from them, tunes parameters, and replaces what it
//! knows better. Thresholds and their sources stand at the head of each file.

use std::collections::BTreeMap;

use gengfu_model::Value;
use gengfu_model::catalogue::KINDS;

use crate::language::Language;
use crate::pack::{GroupInfo, Pack, ParameterInfo, RuleInfo};

/// File name and text of every shipped rule.
pub static LIBRARY: [(&str, &str); 48] = [
    ("manhole-battery-voltage.rhai", include_str!("../library/manhole-battery-voltage.rhai")),
    ("manhole-battery.rhai", include_str!("../library/manhole-battery.rhai")),
    ("manhole-bouncing.rhai", include_str!("../library/manhole-bouncing.rhai")),
    ("manhole-gas.rhai", include_str!("../library/manhole-gas.rhai")),
    ("manhole-silent.rhai", include_str!("../library/manhole-silent.rhai")),
    ("manhole-subsidence.rhai", include_str!("../library/manhole-subsidence.rhai")),
    ("manhole-tilt.rhai", include_str!("../library/manhole-tilt.rhai")),
    ("manhole-water.rhai", include_str!("../library/manhole-water.rhai")),
    ("streetlight-cycling.rhai", include_str!("../library/streetlight-cycling.rhai")),
    ("streetlight-dark.rhai", include_str!("../library/streetlight-dark.rhai")),
    ("streetlight-day-burner.rhai", include_str!("../library/streetlight-day-burner.rhai")),
    ("streetlight-factor.rhai", include_str!("../library/streetlight-factor.rhai")),
    ("streetlight-feeder-silent.rhai", include_str!("../library/streetlight-feeder-silent.rhai")),
    ("streetlight-leakage.rhai", include_str!("../library/streetlight-leakage.rhai")),
    ("streetlight-pole.rhai", include_str!("../library/streetlight-pole.rhai")),
    ("streetlight-power.rhai", include_str!("../library/streetlight-power.rhai")),
    ("streetlight-silent.rhai", include_str!("../library/streetlight-silent.rhai")),
    ("streetlight-supply.rhai", include_str!("../library/streetlight-supply.rhai")),
    ("streetlight-voltage.rhai", include_str!("../library/streetlight-voltage.rhai")),
    ("septic-battery.rhai", include_str!("../library/septic-battery.rhai")),
    ("septic-gas.rhai", include_str!("../library/septic-gas.rhai")),
    ("septic-level.rhai", include_str!("../library/septic-level.rhai")),
    ("septic-rising.rhai", include_str!("../library/septic-rising.rhai")),
    ("septic-silent.rhai", include_str!("../library/septic-silent.rhai")),
    ("toilet-battery.rhai", include_str!("../library/toilet-battery.rhai")),
    ("toilet-leak.rhai", include_str!("../library/toilet-leak.rhai")),
    ("toilet-long-stay.rhai", include_str!("../library/toilet-long-stay.rhai")),
    ("toilet-odour.rhai", include_str!("../library/toilet-odour.rhai")),
    ("toilet-paper.rhai", include_str!("../library/toilet-paper.rhai")),
    ("toilet-power.rhai", include_str!("../library/toilet-power.rhai")),
    ("toilet-silent.rhai", include_str!("../library/toilet-silent.rhai")),
    ("toilet-sos.rhai", include_str!("../library/toilet-sos.rhai")),
    ("bin-battery.rhai", include_str!("../library/bin-battery.rhai")),
    ("bin-fire.rhai", include_str!("../library/bin-fire.rhai")),
    ("bin-full.rhai", include_str!("../library/bin-full.rhai")),
    ("bin-silent.rhai", include_str!("../library/bin-silent.rhai")),
    ("bin-tipped.rhai", include_str!("../library/bin-tipped.rhai")),
    ("bin-uncollected.rhai", include_str!("../library/bin-uncollected.rhai")),
    ("truck-drift.rhai", include_str!("../library/truck-drift.rhai")),
    ("truck-fence.rhai", include_str!("../library/truck-fence.rhai")),
    ("truck-idle.rhai", include_str!("../library/truck-idle.rhai")),
    ("truck-missed-round.rhai", include_str!("../library/truck-missed-round.rhai")),
    ("truck-missed-stop.rhai", include_str!("../library/truck-missed-stop.rhai")),
    ("truck-off-route.rhai", include_str!("../library/truck-off-route.rhai")),
    ("truck-overspeed.rhai", include_str!("../library/truck-overspeed.rhai")),
    ("truck-position.rhai", include_str!("../library/truck-position.rhai")),
    ("truck-silent.rhai", include_str!("../library/truck-silent.rhai")),
    ("truck-sos.rhai", include_str!("../library/truck-sos.rhai")),
];

/// The shipped rules as the files of a pack, for [`crate::Pack::compile`].
#[must_use]
pub fn files() -> BTreeMap<String, String> {
    LIBRARY.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// The page of all shipped rules as Markdown: what each watches, why, and what may be tuned.
///
/// `standard` tells what becomes of an incident of a rule, asset type and condition, for people.
#[must_use]
pub fn page(language: Language, standard: &dyn Fn(&str, &str, &str) -> String) -> String {
    let pack = Pack::compile(&files()).expect("the shipped rules have no mistakes, says a test");
    let mut page = language
        .of(
            "# The shipped rules\n\n[中文](rules.zh.md). Each is a file in `rules/library` with its tests; \
             `gengfu rules test --coverage` runs them. The row is that of the example profile.\n",
            "# 自带规则\n\n[English](rules.md)。每条规则是 `rules/library` 中的一个文件，测试写在其中；\
             用 `gengfu rules test --coverage` 运行。所列立案条目取自示例城市配置。\n",
        )
        .to_owned();
    for def in &KINDS {
        page.push_str(&format!("\n## {}\n", language.of(def.en, def.zh)));
        for rule in pack.rules().iter().filter(|rule| rule.kind == def.kind) {
            page.push_str(&format!("\n### `{}`\n\n{}\n", rule.id, language.part_of(&rule.doc)));
            page.push_str(&reads_and_keys(language, rule));
            for condition in &rule.conditions {
                page.push_str(&format!("- `{condition}`: {}\n", standard(&rule.id, def.asset_type, condition)));
            }
            if let Some(group) = &rule.group {
                let becomes = standard(&rule.id, def.asset_type, &group.condition);
                page.push_str(&grouped(language, group, &becomes));
            }
            for parameter in &rule.parameters {
                page.push_str(&tunable(language, parameter));
            }
        }
    }
    page
}

fn reads_and_keys(language: Language, rule: &RuleInfo) -> String {
    let fields = rule.fields.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ");
    let keys = rule.keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    let reads = match (language, fields.is_empty()) {
        (_, true) => String::new(),
        (Language::English, _) => format!("Reads {fields}. "),
        (Language::Chinese, _) => format!("读取 {fields}。"),
    };
    let has = match (language, keys.is_empty()) {
        (Language::English, true) => "No keys of its own.".to_owned(),
        (Language::English, false) => format!("Keys {keys}."),
        (Language::Chinese, true) => "自身没有报警键。".to_owned(),
        (Language::Chinese, false) => format!("报警键 {keys}。"),
    };
    format!("\n{reads}{has}\n")
}

/// When its members are one incident of their group.
fn grouped(language: Language, group: &GroupInfo, standard: &str) -> String {
    let by = group.by.iter().map(|by| format!("`{by}`")).collect::<Vec<_>>().join(language.of(" or ", " 或 "));
    let number = group.distinct.map(|number| format!("{number} {}", language.of("assets", "个部件")));
    let share = group.share.map(|share| {
        let percent = share * 100.0;
        language.of(&format!("{percent} % of the group"), &format!("本组的 {percent} %")).to_owned()
    });
    let enough = [number, share].into_iter().flatten().collect::<Vec<_>>();
    let joint = if group.both { language.of(" and ", "且 ") } else { language.of(" or ", "或 ") };
    let enough = enough.join(joint);
    let minutes = group.within_ms / gengfu_model::time::MINUTE_MS;
    let (condition, severity) = (&group.condition, group.severity.name());
    match language {
        Language::English => {
            format!("- group by {by}: {enough} within {minutes} min are `{condition}` ({severity}): {standard}\n")
        }
        Language::Chinese => {
            format!("- 按 {by} 成组：{minutes} 分钟内 {enough}，成为 `{condition}`（{severity}）：{standard}\n")
        }
    }
}

fn tunable(language: Language, parameter: &ParameterInfo) -> String {
    let any = language.of("any", "不限");
    let number = |value: Option<f64>| value.map_or_else(|| any.to_owned(), |value| value.to_string());
    let default = match &parameter.default {
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text.to_string(),
    };
    let (min, max, unit) = (number(parameter.min), number(parameter.max), &parameter.unit);
    let name = &parameter.name;
    match language {
        Language::English => format!("- parameter `{name}`: {default} {unit} ({min} to {max})\n").replace("  (", " ("),
        Language::Chinese => format!("- 参数 `{name}`：{default} {unit}（{min} 至 {max}）\n").replace(" （", "（"),
    }
}
