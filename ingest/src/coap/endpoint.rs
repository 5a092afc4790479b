//! All of the message layer together: datagrams, settled messages and moments go in, datagrams come out.
//!
//! It has no socket and reads no clock but the wall clock that stamps envelopes; whoever drives it
//! passes the time and sends what [`Endpoint::take_outgoing`] gives.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use coap_lite::{CoapOption, MessageType, ResponseType};
use gengfu_codecs::Undecodable;
use gengfu_model::{DeviceId, Envelope, MessageKey, Transport};
use tokio::time::Instant;

use super::Options;
use super::blocks::{Block, Bodies, Taken};
use super::exchanges::{Exchanges, Seen};
use super::message::{self, BadOption, Incoming, Request};
use super::metrics::{Metrics, count};
use super::reply::{Answer, empty};
use super::request::{Admitted, Refused, admit, claimed};
use super::separate::{Due, Separate};
use super::settlements::Settlements;
use super::sources::Sources;
use crate::door::{Claimed, TurnedAway};
use crate::intake::{Arrival, Submission, SubmitError};
use crate::{AckSink, Clock, Directory, Intake, Settled};

/// What an endpoint works with.
pub(super) struct Surroundings {
    pub(super) intake: Intake,
    pub(super) directory: Arc<Directory>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Arc<Metrics>,
}

/// The message layer of one socket.
pub(super) struct Endpoint {
    options: Options,
    around: Surroundings,
    exchanges: Exchanges,
    bodies: Bodies,
    sources: Sources,
    separate: Separate,
    settlements: Arc<Settlements>,
    pending: HashMap<u64, Pending>,
    last_ticket: u64,
    /// When a request under way gets its empty acknowledgement, in order.
    acks_due: VecDeque<(Instant, u64)>,
    /// When a request under way is given up, in order.
    ends: VecDeque<(Instant, u64)>,
    outgoing: Vec<(SocketAddr, Vec<u8>)>,
}

/// How to answer a request.
#[derive(Clone)]
struct Return {
    peer: SocketAddr,
    message_id: u16,
    token: Arc<[u8]>,
    confirmable: bool,
    /// Under which its exchange is remembered.
    serial: u64,
}

/// A request that waits for the journal.
struct Pending {
    to: Return,
    device: DeviceId,
    success: ResponseType,
    block1: Option<Block>,
    undecodable: Option<Undecodable>,
    is_acknowledged: bool,
}

/// Whose request was refused.
struct Who<'a> {
    device: Option<&'a DeviceId>,
    claimed: Option<Claimed>,
    peer: SocketAddr,
}

impl Who<'_> {
    fn known(device: &DeviceId, peer: SocketAddr) -> Who<'_> {
        Who { device: Some(device), claimed: None, peer }
    }
}

impl Endpoint {
    /// `seed` should be random: our message ids start there.
    pub(super) fn new(options: Options, around: Surroundings, seed: u16) -> Endpoint {
        Endpoint {
            exchanges: Exchanges::new(options.max_exchanges),
            bodies: Bodies::new(options.max_block_bodies, options.max_body_bytes),
            sources: Sources::new(
                options.max_sources,
                options.source_rate_per_s,
                options.source_burst,
                options.max_pending_per_source,
            ),
            separate: Separate::new(options.max_pending, options.ack_timeout, options.max_retransmit, seed),
            settlements: Arc::default(),
            pending: HashMap::new(),
            last_ticket: 0,
            acks_due: VecDeque::new(),
            ends: VecDeque::new(),
            outgoing: Vec::new(),
            options,
            around,
        }
    }

    /// Where the journal settles this endpoint's messages.
    pub(super) fn settlements(&self) -> Arc<Settlements> {
        Arc::clone(&self.settlements)
    }

    /// What is to be sent.
    pub(super) fn take_outgoing(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        std::mem::take(&mut self.outgoing)
    }

    /// How many requests wait for the journal.
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Takes a datagram.
    pub(super) fn datagram(&mut self, peer: SocketAddr, datagram: &[u8], now: Instant) {
        count(&self.around.metrics.datagrams);
        match message::read(datagram) {
            Incoming::Ignore => count(&self.around.metrics.garbage),
            Incoming::Reset(message_id) => {
                count(&self.around.metrics.garbage);
                self.send(peer, empty(MessageType::Reset, message_id));
            }
            Incoming::Ping(message_id) => {
                count(&self.around.metrics.pings);
                self.send(peer, empty(MessageType::Reset, message_id));
            }
            Incoming::Closed(message_id) => self.separate.close(peer, message_id),
            Incoming::Request(request) => self.request(peer, &request, datagram, now),
        }
    }

    /// Answers what the journal has settled meanwhile.
    pub(super) fn settle(&mut self, now: Instant) {
        for (ticket, outcome) in self.settlements.take() {
            // What is not pending any more was given up.
            let Some(pending) = self.pending.remove(&ticket) else { continue };
            self.sources.end(pending.to.peer);
            let answer = match outcome {
                Settled::Durable(_) => self.durable(&pending),
                Settled::Stopped => {
                    let refused = Refused::Stopped { retry_after_s: self.options.retry_after_s };
                    self.refuse(refused, &Who::known(&pending.device, pending.to.peer))
                }
            };
            let answer = Answer { block1: pending.block1, ..answer };
            if pending.is_acknowledged {
                self.answer_apart(&pending.to, &answer, now);
            } else {
                self.answer(&pending.to, &answer);
            }
        }
    }

    /// Does what is due.
    pub(super) fn timers(&mut self, now: Instant) {
        while let Some((_, ticket)) = pop_due(&mut self.acks_due, now) {
            let Some(pending) = self.pending.get_mut(&ticket).filter(|pending| pending.to.confirmable) else {
                continue;
            };
            pending.is_acknowledged = true;
            let to = pending.to.clone();
            let bytes = empty(MessageType::Acknowledgement, to.message_id);
            if self.exchanges.keep((to.peer, to.message_id), to.serial, &bytes) {
                self.send(to.peer, bytes);
            }
        }
        while let Some((_, ticket)) = pop_due(&mut self.ends, now) {
            let Some(pending) = self.pending.remove(&ticket) else { continue };
            count(&self.around.metrics.unsettled);
            self.sources.end(pending.to.peer);
            self.exchanges.forget((pending.to.peer, pending.to.message_id), pending.to.serial);
        }
        while let Some(due) = self.separate.pop_due(now) {
            match due {
                Due::Again(peer, bytes) => {
                    count(&self.around.metrics.retransmissions);
                    self.send(peer, bytes);
                }
                Due::GivenUp => count(&self.around.metrics.unacknowledged),
            }
        }
    }

    /// When [`Endpoint::timers`] has something to do.
    pub(super) fn next_due(&mut self) -> Option<Instant> {
        // Requests that were settled meanwhile need no timer.
        for queue in [&mut self.acks_due, &mut self.ends] {
            while queue.front().is_some_and(|(_, ticket)| !self.pending.contains_key(ticket)) {
                queue.pop_front();
            }
        }
        let fronts = [self.acks_due.front(), self.ends.front()].into_iter().flatten().map(|(due, _)| *due);
        fronts.chain(self.separate.next_due()).min()
    }

    fn request(&mut self, peer: SocketAddr, request: &Request, datagram: &[u8], now: Instant) {
        let may_send = self.sources.admit(peer, now);
        let to = Return {
            peer,
            message_id: request.message_id,
            token: Arc::clone(&request.token),
            confirmable: request.confirmable,
            serial: 0,
        };
        if !may_send {
            // Not remembered: the same message may come again later.
            let who = self.unproven(peer, request);
            let answer = self.refuse(Refused::TooFast { retry_after_s: 1 }, &who);
            return self.answer(&to, &answer);
        }
        let (seen, forgotten) = self.exchanges.look((peer, request.message_id), datagram, now);
        self.around.metrics.forgotten_exchanges.fetch_add(forgotten, std::sync::atomic::Ordering::Relaxed);
        let serial = match seen {
            Seen::New(serial) => serial,
            Seen::Reused(serial) => {
                count(&self.around.metrics.reused_ids);
                serial
            }
            Seen::Duplicate(replay) => {
                count(&self.around.metrics.duplicates);
                // A repeated request that wants no acknowledgement is silently ignored (RFC 7252, 4.5).
                if let Some(bytes) = replay.filter(|_| request.confirmable) {
                    self.send(peer, bytes.to_vec());
                }
                return;
            }
        };
        let to = Return { serial, ..to };
        if let Some(answer) = self.process(&to, request, now) {
            self.answer(&to, &answer);
        }
    }

    /// Gives the answer, or none yet when the request waits for the journal.
    fn process(&mut self, to: &Return, request: &Request, now: Instant) -> Option<Answer> {
        let admitted = match admit(&self.around.directory, request) {
            Ok(admitted) => admitted,
            // One that wants no acknowledgement is rejected by a reset, not answered (RFC 7252, 5.4.1).
            Err((refused @ Refused::BadOption(BadOption::Critical(_)), _)) if !to.confirmable => {
                let who = self.unproven(to.peer, request);
                self.refuse(refused, &who);
                self.send(to.peer, empty(MessageType::Reset, to.message_id));
                return None;
            }
            Err((refused, Some(device))) => return Some(self.refuse(refused, &Who::known(&device, to.peer))),
            Err((refused, None)) => {
                let who = self.unproven(to.peer, request);
                return Some(self.refuse(refused, &who));
            }
        };
        let device = admitted.entry.id.clone();
        let body = match self.body(to.peer, request, now) {
            Ok(body) => body,
            Err(refused) => return Some(self.refuse(refused, &Who::known(&device, to.peer))),
        };
        let (payload, block1) = match body {
            BodyPart::Whole(payload, block1) => (payload, block1),
            BodyPart::More(block) => {
                count(&self.around.metrics.blocks);
                return Some(Answer { block1: Some(block), ..Answer::new(ResponseType::Continue, "") });
            }
        };
        match self.submit(to, admitted, payload, block1, now) {
            Ok(()) => None,
            Err(refused) => Some(Answer { block1, ..self.refuse(refused, &Who::known(&device, to.peer)) }),
        }
    }

    fn body(&mut self, peer: SocketAddr, request: &Request, now: Instant) -> Result<BodyPart, Refused> {
        let too_large = Refused::TooLarge { max_body_bytes: self.options.max_body_bytes };
        let block1 = request.number(CoapOption::Block1).map_err(|()| Refused::BadRequest("Block1"))?;
        let Some(number) = block1 else {
            let payload = request.payload();
            let fits = payload.len() <= self.options.max_body_bytes;
            return if fits { Ok(BodyPart::Whole(payload.to_vec(), None)) } else { Err(too_large) };
        };
        let block = Block::from_number(number).ok_or(Refused::BadRequest("Block1 of a reserved size"))?;
        // Size1 is elective: one that is no number is as good as absent.
        let announced = request.number(CoapOption::Size1).ok().flatten();
        match self.bodies.take((peer, request.body_key()), block, announced, request.payload(), now) {
            Taken::Continue => Ok(BodyPart::More(block)),
            Taken::Whole(body) => Ok(BodyPart::Whole(body, Some(block))),
            Taken::Incomplete => Err(Refused::Incomplete),
            Taken::TooLarge => Err(too_large),
            Taken::WrongLength => Err(Refused::BadRequest("the block has another length than Block1 says")),
            Taken::NoRoom => Err(Refused::Full { retry_after_s: self.options.retry_after_s }),
        }
    }

    fn submit(
        &mut self,
        to: &Return,
        admitted: Admitted,
        payload: Vec<u8>,
        block1: Option<Block>,
        now: Instant,
    ) -> Result<(), Refused> {
        let full = Refused::Full { retry_after_s: self.options.retry_after_s };
        if self.pending.len() >= self.options.max_pending || !self.sources.begin(to.peer, now) {
            return Err(full);
        }
        let envelope = Envelope {
            device: admitted.entry.id.clone(),
            kind: admitted.entry.kind,
            model: Arc::clone(&admitted.entry.model),
            transport: Transport::Coap,
            format: admitted.format,
            key: MessageKey::Coap { token: Arc::clone(&to.token), message_id: to.message_id },
            received_at: self.around.clock.now(),
            payload: Arc::from(payload),
        };
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        let sink: Arc<dyn AckSink> = Arc::<Settlements>::clone(&self.settlements);
        let submission = Submission { messages: vec![(Arrival::Message(envelope.clone()), ticket)], sink };
        if let Err(error) = self.around.intake.try_submit(submission) {
            self.sources.end(to.peer);
            return Err(match error {
                SubmitError::Full(_) => full,
                SubmitError::Stopped(_) => Refused::Stopped { retry_after_s: self.options.retry_after_s },
            });
        }
        count(&self.around.metrics.submitted);
        let pending = Pending {
            to: to.clone(),
            device: envelope.device.clone(),
            success: admitted.success,
            block1,
            undecodable: gengfu_codecs::decode(&envelope).err(),
            is_acknowledged: false,
        };
        self.pending.insert(ticket, pending);
        self.acks_due.push_back((now + self.options.separate_after, ticket));
        self.ends.push_back((now + self.options.settle_timeout, ticket));
        Ok(())
    }

    fn durable(&mut self, pending: &Pending) -> Answer {
        count(&self.around.metrics.durable);
        let mut answer = Answer::new(pending.success, "");
        if let Some((reason, text)) = &pending.undecodable {
            count(&self.around.metrics.quarantined);
            answer.payload = serde_json::json!({"quarantined": reason, "message": text}).to_string();
            answer.is_json = true;
        }
        answer
    }

    fn refuse(&mut self, refused: Refused, who: &Who<'_>) -> Answer {
        count(&self.around.metrics.refused);
        let away = TurnedAway::new(Transport::Coap, refused.code(), self.around.clock.now());
        let (claimed, from) = (who.claimed.clone(), Some(who.peer.ip().to_canonical()));
        self.around.intake.refuse(&TurnedAway { device: who.device, claimed, from, ..away });
        refused.answer()
    }

    /// Who a request says it is from.
    fn unproven(&self, peer: SocketAddr, request: &Request) -> Who<'static> {
        Who { device: None, claimed: claimed(&self.around.directory, request), peer }
    }

    /// Answers at once: in the acknowledgement, or without one as the request came without.
    fn answer(&mut self, to: &Return, answer: &Answer) {
        let (ty, message_id) = if to.confirmable {
            (MessageType::Acknowledgement, to.message_id)
        } else {
            (MessageType::NonConfirmable, self.separate.message_id(to.peer))
        };
        let bytes = answer.write(ty, message_id, &to.token);
        let is_current = to.serial == 0 || self.exchanges.keep((to.peer, to.message_id), to.serial, &bytes);
        // A peer that uses the id for something else by now would take the acknowledgement for that.
        if is_current || !to.confirmable {
            self.send(to.peer, bytes);
        }
    }

    /// Answers in a message of its own, after an empty acknowledgement.
    fn answer_apart(&mut self, to: &Return, answer: &Answer, now: Instant) {
        count(&self.around.metrics.separate);
        let message_id = self.separate.message_id(to.peer);
        let bytes = answer.write(MessageType::Confirmable, message_id, &to.token);
        self.separate.wait(to.peer, message_id, bytes.clone(), now);
        self.send(to.peer, bytes);
    }

    fn send(&mut self, peer: SocketAddr, bytes: Vec<u8>) {
        self.outgoing.push((peer, bytes));
    }
}

/// What a request brought of its body.
enum BodyPart {
    Whole(Vec<u8>, Option<Block>),
    More(Block),
}

fn pop_due(queue: &mut VecDeque<(Instant, u64)>, now: Instant) -> Option<(Instant, u64)> {
    queue.pop_front_if(|(due, _)| *due <= now)
}

#[cfg(test)]
mod tests {
    use gengfu_model::Timestamp;

    use super::*;
    use crate::ManualClock;

    fn endpoint(options: Options) -> (Endpoint, tokio::sync::mpsc::Receiver<Submission>) {
        let (intake, queue) = Intake::new(16);
        let around = Surroundings {
            intake,
            directory: Arc::new(Directory::new(b"secret")),
            clock: Arc::new(ManualClock::new(Timestamp(0))),
            metrics: Arc::default(),
        };
        (Endpoint::new(options, around, 1), queue)
    }

    #[test]
    fn no_datagram_makes_it_panic_and_all_tables_stay_bounded() {
        let options = Options { max_exchanges: 100, max_sources: 10, max_block_bodies: 5, ..Options::default() };
        let (mut endpoint, _queue) = endpoint(options);
        // A good request: POST, path, token, content format, Block1; parts of it are then overwritten.
        let good =
            b"\x42\x02\x00\x01\xaa\xbb\xb2v1\x07devices\x01a\x09telemetry\x11\x32\x33a=b\xc1\x08\xff0123456789abcdef";
        let mut state = 0x0123_4567_89ab_cdef_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut now = Instant::now();
        let mut answers = 0;
        for _ in 0..100_000 {
            let mut bytes = good.to_vec();
            for _ in 0..next() % 4 {
                let at = next() as usize % bytes.len();
                bytes[at] = next().to_le_bytes()[0];
            }
            bytes.truncate(bytes.len() - next() as usize % bytes.len() * usize::from(next() % 8 == 0));
            let peer = SocketAddr::from(([127, 0, 0, 1], (next() % 50) as u16));
            endpoint.datagram(peer, &bytes, now);
            now += std::time::Duration::from_millis(1);
            endpoint.timers(now);
            for (_, answer) in endpoint.take_outgoing() {
                answers += 1;
                assert!(answer.len() >= 4 && answer[0] >> 6 == 1, "{answer:?}");
            }
        }
        assert!(answers > 10_000, "{answers}");
        assert!(endpoint.exchanges.len() <= 100);
    }
}
