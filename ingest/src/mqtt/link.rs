//! The mailbox of one connection: what others tell it without ever waiting.
//!
//! The journal settles tickets here, the command sender leaves commands, a newer connection of the same
//! device says that it takes over. All of it is a few atomics, one small queue and one waker, since there
//! is a mailbox per connected device.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

use tokio_util::sync::CancellationToken;

use super::session::Command;
use crate::intake::{AckSink, Settled};

/// Commands of QoS 0 that may wait in one mailbox.
const MAX_INBOX: usize = 16;

/// Why a connection is to end, as others have told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum CloseCause {
    /// A newer connection goes on with the session.
    Resumed = 1,
    /// A newer connection of the device begins another session.
    Replaced = 2,
    /// The device was retired, or staff cut it off.
    Administrative = 3,
}

/// The mailbox of one connection.
#[derive(Debug, Default)]
pub(crate) struct Link {
    client_id: Box<str>,
    /// Tickets below this one are in the journal.
    settled: AtomicU64,
    journal_stopped: AtomicBool,
    close: AtomicU8,
    offline: AtomicBool,
    /// The device has subscribed to its command topic.
    listening: AtomicBool,
    /// The newer connection did not wait any longer: the session is no more this connection's to close.
    abandoned: AtomicBool,
    has_commands: AtomicBool,
    inbox: Mutex<VecDeque<Command>>,
    waker: Mutex<Option<Waker>>,
    /// Cancelled when the connection has ended and its session is closed.
    pub(crate) done: CancellationToken,
}

impl Link {
    pub(crate) fn new(client_id: &str) -> Link {
        Link { client_id: client_id.into(), ..Link::default() }
    }

    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Where the connection's task is woken from now on.
    pub(crate) fn register(&self, waker: &Waker) {
        let mut place = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if !place.as_ref().is_some_and(|old| old.will_wake(waker)) {
            *place = Some(waker.clone());
        }
    }

    fn wake_task(&self) {
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn settled(&self) -> u64 {
        self.settled.load(Ordering::Acquire)
    }

    pub(crate) fn journal_stopped(&self) -> bool {
        self.journal_stopped.load(Ordering::Acquire)
    }

    /// Tells the connection to end. The first cause stays.
    pub(crate) fn close(&self, cause: CloseCause) {
        self.close.compare_exchange(0, cause as u8, Ordering::AcqRel, Ordering::Acquire).ok();
        self.wake_task();
    }

    pub(crate) fn close_cause(&self) -> Option<CloseCause> {
        match self.close.load(Ordering::Acquire) {
            1 => Some(CloseCause::Resumed),
            2 => Some(CloseCause::Replaced),
            3 => Some(CloseCause::Administrative),
            _ => None,
        }
    }

    /// The socket is gone, though the task may still have a will to send.
    pub(crate) fn set_offline(&self) {
        self.offline.store(true, Ordering::Release);
    }

    pub(crate) fn is_online(&self) -> bool {
        !self.offline.load(Ordering::Acquire)
    }

    pub(crate) fn set_listening(&self, listening: bool) {
        self.listening.store(listening, Ordering::Release);
    }

    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    /// Leaves a command of QoS 0; says no when there is no room.
    pub(crate) fn leave(&self, command: Command) -> bool {
        {
            let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
            let listens = self.listening.load(Ordering::Acquire) && self.is_online();
            if inbox.len() >= MAX_INBOX || !listens {
                return false;
            }
            inbox.push_back(command);
        }
        self.poke();
        true
    }

    /// There is a command in the session's queue or in the mailbox.
    pub(crate) fn poke(&self) {
        self.has_commands.store(true, Ordering::Release);
        self.wake_task();
    }

    /// Whether there was a poke since the last call.
    pub(crate) fn take_poke(&self) -> bool {
        self.has_commands.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn next_left(&self) -> Option<Command> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl AckSink for Link {
    fn settle(&self, ticket: u64, outcome: Settled) {
        match outcome {
            Settled::Durable(_) => drop(self.settled.fetch_max(ticket + 1, Ordering::AcqRel)),
            Settled::Stopped => self.journal_stopped.store(true, Ordering::Release),
        }
    }

    fn wake(&self) {
        self.wake_task();
    }
}
