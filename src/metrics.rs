//! The metrics' one visible list, and their text in Prometheus' format.
//!
//! A metric is a line in [`METRICS`]; the console's `/metrics` and `docs/metrics.md` are made from it. Names
//! that end in `_total` are counters since the start of the process, all others are gauges. Device ids are
//! never labels.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A metric's name and what it says, in one sentence.
pub type Metric = (&'static str, &'static str);

/// Every metric, by part and in the order of the documentation.
pub const METRICS: &[Metric] = &[
    ("gengfu_gateway_ready", "1 when listeners are up and recovery is done."),
    ("gengfu_gateway_faults", "Things that are wrong with the gateway itself; the status names them."),
    ("gengfu_register_devices", "Devices in the register."),
    ("gengfu_journal_synced_sequence", "Newest record that is synced."),
    ("gengfu_journal_commits_total", "Group commits."),
    ("gengfu_journal_messages_total", "Messages journaled."),
    ("gengfu_journal_controls_total", "Control records journaled."),
    ("gengfu_journal_messages_too_large_total", "Messages not taken because they are larger than any frame."),
    ("gengfu_journal_sync_microseconds_total", "Time spent in syncs."),
    ("gengfu_journal_slowest_sync_microseconds", "The slowest sync since the start."),
    ("gengfu_journal_full", "1 while messages wait because the disk is full."),
    ("gengfu_journal_full_times_total", "Times that the disk became full."),
    ("gengfu_journal_clock_fault", "1 while the machine's clock is not believable and not followed."),
    ("gengfu_journal_segments_archived_total", "Segments archived."),
    ("gengfu_journal_archive_failures_total", "Failed tries to archive or to tidy up."),
    ("gengfu_engine_applied_sequence", "Newest record that the engine has applied."),
    ("gengfu_engine_rules", "Rules of the live pack."),
    ("gengfu_engine_rule_evaluations_total", "Rules evaluated since the pack went live in this process."),
    ("gengfu_engine_rule_operations_total", "Operations that these evaluations took."),
    ("gengfu_engine_rule_faults_total", "Evaluations that failed."),
    ("gengfu_engine_rule_skips_total", "Evaluations left out because the device is in quarantine from the rule."),
    ("gengfu_engine_rule_signals_total", "Signals that rules gave."),
    ("gengfu_rule_evaluations_total", "Evaluations, by rule: the 50 with the most work, the rest as `other`."),
    ("gengfu_rule_faults_total", "Evaluations that failed, by rule."),
    ("gengfu_rule_signals_total", "Signals, by rule."),
    ("gengfu_rule_cpu_microseconds_total", "Processor's time of evaluations, by rule, reckoned from samples."),
    ("gengfu_ledger_committed_sequence", "Newest record whose effects are in the ledger."),
    ("gengfu_ledger_full", "1 while the ledger waits for room on the disk."),
    ("gengfu_ledger_incidents_open", "Open incidents, by severity."),
    ("gengfu_ledger_cases_open", "Cases in no final state."),
    ("gengfu_ledger_cases_overdue", "Of these, those whose deadline has passed."),
    ("gengfu_series_stored_sequence", "Newest record whose points are in the series store."),
    ("gengfu_door_rows_forgotten_total", "Rows that left the table of who was refused at the door, for want of room."),
    ("gengfu_mqtt_connections_accepted_total", "Sockets accepted."),
    ("gengfu_mqtt_connections_open", "Devices connected now."),
    ("gengfu_mqtt_logins_accepted_total", "CONNACKs that let a device in."),
    ("gengfu_mqtt_logins_refused_total", "CONNECTs refused, for any reason."),
    ("gengfu_mqtt_handshakes_timed_out_total", "Peers that sent no complete CONNECT in time."),
    ("gengfu_mqtt_handshakes_failed_total", "TLS handshakes that failed."),
    ("gengfu_mqtt_connections_taken_over_total", "Connections taken over by a newer one of the same device."),
    (
        "gengfu_mqtt_keepalives_missed_total",
        "Connections cut off for want of any packet in one and a half keep-alive times.",
    ),
    ("gengfu_mqtt_protocol_errors_total", "Connections closed for a malformed packet or a breach of the protocol."),
    ("gengfu_mqtt_publishes_received_total", "PUBLISH packets read, refused ones included."),
    ("gengfu_mqtt_messages_submitted_total", "Messages handed to the journal."),
    ("gengfu_mqtt_messages_settled_total", "Messages that the journal has made durable."),
    ("gengfu_mqtt_messages_refused_total", "Messages refused, for any reason."),
    ("gengfu_mqtt_publishes_repeated_total", "PUBLISH packets of QoS 2 that repeat one awaiting its PUBREL."),
    ("gengfu_mqtt_payload_submitted_bytes_total", "Payload bytes handed to the journal."),
    ("gengfu_mqtt_rate_pauses_total", "Times that a device was over its rate and reading stopped."),
    ("gengfu_mqtt_journal_pauses_total", "Times that the journal's queue was full and reading stopped."),
    ("gengfu_mqtt_wills_submitted_total", "Wills handed to the journal."),
    ("gengfu_mqtt_session_records_submitted_total", "Records of sessions handed to the journal."),
    ("gengfu_mqtt_commands_sent_total", "Commands written to devices, repeats included."),
    ("gengfu_mqtt_commands_acknowledged_total", "Commands that devices acknowledged."),
    ("gengfu_mqtt_tasks_panicked_total", "Connection tasks that panicked."),
    ("gengfu_coap_datagrams_total", "Datagrams that came."),
    ("gengfu_coap_garbage_total", "Datagrams that are no CoAP or have no meaning here."),
    ("gengfu_coap_pings_total", "Pings answered."),
    ("gengfu_coap_duplicates_total", "Requests that repeat one seen before, by address, message id and bytes."),
    ("gengfu_coap_reused_ids_total", "Message ids that a peer used for another request too early."),
    ("gengfu_coap_forgotten_exchanges_total", "Exchanges forgotten before their time, for room."),
    ("gengfu_coap_blocks_total", "Blocks taken that were not the last of their body."),
    ("gengfu_coap_submitted_total", "Requests handed to the journal."),
    ("gengfu_coap_durable_total", "Requests answered after they were synced."),
    ("gengfu_coap_quarantined_total", "Of these, the ones that cannot be decoded."),
    ("gengfu_coap_refused_total", "Requests refused, for any reason."),
    ("gengfu_coap_unsettled_total", "Requests that the journal did not settle in time; they got no answer."),
    ("gengfu_coap_separate_total", "Answers sent apart from their acknowledgement."),
    ("gengfu_coap_retransmissions_total", "Repetitions of such answers."),
    ("gengfu_coap_unacknowledged_total", "Such answers that the peer never acknowledged."),
    ("gengfu_coap_socket_errors_total", "Errors of the socket."),
    ("gengfu_push_durable_total", "HTTP messages answered after they were synced."),
    ("gengfu_push_quarantined_total", "Of these, the ones that cannot be decoded."),
    ("gengfu_push_refused_total", "HTTP messages refused, for any reason."),
];

/// `counter` or `gauge`.
#[must_use]
pub fn kind_of(name: &str) -> &'static str {
    if name.ends_with("_total") { "counter" } else { "gauge" }
}

/// Values by name and labels. Values of the same name and labels are summed: two listeners of one protocol
/// are one metric.
#[derive(Debug, Default)]
pub struct Samples(BTreeMap<&'static str, BTreeMap<String, u64>>);

impl Samples {
    /// Adds a value without labels.
    pub fn add(&mut self, name: &'static str, value: u64) {
        self.add_with(name, String::new(), value);
    }

    /// Adds a value with a label from a closed list.
    pub fn add_labelled(&mut self, name: &'static str, label: &str, is: &str, value: u64) {
        self.add_with(name, format!("{{{label}=\"{is}\"}}"), value);
    }

    fn add_with(&mut self, name: &'static str, labels: String, value: u64) {
        *self.0.entry(name).or_default().entry(labels).or_default() += value;
    }

    /// The text of all, in Prometheus' format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, values) in &self.0 {
            // Writing to a text cannot fail.
            if let Some((_, help)) = METRICS.iter().find(|(listed, _)| listed == name) {
                writeln!(text, "# HELP {name} {help}").ok();
            }
            writeln!(text, "# TYPE {name} {}", kind_of(name)).ok();
            for (labels, value) in values {
                writeln!(text, "{name}{labels} {value}").ok();
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_listeners_are_one_metric_and_labels_stay_apart() {
        let mut samples = Samples::default();
        samples.add("gengfu_mqtt_connections_open", 2);
        samples.add("gengfu_mqtt_connections_open", 3);
        samples.add_labelled("gengfu_ledger_incidents_open", "severity", "minor", 1);
        samples.add_labelled("gengfu_ledger_incidents_open", "severity", "critical", 4);
        assert_eq!(
            samples.text(),
            "# HELP gengfu_ledger_incidents_open Open incidents, by severity.\n\
             # TYPE gengfu_ledger_incidents_open gauge\n\
             gengfu_ledger_incidents_open{severity=\"critical\"} 4\n\
             gengfu_ledger_incidents_open{severity=\"minor\"} 1\n\
             # HELP gengfu_mqtt_connections_open Devices connected now.\n\
             # TYPE gengfu_mqtt_connections_open gauge\n\
             gengfu_mqtt_connections_open 5\n"
        );
    }
}
