//! Late findings of a stretch: two passes over archive and journal, the second with the late readings in place.

use std::sync::Arc;

use gengfu_ingest::journal::JournalReader;
use gengfu_model::finding::MAX_FINDINGS;
use gengfu_model::staff::{Action, Role, StaffRequest};
use gengfu_model::time::DAY_MS;
use gengfu_model::{Control, Evidence, Finding, Incident, Seq, Timestamp};
use gengfu_rules::trial::Stretch;
use gengfu_rules::trial::late::{Again, Watching};

use super::TrialError;
use super::backtest::{Source, Watch};
use super::keeper::SYSTEM;
use super::start::{Started, choose};
use crate::pipeline::decode::decode_record;

/// Readings that came late in a stretch may be of so long before it, in milliseconds.
pub const LOOK_BACK_MS: i64 = DAY_MS;

/// What was found.
pub struct Late {
    /// What would have been raised.
    pub findings: Vec<Finding>,
    /// How many devices had readings that came late.
    pub devices: usize,
    /// Readings that were too many to be looked at.
    pub left_out: u64,
}

/// Looks for what the readings that came late from `from` on and before `to` would have raised.
///
/// # Errors
/// [`TrialError`]; `Cancelled` when the watch says so.
pub fn find(source: &Source<'_>, from: Timestamp, to: Timestamp, watch: &dyn Watch) -> Result<Late, TrialError> {
    // The day before as well, if a state from before it is kept.
    let disk = source.disk.as_ref();
    let begin = from.plus_ms(-LOOK_BACK_MS);
    let (begin, start) = match choose(source.data, disk, begin) {
        Ok(start) => (begin, start),
        Err(TrialError::NoStart { .. }) => (from, choose(source.data, disk, from)?),
        Err(error) => return Err(error),
    };
    let Started { engine, after, whole } = start.open()?;
    let mut watching = Watching::new(engine, Stretch { from: begin, to }, from);
    let mut marked = Seq(0);
    each(source, after, to, watch, &mut |record| {
        if !watching.is_marked() && record.time >= begin && record.seq > whole {
            watching.mark();
            marked = record.seq;
        }
        watching.apply(record, decode_record(record).as_ref());
    })?;
    let Some(mut again) = watching.turn() else {
        return Ok(Late { findings: Vec::new(), devices: 0, left_out: 0 });
    };
    each(source, Seq(marked.0 - 1), to, watch, &mut |record| take(&mut again, record))?;
    let found = again.judge();
    let findings = found.findings.into_iter().map(|(incident, evidence)| finding(incident, evidence)).collect();
    Ok(Late { findings, devices: found.devices, left_out: found.left_out })
}

fn take(again: &mut Again, record: &gengfu_model::Record) {
    if again.needs(record) {
        again.take(record, decode_record(record));
    }
}

/// Gives every record behind `after` and before `to`.
fn each(
    source: &Source<'_>,
    after: Seq,
    to: Timestamp,
    watch: &dyn Watch,
    give: &mut dyn FnMut(&gengfu_model::Record),
) -> Result<(), TrialError> {
    let mut reader = JournalReader::open(Arc::clone(&source.disk), after.next(), source.limit.clone())?;
    while let Some(records) = reader.next_batch()? {
        if watch.is_cancelled() {
            return Err(TrialError::Cancelled);
        }
        for record in &records {
            if record.time >= to {
                return Ok(());
            }
            give(record);
        }
    }
    Ok(())
}

fn finding(incident: Incident, evidence: Option<Evidence>) -> Finding {
    Finding {
        rule: incident.rule,
        rule_version: incident.rule_version,
        key: incident.key,
        asset: incident.asset,
        device: incident.device,
        kind: incident.kind,
        district: incident.district,
        condition: incident.condition,
        severity: incident.worst,
        opened: incident.opened,
        cleared: incident.cleared,
        text_zh: incident.text_zh,
        text_en: incident.text_en,
        evidence,
    }
}

/// The requests that write findings down, in the name of `system`.
#[must_use]
pub fn requests(findings: &[Finding]) -> Vec<Control> {
    let request = |findings: &[Finding]| {
        let action = Action::RecordFindings { findings: findings.to_vec() };
        Control::Request(StaffRequest { user: SYSTEM.into(), roles: vec![Role::Engineer], action })
    };
    findings.chunks(MAX_FINDINGS).map(request).collect()
}
