//! Who was refused at the door.

use serde::Serialize;
use utoipa::ToSchema;

use crate::gateway::TurnedAwayRow;
use crate::time_text::Time;
use crate::views::name_of;

/// How often one was refused at one listener for one reason, since the gateway started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TurnedAwayView {
    /// The device, or what the sender calls itself without proof; `null`: only its address is known.
    pub device: Option<String>,
    /// Whether the register has a device of that name.
    pub registered: bool,
    /// `mqtt`, `coap`, `http`.
    pub listener: String,
    /// The listener's word, such as `bad_credentials`.
    pub reason: &'static str,
    /// How often.
    pub count: u64,
    /// When for the first time.
    pub first: Time,
    /// When for the last time.
    pub last: Time,
    /// The address that the last one came from, where it was not let in.
    pub from: Option<String>,
}

impl From<TurnedAwayRow> for TurnedAwayView {
    fn from(row: TurnedAwayRow) -> TurnedAwayView {
        TurnedAwayView {
            device: row.device.map(String::from),
            registered: row.registered,
            listener: name_of(&row.listener),
            reason: row.reason,
            count: row.count,
            first: row.first.into(),
            last: row.last.into(),
            from: row.from.map(|from| from.to_string()),
        }
    }
}
