//! From the quarantine to the requests that decode it again; shared by the API and the command line.
//!
//! A request carries the message whole, with kind and model that the register has now, so that it can be
//! judged and replayed by itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_connectors::LedgerError;
use gengfu_connectors::ledger::{DispositionFilter, LedgerReader, Page};
use gengfu_model::staff::{Action, Verdict};
use gengfu_model::{Device, DeviceId, Disposition, Quarantined, Seq, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// The most messages of one call.
pub const MAX_MESSAGES: usize = 500;

/// Which messages of the quarantine are wanted; of more than [`MAX_MESSAGES`], the newest.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// From this moment until before that one, by journal time.
    pub day: Option<(Timestamp, Timestamp)>,
    /// Of this device.
    pub device: Option<DeviceId>,
    /// These records; empty: all that were not decoded since.
    pub records: Vec<Seq>,
}

/// A message that waits in quarantine.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The record that first brought it.
    pub seq: Seq,
    /// Who sent it.
    pub device: DeviceId,
    /// The register's entry of it; `None`: it has none.
    pub registered: Option<Arc<Device>>,
    row: Disposition,
}

/// What came of one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TriedView {
    /// The record that first brought it.
    pub seq: u64,
    /// Who sent it.
    pub device: String,
    /// Something of it could be used.
    pub decoded: bool,
    /// How many values.
    pub values: u32,
    /// What is left in quarantine, and why; for people.
    pub left: Vec<String>,
}

/// Finds the messages, oldest first, each once, and whether there are more.
///
/// # Errors
/// [`LedgerError`] when the ledger cannot be read.
pub fn find(ledger: &LedgerReader, wanted: &Wanted) -> Result<(Vec<Waiting>, bool), LedgerError> {
    let mut rows: BTreeMap<Seq, Disposition> = BTreeMap::new();
    let mut more = false;
    let filter =
        DispositionFilter { day: wanted.day, device: wanted.device.clone(), kind: None, waits: true, record: None };
    if wanted.records.is_empty() {
        let mut page = Page { limit: MAX_MESSAGES, cursor: None };
        // A message has a row for each of its elements.
        while rows.len() < MAX_MESSAGES {
            let listed = ledger.dispositions(&filter, &page)?;
            rows.extend(listed.items.into_iter().map(|row| (row.seq, row)));
            more = listed.next.is_some();
            if !more {
                break;
            }
            page.cursor = listed.next;
        }
        while rows.len() > MAX_MESSAGES {
            rows.pop_first();
            more = true;
        }
    } else {
        for record in wanted.records.iter().take(MAX_MESSAGES) {
            let filter = DispositionFilter { record: Some(*record), ..filter.clone() };
            let listed = ledger.dispositions(&filter, &Page { limit: 1, cursor: None })?;
            rows.extend(listed.items.into_iter().map(|row| (row.seq, row)));
        }
        more = wanted.records.len() > MAX_MESSAGES;
    }
    let mut register: BTreeMap<DeviceId, Option<Arc<Device>>> = BTreeMap::new();
    let mut found = Vec::with_capacity(rows.len());
    for (seq, row) in rows {
        let registered = match register.get(&row.device) {
            Some(known) => known.clone(),
            None => {
                let entry = ledger.device(&row.device)?.map(Arc::new);
                register.insert(row.device.clone(), entry.clone());
                entry
            }
        };
        found.push(Waiting { seq, device: row.device.clone(), registered, row });
    }
    Ok((found, more))
}

impl Waiting {
    /// The request that decodes it again; `None` for a device that is not in the register.
    #[must_use]
    pub fn request(&self) -> Option<Action> {
        let device = self.registered.as_ref()?;
        let message = Quarantined {
            seq: self.seq,
            device: self.device.clone(),
            kind: device.kind,
            model: Arc::clone(&device.model),
            source: self.row.source?,
            payload: Arc::clone(self.row.payload.as_ref()?),
        };
        Some(Action::Redecode { message: Box::new(message) })
    }

    /// What the engine's verdict says of it; `None`: there was no request.
    #[must_use]
    pub fn tried(&self, verdict: Option<Verdict>) -> TriedView {
        let (values, left) = match verdict {
            Some(Ok(accepted)) => (accepted.rows, accepted.refused.into_iter().map(|why| why.message).collect()),
            Some(Err(refusal)) => (0, vec![refusal.message]),
            None => (0, vec!["the device is not in the register: register it first".to_owned()]),
        };
        let decoded = values > 0 || left.is_empty();
        TriedView { seq: self.seq.0, device: self.device.to_string(), decoded, values, left }
    }
}
