//! The canonical text of a ledger: one JSON line a row, tables in the order of their names, rows in
//! the order of their keys.
//!
//! Both ledgers write through here, so that their dumps can be compared byte by byte.

use std::collections::BTreeMap;
use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use gengfu_model::pack::PackNote;
use gengfu_model::{
    DeviceId, Disposition, DispositionKind, EffectId, Evidence, Redecoded, Seq, Source, Timestamp, Value,
};
use serde::Serialize;

use crate::LedgerError;

#[derive(Serialize)]
struct Line<'a, T> {
    table: &'a str,
    key: &'a str,
    row: &'a T,
}

/// Writes one row's line.
pub(crate) fn line<T: Serialize>(output: &mut dyn Write, table: &str, key: &str, row: &T) -> Result<(), LedgerError> {
    let mut text = serde_json::to_string(&Line { table, key, row })
        .map_err(|error| LedgerError::Store { what: format!("dump {table}"), message: error.to_string() })?;
    text.push('\n');
    output.write_all(text.as_bytes()).map_err(|error| LedgerError::io("dump", &error))
}

/// An audit line without the time of its commit.
#[derive(Serialize)]
pub(crate) struct Audit<'a> {
    pub(crate) user: &'a str,
    pub(crate) action: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) verdict: &'a str,
}

/// What decided an incident's change.
#[derive(Serialize)]
pub(crate) struct Explanation<'a> {
    pub(crate) incident: EffectId,
    pub(crate) change: &'a str,
    pub(crate) evidence: &'a Evidence,
}

/// An activated pack.
#[derive(Serialize)]
pub(crate) struct Pack<'a> {
    pub(crate) version: &'a str,
    pub(crate) by: &'a str,
    pub(crate) time: Timestamp,
    pub(crate) note: &'a PackNote,
    pub(crate) files: &'a BTreeMap<String, String>,
}

impl<'a> Pack<'a> {
    pub(crate) fn of(pack: &'a super::ActivatedPack) -> Pack<'a> {
        Pack { version: &pack.version, by: &pack.by, time: pack.time, note: &pack.note, files: &pack.files }
    }
}

/// A parameter's setting.
#[derive(Serialize)]
pub(crate) struct Parameter<'a> {
    pub(crate) rule: &'a str,
    pub(crate) name: &'a str,
    pub(crate) scope: &'a str,
    pub(crate) value: &'a Value,
}

/// A disposition with its bytes as base64.
#[derive(Serialize)]
pub(crate) struct DispositionRow<'a> {
    seq: Seq,
    device: &'a DeviceId,
    time: Timestamp,
    kind: DispositionKind,
    detail: &'a str,
    payload: Option<String>,
    source: Option<Source>,
    redecoded: Option<&'a Redecoded>,
}

impl<'a> From<&'a Disposition> for DispositionRow<'a> {
    fn from(row: &'a Disposition) -> DispositionRow<'a> {
        DispositionRow {
            seq: row.seq,
            device: &row.device,
            time: row.time,
            kind: row.kind,
            detail: &row.detail,
            payload: row.payload.as_ref().map(|bytes| BASE64.encode(bytes)),
            source: row.source,
            redecoded: row.redecoded.as_ref(),
        }
    }
}
