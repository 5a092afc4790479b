//! Checkpoints and recovery.
//!
//! A round begins at a position S: the engine's tables as of S are kept, and every device that
//! changed before S gets a row, a few at a time while work goes on. A row is written as of the
//! position that the engine has reached by then, so rows may be ahead of S; recovery replays from S and
//! each device skips what its row has seen. Whoever stores rows must have the ledger and the series
//! at the rows' position first.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_cases::{Profile, Reducer, RestoreError};
use gengfu_model::record::OutcomeConfig;
use gengfu_model::staff::User;
use gengfu_model::{Case, CommandRow, DeviceId, Incident, Seq, Timestamp, Value};
use serde::{Deserialize, Serialize};

use super::device::{DeviceState, RowError};
use super::{Engine, Sheet, zone};
use crate::{City, Pack, PausedRules};

/// One device's state as of a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointRow {
    /// The device.
    pub device: DeviceId,
    /// The last record that the state has seen.
    pub position: Seq,
    /// The state.
    pub bytes: Vec<u8>,
}

/// A checkpoint round under way.
#[derive(Debug)]
pub struct Round {
    /// Where recovery will replay from once every row is stored.
    pub position: Seq,
    /// The engine's tables as of `position`.
    pub tables: Vec<u8>,
    devices: Vec<u32>,
}

impl Round {
    /// Whether every device of the round has its row.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.devices.is_empty()
    }
}

/// What is not a device's and not the reducer's, as of a position.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tables {
    now: Timestamp,
    config: OutcomeConfig,
    pack: Option<Arc<str>>,
    parameters: Vec<Setting>,
    #[serde(default)]
    paused: PausedRules,
    city: City,
    orphans: Sheet,
    refused: u64,
}

/// A parameter's setting: rule, name, scope, value.
type Setting = (Arc<str>, Arc<str>, Arc<str>, Value);

fn owned(setting: (&Arc<str>, &Arc<str>, &Arc<str>, &Value)) -> Setting {
    let (rule, name, scope, value) = setting;
    (Arc::clone(rule), Arc::clone(name), Arc::clone(scope), value.clone())
}

/// What the ledger knows at its position, for recovery.
#[derive(Default)]
pub struct Recovered {
    /// The ledger's position P.
    pub position: Seq,
    /// Open incidents, and those whose cooldown runs.
    pub incidents: Vec<Incident>,
    /// Cases that are not final.
    pub cases: Vec<Case>,
    /// The reducer's own pieces.
    pub reducer: Vec<(String, String)>,
    /// Commands that are open, and those of the last minute, in the order of their ids.
    pub commands: Vec<CommandRow>,
    /// Staff accounts.
    pub users: Vec<User>,
    /// Files of every activated pack, by version.
    pub packs: BTreeMap<Arc<str>, Arc<BTreeMap<String, String>>>,
}

/// Why the engine cannot be put together again.
#[derive(Debug, thiserror::Error)]
pub enum TablesError {
    /// The checkpoint's tables cannot be read.
    #[error("the checkpoint's tables cannot be read: {0}")]
    Corrupt(#[from] serde_json::Error),
    /// A device's row cannot be read.
    #[error("device `{device}`: {error}")]
    Row {
        /// The device.
        device: DeviceId,
        /// Why.
        error: RowError,
    },
    /// The ledger has no files of the pack that was live.
    #[error("rule pack `{0}` was live at the checkpoint, but the ledger does not have it")]
    PackMissing(Arc<str>),
    /// The pack that was live does not compile with this program.
    #[error("rule pack `{version}` was live at the checkpoint, but does not load with this program:\n{mistakes}")]
    PackBroken {
        /// The pack.
        version: Arc<str>,
        /// What is wrong.
        mistakes: String,
    },
    /// The reducer's rows cannot be read.
    #[error(transparent)]
    Reducer(#[from] RestoreError),
}

impl Engine {
    /// Begins a round: takes the list of changed devices and the tables as of now.
    pub fn begin_round(&mut self) -> Round {
        let tables = Tables {
            now: self.now,
            config: self.config.clone(),
            pack: (!self.ruling.pack.rules().is_empty()).then(|| Arc::clone(self.ruling.pack.version())),
            parameters: self.ruling.parameters.iter().map(owned).collect(),
            paused: self.ruling.paused.clone(),
            city: self.city.clone(),
            orphans: self.orphans,
            refused: self.refused,
        };
        Round {
            position: self.applied,
            tables: serde_json::to_vec(&tables).expect("tables are plain data"),
            devices: std::mem::take(&mut self.dirty),
        }
    }

    /// The next rows of a round, at most `most`, as of the position that the engine has reached.
    pub fn round_rows(&mut self, round: &mut Round, most: usize) -> Vec<CheckpointRow> {
        let rest = round.devices.len().saturating_sub(most);
        let position = self.applied;
        let mut rows = Vec::with_capacity(round.devices.len() - rest);
        for index in round.devices.drain(rest..) {
            let state = &mut self.devices[index as usize];
            state.dirty = false;
            rows.push(CheckpointRow { device: state.device.id.clone(), position, bytes: state.encode() });
        }
        rows
    }

    /// An engine at the ledger's position, before the checkpoint's rows are put in.
    ///
    /// `checkpoint` is the position S and the tables as of it; `None`: replay from the first record.
    ///
    /// # Errors
    /// [`TablesError`] says what cannot be read.
    pub fn recover(
        profile: Arc<Profile>,
        ledger: Recovered,
        checkpoint: Option<(Seq, &[u8])>,
    ) -> Result<Engine, TablesError> {
        let mut engine = Engine::new(Arc::clone(&profile));
        engine.ledger = ledger.position;
        engine.ruling.reducer = Reducer::restore(profile, ledger.incidents, ledger.cases, ledger.reducer)?;
        engine.ruling.commands = super::commands::Commands::restore(ledger.commands);
        engine.users = ledger.users.into_iter().map(|user| (Arc::clone(&user.name), user)).collect();
        let Some((position, tables)) = checkpoint else { return Ok(engine) };
        let tables: Tables = serde_json::from_slice(tables)?;
        engine.applied = position;
        engine.now = tables.now;
        engine.zone = zone(&tables.config);
        engine.config = tables.config;
        engine.city = tables.city;
        for (rule, name, scope, value) in tables.parameters {
            engine.ruling.parameters.set(&rule, &name, &scope, Some(value));
        }
        engine.orphans = tables.orphans;
        engine.refused = tables.refused;
        if let Some(version) = tables.pack {
            let files = ledger.packs.get(&version).ok_or_else(|| TablesError::PackMissing(Arc::clone(&version)))?;
            let pack = Pack::compile(files).map_err(|mistakes| TablesError::PackBroken {
                version,
                mistakes: mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            })?;
            engine.ruling.pack = Arc::new(pack);
        }
        engine.ruling.reducer.tell_groups(engine.ruling.pack.groups());
        engine.ruling.paused = tables.paused;
        engine.ruling.pack.show_paused(&engine.ruling.paused);
        Ok(engine)
    }

    /// Puts one row of the checkpoint in; call it for every row, before the first record.
    ///
    /// # Errors
    /// [`TablesError::Row`] when the row cannot be read.
    pub fn restore_device(&mut self, row: &CheckpointRow) -> Result<(), TablesError> {
        let mut state = DeviceState::decode(&row.bytes, row.position)
            .map_err(|error| TablesError::Row { device: row.device.clone(), error })?;
        if let Some(device) = Arc::get_mut(&mut state.device) {
            self.texts.share(device);
        }
        self.ruling.pack.share_layout(&state.device, &mut state.rules);
        let index = u32::try_from(self.devices.len()).expect("fewer than 2^32 devices");
        self.index.insert(&state.device.id, index);
        self.ruling.reducer.resize(None, Some(&state.device));
        self.devices.push(state);
        if row.position > self.applied {
            self.ahead.entry(row.position).or_default().push(index);
        } else {
            self.schedule(index);
        }
        Ok(())
    }
}
