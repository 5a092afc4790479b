//! Writes made-up records straight into an archive: history for a demonstration, load for a measurement.
//!
//! Every message carries [`Transport::Generated`], so whoever shows records or reports says that nobody sent them. A
//! new data folder only: records are never mixed into a journal that has received anything.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use gengfu_ingest::journal::{Archive, ArchiveOptions, Disk, Log, LogOptions, RealDisk, append_start, start_records};
use gengfu_model::places::Place;
use gengfu_model::record::OutcomeConfig;
use gengfu_model::staff::Action;
use gengfu_model::{Body, Control, Device, DeviceId, Envelope, Kind, MessageKey, PayloadFormat, Timestamp, Transport};

use super::TrialError;
use crate::local::local_request;

/// Messages of one commit.
const BATCH: usize = 1_000;
/// A commit spans no more time than this, since its records have one stamp, in milliseconds.
const SPAN_MS: i64 = 1_000;
/// Closed segments go to the archive after so many commits.
const ARCHIVE_EVERY: u64 = 200;

/// Writes one journal.
pub struct Generator {
    log: Log,
    archive: Archive,
    batch: Vec<Body>,
    /// The stamp of the batch: the time of its first message.
    stamp: Timestamp,
    commits: u64,
    messages: u64,
}

/// What a generated city begins with.
pub struct Beginning<'a> {
    /// When its first record is stamped.
    pub from: Timestamp,
    /// What is journaled of the configuration.
    pub outcome: OutcomeConfig,
    /// The city profile.
    pub profile: &'a str,
    /// The rule pack.
    pub files: BTreeMap<String, String>,
    /// The city's places.
    pub places: Vec<Place>,
    /// The register.
    pub devices: Vec<Device>,
}

impl Generator {
    /// Begins the journal of a new data folder.
    ///
    /// # Errors
    /// [`TrialError`] when the folder has a journal already or cannot be written.
    pub fn begin(data: &Path, segment_bytes: u64, beginning: Beginning<'_>) -> Result<Generator, TrialError> {
        let folder = data.join("journal");
        let file = |error| TrialError::File(folder.display().to_string(), error);
        std::fs::create_dir_all(&folder).map_err(file)?;
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(&folder).map_err(file)?);
        let options = LogOptions { segment_bytes, ..LogOptions::default() };
        let (mut log, opened) = Log::open(Arc::clone(&disk), options)?;
        if opened.last_time.is_some() {
            let text = format!("{}: has records already; history is generated into a new folder", folder.display());
            return Err(TrialError::Ask(text));
        }
        let Beginning { from, outcome, profile, files, places, devices } = beginning;
        let version = env!("CARGO_PKG_VERSION");
        let start =
            start_records(None, from, true, version, outcome).map_err(|error| TrialError::Ask(error.to_string()))?;
        append_start(&mut log, start)?;
        let archive = Archive::open(disk, ArchiveOptions::default())?;
        let mut generator =
            Generator { log, archive, batch: Vec::with_capacity(BATCH), stamp: from, commits: 0, messages: 0 };
        let mut actions = vec![Action::SetProfile { text: profile.to_owned() }, Action::ActivatePack { files }];
        if !places.is_empty() {
            actions.push(Action::PutPlaces { places });
        }
        for devices in devices.chunks(BATCH) {
            actions.push(Action::AddDevices { devices: devices.to_vec(), replace: true });
        }
        for action in actions {
            let control = Control::Request(local_request(action));
            generator.log.append_control(vec![control], from).map_err(|error| error.cause)?;
        }
        Ok(generator)
    }

    /// Adds a message; times must not go back.
    ///
    /// # Errors
    /// [`TrialError::Journal`] when the disk says no.
    pub fn message(
        &mut self,
        time: Timestamp,
        device: &DeviceId,
        kind: Kind,
        payload: &[u8],
    ) -> Result<(), TrialError> {
        if self.batch.len() >= BATCH || (!self.batch.is_empty() && time.since_ms(self.stamp) >= SPAN_MS) {
            self.commit()?;
        }
        if self.batch.is_empty() {
            self.stamp = time;
        }
        self.batch.push(Body::Message(Envelope {
            device: device.clone(),
            kind,
            model: "".into(),
            transport: Transport::Generated,
            format: PayloadFormat::Json,
            key: MessageKey::None,
            received_at: time,
            payload: payload.into(),
        }));
        self.messages += 1;
        Ok(())
    }

    /// Writes what is left, and archives every closed segment; gives how many messages were written.
    ///
    /// # Errors
    /// [`TrialError::Journal`] when the disk says no.
    pub fn finish(mut self) -> Result<u64, TrialError> {
        self.commit()?;
        self.store()?;
        Ok(self.messages)
    }

    fn commit(&mut self) -> Result<(), TrialError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        self.log.append(batch, self.stamp).map_err(|error| error.cause)?;
        self.commits += 1;
        // Nobody waits for an acknowledgement, so one sync for many commits does.
        if self.commits.is_multiple_of(ARCHIVE_EVERY) {
            self.store()?;
        }
        Ok(())
    }

    fn store(&mut self) -> Result<(), TrialError> {
        self.log.sync()?;
        self.archive.release(self.log.last_seq())?;
        Ok(())
    }
}
