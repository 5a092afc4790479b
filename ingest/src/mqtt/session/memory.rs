//! Sessions in memory, as they came out of the ledger and went on since.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gengfu_model::mqtt_session::MAX_ACKNOWLEDGED;
use gengfu_model::{DeviceId, MqttSession, SentCommand, SessionChange, Timestamp};

use super::{Command, CommandQos, Left, NextCommand, Opened, QueueError, SessionStore, Subscription};

/// Sessions in memory. What is to outlast the process, connections take to the journal.
#[derive(Debug)]
pub struct MemorySessions {
    max_queued: usize,
    sessions: Mutex<HashMap<DeviceId, Session>>,
}

#[derive(Debug, Default)]
struct Session {
    client_id: Arc<str>,
    expiry_s: u32,
    subscription: Subscription,
    unreleased: Vec<u16>,
    /// Commands in order; those sent have a packet id.
    commands: VecDeque<(Option<u16>, Command)>,
    /// The last ones that the device acknowledged.
    acknowledged: VecDeque<Arc<str>>,
    /// `None` while connected.
    closed: Option<Timestamp>,
    /// The journal knows this session, or one that it replaced.
    journaled: bool,
}

impl Session {
    fn has_expired(&self, now: Timestamp) -> bool {
        self.closed.is_some_and(|closed| closed.plus_ms(i64::from(self.expiry_s) * 1_000) <= now)
    }

    fn into_dropped(self) -> Vec<Arc<str>> {
        self.commands.into_iter().map(|(_, command)| command.id).collect()
    }

    /// How it is journaled.
    fn row(&self, unreleased: Vec<u16>) -> MqttSession {
        let sent = self.commands.iter().filter_map(|(packet_id, command)| {
            Some(SentCommand { packet_id: (*packet_id)?, command: Arc::clone(&command.id) })
        });
        MqttSession {
            client_id: Arc::clone(&self.client_id),
            expiry_s: self.expiry_s,
            closed: self.closed,
            by_id: self.subscription.by_id.map(|qos| qos as u8),
            me: self.subscription.me.map(|qos| qos as u8),
            unreleased,
            sent: sent.collect(),
            acknowledged: self.acknowledged.iter().cloned().collect(),
        }
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

    /// Puts a session of the ledger in, before the listener runs. `sent` are its commands that are still open,
    /// with their packet ids; a connection that was open when the process ended counts as closed at
    /// `went_down`.
    pub fn restore(&self, device: DeviceId, row: MqttSession, sent: Vec<(u16, Command)>, went_down: Timestamp) {
        let qos = |qos: u8| if qos == 0 { CommandQos::AtMostOnce } else { CommandQos::AtLeastOnce };
        let session = Session {
            client_id: row.client_id,
            expiry_s: row.expiry_s,
            subscription: Subscription { by_id: row.by_id.map(qos), me: row.me.map(qos) },
            unreleased: row.unreleased,
            commands: sent.into_iter().map(|(packet_id, command)| (Some(packet_id), command)).collect(),
            acknowledged: row.acknowledged.into(),
            closed: Some(row.closed.unwrap_or(went_down)),
            journaled: true,
        };
        self.lock().insert(device, session);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DeviceId, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That the session is over, for the journal.
fn over(device: &DeviceId) -> SessionChange {
    SessionChange { device: device.clone(), session: None }
}

impl SessionStore for MemorySessions {
    fn open(&self, device: &DeviceId, client_id: &str, clean: bool, expiry_s: u32, now: Timestamp) -> Opened {
        let mut sessions = self.lock();
        let (mut dropped, mut replaces_kept) = (Vec::new(), false);
        if let Some(old) = sessions.get_mut(device) {
            if !clean && *old.client_id == *client_id && !old.has_expired(now) {
                (old.closed, old.expiry_s) = (None, expiry_s);
                let sent = old.commands.iter().filter_map(|(id, command)| Some(((*id)?, command.clone())));
                return Opened {
                    present: true,
                    subscription: old.subscription,
                    unreleased: old.unreleased.clone(),
                    unacknowledged: sent.collect(),
                    ..Opened::default()
                };
            }
            replaces_kept = old.journaled;
            dropped = std::mem::take(old).into_dropped();
        }
        let session = Session { client_id: client_id.into(), expiry_s, journaled: replaces_kept, ..Session::default() };
        sessions.insert(device.clone(), session);
        Opened { dropped, replaces_kept, ..Opened::default() }
    }

    fn close(&self, device: &DeviceId, client_id: &str, expiry_s: u32, now: Timestamp) -> Left {
        let mut sessions = self.lock();
        let Some(session) = sessions.get_mut(device).filter(|session| *session.client_id == *client_id) else {
            return Left::default();
        };
        if expiry_s > 0 {
            (session.closed, session.expiry_s, session.journaled) = (Some(now), expiry_s, true);
            let row = session.row(session.unreleased.clone());
            let change = SessionChange { device: device.clone(), session: Some(row) };
            return Left { dropped: Vec::new(), change: Some(change) };
        }
        let change = session.journaled.then(|| over(device));
        let dropped = sessions.remove(device).map(Session::into_dropped).unwrap_or_default();
        Left { dropped, change }
    }

    fn change(&self, device: &DeviceId, unreleased: Vec<u16>) -> Option<SessionChange> {
        let mut sessions = self.lock();
        let session = sessions.get_mut(device)?;
        if session.expiry_s > 0 {
            session.journaled = true;
            return Some(SessionChange { device: device.clone(), session: Some(session.row(unreleased)) });
        }
        std::mem::take(&mut session.journaled).then(|| over(device))
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
        let id = session.commands.remove(place).map(|(_, command)| command.id)?;
        if session.acknowledged.len() >= MAX_ACKNOWLEDGED {
            session.acknowledged.pop_front();
        }
        session.acknowledged.push_back(Arc::clone(&id));
        Some(id)
    }

    fn expire(&self, now: Timestamp) -> Vec<(DeviceId, Left)> {
        let mut gone = Vec::new();
        self.lock().retain(|device, session| {
            let keep = !session.has_expired(now);
            if !keep {
                let change = session.journaled.then(|| over(device));
                gone.push((device.clone(), Left { dropped: std::mem::take(session).into_dropped(), change }));
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
        store.open(&device(), "c", false, 60, T0);
        store.subscribe(&device(), Subscription { by_id: Some(CommandQos::AtLeastOnce), me: None });
        store
    }

    #[test]
    fn a_session_goes_on_for_the_same_client_id_only() {
        let store = subscribed();
        store.hold(&device(), 7);
        store.queue(command("x", None), T0).unwrap();
        assert!(store.close(&device(), "c", 60, T0).dropped.is_empty());
        let opened = store.open(&device(), "c", false, 60, T0.plus_ms(59_999));
        assert!(opened.present && opened.subscription.by_id.is_some());
        assert_eq!(opened.unreleased, [7]);
        let other = store.open(&device(), "other", false, 60, T0);
        assert!(!other.present && other.replaces_kept);
        assert_eq!(other.dropped, [Arc::from("x")]);
    }

    #[test]
    fn a_session_expires() {
        let store = subscribed();
        store.queue(command("x", None), T0).unwrap();
        store.close(&device(), "c", 60, T0);
        assert!(store.expire(T0.plus_ms(59_999)).is_empty());
        assert_eq!(store.queue(command("y", None), T0.plus_ms(60_000)), Err(QueueError::NoSession));
        let expired = store.expire(T0.plus_ms(60_000));
        assert_eq!(expired[0].1.dropped, [Arc::from("x")]);
        assert_eq!(expired[0].1.change, Some(over(&device())));
        assert!(!store.open(&device(), "c", false, 60, T0).present);
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
        let again = store.open(&device(), "c", false, 60, T0);
        assert_eq!(again.unacknowledged.len(), 1);
        assert_eq!(store.acknowledge(&device(), 1).as_deref(), Some("x"));
        assert_eq!(store.acknowledge(&device(), 1), None);
    }

    #[test]
    fn without_a_subscription_nothing_is_queued() {
        let store = MemorySessions::default();
        assert_eq!(store.queue(command("x", None), T0), Err(QueueError::NoSession));
        store.open(&device(), "c", true, 0, T0);
        assert_eq!(store.queue(command("x", None), T0), Err(QueueError::NotSubscribed));
    }

    #[test]
    fn what_is_journaled_brings_the_session_back() {
        let store = subscribed();
        store.hold(&device(), 7);
        for id in ["x", "y"] {
            store.queue(command(id, None), T0).unwrap();
        }
        store.next(&device(), 1, T0);
        store.next(&device(), 2, T0);
        store.acknowledge(&device(), 1);
        let row = store.change(&device(), vec![7]).unwrap().session.unwrap();
        assert_eq!((row.closed, &row.acknowledged[..]), (None, &[Arc::from("x")][..]));

        let after = MemorySessions::new(2);
        after.restore(device(), row, vec![(2, command("y", None))], T0);
        let opened = after.open(&device(), "c", false, 60, T0.plus_ms(59_999));
        assert!(opened.present && opened.subscription.by_id == Some(CommandQos::AtLeastOnce));
        assert_eq!(opened.unreleased, [7]);
        assert_eq!(opened.unacknowledged[0].0, 2);
        let late = MemorySessions::new(2);
        late.restore(device(), store.change(&device(), vec![]).unwrap().session.unwrap(), Vec::new(), T0);
        assert_eq!(late.expire(T0.plus_ms(60_000)).len(), 1, "the time the process was away counts");
    }

    #[test]
    fn a_session_that_ends_with_its_connection_is_not_journaled() {
        let store = MemorySessions::default();
        assert!(!store.open(&device(), "c", true, 0, T0).replaces_kept);
        assert_eq!(store.change(&device(), vec![7]), None);
        assert_eq!(store.close(&device(), "c", 0, T0).change, None);
        // One that was kept must be known to be over: once.
        store.open(&device(), "c", false, 60, T0);
        store.close(&device(), "c", 60, T0);
        assert!(store.open(&device(), "c", true, 0, T0).replaces_kept);
        assert_eq!(store.change(&device(), vec![]), Some(over(&device())));
        assert_eq!(store.change(&device(), vec![]), None);
    }
}
