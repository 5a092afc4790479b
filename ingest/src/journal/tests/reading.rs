//! A reader follows a running log, and never sees what may still be undone.

use std::sync::Arc;
use std::thread;

use gengfu_model::{Seq, Timestamp};

use super::super::segment::segment_name;
use super::super::{Archive, ArchiveOptions, JournalError, JournalReader, ModelDisk, ReadLimit};
use super::{fill_to, message, open, put, read};

#[test]
fn a_reader_sees_only_what_is_synced() {
    let disk = ModelDisk::new();
    let (mut log, _) = open(&disk);
    let mut reader = JournalReader::open(disk.disk(), Seq(1), ReadLimit::Synced(log.synced_end())).unwrap();
    assert!(reader.next_batch().unwrap().is_none());
    let records = log.append(vec![message("a"), message("b")], Timestamp(1)).unwrap();
    assert!(reader.next_batch().unwrap().is_none());
    log.sync().unwrap();
    assert_eq!(reader.next_batch().unwrap(), Some(records));
    assert!(reader.next_batch().unwrap().is_none());
    assert_eq!(reader.position(), Seq(3));
}

#[test]
fn a_reader_without_a_share_in_the_log_stops_before_what_it_cannot_prove() {
    let disk = ModelDisk::new();
    let (mut log, _) = open(&disk);
    let mut reader = JournalReader::open(disk.disk(), Seq(1), ReadLimit::Verified).unwrap();
    assert!(reader.next_batch().unwrap().is_none());
    for seq in 1..60_u64 {
        put(&mut log, seq.to_be_bytes());
        let seen: Vec<u64> = reader.by_ref().map(|record| record.unwrap().seq.0).collect();
        // The newest commit is proved by the next one.
        assert_eq!(seen, if seq > 1 { vec![seq - 1] } else { vec![] });
    }
    log.append(vec![message("not synced")], Timestamp(1)).unwrap();
    assert_eq!(reader.by_ref().count(), 1);
    assert_eq!(reader.count(), 0);
}

#[test]
fn a_limit_within_a_commit_is_kept_and_can_be_moved() {
    let disk = ModelDisk::new();
    let (mut log, _) = open(&disk);
    let bodies = (0..10).map(|number| message(vec![number])).collect();
    let records = log.append(bodies, Timestamp(1)).unwrap();
    log.sync().unwrap();
    let mut reader = JournalReader::open(disk.disk(), Seq(3), ReadLimit::Seq(Seq(5))).unwrap();
    assert_eq!(reader.next_batch().unwrap(), Some(records[2..5].to_vec()));
    assert_eq!(reader.next_batch().unwrap(), None);
    reader.set_limit(ReadLimit::Everything);
    assert_eq!(reader.next_batch().unwrap(), Some(records[5..].to_vec()));
    assert_eq!(reader.next_batch().unwrap(), None);
}

#[test]
fn a_reader_on_another_thread_follows_the_writer_without_loss() {
    const LAST: u64 = 3_000;
    let disk = ModelDisk::new();
    let (mut log, _) = open(&disk);
    let limit = ReadLimit::Synced(log.synced_end());
    let folder = disk.disk();
    let (end, archived) = (log.synced_end(), disk.disk());
    let archiver = thread::spawn(move || {
        let mut archive = Archive::open(archived, ArchiveOptions::default()).unwrap();
        let mut released = 0;
        while end.get() < Seq(LAST) {
            released += archive.release(end.get()).unwrap().len();
        }
        // The scheduler may have kept this thread away until now.
        released + archive.release(end.get()).unwrap().len()
    });
    let follower = thread::spawn(move || {
        let mut reader = JournalReader::open(Arc::clone(&folder), Seq(1), limit).unwrap();
        let mut next = 1;
        while next <= LAST {
            match reader.next() {
                Some(record) => {
                    assert_eq!(record.unwrap().seq, Seq(next));
                    next += 1;
                }
                None => thread::yield_now(),
            }
        }
    });
    while log.last_seq() < Seq(LAST) {
        let payload = log.last_seq().0.to_be_bytes().repeat(10);
        put(&mut log, payload);
    }
    follower.join().unwrap();
    assert!(archiver.join().unwrap() > 0);
}

#[test]
fn damage_met_while_reading_is_an_error_that_names_it() {
    let disk = ModelDisk::new();
    let (mut log, _) = open(&disk);
    fill_to(&mut log, 40);
    let mut bytes = disk.contents(&segment_name(1)).unwrap();
    bytes[7_000] ^= 1;
    disk.set_contents(&segment_name(1), &bytes);
    let mut reader = JournalReader::open(disk.disk(), Seq(1), ReadLimit::Everything).unwrap();
    let error = reader.find_map(Result::err).unwrap();
    assert!(matches!(&error, JournalError::Corrupt { file, .. } if *file == segment_name(1)), "{error}");
    // In the last segment as well, since the log has promised these records.
    let last = disk.disk().list().unwrap().into_iter().rfind(|name| name.starts_with("segment-")).unwrap();
    let mut bytes = disk.contents(&last).unwrap();
    bytes[4_200] ^= 1;
    disk.set_contents(&last, &bytes);
    assert!(read(disk.disk(), Seq(40), ReadLimit::Synced(log.synced_end())).is_err());
}

#[test]
fn a_reader_beyond_the_end_waits_there() {
    let disk = ModelDisk::new();
    let (mut log, _) = open(&disk);
    fill_to(&mut log, 3);
    let mut reader = JournalReader::open(disk.disk(), Seq(5), ReadLimit::Everything).unwrap();
    assert!(reader.next_batch().unwrap().is_none());
    fill_to(&mut log, 6);
    assert_eq!(reader.next_batch().unwrap().unwrap()[0].seq, Seq(5));
}
