//! The local socket: how the command line talks to a running gateway on the same machine.
//!
//! A Unix socket in the data folder that only its owner may open: whoever can read the folder is the
//! administrator anyway. One JSON object a line, one answer a line.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gengfu_dashboards::accounts::{Booked, accounts};
use gengfu_dashboards::gateway::{Balance, Gateway, ParametersAsk};
use gengfu_model::Refusal;
use gengfu_model::staff::{Action, Role, StaffRequest, Verdict};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::handle::Shared;

/// The longest question; an import of 1,000 devices fits well.
const MAX_LINE_BYTES: u64 = 8 << 20;
/// How many command lines may talk at once.
const MAX_CONNECTIONS: usize = 16;
/// How long the command line waits for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// The name that the command line has in the audit.
pub const LOCAL_USER: &str = "local";

/// What the command line may ask.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Carry out an action as the local administrator.
    Do(Box<Action>),
    /// How the gateway is doing.
    Status,
    /// The two sheets of all devices.
    Balance,
    /// Why a rule says what it says of a device, or does not.
    Why {
        /// The device.
        device: gengfu_model::DeviceId,
        /// The rule's id.
        rule: String,
    },
    /// The parameters of a rule, and what a device gets.
    Parameters {
        /// The rule's id.
        rule: String,
        /// One parameter; `None`: all.
        name: Option<String>,
        /// The device.
        device: Option<gengfu_model::DeviceId>,
    },
    /// How many devices that a rule judges are within a scope.
    DevicesWithin {
        /// The rule's id.
        rule: String,
        /// The scope.
        scope: String,
    },
    /// What each rule costs and brings: incidents and cases of a period.
    Accounts {
        /// First moment.
        from: gengfu_model::Timestamp,
        /// First moment after.
        to: gengfu_model::Timestamp,
    },
    /// Who is on duty in a district.
    Duty(String),
    /// How an account is reached.
    Contact(String),
    /// What the shadow has found by now.
    Shadow,
}

/// The answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The engine's verdict.
    Verdict(Result<gengfu_model::staff::Accepted, Refusal>),
    /// The status as JSON.
    Status(serde_json::Value),
    /// The two sheets.
    Balance(Balance),
    /// The evaluation; `None`: no such device, or its kind has no such rule.
    Why(Option<serde_json::Value>),
    /// What was asked for, as JSON; `null`: there is none.
    Found(serde_json::Value),
    /// The shadow as JSON; `null`: there is none.
    Shadow(serde_json::Value),
    /// The question could not be read.
    Error(String),
}

/// Where the socket is.
#[must_use]
pub fn socket_path(data: &Path) -> PathBuf {
    data.join("run").join("control.sock")
}

/// A request in the name of the command line.
#[must_use]
pub fn local_request(action: Action) -> StaffRequest {
    StaffRequest { user: LOCAL_USER.into(), roles: Role::ALL.to_vec(), action }
}

/// Opens the socket. A stale one of a process that died is replaced; the folder's lock has made sure
/// that no other gateway runs.
///
/// # Errors
/// When the socket cannot be made.
pub fn bind(data: &Path) -> std::io::Result<UnixListener> {
    let path = socket_path(data);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves the socket until told to stop.
pub async fn serve(listener: UnixListener, gateway: Shared, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, gateway.clone(), stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "local socket: cannot accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    while connections.join_next().await.is_some() {}
}

async fn converse(stream: tokio::net::UnixStream, gateway: Shared, stop: CancellationToken) {
    let (read, mut write) = stream.into_split();
    let mut lines = tokio::io::BufReader::new(read.take(MAX_LINE_BYTES * 1_024)).lines();
    loop {
        let line = tokio::select! {
            () = stop.cancelled() => return,
            line = lines.next_line() => line,
        };
        let Ok(Some(line)) = line else { return };
        let reply = match serde_json::from_str(&line) {
            Ok(question) => answer(&gateway, question).await,
            Err(error) => Reply::Error(format!("cannot read the question: {error}")),
        };
        let mut text = serde_json::to_string(&reply).unwrap_or_default();
        text.push('\n');
        if write.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Answers one question.
pub async fn answer(gateway: &Shared, question: Question) -> Reply {
    match question {
        Question::Do(action) => Reply::Verdict(gateway.request(local_request(*action)).await),
        Question::Balance => Reply::Balance(gateway.balance(None).await),
        Question::Why { device, rule } => Reply::Why(gateway.why(device, rule).await),
        Question::Parameters { rule, name, device } => {
            let found = gateway.rule_parameters(ParametersAsk { rule, name, device }).await;
            Reply::Found(found.unwrap_or_default())
        }
        Question::Accounts { from, to } => {
            let now = gateway.rules_with_state().await;
            let gateway = gateway.clone();
            let read = move || Booked::read(&gateway.0.ledger, from, to, Vec::new());
            match tokio::task::spawn_blocking(read).await {
                Ok(Ok(booked)) => {
                    Reply::Found(serde_json::to_value(accounts(now, booked, from, to)).unwrap_or_default())
                }
                Ok(Err(error)) => Reply::Error(error.to_string()),
                Err(error) => Reply::Error(error.to_string()),
            }
        }
        Question::DevicesWithin { rule, scope } => {
            Reply::Found(gateway.devices_within(rule, scope).await.map_or(serde_json::Value::Null, Into::into))
        }
        Question::Duty(district) => {
            let duty = gateway.duty_now(district.clone()).await;
            let view = duty.map(|duty| gengfu_dashboards::views::DutyView::new(district, duty));
            Reply::Found(serde_json::to_value(view).unwrap_or_default())
        }
        Question::Contact(user) => Reply::Found(serde_json::to_value(gateway.contact(user).await).unwrap_or_default()),
        Question::Shadow => {
            let gateway = gateway.clone();
            let found = tokio::task::spawn_blocking(move || gateway.shadow()).await.ok().flatten();
            Reply::Shadow(found.unwrap_or_default())
        }
        Question::Status => Reply::Status(serde_json::to_value(gateway.status()).unwrap_or_default()),
    }
}

/// The command line's end of the socket.
pub struct LocalClient {
    reader: BufReader<UnixStream>,
}

impl LocalClient {
    /// Connects to the gateway that runs on a data folder; `None` if none does.
    ///
    /// # Errors
    /// When there is a socket, but this user may not open it.
    pub fn connect(data: &Path) -> std::io::Result<Option<LocalClient>> {
        use std::io::ErrorKind::{ConnectionRefused, NotFound};
        match UnixStream::connect(socket_path(data)) {
            Ok(stream) => {
                stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
                Ok(Some(LocalClient { reader: BufReader::new(stream) }))
            }
            // No socket, or one that a dead process left behind.
            Err(error) if matches!(error.kind(), ConnectionRefused | NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// When the gateway goes away or its answer cannot be read.
    pub fn ask(&mut self, question: &Question) -> std::io::Result<Reply> {
        let mut line = serde_json::to_string(question)?;
        line.push('\n');
        self.reader.get_mut().write_all(line.as_bytes())?;
        line.clear();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(std::io::Error::other("the gateway closed the connection"));
        }
        Ok(serde_json::from_str(&line)?)
    }
}

/// Either end: a gateway that runs, or one opened for the occasion.
pub enum Local {
    /// Talks to a running gateway.
    Running(LocalClient),
    /// Opened without listeners by this process.
    Opened(tokio::runtime::Runtime, Arc<crate::Gateway>),
}

impl Local {
    /// Carries out an action as the local administrator.
    ///
    /// # Errors
    /// When the gateway cannot be asked.
    pub fn act(&mut self, action: Action) -> std::io::Result<Verdict> {
        match self.ask(Question::Do(Box::new(action)))? {
            Reply::Verdict(verdict) => Ok(verdict),
            other => Err(std::io::Error::other(format!("unexpected answer: {other:?}"))),
        }
    }

    /// Asks anything.
    ///
    /// # Errors
    /// When the gateway cannot be asked.
    pub fn ask(&mut self, question: Question) -> std::io::Result<Reply> {
        match self {
            Local::Running(client) => client.ask(&question),
            Local::Opened(runtime, gateway) => Ok(runtime.block_on(answer(&gateway.shared(), question))),
        }
    }
}
