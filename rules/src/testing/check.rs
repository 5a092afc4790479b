//! What the checker says of test functions: names that are not there, wrong numbers of arguments, and
//! fields and attributes that the rule's kind does not have or cannot have with that value.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use gengfu_model::{FieldType, Kind, Value};

use super::words::TEST_WORDS;
use super::{bench, script};
use crate::diagnostic::{Problem, did_you_mean};
use crate::lower::device_names;
use crate::script::tree::{ExprKind, Unary};
use crate::script::{Pos, test_calls, test_functions};

/// What a fed map may say beside fields.
const TIMES: [&str; 2] = ["ago", "ts"];

/// Checks the `test_*` functions of a file.
pub(crate) fn check(text: &str, kind: Kind, problems: &mut Vec<Problem>) {
    if test_functions(text).is_empty() {
        return;
    }
    static RHAI: OnceLock<BTreeSet<String>> = OnceLock::new();
    let rhai = RHAI.get_or_init(|| script::names().into_iter().collect());
    let (calls, own) = test_calls(text);
    for call in calls {
        let Some(word) = TEST_WORDS.iter().find(|word| word.name == call.name) else {
            if !own.contains(&call.name) && !rhai.contains(&call.name) {
                let names = TEST_WORDS.iter().map(|word| word.name).chain(own.iter().map(String::as_str));
                let message = format!("a test has no function `{}`", call.name);
                problems.push(Problem::error(call.pos, message).hint(did_you_mean(&call.name, names)));
            }
            continue;
        };
        // `[1, 2].open` and the like are rhai's own.
        if !word.arguments.contains(&call.arguments) {
            let message = format!("`{}` does not take that many arguments", word.name);
            problems.push(Problem::error(call.pos, message).hint(format!("write {}", word.form)));
            continue;
        }
        match word.name {
            "feed" => fields(kind, &call.map, problems),
            "sim" => attributes(kind, &call.map, problems),
            _ => {}
        }
    }
}

fn fields(kind: Kind, map: &[(String, Pos, Option<ExprKind>)], problems: &mut Vec<Problem>) {
    let def = kind.def();
    for (name, pos, value) in map.iter().filter(|(name, _, _)| !TIMES.contains(&name.as_str())) {
        match def.fields.iter().find(|field| field.name == name) {
            Some(field) => typed(name, *pos, field.ty, value.as_ref(), problems),
            None => {
                let names = def.fields.iter().map(|field| field.name).chain(TIMES);
                let message = format!("a {} has no field `{name}`", def.en);
                problems.push(Problem::error(*pos, message).hint(did_you_mean(name, names)));
            }
        }
    }
}

fn attributes(kind: Kind, map: &[(String, Pos, Option<ExprKind>)], problems: &mut Vec<Problem>) {
    let def = kind.def();
    for (name, pos, value) in map {
        match def.attributes.iter().find(|attribute| attribute.name == name) {
            Some(attribute) => typed(name, *pos, attribute.ty, value.as_ref(), problems),
            None if device_names().chain(["asset_type"]).any(|known| known == name) => {}
            None => {
                let names = def.attributes.iter().map(|attribute| attribute.name).chain(device_names());
                let message = format!("a {} has no attribute `{name}`", def.en);
                problems.push(Problem::error(*pos, message).hint(did_you_mean(name, names)));
            }
        }
    }
}

/// A literal is checked like a codec would; what is computed shows when the test runs.
fn typed(name: &str, pos: Pos, ty: FieldType, value: Option<&ExprKind>, problems: &mut Vec<Problem>) {
    let literal = match value {
        Some(ExprKind::Bool(v)) => Value::Bool(*v),
        Some(ExprKind::Int(v)) => Value::Number(*v as f64),
        Some(ExprKind::Float(v)) => Value::Number(*v),
        Some(ExprKind::Unary(Unary::Minus, inner)) => match inner.kind {
            ExprKind::Int(v) => Value::Number(-(v as f64)),
            ExprKind::Float(v) => Value::Number(-v),
            _ => return,
        },
        Some(ExprKind::Text(v)) => Value::Text(Arc::from(v.as_str())),
        _ => return,
    };
    if let Err(message) = bench::check(name, ty, &literal) {
        problems.push(Problem::error(pos, message).hint("use faulty() for a sensor that says it is broken"));
    }
}
