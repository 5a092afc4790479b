//! Damage is told from a torn end: it is loud, and names file and place.

use gengfu_model::{Seq, Timestamp};

use super::super::frame::{Expected, FRAME_HEADER_BYTES, FrameHeader, FrameRead, read_frame, seal};
use super::super::segment::{SEGMENT_HEADER_BYTES, segment_name};
use super::super::{JournalError, Log, LogOptions, ModelDisk, RealDisk, SyncedEnd};
use super::{assert_filled, fill_to, filler, message, open, options, put};

/// A journal of several segments, with 1,000 bytes a record.
fn filled(last: u64) -> ModelDisk {
    let disk = ModelDisk::new();
    let (mut log, _) = open(&disk);
    fill_to(&mut log, last);
    disk
}

fn flip(disk: &ModelDisk, name: &str, at: usize) {
    let mut bytes = disk.contents(name).unwrap();
    bytes[at] ^= 0x40;
    disk.set_contents(name, &bytes);
}

fn open_error(disk: &ModelDisk) -> JournalError {
    Log::open(disk.disk(), options()).map(|(_, opened)| opened).unwrap_err()
}

fn start() -> usize {
    SEGMENT_HEADER_BYTES as usize
}

#[test]
fn any_changed_byte_of_a_closed_segment_is_an_error_that_names_it() {
    let disk = filled(40);
    let used = start() + 15 * (1_000 + FRAME_HEADER_BYTES);
    for at in (0..40).chain((start()..used).step_by(97)) {
        let broken = disk.crash(0);
        flip(&broken, &segment_name(1), at);
        let error = open_error(&broken).to_string();
        assert!(error.contains(&segment_name(1)), "byte {at}: {error}");
    }
}

#[test]
fn damage_before_the_synced_end_of_the_last_segment_is_no_torn_end() {
    let disk = filled(3);
    flip(&disk, &segment_name(1), start() + 500);
    match open_error(&disk) {
        JournalError::Corrupt { file, offset, .. } => {
            assert_eq!((file, offset), (segment_name(1), SEGMENT_HEADER_BYTES))
        }
        other => panic!("{other}"),
    }
    // Who has no backup may cut there, and says so.
    let options = LogOptions { cut_at_damage: true, ..options() };
    let (_, opened) = Log::open(disk.disk(), options).unwrap();
    assert_eq!(opened.last_seq, Seq(0));
    assert_eq!(opened.cut, Some((segment_name(1), SEGMENT_HEADER_BYTES)));
}

#[test]
fn the_torn_last_frame_is_cut_off_and_the_log_goes_on() {
    let disk = filled(3);
    let last_frame = disk.contents(&segment_name(1)).unwrap().iter().rposition(|byte| *byte != 0).unwrap();
    let name = segment_name(1);
    let (_, whole) = open(&disk);
    assert_eq!((whole.last_seq, whole.cut), (Seq(3), None));
    flip(&disk, &name, last_frame - 100);
    let (mut log, opened) = open(&disk);
    assert_eq!(opened.last_seq, Seq(2));
    assert!(opened.cut.is_some_and(|(file, _)| file == name));
    fill_to(&mut log, 5);
    drop(log);
    let (_, again) = open(&disk);
    assert_eq!(again.cut, None);
    assert_filled(disk.disk(), 1, 5);
}

#[test]
fn bytes_behind_the_end_never_become_records() {
    let disk = filled(2);
    let name = segment_name(1);
    let before = disk.contents(&name).unwrap();
    let (mut log, _) = open(&disk);
    put(&mut log, filler(Seq(3)));
    drop(log);
    let after = disk.contents(&name).unwrap();
    // Where record 3 ended, a perfect record 4 lies, as a torn write of two commits can leave it.
    let end = after.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let mut frame = vec![0; FRAME_HEADER_BYTES];
    frame.extend_from_slice(b"\x13\x02{\"control\":\"tick\"}");
    let header = FrameHeader {
        body_bytes: 20,
        segment: 1,
        first_seq: Seq(4),
        time: Timestamp(1_000_000),
        records: 1,
        synced: SEGMENT_HEADER_BYTES as u32,
    };
    seal(&mut frame, &header);
    let expected = Expected { segment: 1, seq: Seq(4), not_before: Timestamp(0) };
    let taken = read_frame(&mut frame.as_slice(), &expected, &mut Vec::new()).unwrap();
    assert_eq!(taken, FrameRead::Frame(header), "by itself it is a perfect frame");
    let mut left = before;
    left[end..end + frame.len()].copy_from_slice(&frame);
    disk.set_contents(&name, &left);

    let (mut log, opened) = open(&disk);
    assert_eq!(opened.last_seq, Seq(2));
    put(&mut log, filler(Seq(3)));
    drop(log);
    assert_eq!(open(&disk).1.last_seq, Seq(3));
    assert_filled(disk.disk(), 1, 3);
}

#[test]
fn a_missing_segment_is_an_error_that_names_it() {
    let disk = filled(60);
    disk.disk().remove(&segment_name(2)).unwrap();
    let error = open_error(&disk).to_string();
    assert!(error.contains(&segment_name(2)), "{error}");
}

#[test]
fn a_cut_off_file_is_an_error_unless_it_is_the_torn_end() {
    for cut in [0, 100, start(), start() + 1_500] {
        let disk = filled(40);
        let bytes = disk.contents(&segment_name(1)).unwrap();
        disk.set_contents(&segment_name(1), &bytes[..cut]);
        let error = open_error(&disk).to_string();
        assert!(error.contains(&segment_name(1)), "cut at {cut}: {error}");
    }
    let disk = filled(3);
    let bytes = disk.contents(&segment_name(1)).unwrap();
    disk.set_contents(&segment_name(1), &bytes[..start() + 2_500]);
    let (mut log, opened) = open(&disk);
    assert_eq!(opened.last_seq, Seq(2));
    fill_to(&mut log, 30);
    drop(log);
    assert_filled(disk.disk(), 1, 30);
}

#[test]
fn a_newer_format_is_refused_and_named() {
    let disk = filled(1);
    let mut bytes = disk.contents(&segment_name(1)).unwrap();
    bytes[8] = 9;
    disk.set_contents(&segment_name(1), &bytes);
    assert!(matches!(open_error(&disk), JournalError::Version { version: 9, .. }));
}

#[test]
fn a_failed_sync_is_final() {
    let disk = filled(1);
    let (mut log, _) = open(&disk);
    log.append(vec![message("a")], Timestamp(1)).unwrap();
    let synced: std::sync::Arc<SyncedEnd> = log.synced_end();
    disk.fail_syncs(1);
    assert!(matches!(log.sync(), Err(JournalError::Poisoned(_))));
    // A second sync would succeed and prove nothing.
    assert!(matches!(log.sync(), Err(JournalError::Poisoned(_))));
    let error = log.append(vec![message("b")], Timestamp(1)).unwrap_err();
    assert!(matches!(error.cause, JournalError::Poisoned(_)));
    assert_eq!(error.bodies.len(), 1);
    assert_eq!(synced.get(), Seq(1));
}

#[test]
fn too_large_a_record_is_refused_and_the_log_goes_on() {
    let disk = ModelDisk::new();
    let (mut log, _) = open(&disk);
    let limit = log.max_record_bytes();
    let error = log.append(vec![message(vec![1; limit])], Timestamp(1)).unwrap_err();
    assert!(matches!(error.cause, JournalError::TooLarge { .. }));
    put(&mut log, vec![1; limit - 40]);
    fill_to(&mut log, 3);
    assert_eq!(open(&disk).1.last_seq, Seq(3));
}

#[test]
fn a_commit_larger_than_a_frame_becomes_several() {
    let disk = ModelDisk::new();
    let (mut log, _) = open(&disk);
    let bodies: Vec<_> = (1..=100).map(|seq| message(filler(Seq(seq)))).collect();
    let records = log.append(bodies, Timestamp(1)).unwrap();
    log.sync().unwrap();
    assert_eq!(records.last().unwrap().seq, Seq(100));
    drop(log);
    assert_eq!(open(&disk).1.last_seq, Seq(100));
    assert_filled(disk.disk(), 1, 100);
}

#[test]
fn time_never_decreases_whatever_is_asked_for() {
    let disk = ModelDisk::new();
    let (mut log, _) = open(&disk);
    assert_eq!(log.append(vec![message("a")], Timestamp(100)).unwrap()[0].time, Timestamp(100));
    assert_eq!(log.append(vec![message("b")], Timestamp(50)).unwrap()[0].time, Timestamp(100));
    log.sync().unwrap();
    drop(log);
    let (mut log, opened) = open(&disk);
    assert_eq!(opened.last_time, Some(Timestamp(100)));
    assert_eq!(log.append(vec![message("c")], Timestamp(1)).unwrap()[0].time, Timestamp(100));
}

#[test]
fn an_archive_without_segments_is_not_taken_for_a_new_journal() {
    let disk = ModelDisk::new();
    disk.model_folder("archive").set_contents("00000000000000000001-00000000000000000009-0-0.zst", b"x");
    assert!(matches!(open_error(&disk), JournalError::Missing(_)));
}

#[test]
fn a_real_folder_keeps_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let disk = || std::sync::Arc::new(RealDisk::open(folder.path().join("journal")).unwrap());
    let (mut log, opened) = Log::open(disk(), options()).unwrap();
    assert_eq!((opened.last_seq, opened.last_time), (Seq(0), None));
    fill_to(&mut log, 50);
    drop(log);
    let (mut log, opened) = Log::open(disk(), options()).unwrap();
    assert_eq!((opened.first_seq, opened.last_seq, opened.cut), (Seq(1), Seq(50), None));
    fill_to(&mut log, 60);
    drop(log);
    assert_filled(disk(), 1, 60);
}
