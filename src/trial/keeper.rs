//! The thread behind rule versions: puts into the shadow what the ledger says, and rolls a pack back whose limits
//! are exceeded.
//!
//! It looks at the ledger, never at the engine's thread, and what it asks for is a journaled request like
//! anybody's, in the name of `system`.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gengfu_connectors::LedgerError;
use gengfu_connectors::ledger::{ActivatedPack, IncidentFilter, LedgerReader, Page};
use gengfu_model::pack::PackNote;
use gengfu_model::staff::{Action, Role, StaffRequest};
use gengfu_model::time::HOUR_MS;
use gengfu_model::{Control, Effect, EffectId, Seq, Timestamp};

use super::jobs::locked;
use super::shadow::Shadows;

/// How often it looks, unless it is woken.
const EVERY: Duration = Duration::from_secs(1);
/// The name in the audit.
pub const SYSTEM: &str = "system";

/// How the keeper is woken, and told to end.
#[derive(Debug, Default)]
pub struct Wake(Mutex<Option<SyncSender<()>>>);

impl Wake {
    /// The keeper's end.
    pub fn open(&self) -> Receiver<()> {
        let (wake, woken) = sync_channel(1);
        *locked(&self.0) = Some(wake);
        woken
    }

    /// Wakes the keeper if something was committed that is about versions.
    pub fn committed(&self, effects: &[(EffectId, Effect)]) {
        let is_news = effects.iter().any(|(_, effect)| matches!(effect, Effect::Pack { .. } | Effect::Shadow(_)));
        if is_news && let Some(wake) = locked(&self.0).as_ref() {
            // Full: it will look anyhow.
            wake.try_send(()).ok();
        }
    }

    /// Ends the keeper.
    pub fn close(&self) {
        locked(&self.0).take();
    }
}

/// What the keeper works with.
pub struct Keeper {
    /// The ledger.
    pub reader: LedgerReader,
    /// The shadow's place.
    pub shadows: Arc<Shadows>,
    /// The journal's time, and how many evaluations of the live pack have failed.
    pub now: Box<dyn Fn() -> (Timestamp, u64) + Send>,
    /// Journals a request.
    pub ask: Box<dyn Fn(Control) -> Result<Seq, String> + Send>,
}

impl Keeper {
    /// Runs until `wake` is closed; a message on it means that the ledger has something new about versions.
    pub fn run(self, wake: &Receiver<()>) {
        let mut is_start = true;
        let mut packs = Vec::new();
        let mut has_news = true;
        // The pack that was asked back already: the request may take a moment to be judged.
        let mut rolled_back = None;
        loop {
            let looked = if has_news { self.news(is_start, &mut packs) } else { Ok(()) };
            match looked.and_then(|()| self.guard(&packs, &mut rolled_back)) {
                Ok(()) => (has_news, is_start) = (false, false),
                Err(error) => tracing::warn!(%error, "rule versions: cannot read the ledger"),
            }
            match wake.recv_timeout(EVERY) {
                Ok(()) => has_news = true,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.shadows.end();
    }

    fn news(&self, is_start: bool, packs: &mut Vec<ActivatedPack>) -> Result<(), LedgerError> {
        self.shadows.follow_ledger(self.reader.shadow()?, is_start);
        *packs = self.reader.packs()?;
        Ok(())
    }

    fn guard(&self, packs: &[ActivatedPack], rolled_back: &mut Option<Seq>) -> Result<(), LedgerError> {
        let Some(live) = packs.last() else { return Ok(()) };
        if live.note.limits.is_none() || *rolled_back == Some(live.id.seq) {
            return Ok(());
        }
        let (now, faults) = (self.now)();
        let Some(why) = breach(live, now, faults, &self.reader)? else { return Ok(()) };
        let Some(previous) = packs.iter().rev().find(|pack| pack.version != live.version) else {
            tracing::warn!(why, "the pack's limits are exceeded, and there is no earlier one to go back to");
            *rolled_back = Some(live.id.seq);
            return Ok(());
        };
        tracing::warn!(why, from = &*live.version, to = &*previous.version, "rolling the rule pack back");
        let reason = format!("自动回退 automatic roll-back from {} to {}: {why}", live.version, previous.version);
        let note = PackNote { reason, ..PackNote::default() };
        let action = Action::PublishPack { files: previous.files.as_ref().clone(), note };
        let request = StaffRequest { user: SYSTEM.into(), roles: vec![Role::Engineer], action };
        match (self.ask)(Control::Request(request)) {
            Ok(_) => *rolled_back = Some(live.id.seq),
            // A full disk keeps room for this; whatever else it is, it is tried again.
            Err(error) => tracing::warn!(error, "the roll-back could not be journaled; it is tried again"),
        }
        Ok(())
    }
}

/// Which limit of its publication a pack exceeds, in words.
///
/// # Errors
/// When the ledger cannot be read.
pub fn breach(
    pack: &ActivatedPack,
    now: Timestamp,
    faults: u64,
    reader: &LedgerReader,
) -> Result<Option<String>, LedgerError> {
    let Some(limits) = &pack.note.limits else { return Ok(None) };
    if now.since_ms(pack.time) > i64::from(limits.hours) * HOUR_MS {
        return Ok(None);
    }
    if let Some(most) = limits.faults.filter(|most| faults > *most) {
        return Ok(Some(format!("{faults} evaluations failed, the limit is {most}")));
    }
    let Some(most) = limits.incidents_per_hour else { return Ok(None) };
    let since = now.plus_ms(-HOUR_MS).max(pack.time);
    let filter = IncidentFilter { from: Some(since), ..IncidentFilter::default() };
    let mut page = Page { limit: 1_000, cursor: None };
    let mut count = 0;
    loop {
        let listed = reader.incidents(&filter, &page)?;
        // What the pack before had opened within the same moment is not held against this one.
        count += listed.items.iter().filter(|incident| incident.id > pack.id).count() as u64;
        if count > u64::from(most) {
            return Ok(Some(format!("more than {most} incidents opened within an hour")));
        }
        match listed.next {
            Some(next) => page.cursor = Some(next),
            None => return Ok(None),
        }
    }
}
