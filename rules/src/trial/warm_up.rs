//! How long a pack must have seen records before its verdicts can be compared.

use gengfu_model::time::DAY_MS;
use gengfu_model::{Kind, Value};

use crate::pack::Pack;
use crate::program::{Node, NodeId, Rule, Span};

/// No warm-up is longer: drift over many days starts from what the live slots know.
const LONGEST_MS: i64 = 7 * DAY_MS;
/// For a span that is known at run time only.
const UNKNOWN_MS: i64 = DAY_MS;

impl Pack {
    /// The longest that one of its rules looks back: windows, held conditions, silence, periods. In milliseconds,
    /// at most seven days.
    #[must_use]
    pub fn memory_ms(&self) -> i64 {
        let rules = self.sets.iter().flat_map(|set| &set.rules);
        rules.map(|placed| memory_of(&placed.rule)).max().unwrap_or(0).min(LONGEST_MS)
    }
}

fn memory_of(rule: &Rule) -> i64 {
    let spans = rule.nodes.iter().filter_map(|node| match node {
        Node::Window { span, .. } => Some(span_of(rule, *span)),
        Node::Held { wait, .. } => Some(span_of(rule, *wait)),
        // It is silent until a day was seen from its beginning.
        Node::MissedStops { .. } => Some(DAY_MS),
        _ => None,
    });
    let silence = rule.silence.map(|(span, _)| match span {
        Span::Ms(ms) => ms,
        Span::Intervals(n) => (n * usual_interval_ms(rule.kind) as f64) as i64,
    });
    let every = rule.every.map(|(period_ms, _)| period_ms);
    spans.chain(silence).chain(every).max().unwrap_or(0)
}

fn usual_interval_ms(kind: Kind) -> i64 {
    i64::from(kind.def().interval_s) * 1_000
}

/// A span's length: a constant, or the longest that its parameter can be set to.
fn span_of(rule: &Rule, span: NodeId) -> i64 {
    match rule.nodes.get(usize::from(span)) {
        Some(Node::Int(ms)) => *ms,
        Some(Node::Parameter(index)) => {
            let parameter = rule.parameters.get(usize::from(*index));
            let seconds = parameter.and_then(|parameter| match (parameter.max, &parameter.default) {
                (Some(max), _) => Some(max),
                (None, Value::Number(default)) => Some(*default),
                (None, _) => None,
            });
            seconds.map_or(UNKNOWN_MS, |seconds| (seconds * 1_000.0) as i64)
        }
        _ => UNKNOWN_MS,
    }
}
