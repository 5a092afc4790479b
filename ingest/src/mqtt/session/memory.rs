//! Sessions in memory: the default until sessions are kept in the ledger.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gengfu_model::{DeviceId, Timestamp};

use super::{Command, NextCommand, Opened, QueueError, SessionStore, Subscription};

/// Sessions in memory. They do not outlast the process.
#[derive(Debug)]
pub struct MemorySessions {
    max_queued: usize,
    sessions: Mutex<HashMap<DeviceId, Session>>,
}

#[derive(Debug, Default)]
struct Session {
    client_id: Box<str>,
    subscription: Subscription,
    unreleased: Vec<u16>,
    /// Commands in order; those sent have a packet id.
    commands: VecDeque<(Option<u16>, Command)>,
    /// `None` while connected.
    expires: Option<Timestamp>,
}

impl Session {
    fn has_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    fn into_dropped(self) -> Vec<Arc<str>> {
        self.commands.into_iter().map(|(_, command)| command.id).collect()
    }
}

/// Commands that may wait for one device.
pub const DEFAULT_MAX_QUEUED: usize = 100;

impl Default for MemorySessions {
    fn default() -> Self {
        MemorySessions::new(DEFAULT_MAX_QUEUED)
    }
}

impl MemorySessions {
    /// No sessions yet; up to `max_queued` commands wait for each device.
    #[must_use]
    pub fn new(max_queued: usize) -> MemorySessions {
        MemorySessions { max_queued, sessions: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DeviceId, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionStore for MemorySessions {
    fn open(&self, device: &DeviceId, client_id: &str, clean: bool, now: Timestamp) -> Opened {
        let mut sessions = self.lock();
        let mut dropped = Vec::new();
        if let Some(old) = sessions.get_mut(device) {
            if !clean && *old.client_id == *client_id && !old.has_expired(now) {
                old.expires = None;
                let sent = old.commands.iter().filter_map(|(id, command)| Some(((*id)?, command.clone())));
                return Opened {
                    present: true,
                    subscription: old.subscription,
                    unreleased: old.unreleased.clone(),
                    unacknowledged: sent.collect(),
                    dropped,
                };
            }
            dropped = std::mem::take(old).into_dropped();
        }
        sessions.insert(device.clone(), Session { client_id: client_id.into(), ..Session::default() });
        Opened { dropped, ..Opened::default() }
    }

    fn close(&self, device: &DeviceId, client_id: &str, expiry_s: u64, now: Timestamp) -> Vec<Arc<str>> {
        let mut sessions = self.lock();
        let Some(session) = sessions.get_mut(device) else { return Vec::new() };
        if *session.client_id != *client_id {
            return Vec::new();
        }
        if expiry_s > 0 {
            let ms = i64::try_from(expiry_s).unwrap_or(i64::MAX).saturating_mul(1000);
            session.expires = Some(now.plus_ms(ms));
            return Vec::new();
        }
        sessions.remove(device).map(Session::into_dropped).unwrap_or_default()
    }

    fn subscribe(&self, device: &DeviceId, subscription: Subscription) {
        if let Some(session) = self.lock().get_mut(device) {
            session.subscription = subscription;
        }
    }

    fn hold(&self, device: &DeviceId, packet_id: u16) {
        if let Some(session) = self.lock().get_mut(device)
            && !session.unreleased.contains(&packet_id)
        {
            session.unreleased.push(packet_id);
        }
    }

    fn release(&self, device: &DeviceId, packet_id: u16) {
        if let Some(session) = self.lock().get_mut(device) {
            session.unreleased.retain(|id| *id != packet_id);
        }
    }

    fn queue(&self, command: Command, now: Timestamp) -> Result<(), QueueError> {
        let mut sessions = self.lock();
        let session = sessions.get_mut(&command.device).filter(|session| !session.has_expired(now));
        let session = session.ok_or(QueueError::NoSession)?;
        if session.subscription.delivery().is_none() {
            return Err(QueueError::NotSubscribed);
        }
        if session.commands.len() >= self.max_queued {
            return Err(QueueError::Full);
        }
        session.commands.push_back((None, command));
        Ok(())
    }

    fn next(&self, device: &DeviceId, packet_id: u16, now: Timestamp) -> NextCommand {
        let mut next = NextCommand::default();
        let mut sessions = self.lock();
        let Some(session) = sessions.get_mut(device) else { return next };
        session.commands.retain(|(sent_as, command)| {
            let expired = sent_as.is_none() && command.expires.is_some_and(|expires| expires <= now);
            if expired {
                next.expired.push(Arc::clone(&command.id));
            }
            !expired
        });
        if let Some((sent_as, command)) = session.commands.iter_mut().find(|(sent_as, _)| sent_as.is_none()) {
            *sent_as = Some(packet_id);
            next.command = Some(command.clone());
        }
        next
    }

    fn acknowledge(&self, device: &DeviceId, packet_id: u16) -> Option<Arc<str>> {
        let mut sessions = self.lock();
        let session = sessions.get_mut(device)?;
        let place = session.commands.iter().position(|(sent_as, _)| *sent_as == Some(packet_id))?;
        session.commands.remove(place).map(|(_, command)| command.id)
    }

    fn expire(&self, now: Timestamp) -> Vec<(DeviceId, Arc<str>)> {
        let mut gone = Vec::new();
        self.lock().retain(|device, session| {
            let keep = !session.has_expired(now);
            if !keep {
                gone.extend(session.commands.drain(..).map(|(_, command)| (device.clone(), command.id)));
            }
            keep
        });
        // The map has no order of its own.
        gone.sort_by(|a, b| a.0.cmp(&b.0));
        gone
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::CommandQos;
    use super::*;

    const T0: Timestamp = Timestamp(1_000_000);

    fn device() -> DeviceId {
        DeviceId::new("a").unwrap()
    }

    fn command(id: &str, expires: Option<Timestamp>) -> Command {
        let payload = Bytes::from_static(b"{}");
        Command { device: device(), id: id.into(), payload, qos: CommandQos::AtLeastOnce, expires }
    }

    fn subscribed() -> MemorySessions {
        let store = MemorySessions::new(2);
        store.open(&device(), "c", false, T0);
        store.subscribe(&device(), Subscription { by_id: Some(CommandQos::AtLeastOnce), me: None });
        store
    }

    #[test]
    fn a_session_goes_on_for_the_same_client_id_only() {
        let store = subscribed();
        store.hold(&device(), 7);
        store.queue(command("x", None), T0).unwrap();
        assert!(store.close(&device(), "c", 60, T0).is_empty());
        let opened = store.open(&device(), "c", false, T0.plus_ms(59_999));
        assert!(opened.present && opened.subscription.by_id.is_some());
        assert_eq!(opened.unreleased, [7]);
        let other = store.open(&device(), "other", false, T0);
        assert!(!other.present);
        assert_eq!(other.dropped, [Arc::from("x")]);
    }

    #[test]
    fn a_session_expires() {
        let store = subscribed();
        store.queue(command("x", None), T0).unwrap();
        store.close(&device(), "c", 60, T0);
        assert!(store.expire(T0.plus_ms(59_999)).is_empty());
        assert_eq!(store.queue(command("y", None), T0.plus_ms(60_000)), Err(QueueError::NoSession));
        assert_eq!(store.expire(T0.plus_ms(60_000)), [(device(), Arc::from("x"))]);
        assert!(!store.open(&device(), "c", false, T0).present);
    }

    #[test]
    fn commands_keep_their_order_until_they_are_acknowledged() {
        let store = subscribed();
        store.queue(command("x", None), T0).unwrap();
        store.queue(command("y", Some(T0.plus_ms(10))), T0).unwrap();
        assert_eq!(store.queue(command("z", None), T0), Err(QueueError::Full));
        assert_eq!(&*store.next(&device(), 1, T0).command.unwrap().id, "x");
        let next = store.next(&device(), 2, T0.plus_ms(10));
        assert!(next.command.is_none());
        assert_eq!(next.expired, [Arc::from("y")]);
        let again = store.open(&device(), "c", false, T0);
        assert_eq!(again.unacknowledged.len(), 1);
        assert_eq!(store.acknowledge(&device(), 1).as_deref(), Some("x"));
        assert_eq!(store.acknowledge(&device(), 1), None);
    }

    #[test]
    fn without_a_subscription_nothing_is_queued() {
        let store = MemorySessions::default();
        assert_eq!(store.queue(command("x", None), T0), Err(QueueError::NoSession));
        store.open(&device(), "c", true, T0);
        assert_eq!(store.queue(command("x", None), T0), Err(QueueError::NotSubscribed));
    }
}
