//! Messages on their way into a commit, and the tickets that are settled after it.

use std::collections::HashSet;
use std::sync::Arc;

use gengfu_model::{Body, Control, Seq};

use super::codec::max_envelope_bytes;
use super::metrics::JournalMetrics;
use crate::intake::{AckSink, Arrival, Settled, Submission};

/// Messages of several submissions, in order.
#[derive(Default)]
pub(super) struct Pending {
    /// What is to be journaled. Empty while it is being appended.
    pub(super) bodies: Vec<Body>,
    pub(super) bytes: usize,
    /// Each submission's sink, and how many of the tickets are its own.
    sinks: Vec<(Arc<dyn AckSink>, usize)>,
    /// Each message's ticket, and whether the message was taken at all.
    tickets: Vec<(u64, bool)>,
    woken: HashSet<usize>,
}

impl Pending {
    /// Takes a submission's messages. One that no frame could hold is settled as not taken, in its turn.
    pub(super) fn take(&mut self, submission: Submission, max_record_bytes: usize, metrics: &JournalMetrics) {
        self.sinks.push((submission.sink, submission.messages.len()));
        for (arrival, ticket) in submission.messages {
            let (bytes, body) = match arrival {
                Arrival::Message(envelope) => (max_envelope_bytes(&envelope), Body::Message(envelope)),
                Arrival::Session(change) => (change.max_bytes(), Body::Control(Control::Session(*change))),
            };
            let taken = bytes <= max_record_bytes;
            self.tickets.push((ticket, taken));
            if taken {
                self.bytes += bytes;
                self.bodies.push(body);
            } else {
                metrics.refused_too_large(bytes, max_record_bytes);
            }
        }
    }

    /// Whether there is nothing to append and nothing to settle.
    pub(super) fn is_empty(&self) -> bool {
        self.sinks.is_empty()
    }

    /// How many messages there are.
    pub(super) fn len(&self) -> usize {
        self.tickets.len()
    }

    /// Settles every ticket: those taken with the sequences from `first` on, or all as stopped.
    /// Wakes each sink once, after all of its tickets.
    pub(super) fn settle(&mut self, first: Option<Seq>) {
        let mut next = first;
        let mut tickets = self.tickets.drain(..);
        for (sink, count) in &self.sinks {
            for (ticket, taken) in tickets.by_ref().take(*count) {
                match next {
                    Some(seq) if taken => {
                        sink.settle(ticket, Settled::Durable(seq));
                        next = Some(seq.next());
                    }
                    Some(_) | None => sink.settle(ticket, Settled::Stopped),
                }
            }
        }
        drop(tickets);
        for (sink, _) in self.sinks.drain(..) {
            if self.woken.insert(Arc::as_ptr(&sink).cast::<()>().addr()) {
                sink.wake();
            }
        }
        self.woken.clear();
        self.bodies.clear();
        self.bytes = 0;
    }
}
