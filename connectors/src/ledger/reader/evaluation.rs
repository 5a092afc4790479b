//! The evaluation (综合评价): how the city's cases and alarms of a period went, by department, district, class or rule.
//!
//! A case belongs to the period in which it opened. What was folded into another case is not counted: the other one
//! is. Times are counted from the opening; of an even number of times the median is the lower of the two in the middle.

use std::collections::BTreeMap;

use gengfu_model::{Case, CaseState, Timestamp};
use rusqlite::{Connection, Row};

use super::LedgerReader;
use crate::LedgerError;
use crate::ledger::columns::from_json;

/// The longest period of one evaluation, in milliseconds: a leap year.
pub const MAX_PERIOD_MS: i64 = 366 * gengfu_model::time::DAY_MS;
/// The most cases of one evaluation; a city has some tens of thousands a year.
pub const MAX_CASES: usize = 500_000;

/// What the lines of an evaluation are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvaluateBy {
    /// The department that handles.
    Department,
    /// The district.
    District,
    /// The class of the city's table.
    Class,
    /// The rule whose incident opened the case.
    Rule,
}

/// What is evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluationQuery {
    /// What the lines are about.
    pub by: EvaluateBy,
    /// First moment.
    pub from: Timestamp,
    /// First moment after.
    pub to: Timestamp,
    /// Districts that count; empty: all.
    pub districts: Vec<String>,
}

/// One line of an evaluation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvaluationRow {
    /// The department, district, class or rule; empty: the cases that name none.
    pub key: String,
    /// The class in words.
    pub name: String,
    /// Cases that opened in the period.
    pub cases: u64,
    /// Of these, those that are in no final state.
    pub open: u64,
    /// Of these, those that were closed, by force too.
    pub closed: u64,
    /// Of these, those that were not filed, or cancelled.
    pub not_filed: u64,
    /// Cases whose work was reported as done before their handling limit was up.
    pub on_time: u64,
    /// Cases whose handling limit passed.
    pub overdue: u64,
    /// Cases that the check sent to rework at least once.
    pub rework: u64,
    /// Cases that a department sent back at least once.
    pub returned: u64,
    /// Cases that were under supervision.
    pub supervised: u64,
    /// Said on closing: the alarm was right.
    pub real: u64,
    /// Said on closing: nothing was wrong.
    pub false_alarms: u64,
    /// Said on closing: right, but of no use.
    pub nuisance: u64,
    /// Said on closing: known already.
    pub duplicates: u64,
    /// Incidents that opened in the period; by department and class: those of the counted cases.
    pub alarms: u64,
    /// From the opening to the acknowledgement: median, in milliseconds.
    pub acknowledge_median_ms: Option<i64>,
    /// From the opening to the acknowledgement: nine of ten were quicker, in milliseconds.
    pub acknowledge_p90_ms: Option<i64>,
    /// From the dispatch to the end of the work: median, in milliseconds.
    pub handle_median_ms: Option<i64>,
    /// From the opening to the closing: median, in milliseconds.
    pub close_median_ms: Option<i64>,
    /// From the opening to the closing: nine of ten were quicker, in milliseconds.
    pub close_p90_ms: Option<i64>,
}

/// A line while it is counted.
#[derive(Default)]
struct Tally {
    row: EvaluationRow,
    acknowledge: Vec<i64>,
    handle: Vec<i64>,
    close: Vec<i64>,
}

impl LedgerReader {
    /// Evaluates a period: lines by key.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be read, or there are more than [`MAX_CASES`] cases.
    pub fn evaluation(&self, query: &EvaluationQuery) -> Result<Vec<EvaluationRow>, LedgerError> {
        self.on(|conn| evaluate(conn, query))
    }
}

fn evaluate(conn: &Connection, query: &EvaluationQuery) -> Result<Vec<EvaluationRow>, LedgerError> {
    let mut lines: BTreeMap<String, Tally> = BTreeMap::new();
    let mut seen = 0;
    each_body(conn, query, |case| {
        seen += 1;
        if seen > MAX_CASES {
            let message = format!("more than {MAX_CASES} cases in the period; take a shorter one");
            return Err(LedgerError::Store { what: "evaluate".to_owned(), message });
        }
        if case.state != CaseState::Merged && counts(query, &case.district) {
            count_case(&mut lines, query.by, &case);
        }
        Ok(())
    })?;
    count_alarms(conn, query, &mut lines)?;
    Ok(lines.into_values().map(Tally::finish).collect())
}

fn counts(query: &EvaluationQuery, district: &str) -> bool {
    query.districts.is_empty() || query.districts.iter().any(|own| own == district)
}

fn each_body(
    conn: &Connection,
    query: &EvaluationQuery,
    mut each: impl FnMut(Case) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::sqlite("evaluate cases", &error);
    let sql = "SELECT body FROM case_file WHERE opened >= ?1 AND opened < ?2 ORDER BY opened, seq, ordinal";
    let mut statement = conn.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query((query.from.0, query.to.0)).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let body = row.get_ref(0).map_err(failed)?.as_str().map_err(|error| failed(error.into()))?;
        each(from_json("case_file", "of the period", body)?)?;
    }
    Ok(())
}

fn count_case(lines: &mut BTreeMap<String, Tally>, by: EvaluateBy, case: &Case) {
    let key = match by {
        EvaluateBy::Department => &case.department,
        EvaluateBy::District => &case.district,
        EvaluateBy::Class => &case.class,
        EvaluateBy::Rule if &*case.source == "iot" => &case.reporter,
        EvaluateBy::Rule => return,
    };
    // A part and an event may share a code.
    let key = match by {
        EvaluateBy::Class if &*case.class_kind == "event" => format!("E{key}"),
        _ => key.to_string(),
    };
    let tally = lines.entry(key.clone()).or_default();
    let row = &mut tally.row;
    row.key = key;
    if by == EvaluateBy::Class {
        row.name = case.class_name.to_string();
    }
    row.cases += 1;
    match case.state {
        CaseState::Closed | CaseState::ForceClosed => row.closed += 1,
        CaseState::Rejected | CaseState::Cancelled => row.not_filed += 1,
        CaseState::Merged => {}
        _ => row.open += 1,
    }
    let progress = &case.progress;
    row.overdue += u64::from(case.overdue);
    row.on_time += u64::from(!case.overdue && progress.handled.is_some());
    row.rework += u64::from(progress.reworks > 0);
    row.returned += u64::from(progress.returns > 0);
    row.supervised += u64::from(progress.supervised);
    match case.feedback.as_deref() {
        Some("real") => row.real += 1,
        Some("false") => row.false_alarms += 1,
        Some("nuisance") => row.nuisance += 1,
        Some("duplicate") => row.duplicates += 1,
        Some(_) | None => {}
    }
    if matches!(by, EvaluateBy::Department | EvaluateBy::Class) {
        row.alarms += case.incidents.len() as u64;
    }
    tally.acknowledge.extend(case.acknowledged_at.map(|time| time.since_ms(case.opened)));
    tally.handle.extend(progress.handled.zip(progress.dispatched).map(|(end, start)| end.since_ms(start).max(0)));
    let closed = matches!(case.state, CaseState::Closed | CaseState::ForceClosed);
    tally.close.extend(case.closed.filter(|_| closed).map(|time| time.since_ms(case.opened)));
}

/// Incidents of the period, for lines that are about what incidents say themselves.
fn count_alarms(
    conn: &Connection,
    query: &EvaluationQuery,
    lines: &mut BTreeMap<String, Tally>,
) -> Result<(), LedgerError> {
    let column = match query.by {
        EvaluateBy::District => "district",
        EvaluateBy::Rule => "rule",
        EvaluateBy::Department | EvaluateBy::Class => return Ok(()),
    };
    let sql = format!(
        "SELECT {column}, district, count(*) FROM incident WHERE opened >= ?1 AND opened < ?2 GROUP BY {column}, district"
    );
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let rows = || {
        let mut statement = conn.prepare_cached(&sql)?;
        let rows = statement.query_map((query.from.0, query.to.0), read)?;
        rows.collect::<rusqlite::Result<Vec<(String, String, u64)>>>()
    };
    for (key, district, count) in rows().map_err(|error| LedgerError::sqlite("evaluate incidents", &error))? {
        if counts(query, &district) {
            let tally = lines.entry(key.clone()).or_default();
            tally.row.key = key;
            tally.row.alarms += count;
        }
    }
    Ok(())
}

impl Tally {
    fn finish(mut self) -> EvaluationRow {
        self.row.acknowledge_median_ms = quantile(&mut self.acknowledge, 50);
        self.row.acknowledge_p90_ms = quantile(&mut self.acknowledge, 90);
        self.row.handle_median_ms = quantile(&mut self.handle, 50);
        self.row.close_median_ms = quantile(&mut self.close, 50);
        self.row.close_p90_ms = quantile(&mut self.close, 90);
        self.row
    }
}

/// The smallest value that `percent` of the values do not exceed.
fn quantile(values: &mut [i64], percent: usize) -> Option<i64> {
    values.sort_unstable();
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_are_by_nearest_rank() {
        assert_eq!(quantile(&mut [], 50), None);
        assert_eq!(quantile(&mut [7], 90), Some(7));
        assert_eq!(quantile(&mut [3, 1, 2, 4], 50), Some(2));
        let mut ten: Vec<i64> = (1..=10).rev().collect();
        assert_eq!((quantile(&mut ten, 50), quantile(&mut ten, 90)), (Some(5), Some(9)));
    }
}
