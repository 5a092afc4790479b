//! Sealing: the rows of a day that is over become columnar blocks, which take a small part of the room.
//!
//! A late point of a sealed day is a row again, and wins or loses against its block by its sequence;
//! the next sealing takes it in. Each step is a transaction: whatever is read in between is right.

use std::collections::BTreeMap;

use rusqlite::{Connection, TransactionBehavior};

use super::pages;
use crate::series::block::{self, BlockRow, MAX_ROWS, reading, summary};

/// Devices of one step, and of one transaction, at most.
const STEP: usize = 200;

/// What is stored for a (kind, time, field) key: sequence and value.
type Points = BTreeMap<(u8, i64, u8), (i64, f64)>;

/// Seals the rows of up to [`STEP`] devices; says whether rows are left. Once none are, gives the
/// room back.
pub(super) fn step(conn: &mut Connection) -> rusqlite::Result<bool> {
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (mut sealed, mut blocks) = (0, Vec::new());
    let mut next = next_device(&transaction)?;
    while let Some(device) = next.filter(|_| sealed < STEP) {
        blocks.extend(seal_device(&transaction, device)?);
        sealed += 1;
        next = next_device(&transaction)?;
    }
    insert(&transaction, &blocks)?;
    transaction.commit()?;
    if next.is_none() && sealed > 0 {
        conn.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")?;
    }
    Ok(next.is_some())
}

/// Whether a partition has rows.
pub(super) fn is_open(conn: &Connection) -> rusqlite::Result<bool> {
    next_device(conn).map(|device| device.is_some())
}

fn next_device(conn: &Connection) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached("SELECT min(device) FROM reading")?.query_row([], |row| row.get(0))
}

/// A row of the table of blocks.
struct Block {
    device: i64,
    kind: u8,
    start: i64,
    ordinal: i64,
    last: i64,
    summary: Vec<u8>,
    data: Vec<u8>,
}

/// Takes out what the store has of a device, and gives it as blocks that are yet to be inserted.
fn seal_device(conn: &Connection, device: i64) -> rusqlite::Result<Vec<Block>> {
    let mut points = blocks(conn, device)?;
    rows(conn, device, &mut points)?;
    conn.prepare_cached("DELETE FROM block WHERE device = ?1")?.execute([device])?;
    conn.prepare_cached("DELETE FROM reading WHERE device = ?1")?.execute([device])?;
    let mut sealed = Vec::new();
    for (kind, rows) in by_kind(points) {
        for (ordinal, rows) in rows.chunks(MAX_ROWS).enumerate() {
            sealed.push(Block {
                device,
                kind,
                start: rows[0].ms,
                ordinal: ordinal as i64,
                last: rows[rows.len() - 1].ms,
                summary: summary::encode(rows),
                data: block::encode(rows),
            });
        }
    }
    Ok(sealed)
}

fn insert(conn: &Connection, blocks: &[Block]) -> rusqlite::Result<()> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO block (device, kind, start, ordinal, last, summary, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let lengths: Vec<usize> = blocks.iter().map(|block| block.summary.len() + block.data.len()).collect();
    for index in pages::order(&lengths) {
        let Block { device, kind, start, ordinal, last, summary, data } = &blocks[index];
        insert.execute((device, kind, start, ordinal, last, summary, data))?;
    }
    Ok(())
}

/// What the device's blocks hold.
fn blocks(conn: &Connection, device: i64) -> rusqlite::Result<Points> {
    let mut points = Points::new();
    let mut statement = conn.prepare_cached("SELECT kind, data FROM block WHERE device = ?1")?;
    let mut found = statement.query([device])?;
    while let Some(row) = found.next()? {
        let kind: u8 = row.get(0)?;
        for row in block::decode(row.get_ref(1)?.as_blob()?).map_err(super::corrupt)? {
            for (field, value) in row.values {
                points.insert((kind, row.ms, field), (row.seq, value));
            }
        }
    }
    Ok(points)
}

/// Puts the device's rows over what its blocks hold.
fn rows(conn: &Connection, device: i64, points: &mut Points) -> rusqlite::Result<()> {
    let mut statement = conn.prepare_cached("SELECT kind, ms, seq, data FROM reading WHERE device = ?1")?;
    let mut found = statement.query([device])?;
    while let Some(row) = found.next()? {
        let (kind, ms, seq) = (row.get(0)?, row.get(1)?, row.get(2)?);
        for (field, value) in reading::decode(row.get_ref(3)?.as_blob()?).map_err(super::corrupt)? {
            let entry = points.entry((kind, ms, field)).or_insert((seq, value));
            if seq >= entry.0 {
                *entry = (seq, value);
            }
        }
    }
    Ok(())
}

/// The fields that came at one time, under one sequence.
type Grouped = BTreeMap<(i64, i64), Vec<(u8, f64)>>;

/// Points as rows of one time and sequence, per kind.
fn by_kind(points: Points) -> BTreeMap<u8, Vec<BlockRow>> {
    let mut grouped: BTreeMap<u8, Grouped> = BTreeMap::new();
    for ((kind, ms, field), (seq, value)) in points {
        grouped.entry(kind).or_default().entry((ms, seq)).or_default().push((field, value));
    }
    let rows = |rows: Grouped| rows.into_iter().map(|((ms, seq), values)| BlockRow { ms, seq, values }).collect();
    grouped.into_iter().map(|(kind, grouped)| (kind, rows(grouped))).collect()
}
