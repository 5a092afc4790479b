//! A command to a device.

use gengfu_model::{CommandRow, CommandState};
use serde::Serialize;
use utoipa::ToSchema;

use crate::gateway::Delivery;
use crate::time_text::Time;
use crate::views::name_of;

/// A command with its life.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct CommandView {
    /// Its id, `SEQUENCE-ORDINAL`; the device gets the same.
    pub id: String,
    /// The device.
    pub device: String,
    /// What the device is to do.
    pub name: String,
    /// What it needs for that.
    #[schema(value_type = Object)]
    pub args: serde_json::Value,
    /// Who asked.
    pub by: String,
    /// When it was asked.
    pub created: Time,
    /// It is not sent after this.
    pub expires: Time,
    /// `queued`, `sent`, `acknowledged`, `answered`, `failed`, `expired`. `sent` and `acknowledged` are what
    /// MQTT reported of a command that is not answered yet; after a restart such a command is `queued` again,
    /// and is sent again.
    pub state: String,
    /// When the state last changed.
    pub updated: Time,
    /// What MQTT reported last of an open command: `sent`, `acknowledged`, `refused`, `too_large`,
    /// `session_ended`, `expired`.
    pub delivery: Option<String>,
    /// What the device answered.
    #[schema(value_type = Option<Object>)]
    pub result: Option<serde_json::Value>,
}

impl CommandView {
    /// The row as the ledger has it, with what is known of its delivery.
    #[must_use]
    pub fn new(row: CommandRow, delivery: Option<Delivery>) -> CommandView {
        let delivery = delivery.filter(|_| row.state.is_open());
        let on_its_way = delivery.filter(|delivery| matches!(delivery.outcome, "sent" | "acknowledged"));
        let (state, updated) = match (row.state, on_its_way) {
            (CommandState::Queued, Some(delivery)) => (delivery.outcome.to_owned(), delivery.time),
            (state, _) => (name_of(&state), row.updated),
        };
        CommandView {
            id: row.id.to_string(),
            device: row.device.to_string(),
            name: row.name.to_string(),
            args: serde_json::Value::Object(row.args),
            by: row.by.to_string(),
            created: row.created.into(),
            expires: row.expires.into(),
            state,
            updated: updated.into(),
            delivery: delivery.map(|delivery| delivery.outcome.to_owned()),
            result: row.result,
        }
    }
}
