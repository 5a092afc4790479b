//! The nouns that all of gengfu shares: device, kind, field, reading, record, signal, incident, case.
//!
//! This crate promises plain data and the small rules that belong to it (what a valid device id is,
//! in which range a field lies). It knows no clock, no I/O, no codec, no rule and no store: every
//! other crate may depend on it, and it depends on none of them.

pub mod attachment;
pub mod attributes;
pub mod case;
pub mod catalogue;
pub mod command;
pub mod crs;
pub mod decision;
pub mod decoded;
pub mod device;
pub mod duty;
pub mod effect;
pub mod envelope;
pub mod finding;
pub mod id;
pub mod incident;
pub mod mqtt_session;
pub mod pack;
pub mod places;
pub mod record;
pub mod redecode;
pub mod signal;
pub mod silence;
pub mod staff;
pub mod time;
pub mod value;

pub use attachment::{Attachment, AttachmentPurpose, AttachmentType};
pub use attributes::Attributes;
pub use case::{Case, CaseClocks, CaseEvent, CaseReport, CaseState, Deadline, LimitKind, Progress, Stage, StageClock};
pub use catalogue::{FieldDef, FieldId, FieldType, Kind};
pub use command::{CommandReply, CommandRow, CommandState};
pub use decision::{Decision, DecisionKind, Why};
pub use decoded::{Decoded, FieldProblem, ProblemKind, QuarantineReason, Reading, Sample};
pub use device::{Device, DeviceLife};
pub use duty::{DutyAction, Escalation, WaitsFor};
pub use effect::{Disposition, DispositionKind, Effect, EffectSink, OutboxItem, Point};
pub use envelope::{Envelope, MessageKey, PayloadFormat, Transport};
pub use finding::Finding;
pub use id::{DeviceId, EffectId, IdError, Seq};
pub use incident::{Incident, IncidentState, Severity};
pub use mqtt_session::{MqttSession, SentCommand, SessionChange};
pub use record::{Body, Control, Record};
pub use redecode::{Quarantined, Redecoded, Source};
pub use signal::{Assertion, Evidence, Signal};
pub use silence::{Matcher, NewSilence, Silence, SilenceState};
pub use staff::{Action, Refusal, Role, StaffRequest, Verdict};
pub use time::Timestamp;
pub use value::{Quality, Value};
