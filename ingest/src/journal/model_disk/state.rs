//! What is on the model disk, what is only in its cache, and what a crash makes of the two.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};

/// What the disk writes as a whole or not at all.
pub const SECTOR_BYTES: usize = 512;

/// A small random generator with a printable seed (SplitMix64, by Sebastiano Vigna).
#[derive(Clone, Debug)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// A generator that always gives the same numbers for the same seed.
    #[must_use]
    pub const fn new(seed: u64) -> SplitMix64 {
        SplitMix64(seed)
    }

    /// The next number.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 when `end` is 0.
    pub const fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.next_u64() % end }
    }

    /// True in `numerator` of `denominator` cases.
    pub const fn chance(&mut self, numerator: u64, denominator: u64) -> bool {
        self.below(denominator) < numerator
    }
}

#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) inodes: BTreeMap<u64, Inode>,
    pub(super) folders: BTreeMap<String, Folder>,
    pub(super) next_inode: u64,
    pub(super) faults: Faults,
    pub(super) operations: u64,
    pub(super) syncs: u64,
}

#[derive(Clone, Default)]
pub(super) struct Folder {
    pub(super) names: BTreeMap<String, u64>,
    pub(super) durable: BTreeMap<String, u64>,
    /// Changes since the last sync; each is done as a whole or not at all.
    pub(super) changes: Vec<Vec<(String, Option<u64>)>>,
}

#[derive(Clone, Default)]
pub(super) struct Inode {
    pub(super) data: Vec<u8>,
    pub(super) durable: Vec<u8>,
    /// Every content that each sector had since the last sync.
    pub(super) waiting: BTreeMap<usize, Vec<Vec<u8>>>,
}

#[derive(Clone, Default)]
pub(super) struct Faults {
    pub(super) capacity: Option<u64>,
    pub(super) lie_about_data: bool,
    pub(super) lie_about_dir: bool,
    pub(super) fail_syncs: u64,
    pub(super) power_left: Option<u64>,
}

impl State {
    pub(super) fn used(&self) -> u64 {
        let named = self.folders.values().flat_map(|folder| folder.names.values());
        named.filter_map(|id| self.inodes.get(id)).map(|inode| inode.data.len() as u64).sum()
    }

    pub(super) fn new_inode(&mut self, inode: Inode) -> u64 {
        self.next_inode += 1;
        self.inodes.insert(self.next_inode, inode);
        self.next_inode
    }

    pub(super) fn check_room(&self, more: u64) -> io::Result<()> {
        match self.faults.capacity {
            Some(capacity) if more > 0 && self.used() + more > capacity => Err(ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    /// Whether the next sync is to fail; counts it if so.
    pub(super) fn sync_fails(&mut self) -> bool {
        let fails = self.faults.fail_syncs > 0;
        self.faults.fail_syncs = self.faults.fail_syncs.saturating_sub(1);
        fails
    }
}

impl Folder {
    pub(super) fn change(&mut self, change: Vec<(String, Option<u64>)>) {
        for (name, id) in &change {
            set(&mut self.names, name, *id);
        }
        self.changes.push(change);
    }

    pub(super) fn sync(&mut self) {
        self.durable = self.names.clone();
        self.changes.clear();
    }

    /// Keeps a first part of the changes, or any of them: file systems promise neither.
    pub(super) fn crash(&mut self, random: &mut SplitMix64) {
        let in_order = random.chance(2, 3);
        let first = random.below(self.changes.len() as u64 + 1);
        for (number, change) in (0..).zip(std::mem::take(&mut self.changes)) {
            if if in_order { number < first } else { random.chance(1, 2) } {
                for (name, id) in &change {
                    set(&mut self.durable, name, *id);
                }
            }
        }
        self.names = self.durable.clone();
    }
}

fn set(names: &mut BTreeMap<String, u64>, name: &str, id: Option<u64>) {
    match id {
        Some(id) => names.insert(name.to_owned(), id),
        None => names.remove(name),
    };
}

impl Inode {
    pub(super) fn write(&mut self, offset: usize, data: &[u8]) {
        let end = offset + data.len();
        if self.data.len() < end {
            self.data.resize(end, 0);
        }
        self.data[offset..end].copy_from_slice(data);
        for sector in offset / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
            let bytes = sector_of(&self.data, sector).to_vec();
            self.waiting.entry(sector).or_default().push(bytes);
        }
    }

    pub(super) fn sync(&mut self) {
        self.durable.resize(self.data.len(), 0);
        for sector in std::mem::take(&mut self.waiting).into_keys() {
            let bytes = sector_of(&self.data, sector);
            put_sector(&mut self.durable, sector, bytes);
        }
    }

    /// Some writes get to the disk, the others are forgotten, though they still read back.
    pub(super) fn fail_sync(&mut self, random: &mut SplitMix64) {
        self.durable.resize(self.data.len(), 0);
        for sector in std::mem::take(&mut self.waiting).into_keys() {
            if random.chance(1, 2) {
                let bytes = sector_of(&self.data, sector);
                put_sector(&mut self.durable, sector, bytes);
            }
        }
    }

    pub(super) fn crash(&mut self, random: &mut SplitMix64) {
        if self.durable.len() < self.data.len() && random.chance(1, 2) {
            self.durable.resize(self.data.len(), 0);
        }
        for (sector, versions) in std::mem::take(&mut self.waiting) {
            let pick = random.below(versions.len() as u64 + 1) as usize;
            if let Some(bytes) = versions.get(pick) {
                put_sector(&mut self.durable, sector, bytes);
            }
        }
        self.data = self.durable.clone();
    }
}

fn sector_of(data: &[u8], sector: usize) -> &[u8] {
    &data[sector * SECTOR_BYTES..data.len().min((sector + 1) * SECTOR_BYTES)]
}

/// Writes a sector as far as the file reaches.
fn put_sector(data: &mut [u8], sector: usize, bytes: &[u8]) {
    let start = sector * SECTOR_BYTES;
    if start < data.len() {
        let end = data.len().min(start + bytes.len());
        data[start..end].copy_from_slice(&bytes[..end - start]);
    }
}
