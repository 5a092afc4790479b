//! `gengfu users`: staff accounts.

use std::io::BufRead;

use argon2::password_hash::{PasswordHasher, SaltString};
use gengfu_connectors::ledger::LedgerReader;
use gengfu_model::staff::{Action, Role, User};

use super::contact;
use super::{ConfigArgument, Failure, give, leave, ledger_file, random_secret, reach, say};

/// Staff accounts.
#[derive(clap::Args)]
pub(super) struct Users {
    #[command(subcommand)]
    command: UsersCommand,
}

#[derive(clap::Subcommand)]
enum UsersCommand {
    /// Add an account, or give one other roles. The password is read from standard input, or made up
    /// and shown once.
    Add {
        /// Login name.
        name: String,
        /// Roles, such as `duty_officer`; may be given several times.
        #[arg(long = "role", required = true)]
        roles: Vec<String>,
        /// Districts that the account is limited to; none: all.
        #[arg(long = "district")]
        districts: Vec<String>,
        /// Read the password from standard input.
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// Give an account another password; its sessions end.
    Passwd {
        /// Login name.
        name: String,
        /// Read the password from standard input.
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// How an account is reached; with options, sets it as a whole.
    Contact {
        /// Login name.
        name: String,
        /// A channel and the address there, such as `robot=wang` or `sms=13800001111`; may be given several times.
        #[arg(long = "channel", value_name = "NAME=ADDRESS")]
        channels: Vec<String>,
        /// `zh` or `en`.
        #[arg(long)]
        language: Option<String>,
        /// When what is less bad waits, such as `22:00-07:00:critical`; may be given several times.
        #[arg(long = "quiet", value_name = "FROM-TO:SEVERITY")]
        quiet: Vec<String>,
        /// Send a test by every channel.
        #[arg(long)]
        test: bool,
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// The accounts.
    List {
        #[command(flatten)]
        config: ConfigArgument,
    },
}

impl Users {
    /// Runs the command.
    ///
    /// # Errors
    /// Why the gateway refused or cannot be asked.
    pub(super) fn run(&self) -> Result<(), Failure> {
        match &self.command {
            UsersCommand::Add { name, roles, districts, password_stdin, config } => {
                let roles = roles.iter().map(|role| role_of(role)).collect::<Result<Vec<_>, _>>()?;
                let districts = districts.iter().map(|district| district.as_str().into()).collect();
                put(name, Some((roles, districts)), *password_stdin, config)
            }
            UsersCommand::Passwd { name, password_stdin, config } => put(name, None, *password_stdin, config),
            UsersCommand::Contact { name, channels, language, quiet, test, config } => contact::run(
                name,
                &contact::Given { channels, language: language.as_deref(), quiet, test: *test },
                config,
            ),
            UsersCommand::List { config } => list(config),
        }
    }
}

/// The role of that name.
fn role_of(name: &str) -> Result<Role, Failure> {
    serde_json::from_value(serde_json::Value::String(name.to_owned())).map_err(|_| {
        let known: Vec<String> =
            Role::ALL.iter().filter_map(|role| Some(serde_json::to_value(role).ok()?.as_str()?.to_owned())).collect();
        Failure::Usage(format!("there is no role `{name}`; roles are {}", known.join(", ")))
    })
}

fn put(
    name: &str,
    change: Option<(Vec<Role>, Vec<std::sync::Arc<str>>)>,
    from_stdin: bool,
    config: &ConfigArgument,
) -> Result<(), Failure> {
    let config = config.load()?;
    let (password, made_up) = password(from_stdin)?;
    let mut local = reach(&config)?;
    let outcome = (|| {
        let reader = LedgerReader::open(&ledger_file(&config.data.folder)).map_err(Failure::failed)?;
        let old = reader.user(name).map_err(Failure::failed)?;
        let epoch = old.as_ref().map_or(1, |user| user.epoch + 1);
        let (roles, districts) = match (change, old) {
            (Some(change), _) => change,
            (None, Some(old)) => (old.roles, old.districts),
            (None, None) => return Err(Failure::Failed(format!("there is no account `{name}`"))),
        };
        let user = user(name, &password, roles, districts, epoch)?;
        local.act(Action::PutUser { user }).map_err(Failure::failed)
    })();
    leave(local);
    match outcome? {
        Ok(_) if made_up => {
            say(&format!("account `{name}`, password (shown only now):"));
            give(&password);
            Ok(())
        }
        Ok(_) => {
            say(&format!("account `{name}` is set"));
            Ok(())
        }
        Err(refusal) => Err(Failure::Failed(refusal.message)),
    }
}

/// An account with its password hashed (argon2id, the crate's default cost).
///
/// # Errors
/// When there is no randomness for the salt, or the hash fails.
pub(super) fn user(
    name: &str,
    password: &str,
    roles: Vec<Role>,
    districts: Vec<std::sync::Arc<str>>,
    epoch: u64,
) -> Result<User, Failure> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(Failure::failed)?;
    let salt = SaltString::encode_b64(&salt).map_err(Failure::failed)?;
    let hash = argon2::Argon2::default().hash_password(password.as_bytes(), &salt).map_err(Failure::failed)?;
    Ok(User { name: name.into(), password_hash: hash.to_string(), roles, districts, epoch, disabled: false })
}

/// The shortest password that is taken, in bytes.
const MIN_PASSWORD_BYTES: usize = 8;

fn password(from_stdin: bool) -> Result<(String, bool), Failure> {
    if !from_stdin {
        return Ok((random_secret(16)?, true));
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(Failure::failed)?;
    let password = line.trim_end_matches(['\n', '\r']).to_owned();
    if password.len() < MIN_PASSWORD_BYTES {
        return Err(Failure::Usage(format!("a password has at least {MIN_PASSWORD_BYTES} bytes")));
    }
    Ok((password, false))
}

fn list(config: &ConfigArgument) -> Result<(), Failure> {
    let config = config.load()?;
    let reader = LedgerReader::open(&ledger_file(&config.data.folder)).map_err(Failure::failed)?;
    for user in reader.users().map_err(Failure::failed)? {
        let roles: Vec<String> =
            user.roles.iter().filter_map(|role| Some(serde_json::to_value(role).ok()?.as_str()?.to_owned())).collect();
        give(&format!("{}\t{}\t{}", user.name, roles.join(","), if user.disabled { "disabled" } else { "" }));
    }
    Ok(())
}
