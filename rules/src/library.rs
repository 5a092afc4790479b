//! The shipped rules: the one visible list.
//!
//! They are a pack like any other: a city starts from them, tunes parameters, and replaces what it
//! knows better. Thresholds and their sources stand at the head of each file.

use std::collections::BTreeMap;

use gengfu_model::Value;
use gengfu_model::catalogue::KINDS;

use crate::pack::{Pack, ParameterInfo};

/// File name and text of every shipped rule.
pub static LIBRARY: [(&str, &str); 42] = [
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
    ("truck-idle.rhai", include_str!("../library/truck-idle.rhai")),
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
pub fn page(standard: &dyn Fn(&str, &str, &str) -> String) -> String {
    let pack = Pack::compile(&files()).expect("the shipped rules have no mistakes, says a test");
    let mut page = String::from(
        "# The shipped rules\n\nEach is a file in `rules/library` with its tests; \
         `gengfu rules test --coverage` runs them. The row is that of the example profile.\n",
    );
    for def in &KINDS {
        page.push_str(&format!("\n## {} · {}\n", def.en, def.zh));
        for rule in pack.rules().iter().filter(|rule| rule.kind == def.kind) {
            page.push_str(&format!("\n### `{}`\n\n{}\n", rule.id, rule.doc));
            let fields = rule.fields.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ");
            if !fields.is_empty() {
                page.push_str(&format!("\nReads {fields}. "));
            } else {
                page.push('\n');
            }
            let keys = rule.keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            page.push_str(&format!("Keys {keys}.\n"));
            for condition in &rule.conditions {
                page.push_str(&format!("- `{condition}`: {}\n", standard(&rule.id, def.asset_type, condition)));
            }
            for parameter in &rule.parameters {
                page.push_str(&tunable(parameter));
            }
        }
    }
    page
}

fn tunable(parameter: &ParameterInfo) -> String {
    let number = |value: Option<f64>| value.map_or_else(|| "any".to_owned(), |value| value.to_string());
    let default = match &parameter.default {
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text.to_string(),
    };
    let (min, max, unit) = (number(parameter.min), number(parameter.max), &parameter.unit);
    format!("- parameter `{}`: {default} {unit} ({min} to {max})\n", parameter.name).replace("  (", " (")
}
