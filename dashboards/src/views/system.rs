//! How the gateway is doing, the two sheets, the audit, and the catalogue.

use gengfu_model::catalogue::KindDef;
use gengfu_model::{FieldDef, FieldType};
use serde::Serialize;
use utoipa::ToSchema;

use crate::gateway::{Balance, DaySheets, Status};
use crate::time_text::Time;

/// How the running gateway is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct StatusView {
    /// The program's version.
    pub version: String,
    /// Listeners are up and recovery is done.
    pub ready: bool,
    /// The newest synced record.
    pub journal: u64,
    /// The newest record that the engine has applied.
    pub applied: u64,
    /// The newest record whose effects are in the ledger.
    pub ledger: u64,
    /// Journal time.
    pub time: Time,
    /// Wall clock of the gateway.
    pub clock: Time,
    /// Registered devices.
    pub devices: usize,
    /// The live rule pack's version.
    pub pack: Option<String>,
    /// What is wrong with the gateway itself right now.
    pub faults: Vec<String>,
    /// Live streams that are open.
    pub streams: usize,
    /// The bureau's time zone, an IANA name: what its staff read times in.
    pub time_zone: String,
}

impl StatusView {
    /// The view of the gateway's status.
    #[must_use]
    pub fn new(status: Status, clock: gengfu_model::Timestamp, streams: usize, zone: chrono_tz::Tz) -> StatusView {
        StatusView {
            version: status.version.to_owned(),
            ready: status.ready,
            journal: status.journal.0,
            applied: status.applied.0,
            ledger: status.ledger.0,
            time: status.time.into(),
            clock: clock.into(),
            devices: status.devices,
            pack: status.pack.map(|pack| pack.to_string()),
            faults: status.faults,
            streams,
            time_zone: zone.name().to_owned(),
        }
    }
}

/// The two sheets. Each term is counted where it happens; `difference` is what does not add up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BalanceView {
    /// The device, or `null` for all.
    pub device: Option<String>,
    /// journaled = decoded + duplicate + quarantined.
    pub messages: MessageSheet,
    /// decoded = stored + late + duplicate + replaced + out of range + too far ahead.
    pub values: ValueSheet,
}

/// The sheet of messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MessageSheet {
    /// Refused at the door, not journaled.
    pub refused: u64,
    /// In the journal.
    pub journaled: u64,
    /// Decoded.
    pub decoded: u64,
    /// Seen before.
    pub duplicate: u64,
    /// Cannot be decoded.
    pub quarantined: u64,
    /// Of the journaled, second tries of quarantined messages.
    pub redecoded: u64,
    /// journaled - (decoded + duplicate + quarantined); not 0 only while messages are under way.
    pub difference: i64,
}

/// The sheet of field values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ValueSheet {
    /// Decoded.
    pub decoded: u64,
    /// Stored in time.
    pub stored: u64,
    /// Stored late.
    pub late: u64,
    /// Of a duplicate reading within a message.
    pub duplicate: u64,
    /// Replaced one of the same field and time.
    pub replaced: u64,
    /// Wrong type or out of range.
    pub out_of_range: u64,
    /// Time too far ahead.
    pub too_far_ahead: u64,
    /// decoded - the sum of the others; not 0 only while messages are under way.
    pub difference: i64,
}

impl BalanceView {
    /// The view of a balance.
    #[must_use]
    pub fn new(device: Option<String>, balance: &Balance) -> BalanceView {
        let message_terms = [balance.decoded, balance.duplicate, balance.quarantined];
        let value_terms = [
            balance.values_stored,
            balance.values_late,
            balance.values_duplicate,
            balance.values_replaced,
            balance.values_out_of_range,
            balance.values_too_far_ahead,
        ];
        BalanceView {
            device,
            messages: MessageSheet {
                refused: balance.refused,
                journaled: balance.journaled,
                decoded: balance.decoded,
                duplicate: balance.duplicate,
                quarantined: balance.quarantined,
                redecoded: balance.redecoded,
                difference: difference(balance.journaled, &message_terms),
            },
            values: ValueSheet {
                decoded: balance.values_decoded,
                stored: balance.values_stored,
                late: balance.values_late,
                duplicate: balance.values_duplicate,
                replaced: balance.values_replaced,
                out_of_range: balance.values_out_of_range,
                too_far_ahead: balance.values_too_far_ahead,
                difference: difference(balance.values_decoded, &value_terms),
            },
        }
    }
}

/// The two sheets of a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DaySheetsView {
    /// The day, in the city's time zone.
    pub day: String,
    /// Devices that spoke on it.
    pub devices: u64,
    /// journaled = decoded + duplicate + quarantined.
    pub messages: MessageSheet,
    /// decoded = stored + late + duplicate + replaced + out of range + too far ahead.
    pub values: ValueSheet,
    /// Devices of which most was not simply stored, the worst first.
    pub worst: Vec<BalanceView>,
}

impl DaySheetsView {
    /// Of a day.
    #[must_use]
    pub fn new(day: chrono::NaiveDate, sheets: DaySheets) -> DaySheetsView {
        let BalanceView { messages, values, .. } = BalanceView::new(None, &sheets.sum);
        let worst = sheets.worst.into_iter().map(|(device, sheet)| BalanceView::new(Some(device), &sheet)).collect();
        DaySheetsView { day: day.format("%Y-%m-%d").to_string(), devices: sheets.devices, messages, values, worst }
    }
}

fn difference(whole: u64, terms: &[u64]) -> i64 {
    let sum: i128 = terms.iter().map(|term| i128::from(*term)).sum();
    i64::try_from(i128::from(whole) - sum).unwrap_or(i64::MAX)
}

/// A judged staff request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditView {
    /// Its id, `SEQUENCE-ORDINAL`.
    pub id: String,
    /// When it was committed.
    pub time: Time,
    /// Who.
    pub user: String,
    /// What, by name.
    pub action: String,
    /// What it was about.
    pub subject: String,
    /// `accepted`, or the refusal's code and message.
    pub verdict: String,
}

/// Every kind with its fields and attributes.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct CatalogueView {
    /// The kinds.
    pub kinds: Vec<KindView>,
}

/// One kind.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct KindView {
    /// The name used in CSV, JSON, topics and rules.
    pub name: &'static str,
    /// In Chinese.
    pub zh: &'static str,
    /// In English.
    pub en: &'static str,
    /// The usual reporting interval in seconds.
    pub interval_s: u32,
    /// The asset type of a device without one.
    pub asset_type: &'static str,
    /// The fields a message may carry.
    pub fields: Vec<FieldView>,
    /// The attributes a register entry may carry.
    pub attributes: Vec<FieldView>,
}

/// A field of a kind, or an attribute of its devices.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct FieldView {
    /// The name.
    pub name: &'static str,
    /// `number`, `integer`, `bool` or `text`.
    #[serde(rename = "type")]
    pub value_type: &'static str,
    /// The unit as people write it.
    pub unit: &'static str,
    /// The smallest value that can be.
    pub min: Option<f64>,
    /// The largest value that can be.
    pub max: Option<f64>,
    /// The longest text, in bytes.
    pub max_bytes: Option<usize>,
    /// In Chinese.
    pub zh: &'static str,
    /// In English.
    pub en: &'static str,
}

impl From<&'static KindDef> for KindView {
    fn from(def: &'static KindDef) -> KindView {
        KindView {
            name: def.name,
            zh: def.zh,
            en: def.en,
            interval_s: def.interval_s,
            asset_type: def.asset_type,
            fields: def.fields.iter().map(FieldView::from).collect(),
            attributes: def.attributes.iter().map(FieldView::from).collect(),
        }
    }
}

impl From<&'static FieldDef> for FieldView {
    fn from(def: &'static FieldDef) -> FieldView {
        let (value_type, min, max, max_bytes) = match def.ty {
            FieldType::Number { min, max } => ("number", Some(min), Some(max), None),
            // Ranges of the catalogue are far below 2^53.
            #[expect(clippy::cast_precision_loss, reason = "the catalogue's ranges are exact in f64")]
            FieldType::Integer { min, max } => ("integer", Some(min as f64), Some(max as f64), None),
            FieldType::Bool => ("bool", None, None, None),
            FieldType::Text { max_bytes } => ("text", None, None, Some(max_bytes)),
        };
        FieldView { name: def.name, value_type, unit: def.unit, min, max, max_bytes, zh: def.zh, en: def.en }
    }
}
