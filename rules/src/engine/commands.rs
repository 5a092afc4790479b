//! Commands to devices: who may get how many, which are open, and how they end.
//!
//! A command comes to be by a request, ends by the device's reply or by time, and each of these is a record
//! of the journal or a timer of it: a replay gives the same rows. What the listener reports of its delivery
//! is not known here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use gengfu_model::command::{
    COMMAND_RATE_MS, JsonObject, MAX_COMMAND_ARGS_BYTES, MAX_COMMAND_EXPIRES_S, MAX_COMMAND_NAME_BYTES,
    MAX_COMMAND_RESULT_BYTES, MAX_COMMANDS_A_MINUTE, MAX_OPEN_COMMANDS, MAX_OPEN_COMMANDS_IN_ALL,
};
use gengfu_model::staff::Accepted;
use gengfu_model::{
    Assertion, CommandReply, CommandRow, CommandState, Device, DeviceId, Effect, EffectId, EffectSink, Refusal, Signal,
    Timestamp,
};

/// Before the id of the rule that asked for a command, where else the account's name stands.
pub const RULE_PREFIX: &str = "rule:";

/// What a request asks of a device.
pub(super) struct Asked<'a> {
    pub(super) device: &'a DeviceId,
    pub(super) name: &'a Arc<str>,
    pub(super) args: &'a JsonObject,
    pub(super) expires_s: u32,
}

/// The open commands, and what the rate limit needs of the others.
#[derive(Clone, Debug, Default)]
pub(super) struct Commands {
    open: BTreeMap<EffectId, CommandRow>,
    /// How many are open of each device that has one.
    open_of: BTreeMap<DeviceId, usize>,
    due: BTreeSet<(Timestamp, EffectId)>,
    /// What was asked within the rate limit's window, oldest first.
    recent: VecDeque<(Timestamp, DeviceId)>,
}

impl Commands {
    /// The commands of the ledger: the open ones, and those of the last minute, in the order of their ids.
    pub(super) fn restore(rows: Vec<CommandRow>) -> Commands {
        let mut commands = Commands::default();
        for row in rows {
            commands.recent.push_back((row.created, row.device.clone()));
            if row.state.is_open() {
                commands.keep(row);
            }
        }
        commands
    }

    /// When the next open command expires.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The open commands, in the order in which they were asked.
    pub(super) fn open(&self) -> impl Iterator<Item = &CommandRow> {
        self.open.values()
    }

    /// Takes a command on, or says why not.
    pub(super) fn ask(
        &mut self,
        now: Timestamp,
        by: &Arc<str>,
        asked: &Asked<'_>,
        out: &mut EffectSink,
    ) -> Result<Accepted, Refusal> {
        check(asked)?;
        self.check_room(now, asked.device)?;
        let row = CommandRow {
            id: out.reserve(),
            device: asked.device.clone(),
            name: Arc::clone(asked.name),
            args: asked.args.clone(),
            by: Arc::clone(by),
            created: now,
            expires: now.plus_ms(i64::from(asked.expires_s) * 1_000),
            state: CommandState::Queued,
            updated: now,
            result: None,
        };
        let id = row.id;
        self.recent.push_back((now, row.device.clone()));
        out.push(Effect::Command(Box::new(row.clone())));
        self.keep(row);
        Ok(Accepted { id: Some(id), rows: 1, ..Accepted::default() })
    }

    /// A rule wishes something of a device: it is asked like anybody, under the name `rule:ID`, and a refusal is
    /// audited like anybody's. (What was taken on is a row with that name.)
    pub(super) fn wished(&mut self, now: Timestamp, device: &Device, signal: &Signal, out: &mut EffectSink) {
        let Assertion::Command { name, args, expires_s } = &signal.assertion else { return };
        let by: Arc<str> = format!("{RULE_PREFIX}{}", signal.rule).into();
        let asked = Asked { device: &device.id, name, args, expires_s: *expires_s };
        if let Err(refusal) = self.ask(now, &by, &asked, out) {
            out.push(Effect::Audit {
                user: by,
                action: "send_command",
                subject: device.id.to_string(),
                verdict: format!("{}: {}", refusal.code, refusal.message),
            });
        }
    }

    /// A device's reply: the first one to an open command of its own ends it, anything else changes nothing.
    pub(super) fn reply(&mut self, now: Timestamp, from: &DeviceId, payload: &[u8], out: &mut EffectSink) {
        let Ok(reply) = serde_json::from_slice::<CommandReply>(payload) else { return };
        if self.open.get(&reply.id).is_none_or(|row| row.device != *from) {
            return;
        }
        let state = if reply.ok { CommandState::Answered } else { CommandState::Failed };
        self.end(now, reply.id, state, reply.result.map(bounded), out);
    }

    /// Ends what is due by `now`.
    pub(super) fn fire(&mut self, now: Timestamp, out: &mut EffectSink) {
        while let Some((_, id)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            self.end(now, id, CommandState::Expired, None, out);
        }
    }

    fn keep(&mut self, row: CommandRow) {
        self.due.insert((row.expires, row.id));
        *self.open_of.entry(row.device.clone()).or_default() += 1;
        self.open.insert(row.id, row);
    }

    fn end(
        &mut self,
        now: Timestamp,
        id: EffectId,
        state: CommandState,
        result: Option<serde_json::Value>,
        out: &mut EffectSink,
    ) {
        let Some(mut row) = self.open.remove(&id) else { return };
        self.due.remove(&(row.expires, id));
        if let Some(count) = self.open_of.get_mut(&row.device) {
            *count -= 1;
            if *count == 0 {
                self.open_of.remove(&row.device);
            }
        }
        (row.state, row.updated, row.result) = (state, now, result);
        out.push(Effect::Command(Box::new(row)));
    }

    fn check_room(&mut self, now: Timestamp, device: &DeviceId) -> Result<(), Refusal> {
        while self.recent.front().is_some_and(|(at, _)| now.since_ms(*at) >= COMMAND_RATE_MS) {
            self.recent.pop_front();
        }
        let too_many = |message: String, hint: &str| Err(Refusal::new("too_many", message).hint(hint));
        if self.open_of.get(device).is_some_and(|open| *open >= MAX_OPEN_COMMANDS) {
            let message = format!("{MAX_OPEN_COMMANDS} commands wait for an answer of device `{device}`");
            return too_many(message, "wait until they are answered or have expired");
        }
        if self.open.len() >= MAX_OPEN_COMMANDS_IN_ALL {
            let message = format!("{MAX_OPEN_COMMANDS_IN_ALL} commands wait for an answer");
            return too_many(message, "wait until some are answered or have expired");
        }
        if self.recent.iter().filter(|(_, other)| other == device).count() >= MAX_COMMANDS_A_MINUTE {
            let message = format!("device `{device}` was given {MAX_COMMANDS_A_MINUTE} commands within a minute");
            return too_many(message, "wait a minute");
        }
        Ok(())
    }
}

fn check(asked: &Asked<'_>) -> Result<(), Refusal> {
    let invalid = |field: &str, message: String| Err(Refusal::new("invalid", message).field(field));
    let name = asked.name;
    if name.is_empty() || name.len() > MAX_COMMAND_NAME_BYTES || name.chars().any(char::is_control) {
        let message = format!("a command's name has 1 to {MAX_COMMAND_NAME_BYTES} bytes without control characters");
        return invalid("name", message);
    }
    if asked.expires_s == 0 || asked.expires_s > MAX_COMMAND_EXPIRES_S {
        let message = format!("`expires_s` is {}, it must be 1 to {MAX_COMMAND_EXPIRES_S} seconds", asked.expires_s);
        return invalid("expires_s", message);
    }
    let bytes = serde_json::to_string(asked.args).map_or(usize::MAX, |text| text.len());
    if bytes > MAX_COMMAND_ARGS_BYTES {
        let message = format!("`args` has {bytes} bytes, at most {MAX_COMMAND_ARGS_BYTES}");
        return Err(Refusal::new("too_large", message).field("args"));
    }
    Ok(())
}

/// A result that is too long for the ledger is told by its length; the journal has it.
fn bounded(result: serde_json::Value) -> serde_json::Value {
    let bytes = result.to_string().len();
    if bytes <= MAX_COMMAND_RESULT_BYTES { result } else { serde_json::json!({ "too_long_bytes": bytes }) }
}
