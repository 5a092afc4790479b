//! Commands on their way to one device, and the reports of what became of them.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;

use gengfu_model::Timestamp;
use tokio::sync::mpsc::error::TrySendError;

use super::commands::{CommandOutcome, CommandReport, Commands};
use super::connection::Connection;
use super::metrics::count;
use super::session::{Command, CommandQos, Opened, Subscription};
use super::topic::CommandTopic;
use super::wire::{self, OutPublish};

/// The outward half of a connection.
#[derive(Default)]
pub(super) struct Outgoing {
    pub(super) subscription: Subscription,
    /// Sent in an earlier connection of the session and not acknowledged: sent again first.
    again: VecDeque<(u16, Command)>,
    /// Packet ids that wait for their PUBACK.
    in_flight: Vec<u16>,
    /// How many may wait at once.
    window: usize,
    /// The largest packet that the client takes.
    max_packet_bytes: Option<u32>,
    last_packet_id: u16,
    /// There may be something to send.
    pub(super) due: bool,
    reports: VecDeque<CommandReport>,
    reporting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Outgoing {
    /// The outward half of a connection that goes on with this session.
    pub(super) fn new(opened: Opened, window: u16, max_packet_bytes: Option<u32>) -> Outgoing {
        Outgoing {
            subscription: opened.subscription,
            again: opened.unacknowledged.into(),
            window: usize::from(window),
            max_packet_bytes,
            due: true,
            ..Outgoing::default()
        }
    }

    /// Whether the client takes a packet of that size.
    pub(super) fn takes(&self, bytes: usize) -> bool {
        self.max_packet_bytes.is_none_or(|most| bytes <= most as usize)
    }

    pub(super) fn has_reports(&self) -> bool {
        !self.reports.is_empty() || self.reporting.is_some()
    }

    /// Hands reports on; when their queue is full, waits.
    pub(super) fn poll_reports(&mut self, cx: &mut Context<'_>, commands: &Commands) -> bool {
        let mut any = false;
        loop {
            if let Some(reporting) = &mut self.reporting {
                if reporting.as_mut().poll(cx).is_pending() {
                    return any;
                }
                self.reporting = None;
                any = true;
            }
            let Some(report) = self.reports.pop_front() else { return any };
            any = true;
            let queue = commands.reports();
            // A closed queue means that the process is ending: nobody asks any more.
            if let Err(TrySendError::Full(report)) = queue.try_send(report) {
                self.reporting = Some(Box::pin(async move { queue.send(report).await.unwrap_or(()) }));
            }
        }
    }

    /// Hands on the reports that are left when the connection ends.
    pub(super) async fn drain_reports(&mut self, commands: &Commands) {
        if let Some(reporting) = self.reporting.take() {
            reporting.await;
        }
        for report in std::mem::take(&mut self.reports) {
            commands.report(&report.device, vec![report.command], report.outcome).await;
        }
    }

    /// A packet id that is not in use. The window is far smaller than the range, so there is always one.
    fn free_packet_id(&self) -> u16 {
        let mut id = self.last_packet_id;
        loop {
            id = id.checked_add(1).unwrap_or(1);
            if !self.in_flight.contains(&id) && !self.again.iter().any(|(used, _)| *used == id) {
                return id;
            }
        }
    }
}

impl Connection {
    /// Writes commands while there are any, and room for them.
    pub(super) fn deliver_commands(&mut self) {
        if !self.greeted {
            return;
        }
        let poked = self.link.take_poke();
        if !poked && !self.outgoing.due {
            return;
        }
        self.outgoing.due = false;
        while let Some(command) = self.next_left() {
            self.write_at_most_once(command);
        }
        while self.outgoing.in_flight.len() < self.outgoing.window {
            if self.output.len() >= self.shared.options.max_unwritten_bytes {
                self.outgoing.due = true;
                return;
            }
            let more = if self.outgoing.again.is_empty() { self.deliver_next() } else { self.deliver_again() };
            if !more {
                return;
            }
        }
    }

    fn next_left(&mut self) -> Option<Command> {
        if self.output.len() >= self.shared.options.max_unwritten_bytes {
            self.outgoing.due = true;
            return None;
        }
        self.link.next_left()
    }

    fn write_at_most_once(&mut self, command: Command) {
        let now = self.shared.clock.now();
        if command.expires.is_some_and(|expires| expires <= now) {
            self.report(Arc::clone(&command.id), CommandOutcome::Expired);
        } else if let Some((topic, _)) = self.outgoing.subscription.delivery() {
            let id = Arc::clone(&command.id);
            let written = self.write_command(command, topic, None, false, now);
            self.report(id, if written { CommandOutcome::Sent } else { CommandOutcome::TooLarge });
        }
    }

    fn deliver_again(&mut self) -> bool {
        let Some((packet_id, command)) = self.outgoing.again.pop_front() else { return false };
        let now = self.shared.clock.now();
        // The names of the topic are equal but for the id, so an unsubscribed one is as good as any.
        let topic = self.outgoing.subscription.delivery().map_or(CommandTopic::ById, |(topic, _)| topic);
        self.write_at_least_once(packet_id, command, topic, true, now);
        true
    }

    fn deliver_next(&mut self) -> bool {
        let Some((topic, granted)) = self.outgoing.subscription.delivery() else { return false };
        let packet_id = self.outgoing.free_packet_id();
        let now = self.shared.clock.now();
        let next = self.shared.commands.store().next(&self.device, packet_id, now);
        for id in next.expired {
            self.report(id, CommandOutcome::Expired);
        }
        let Some(command) = next.command else { return false };
        self.outgoing.last_packet_id = packet_id;
        self.session_due = true;
        if granted == CommandQos::AtLeastOnce {
            self.write_at_least_once(packet_id, command, topic, false, now);
        } else {
            self.shared.commands.store().acknowledge(&self.device, packet_id);
            self.write_at_most_once(command);
        }
        true
    }

    fn write_at_least_once(
        &mut self,
        packet_id: u16,
        command: Command,
        topic: CommandTopic,
        again: bool,
        now: Timestamp,
    ) {
        let id = Arc::clone(&command.id);
        let expired = command.expires.is_some_and(|expires| expires <= now);
        if !expired && self.write_command(command, topic, Some(packet_id), again, now) {
            self.outgoing.in_flight.push(packet_id);
            return;
        }
        self.shared.commands.store().acknowledge(&self.device, packet_id);
        self.report(id, if expired { CommandOutcome::Expired } else { CommandOutcome::TooLarge });
    }

    fn write_command(
        &mut self,
        command: Command,
        topic: CommandTopic,
        packet_id: Option<u16>,
        dup: bool,
        now: Timestamp,
    ) -> bool {
        let seconds_left = |expires: Timestamp| u32::try_from((expires.since_ms(now) + 999) / 1000).unwrap_or(u32::MAX);
        let message = OutPublish {
            topic: topic.name(self.device.as_str()),
            packet_id,
            dup,
            expires_in_s: command.expires.map(seconds_left),
            payload: command.payload,
        };
        let written = wire::publish(&mut self.output, self.version, message, self.outgoing.max_packet_bytes);
        if written {
            count(&self.shared.metrics.commands_sent);
        }
        written
    }

    /// The device has answered a command of QoS 1. An answer to nothing is passed over.
    pub(super) fn on_command_ack(&mut self, packet_id: u16, reason: u8) {
        let Some(place) = self.outgoing.in_flight.iter().position(|id| *id == packet_id) else { return };
        self.outgoing.in_flight.swap_remove(place);
        self.outgoing.due = true;
        if let Some(id) = self.shared.commands.store().acknowledge(&self.device, packet_id) {
            self.session_due = true;
            count(&self.shared.metrics.commands_acknowledged);
            self.report(id, if reason < 0x80 { CommandOutcome::Acknowledged } else { CommandOutcome::Refused });
        }
    }

    fn report(&mut self, command: Arc<str>, outcome: CommandOutcome) {
        self.outgoing.reports.push_back(CommandReport { device: self.device.clone(), command, outcome });
    }
}
