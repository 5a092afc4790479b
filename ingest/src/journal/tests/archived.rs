//! History reads on as if it had never been compressed, and goes away in order.

use gengfu_model::{Seq, Timestamp};

use super::super::{Archive, ArchiveOptions, JournalError, JournalReader, ModelDisk, ReadLimit};
use super::{assert_filled, fill_to, open, read};

const LAST: u64 = 100;

/// A journal of 100 records, 15 or so a segment, 10 ms apart.
fn filled() -> ModelDisk {
    let disk = ModelDisk::new();
    let (mut log, _) = open(&disk);
    fill_to(&mut log, LAST);
    disk
}

fn archive(disk: &ModelDisk) -> Archive {
    Archive::open(disk.disk(), ArchiveOptions::default()).unwrap()
}

fn segments(disk: &ModelDisk) -> usize {
    disk.disk().list().unwrap().iter().filter(|name| name.starts_with("segment-")).count()
}

#[test]
fn records_read_through_archived_closed_and_live_segments() {
    let disk = filled();
    let before = segments(&disk);
    assert!(before >= 6);
    let entries = archive(&disk).release(Seq(50)).unwrap();
    assert!(entries.len() >= 2 && entries.last().unwrap().last_seq <= Seq(50));
    assert_eq!(segments(&disk), before - entries.len());
    assert_filled(disk.disk(), 1, LAST);
    for from in [2, 15, 16, 17, 49, 51, LAST] {
        assert_filled(disk.disk(), from, LAST);
    }
    // Opening it again goes on where it was.
    let (mut log, opened) = open(&disk);
    assert_eq!(opened.first_seq, entries.last().unwrap().last_seq.next());
    fill_to(&mut log, LAST + 20);
    assert_filled(disk.disk(), 1, LAST + 20);
}

#[test]
fn the_last_segment_and_what_consumers_need_stay() {
    let disk = filled();
    assert!(archive(&disk).release(Seq(5)).unwrap().is_empty());
    let entries = archive(&disk).release(Seq(u64::MAX)).unwrap();
    assert_eq!(segments(&disk), 1);
    assert!(entries.last().unwrap().last_seq < Seq(LAST));
    assert!(archive(&disk).gaps().unwrap().is_empty());
    assert_filled(disk.disk(), 1, LAST);
}

#[test]
fn a_reader_goes_on_while_its_segment_is_archived() {
    let disk = filled();
    let mut reader = JournalReader::open(disk.disk(), Seq(1), ReadLimit::Everything).unwrap();
    for seq in 1..=20 {
        assert_eq!(reader.next().unwrap().unwrap().seq, Seq(seq));
    }
    archive(&disk).release(Seq(u64::MAX)).unwrap();
    let rest: Vec<u64> = reader.map(|record| record.unwrap().seq.0).collect();
    assert_eq!(rest, (21..=LAST).collect::<Vec<_>>());
}

#[test]
fn seeking_by_time_gives_the_first_record_at_or_after_it() {
    let disk = filled();
    for archived in [false, true] {
        if archived {
            archive(&disk).release(Seq(60)).unwrap();
        }
        for (time, seq) in [(0, 1), (10, 1), (11, 2), (333, 34), (600, 60), (995, 100)] {
            let mut reader = JournalReader::open_at_time(disk.disk(), Timestamp(time), ReadLimit::Everything).unwrap();
            assert_eq!(reader.next().unwrap().unwrap().seq, Seq(seq), "at {time}");
        }
        let mut reader = JournalReader::open_at_time(disk.disk(), Timestamp(1_001), ReadLimit::Everything).unwrap();
        assert!(reader.next().is_none());
    }
}

#[test]
fn old_history_goes_first_and_reading_it_is_a_gap_with_its_ends() {
    let disk = filled();
    let options = ArchiveOptions { keep_ms: 500, ..ArchiveOptions::default() };
    let mut archive = Archive::open(disk.disk(), options).unwrap();
    archive.release(Seq(u64::MAX)).unwrap();
    let removed = archive.retain(Timestamp(1_000)).unwrap();
    assert!(removed.iter().all(|entry| entry.last_time < Timestamp(500)) && !removed.is_empty());
    let first_kept = removed.last().unwrap().last_seq.next();
    match read(disk.disk(), Seq(3), ReadLimit::Everything) {
        Err(JournalError::Gap { from, to }) => assert_eq!((from, to.next()), (Seq(3), first_kept)),
        other => panic!("{other:?}"),
    }
    assert_eq!(super::super::reader::first_kept(disk.disk().as_ref()).unwrap(), Some(first_kept));
    assert_filled(disk.disk(), first_kept.0, LAST);
}

#[test]
fn the_budget_is_kept() {
    let disk = filled();
    let mut everything = archive(&disk);
    everything.release(Seq(u64::MAX)).unwrap();
    let budget = everything.bytes().unwrap() / 2;
    let options = ArchiveOptions { budget_bytes: Some(budget), ..ArchiveOptions::default() };
    let mut archive = Archive::open(disk.disk(), options).unwrap();
    let removed = archive.retain(Timestamp(0)).unwrap();
    assert!(archive.bytes().unwrap() <= budget);
    assert_eq!(archive.entries().unwrap()[0].first_seq, removed.last().unwrap().last_seq.next());
}

#[test]
fn a_lost_archive_file_is_reported_as_a_gap() {
    let disk = filled();
    let mut archive = archive(&disk);
    let entries = archive.release(Seq(u64::MAX)).unwrap();
    disk.model_folder("archive").disk().remove(&entries[1].name()).unwrap();
    assert_eq!(archive.gaps().unwrap(), vec![(entries[1].first_seq, entries[1].last_seq)]);
    let error = read(disk.disk(), Seq(1), ReadLimit::Everything).unwrap_err();
    assert!(
        matches!(error, JournalError::Gap { from, to } if (from, to) == (entries[1].first_seq, entries[1].last_seq))
    );
}

#[test]
fn a_damaged_archive_file_is_an_error_that_names_it() {
    let disk = filled();
    let entries = archive(&disk).release(Seq(u64::MAX)).unwrap();
    let folder = disk.model_folder("archive");
    let name = entries[0].name();
    let bytes = folder.contents(&name).unwrap();
    for at in (0..bytes.len()).step_by(11) {
        let mut broken = bytes.clone();
        broken[at] ^= 0x10;
        folder.set_contents(&name, &broken);
        let result = read(disk.disk(), Seq(1), ReadLimit::Seq(entries[0].last_seq.next()));
        let error = result.expect_err(&format!("byte {at}")).to_string();
        assert!(error.contains(&name), "{error}");
    }
    folder.set_contents(&name, &bytes[..bytes.len() - 30]);
    assert!(read(disk.disk(), Seq(1), ReadLimit::Everything).is_err());
}

#[test]
fn a_damaged_segment_is_not_archived() {
    let disk = filled();
    let mut bytes = disk.contents("segment-0000000001.log").unwrap();
    bytes[6_000] ^= 1;
    disk.set_contents("segment-0000000001.log", &bytes);
    assert!(matches!(archive(&disk).release(Seq(u64::MAX)), Err(JournalError::Corrupt { .. })));
    assert!(disk.contents("segment-0000000001.log").is_some());
}

#[test]
fn on_a_full_disk_old_history_gives_way_and_young_history_does_not() {
    let disk = filled();
    archive(&disk).release(Seq(40)).unwrap();
    disk.set_capacity(Some(disk.used()));
    let before = archive(&disk).entries().unwrap().len();
    assert!(matches!(archive(&disk).release(Seq(u64::MAX)), Err(JournalError::Full)));
    assert_eq!(archive(&disk).entries().unwrap().len(), before);
    let options = ArchiveOptions { give_way_after_ms: Some(100), ..ArchiveOptions::default() };
    let mut archive = Archive::open(disk.disk(), options).unwrap();
    assert!(!archive.release(Seq(u64::MAX)).unwrap().is_empty());
    assert!(archive.entries().unwrap()[0].first_seq > Seq(1));
    assert_eq!(segments(&disk), 1);
}
