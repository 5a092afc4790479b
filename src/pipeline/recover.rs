//! Recovery: from checkpoint, ledger and journal back to the state that the process had.
//!
//! Rows of devices are put in, then the journal is replayed from the checkpoint's position S. The
//! ledger is at a later position P: what records up to P brought forth is in it already and is dropped;
//! what comes after is committed as in live running. The same code serves a clean start, a crash, a crash
//! during recovery, and the replay of a whole journal into an empty ledger.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_cases::{Profile, ProfileError};
use gengfu_connectors::{CheckpointStore, Ledger, LedgerError, LedgerState, SeriesError, SeriesStore};
use gengfu_model::{Record, Seq};
use gengfu_rules::engine::{CheckpointRow, Engine, FORESEEN, Output, Recovered, TablesError};

use super::decode::decode_record;

/// How many effects or points are collected before they are written.
const CHUNK: usize = 1_000;

/// Why the gateway cannot recover.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The ledger or the checkpoints.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The series store.
    #[error(transparent)]
    Series(#[from] SeriesError),
    /// The engine's state.
    #[error(transparent)]
    Engine(#[from] TablesError),
    /// The profile in the ledger cannot be read by this program.
    #[error("the city profile in the ledger does not load with this program: {0}")]
    Profile(String),
    /// The journal.
    #[error("journal: {0}")]
    Journal(String),
    /// Ledger or checkpoint know of records that the journal does not have.
    #[error(
        "the {store} is at record {position}, but the journal ends at {end}: journal files are missing; put them back, or restore a backup"
    )]
    JournalTooShort {
        /// `ledger` or `checkpoint`.
        store: &'static str,
        /// How far it is.
        position: Seq,
        /// Where the journal ends.
        end: Seq,
    },
}

/// What a recovery did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Device rows put in.
    pub devices: u64,
    /// The checkpoint's position S.
    pub checkpoint: Seq,
    /// The ledger's position P at the start.
    pub ledger: Seq,
    /// Records replayed.
    pub replayed: u64,
    /// Effects committed anew.
    pub effects: u64,
}

/// Recovers; `records_after` gives the journal's records after a position, in order, and `end` is its
/// last one.
///
/// # Errors
/// [`RecoverError`] says what is missing or cannot be read.
pub fn recover<I>(
    ledger: &mut dyn Ledger,
    checkpoints: &dyn CheckpointStore,
    series: &mut dyn SeriesStore,
    end: Seq,
    records_after: impl FnOnce(Seq) -> Result<I, String>,
) -> Result<(Engine, Report), RecoverError>
where
    I: Iterator<Item = Result<Vec<Record>, String>>,
{
    let state = ledger.load()?;
    let checkpoint = checkpoints.position()?;
    let start = checkpoint.as_ref().map_or(Seq(0), |(position, _)| *position);
    let mut report = Report { checkpoint: start, ledger: state.position, ..Report::default() };
    for (store, position) in [("ledger", state.position), ("checkpoint", start)] {
        if position > end {
            return Err(RecoverError::JournalTooShort { store, position, end });
        }
    }
    let mut engine = restore(state, checkpoints, &mut report.devices)?;
    let mut output = Output::default();
    for records in records_after(start).map_err(RecoverError::Journal)? {
        let records = records.map_err(RecoverError::Journal)?;
        for (place, record) in records.iter().enumerate() {
            if place.is_multiple_of(FORESEEN) {
                engine.foresee(&records[place..]);
            }
            engine.apply(record, decode_record(record).as_ref(), &mut output);
            report.replayed += 1;
            if output.effects.effects().len() >= CHUNK || output.points.len() >= 50 * CHUNK {
                write(&engine, ledger, series, &mut output, &mut report)?;
            }
        }
    }
    write(&engine, ledger, series, &mut output, &mut report)?;
    Ok((engine, report))
}

/// The engine as ledger and checkpoint know it, before the first record is replayed. `devices` counts the
/// rows that were put in.
///
/// # Errors
/// [`RecoverError`] says what cannot be read.
pub fn restore(
    state: LedgerState,
    checkpoints: &dyn CheckpointStore,
    devices: &mut u64,
) -> Result<Engine, RecoverError> {
    let checkpoint = checkpoints.position()?;
    let profile = profile(state.profile.as_deref())?;
    let packs: BTreeMap<_, _> = state.packs.into_iter().map(|pack| (pack.version, pack.files)).collect();
    let recovered = Recovered {
        position: state.position,
        incidents: state.incidents,
        cases: state.cases,
        reducer: state.reducer,
        commands: state.commands,
        users: state.users,
        packs,
    };
    let tables = checkpoint.as_ref().map(|(position, tables)| (*position, tables.as_slice()));
    let mut engine = Engine::recover(profile, recovered, tables)?;
    let mut broken = None;
    checkpoints.load(&mut |row| {
        let row = CheckpointRow { device: row.device, position: row.position, bytes: row.bytes };
        if let Err(error) = engine.restore_device(&row) {
            broken.get_or_insert(error);
        }
        *devices += 1;
    })?;
    match broken {
        Some(error) => Err(error.into()),
        None => Ok(engine),
    }
}

fn write(
    engine: &Engine,
    ledger: &mut dyn Ledger,
    series: &mut dyn SeriesStore,
    output: &mut Output,
    report: &mut Report,
) -> Result<(), RecoverError> {
    let effects = output.effects.take();
    report.effects += effects.len() as u64;
    // Below the ledger's position there is nothing to say, and the position must not go back.
    if engine.applied() > report.ledger {
        ledger.commit(&effects, engine.applied(), engine.now())?;
    }
    // Nobody waits for these answers any more; they stand in the audit.
    output.verdicts.clear();
    series.write(&std::mem::take(&mut output.points))?;
    Ok(())
}

/// The profile of the ledger, or the shipped example before the first one is set.
pub fn profile(text: Option<&str>) -> Result<Arc<Profile>, RecoverError> {
    let text = text.unwrap_or(gengfu_cases::profile::YUNCHENG);
    let join = |mistakes: Vec<ProfileError>| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    Profile::parse(text).map(Arc::new).map_err(|mistakes| RecoverError::Profile(join(mistakes)))
}
