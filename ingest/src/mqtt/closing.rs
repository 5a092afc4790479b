//! The end of a connection: the last word to the client, the will, the session.
//!
//! What was handed to the journal is waited for (for a time), so that a QoS 2 message which becomes durable
//! just after its connection broke is known when the client sends it again.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use gengfu_model::{Envelope, MessageKey, PayloadFormat, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::backoff::Source;
use super::commands::CommandOutcome;
use super::connection::{Connection, End};
use super::link::CloseCause;
use super::metrics::count;
use super::stream::Stream;
use super::wire::{self, QoS, Reason, Version, Will};
use crate::intake::Arrival;

/// Bytes taken off a socket after the last packet to it, at most.
const MAX_LINGER_BYTES: u64 = 4 * 1024 * 1024;

/// What happens to a will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WillFate {
    Drop,
    Send,
    /// Unless the session goes on before.
    SendAfter(Duration),
}

impl Connection {
    /// Ends the connection.
    pub(super) async fn finish(mut self, end: End) {
        self.note(&end);
        if matches!(end, End::Refused(_) | End::Stopping) {
            // What came before is still acknowledged.
            self.settle().await;
        }
        // Nothing may stand before CONNACK.
        if self.version == Version::V5
            && self.greeted
            && let Some(reason) = last_word(&end)
        {
            wire::disconnect_v5(&mut self.output, reason);
        }
        let lingers = !matches!(end, End::Lost | End::Stalled);
        if lingers {
            timeout(self.shared.options.linger, self.flush()).await.ok();
        }
        self.link.set_offline();
        self.settle().await;
        let fate = self.will_fate(&end);
        if fate == WillFate::Send {
            self.send_will().await;
        }
        self.close_session().await;
        self.permit = None;
        self.shared.metrics.connections_open.fetch_sub(1, Ordering::Relaxed);
        let now = Instant::now();
        self.shared.commands.quotas().keep(&self.device, self.quota, &self.shared.options.rate, now);
        if let WillFate::SendAfter(delay) = fate {
            if lingers {
                linger(&mut self.stream, self.shared.options.linger).await;
            }
            self.stream.shutdown().await.ok();
            self.send_will_after(delay).await;
            return;
        }
        // From here on a newer connection need not wait.
        let (mut stream, patience) = (self.stream, self.shared.options.linger);
        drop(self.registration);
        if lingers {
            linger(&mut stream, patience).await;
        }
    }

    fn note(&self, end: &End) {
        let (metrics, device) = (&self.shared.metrics, &self.device);
        match end {
            End::Fault(fault) => {
                count(&metrics.protocol_errors);
                self.slow_down();
                tracing::warn!(%device, %fault, "mqtt connection closed: broken packet");
            }
            End::Refused(fault) => {
                self.slow_down();
                tracing::warn!(%device, reason = fault.what, "mqtt connection closed: message refused");
            }
            End::Silent => {
                count(&metrics.keepalives_missed);
                tracing::debug!(%device, "mqtt connection closed: keep-alive missed");
            }
            End::Told(CloseCause::Resumed | CloseCause::Replaced) => {
                count(&metrics.connections_taken_over);
                tracing::debug!(%device, "mqtt connection taken over");
            }
            End::JournalStopped => tracing::warn!(%device, "mqtt connection closed: the journal has stopped"),
            End::Disconnected { .. } | End::Lost | End::Stalled | End::Stopping | End::Retired => {
                tracing::debug!(%device, ?end, "mqtt connection ended");
            }
            End::Told(CloseCause::Administrative) => tracing::debug!(%device, ?end, "mqtt connection ended"),
        }
    }

    /// The device's next login waits for what it did wrong in this one.
    fn slow_down(&self) {
        self.shared.backoff.fault(Source::Device(self.device.clone()), Instant::now());
    }

    async fn flush(&mut self) {
        if self.stream.write_all_buf(&mut self.output).await.is_ok() {
            self.stream.shutdown().await.ok();
        }
    }

    /// Waits until the journal has settled what it was given, and notes what became durable.
    async fn settle(&mut self) {
        let patience = self.shared.options.handover_timeout;
        let settled = poll_fn(|cx| {
            self.link.register(cx.waker());
            if self.poll_submission(cx).is_err() {
                return Poll::Ready(());
            }
            self.release_acks();
            let waits = self.submitting.is_some() || self.acks.len() > 0;
            if waits && !self.link.journal_stopped() { Poll::Pending } else { Poll::Ready(()) }
        });
        if timeout(patience, settled).await.is_err() {
            tracing::warn!(device = %self.device, "the journal did not settle a closed connection's messages in time");
        }
    }

    async fn close_session(&mut self) {
        if !self.link.is_abandoned() {
            let (now, store) = (self.shared.clock.now(), self.shared.commands.store());
            let left = store.close(&self.device, self.link.client_id(), self.session_expiry_s, now);
            if let Some(change) = left.change {
                count(&self.shared.metrics.session_records_submitted);
                let ticket = self.acks.session_submitted();
                if self.submit(vec![(Arrival::Session(Box::new(change)), ticket)]).is_ok() {
                    self.settle().await;
                }
            }
            self.shared.commands.report(&self.device, left.dropped, CommandOutcome::SessionEnded).await;
        }
        self.outgoing.drain_reports(&self.shared.commands).await;
    }

    fn will_fate(&self, end: &End) -> WillFate {
        let Some(will) = &self.will else { return WillFate::Drop };
        let delay_s = will.delay_s.min(self.session_expiry_s);
        match end {
            End::Disconnected { with_will: false } => WillFate::Drop,
            // The device was not lost: we went. The standard lets a stopping server put wills off.
            End::Stopping | End::JournalStopped => WillFate::Drop,
            End::Told(CloseCause::Resumed) if delay_s > 0 => WillFate::Drop,
            End::Told(CloseCause::Resumed | CloseCause::Replaced) => WillFate::Send,
            _ if delay_s > 0 => WillFate::SendAfter(Duration::from_secs(u64::from(delay_s))),
            _ => WillFate::Send,
        }
    }

    /// Sends the will when its delay is over, or at once when the session ends; not when it goes on.
    async fn send_will_after(&mut self, delay: Duration) {
        let due = tokio::time::sleep(delay);
        let told = poll_fn(|cx| {
            self.link.register(cx.waker());
            self.link.close_cause().map_or(Poll::Pending, Poll::Ready)
        });
        let cause = tokio::select! {
            () = due => None,
            () = self.shared.cancel.cancelled() => None,
            cause = told => Some(cause),
        };
        if cause != Some(CloseCause::Resumed) {
            self.send_will().await;
        }
    }

    async fn send_will(&mut self) {
        let Some(will) = self.will.take() else { return };
        let Some(entry) = self.shared.directory.get(self.device.as_str()) else { return };
        let Will { payload, message_id, .. } = *will;
        let envelope = Envelope {
            device: entry.id.clone(),
            kind: entry.kind,
            model: Arc::clone(&entry.model),
            transport: Transport::Mqtt,
            format: PayloadFormat::Event,
            key: message_id.map_or(MessageKey::None, MessageKey::Explicit),
            received_at: self.shared.clock.now(),
            payload: Arc::from(&payload[..]),
        };
        let ticket = self.acks.submitted(QoS::AtMostOnce, 0);
        count(&self.shared.metrics.wills_submitted);
        if self.submit(vec![(Arrival::Message(envelope), ticket)]).is_ok() {
            self.settle().await;
        }
    }
}

/// What an MQTT 5 client is told at the end.
fn last_word(end: &End) -> Option<Reason> {
    match end {
        End::Disconnected { .. } | End::Lost | End::Stalled => None,
        End::Silent => Some(Reason::KeepAliveTimeout),
        End::Fault(fault) | End::Refused(fault) => Some(fault.reason),
        End::Told(CloseCause::Resumed | CloseCause::Replaced) => Some(Reason::TakenOver),
        End::Told(CloseCause::Administrative) | End::Retired => Some(Reason::Administrative),
        End::Stopping | End::JournalStopped => Some(Reason::ShuttingDown),
    }
}

/// Takes off the socket what the peer is still sending. Closing with unread bytes resets the connection, and
/// the peer would lose our last packet.
pub(super) async fn linger(stream: &mut Stream, patience: Duration) {
    let mut rest = stream.take(MAX_LINGER_BYTES);
    timeout(patience, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await.ok();
}
