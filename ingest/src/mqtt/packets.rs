//! What a device's packets do.

use std::sync::Arc;

use bytes::BytesMut;
use gengfu_model::{Device, DeviceLife, Envelope, MessageKey, PayloadFormat, Transport};
use rumqttc::mqttbytes::valid_filter;
use tokio::time::Instant;

use super::acks::Answer;
use super::connection::{Connection, End, Progress};
use super::metrics::count;
use super::refusal::Refused;
use super::session::CommandQos;
use super::topic::{self, CommandTopic, TopicRefusal};
use super::wire::{self, Fault, Filter, Incoming, PacketKind, Publish, QoS, Reason, Version};
use crate::intake::Arrival;

/// The longest user property `message-id`, in bytes.
pub const MAX_MESSAGE_ID_BYTES: usize = 128;

/// Messages read in one go, before they are handed to the journal together.
#[derive(Default)]
struct Batch {
    messages: Vec<(Arrival, u64)>,
    /// The register's entry of the device, looked up once for the batch.
    entry: Option<Arc<Device>>,
}

impl Connection {
    /// Handles as many packets as are complete, and hands their messages to the journal as one submission.
    pub(super) fn process_input(&mut self) -> Result<Progress, End> {
        let mut batch = Batch::default();
        let result = self.process_packets(&mut batch);
        // What came before a bad packet is handed over all the same. The session's record goes with the messages
        // that changed it: they are in one commit, or none of them is.
        batch.messages.extend(self.session_record());
        if !batch.messages.is_empty() {
            self.submit(batch.messages)?;
        }
        result
    }

    fn process_packets(&mut self, batch: &mut Batch) -> Result<Progress, End> {
        let mut progress = Progress::NeedsBytes;
        let max_bytes = self.shared.options.max_packet_bytes;
        while let Some(header) =
            wire::peek_frame(&self.input, max_bytes, Some(self.version)).map_err(|fault| self.fault(fault))?
        {
            if !self.may_take(header.kind, batch) {
                let nothing_done = matches!(progress, Progress::NeedsBytes);
                return Ok(if nothing_done { Progress::Blocked } else { progress });
            }
            let frame = wire::take_frame(&mut self.input, header);
            let packet = wire::decode(frame, self.version).map_err(|fault| self.fault(fault))?;
            progress = Progress::Handled;
            self.handle(packet, batch)?;
            if self.output.len() >= self.shared.options.max_unwritten_bytes {
                break;
            }
        }
        Ok(progress)
    }

    /// Whether window, batch and rate have room for one more packet of this kind. Those that cost the journal
    /// nothing are always taken.
    fn may_take(&mut self, kind: PacketKind, batch: &Batch) -> bool {
        let options = &self.shared.options;
        let all_wait = self.acks.len() >= options.max_unsettled;
        let may_take = match kind {
            PacketKind::Publish => {
                let window_is_full = self.acks.in_flight() >= usize::from(options.max_in_flight);
                !all_wait && !window_is_full && batch.messages.len() < options.max_batch
            }
            PacketKind::PubRel | PacketKind::Subscribe | PacketKind::Unsubscribe => !all_wait,
            PacketKind::Connect | PacketKind::PubAck | PacketKind::PingReq | PacketKind::Disconnect => return true,
        };
        // A PUBREL that means something was paid for by its message.
        if !may_take || kind == PacketKind::PubRel {
            return may_take;
        }
        let now = Instant::now();
        match self.quota.take(&options.rate, now) {
            Ok(()) => true,
            Err(wait) => {
                count(&self.shared.metrics.rate_pauses);
                self.paused_until = Some(now + wait);
                false
            }
        }
    }

    fn handle(&mut self, packet: Incoming, batch: &mut Batch) -> Result<(), End> {
        match packet {
            Incoming::Publish(publish) => self.on_publish(publish, batch)?,
            Incoming::PubAck { packet_id, reason } => self.on_command_ack(packet_id, reason),
            Incoming::PubRel { packet_id } => self.on_release(packet_id),
            Incoming::Subscribe { packet_id, filters } => self.on_subscribe(packet_id, &filters)?,
            Incoming::Unsubscribe { packet_id, filters } => self.on_unsubscribe(packet_id, &filters)?,
            Incoming::PingReq => wire::pingresp(&mut self.output),
            Incoming::Disconnect { with_will, session_expiry_s } => {
                if let Some(expiry_s) = session_expiry_s {
                    if self.session_expiry_s == 0 && expiry_s > 0 {
                        return Err(self.fault(Fault::protocol("session expiry raised from 0 by DISCONNECT")));
                    }
                    self.session_expiry_s = self.shared.capped_expiry_s(expiry_s);
                }
                return Err(End::Disconnected { with_will });
            }
        }
        Ok(())
    }

    fn on_publish(&mut self, publish: Publish, batch: &mut Batch) -> Result<(), End> {
        count(&self.shared.metrics.publishes_received);
        if publish.retain && self.version == Version::V5 {
            let what = "retain, which CONNACK said is not available";
            return Err(self.fault(Fault { reason: Reason::RetainNotSupported, what }));
        }
        let destination = self.resolve(&publish).map_err(|fault| self.fault(fault))?;
        if publish.qos == QoS::ExactlyOnce && self.is_held(publish.packet_id) {
            count(&self.shared.metrics.publishes_repeated);
            self.acks.answered(publish.qos, publish.packet_id, Reason::Success);
            return Ok(());
        }
        let format = match destination {
            Ok(format) => format,
            Err(TopicRefusal::NotYours) => {
                return self.refuse_publish(&publish, Refused::NotYourTopic, Reason::NotAuthorized);
            }
            Err(TopicRefusal::Unknown) => {
                return self.refuse_publish(&publish, Refused::UnknownTopic, Reason::TopicNameInvalid);
            }
        };
        if publish.message_id.as_ref().is_some_and(|id| id.len() > MAX_MESSAGE_ID_BYTES) {
            return self.refuse_publish(&publish, Refused::MessageIdTooLong, Reason::QuotaExceeded);
        }
        if publish.qos == QoS::ExactlyOnce {
            self.check_unreleased().map_err(|fault| self.fault(fault))?;
        }
        let envelope = self.envelope(&publish, format, batch)?;
        let ticket = self.acks.submitted(publish.qos, publish.packet_id);
        batch.messages.push((Arrival::Message(envelope), ticket));
        self.session_due |= publish.qos == QoS::ExactlyOnce;
        Ok(())
    }

    /// What the topic or its alias stands for.
    fn resolve(&mut self, publish: &Publish) -> Result<Result<PayloadFormat, TopicRefusal>, Fault> {
        let named = || topic::publish_format(&publish.topic, self.device.as_str());
        let Some(alias) = publish.alias else { return Ok(named()) };
        if alias > self.shared.options.topic_alias_maximum {
            return Err(Fault { reason: Reason::TopicAliasInvalid, what: "topic alias over the maximum" });
        }
        let place = usize::from(alias) - 1;
        if publish.topic.is_empty() {
            let known = self.aliases.get(place).copied().flatten();
            return known.ok_or(Fault::protocol("a topic alias that stands for nothing"));
        }
        let destination = named();
        if self.aliases.len() <= place {
            self.aliases.resize(place + 1, None);
        }
        self.aliases[place] = Some(destination);
        Ok(destination)
    }

    /// Whether a QoS 2 publish under this id is in the journal, or on its way, and not released yet.
    fn is_held(&self, packet_id: u16) -> bool {
        self.acks.holds(packet_id, self.unreleased.contains(&packet_id))
    }

    fn check_unreleased(&self) -> Result<(), Fault> {
        let options = &self.shared.options;
        let (most, reason) = match self.version {
            Version::V3 => (options.max_unreleased, Reason::QuotaExceeded),
            Version::V5 => (usize::from(options.max_in_flight), Reason::ReceiveMaximumExceeded),
        };
        let what = "too many QoS 2 messages wait for their PUBREL";
        let held = self.unreleased.len().saturating_sub(self.acks.releasing());
        if held < most { Ok(()) } else { Err(Fault { reason, what }) }
    }

    fn envelope(&self, publish: &Publish, format: PayloadFormat, batch: &mut Batch) -> Result<Envelope, End> {
        if batch.entry.is_none() {
            // Kind and model may have changed since the login, and the device may be retired.
            let entry = self.shared.directory.get(self.device.as_str());
            batch.entry = entry.filter(|entry| entry.life != DeviceLife::Retired);
        }
        let Some(entry) = &batch.entry else {
            self.count_refusal(Refused::Retired);
            return Err(End::Retired);
        };
        let key = match &publish.message_id {
            Some(id) => MessageKey::Explicit(Arc::clone(id)),
            None if publish.dup => MessageKey::MqttDup,
            None => MessageKey::None,
        };
        Ok(Envelope {
            device: entry.id.clone(),
            kind: entry.kind,
            model: Arc::clone(&entry.model),
            transport: Transport::Mqtt,
            format,
            key,
            received_at: self.shared.clock.now(),
            payload: Arc::from(&publish.payload[..]),
        })
    }

    /// Refuses a message. MQTT 5 says so in the acknowledgement; where there is none, the connection ends.
    fn refuse_publish(&mut self, publish: &Publish, refused: Refused, reason: Reason) -> Result<(), End> {
        self.count_refusal(refused);
        count(&self.shared.metrics.messages_refused);
        tracing::debug!(device = %self.device, reason = refused.as_str(), topic = %publish.topic, "mqtt publish refused");
        if self.version == Version::V5 && publish.qos != QoS::AtMostOnce {
            self.acks.answered(publish.qos, publish.packet_id, reason);
            return Ok(());
        }
        Err(End::Refused(Fault { reason, what: refused.as_str() }))
    }

    fn on_release(&mut self, packet_id: u16) {
        if self.is_held(packet_id) {
            // The client takes the id for another message once it has PUBCOMP: by then the journal must know.
            self.acks.after_session_record(Answer::PubComp, packet_id);
            self.session_due = true;
        } else {
            self.acks.not_found(packet_id);
        }
    }

    fn on_subscribe(&mut self, packet_id: u16, filters: &[Filter]) -> Result<(), End> {
        let results: Vec<Result<QoS, Reason>> = filters.iter().map(|filter| self.subscribe(filter)).collect();
        let mut suback = BytesMut::new();
        wire::suback(&mut suback, self.version, packet_id, &results);
        self.subscription_changed(suback)
    }

    fn subscribe(&mut self, filter: &Filter) -> Result<QoS, Reason> {
        let refused = if !valid_filter(&filter.path) {
            Reason::TopicFilterInvalid
        } else if let Some(topic) = CommandTopic::from_filter(&filter.path, self.device.as_str()) {
            let granted = filter.qos.min(QoS::AtLeastOnce);
            let qos = if granted == QoS::AtMostOnce { CommandQos::AtMostOnce } else { CommandQos::AtLeastOnce };
            *self.outgoing.subscription.place(topic) = Some(qos);
            return Ok(granted);
        } else {
            Reason::NotAuthorized
        };
        self.count_refusal(Refused::Subscription);
        tracing::debug!(device = %self.device, filter = %filter.path, "mqtt subscription refused");
        Err(refused)
    }

    fn on_unsubscribe(&mut self, packet_id: u16, filters: &[String]) -> Result<(), End> {
        let existed: Vec<bool> = filters
            .iter()
            .map(|filter| {
                let topic = CommandTopic::from_filter(filter, self.device.as_str());
                topic.is_some_and(|topic| self.outgoing.subscription.place(topic).take().is_some())
            })
            .collect();
        let mut unsuback = BytesMut::new();
        wire::unsuback(&mut unsuback, self.version, packet_id, &existed);
        self.subscription_changed(unsuback)
    }

    /// The device counts on its subscription from the answer on, so the answer waits for the session's record.
    fn subscription_changed(&mut self, answer: BytesMut) -> Result<(), End> {
        // It has a byte for each filter, and the client may take only so many.
        if !self.outgoing.takes(answer.len()) {
            let what = "an answer larger than the client takes";
            return Err(self.fault(Fault { reason: Reason::PacketTooLarge, what }));
        }
        self.acks.after_session_record(Answer::Packet(answer.freeze()), 0);
        self.session_due = true;
        let subscription = self.outgoing.subscription;
        self.shared.commands.store().subscribe(&self.device, subscription);
        self.link.set_listening(subscription.delivery().is_some());
        self.outgoing.due = true;
        Ok(())
    }

    /// The end that a broken packet leads to, counted.
    fn fault(&self, fault: Fault) -> End {
        let refused = match fault.reason {
            Reason::PacketTooLarge => Refused::PacketTooLarge,
            _ => Refused::ProtocolError,
        };
        self.count_refusal(refused);
        End::Fault(fault)
    }
}
