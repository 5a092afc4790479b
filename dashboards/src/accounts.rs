//! What each rule costs and brings: one line for each, from the engine's counts and the ledger's cases.

use std::collections::BTreeMap;

use gengfu_connectors::LedgerError;
use gengfu_connectors::LedgerReader;
use gengfu_connectors::ledger::{Effort, EvaluateBy, EvaluationQuery, EvaluationRow};
use gengfu_model::Timestamp;
use gengfu_model::time::MINUTE_MS;

use crate::gateway::RuleNow;
use crate::views::{RuleAccountView, RuleAccountsView};

/// What the ledger knows of the rules of a period.
#[derive(Debug, Default)]
pub struct Booked {
    rows: BTreeMap<String, EvaluationRow>,
    efforts: BTreeMap<String, Effort>,
}

impl Booked {
    /// Reads the cases that opened from `from` on and before `to`, of these districts (none: of all).
    ///
    /// # Errors
    /// [`LedgerError`] when they cannot be read, or are too many.
    pub fn read(
        ledger: &LedgerReader,
        from: Timestamp,
        to: Timestamp,
        districts: Vec<String>,
    ) -> Result<Booked, LedgerError> {
        let query = EvaluationQuery { by: EvaluateBy::Rule, from, to, districts };
        let rows = ledger.evaluation(&query)?.into_iter().map(|row| (row.key.clone(), row)).collect();
        Ok(Booked { rows, efforts: ledger.effort(&query)? })
    }
}

/// One line for each rule of the live pack, and for each rule of before that has cases or incidents in the period.
#[must_use]
pub fn accounts(now: Vec<RuleNow>, mut booked: Booked, from: Timestamp, to: Timestamp) -> RuleAccountsView {
    let mut items: Vec<RuleAccountView> = Vec::new();
    for rule in now {
        let (row, effort) = (booked.rows.remove(&rule.id), booked.efforts.remove(&rule.id));
        items.push(line(rule.id.clone(), Some(&rule), row.unwrap_or_default(), effort.unwrap_or_default()));
    }
    for (rule, row) in booked.rows {
        let effort = booked.efforts.remove(&rule).unwrap_or_default();
        items.push(line(rule, None, row, effort));
    }
    RuleAccountsView { from: from.into(), to: to.into(), items }
}

fn line(rule: String, now: Option<&RuleNow>, row: EvaluationRow, effort: Effort) -> RuleAccountView {
    let said = row.real + row.false_alarms + row.nuisance + row.duplicates;
    RuleAccountView {
        rule,
        kind: now.map(|now| now.kind.name().to_owned()),
        evaluations: now.map_or(0, |now| now.evaluations),
        operations: now.map_or(0, |now| now.operations),
        faults: now.map_or(0, |now| now.faults),
        skipped: now.map_or(0, |now| now.skipped),
        paused: now.is_some_and(|now| now.paused),
        cpu_ms: now.and_then(|now| now.cpu_ms),
        cpu_samples: now.map_or(0, |now| now.cpu_samples),
        state_bytes: now.and_then(|now| now.state_bytes),
        incidents: row.alarms,
        cases: row.cases,
        open_cases: row.open,
        steps: effort.steps,
        duty_minutes: effort.duty_ms as f64 / MINUTE_MS as f64,
        judged: said,
        false_alarms: row.false_alarms + row.nuisance,
        false_share: (said > 0).then(|| (row.false_alarms + row.nuisance) as f64 / said as f64),
    }
}
