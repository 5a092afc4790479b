//! One device's connection, from CONNACK to its end: a state machine in a single poll function.
//!
//! Promises: an acknowledgement goes out only for what the journal has made durable, in the order of
//! arrival; while the journal, the device's rate or the window of unacknowledged messages says no, nothing
//! is read. One task, one waker, and no buffer while idle.

use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use gengfu_model::{DeviceId, PayloadFormat};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::acks::{AckQueue, Answer};
use super::commands::Registration;
use super::link::{CloseCause, Link};
use super::listener::{Shared, Who};
use super::metrics::{add, count};
use super::options::MqttOptions;
use super::outgoing::Outgoing;
use super::quota::Quota;
use super::refusal::Refused;
use super::stream::Stream;
use super::topic::TopicRefusal;
use super::wire::{self, Fault, Reason, Version, Will};
use crate::intake::{Arrival, Submission, SubmitError};

/// The most that is read from a socket at once; it stands on the stack only while reading.
const READ_CHUNK_BYTES: usize = 16 * 1024;

/// Why a connection ends.
#[derive(Debug)]
pub(super) enum End {
    /// The client said DISCONNECT.
    Disconnected { with_will: bool },
    /// The socket was closed or failed.
    Lost,
    /// Nothing came for one and a half keep-alive times.
    Silent,
    /// The client does not take what it is sent.
    Stalled,
    /// A packet broke the protocol.
    Fault(Fault),
    /// A message was refused that cannot be answered with a reason.
    Refused(Fault),
    /// Another connection, or staff.
    Told(CloseCause),
    /// The device is retired or not in the register any more.
    Retired,
    /// The listener stops.
    Stopping,
    /// The journal takes nothing more.
    JournalStopped,
}

/// A future that is kept only while there is something to wait for.
type Waiting<T> = Option<Pin<Box<dyn Future<Output = T> + Send>>>;

/// One device's connection.
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) stream: Stream,
    pub(super) version: Version,
    pub(super) device: DeviceId,
    pub(super) link: Arc<Link>,
    pub(super) registration: Registration,
    pub(super) permit: Option<OwnedSemaphorePermit>,
    pub(super) input: BytesMut,
    pub(super) output: BytesMut,
    pub(super) acks: AckQueue,
    pub(super) quota: Quota,
    /// What each topic alias stands for, by alias minus 1; grows on use.
    pub(super) aliases: Vec<Option<Result<PayloadFormat, TopicRefusal>>>,
    /// Packet ids of QoS 2 that are durable and wait for their PUBREL.
    pub(super) unreleased: Vec<u16>,
    pub(super) outgoing: Outgoing,
    /// CONNACK is out or on its way out.
    pub(super) greeted: bool,
    /// The session has changed in a way that is to be journaled.
    pub(super) session_due: bool,
    pub(super) silence_allowed: Option<Duration>,
    pub(super) last_packet: Instant,
    /// The next packet is a message that has to wait for the window of unacknowledged ones.
    blocked: bool,
    unwritten_since: Option<Instant>,
    /// All was written, but TLS may still hold some of it.
    unflushed: bool,
    pub(super) paused_until: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    /// Messages that wait for room in the journal's queue.
    pub(super) submitting: Waiting<Result<(), SubmitError>>,
    pub(super) will: Option<Box<Will>>,
    pub(super) session_expiry_s: u32,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// What a new connection begins with.
pub(super) struct Start {
    pub(super) version: Version,
    pub(super) device: DeviceId,
    pub(super) registration: Registration,
    pub(super) permit: OwnedSemaphorePermit,
    pub(super) input: BytesMut,
    pub(super) connack: BytesMut,
    /// CONNACK goes out only when the journal knows the session.
    pub(super) connack_waits: bool,
    pub(super) unreleased: Vec<u16>,
    pub(super) outgoing: Outgoing,
    pub(super) keep_alive_s: u16,
    pub(super) will: Option<Will>,
    pub(super) session_expiry_s: u32,
}

/// What looking at the input came to.
pub(super) enum Progress {
    /// At least one packet was handled.
    Handled,
    /// The next packet is not complete.
    NeedsBytes,
    /// The next packet has to wait.
    Blocked,
}

impl Connection {
    pub(super) fn new(shared: Arc<Shared>, stream: Stream, start: Start) -> Connection {
        let now = Instant::now();
        let quota = shared.commands.quotas().take(&start.device, &shared.options.rate, now);
        count(&shared.metrics.connections_open);
        let (mut acks, mut output) = (AckQueue::default(), BytesMut::new());
        if start.connack_waits {
            acks.after_session_record(Answer::Packet(start.connack.freeze()), 0);
        } else {
            output = start.connack;
        }
        Connection {
            stream,
            version: start.version,
            link: Arc::clone(&start.registration.link),
            registration: start.registration,
            permit: Some(start.permit),
            input: start.input,
            output,
            acks,
            quota,
            aliases: Vec::new(),
            unreleased: start.unreleased,
            outgoing: start.outgoing,
            greeted: !start.connack_waits,
            session_due: true,
            silence_allowed: MqttOptions::silence_allowed(start.keep_alive_s),
            last_packet: now,
            blocked: false,
            unwritten_since: None,
            unflushed: false,
            paused_until: None,
            timer: None,
            submitting: None,
            will: start.will.map(Box::new),
            session_expiry_s: start.session_expiry_s,
            stopping: Box::pin(shared.cancel.clone().cancelled_owned()),
            device: start.device,
            shared,
        }
    }

    /// Serves the device until its connection is to end.
    pub(super) async fn serve(&mut self) -> End {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.link.register(cx.waker());
        if let Some(cause) = self.link.close_cause() {
            return Poll::Ready(End::Told(cause));
        }
        if self.stopping.as_mut().poll(cx).is_ready() {
            return Poll::Ready(End::Stopping);
        }
        loop {
            match self.step(cx) {
                Ok(true) => {}
                Ok(false) => match self.poll_timers(cx) {
                    Ok(true) => {}
                    Ok(false) => return Poll::Pending,
                    Err(end) => return Poll::Ready(end),
                },
                Err(end) => return Poll::Ready(end),
            }
        }
    }

    /// Does what can be done now; says whether anything was.
    fn step(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let acknowledged = self.release_acks();
        if self.link.journal_stopped() {
            return Err(End::JournalStopped);
        }
        self.deliver_commands();
        self.journal_session()?;
        let reported = self.outgoing.poll_reports(cx, &self.shared.commands);
        let submitted = self.poll_submission(cx)?;
        let written = self.poll_write(cx)?;
        let read = self.poll_input(cx)?;
        Ok(acknowledged | reported | submitted | written | read)
    }

    /// Writes the acknowledgements of what has become durable.
    pub(super) fn release_acks(&mut self) -> bool {
        let mut any = false;
        let settled = self.link.settled();
        while let Some(ack) = self.acks.next(settled) {
            any = true;
            if ack.is_journaled_message() {
                count(&self.shared.metrics.messages_settled);
            }
            let done = ack.reason == Reason::Success;
            match ack.answer {
                Answer::Nothing | Answer::Session => {}
                Answer::PubAck => wire::puback(&mut self.output, self.version, ack.packet_id, ack.reason),
                Answer::PubRec => {
                    if done && !self.unreleased.contains(&ack.packet_id) {
                        self.unreleased.push(ack.packet_id);
                        self.shared.commands.store().hold(&self.device, ack.packet_id);
                    }
                    wire::pubrec(&mut self.output, self.version, ack.packet_id, ack.reason);
                }
                Answer::PubComp => {
                    if done {
                        self.unreleased.retain(|id| *id != ack.packet_id);
                        self.shared.commands.store().release(&self.device, ack.packet_id);
                    }
                    wire::pubcomp(&mut self.output, self.version, ack.packet_id, ack.reason);
                }
                Answer::Packet(bytes) => {
                    self.output.extend_from_slice(&bytes);
                    // The first of them is CONNACK.
                    if !std::mem::replace(&mut self.greeted, true) {
                        self.last_packet = Instant::now();
                    }
                }
            }
        }
        any
    }

    /// The session's record, when one is due; what waited for it now waits for its ticket.
    pub(super) fn session_record(&mut self) -> Option<(Arrival, u64)> {
        if !std::mem::take(&mut self.session_due) {
            return None;
        }
        let unreleased = self.acks.unreleased(&self.unreleased);
        let Some(change) = self.shared.commands.store().change(&self.device, unreleased) else {
            self.acks.session_needs_no_record();
            return None;
        };
        count(&self.shared.metrics.session_records_submitted);
        Some((Arrival::Session(Box::new(change)), self.acks.session_submitted()))
    }

    /// Hands the session's record to the journal, if one is due and nothing waits before it.
    fn journal_session(&mut self) -> Result<(), End> {
        if self.submitting.is_some() {
            return Ok(());
        }
        self.session_record().map_or(Ok(()), |record| self.submit(vec![record]))
    }

    /// Hands messages to the journal; when its queue is full, keeps them and waits.
    pub(super) fn submit(&mut self, messages: Vec<(Arrival, u64)>) -> Result<(), End> {
        let metrics = &self.shared.metrics;
        for (arrival, _) in &messages {
            if let Arrival::Message(envelope) = arrival {
                count(&metrics.messages_submitted);
                add(&metrics.payload_bytes, envelope.payload.len() as u64);
            }
        }
        let submission = Submission { messages, sink: Arc::clone(&self.link) as Arc<_> };
        match self.shared.intake.try_submit(submission) {
            Ok(()) => Ok(()),
            Err(SubmitError::Stopped(_)) => Err(End::JournalStopped),
            Err(SubmitError::Full(submission)) => {
                count(&metrics.journal_pauses);
                let intake = self.shared.intake.clone();
                self.submitting = Some(Box::pin(async move { intake.submit(submission).await }));
                Ok(())
            }
        }
    }

    pub(super) fn poll_submission(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let Some(submitting) = &mut self.submitting else { return Ok(false) };
        match submitting.as_mut().poll(cx) {
            Poll::Pending => Ok(false),
            Poll::Ready(result) => {
                self.submitting = None;
                result.map(|()| true).map_err(|_| End::JournalStopped)
            }
        }
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        if self.output.is_empty() {
            return self.poll_flush(cx);
        }
        let written = match Pin::new(&mut self.stream).poll_write(cx, &self.output) {
            Poll::Pending => {
                self.unwritten_since.get_or_insert_with(Instant::now);
                return Ok(false);
            }
            Poll::Ready(Ok(0) | Err(_)) => return Err(End::Lost),
            Poll::Ready(Ok(written)) => written,
        };
        self.unwritten_since = None;
        if written < self.output.len() {
            drop(self.output.split_to(written));
        } else {
            // An idle connection holds no buffer.
            self.output = BytesMut::new();
            self.unflushed = true;
        }
        Ok(true)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        if !self.unflushed {
            return Ok(false);
        }
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Pending => {
                self.unwritten_since.get_or_insert_with(Instant::now);
            }
            Poll::Ready(Err(_)) => return Err(End::Lost),
            Poll::Ready(Ok(())) => {
                self.unflushed = false;
                self.unwritten_since = None;
            }
        }
        Ok(false)
    }

    /// Whether the next packet may be looked at.
    fn may_read(&self) -> bool {
        self.greeted
            && self.submitting.is_none()
            && self.paused_until.is_none()
            && !self.outgoing.has_reports()
            && self.output.len() < self.shared.options.max_unwritten_bytes
    }

    fn poll_input(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        if !self.may_read() {
            return Ok(false);
        }
        let progress = self.process_input()?;
        self.blocked = matches!(progress, Progress::Blocked);
        match progress {
            Progress::Handled => {
                self.last_packet = Instant::now();
                Ok(true)
            }
            Progress::Blocked => Ok(false),
            Progress::NeedsBytes => self.poll_read(cx),
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        let mut chunk = [MaybeUninit::uninit(); READ_CHUNK_BYTES];
        let size = self.shared.options.read_chunk_bytes.clamp(1, READ_CHUNK_BYTES);
        let mut chunk = ReadBuf::uninit(&mut chunk[..size]);
        match Pin::new(&mut self.stream).poll_read(cx, &mut chunk) {
            Poll::Pending => Ok(false),
            Poll::Ready(Err(_)) => Err(End::Lost),
            Poll::Ready(Ok(())) if chunk.filled().is_empty() => Err(End::Lost),
            Poll::Ready(Ok(())) => {
                self.input.extend_from_slice(chunk.filled());
                Ok(true)
            }
        }
    }

    /// Acts on what is due, and sets the timer for what is next; says whether anything can go on.
    fn poll_timers(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        loop {
            let now = Instant::now();
            if self.paused_until.is_some_and(|until| until <= now) {
                self.paused_until = None;
                self.last_packet = now;
                return Ok(true);
            }
            if self.write_deadline().is_some_and(|deadline| deadline <= now) {
                return Err(End::Stalled);
            }
            if self.silence_deadline().is_some_and(|deadline| deadline <= now) {
                return Err(End::Silent);
            }
            let deadlines = [self.paused_until, self.write_deadline(), self.silence_deadline()];
            let Some(next) = deadlines.into_iter().flatten().min() else { return Ok(false) };
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(next)));
            // A timer that is set too early only wakes us once more; moving it for every packet costs more.
            if next < timer.deadline() || timer.is_elapsed() {
                timer.as_mut().reset(next);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Ok(false);
            }
        }
    }

    fn write_deadline(&self) -> Option<Instant> {
        self.unwritten_since.map(|since| since + self.shared.options.write_timeout)
    }

    fn silence_deadline(&self) -> Option<Instant> {
        // While it is we who do not read, the device is not silent.
        if self.blocked || !self.may_read() {
            return None;
        }
        self.silence_allowed.map(|allowed| self.last_packet + allowed)
    }

    /// Counts a refusal of this device's.
    pub(super) fn count_refusal(&self, refused: Refused) {
        self.shared.refuse(refused, Who { device: Some(&self.device), claimed: None, from: None });
    }
}
