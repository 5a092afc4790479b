//! What the series store promises, read through its reader.

use std::collections::BTreeMap;

use gengfu_model::time::{DAY_MS, HOUR_MS};
use gengfu_model::{Kind, Seq};
use proptest::prelude::*;

use super::*;
use crate::series::random_inputs::random;

/// 2026-07-13T00:00:00Z.
const MIDNIGHT: i64 = 1_783_900_800_000;

fn at(ms: i64) -> Timestamp {
    Timestamp(MIDNIGHT + ms)
}

fn device(id: &str) -> DeviceId {
    DeviceId::new(id).unwrap()
}

fn point(id: &str, field: &str, ms: i64, seq: u64, value: Value) -> Point {
    let kind = Kind::Truck;
    Point { device: device(id), kind, field: kind.field(field).unwrap(), time: at(ms), seq: Seq(seq), value }
}

fn number(id: &str, ms: i64, seq: u64, value: f64) -> Point {
    point(id, "speed_kmh", ms, seq, Value::Number(value))
}

fn field(name: &str) -> FieldId {
    Kind::Truck.field(name).unwrap()
}

fn read(store: &SqliteSeries, name: &str) -> Vec<(i64, Value)> {
    let found = store.range(&device("t"), Kind::Truck, field(name), Timestamp(0), at(100 * DAY_MS), 10_000).unwrap();
    found.into_iter().map(|(time, value)| (time.0 - MIDNIGHT, value)).collect()
}

fn store() -> (tempfile::TempDir, SqliteSeries) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteSeries::open(&dir.path().join("series")).unwrap();
    (dir, store)
}

#[test]
fn points_come_back_in_the_order_of_time_over_days_and_a_reopen() {
    let (dir, mut store) = store();
    let times = [2 * DAY_MS + 5, DAY_MS - 1, DAY_MS, 0, 3 * HOUR_MS];
    for (seq, ms) in times.into_iter().enumerate() {
        store.write(&[number("t", ms, seq as u64 + 1, ms as f64 / 10.0), number("other", ms, 1, 1.0)]).unwrap();
    }
    drop(store);
    let store = SqliteSeries::open(&dir.path().join("series")).unwrap();
    let expected: Vec<(i64, Value)> =
        [0, 3 * HOUR_MS, DAY_MS - 1, DAY_MS, 2 * DAY_MS + 5].map(|ms| (ms, Value::Number(ms as f64 / 10.0))).to_vec();
    assert_eq!(read(&store, "speed_kmh"), expected);
    assert_eq!(read(&store, "fuel_l"), []);
    let part = store.range(&device("t"), Kind::Truck, field("speed_kmh"), at(3 * HOUR_MS), at(DAY_MS), 10).unwrap();
    assert_eq!(part.iter().map(|(time, _)| time.0 - MIDNIGHT).collect::<Vec<_>>(), [3 * HOUR_MS, DAY_MS - 1]);
    let limited = store.range(&device("t"), Kind::Truck, field("speed_kmh"), at(0), at(DAY_MS * 9), 4).unwrap();
    assert_eq!(limited.len(), 4);
    let nobody = store.range(&device("x"), Kind::Truck, field("speed_kmh"), at(0), at(DAY_MS), 10).unwrap();
    assert_eq!(nobody, []);
}

#[test]
fn a_value_is_of_its_fields_type() {
    let (_dir, mut store) = store();
    let values = [
        ("sos", Value::Bool(true)),
        ("fix", Value::Bool(false)),
        ("task", Value::Text("清扫 南京路".into())),
        ("satellites", Value::Number(9.0)),
        ("latitude", Value::Number(0.1 + 0.2)),
    ];
    for (name, value) in values.clone() {
        store.write(&[point("t", name, 1, 1, value)]).unwrap();
    }
    for (name, value) in values {
        assert_eq!(read(&store, name), [(1, value)], "{name}");
    }
    // What no field can have is left out, and takes nothing else with it.
    let wrong = [
        point("t", "task", 2, 2, Value::Number(1.0)),
        point("t", "speed_kmh", 2, 2, Value::Text("fast".into())),
        point("t", "speed_kmh", 3, 2, Value::Number(f64::NAN)),
        Point { time: Timestamp(i64::MAX), ..number("t", 0, 2, 1.0) },
        number("t", 4, 2, 50.0),
    ];
    store.write(&wrong).unwrap();
    assert_eq!(read(&store, "speed_kmh"), [(4, Value::Number(50.0))]);
    assert_eq!(read(&store, "task").len(), 1);
}

#[test]
fn a_field_of_another_kind_is_another_series() {
    let (_dir, mut store) = store();
    let bin = Point { kind: Kind::Bin, field: FieldId(5), ..number("t", 1, 1, 80.0) };
    let truck = Point { field: FieldId(5), ..number("t", 1, 2, 40.7) };
    store.write(&[bin, truck]).unwrap();
    let read = |kind| store.range(&device("t"), kind, FieldId(5), at(0), at(DAY_MS), 10).unwrap();
    assert_eq!(read(Kind::Bin), [(at(1), Value::Number(80.0))]);
    assert_eq!(read(Kind::Truck), [(at(1), Value::Number(40.7))]);
}

#[test]
fn windows_are_aligned_to_the_epoch_and_leave_out_what_is_empty() {
    let (_dir, mut store) = store();
    let points: Vec<Point> = [(0, 1.0), (59_999, 3.0), (60_000, 10.0), (DAY_MS - 1, 4.0), (DAY_MS, 6.0)]
        .into_iter()
        .map(|(ms, value)| number("t", ms, 1, value))
        .collect();
    store.write(&points).unwrap();
    let windows = |from, to, every| {
        store.buckets(&device("t"), Kind::Truck, field("speed_kmh"), at(from), at(to), every).unwrap()
    };
    let bucket = |ms, min, max, mean, last, count| Bucket { time: at(ms), min, max, mean, last, count };
    assert_eq!(
        windows(0, 9 * DAY_MS, 60_000),
        [
            bucket(0, 1.0, 3.0, 2.0, 3.0, 2),
            bucket(60_000, 10.0, 10.0, 10.0, 10.0, 1),
            bucket(DAY_MS - 60_000, 4.0, 4.0, 4.0, 4.0, 1),
            bucket(DAY_MS, 6.0, 6.0, 6.0, 6.0, 1),
        ]
    );
    assert_eq!(windows(1, 60_000, 60_000), [bucket(0, 3.0, 3.0, 3.0, 3.0, 1)]);
    // A window longer than a partition: 2026-07-13 is a Monday, the epoch's weeks begin on Thursdays.
    assert_eq!(windows(0, 9 * DAY_MS, 7 * DAY_MS), [bucket(-4 * DAY_MS, 1.0, 10.0, 4.8, 6.0, 5)]);
    assert!(store.buckets(&device("t"), Kind::Truck, field("speed_kmh"), at(0), at(1), 0).is_err());
}

#[test]
fn yes_counts_as_one_and_text_has_no_windows() {
    let (_dir, mut store) = store();
    store.write(&[point("t", "sos", 0, 1, Value::Bool(true)), point("t", "sos", 1, 1, Value::Bool(false))]).unwrap();
    store.write(&[point("t", "task", 0, 1, Value::Text("x".into()))]).unwrap();
    let windows = |name| store.buckets(&device("t"), Kind::Truck, field(name), at(0), at(9), 60_000).unwrap();
    assert_eq!((windows("sos")[0].mean, windows("sos")[0].count), (0.5, 2));
    assert_eq!(windows("task"), []);
}

#[test]
fn retention_removes_whole_days_and_a_late_point_may_come_again() {
    let (dir, mut store) = store();
    let reader = store.reader();
    for day in 0..4 {
        store.write(&[number("t", day * DAY_MS, 1, 1.0)]).unwrap();
    }
    store.retain(at(2 * DAY_MS + 1)).unwrap();
    let found = reader.range(&device("t"), Kind::Truck, field("speed_kmh"), at(0), at(9 * DAY_MS), 10).unwrap();
    assert_eq!(found.iter().map(|(time, _)| *time).collect::<Vec<_>>(), [at(2 * DAY_MS), at(3 * DAY_MS)]);
    let left = fs::read_dir(dir.path().join("series")).unwrap();
    assert!(!left.flatten().any(|file| file.file_name().to_string_lossy().starts_with("2026-07-13")));
    store.write(&[number("t", 7, 2, 5.0)]).unwrap();
    assert_eq!(read(&store, "speed_kmh").len(), 3);
}

#[test]
fn a_backlog_over_many_days_keeps_few_files_open() {
    let (_dir, mut store) = store();
    let points: Vec<Point> = (0..40).map(|day| number("t", day * DAY_MS, 1, day as f64)).collect();
    store.write(&points).unwrap();
    store.write(&points).unwrap();
    assert_eq!(store.open.len(), MAX_OPEN_PARTITIONS);
    assert_eq!(read(&store, "speed_kmh").len(), 40);
}

#[test]
fn a_reader_of_no_store_says_so() {
    let dir = tempfile::tempdir().unwrap();
    assert!(SeriesReader::open(dir.path()).is_err());
}

#[test]
fn a_sealed_day_reads_as_before_and_takes_less_room() {
    let (dir, mut store) = store();
    let names = ["speed_kmh", "latitude", "fuel_l", "sos", "task"];
    for message in 0..2_000_u32 {
        let (ms, seq, n) = (i64::from(message) * 30_000, u64::from(message) + 1, f64::from(message));
        let mut points = vec![
            number("t", ms, seq, (n * 7.0 % 50.0).round() / 10.0),
            point("t", "latitude", ms, seq, Value::Number(31.2 + (n * 37.0 % 1_000.0).round() / 100_000.0)),
        ];
        if message % 3 == 0 {
            points.push(point("t", "sos", ms, seq, Value::Bool(message % 2 == 0)));
            points.push(point("t", "task", ms, seq, Value::Text(format!("task {}", message % 7).into())));
            points.push(point("t", "fuel_l", ms, seq, Value::Number((n / 7.0).sqrt())));
        }
        store.write(&points).unwrap();
    }
    let all = |store: &SqliteSeries| names.map(|name| read(store, name));
    let before = all(&store);
    let windows = |store: &SqliteSeries| {
        store.buckets(&device("t"), Kind::Truck, field("fuel_l"), at(0), at(DAY_MS), HOUR_MS).unwrap()
    };
    let windows_before = windows(&store);
    while store.seal(at(DAY_MS)).unwrap() {}
    assert_eq!(all(&store), before);
    let windows_after = windows(&store);
    assert_eq!(windows_after.len(), windows_before.len());
    for (after, before) in windows_after.iter().zip(&windows_before) {
        // A block's sum is added up apart from the others: the mean may differ in its last bits.
        assert!((after.mean - before.mean).abs() < 1e-9, "{after:?} {before:?}");
        assert_eq!(Bucket { mean: before.mean, ..after.clone() }, *before);
    }
    let path = dir.path().join("series/2026-07-13.db");
    let conn = Connection::open(&path).unwrap();
    let left: i64 = conn.query_row("SELECT count(*) FROM reading", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
    // Fifteen pages of 4 KiB: 6,000 values in eight blocks, and what a file of five tables takes anyway.
    let size = fs::metadata(path).unwrap().len();
    assert!(size <= 61_440, "{size} bytes");
}

#[test]
fn a_day_that_is_not_over_is_not_sealed() {
    let (_dir, mut store) = store();
    store.write(&[number("t", 5, 1, 1.0)]).unwrap();
    assert!(!store.seal(at(DAY_MS - 1)).unwrap());
    assert!(store.sealed.is_empty());
    assert!(store.seal(at(DAY_MS)).unwrap());
    assert!(!store.seal(at(DAY_MS)).unwrap());
}

#[test]
fn a_block_that_was_changed_is_an_error_that_names_the_file() {
    let (dir, mut store) = store();
    store.write(&[number("t", 5, 1, 1.0)]).unwrap();
    while store.seal(at(DAY_MS)).unwrap() {}
    let conn = Connection::open(dir.path().join("series/2026-07-13.db")).unwrap();
    conn.execute("UPDATE block SET data = zeroblob(20)", []).unwrap();
    let error = store.range(&device("t"), Kind::Truck, field("speed_kmh"), at(0), at(9), 1).unwrap_err().to_string();
    assert!(error.contains("2026-07-13.db") && error.contains("checksum"), "{error}");
}

#[test]
fn a_window_that_holds_blocks_whole_is_answered_from_their_summaries() {
    let (dir, mut store) = store();
    let points = (0..2_500_u32).map(|n| number("t", i64::from(n) * 30_000, u64::from(n) + 1, f64::from(n)));
    store.write(&points.collect::<Vec<_>>()).unwrap();
    while store.seal(at(DAY_MS)).unwrap() {}
    let path = dir.path().join("series/2026-07-13.db");
    let conn = Connection::open(&path).unwrap();
    let blocks: i64 = conn.query_row("SELECT count(*) FROM block", [], |row| row.get(0)).unwrap();
    assert_eq!(blocks, 3);
    let data: Vec<u8> = conn.query_row("SELECT data FROM block WHERE start = 0", [], |row| row.get(0)).unwrap();
    let windows =
        |store: &SqliteSeries, to| store.buckets(&device("t"), Kind::Truck, field("speed_kmh"), at(0), at(to), DAY_MS);
    let whole = Bucket { time: at(0), min: 0.0, max: 2_499.0, mean: 1_249.5, last: 2_499.0, count: 2_500 };
    // Nothing is unpacked: the data need not even be there.
    conn.execute("UPDATE block SET data = zeroblob(20) WHERE start = 0", []).unwrap();
    assert_eq!(windows(&store, DAY_MS).unwrap(), std::slice::from_ref(&whole));
    assert!(read_all(&store).is_err());
    // A part of a block, or a late row among its points, needs the points themselves.
    assert!(windows(&store, 30_000).is_err());
    conn.execute("UPDATE block SET data = ?1 WHERE start = 0", [&data]).unwrap();
    assert_eq!(windows(&store, 30_000).unwrap()[0].count, 1);
    store.write(&[number("t", 15_000, 3_000, 9_000.0), number("t", 30_000, 3_001, -5.0)]).unwrap();
    let with_late = windows(&store, DAY_MS).unwrap();
    assert_eq!((with_late[0].count, with_late[0].min, with_late[0].max), (2_501, -5.0, 9_000.0));
    conn.execute("UPDATE block SET summary = zeroblob(20)", []).unwrap();
    let error = windows(&store, DAY_MS).unwrap_err().to_string();
    assert!(error.contains("2026-07-13.db") && error.contains("summary"), "{error}");
}

#[test]
fn what_records_brought_is_found_in_rows_and_blocks() {
    let (_dir, mut store) = store();
    for seq in 1..=10_u64 {
        let ms = seq as i64 * DAY_MS / 4;
        store.write(&[number("t", ms, seq, seq as f64), point("t", "task", ms, seq, Value::Text("x".into()))]).unwrap();
    }
    // A value that a later record replaced is that record's.
    store.write(&[number("t", DAY_MS, 11, -1.0)]).unwrap();
    while store.seal(at(DAY_MS)).unwrap() {}
    let mut found = Vec::new();
    let give = |point: &Point| {
        found.push((point.seq.0, point.field, point.time, point.value.clone()));
        Ok(())
    };
    store.reader().points_of_records(Seq(2), Seq(4), give).unwrap();
    found.sort_by_key(|point| (point.0, point.1));
    let (speed, task, text) = (field("speed_kmh"), field("task"), Value::Text("x".into()));
    let time = |seq: i64| at(seq * DAY_MS / 4);
    let mut expected = vec![
        (2, speed, time(2), Value::Number(2.0)),
        (2, task, time(2), text.clone()),
        (3, speed, time(3), Value::Number(3.0)),
        (3, task, time(3), text.clone()),
        (4, task, time(4), text),
    ];
    expected.sort_by_key(|point| (point.0, point.1));
    assert_eq!(found, expected);
}

fn read_all(store: &SqliteSeries) -> Result<Vec<(Timestamp, Value)>, SeriesError> {
    store.range(&device("t"), Kind::Truck, field("speed_kmh"), at(0), at(DAY_MS), 10_000)
}

proptest! {
    #![proptest_config(random(24))]

    /// Against the model: per time the highest sequence, the last written of equal ones.
    #[test]
    fn the_higher_sequence_wins_in_any_order_sealed_or_not(
        batches in proptest::collection::vec(
            proptest::collection::vec((0..6_i64, 0..4_u64, 0..100_u32), 1..12), 1..6),
        repeated in any::<bool>(),
        sealing in any::<u8>(),
    ) {
        let (_dir, mut store) = store();
        let mut model: BTreeMap<i64, (u64, f64)> = BTreeMap::new();
        for (index, batch) in batches.into_iter().enumerate() {
            let points: Vec<Point> = batch
                .iter()
                .map(|(slot, seq, value)| number("t", slot * DAY_MS / 2, *seq, f64::from(*value)))
                .collect();
            for _ in 0..=u8::from(repeated) {
                store.write(&points).unwrap();
            }
            for (slot, seq, value) in batch {
                let entry = model.entry(slot * DAY_MS / 2).or_insert((seq, f64::from(value)));
                if seq >= entry.0 {
                    *entry = (seq, f64::from(value));
                }
            }
            if sealing >> index & 1 == 1 {
                while store.seal(at(9 * DAY_MS)).unwrap() {}
            }
        }
        let values: Vec<f64> = model.values().map(|(_, value)| *value).collect();
        let windows =
            store.buckets(&device("t"), Kind::Truck, field("speed_kmh"), at(0), at(9 * DAY_MS), 1_000 * DAY_MS).unwrap();
        prop_assert_eq!(windows.len(), 1);
        prop_assert_eq!((windows[0].count, windows[0].last), (values.len() as u64, values[values.len() - 1]));
        prop_assert_eq!(windows[0].min, values.iter().copied().fold(f64::INFINITY, f64::min));
        prop_assert_eq!(windows[0].max, values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        prop_assert!((windows[0].mean - values.iter().sum::<f64>() / values.len() as f64).abs() < 1e-9);
        let expected: Vec<(i64, Value)> =
            model.into_iter().map(|(ms, (_, value))| (ms, Value::Number(value))).collect();
        prop_assert_eq!(read(&store, "speed_kmh"), expected);
    }
}

/// What is left in a WAL is read again at the next start, and counted as room until then.
#[test]
fn a_clean_stop_puts_the_wal_away() {
    let (dir, mut store) = store();
    store.write(&[number("t", 0, 1, 1.0)]).unwrap();
    drop(store);
    let files = std::fs::read_dir(dir.path().join("series")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = files.map(|name| name.into_string().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["2026-07-13.db", "catalogue.db"]);
}
