//! The numbers of the running gateway for the metrics page.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use gengfu_rules::RuleCounts;

use super::Handle;
use crate::metrics::Samples;

/// Rules that metrics name; the others are `other`, so that a pack of hundreds does not flood the collector.
const NAMED_RULES: usize = 50;

impl Handle {
    pub(super) fn measure_journal(&self, samples: &mut Samples) {
        let journal = self.journal.metrics();
        samples.add("gengfu_journal_synced_sequence", journal.last_seq.0);
        samples.add("gengfu_journal_commits_total", journal.commits);
        samples.add("gengfu_journal_messages_total", journal.messages);
        samples.add("gengfu_journal_controls_total", journal.controls);
        samples.add("gengfu_journal_messages_too_large_total", journal.too_large);
        samples.add("gengfu_journal_sync_microseconds_total", journal.sync_micros);
        samples.add("gengfu_journal_slowest_sync_microseconds", journal.slowest_sync_micros);
        samples.add("gengfu_journal_full", u64::from(journal.full));
        samples.add("gengfu_journal_full_times_total", journal.full_times);
        samples.add("gengfu_journal_clock_fault", u64::from(journal.clock_fault.is_some()));
        samples.add("gengfu_journal_segments_archived_total", journal.archived);
        samples.add("gengfu_journal_archive_failures_total", journal.archive_failures);
    }

    pub(super) fn measure_engine(&self, samples: &mut Samples) {
        samples.add("gengfu_engine_applied_sequence", self.progress.get().applied.0);
        let Ok(pack) = self.live_pack.read().map(|pack| Arc::clone(&pack)) else { return };
        samples.add("gengfu_engine_rules", pack.rules().len() as u64);
        let counts = pack.counts();
        let sum = |term: fn(&RuleCounts) -> u64| counts.iter().map(term).sum::<u64>();
        samples.add("gengfu_engine_rule_evaluations_total", sum(|rule| rule.evaluations));
        samples.add("gengfu_engine_rule_operations_total", sum(|rule| rule.operations));
        samples.add("gengfu_engine_rule_faults_total", sum(|rule| rule.faults));
        samples.add("gengfu_engine_rule_skips_total", sum(|rule| rule.skipped));
        samples.add("gengfu_engine_rule_signals_total", sum(|rule| rule.signals));
        let mut by_work: Vec<&RuleCounts> = counts.iter().collect();
        by_work.sort_by(|a, b| b.operations.cmp(&a.operations).then_with(|| a.rule.cmp(&b.rule)));
        for (place, rule) in by_work.into_iter().enumerate() {
            let name = if place < NAMED_RULES { &*rule.rule } else { "other" };
            samples.add_labelled("gengfu_rule_evaluations_total", "rule", name, rule.evaluations);
            samples.add_labelled("gengfu_rule_faults_total", "rule", name, rule.faults);
            samples.add_labelled("gengfu_rule_signals_total", "rule", name, rule.signals);
            let cpu = rule.cpu_ms().map_or(0, |ms| (ms * 1_000.0) as u64);
            samples.add_labelled("gengfu_rule_cpu_microseconds_total", "rule", name, cpu);
        }
    }

    pub(super) fn measure_stores(&self, samples: &mut Samples) {
        let positions = self.progress.get();
        samples.add("gengfu_ledger_committed_sequence", positions.ledger.0);
        samples.add("gengfu_ledger_full", u64::from(self.no_room.ledger.load(Ordering::Relaxed)));
        samples.add("gengfu_series_stored_sequence", positions.series.0);
        match self.ledger.counts() {
            Ok(counts) => {
                for (severity, count) in &counts.open_incidents_by_severity {
                    samples.add_labelled("gengfu_ledger_incidents_open", "severity", severity.name(), *count);
                }
                samples.add("gengfu_ledger_cases_open", counts.open_cases);
                samples.add("gengfu_ledger_cases_overdue", counts.overdue_cases);
            }
            Err(error) => tracing::warn!(%error, "metrics: cannot read the ledger"),
        }
    }
}
