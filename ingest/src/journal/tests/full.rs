//! A full disk refuses messages, never control records, and is got over without a restart.

use std::sync::Arc;

use gengfu_model::{Control, Timestamp};

use super::super::{Disk, JournalError, Log, ModelDisk, RealDisk};
use super::{SEGMENT_BYTES, assert_filled, fill_to, message, open, put};

/// A log whose disk has room for its segments so far and not a byte more.
fn full_disk() -> (ModelDisk, Log) {
    let disk = ModelDisk::new();
    let (mut log, _) = open(&disk);
    fill_to(&mut log, 10);
    disk.set_capacity(Some(disk.used()));
    (disk, log)
}

/// Appends messages until there is no room; gives how many went in.
fn fill_up(log: &mut Log) -> u64 {
    loop {
        let seq = log.last_seq().next();
        match log.append(vec![message(super::filler(seq))], log.last_time()) {
            Ok(_) => log.sync().unwrap(),
            Err(error) => {
                assert!(matches!(error.cause, JournalError::Full), "{}", error.cause);
                assert_eq!(error.bodies, vec![message(super::filler(seq))]);
                return log.last_seq().0;
            }
        }
    }
}

#[test]
fn messages_wait_and_control_records_go_on_in_the_reserve() {
    let (disk, mut log) = full_disk();
    let messages = fill_up(&mut log);
    // More control records than the rest of the segment holds: the reserve is used.
    let controls = SEGMENT_BYTES / 100;
    for _ in 0..controls {
        log.append_control(vec![Control::Tick], Timestamp(1)).unwrap();
        log.sync().unwrap();
    }
    assert!(log.is_full());
    let error = log.append(vec![message("small")], Timestamp(1)).unwrap_err();
    assert!(matches!(error.cause, JournalError::Full), "messages must not use the reserve");
    drop(log);
    // A restart on the full disk finds everything, and is in the same place.
    let (mut log, opened) = open(&disk);
    assert_eq!(opened.last_seq.0, messages + controls);
    assert!(log.append(vec![message("small")], Timestamp(1)).is_err());
    log.append_control(vec![Control::Tick], Timestamp(1)).unwrap();
}

#[test]
fn messages_go_on_without_a_restart_when_room_is_back() {
    let (disk, mut log) = full_disk();
    let last = fill_up(&mut log);
    assert!(matches!(log.retry_room(), Ok(()) | Err(JournalError::Full)));
    disk.set_capacity(None);
    log.retry_room().unwrap();
    fill_to(&mut log, last + 30);
    drop(log);
    assert_filled(disk.disk(), 1, last + 30);
}

#[test]
fn the_reserve_comes_to_an_end_and_says_so() {
    let (disk, mut log) = full_disk();
    fill_up(&mut log);
    let error = loop {
        if let Err(error) = log.append_control(vec![Control::Tick; 20], Timestamp(1)) {
            break error;
        }
        log.sync().unwrap();
    };
    assert!(matches!(error.cause, JournalError::Full));
    disk.set_capacity(None);
    put(&mut log, "goes on");
}

#[test]
fn a_full_disk_with_a_spare_made_ahead_uses_that_and_keeps_the_reserve() {
    let disk = ModelDisk::new();
    let (mut log, _) = open(&disk);
    let spare = log.spare_wanted().unwrap().run().unwrap();
    log.add_spare(spare);
    assert!(log.spare_wanted().is_none());
    disk.set_capacity(Some(disk.used()));
    fill_up(&mut log);
    assert_eq!(disk.disk().list().unwrap().iter().filter(|name| name.starts_with("segment")).count(), 2);
    assert!(!log.is_full(), "the reserve must still be there");
}

#[test]
fn a_real_folder_leaves_room_for_others() {
    let folder = tempfile::tempdir().unwrap();
    let greedy = RealDisk::open(folder.path()).unwrap().keep_free(u64::MAX);
    let full = Log::open(Arc::new(greedy), super::options()).map(|(_, opened)| opened);
    assert!(matches!(full, Err(JournalError::Full)));
    assert_eq!(RealDisk::open(folder.path()).unwrap().list().unwrap(), Vec::<String>::new());
}

#[test]
fn a_new_journal_without_room_is_refused() {
    let disk = ModelDisk::new();
    disk.set_capacity(Some(1_000));
    assert!(matches!(Log::open(disk.disk(), super::options()), Err(JournalError::Full)));
    disk.set_capacity(None);
    open(&disk);
}
