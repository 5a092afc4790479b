//! `command(dev, name, #{ .. })`: what a rule asks of the device itself.
//!
//! The kind's catalogue says which commands there are; what is constant is checked against its ranges at load, what is
//! computed when the command is given.

use gengfu_model::FieldType;
use gengfu_model::catalogue::{CommandDef, FieldDef};
use gengfu_model::command::MAX_COMMAND_EXPIRES_S;

use super::value::{Constant, Type, Value};
use super::{EntryKind, Lowerer};
use crate::diagnostic::did_you_mean;
use crate::judge::SlotKind;
use crate::lower::expr::handle;
use crate::program::{CommandArgument, CommandCall, Op, Origin, SlotDef};
use crate::script::render;
use crate::script::tree::{Expr, ExprKind, MapEntry};

/// How long the device may take to answer when the rule does not say, in seconds.
const USUAL_EXPIRES_S: u32 = 600;

impl Lowerer<'_> {
    pub(super) fn command(
        &mut self,
        device: &Expr,
        name: &Expr,
        args: &Expr,
        expires: Option<&Expr>,
        expr: &Expr,
    ) -> Option<Value> {
        self.device_handle("command", device)?;
        if self.repeats() {
            let hint = "join the turns in a variable, and call `command` once after the loop";
            self.error(expr.pos, "`command` is called in each turn, and the last turn alone would count", hint);
            return None;
        }
        if self.frames.iter().any(|frame| frame.name == "member") {
            self.error(expr.pos, "`member` says who belongs to a group, and commands nobody", "");
            return None;
        }
        let def = self.command_def(name)?;
        let ExprKind::Map(entries) = &args.kind else {
            let hint = format!("write command(dev, \"{}\", {})", def.name, form(def));
            self.error(args.pos, "the arguments of a command are a map", hint);
            return None;
        };
        let expires_s = self.expires(expires)?;
        let arguments = self.arguments(def, entries, args)?;
        let slot = self.command_slot(def.name)?;
        self.commands.push(CommandCall {
            name: def.name,
            slot,
            arguments,
            expires_s,
            origin: Origin { pos: expr.pos, text: render(expr, true).into() },
        });
        let command = u16::try_from(self.commands.len() - 1).ok()?;
        self.push(Op::Command { command });
        Some(handle(Type::Unit, expr.pos))
    }

    fn command_def(&mut self, name: &Expr) -> Option<&'static CommandDef> {
        let value = self.typed(name, Type::Text)?;
        let Some(Constant::Text(text)) = value.constant else {
            self.error(name.pos, "the name of a command must be constant", "");
            return None;
        };
        let kind = self.meta.kind.def();
        let def = kind.commands.iter().find(|command| command.name == &*text);
        if def.is_none() {
            let hint = did_you_mean(&text, kind.commands.iter().map(|command| command.name));
            self.error(name.pos, format!("a {} has no command `{text}`", kind.en), hint);
        }
        def
    }

    fn expires(&mut self, expires: Option<&Expr>) -> Option<u32> {
        let Some(expires) = expires else { return Some(USUAL_EXPIRES_S) };
        let value = self.typed(expires, Type::Duration)?;
        let seconds = match value.constant {
            Some(Constant::Duration(ms)) => u32::try_from(ms / 1_000).ok(),
            _ => None,
        };
        let good = seconds.filter(|seconds| (1..=MAX_COMMAND_EXPIRES_S).contains(seconds));
        if good.is_none() {
            let hint = "such as 10.min: a constant from 1.s to 7.d";
            self.error(expires.pos, "a command cannot wait that long for its answer", hint);
        }
        good
    }

    fn arguments(
        &mut self,
        def: &'static CommandDef,
        entries: &[MapEntry],
        args: &Expr,
    ) -> Option<Vec<CommandArgument>> {
        let mut arguments = Vec::new();
        let mut broken = false;
        for entry in entries {
            let Some(argument) = def.args.iter().find(|argument| argument.name == entry.key) else {
                let message = format!("command `{}` has no argument `{}`", def.name, entry.key);
                let names = def.args.iter().map(|argument| argument.name);
                let hint =
                    if def.args.is_empty() { "it takes none: #{}".into() } else { did_you_mean(&entry.key, names) };
                self.error(entry.key_pos, message, hint);
                broken = true;
                continue;
            };
            match self.argument(argument, entry) {
                Some(argument) => arguments.push(argument),
                None => broken = true,
            }
        }
        for missing in def.args.iter().filter(|argument| entries.iter().all(|entry| entry.key != argument.name)) {
            let hint = format!("write command(dev, \"{}\", {})", def.name, form(def));
            self.error(args.pos, format!("command `{}` needs `{}`", def.name, missing.name), hint);
            broken = true;
        }
        // In the catalogue's order, whatever the rule's is: the same command is the same command.
        arguments.sort_by_key(|argument| def.args.iter().position(|known| known.name == argument.def.name));
        (!broken).then_some(arguments)
    }

    fn argument(&mut self, def: &'static FieldDef, entry: &MapEntry) -> Option<CommandArgument> {
        let value = self.typed(&entry.value, Type::of(def.ty))?;
        match &value.constant {
            Some(constant) => {
                if let Some(message) = out_of_range(def, constant) {
                    self.error(entry.value.pos, message, "");
                    return None;
                }
            }
            // What is computed may be out of range: then the evaluation fails.
            None => self.can_fail = true,
        }
        let value = self.always_judged(value)?;
        Some(CommandArgument { def, node: value.node })
    }

    /// What was last commanded, one for each function of the engine's and name.
    fn command_slot(&mut self, name: &str) -> Option<u16> {
        let id = format!("{}:command:{name}", self.entry.name());
        let known = self.slots.iter().position(|slot| slot.id == id);
        let place = known.unwrap_or_else(|| {
            self.slots.push(SlotDef { id, kind: SlotKind::Command, reads: 0, timer: None });
            self.slots.len() - 1
        });
        u16::try_from(place).ok()
    }

    /// The slots of the commands of a function of the engine's.
    pub(super) fn command_slots(&self, kind: EntryKind) -> Vec<usize> {
        let of_entry = |def: &SlotDef| {
            def.kind == SlotKind::Command && def.id.split_once(':').is_some_and(|(entry, _)| entry == kind.name())
        };
        (0..).zip(&self.slots).filter(|(_, def)| of_entry(def)).map(|(place, _)| place).collect()
    }
}

/// How a command's map is written.
fn form(def: &CommandDef) -> String {
    let args: Vec<String> = def.args.iter().map(|argument| format!("{}: ..", argument.name)).collect();
    if args.is_empty() { "#{}".to_owned() } else { format!("#{{ {} }}", args.join(", ")) }
}

fn out_of_range(def: &FieldDef, constant: &Constant) -> Option<String> {
    let name = def.name;
    match (def.ty, constant) {
        (FieldType::Number { min, max }, Constant::Float(v)) if !(min..=max).contains(v) => {
            Some(format!("`{name}` is {min} to {max} {}", def.unit).trim_end().to_owned())
        }
        (FieldType::Integer { min, max }, Constant::Int(v)) if !(min..=max).contains(v) => {
            Some(format!("`{name}` is {min} to {max} {}", def.unit).trim_end().to_owned())
        }
        (FieldType::Text { max_bytes }, Constant::Text(v)) if v.len() > max_bytes => {
            Some(format!("`{name}` has at most {max_bytes} bytes"))
        }
        _ => None,
    }
}
