//! Every message is counted in the sheet of one day: that of its record in the city's time.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use gengfu_connectors::ledger::MemoryLedger;
use gengfu_model::{Body, Device, Record};
use gengfu_rules::engine::{Engine, Sheet};

/// Counts by device and day.
type Counts = BTreeMap<(String, NaiveDate), u64>;

/// Compares the sheets with the journal's messages.
///
/// # Errors
/// The first device and day that were counted otherwise.
pub(super) fn add_up(records: &[Record], ledger: &MemoryLedger, engine: &Engine) -> Result<(), String> {
    let mut journaled = Counts::new();
    for record in records {
        if let Body::Message(envelope) = &record.body {
            let utc = chrono::DateTime::from_timestamp_millis(record.time.as_millis()).unwrap();
            let day = utc.with_timezone(&chrono_tz::Asia::Shanghai).date_naive();
            *journaled.entry((envelope.device.to_string(), day)).or_default() += 1;
        }
    }
    let counted = counted(ledger, engine)?;
    let keys: std::collections::BTreeSet<_> = journaled.keys().chain(counted.keys()).collect();
    for key in keys {
        let (journaled, counted) = (journaled.get(key).copied(), counted.get(key).copied());
        if journaled.unwrap_or_default() != counted.unwrap_or_default() {
            return Err(format!("{} on {}: journaled {journaled:?}, in the sheets {counted:?}", key.0, key.1));
        }
    }
    Ok(())
}

/// Finished days from the ledger, the others from the engine; no sheet may be in both.
fn counted(ledger: &MemoryLedger, engine: &Engine) -> Result<Counts, String> {
    let mut counts = Counts::new();
    let mut days = Vec::new();
    for (device, day, sheet) in ledger.day_sheets() {
        let day: NaiveDate = day.parse().map_err(|_| format!("{device}: `{day}` is no day"))?;
        let sheet: Sheet = serde_json::from_str(&sheet).map_err(|error| error.to_string())?;
        counts.insert((device.to_string(), day), of_devices(&sheet));
        days.push(day);
    }
    let utc = chrono::DateTime::from_timestamp_millis(engine.now().as_millis()).unwrap();
    let today = utc.with_timezone(&chrono_tz::Asia::Shanghai).date_naive();
    days.extend([today, today.pred_opt().unwrap()]);
    days.sort_unstable();
    days.dedup();
    let mut twice = None;
    for day in days {
        engine.day_sheets(day, &|_: &Device| true, &mut |device, sheet| {
            if counts.insert((device.to_string(), day), of_devices(sheet)).is_some() {
                twice = Some(format!("the sheet of {device} on {day} is in the ledger and still counted"));
            }
        });
    }
    twice.map_or(Ok(counts), Err)
}

/// A second try out of the quarantine is a request, not another message of the device.
fn of_devices(sheet: &Sheet) -> u64 {
    sheet.journaled - sheet.redecoded
}
