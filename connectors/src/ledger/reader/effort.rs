//! The time of staff that cases took, by the rule whose incident opened them.
//!
//! Nobody keeps a stopwatch. Each step of a person counts from what happened last in the case, as far as that is
//! believable: at least [`LEAST_MS`], for a step is looked at before it is taken, and at most [`MOST_MS`], since
//! whoever steps in after an hour did something else before. What the gateway did itself counts nothing.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row};

use super::LedgerReader;
use super::evaluation::{EvaluationQuery, MAX_CASES};
use crate::LedgerError;

/// What a step of a person counts at least, in milliseconds.
const LEAST_MS: i64 = gengfu_model::time::MINUTE_MS;
/// What a step of a person counts at most, in milliseconds.
const MOST_MS: i64 = 15 * gengfu_model::time::MINUTE_MS;
/// The accounts that are no people.
const MACHINES: [&str; 1] = ["system"];

/// What the cases of a rule took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Steps that people took.
    pub steps: u64,
    /// Their time, in milliseconds.
    pub duty_ms: i64,
}

/// A step of a case: whose, of which rule, when.
struct Step {
    case: (i64, i64),
    rule: String,
    actor: String,
    time: i64,
}

impl LedgerReader {
    /// What the cases that opened in the period took, by the rule; `query.by` is not looked at.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read.
    pub fn effort(&self, query: &EvaluationQuery) -> Result<BTreeMap<String, Effort>, LedgerError> {
        self.on(|conn| effort(conn, query))
    }
}

fn effort(conn: &Connection, query: &EvaluationQuery) -> Result<BTreeMap<String, Effort>, LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::sqlite("reckon the time of staff", &error);
    // Reports of people have no rule; a case's own row says which one opened it.
    let sql = "
        WITH cases AS (
            SELECT seq, ordinal, district, json_extract(body, '$.reporter') AS rule FROM case_file
            WHERE opened >= ?1 AND opened < ?2 AND json_extract(body, '$.source') = 'iot'
            ORDER BY opened, seq, ordinal LIMIT ?3
        )
        SELECT cases.seq, cases.ordinal, cases.district, cases.rule,
            json_extract(event.body, '$.actor'), json_extract(event.body, '$.time')
        FROM cases JOIN case_event AS event ON event.case_seq = cases.seq AND event.case_ordinal = cases.ordinal
        ORDER BY cases.seq, cases.ordinal, event.seq, event.ordinal";
    let read = |row: &Row<'_>| {
        let step = Step { case: (row.get(0)?, row.get(1)?), rule: row.get(3)?, actor: row.get(4)?, time: row.get(5)? };
        Ok((row.get::<_, String>(2)?, step))
    };
    let mut statement = conn.prepare_cached(sql).map_err(failed)?;
    let most = i64::try_from(MAX_CASES).unwrap_or(i64::MAX);
    let rows = statement.query_map((query.from.0, query.to.0, most), read).map_err(failed)?;
    let mut efforts: BTreeMap<String, Effort> = BTreeMap::new();
    let mut last: Option<((i64, i64), i64)> = None;
    for row in rows {
        let (district, step) = row.map_err(failed)?;
        if !query.districts.is_empty() && !query.districts.contains(&district) {
            continue;
        }
        let before = last.filter(|(case, _)| *case == step.case).map(|(_, time)| time);
        last = Some((step.case, step.time));
        if MACHINES.contains(&step.actor.as_str()) {
            continue;
        }
        let effort = efforts.entry(step.rule).or_default();
        effort.steps += 1;
        effort.duty_ms += (step.time - before.unwrap_or(step.time)).clamp(LEAST_MS, MOST_MS);
    }
    Ok(efforts)
}
