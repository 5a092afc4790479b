//! Mutation of thresholds: every number of a rule is changed up and down a step; a change that no test
//! notices is a number that nobody tests.
//!
//! A step is a tenth of the number, at least 1 for a whole number that is no length of time. Changed are
//! the numbers of functions and constants, the defaults of parameters, and `silent`, `every`, `within`,
//! `distinct` and `share` of `RULE`; not limits of parameters, cooldowns and texts.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::exempt::exempt;
use super::{Options, Rule, rules, table};
use crate::diagnostic::{Diagnostic, Level};
use crate::pack::Pack;
use crate::script::tree::{ExprKind, File, Part};
use crate::script::{Pos, parse};

/// What `RULE` says in numbers that decide.
const DECIDING: [&str; 5] = ["silent", "every", "within", "distinct", "share"];

/// What became of a changed number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// A test failed, as it should.
    Noticed,
    /// No test failed.
    Survived,
    /// The checker refused the rule: the number cannot be that.
    Refused,
    /// No test failed, and the line says why: `// untested: why`.
    Excused,
}

/// One changed number.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mutant {
    /// The rule's file.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// The number as it stands there.
    pub from: String,
    /// What it was changed to.
    pub to: String,
    /// What became of it.
    pub fate: Fate,
    /// Why that is all right, where the line says so.
    pub reason: Option<String>,
    /// The source line.
    pub source_line: String,
}

/// What became of every changed number.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MutationReport {
    /// Changes that a test noticed or the checker refused.
    pub noticed: usize,
    /// Changes that no test noticed, without a reason.
    pub survived: usize,
    /// Changes that no test noticed, with a reason.
    pub excused: usize,
    /// Every change, by file and place.
    pub mutants: Vec<Mutant>,
}

/// Changes the numbers of every rule file of the pack, one at a time, and runs that file's tests.
///
/// # Errors
/// The mistakes of the pack as it is.
pub fn mutate(files: &BTreeMap<String, String>, options: &Options) -> Result<MutationReport, Vec<Diagnostic>> {
    let pack = Pack::compile(files)?;
    let mut report = MutationReport::default();
    for (file, text, placed) in rules(&pack, files) {
        let own = Rule { file, text, id: &placed.rule.id, tables: table::of(files, file) };
        let Some(tree) = parse(text).ok().filter(|_| own.is_asked_for(&options.filter)) else { continue };
        let why = exempt(text);
        for number in numbers(&tree, text) {
            for to in number.changed() {
                let changed = number.replaced(text, &to);
                let line = number.pos.line;
                let reason = why.get(&line).cloned();
                let one = Rule { file, text: &changed, id: &placed.rule.id, tables: table::of(files, file) };
                let fate = match (fate(&one, options), &reason) {
                    (Fate::Survived, Some(_)) => Fate::Excused,
                    (fate, _) => fate,
                };
                match fate {
                    Fate::Noticed | Fate::Refused => report.noticed += 1,
                    Fate::Survived => report.survived += 1,
                    Fate::Excused => report.excused += 1,
                }
                report.mutants.push(Mutant {
                    file: file.to_owned(),
                    line,
                    column: number.pos.column,
                    from: number.text.clone(),
                    to,
                    fate,
                    reason: reason.filter(|_| fate == Fate::Excused),
                    source_line: text.lines().nth(line as usize - 1).unwrap_or_default().trim().to_owned(),
                });
            }
        }
    }
    Ok(report)
}

fn fate(rule: &Rule<'_>, options: &Options) -> Fate {
    let files = BTreeMap::from([(rule.file.to_owned(), rule.text.to_owned())]);
    match Pack::compile(&files) {
        Err(found) if found.iter().any(|one| one.level == Level::Error) => return Fate::Refused,
        _ => {}
    }
    let options = Options { profile: Arc::clone(&options.profile), filter: String::new(), coverage: false };
    let mut fate = Fate::Survived;
    rule.run(&options, None, &mut |result| {
        if result.failure.is_some() {
            fate = Fate::Noticed;
        }
        fate == Fate::Survived
    });
    fate
}

/// A number in the source.
struct Number {
    pos: Pos,
    text: String,
    value: f64,
    /// Whether it may have a fraction: not so for whole numbers that are no length of time.
    is_float: bool,
}

impl Number {
    /// A step up and a step down, as source text.
    fn changed(&self) -> Vec<String> {
        let step = (0.1 * self.value.abs()).max(if self.is_float { 0.0 } else { 1.0 });
        let step = if step == 0.0 { 1.0 } else { step };
        let text = |value: f64| {
            if self.is_float { format!("{:?}", (value * 1e6).round() / 1e6) } else { format!("{}", value.round()) }
        };
        [self.value + step, self.value - step].into_iter().filter(|value| *value >= 0.0).map(text).collect()
    }

    fn replaced(&self, source: &str, to: &str) -> String {
        let mut out = String::with_capacity(source.len() + 8);
        for (number, line) in (1_u32..).zip(source.split_inclusive('\n')) {
            if number != self.pos.line {
                out.push_str(line);
                continue;
            }
            let at = byte_of(line, self.pos.column);
            out.push_str(line.get(..at).unwrap_or_default());
            out.push_str(to);
            out.push_str(line.get(at + self.text.len()..).unwrap_or_default());
        }
        out
    }
}

fn byte_of(line: &str, column: u32) -> usize {
    line.char_indices().nth(column.saturating_sub(1) as usize).map_or(line.len(), |(at, _)| at)
}

fn numbers(file: &File, source: &str) -> Vec<Number> {
    let mut found = BTreeMap::new();
    for constant in &file.constants {
        match &constant.value.kind {
            ExprKind::Map(entries) if constant.name == "RULE" => {
                for entry in entries {
                    match (entry.key.as_str(), &entry.value.kind) {
                        (key, _) if DECIDING.contains(&key) => entry.value.walk(&mut |part| note(part, &mut found)),
                        ("parameters", ExprKind::Map(parameters)) => {
                            let maps = parameters.iter().filter_map(|parameter| match &parameter.value.kind {
                                ExprKind::Map(says) => Some(says),
                                _ => None,
                            });
                            let defaults = maps.flatten().filter(|says| says.key == "default");
                            defaults.for_each(|says| says.value.walk(&mut |part| note(part, &mut found)));
                        }
                        _ => {}
                    }
                }
            }
            _ => constant.value.walk(&mut |part| note(part, &mut found)),
        }
    }
    for function in &file.functions {
        function.body.walk(&mut |part| note(part, &mut found));
    }
    found.into_iter().filter_map(|(pos, is_float)| read(source, pos, is_float)).collect()
}

/// The number that stands at a place; a sign before it is not part of it.
fn read(source: &str, mut pos: Pos, is_float: bool) -> Option<Number> {
    let line = source.lines().nth(pos.line.checked_sub(1)? as usize)?;
    let mut rest = line.get(byte_of(line, pos.column)..)?;
    if let Some(unsigned) = rest.strip_prefix('-') {
        rest = unsigned;
        pos.column += 1;
    }
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let whole = digits(rest);
    let fraction = rest.get(whole..).and_then(|tail| tail.strip_prefix('.')).map_or(0, digits);
    let length = if fraction > 0 { whole + 1 + fraction } else { whole };
    let text = rest.get(..length).filter(|text| !text.is_empty())?;
    let value = text.replace('_', "").parse().ok()?;
    Some(Number { pos, text: text.to_owned(), value, is_float: is_float || fraction > 0 })
}

/// A literal; one with a unit after it is a length of time and may have a fraction.
fn note(part: Part<'_>, out: &mut BTreeMap<Pos, bool>) {
    let Part::Expr(expr) = part else { return };
    match &expr.kind {
        ExprKind::Property { of, .. } if matches!(of.kind, ExprKind::Int(_) | ExprKind::Float(_)) => {
            out.insert(of.pos, true);
        }
        ExprKind::Int(_) => {
            out.entry(expr.pos).or_insert(false);
        }
        ExprKind::Float(_) => {
            out.insert(expr.pos, true);
        }
        _ => {}
    }
}
