//! Which lines and which sides of each condition the tests of a rule evaluated.
//!
//! It looks on through the machine's own seam ([`Watch`]): live, the machine is compiled with nobody
//! looking on, and a rule costs one comparison with "nobody" more. Calls of own functions are copies;
//! copies of one place in the source count as one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU8, Ordering};

use serde::Serialize;

use super::exempt::exempt;
use crate::judge::{Scalar, Watch, is_boolean};
use crate::program::{Node, NodeId, Op, Rule};

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const UNKNOWN: u8 = 4;
const SEEN: u8 = 8;

/// What the evaluations of one rule touched, over all its tests.
#[derive(Debug)]
pub(crate) struct Coverage {
    nodes: Vec<AtomicU8>,
    effects: Vec<AtomicU8>,
}

/// Looks on for a [`Coverage`].
pub(crate) struct Covering<'a>(pub(crate) &'a Coverage);

impl Watch for Covering<'_> {
    const REPLAY: bool = false;

    fn saw(&mut self, node: NodeId, value: Scalar<'_>) {
        let bits = match value {
            Scalar::Bool(true) => SEEN | TRUE,
            Scalar::Bool(false) => SEEN | FALSE,
            Scalar::Unknown => SEEN | UNKNOWN,
            Scalar::Int(_) | Scalar::Float(_) | Scalar::Text(_) => SEEN,
        };
        if let Some(place) = self.0.nodes.get(usize::from(node)) {
            place.fetch_or(bits, Ordering::Relaxed);
        }
    }

    fn reached(&mut self, effect: u16) {
        if let Some(place) = self.0.effects.get(usize::from(effect)) {
            place.fetch_or(SEEN, Ordering::Relaxed);
        }
    }
}

/// What the tests of one rule file evaluated.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileCoverage {
    /// The rule's file.
    pub file: String,
    /// Lines that can be evaluated.
    pub lines: usize,
    /// Those that were.
    pub lines_hit: usize,
    /// Sides (true, false) of conditions.
    pub branches: usize,
    /// Those that were evaluated.
    pub branches_hit: usize,
    /// Every line that can be evaluated, in the order of the source.
    pub listing: Vec<CoveredLine>,
    /// Every condition, in the order of the source.
    pub conditions: Vec<CoveredCondition>,
}

/// A line of a rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CoveredLine {
    /// Line, from 1.
    pub line: u32,
    /// Whether a test came there.
    pub hit: bool,
    /// Why it need not be, from a comment `// untested: why` on the line.
    pub exempt: Option<String>,
}

/// A condition of a rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CoveredCondition {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// The condition as source text.
    pub text: String,
    /// Whether it was true in a test.
    pub was_true: bool,
    /// Whether it was false in a test.
    pub was_false: bool,
    /// Whether it was unknown in a test; not every condition can be, so it is told and not counted.
    pub was_unknown: bool,
    /// Why not both sides need a test, from a comment `// untested: why` on the line.
    pub exempt: Option<String>,
}

impl Coverage {
    /// Nothing touched yet.
    pub(crate) fn of(rule: &Rule) -> Coverage {
        let untouched = |count: usize| (0..count).map(|_| AtomicU8::new(0)).collect();
        Coverage { nodes: untouched(rule.nodes.len()), effects: untouched(rule.effects.len()) }
    }

    /// What was touched, by place in the source.
    pub(crate) fn report(&self, rule: &Rule) -> FileCoverage {
        let conditions = conditions(rule);
        let mut lines: BTreeMap<u32, bool> = BTreeMap::new();
        let mut sides: BTreeMap<(u32, u32, &str), u8> = BTreeMap::new();
        for (number, node) in rule.nodes.iter().enumerate() {
            let Some(origin) = rule.origins.get(number).filter(|_| is_watched(*node)) else { continue };
            let bits = self.nodes.get(number).map_or(0, |bits| bits.load(Ordering::Relaxed));
            if origin.pos.line == 0 {
                continue;
            }
            *lines.entry(origin.pos.line).or_default() |= bits & SEEN != 0;
            if conditions.contains(&number) {
                *sides.entry((origin.pos.line, origin.pos.column, &origin.text)).or_default() |= bits;
            }
        }
        for (effect, bits) in rule.effects.iter().zip(&self.effects) {
            *lines.entry(effect.origin.pos.line).or_default() |= bits.load(Ordering::Relaxed) & SEEN != 0;
        }
        let why = exempt(&rule.source);
        let listing = lines.into_iter().map(|(line, hit)| CoveredLine { line, hit, exempt: why.get(&line).cloned() });
        let conditions = sides.into_iter().map(|((line, column, text), bits)| CoveredCondition {
            line,
            column,
            text: text.to_owned(),
            was_true: bits & TRUE != 0,
            was_false: bits & FALSE != 0,
            was_unknown: bits & UNKNOWN != 0,
            exempt: why.get(&line).cloned(),
        });
        let (listing, conditions): (Vec<_>, Vec<_>) = (listing.collect(), conditions.collect());
        let hit = |one: &CoveredCondition| usize::from(one.was_true) + usize::from(one.was_false);
        FileCoverage {
            file: rule.file.to_string(),
            lines: listing.len(),
            lines_hit: listing.iter().filter(|line| line.hit).count(),
            branches: 2 * conditions.len(),
            branches_hit: conditions.iter().map(hit).sum(),
            listing,
            conditions,
        }
    }
}

impl FileCoverage {
    /// The conditions with a side that no test evaluated and that have no reason.
    pub fn gaps(&self) -> impl Iterator<Item = &CoveredCondition> {
        self.conditions.iter().filter(|one| one.exempt.is_none() && !(one.was_true && one.was_false))
    }
}

/// Literals are not looked at, and a number that only changes its type is its inner number.
fn is_watched(node: Node) -> bool {
    !matches!(
        node,
        Node::Bool(_)
            | Node::Int(_)
            | Node::Float(_)
            | Node::Text(_)
            | Node::ToFloat(_)
            | Node::Pair { .. }
            | Node::Script(_)
    )
}

/// The nodes that decide: what `if`, `incident` and `held` ask, and the terms of `&&` and `||`.
fn conditions(rule: &Rule) -> Vec<usize> {
    let mut found: Vec<NodeId> = Vec::new();
    for op in rule.blocks.iter().flatten() {
        if let Op::If { condition, .. } | Op::Incident { condition, .. } = op {
            found.push(*condition);
        }
    }
    for node in &rule.nodes {
        match *node {
            Node::And { a, b, .. } | Node::Or { a, b, .. } => found.extend([a, b]),
            Node::Choose { condition, .. } | Node::Held { condition, .. } => found.push(condition),
            _ => {}
        }
    }
    let boolean = rule.nodes.iter().enumerate().filter(|(_, node)| is_boolean(**node)).map(|(number, _)| number);
    let all = boolean.chain(found.into_iter().map(usize::from));
    let told =
        |number: &usize| !matches!(rule.nodes.get(*number), None | Some(Node::Bool(_) | Node::Not(_) | Node::Text(_)));
    let of_words = within_words(rule);
    let mut all: Vec<usize> = all.filter(told).filter(|number| !of_words.contains(number)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What a word of places asks of a position by itself, whether it is to be believed: nobody wrote that condition, and
/// the language's own tests look at both of its sides.
fn within_words(rule: &Rule) -> BTreeSet<usize> {
    let good = rule.nodes.iter().filter_map(|node| match *node {
        Node::Place { more, .. } | Node::MissedStops { more, .. } => rule.children(more).first().copied(),
        Node::Implied { fix, .. } => Some(fix),
        _ => None,
    });
    let mut open: Vec<NodeId> = good.collect();
    let mut found = BTreeSet::new();
    while let Some(node) = open.pop() {
        if found.insert(usize::from(node)) {
            open.extend(rule.children(node));
        }
    }
    found
}
