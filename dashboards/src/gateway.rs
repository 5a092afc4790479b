//! What the API needs of the running gateway: a seam, so that the API is tested without one.

mod sheets;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use gengfu_connectors::attachments::AttachmentError;
use gengfu_model::Refusal;
use gengfu_model::duty::{Contact, EscalationChain, Roster};
use gengfu_model::pack::TrialNote;
use gengfu_model::staff::{StaffRequest, Verdict};
use gengfu_model::{DeviceId, DeviceLife, EffectId, Evidence, Kind, Quality, Seq, Timestamp, Transport, Value};
use serde::Serialize;
use tokio::sync::broadcast;

pub use sheets::{Balance, DayAsked, DaySheets, WORST_DEVICES};

/// A future that owns what it needs.
pub type Answer<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The newest accepted value of one field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LatestField {
    /// The value.
    pub value: Value,
    /// Event time.
    pub time: Timestamp,
    /// How far it can be trusted.
    pub quality: Quality,
}

/// What the engine knows of a device right now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceNow {
    /// The device.
    pub device: DeviceId,
    /// Its kind.
    pub kind: Kind,
    /// Where it stands in its life.
    pub life: DeviceLife,
    /// When it was last heard (journal time).
    pub heard: Option<Timestamp>,
    /// Its newest values by field name.
    pub fields: BTreeMap<&'static str, LatestField>,
}

/// What a listener reported last of a command's delivery: a receipt, not a state of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// `sent`, `acknowledged`, `refused`, `too_large`, `session_ended`, `expired`.
    pub outcome: &'static str,
    /// When it was reported.
    pub time: Timestamp,
}

/// Whose refusals at the door.
#[derive(Clone, Debug, Default)]
pub struct TurnedAwayAsk {
    /// Of that name.
    pub device: Option<String>,
    /// By that listener.
    pub listener: Option<Transport>,
    /// For that reason.
    pub reason: Option<String>,
}

/// How often one was refused at one listener for one reason, since the process started. Holds no credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnedAwayRow {
    /// Grows with each refusal: the row that was refused last has the highest.
    pub turn: u64,
    /// The device, or what the peer called itself; `None`: only its address is known.
    pub device: Option<DeviceId>,
    /// Whether the register has a device of that name.
    pub registered: bool,
    /// The listener.
    pub listener: Transport,
    /// Why, from the listener's closed list.
    pub reason: &'static str,
    /// How often.
    pub count: u64,
    /// When for the first time.
    pub first: Timestamp,
    /// When for the last time.
    pub last: Timestamp,
    /// Where the last one came from.
    pub from: Option<std::net::IpAddr>,
}

/// How a city platform gets in, and how its messages are read.
#[derive(Debug)]
pub struct PlatformDoor {
    /// SHA-256 of its token.
    pub token_hash: [u8; 32],
    /// Where its messages say what.
    pub mapping: gengfu_connectors::city::StatusMapping,
}

impl PlatformDoor {
    /// Whether that is the platform's token. Hashes are compared, so that time tells nothing of the token.
    #[must_use]
    pub fn opens_to(&self, token: &str) -> bool {
        use sha2::Digest as _;
        !token.is_empty() && <[u8; 32]>::from(sha2::Sha256::digest(token.as_bytes())) == self.token_hash
    }
}

/// An event of the live stream.
///
/// Of incidents and cases: `id` is the effect's and ascends, `data` is the entity as the ledger's stream
/// rows have it; the API shapes it. Others (`balance`, `device.state`) are of the moment: never repeated,
/// passed on as they are, and kept from accounts of other districts if the body has a `district`.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamEvent {
    /// The event's id, for `Last-Event-ID`.
    pub id: gengfu_model::EffectId,
    /// `incident.opened`, `incident.updated`, `incident.cleared`, `case.opened`, `case.updated`, `device.state`, `balance`.
    pub name: Arc<str>,
    /// The body as JSON text.
    pub data: Arc<str>,
}

/// How the running gateway is doing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// The program's version.
    pub version: &'static str,
    /// Listeners are up and recovery is done.
    pub ready: bool,
    /// The newest synced record.
    pub journal: Seq,
    /// The newest record that the engine has applied.
    pub applied: Seq,
    /// The newest record whose effects are in the ledger.
    pub ledger: Seq,
    /// Journal time.
    pub time: Timestamp,
    /// Registered devices.
    pub devices: usize,
    /// The live rule pack's version, if any.
    pub pack: Option<Arc<str>>,
    /// What is wrong with the gateway itself right now, for people (disk full, clock fault).
    pub faults: Vec<String>,
}

/// A rule of the live pack: how it runs, and what it has cost since the pack was put to work or the
/// gateway started.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleNow {
    /// Its id.
    pub id: String,
    /// The kind that it judges.
    pub kind: Kind,
    /// How it runs: `tier` is `lowered` or `interpreter`, `reason` what keeps it from being lowered.
    pub tier: serde_json::Value,
    /// How often it was evaluated.
    pub evaluations: u64,
    /// How many operations that took.
    pub operations: u64,
    /// How many evaluations failed.
    pub faults: u64,
    /// How many were left out, since the device is kept from the rule or the rule is paused.
    pub skipped: u64,
    /// Whether it is paused: it judges no device until it is resumed.
    pub paused: bool,
    /// How many signals it gave.
    pub signals: u64,
    /// The processor's time of all evaluations in milliseconds, reckoned from samples; `None`: none was taken yet.
    pub cpu_ms: Option<f64>,
    /// How many samples that is reckoned from.
    pub cpu_samples: u64,
    /// The bytes that it keeps of all devices; `None`: that was not asked for.
    pub state_bytes: Option<u64>,
    /// The newest failure: `device, time_ms, line, column, message`.
    pub last_fault: Option<serde_json::Value>,
}

/// A backtest that the API was asked for; texts are read by the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BacktestAsk {
    /// The draft; `None`: the pack that is live.
    pub files: Option<BTreeMap<String, String>>,
    /// The first moment, as written.
    pub from: String,
    /// The first moment after the stretch, as written; `None`: now.
    pub to: Option<String>,
    /// A sweep, as written.
    pub sweep: Option<String>,
    /// Compare with what was live at each moment.
    pub history: bool,
    /// Examples of each sort of change.
    pub examples: Option<usize>,
    /// Who asks.
    pub by: String,
}

/// A pack that somebody wants to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishAsk {
    /// Its files.
    pub files: BTreeMap<String, String>,
    /// The report that it is published after.
    pub after_trial: Option<String>,
}

/// What the checks before a publication found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vetted {
    /// What the pack's tests said, in words; empty: none were run.
    pub tests: String,
    /// The report that it is published after.
    pub trial: Option<TrialNote>,
    /// What stands against the publication.
    pub against: Vec<String>,
}

/// Which parameters somebody asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParametersAsk {
    /// The rule's id.
    pub rule: String,
    /// One parameter; `None`: all of the rule's.
    pub name: Option<String>,
    /// The device whose values are wanted.
    pub device: Option<DeviceId>,
}

fn no_trials() -> Refusal {
    Refusal::new("unavailable", "this gateway runs no trials")
}

/// The running gateway, as the API sees it.
pub trait Gateway: Send + Sync + 'static {
    /// Journals a staff request and waits for the engine's verdict; the ledger has it by then.
    fn request(&self, request: StaffRequest) -> Answer<Verdict>;

    /// Keeps the bytes of a case's file and gives their SHA-256; they are on the disk by then. Blocks on files.
    ///
    /// # Errors
    /// `full` without room, `unavailable` when they cannot be kept.
    fn keep_file(&self, _bytes: &[u8]) -> Result<String, Refusal> {
        Err(Refusal::new("unavailable", "this gateway keeps no files"))
    }

    /// The bytes of a case's file by their SHA-256. Blocks on files.
    ///
    /// # Errors
    /// [`AttachmentError`] if they are missing or damaged.
    fn file(&self, sha256: &str) -> Result<Vec<u8>, AttachmentError> {
        Err(AttachmentError::Missing(sha256.to_owned()))
    }

    /// What the engine knows of a device right now; `None`: not in the register.
    fn device_now(&self, device: DeviceId) -> Answer<Option<DeviceNow>>;

    /// The devices after `after` in the order of ids, at most `limit`.
    fn devices_now(&self, after: Option<DeviceId>, limit: usize) -> Answer<Vec<DeviceNow>>;

    /// Why a rule says what it says of a device right now, or does not, as JSON; `None`: no such device, or
    /// its kind has no such rule.
    fn why(&self, _device: DeviceId, _rule: String) -> Answer<Option<serde_json::Value>> {
        Box::pin(async { None })
    }

    /// Why a rule said what it said of a device at a moment that is over, or did not, as JSON: `at, from, messages,
    /// why`; `why` is `null` if there was no such device or rule then. It may take a while.
    ///
    /// # Errors
    /// Why the past cannot be looked at.
    fn why_at(&self, _device: DeviceId, _rule: String, _at: Timestamp) -> Answer<Result<serde_json::Value, Refusal>> {
        Box::pin(async { Err(no_trials()) })
    }

    /// The parameters of a rule (or the one of that name) with every setting, as JSON, and what a device gets with
    /// the chain of scopes that gave it; `None`: no such rule, parameter or device.
    fn rule_parameters(&self, _asked: ParametersAsk) -> Answer<Option<serde_json::Value>> {
        Box::pin(async { None })
    }

    /// How many devices that a rule judges are within a scope; `None`: there is no such rule.
    fn devices_within(&self, _rule: String, _scope: String) -> Answer<Option<usize>> {
        Box::pin(async { None })
    }

    /// Whether a rule's explanations evaluate again, from their stored inputs alone, to the values that they
    /// show: `same`, `different`, or why that cannot be told.
    fn replays(&self, _rule: String, evidence: Vec<Evidence>) -> Answer<Vec<String>> {
        Box::pin(async move { vec!["not evaluated".to_owned(); evidence.len()] })
    }

    /// The two sheets since the first record (of all devices or one).
    fn balance(&self, device: Option<DeviceId>) -> Answer<Balance>;

    /// The two sheets of one day.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    fn day_sheets(&self, _asked: DayAsked) -> Answer<Result<DaySheets, gengfu_connectors::LedgerError>> {
        Box::pin(std::future::ready(Ok(DaySheets::default())))
    }

    /// Who was refused at the door, the one refused last first.
    fn turned_away(&self, _asked: &TurnedAwayAsk) -> Vec<TurnedAwayRow> {
        Vec::new()
    }

    /// What is known of the delivery of an open command; `None`: nothing, or it is closed.
    fn command_delivery(&self, _command: EffectId) -> Option<Delivery> {
        None
    }

    /// Who is on duty in a district now and next; `None`: no roster watches it.
    fn duty_now(&self, district: String) -> Answer<Option<gengfu_cases::DutyNow>>;

    /// Every roster, by district.
    fn rosters(&self) -> Answer<Vec<Roster>>;

    /// The escalation chains in force, and whether they are the usual ones.
    fn chains(&self) -> Answer<(Vec<EscalationChain>, bool)>;

    /// How an account is reached.
    fn contact(&self, user: String) -> Answer<Option<Contact>>;

    /// Up to which notification an account has read.
    fn read_up_to(&self, user: String) -> Answer<Option<gengfu_model::EffectId>>;

    /// The channels to people beside the console, by name.
    fn channels(&self) -> Vec<String> {
        Vec::new()
    }

    /// What became of an outbox row at every target.
    fn deliveries(&self, _item: gengfu_model::EffectId) -> Answer<Vec<gengfu_connectors::delivery::Delivery>> {
        Box::pin(async { Vec::new() })
    }

    /// The door of a city platform.
    fn platform(&self, _name: &str) -> Option<Arc<PlatformDoor>> {
        None
    }

    /// Begins a backtest and gives its view with its id. Blocks on files.
    ///
    /// # Errors
    /// What is wrong with what is asked, or `busy`.
    fn begin_backtest(&self, _ask: BacktestAsk) -> Result<serde_json::Value, Refusal> {
        Err(no_trials())
    }

    /// Backtests that run or failed, and reports, the newest first. Blocks on files.
    ///
    /// # Errors
    /// When reports cannot be read.
    fn trials(&self) -> Result<Vec<serde_json::Value>, Refusal> {
        Ok(Vec::new())
    }

    /// A backtest or a report by its id. Blocks on files.
    ///
    /// # Errors
    /// When a report cannot be read.
    fn trial(&self, _id: &str) -> Result<Option<serde_json::Value>, Refusal> {
        Ok(None)
    }

    /// Cancels a backtest; whether one of that id was running.
    fn cancel_trial(&self, _id: &str) -> bool {
        false
    }

    /// What the shadow has found by now; `None`: there is none. Blocks for some seconds at most.
    fn shadow(&self) -> Option<serde_json::Value> {
        None
    }

    /// What the checks before a publication find. Blocks.
    ///
    /// # Errors
    /// When the named report cannot be read or is not there.
    fn vet_publication(&self, _ask: &PublishAsk) -> Result<Vetted, Refusal> {
        Ok(Vetted::default())
    }

    /// The live stream from now on. A reader that falls behind is told so and resumes by id.
    fn subscribe(&self) -> broadcast::Receiver<Arc<StreamEvent>>;

    /// How the gateway is doing.
    fn status(&self) -> Status;

    /// Metrics in Prometheus' text format.
    fn metrics(&self) -> String;

    /// Hash of a device token under the server's secret.
    fn hash_token(&self, token: &str) -> [u8; 32];

    /// Checks rule files; every mistake as JSON (`file, line, column, severity, message, hint, source`).
    fn check_rules(&self, files: BTreeMap<String, String>) -> Vec<serde_json::Value>;

    /// How each of these rules would run (`rule, kind, file, tier, reason`); nothing if the files have errors.
    fn rule_tiers(&self, _files: BTreeMap<String, String>) -> Vec<serde_json::Value> {
        Vec::new()
    }

    /// How each rule of the live pack runs, and what it has cost since it was put to work.
    fn rules_now(&self) -> Vec<RuleNow> {
        Vec::new()
    }

    /// As [`Gateway::rules_now`], with the memory that each keeps of the devices.
    fn rules_with_state(&self) -> Answer<Vec<RuleNow>> {
        let now = self.rules_now();
        Box::pin(async { now })
    }

    /// Runs the tests in and beside rule files whose `FILE::NAME` holds `filter`: the report as JSON.
    ///
    /// # Errors
    /// The pack's mistakes, as [`Gateway::check_rules`] tells them: nothing runs before it compiles.
    fn test_rules(
        &self,
        files: BTreeMap<String, String>,
        filter: &str,
    ) -> Result<serde_json::Value, Vec<serde_json::Value>>;
}
