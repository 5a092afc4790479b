//! The journal's promises, each in a file of its own, over the model disk or a real folder.

mod archived;
mod crash;
mod damage;
mod full;
mod reading;
mod writing;

use std::sync::Arc;

use gengfu_model::{Body, DeviceId, Envelope, Kind, MessageKey, PayloadFormat, Record, Seq, Timestamp, Transport};

use super::{Disk, JournalError, JournalReader, Log, LogOptions, ModelDisk, Opened, ReadLimit};

/// Segments of four pages of frames: small enough to roll often.
const SEGMENT_BYTES: u64 = 20 << 10;

fn options() -> LogOptions {
    LogOptions { segment_bytes: SEGMENT_BYTES, ..LogOptions::default() }
}

fn open(disk: &ModelDisk) -> (Log, Opened) {
    Log::open(disk.disk(), options()).unwrap()
}

fn envelope(payload: impl Into<Vec<u8>>) -> Envelope {
    Envelope {
        device: DeviceId::new("cover-1").unwrap(),
        kind: Kind::Manhole,
        model: "m9".into(),
        transport: Transport::Mqtt,
        format: PayloadFormat::Json,
        key: MessageKey::None,
        received_at: Timestamp(1),
        payload: payload.into().into(),
    }
}

fn message(payload: impl Into<Vec<u8>>) -> Body {
    Body::Message(envelope(payload))
}

/// Appends one message of its own commit and syncs it.
fn put(log: &mut Log, payload: impl Into<Vec<u8>>) -> Record {
    let time = log.last_time().plus_ms(10);
    let mut records = log.append(vec![message(payload)], time).unwrap();
    log.sync().unwrap();
    records.remove(0)
}

/// Fills the log up to record `last` with messages of 1,000 bytes, each a commit.
fn fill_to(log: &mut Log, last: u64) {
    while log.last_seq() < Seq(last) {
        let seq = log.last_seq().next();
        put(log, filler(seq));
    }
}

fn filler(seq: Seq) -> Vec<u8> {
    let mut payload = vec![b'.'; 1_000];
    payload[..8].copy_from_slice(&seq.0.to_be_bytes());
    payload
}

/// Checks that records `from` to `to` read back as [`fill_to`] wrote them.
fn assert_filled(disk: Arc<dyn Disk>, from: u64, to: u64) {
    let records = read(disk, Seq(from), ReadLimit::Everything).unwrap();
    assert_eq!(records.len() as u64, (to + 1).saturating_sub(from));
    for (seq, record) in (from..).zip(records) {
        assert_eq!(record.seq, Seq(seq));
        assert_eq!(record.body, message(filler(Seq(seq))));
    }
}

fn read(disk: Arc<dyn Disk>, from: Seq, limit: ReadLimit) -> Result<Vec<Record>, JournalError> {
    JournalReader::open(disk, from, limit)?.collect()
}
