//! Whatever crashes when: every acknowledged record is there exactly once, in order, and nothing is
//! there that was not written. And if syncs were lies, these tests would notice.

use gengfu_model::{Body, Control, Seq, Timestamp};

use super::super::frame::{FRAME_HEADER_BYTES, FrameHeader, seal};
use super::super::model_disk::SplitMix64;
use super::super::{Archive, ArchiveOptions, JournalReader, Log, LogOptions, ModelDisk, ReadLimit};
use super::message;

const SEEDS: u64 = 2_000;

fn options() -> LogOptions {
    LogOptions { segment_bytes: 10 << 10, max_frame_bytes: 2 << 10, ..LogOptions::default() }
}

/// What the world knows of the journal: every body by its sequence, and how many were acknowledged.
struct World {
    random: SplitMix64,
    disk: ModelDisk,
    written: Vec<Body>,
    acknowledged: usize,
    time: Timestamp,
}

impl World {
    fn new(seed: u64) -> World {
        World {
            random: SplitMix64::new(seed),
            disk: ModelDisk::new(),
            written: Vec::new(),
            acknowledged: 0,
            time: Timestamp(0),
        }
    }

    /// Opens the journal and checks everything in it against what is known.
    fn recover(&mut self) -> Result<Log, String> {
        let (log, opened) = Log::open(self.disk.disk(), options()).map_err(|error| error.to_string())?;
        let last = opened.last_seq.0 as usize;
        if last < self.acknowledged || last > self.written.len() {
            return Err(format!("{last} records, {} acknowledged", self.acknowledged));
        }
        let reader = JournalReader::open(self.disk.disk(), Seq(1), ReadLimit::Everything);
        let mut expected = 0;
        let mut time = Timestamp(0);
        for record in reader.map_err(|error| error.to_string())? {
            let record = record.map_err(|error| error.to_string())?;
            if record.seq != Seq(expected as u64 + 1) || self.written.get(expected) != Some(&record.body) {
                return Err(format!("record {} is not what was written", record.seq));
            }
            if record.time < time {
                return Err(format!("time went back at record {}", record.seq));
            }
            time = record.time;
            expected += 1;
        }
        if expected != last {
            return Err(format!("the log says {last} records, the reader finds {expected}"));
        }
        self.written.truncate(last);
        // What was found was made durable by opening, and counts from now on.
        self.acknowledged = last;
        Ok(log)
    }

    /// Works until something fails or enough is done. Errors are expected: this is where power goes.
    fn live(&mut self, mut log: Log) {
        let mut archive = Archive::open(self.disk.disk(), ArchiveOptions::default()).ok();
        for _ in 0..self.random.below(30) {
            let bodies = self.bodies(&log);
            // Bodies may be on the disk from the moment of the try.
            self.written.truncate(log.last_seq().0 as usize);
            self.written.extend(bodies.iter().cloned());
            self.time = self.time.plus_ms(self.random.below(50) as i64 - 10);
            if log.append(bodies, self.time).is_err() {
                return;
            }
            if self.random.chance(2, 3) {
                if log.sync().is_err() {
                    return;
                }
                self.acknowledged = log.last_seq().0 as usize;
            }
            if self.random.chance(1, 8)
                && let Some(archive) = &mut archive
                && archive.release(Seq(self.acknowledged as u64)).is_err()
            {
                return;
            }
        }
    }

    fn bodies(&mut self, log: &Log) -> Vec<Body> {
        let count = 1 + self.random.below(6);
        (0..count)
            .map(|_| match self.random.below(8) {
                0 => Body::Control(Control::Tick),
                1 => message(self.forged(log)),
                2 => message(vec![0; self.random.below(1_500) as usize]),
                _ => message(self.random.next_u64().to_le_bytes().repeat(1 + self.random.below(40) as usize)),
            })
            .collect()
    }

    /// A payload that is a perfect frame for one of the next places: a torn commit must not bring it to life.
    fn forged(&mut self, log: &Log) -> Vec<u8> {
        let mut frame = vec![0; FRAME_HEADER_BYTES];
        frame.extend_from_slice(b"\x13\x02{\"control\":\"tick\"}");
        let names = self.disk.disk().list().unwrap_or_default();
        let header = FrameHeader {
            body_bytes: (frame.len() - FRAME_HEADER_BYTES) as u32,
            segment: names.iter().filter(|name| name.starts_with("segment-")).count() as u64,
            first_seq: Seq(log.last_seq().0 + 1 + self.random.below(4)),
            time: self.time.plus_ms(1_000),
            records: 1,
            synced: 0,
        };
        seal(&mut frame, &header);
        frame
    }
}

/// Some lives of a journal, each ended by power, by a failed sync, by a kill, or in peace.
fn lives(seed: u64, prepare: impl Fn(&ModelDisk)) -> Result<(), String> {
    let mut world = World::new(seed);
    prepare(&world.disk);
    for _ in 0..5 {
        let log = world.recover()?;
        let end = world.random.below(4);
        match end {
            0 => world.disk.cut_power_after(1 + world.random.below(80)),
            1 => world.disk.fail_syncs(u64::from(world.random.chance(1, 2))),
            _ => {}
        }
        world.live(log);
        world.disk.fail_syncs(0);
        // Without a crash of the machine, the disk goes on with what its cache shows.
        if end == 0 || world.random.chance(2, 3) {
            world.disk = world.disk.crash(world.random.next_u64());
        }
    }
    world.recover().map(drop)
}

#[test]
fn every_acknowledged_record_survives_exactly_once_and_nothing_else_appears() {
    for seed in 0..SEEDS {
        if let Err(what) = lives(seed, |_| {}) {
            panic!("seed {seed}: {what}");
        }
    }
}

#[test]
fn a_sync_of_data_that_is_a_lie_is_noticed() {
    let losses = (0..200).filter(|seed| lives(*seed, |disk| disk.lie_about_data(true)).is_err()).count();
    assert!(losses > 100, "only {losses} of 200 runs lost something");
}

#[test]
fn a_sync_of_the_folder_that_is_a_lie_is_noticed() {
    let losses = (0..200).filter(|seed| lives(*seed, |disk| disk.lie_about_dir(true)).is_err()).count();
    assert!(losses > 100, "only {losses} of 200 runs lost something");
}

#[test]
fn power_may_go_at_any_operation() {
    let mut cut_at = 1;
    loop {
        let mut world = World::new(99);
        world.disk.cut_power_after(cut_at);
        if let Ok(log) = world.recover() {
            world.live(log);
        }
        let done = world.disk.operations() < cut_at;
        for seed in 0..8 {
            let survivor = world.disk.crash(seed);
            let mut after = World { disk: survivor, written: world.written.clone(), ..World::new(seed) };
            after.acknowledged = world.acknowledged;
            let log = after.recover().unwrap_or_else(|what| panic!("cut at {cut_at}, seed {seed}: {what}"));
            after.live(log);
            after.recover().unwrap_or_else(|what| panic!("cut at {cut_at}, seed {seed}, later: {what}"));
        }
        if done {
            break;
        }
        cut_at += 1;
    }
    assert!(cut_at > 30, "the run has only {cut_at} operations");
}

#[test]
fn what_a_failed_sync_left_in_the_cache_is_written_again() {
    for seed in 0..50 {
        let mut world = World::new(seed);
        let mut log = world.recover().unwrap();
        world.written = vec![message(vec![7; 900]), message(vec![8; 900])];
        log.append(world.written.clone(), Timestamp(5)).unwrap();
        world.disk.fail_syncs(1);
        assert!(log.sync().is_err());
        drop(log);
        // The process starts again on the same machine and finds the records in the cache...
        drop(world.recover().unwrap());
        assert_eq!(world.acknowledged, 2);
        // ...so they must be there after a crash, since they may have had effects by now.
        world.disk = world.disk.crash(seed);
        world.recover().unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
}

#[test]
fn a_segment_whose_name_was_only_visible_is_made_durable_at_opening() {
    for seed in 0..50 {
        let mut world = World::new(seed);
        let mut log = world.recover().unwrap();
        // A second spare, so that opening makes none and has no other reason to sync the folder.
        let spare = log.spare_wanted().unwrap().run().unwrap();
        log.add_spare(spare);
        let segments =
            |disk: &ModelDisk| disk.disk().list().unwrap().iter().filter(|name| name.starts_with("segment-")).count();
        // The process ends after the new segment has its name, and before that name is synced.
        world.disk.lie_about_dir(true);
        while segments(&world.disk) == 1 {
            log.append(vec![message(vec![1; 900])], Timestamp(1)).unwrap();
            world.written.push(message(vec![1; 900]));
        }
        drop(log);
        world.disk.lie_about_dir(false);
        drop(world.recover().unwrap());
        world.disk = world.disk.crash(seed);
        world.recover().unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
}
