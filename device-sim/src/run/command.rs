//! Commands from the gateway: `{"id", "name", "args"}` in, `{"id", "ok", "result"}` out.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::part::Part;

/// A command as it comes from the gateway; what else it carries (its expiry) is the gateway's business.
#[derive(Deserialize)]
struct Command {
    id: Value,
    name: String,
    #[serde(default)]
    args: Value,
}

/// Carries out a command: whether the device could, and its answer. `None` if it is no command.
pub(super) fn carry_out(part: &mut Part, payload: &[u8]) -> Option<(bool, Bytes)> {
    let command: Command = serde_json::from_slice(payload).ok()?;
    let ok = part.command(&command.name, &command.args);
    let result = if ok { "done" } else { "not a command of this device" };
    Some((ok, Bytes::from(json!({ "id": command.id, "ok": ok, "result": result }).to_string())))
}
