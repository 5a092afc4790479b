//! The way to the devices: a plain map from device to connection, and the queue of each session.
//!
//! A command of QoS 1 stands in the session's queue until the device acknowledges it; what became of it
//! comes back as a [`CommandReport`]. Several listeners (plain and TLS) share one [`Commands`], so that a
//! device has one connection whichever port it uses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gengfu_model::{DeviceId, SessionChange, Timestamp};
use tokio::sync::mpsc;

use super::link::{CloseCause, Link};
use super::quota::Quotas;
use super::session::{Command, CommandQos, QueueError, SessionStore};

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandOutcome {
    /// Written to a device that takes commands with QoS 0 only.
    Sent,
    /// The device acknowledged it.
    Acknowledged,
    /// The device answered with a reason code of failure (MQTT 5).
    Refused,
    /// It expired before it could be sent.
    Expired,
    /// The device's session ended before it was acknowledged.
    SessionEnded,
    /// It is larger than the device takes (MQTT 5).
    TooLarge,
}

/// What became of a command of QoS 1, or of one of QoS 0 that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandReport {
    /// The device.
    pub device: DeviceId,
    /// The command's id.
    pub command: Arc<str>,
    /// What became of it.
    pub outcome: CommandOutcome,
}

/// Where a command went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// To a device that is connected.
    Online,
    /// To the queue of a session that waits for its device.
    Queued,
}

/// Why a command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It cannot be queued.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A command of QoS 0 for a device that is not connected, or has too many of them waiting.
    #[error("the device is offline or behind, and commands of QoS 0 do not wait")]
    NotNow,
    /// It has expired already.
    #[error("the command has expired")]
    Expired,
}

/// The senders' end. Cheap to clone.
#[derive(Clone)]
pub struct Commands {
    shared: Arc<Shared>,
}

struct Shared {
    links: Mutex<HashMap<DeviceId, Arc<Link>>>,
    store: Arc<dyn SessionStore>,
    reports: mpsc::Sender<CommandReport>,
    quotas: Quotas,
}

impl Commands {
    /// Commands over these sessions; reports wait in a queue of `report_capacity`. A full queue makes the
    /// connections wait, so keep reading it.
    #[must_use]
    pub fn new(store: Arc<dyn SessionStore>, report_capacity: usize) -> (Commands, mpsc::Receiver<CommandReport>) {
        let (reports, receiver) = mpsc::channel(report_capacity);
        let shared = Shared { links: Mutex::default(), store, reports, quotas: Quotas::default() };
        (Commands { shared: Arc::new(shared) }, receiver)
    }

    /// Sends a command, or queues it for a device that is offline and keeps a session.
    ///
    /// # Errors
    /// [`SendError`] says why it was not taken; then there will be no report.
    pub fn send(&self, command: Command, now: Timestamp) -> Result<Accepted, SendError> {
        if command.expires.is_some_and(|expires| expires <= now) {
            return Err(SendError::Expired);
        }
        let link = self.links().get(&command.device).cloned().filter(|link| link.is_online());
        if command.qos == CommandQos::AtMostOnce {
            let taken = link.is_some_and(|link| link.leave(command));
            return if taken { Ok(Accepted::Online) } else { Err(SendError::NotNow) };
        }
        self.shared.store.queue(command, now)?;
        match link {
            Some(link) => {
                link.poke();
                Ok(Accepted::Online)
            }
            None => Ok(Accepted::Queued),
        }
    }

    /// Cuts a device off, such as one that was retired. Its next login is judged anew.
    pub fn disconnect(&self, device: &DeviceId) {
        if let Some(link) = self.links().get(device) {
            link.close(CloseCause::Administrative);
        }
    }

    /// Whether the device is connected now.
    #[must_use]
    pub fn is_connected(&self, device: &DeviceId) -> bool {
        self.links().get(device).is_some_and(|link| link.is_online())
    }

    /// How many devices are connected now.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.links().values().filter(|link| link.is_online()).count()
    }

    pub(crate) fn store(&self) -> &dyn SessionStore {
        &*self.shared.store
    }

    pub(crate) fn quotas(&self) -> &Quotas {
        &self.shared.quotas
    }

    pub(crate) fn reports(&self) -> mpsc::Sender<CommandReport> {
        self.shared.reports.clone()
    }

    /// Tells that these commands ended in the same way. Waits while the queue of reports is full.
    pub(crate) async fn report(&self, device: &DeviceId, ids: Vec<Arc<str>>, outcome: CommandOutcome) {
        for command in ids {
            let report = CommandReport { device: device.clone(), command, outcome };
            // Nobody reads reports any more only when the process is ending.
            self.shared.reports.send(report).await.ok();
        }
    }

    /// Removes expired sessions and reports their commands. Gives what is to be journaled.
    pub(crate) async fn expire_sessions(&self, now: Timestamp) -> Vec<SessionChange> {
        let mut changes = Vec::new();
        for (device, left) in self.shared.store.expire(now) {
            self.report(&device, left.dropped, CommandOutcome::SessionEnded).await;
            changes.extend(left.change);
        }
        changes
    }

    /// Makes a new connection the device's one, and tells the older one to end.
    pub(crate) fn take_over(
        &self,
        device: &DeviceId,
        client_id: &str,
        clean: bool,
    ) -> (Registration, Option<Arc<Link>>) {
        let link = Arc::new(Link::new(client_id));
        let old = self.links().insert(device.clone(), Arc::clone(&link));
        if let Some(old) = &old {
            let resumed = !clean && old.client_id() == client_id;
            old.close(if resumed { CloseCause::Resumed } else { CloseCause::Replaced });
        }
        (Registration { commands: self.clone(), device: device.clone(), link }, old)
    }

    fn links(&self) -> MutexGuard<'_, HashMap<DeviceId, Arc<Link>>> {
        self.shared.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place in the map; gives it up when dropped, however the connection ends.
pub(crate) struct Registration {
    commands: Commands,
    device: DeviceId,
    pub(crate) link: Arc<Link>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.link.set_offline();
        let mut links = self.commands.links();
        if links.get(&self.device).is_some_and(|link| Arc::ptr_eq(link, &self.link)) {
            links.remove(&self.device);
        }
        drop(links);
        self.link.done.cancel();
    }
}
