//! A disk in memory that crashes the way real ones do. For tests only; public so that the tests of
//! other crates can put a whole gateway on it.
//!
//! ```
//! use std::sync::Arc;
//! use gengfu_ingest::journal::{Log, LogOptions, ModelDisk};
//!
//! let disk = ModelDisk::new();
//! let options = LogOptions { segment_bytes: 16 << 10, ..LogOptions::default() };
//! let (log, _) = Log::open(disk.disk(), options.clone())?;
//! drop(log);
//! // The same seed always leaves the same bytes; the disk before the crash stays as it is.
//! let survivor = disk.crash(7);
//! let (_log, opened) = Log::open(survivor.disk(), options)?;
//! assert_eq!(opened.last_seq.0, 0);
//! # Ok::<(), gengfu_ingest::journal::JournalError>(())
//! ```
//!
//! What a crash does: of each 512-byte sector it keeps the last synced bytes or any bytes written
//! since; of creations, renames and removals since the folder's last sync it keeps some. What a failed
//! sync does: it drops some of the waiting writes for good, while they still read back. To stop a
//! process in the middle of anything, use [`ModelDisk::cut_power_after`]. A process that is killed
//! without a crash of the machine needs nothing: open the same disk again.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::state::{Inode, State};
pub use self::state::{SECTOR_BYTES, SplitMix64};
use super::disk::{Disk, DiskFile};

mod state;

/// The disk. Clones are the same disk; [`ModelDisk::crash`] gives another one.
#[derive(Clone)]
pub struct ModelDisk {
    state: Arc<Mutex<State>>,
    folder: String,
}

impl Default for ModelDisk {
    fn default() -> Self {
        ModelDisk::new()
    }
}

impl ModelDisk {
    /// An empty disk without a limit.
    #[must_use]
    pub fn new() -> ModelDisk {
        ModelDisk { state: Arc::default(), folder: String::new() }
    }

    /// This disk as the seam's trait object.
    #[must_use]
    pub fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }

    /// What a crash of the machine leaves behind. The same seed leaves the same. Limits and lies go
    /// with it; failing syncs and cut power do not. This disk stays as it is.
    #[must_use]
    pub fn crash(&self, seed: u64) -> ModelDisk {
        let mut state = self.lock().clone();
        let mut random = SplitMix64::new(seed);
        for folder in state.folders.values_mut() {
            folder.crash(&mut random);
        }
        for inode in state.inodes.values_mut() {
            inode.crash(&mut random);
        }
        let named: Vec<u64> = state.folders.values().flat_map(|folder| folder.names.values().copied()).collect();
        state.inodes.retain(|id, _| named.contains(id));
        state.faults.fail_syncs = 0;
        state.faults.power_left = None;
        ModelDisk { state: Arc::new(Mutex::new(state)), folder: self.folder.clone() }
    }

    /// Limits the bytes of all files together; `None` takes the limit away.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().faults.capacity = bytes;
    }

    /// How many bytes all files have.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.lock().used()
    }

    /// Lets the next `count` syncs fail, of data or of the folder.
    pub fn fail_syncs(&self, count: u64) {
        self.lock().faults.fail_syncs = count;
    }

    /// Makes `sync_data` do nothing and say that all is well. A test suite must turn red on this.
    pub fn lie_about_data(&self, lie: bool) {
        self.lock().faults.lie_about_data = lie;
    }

    /// Makes `sync_dir` do nothing and say that all is well. A test suite must turn red on this.
    pub fn lie_about_dir(&self, lie: bool) {
        self.lock().faults.lie_about_dir = lie;
    }

    /// After `operations` more changing operations (create, write, rename, remove, sync) everything
    /// fails. The last one may or may not have had an effect, as [`ModelDisk::crash`] then decides.
    pub fn cut_power_after(&self, operations: u64) {
        self.lock().faults.power_left = Some(operations);
    }

    /// How many changing operations there were: to cut the power at each of them in turn.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// How many syncs succeeded (or lied).
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// A file's bytes, durable or not; `None` when there is no such file.
    #[must_use]
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.lock();
        let id = state.folders.get(&self.folder)?.names.get(name)?;
        Some(state.inodes.get(id)?.data.clone())
    }

    /// Replaces a file's bytes, durably: for tests of damage.
    pub fn set_contents(&self, name: &str, bytes: &[u8]) {
        let mut state = self.lock();
        let inode = Inode { data: bytes.to_vec(), durable: bytes.to_vec(), waiting: BTreeMap::new() };
        let id = state.new_inode(inode);
        let folder = state.folders.entry(self.folder.clone()).or_default();
        folder.names.insert(name.to_owned(), id);
        folder.durable.insert(name.to_owned(), id);
    }

    /// The folder of that name within this one, as a model disk.
    #[must_use]
    pub fn model_folder(&self, name: &str) -> ModelDisk {
        ModelDisk { state: Arc::clone(&self.state), folder: format!("{}{name}/", self.folder) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a changing operation. Its effect takes place even when the power goes during it.
    fn change<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.lock();
        if state.faults.power_left == Some(0) {
            return Err(no_power());
        }
        state.operations += 1;
        let result = act(&mut state);
        if let Some(left) = &mut state.faults.power_left {
            *left -= 1;
            if *left == 0 {
                return Err(no_power());
            }
        }
        result
    }

    fn look<T>(&self, act: impl FnOnce(&State) -> io::Result<T>) -> io::Result<T> {
        let state = self.lock();
        if state.faults.power_left == Some(0) { Err(no_power()) } else { act(&state) }
    }
}

fn no_power() -> io::Error {
    io::Error::other("the model disk's power is cut")
}

fn not_found(name: &str) -> io::Error {
    io::Error::new(ErrorKind::NotFound, format!("the model disk has no file `{name}`"))
}

impl Disk for ModelDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        self.look(|state| {
            Ok(state.folders.get(&self.folder).map(|folder| folder.names.keys().cloned().collect()).unwrap_or_default())
        })
    }

    fn create_zeroed(&self, name: &str, bytes: u64) -> io::Result<()> {
        self.change(|state| {
            if state.folders.get(&self.folder).is_some_and(|folder| folder.names.contains_key(name)) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            state.check_room(bytes)?;
            let data = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
            let id = state.new_inode(Inode { data, ..Inode::default() });
            let folder = state.folders.entry(self.folder.clone()).or_default();
            folder.change(vec![(name.to_owned(), Some(id))]);
            Ok(())
        })
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let id = self.look(|state| {
            let names = state.folders.get(&self.folder).map(|folder| &folder.names);
            names.and_then(|names| names.get(name)).copied().ok_or_else(|| not_found(name))
        })?;
        Ok(Arc::new(ModelFile { disk: self.clone(), id }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(|state| {
            let folder = state.folders.entry(self.folder.clone()).or_default();
            let id = *folder.names.get(from).ok_or_else(|| not_found(from))?;
            folder.change(vec![(from.to_owned(), None), (to.to_owned(), Some(id))]);
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(|state| {
            let folder = state.folders.entry(self.folder.clone()).or_default();
            if !folder.names.contains_key(name) {
                return Err(not_found(name));
            }
            folder.change(vec![(name.to_owned(), None)]);
            Ok(())
        })
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.change(|state| {
            if state.sync_fails() {
                return Err(io::Error::other("the model disk fails this sync"));
            }
            state.syncs += 1;
            if !state.faults.lie_about_dir {
                state.folders.entry(self.folder.clone()).or_default().sync();
            }
            Ok(())
        })
    }

    fn folder(&self, name: &str) -> io::Result<Arc<dyn Disk>> {
        Ok(Arc::new(self.model_folder(name)))
    }
}

struct ModelFile {
    disk: ModelDisk,
    id: u64,
}

impl DiskFile for ModelFile {
    fn len(&self) -> io::Result<u64> {
        self.disk.look(|state| Ok(state.inodes.get(&self.id).map_or(0, |inode| inode.data.len() as u64)))
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.disk.look(|state| {
            let data = state.inodes.get(&self.id).map_or(&[][..], |inode| &inode.data);
            let start = data.len().min(usize::try_from(offset).unwrap_or(usize::MAX));
            let read = buf.len().min(data.len() - start);
            buf[..read].copy_from_slice(&data[start..start + read]);
            Ok(read)
        })
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.change(|state| {
            let offset = usize::try_from(offset).map_err(io::Error::other)?;
            let length = state.inodes.get(&self.id).map_or(0, |inode| inode.data.len());
            state.check_room((offset + data.len()).saturating_sub(length) as u64)?;
            state.inodes.entry(self.id).or_default().write(offset, data);
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.change(|state| {
            let fails = state.sync_fails();
            let mut random = SplitMix64::new(state.operations);
            let lies = state.faults.lie_about_data;
            let inode = state.inodes.entry(self.id).or_default();
            if fails {
                inode.fail_sync(&mut random);
                return Err(io::Error::other("the model disk fails this sync"));
            }
            if !lies {
                inode.sync();
            }
            state.syncs += 1;
            Ok(())
        })
    }
}
