//! The way of a command from the ledger to its device.
//!
//! What the ledger has committed and no device has answered waits here and is handed to the MQTT listener,
//! again and again until the listener takes it: a device that keeps no session yet gets it as soon as it
//! listens. After a restart the device's session in the ledger says which of the open commands went out under
//! which packet id, and which were acknowledged; all others are handed over anew under the same ids, so a device
//! may see one twice and tells it by its id: at least once.
//!
//! What the listener reports of the delivery is kept here for whoever looks: it is a receipt, and changes no
//! outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use gengfu_dashboards::gateway::Delivery;
use gengfu_ingest::Clock;
use gengfu_ingest::mqtt::{Command, CommandOutcome, CommandQos, CommandReport, Commands};
use gengfu_model::{CommandRow, DeviceId, Effect, EffectId, MqttSession, Timestamp};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

/// How long a command waits that the listener did not take, until it is offered again.
const OFFER_AGAIN: Duration = Duration::from_millis(500);

/// The commands that are open. Their number is bounded by the engine.
#[derive(Debug, Default)]
pub(crate) struct Downlink {
    open: Mutex<BTreeMap<EffectId, Waiting>>,
    changed: Notify,
}

#[derive(Debug)]
struct Waiting {
    device: DeviceId,
    payload: Bytes,
    expires: Timestamp,
    /// The listener has it, and will report.
    handed: bool,
    delivery: Option<Delivery>,
}

impl Waiting {
    fn command(&self, id: EffectId) -> Command {
        Command {
            device: self.device.clone(),
            id: id.to_string().into(),
            payload: self.payload.clone(),
            qos: CommandQos::AtLeastOnce,
            expires: Some(self.expires),
        }
    }
}

impl Downlink {
    /// Begins with what was open at the start.
    pub(crate) fn new<'a>(open: impl Iterator<Item = &'a CommandRow>) -> Downlink {
        let downlink = Downlink::default();
        open.for_each(|row| downlink.put(row));
        downlink
    }

    /// What of a session's commands is still open, to go on with under the same packet ids. Those that the device
    /// acknowledged before the restart are not offered again.
    pub(crate) fn resume(&self, session: &MqttSession, now: Timestamp) -> Vec<(u16, Command)> {
        let mut open = self.lock();
        for id in session.acknowledged.iter().filter_map(|id| id.parse::<EffectId>().ok()) {
            if let Some(waiting) = open.get_mut(&id) {
                waiting.handed = true;
                waiting.delivery = Some(Delivery { outcome: word(CommandOutcome::Acknowledged), time: now });
            }
        }
        let mut resumed = Vec::new();
        for sent in &session.sent {
            let Ok(id) = sent.command.parse::<EffectId>() else { continue };
            if let Some(waiting) = open.get_mut(&id) {
                waiting.handed = true;
                resumed.push((sent.packet_id, waiting.command(id)));
            }
        }
        resumed
    }

    /// Takes up new commands and forgets closed ones. Called after each commit; never waits for a device.
    pub(crate) fn committed(&self, effects: &[(EffectId, Effect)]) {
        for (_, effect) in effects {
            if let Effect::Command(row) = effect {
                self.put(row);
            }
        }
    }

    /// What is known of an open command's delivery.
    pub(crate) fn delivery(&self, id: EffectId) -> Option<Delivery> {
        self.lock().get(&id).and_then(|waiting| waiting.delivery)
    }

    fn put(&self, row: &CommandRow) {
        let mut open = self.lock();
        if !row.state.is_open() {
            open.remove(&row.id);
            return;
        }
        open.entry(row.id).or_insert_with(|| Waiting {
            device: row.device.clone(),
            payload: row.payload().into(),
            expires: row.expires,
            handed: false,
            delivery: None,
        });
        self.changed.notify_one();
    }

    /// Offers what waits to the listener, in the order in which it was asked, until told to stop.
    pub(crate) async fn run(
        self: Arc<Self>,
        commands: Commands,
        mut reports: mpsc::Receiver<CommandReport>,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) {
        let mut again = tokio::time::interval(OFFER_AGAIN);
        again.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.changed.notified() => self.offer(&commands, clock.now()),
                _ = again.tick() => self.offer(&commands, clock.now()),
                report = reports.recv() => match report {
                    Some(report) => self.report(&report, clock.now()),
                    None => return,
                },
            }
        }
    }

    fn offer(&self, commands: &Commands, now: Timestamp) {
        let mut open = self.lock();
        // A device that does not take one now takes no later one either: their order stays.
        let mut deaf: BTreeSet<DeviceId> = BTreeSet::new();
        for (id, waiting) in open.iter_mut().filter(|(_, waiting)| !waiting.handed && waiting.expires > now) {
            if deaf.contains(&waiting.device) {
                continue;
            }
            match commands.send(waiting.command(*id), now) {
                Ok(_) => waiting.handed = true,
                Err(why) => {
                    tracing::trace!(device = %waiting.device, command = %id, %why, "the command waits");
                    deaf.insert(waiting.device.clone());
                }
            }
        }
    }

    fn report(&self, report: &CommandReport, now: Timestamp) {
        tracing::debug!(?report, "command");
        let Ok(id) = report.command.parse::<EffectId>() else { return };
        if let Some(waiting) = self.lock().get_mut(&id) {
            // With its session the listener has lost the command: it is offered again.
            waiting.handed = report.outcome != CommandOutcome::SessionEnded;
            waiting.delivery = Some(Delivery { outcome: word(report.outcome), time: now });
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<EffectId, Waiting>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn word(outcome: CommandOutcome) -> &'static str {
    match outcome {
        CommandOutcome::Sent => "sent",
        CommandOutcome::Acknowledged => "acknowledged",
        CommandOutcome::Refused => "refused",
        CommandOutcome::Expired => "expired",
        CommandOutcome::SessionEnded => "session_ended",
        CommandOutcome::TooLarge => "too_large",
    }
}
