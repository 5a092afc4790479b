//! The two sheets of a day: of devices that still count it from the engine, of the others from the ledger.
//!
//! A device's day goes from the one to the other with its first message of a later day. Promise: whenever one asks,
//! that sheet is counted once. So the ledger is read as soon as it has all that the engine had brought forth when it
//! was asked (or the sheet would be in neither), and what both have is taken from the engine (it went over meanwhile).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use gengfu_connectors::{LedgerError, LedgerReader};
use gengfu_dashboards::gateway::{DayAsked, DaySheets};
use gengfu_model::{Device, DeviceId};
use gengfu_rules::engine::{Engine, Sheet};

use super::{Handle, balance_of};
use crate::pipeline::progress::Positions;

/// How long the ledger may take to catch up with the engine: longer than any commit, unless its disk is full.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the engine has of a day.
#[derive(Default)]
struct Counting {
    sheets: DaySheets,
    devices: HashSet<DeviceId>,
}

/// The sheets of a day.
pub(super) async fn of_day(handle: Arc<Handle>, asked: DayAsked) -> Result<DaySheets, LedgerError> {
    let of_engine = asked.clone();
    let counting = handle.query(move |engine| counting(engine, &of_engine)).await.unwrap_or_default();
    let read = tokio::task::spawn_blocking(move || {
        let handed = handle.progress.get().handed;
        if !handle.progress.wait_at_most(PATIENCE, |positions: &Positions| positions.ledger >= handed) {
            return Err(LedgerError::Behind);
        }
        with_finished(&handle.ledger, &asked, counting)
    });
    read.await.unwrap_or(Err(LedgerError::Behind))
}

fn counting(engine: &Engine, asked: &DayAsked) -> Counting {
    let wanted = |device: &Device| {
        asked.kind.is_none_or(|kind| device.kind == kind)
            && (asked.districts.is_empty() || asked.districts.iter().any(|own| **own == *device.district))
    };
    let mut found = Counting::default();
    engine.day_sheets(asked.day, &wanted, &mut |device, sheet| {
        found.sheets.count(device.as_str(), &balance_of(sheet, 0));
        found.devices.insert(device.clone());
    });
    found
}

/// Adds the sheets that only the ledger has.
fn with_finished(ledger: &LedgerReader, asked: &DayAsked, counting: Counting) -> Result<DaySheets, LedgerError> {
    let Counting { mut sheets, devices } = counting;
    let mut unreadable = None;
    let day = asked.day.format("%Y-%m-%d").to_string();
    ledger.day_sheets(&day, asked.kind, &asked.districts, &mut |device, counts| {
        let went_over = devices.contains(device);
        match serde_json::from_str::<Sheet>(counts) {
            Ok(_) if went_over => {}
            Ok(sheet) => sheets.count(device, &balance_of(&sheet, 0)),
            // A sheet that is left out would be a difference that nobody can explain.
            Err(error) => {
                let corrupt =
                    || LedgerError::Corrupt { row: format!("day_sheet {device} {day}"), message: error.to_string() };
                unreadable.get_or_insert_with(corrupt);
            }
        }
    })?;
    sheets.cut();
    unreadable.map_or(Ok(sheets), Err)
}
