//! What only the SQLite ledger promises: durability over a reopen, a full disk, newer files, backups.

use std::path::Path;

use gengfu_model::{DispositionKind, Seq, Timestamp};
use rusqlite::Connection;

use super::{LedgerOptions, SqliteLedger};
use crate::ledger::samples::{disposition, everything, id, state};
use crate::ledger::{DispositionFilter, Ledger, LedgerError, LedgerReader, Page};

fn open(path: &Path) -> SqliteLedger {
    SqliteLedger::open_with(path, LedgerOptions { reserve_bytes: 200_000, ..LedgerOptions::default() }).unwrap()
}

fn dump(ledger: &SqliteLedger) -> String {
    let mut text = Vec::new();
    ledger.dump(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn what_was_committed_is_there_after_a_reopen() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let mut ledger = open(&path);
    ledger.commit(&everything(), Seq(9_000_000_001), Timestamp(2_000)).unwrap();
    let (text, state) = (dump(&ledger), ledger.load().unwrap());
    // No orderly end: the file is opened again beside the connection that wrote it.
    let again = open(&path);
    assert_eq!(dump(&again), text);
    assert_eq!(again.load().unwrap(), state);
}

#[test]
fn a_full_disk_is_told_keeps_nothing_and_can_be_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open(&dir.path().join("ledger.db"));
    ledger.commit(&[(id(1, 0), state("k", Some("1")))], Seq(1), Timestamp(1)).unwrap();
    let limit = |ledger: &SqliteLedger, pages: i64| {
        ledger.conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
    };
    limit(&ledger, 1);
    let long = "x".repeat(100_000);
    let effects = [(id(2, 0), state("k", Some("2"))), (id(2, 1), state("long", Some(&long)))];
    assert!(matches!(ledger.commit(&effects, Seq(2), Timestamp(2)), Err(LedgerError::Full)));
    let loaded = ledger.load().unwrap();
    assert_eq!((loaded.position, loaded.reducer), (Seq(1), vec![("k".to_owned(), "1".to_owned())]));
    assert!(ledger.has_reserve());
    ledger.release_reserve().unwrap();
    assert!(!ledger.has_reserve());
    limit(&ledger, 1_000_000);
    ledger.commit(&effects, Seq(2), Timestamp(2)).unwrap();
    assert_eq!(ledger.load().unwrap().reducer.len(), 2);
    ledger.restore_reserve().unwrap();
    assert!(ledger.has_reserve());
}

#[test]
fn a_newer_file_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    drop(open(&path));
    Connection::open(&path).unwrap().execute("UPDATE meta SET value = 99 WHERE name = 'schema'", []).unwrap();
    let refused = SqliteLedger::open(&path).unwrap_err();
    assert!(matches!(refused, LedgerError::Newer { found: 99, known: 1, .. }), "{refused}");
    assert!(refused.to_string().contains("run the newer program"), "{refused}");
}

#[test]
fn a_row_that_cannot_be_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open(&dir.path().join("ledger.db"));
    ledger.commit(&everything(), Seq(9_000_000_001), Timestamp(2_000)).unwrap();
    ledger.conn.execute("UPDATE case_file SET body = '{}' WHERE final = 0", []).unwrap();
    let error = ledger.load().unwrap_err();
    assert!(error.to_string().contains("`case_file 9000000000-2`"), "{error}");
}

#[test]
fn a_backup_is_a_ledger_with_its_position() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open(&dir.path().join("ledger.db"));
    ledger.commit(&everything(), Seq(9_000_000_001), Timestamp(2_000)).unwrap();
    let to = dir.path().join("copy.db");
    ledger.backup(&to).unwrap();
    ledger.commit(&[(id(9_000_000_002, 0), state("k", Some("1")))], Seq(9_000_000_002), Timestamp(3_000)).unwrap();
    let copy = open(&to);
    assert_eq!(copy.load().unwrap().position, Seq(9_000_000_001));
    assert!(!copy.load().unwrap().reducer.iter().any(|(key, _)| key == "k"));
    assert!(ledger.backup(&to).is_err(), "a backup never overwrites");
}

#[test]
fn what_became_of_messages_is_forgotten_on_disk_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let mut ledger = SqliteLedger::open_with(&path, LedgerOptions { reserve_bytes: 0, keep_messages_ms: 2 }).unwrap();
    for n in 0..5 {
        let row = disposition(n, "d", i64::try_from(n).unwrap(), DispositionKind::Duplicate);
        ledger.commit(&[(id(n, 0), row)], Seq(n), Timestamp(5)).unwrap();
    }
    let left =
        LedgerReader::open(&path).unwrap().dispositions(&DispositionFilter::default(), &Page::default()).unwrap();
    assert_eq!(left.items.iter().map(|row| row.time.0).collect::<Vec<_>>(), [4, 3, 2]);
}
