//! Staff: roles, what they may ask for, and the engine's verdict.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::command::JsonObject;
use crate::pack::PackNote;
use crate::places::Place;
use crate::{
    Attachment, CaseReport, Device, DeviceId, DeviceLife, DutyAction, EffectId, Finding, NewSilence, Quarantined, Value,
};

/// What a member of staff may do. An account has one or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// 受理员: takes in reports, files or rejects.
    Acceptor,
    /// 值班员: watches at night, acknowledges, comments, assigns.
    DutyOfficer,
    /// 派遣员: dispatches to departments.
    Dispatcher,
    /// 处置人员: handles.
    Handler,
    /// 核查员: checks before filing and after handling.
    Verifier,
    /// 值班长: supervises, suspends, closes by force.
    ShiftLeader,
    /// 考核员: reads the evaluation.
    Evaluator,
    /// Rule engineer.
    Engineer,
    /// 管理员: accounts, register, configuration.
    Administrator,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 9] = [
        Role::Acceptor,
        Role::DutyOfficer,
        Role::Dispatcher,
        Role::Handler,
        Role::Verifier,
        Role::ShiftLeader,
        Role::Evaluator,
        Role::Engineer,
        Role::Administrator,
    ];
}

/// A staff account. The password is kept as an argon2id hash in PHC format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Login name.
    pub name: Arc<str>,
    /// PHC string of the argon2id hash.
    pub password_hash: String,
    /// What the account may do.
    pub roles: Vec<Role>,
    /// Districts that it is limited to; empty: all.
    #[serde(default)]
    pub districts: Vec<Arc<str>>,
    /// Goes up when the password or the roles change; sessions of an older epoch end.
    #[serde(default)]
    pub epoch: u64,
    /// The account may not log in.
    #[serde(default)]
    pub disabled: bool,
}

/// A request of staff, as it stands in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaffRequest {
    /// Who asks: an account's name, or `local` for the command line on the gateway's own machine.
    pub user: Arc<str>,
    /// The roles that the session had when it asked.
    pub roles: Vec<Role>,
    /// What is asked.
    pub action: Action,
}

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Something about a case.
    Case {
        /// Which case.
        case: EffectId,
        /// What.
        step: CaseStep,
        /// Said with it; some steps need a reason.
        #[serde(default)]
        note: String,
    },
    /// Report a case that no sensor found. An open case of the same class and asset takes the report.
    ReportCase {
        /// The report.
        report: Box<CaseReport>,
    },
    /// Add devices, at most 1,000 a record. All or nothing per row: a bad row does not lose the others.
    AddDevices {
        /// The devices.
        devices: Vec<Device>,
        /// Whether a device that is there already is replaced (an import) or refused (an add).
        replace: bool,
    },
    /// Change where a device stands in its life.
    SetLife {
        /// Which device.
        device: DeviceId,
        /// The new life.
        life: DeviceLife,
    },
    /// Give a device another credential.
    RotateKey {
        /// Which device.
        device: DeviceId,
        /// Hash of the new token.
        #[serde(with = "serde_hash")]
        token_hash: [u8; 32],
    },
    /// Put a rule pack to work, as a whole.
    ActivatePack {
        /// Every file of the pack, name and text, in the order of the names.
        files: BTreeMap<String, String>,
    },
    /// Put a rule pack to work, with what is to be kept with it.
    PublishPack {
        /// Every file of the pack, name and text, in the order of the names.
        files: BTreeMap<String, String>,
        /// Why, and what it had passed.
        note: PackNote,
    },
    /// Run a draft in the shadow of the live pack, in the place of the one that may be there.
    StartShadow {
        /// Every file of the draft.
        files: BTreeMap<String, String>,
        /// Why.
        reason: String,
    },
    /// End the shadow.
    StopShadow,
    /// Record what late readings would have raised.
    RecordFindings {
        /// At most [`MAX_FINDINGS`](crate::finding::MAX_FINDINGS) of them.
        findings: Vec<Finding>,
    },
    /// Replace the city profile: classes, limits, calendar.
    SetProfile {
        /// The profile as TOML text.
        text: String,
    },
    /// Set or remove one parameter of a rule.
    SetParameter {
        /// The rule's id.
        rule: Arc<str>,
        /// The parameter's name.
        name: Arc<str>,
        /// Where it applies: `kind`, `district:NAME`, `group:NAME` or `device:ID`.
        scope: Arc<str>,
        /// The value; `None` takes the setting away.
        value: Option<Value>,
    },
    /// Pause a rule as a whole: it judges no device until it is resumed.
    PauseRule {
        /// The rule's id.
        rule: Arc<str>,
        /// Why, for whoever finds it paused.
        reason: String,
    },
    /// Let a paused rule judge again.
    ResumeRule {
        /// The rule's id.
        rule: Arc<str>,
    },
    /// Replace the city's places: fences, speed zones and routes.
    PutPlaces {
        /// Every place, in WGS-84.
        places: Vec<Place>,
    },
    /// Add or replace a staff account.
    PutUser {
        /// The account.
        user: User,
    },
    /// Silence what comes from an asset, a device, an area or a rule: recorded, no case, no message.
    PutSilence {
        /// What is asked for.
        silence: Box<NewSilence>,
    },
    /// End a silence, or all of a work order, before its time.
    EndSilence {
        /// Which silence.
        #[serde(default)]
        silence: Option<EffectId>,
        /// Or: the work order that was closed.
        #[serde(default)]
        work_order: Option<Arc<str>>,
    },
    /// Send a command to a device.
    SendCommand {
        /// Which device.
        device: DeviceId,
        /// What it is to do.
        name: Arc<str>,
        /// What it needs for that.
        #[serde(default)]
        args: JsonObject,
        /// How long the device may take to answer, in seconds.
        expires_s: u32,
    },
    /// Something about duty: rosters, escalation, contacts, hand-over.
    Duty {
        /// What.
        ask: DutyAction,
    },
    /// The city's platform says how far a case is. At least once: the same message comes again.
    Platform {
        /// The platform's name in the configuration.
        platform: Arc<str>,
        /// The platform's id of the message.
        message: Arc<str>,
        /// The case, by its id or by its number.
        case: Arc<str>,
        /// How far it is there.
        reached: PlatformStage,
        /// What was said with it.
        #[serde(default)]
        note: String,
    },
    /// Decode a quarantined message again, with the codecs of today.
    Redecode {
        /// The message, whole.
        message: Box<Quarantined>,
    },
}

/// How far a case is on the city's platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlatformStage {
    /// It has arrived there, or something was said of it.
    Noted,
    /// It was filed (立案).
    Filed,
    /// It was given to a department (派遣).
    Dispatched,
    /// The department works on it (处置).
    Handling,
    /// It was handled (处置反馈).
    Handled,
    /// The department sent it back (回退).
    Returned,
}

impl Action {
    /// The action's name, for the audit and for metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Action::Case { step, .. } => step.name(),
            Action::ReportCase { .. } => "report_case",
            Action::AddDevices { .. } => "add_devices",
            Action::SetLife { .. } => "set_life",
            Action::RotateKey { .. } => "rotate_key",
            Action::ActivatePack { .. } => "activate_pack",
            Action::PublishPack { .. } => "publish_pack",
            Action::StartShadow { .. } => "start_shadow",
            Action::StopShadow => "stop_shadow",
            Action::RecordFindings { .. } => "record_findings",
            Action::SetProfile { .. } => "set_profile",
            Action::SetParameter { .. } => "set_parameter",
            Action::PauseRule { .. } => "pause_rule",
            Action::ResumeRule { .. } => "resume_rule",
            Action::PutPlaces { .. } => "put_places",
            Action::PutUser { .. } => "put_user",
            Action::SendCommand { .. } => "send_command",
            Action::Duty { ask } => ask.name(),
            Action::Platform { .. } => "platform_status",
            Action::PutSilence { .. } => "put_silence",
            Action::EndSilence { .. } => "end_silence",
            Action::Redecode { .. } => "redecode",
        }
    }
}

/// One step of a case. The names are those of the HTTP API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub enum CaseStep {
    /// I have seen it and take it over.
    Acknowledge,
    /// I have seen it and get it on its way within so many minutes.
    TakeOver {
        /// So many, 1 to 1,440.
        within_min: u32,
    },
    /// Give it to somebody.
    Assign {
        /// The account that works on it.
        to: Arc<str>,
    },
    /// Ask for a check on site before filing (核实).
    Verify,
    /// File it (立案).
    File,
    /// Do not file it (不立案); needs a reason.
    Reject,
    /// Dispatch it to a department (派遣).
    Dispatch {
        /// The department.
        department: Arc<str>,
    },
    /// The department takes it.
    Receive,
    /// The department sends it back (回退); needs a reason.
    Return,
    /// It has been handled (处置反馈).
    Handle,
    /// Stop the clock (挂账); needs a reason.
    Suspend,
    /// Let the clock go on.
    Resume,
    /// The check after handling found it right (核查).
    Check,
    /// The check found it wrong (返工); needs a reason.
    Rework,
    /// Close it (结案).
    Close {
        /// `real`, `false`, `nuisance` or `duplicate`.
        feedback: Option<Arc<str>>,
    },
    /// Close it against the workflow (强制结案); needs a reason.
    ForceClose,
    /// Cancel it (作废); needs a reason.
    Cancel,
    /// Put it under supervision (督办).
    Supervise,
    /// Say something.
    Comment,
    /// Add a photo, a voice note or a document, whose bytes are kept already.
    Attach {
        /// What was added.
        attachment: Box<Attachment>,
    },
    /// Fold it into another case.
    Merge {
        /// The case that stays.
        into: EffectId,
    },
}

impl CaseStep {
    /// The step's name as in the HTTP API's path.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            CaseStep::Acknowledge | CaseStep::TakeOver { .. } => "acknowledge",
            CaseStep::Assign { .. } => "assign",
            CaseStep::Verify => "verify",
            CaseStep::File => "file",
            CaseStep::Reject => "reject",
            CaseStep::Dispatch { .. } => "dispatch",
            CaseStep::Receive => "receive",
            CaseStep::Return => "return",
            CaseStep::Handle => "handle",
            CaseStep::Suspend => "suspend",
            CaseStep::Resume => "resume",
            CaseStep::Check => "check",
            CaseStep::Rework => "rework",
            CaseStep::Close { .. } => "close",
            CaseStep::ForceClose => "force_close",
            CaseStep::Cancel => "cancel",
            CaseStep::Supervise => "supervise",
            CaseStep::Comment => "comment",
            CaseStep::Attach { .. } => "attach",
            CaseStep::Merge { .. } => "merge",
        }
    }
}

/// Why a request was refused: what, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// A word for programs, such as `forbidden`, `not_found`, `wrong_state`, `invalid`.
    pub code: String,
    /// For people.
    pub message: String,
    /// The field or row that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Refusal {
    /// A refusal without field and hint.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Refusal {
        Refusal { code: code.to_owned(), message: message.into(), field: None, hint: None }
    }

    /// The same refusal that names the field or row.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Refusal {
        self.field = Some(field.into());
        self
    }

    /// The same refusal that says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Refusal {
        self.hint = Some(hint.into());
        self
    }
}

/// The engine's answer to a request: what was done (as JSON for the API), or why not. An accepted
/// request may carry refusals of single rows (an import).
pub type Verdict = Result<Accepted, Refusal>;

/// A request that was carried out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// The case, incident or command that came to be or changed, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EffectId>,
    /// How many rows were taken.
    #[serde(default)]
    pub rows: u32,
    /// Rows that were not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refusal>,
}

mod serde_hash {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Wrap(#[serde(with = "crate::device::hex32")] Option<[u8; 32]>);

    pub(super) fn serialize<S: Serializer>(hash: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        Wrap(Some(*hash)).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        Wrap::deserialize(deserializer)?.0.ok_or_else(|| serde::de::Error::custom("a token hash is missing"))
    }
}
