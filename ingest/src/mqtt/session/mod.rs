//! Sessions: what is kept of a device between its connections.
//!
//! A session belongs to one device and one client id. A device has at most one: a connect with another
//! client id ends the older session, as a clean start would. So client ids of different devices never
//! meet, and nobody can take another device's session by its client id.
//!
//! Kept are: the subscription to the command topic, the packet ids of QoS 2 that wait for their PUBREL,
//! and the commands that the device has not acknowledged, in order.
//!
//! A session that outlasts its connection outlasts the process as well. Its connection journals it whole,
//! as a [`SessionChange`], whenever something changed that must not be forgotten, behind the message that
//! changed it; the ledger keeps the newest, and the next start begins with those. The device is told only
//! afterwards: PUBREC, PUBCOMP, SUBACK and UNSUBACK, and the CONNACK that begins a new session in the place of
//! a kept one, wait for the sync. That a command was sent or acknowledged is journaled too, but nothing waits
//! for it: after a power cut the device may get the last command again, and knows it by its id.

mod memory;

use std::sync::Arc;

use bytes::Bytes;
use gengfu_model::{DeviceId, SessionChange, Timestamp};

pub use memory::{DEFAULT_MAX_QUEUED, MemorySessions};

use super::topic::CommandTopic;

/// How a command is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CommandQos {
    /// At most once: only to a device that is connected now, never queued.
    AtMostOnce,
    /// At least once: queued in the session until the device acknowledges it.
    AtLeastOnce,
}

/// A command on its way to a device.
#[derive(Clone, Debug)]
pub struct Command {
    /// Who it is for.
    pub device: DeviceId,
    /// Its id, which comes back in its [`super::CommandReport`].
    pub id: Arc<str>,
    /// The bytes as the device gets them.
    pub payload: Bytes,
    /// How it is delivered; the subscription may grant less.
    pub qos: CommandQos,
    /// It is not delivered after this.
    pub expires: Option<Timestamp>,
}

/// What a device has subscribed to: its command topic under one of its names, or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// The QoS granted for `v1/devices/{id}/commands`.
    pub by_id: Option<CommandQos>,
    /// The QoS granted for `v1/devices/me/commands`.
    pub me: Option<CommandQos>,
}

impl Subscription {
    /// The place of one of the names.
    pub(crate) fn place(&mut self, topic: CommandTopic) -> &mut Option<CommandQos> {
        match topic {
            CommandTopic::ById => &mut self.by_id,
            CommandTopic::Me => &mut self.me,
        }
    }

    /// The name and QoS to deliver under. A device that subscribed under both names gets one copy, at the higher of
    /// the two.
    pub(crate) fn delivery(&self) -> Option<(CommandTopic, CommandQos)> {
        let by_id = self.by_id.map(|qos| (CommandTopic::ById, qos));
        let me = self.me.map(|qos| (CommandTopic::Me, qos));
        match (by_id, me) {
            (Some((_, CommandQos::AtMostOnce)), Some((_, CommandQos::AtLeastOnce))) => me,
            _ => by_id.or(me),
        }
    }
}

/// A session as it is found or made at a connect.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// There was a session, and it goes on.
    pub present: bool,
    /// The subscription.
    pub subscription: Subscription,
    /// Packet ids of QoS 2 that wait for their PUBREL.
    pub unreleased: Vec<u16>,
    /// Commands that were sent and not acknowledged, in order, with their packet ids.
    pub unacknowledged: Vec<(u16, Command)>,
    /// Commands that went with an older session.
    pub dropped: Vec<Arc<str>>,
    /// The journal knows an older session, which is over now: it must not come back after a crash.
    pub replaces_kept: bool,
}

/// What the end of a connection or of a session leaves to do.
#[derive(Clone, Debug, Default)]
pub struct Left {
    /// Commands that went with the session.
    pub dropped: Vec<Arc<str>>,
    /// What is to be journaled.
    pub change: Option<SessionChange>,
}

/// The next command for a device.
#[derive(Clone, Debug, Default)]
pub struct NextCommand {
    /// The command, now marked as sent under the packet id given.
    pub command: Option<Command>,
    /// Commands that had expired before it.
    pub expired: Vec<Arc<str>>,
}

/// Why a command cannot be queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// The device is not connected and has no session.
    #[error("the device is offline and keeps no session")]
    NoSession,
    /// The device has not subscribed to its command topic.
    #[error("the device does not listen to its command topic")]
    NotSubscribed,
    /// Its queue is full.
    #[error("too many commands wait for the device")]
    Full,
}

/// Where sessions are kept.
///
/// Called from the connections' tasks, so it must not wait for a disk. What it is told of packet ids is
/// durable already; what has to become so it gives as a [`SessionChange`].
pub trait SessionStore: Send + Sync {
    /// Resumes the session of this device and client id, or makes a new one (always with `clean`). It will be
    /// kept for `expiry_s` seconds after the connection's end.
    fn open(&self, device: &DeviceId, client_id: &str, clean: bool, expiry_s: u32, now: Timestamp) -> Opened;
    /// The connection ended: the session is kept for `expiry_s` seconds, or gone at once with 0.
    fn close(&self, device: &DeviceId, client_id: &str, expiry_s: u32, now: Timestamp) -> Left;
    /// The session as it is to be journaled, with these packet ids of QoS 2; `None` when it ends with its
    /// connection and the journal knows nothing else.
    fn change(&self, device: &DeviceId, unreleased: Vec<u16>) -> Option<SessionChange>;
    /// Notes what the device has subscribed to.
    fn subscribe(&self, device: &DeviceId, subscription: Subscription);
    /// Notes that a QoS 2 message is in the journal and waits for its PUBREL.
    fn hold(&self, device: &DeviceId, packet_id: u16);
    /// Notes that its PUBREL is in the journal.
    fn release(&self, device: &DeviceId, packet_id: u16);
    /// Puts a command at the end of the device's queue.
    ///
    /// # Errors
    /// [`QueueError`] says why it cannot be.
    fn queue(&self, command: Command, now: Timestamp) -> Result<(), QueueError>;
    /// Takes the first command that was not sent yet, and notes that it is sent under `packet_id`.
    fn next(&self, device: &DeviceId, packet_id: u16, now: Timestamp) -> NextCommand;
    /// The device has acknowledged what was sent under this packet id.
    fn acknowledge(&self, device: &DeviceId, packet_id: u16) -> Option<Arc<str>>;
    /// Removes sessions that have expired.
    fn expire(&self, now: Timestamp) -> Vec<(DeviceId, Left)>;
}
