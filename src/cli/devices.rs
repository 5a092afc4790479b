//! `gengfu devices`: the register.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use gengfu_connectors::ledger::{DeviceFilter, LedgerReader, Page};
use gengfu_dashboards::register_csv::{self, Batches, RowError};
use gengfu_ingest::Directory;
use gengfu_model::catalogue::Kind;
use gengfu_model::staff::Action;
use gengfu_model::{Attributes, Device, DeviceId, DeviceLife};

use super::{ConfigArgument, Failure, give, leave, ledger_file, random_secret, reach, say};
use crate::local::Local;

/// How many devices are read from the ledger at once.
const PAGE: usize = 1_000;
/// Random characters of a token that is made up: 32 letters and digits are 160 bits.
const TOKEN_CHARACTERS: usize = 32;

/// The register of devices.
#[derive(clap::Args)]
pub(super) struct Devices {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    command: DevicesCommand,
}

#[derive(clap::Subcommand)]
enum DevicesCommand {
    /// Read devices from a CSV file; good rows are taken, bad ones are told.
    Import {
        /// The file; its columns are those that `export` writes.
        file: PathBuf,
    },
    /// Write the register as CSV to standard output; tokens are not in it.
    Export,
    /// Add one device; its token is made up and shown once.
    Add {
        /// The device's id.
        id: String,
        /// Its kind.
        #[arg(long)]
        kind: String,
        /// Code of the asset that it watches; by default its own id.
        #[arg(long)]
        asset: Option<String>,
        /// What people call the asset.
        #[arg(long, default_value = "")]
        name: String,
        /// District.
        #[arg(long, default_value = "")]
        district: String,
        /// The token, instead of one that is made up.
        #[arg(long)]
        token: Option<String>,
    },
    /// Take a device out of use; it may not log in any more, its history stays.
    Disable {
        /// The device's id.
        id: String,
    },
    /// Give a device another token, shown once.
    RotateKey {
        /// The device's id.
        id: String,
    },
    /// The devices.
    List {
        /// As JSON, one a line.
        #[arg(long)]
        json: bool,
    },
}

impl Devices {
    /// Runs the command.
    ///
    /// # Errors
    /// Why the gateway refused or cannot be asked.
    pub(super) fn run(&self) -> Result<(), Failure> {
        match &self.command {
            DevicesCommand::Import { file } => self.with_gateway(|local, data| import(local, data, file)),
            DevicesCommand::Export => self.export(),
            DevicesCommand::List { json } => self.list(*json),
            DevicesCommand::Add { id, kind, asset, name, district, token } => {
                let kind = Kind::from_name(kind).ok_or_else(|| Failure::Usage(format!("there is no kind `{kind}`")))?;
                let mut device = new_device(id_of(id)?, kind);
                device.asset_code = asset.as_deref().unwrap_or(id).into();
                device.name = name.as_str().into();
                device.district = district.as_str().into();
                self.with_gateway(|local, data| add(local, data, device, token.clone()))
            }
            DevicesCommand::Disable { id } => {
                let action = Action::SetLife { device: id_of(id)?, life: DeviceLife::Retired };
                self.with_gateway(|local, _| act(local, action).map(drop))?;
                say(&format!("device `{id}` is retired"));
                Ok(())
            }
            DevicesCommand::RotateKey { id } => {
                let device = id_of(id)?;
                self.with_gateway(|local, data| {
                    let token = random_secret(TOKEN_CHARACTERS)?;
                    let token_hash = token_keys(data)?.hash_token(token.as_bytes());
                    act(local, Action::RotateKey { device, token_hash })?;
                    show_token(id, &token);
                    Ok(())
                })
            }
        }
    }

    fn with_gateway(&self, work: impl FnOnce(&mut Local, &Path) -> Result<(), Failure>) -> Result<(), Failure> {
        let config = self.config.load()?;
        let mut local = reach(&config)?;
        let result = work(&mut local, &config.data.folder);
        leave(local);
        result
    }

    fn export(&self) -> Result<(), Failure> {
        let devices = self.read()?;
        register_csv::write(devices.iter(), std::io::stdout().lock()).map_err(Failure::failed)
    }

    fn list(&self, json: bool) -> Result<(), Failure> {
        for device in self.read()? {
            if json {
                give(&serde_json::to_string(&device).map_err(Failure::failed)?);
            } else {
                give(&format!("{}\t{}\t{}\t{}", device.id, device.kind, device.asset_code, device.name));
            }
        }
        Ok(())
    }

    fn read(&self) -> Result<Vec<Device>, Failure> {
        let reader = LedgerReader::open(&ledger_file(&self.config.load()?.data.folder)).map_err(Failure::failed)?;
        let mut devices = Vec::new();
        let mut page = Page { limit: PAGE, cursor: None };
        loop {
            let listed = reader.devices(&DeviceFilter::default(), &page).map_err(Failure::failed)?;
            devices.extend(listed.items);
            page.cursor = listed.next;
            if page.cursor.is_none() {
                return Ok(devices);
            }
        }
    }
}

fn id_of(id: &str) -> Result<DeviceId, Failure> {
    DeviceId::new(id).map_err(|error| Failure::Usage(error.to_string()))
}

/// A device of a kind with nothing said about it.
fn new_device(id: DeviceId, kind: Kind) -> Device {
    Device {
        asset_code: id.as_str().into(),
        id,
        kind,
        model: "".into(),
        name: "".into(),
        latitude: None,
        longitude: None,
        district: "".into(),
        grid: "".into(),
        feeder: "".into(),
        cabinet: "".into(),
        catchment: "".into(),
        carrier_cell: "".into(),
        department: "".into(),
        asset_type: kind.def().asset_type.into(),
        interval_s: kind.def().interval_s,
        token_hash: None,
        attributes: Attributes::default(),
        life: DeviceLife::Registered,
    }
}

fn add(local: &mut Local, data: &Path, mut device: Device, token: Option<String>) -> Result<(), Failure> {
    let made_up = token.is_none();
    let token = token.map_or_else(|| random_secret(TOKEN_CHARACTERS), Ok)?;
    device.token_hash = Some(token_keys(data)?.hash_token(token.as_bytes()));
    let id = device.id.to_string();
    act(local, Action::AddDevices { devices: vec![device], replace: false })?;
    if made_up {
        show_token(&id, &token);
    } else {
        say(&format!("device `{id}` is registered"));
    }
    Ok(())
}

fn show_token(id: &str, token: &str) {
    say(&format!("device `{id}`, token (shown only now):"));
    give(token);
}

/// Reads a register file and adds its devices, 1,000 a record.
pub(super) fn import(local: &mut Local, data: &Path, file: &Path) -> Result<(), Failure> {
    let keys = token_keys(data)?;
    let hash = |token: &str| keys.hash_token(token.as_bytes());
    let tell = |error: &RowError| {
        let hint = error.hint.as_ref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
        say(&format!("{}: row {}, column `{}`: {}{hint}", file.display(), error.row, error.column, error.message));
    };
    let open = |error| Failure::Failed(format!("{}: {error}", file.display()));
    let input = BufReader::new(File::open(file).map_err(open)?);
    let mut batches = Batches::new(input, &hash).map_err(|errors| {
        errors.iter().for_each(tell);
        Failure::Failed("the file's header is wrong, nothing was taken".to_owned())
    })?;
    let (mut taken, mut refused) = (0_u64, 0_u64);
    while let Some(batch) = batches.next_batch() {
        batch.errors.iter().for_each(tell);
        // A row may have several mistakes.
        let rows: BTreeSet<u64> = batch.errors.iter().map(|error| error.row).collect();
        refused += rows.len() as u64;
        if batch.devices.is_empty() {
            continue;
        }
        let devices = batch.devices.into_iter().map(|(_, device)| device).collect();
        let accepted = act(local, Action::AddDevices { devices, replace: true })?;
        taken += u64::from(accepted.rows);
        refused += accepted.refused.len() as u64;
        for refusal in accepted.refused {
            say(&refusal.message);
        }
    }
    say(&format!("{taken} devices taken, {refused} rows refused"));
    if refused == 0 { Ok(()) } else { Err(Failure::Failed(format!("{refused} rows were refused"))) }
}

/// The hashes of tokens under the data folder's secret.
fn token_keys(data: &Path) -> Result<Directory, Failure> {
    crate::secret::load_or_create(data).map(|secret| Directory::new(secret.for_tokens())).map_err(Failure::failed)
}

fn act(local: &mut Local, action: Action) -> Result<gengfu_model::staff::Accepted, Failure> {
    let verdict = local.act(action).map_err(Failure::failed)?;
    verdict.map_err(|refusal| {
        let hint = refusal.hint.map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
        Failure::Failed(format!("{}{hint}", refusal.message))
    })
}
