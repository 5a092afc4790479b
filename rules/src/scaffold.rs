//! A first rule to change: a threshold over one field that must hold for a while, with its parameters, texts in both
//! languages and tests on both sides of every number, so that check, test, coverage and mutation are green from the
//! first minute on.

use gengfu_model::{FieldDef, FieldType, Kind};

use crate::diagnostic::did_you_mean;
use crate::lower::is_word;

/// The text of a new rule about `field` of `kind`, whose key and condition are made of `name`.
///
/// # Errors
/// When there is no such field, it is a text, or the name is none.
pub fn scaffold(kind: Kind, field: &str, name: &str) -> Result<String, String> {
    if !is_word(name) {
        return Err(format!("`{name}` is no name for a rule: take 1 to 64 small letters, digits, `_`, `-` or `.`"));
    }
    let fields = kind.def().fields;
    let Some(def) = fields.iter().find(|def| def.name == field) else {
        let hint = did_you_mean(field, fields.iter().map(|def| def.name));
        return Err(format!("a {} has no field `{field}`; {hint}", kind.def().en));
    };
    match def.ty {
        FieldType::Number { min, max } => Ok(threshold(kind, def, name, Span { min, max, least: 0.0 })),
        FieldType::Integer { min, max } => {
            Ok(threshold(kind, def, name, Span { min: min as f64, max: max as f64, least: 1.0 }))
        }
        FieldType::Bool => Ok(flag(kind, def, name)),
        FieldType::Text { .. } => {
            Err(format!("`{field}` is a text: a first rule is about a number or a condition, see rules/REFERENCE.md"))
        }
    }
}

/// The values of a field, and the least step between two of them.
struct Span {
    min: f64,
    max: f64,
    least: f64,
}

/// What stands above every rule.
fn head(kind: Kind, def: &FieldDef) -> String {
    let (of_en, of_zh) = (kind.def().en, kind.def().zh);
    format!(
        "/// {en} of a {of_en} beyond its limit: say here what is wrong.\n///\n\
         /// Say why: what the number means, why it must hold for that long, when it is over. Source: say whose numbers\n\
         /// these are, or \"practice, tune it\".\n///\n\
         /// {of_zh}{zh}超限：在此写明是什么问题。\n///\n\
         /// 写明原因：该数值的含义、为何须持续这么久、何时算结束。来源：写明数值出处，或“经验值，可调”。\n",
        en = def.en,
        zh = def.zh
    )
}

fn threshold(kind: Kind, def: &FieldDef, name: &str, span: Span) -> String {
    let Span { min, max, least } = span;
    let range = max - min;
    // Never zero: a tenth more or less is then another number, which the tests notice.
    let limit = rounded(min + 0.8 * range, least);
    let back = rounded(0.05 * range, least);
    let (low, high) = (rounded(min + 0.5 * range, least), rounded(min + 0.9 * range, least));
    let step = rounded(back / 25.0, least).max(least);
    let number = |x: f64| if x.fract() == 0.0 { format!("{x:.1}") } else { format!("{x}") };
    let (kind_name, unit, field) = (kind.name(), def.unit, def.name);
    let values = [limit - step, limit, limit - back + step, limit - back].map(|x| number(rounded(x, least)));
    let [below, at, above_reset, reset] = values;
    // A whole number is changed by one where a tenth of it is less.
    let back = if least >= 1.0 { back.to_string() } else { number(back) };
    let (limit, low, high) = (number(limit), number(low), number(high));
    format!(
        "{head}const RULE = #{{\n    kind: \"{kind_name}\", key: \"{name}\", severity: \"minor\", condition: \"{condition}\",\n    \
         parameters: #{{\n        limit: #{{ default: {limit}, min: {low}, max: {high}, unit: \"{unit}\" }},\n        \
         hold: #{{ default: 5.min, min: 1.s, max: 1.d }},\n    }},\n    \
         text_zh: \"{{dev.name}} {zh} {{{field}}} {unit}\",\n    text_en: \"{{dev.name}}: {en} {{{field}}} {unit}\",\n}};\n\n\
         fn on_message(msg, dev) {{\n    \
         incident(held(band(msg.{field}, param.limit, param.limit - {back}), param.hold), msg.{field});\n}}\n\n\
         fn test_at_the_limit_for_long_enough() {{\n    let d = sim(\"{kind_name}\", #{{ interval_s: 600 }});\n    \
         d.feed(#{{ {field}: {at} }});\n    d.advance(299.s);\n    expect(!d.open(\"{name}\"));\n    d.advance(1.s);\n    \
         expect_eq(d.severity(\"{name}\"), \"minor\");\n    d.feed(#{{ {field}: {above_reset} }});\n    \
         expect(d.open(\"{name}\"));\n    d.feed(#{{ {field}: {reset} }});\n    expect(!d.open(\"{name}\"));\n}}\n\n\
         fn test_below_the_limit_is_no_fault() {{\n    let d = sim(\"{kind_name}\", #{{ interval_s: 600 }});\n    \
         d.feed(#{{ {field}: {below} }});\n    d.advance(10.min);\n    expect(!d.open(\"{name}\"));\n}}\n",
        head = head(kind, def),
        condition = name.replace(['-', '.'], "_"),
        zh = def.zh,
        en = def.en,
    )
    .replace(" \",\n    text_en", "\",\n    text_en")
    .replace(" \",\n};", "\",\n};")
}

fn flag(kind: Kind, def: &FieldDef, name: &str) -> String {
    let (kind_name, field) = (kind.name(), def.name);
    format!(
        "{head}const RULE = #{{\n    kind: \"{kind_name}\", key: \"{name}\", severity: \"minor\", condition: \"{condition}\",\n    \
         parameters: #{{ hold: #{{ default: 5.min, min: 1.s, max: 1.d }} }},\n    \
         text_zh: \"{{dev.name}} {zh}\",\n    text_en: \"{{dev.name}}: {en}\",\n}};\n\n\
         fn on_message(msg, dev) {{\n    incident(held(msg.{field}, param.hold));\n}}\n\n\
         fn test_for_long_enough_and_until_it_is_over() {{\n    let d = sim(\"{kind_name}\", #{{ interval_s: 600 }});\n    \
         d.feed(#{{ {field}: true }});\n    d.advance(299.s);\n    expect(!d.open(\"{name}\"));\n    d.advance(1.s);\n    \
         expect_eq(d.severity(\"{name}\"), \"minor\");\n    d.feed(#{{ {field}: false }});\n    expect(!d.open(\"{name}\"));\n}}\n",
        head = head(kind, def),
        condition = name.replace(['-', '.'], "_"),
        zh = def.zh,
        en = def.en,
    )
}

/// Three digits that count, and whole steps.
fn rounded(x: f64, least: f64) -> f64 {
    if least >= 1.0 {
        return libm::round(x);
    }
    libm::round(x * 1_000.0) / 1_000.0
}
