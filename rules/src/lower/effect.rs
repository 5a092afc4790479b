//! `incident`, `raise`, `clear`: what a rule says.

use std::sync::Arc;

use gengfu_model::Severity;

use super::expr::handle;
use super::metadata::is_word;
use super::value::{Constant, Type, Value};
use super::verdicts::{Call, Site};
use super::{EntryKind, Lowerer};
use crate::diagnostic::did_you_mean;
use crate::judge::SlotKind;
use crate::program::{Effect, Key, MAX_KEYS, Node, NodeId, Op, Origin, SeverityOf, SlotDef};
use crate::script::tree::{Expr, ExprKind, MapEntry};
use crate::script::{Pos, render};
use crate::template::Template;

/// What a map of `raise` or `incident` may say.
const WORDS: [&str; 7] = ["key", "severity", "condition", "value", "text", "text_zh", "text_en"];

/// What a call says of its own, before RULE fills the rest.
#[derive(Default)]
struct Said {
    key: Option<(Arc<str>, Pos)>,
    severity: Option<SeverityOf>,
    condition: Option<Arc<str>>,
    value: Option<Value>,
    text_zh: Option<Template>,
    text_en: Option<Template>,
}

impl Lowerer<'_> {
    pub(super) fn incident(&mut self, condition: &Expr, more: Option<&Expr>, expr: &Expr) -> Option<Value> {
        if self.repeats() {
            let hint = "join the turns in a variable, and call `incident` once after the loop";
            self.error(expr.pos, "`incident` is judged in each turn, and the last turn alone would count", hint);
            return None;
        }
        let condition = self.typed(condition, Type::Bool);
        let said = match more {
            None => Some(Said::default()),
            Some(Expr { kind: ExprKind::Map(entries), .. }) => self.said(entries),
            Some(value) => {
                let value = self.typed(value, Type::Float).and_then(|value| self.always_judged(value));
                value.map(|value| Said { value: Some(value), ..Said::default() })
            }
        };
        let (condition, said) = (condition?, said?);
        if let Some(Constant::Bool(always)) = condition.constant {
            let hint = "a verdict depends on the message";
            self.error(condition.pos, format!("the condition is always {always}"), hint);
            return None;
        }
        let effect = self.effect(said, Call::Incident, vec![condition.node], expr)?;
        self.push(Op::Incident { effect, condition: condition.node });
        Some(handle(Type::Unit, expr.pos))
    }

    pub(super) fn raise(&mut self, map: Option<&Expr>, expr: &Expr) -> Option<Value> {
        let said = match map {
            None => Said::default(),
            Some(Expr { kind: ExprKind::Map(entries), .. }) => self.said(entries)?,
            Some(other) => {
                self.error(other.pos, "`raise` takes a map", "write raise(#{ key: \"fast\", value: r })");
                return None;
            }
        };
        let effect = self.effect(said, Call::Raise, Vec::new(), expr)?;
        self.push(Op::Raise { effect });
        Some(handle(Type::Unit, expr.pos))
    }

    pub(super) fn clear(&mut self, key: Option<&Expr>, expr: &Expr) -> Option<Value> {
        let key = match key {
            Some(key) => Some(self.word(key, "key")?),
            None => None,
        };
        let effect = self.effect(Said { key, ..Said::default() }, Call::Clear, Vec::new(), expr)?;
        self.push(Op::Clear { effect });
        Some(handle(Type::Unit, expr.pos))
    }

    fn said(&mut self, entries: &[MapEntry]) -> Option<Said> {
        let mut said = Said::default();
        for entry in entries {
            match entry.key.as_str() {
                "key" => said.key = Some(self.word(&entry.value, "key")?),
                "condition" => said.condition = Some(self.word(&entry.value, "condition")?.0),
                "severity" => said.severity = Some(self.severity(&entry.value)?),
                "value" => {
                    let value = self.typed(&entry.value, Type::Float)?;
                    said.value = Some(self.always_judged(value)?);
                }
                "text_zh" => said.text_zh = Some(self.text(&entry.value)?),
                "text_en" => said.text_en = Some(self.text(&entry.value)?),
                "text" => {
                    let text = self.text(&entry.value)?;
                    said.text_zh = said.text_zh.or_else(|| Some(text.clone()));
                    said.text_en = said.text_en.or(Some(text));
                }
                other => {
                    self.error(entry.key_pos, format!("a signal has no `{other}`"), did_you_mean(other, WORDS));
                    return None;
                }
            }
        }
        Some(said)
    }

    fn constant_text(&mut self, expr: &Expr, what: &str) -> Option<Arc<str>> {
        match self.typed(expr, Type::Text)?.constant {
            Some(Constant::Text(text)) => Some(text),
            _ => {
                self.error(expr.pos, format!("`{what}` must be a constant text"), "");
                None
            }
        }
    }

    fn word(&mut self, expr: &Expr, what: &str) -> Option<(Arc<str>, Pos)> {
        let text = self.constant_text(expr, what)?;
        if is_word(&text) {
            return Some((text, expr.pos));
        }
        let hint = "take 1 to 64 small letters, digits, `_`, `-` or `.`";
        self.error(expr.pos, format!("`{what}` is \"{text}\""), hint);
        None
    }

    fn text(&mut self, expr: &Expr) -> Option<Template> {
        let text = self.constant_text(expr, "text")?;
        self.template(&text, expr.pos)
    }

    fn template(&mut self, text: &str, pos: Pos) -> Option<Template> {
        Template::parse(text, self.meta.kind).map_err(|(message, hint)| self.error(pos, message, hint)).ok()
    }

    /// A severity: a constant, or an expression all of whose texts are severities.
    fn severity(&mut self, expr: &Expr) -> Option<SeverityOf> {
        let value = self.typed(expr, Type::Text)?;
        let mut leaves = Vec::new();
        self.text_leaves(value.node, &mut leaves);
        for leaf in &leaves {
            let text = Arc::clone(self.texts.get(usize::from(*leaf))?);
            if Severity::from_name(&text).is_none() {
                let hint = did_you_mean(&text, Severity::ALL.iter().map(|severity| severity.name()));
                self.error(expr.pos, format!("there is no severity `{text}`"), hint);
                return None;
            }
        }
        if let Some(Constant::Text(text)) = &value.constant {
            return Severity::from_name(text).map(SeverityOf::Fixed);
        }
        let value = self.always_judged(value)?;
        Some(SeverityOf::Node { node: value.node, otherwise: self.meta.severity.unwrap_or(Severity::Minor) })
    }

    fn text_leaves(&self, node: NodeId, leaves: &mut Vec<u16>) {
        match self.nodes.get(usize::from(node)) {
            Some(Node::Text(text)) => leaves.push(*text),
            Some(Node::Choose { yes, no, .. }) => {
                self.text_leaves(*yes, leaves);
                self.text_leaves(*no, leaves);
            }
            Some(Node::Do { value, .. }) => self.text_leaves(*value, leaves),
            Some(Node::Local(local)) => {
                for source in self.local_sources.get(usize::from(*local)).cloned().unwrap_or_default() {
                    self.text_leaves(source, leaves);
                }
            }
            _ => {}
        }
    }

    fn effect(&mut self, said: Said, call: Call, arguments: Vec<NodeId>, expr: &Expr) -> Option<u16> {
        if self.entry == EntryKind::Member {
            let hint = "give back whether the device counts: return msg.x > 1.0;";
            self.error(expr.pos, "`member` raises and clears nothing", hint);
            return None;
        }
        let meta = self.meta;
        let key = match said.key {
            Some((key, _)) => key,
            None => match &meta.key {
                Some(key) => Arc::clone(key),
                None => {
                    self.error(expr.pos, "the call names no key", "name it here, or give RULE a `key`");
                    return None;
                }
            },
        };
        let severity = said.severity.or(meta.severity.map(SeverityOf::Fixed));
        let condition = said.condition.or_else(|| meta.condition.clone());
        if call != Call::Clear && (severity.is_none() || condition.is_none()) {
            let missing = if severity.is_none() { "severity" } else { "condition" };
            let hint = format!("name it here, or give RULE a `{missing}`");
            self.error(expr.pos, format!("the call names no {missing}"), hint);
            return None;
        }
        let condition = condition.unwrap_or_default();
        let number = self.key(&key, expr.pos)?;
        let severity = severity.unwrap_or(SeverityOf::Fixed(Severity::Info));
        let text_zh = said.text_zh.or_else(|| self.own_text(meta.text_zh.as_ref()));
        let text_en = said.text_en.or_else(|| self.own_text(meta.text_en.as_ref()));
        let lacks = |text: &Option<Template>, own: &Option<(String, Pos)>| text.is_none() && own.is_none();
        if call != Call::Clear && (lacks(&text_zh, &meta.text_zh) || lacks(&text_en, &meta.text_en)) {
            let hint = "duty staff read `text_zh` and `text_en`; without them they see the condition's name";
            self.warn(meta.pos, "the rule has no text for duty staff", hint);
        }
        let deciding = self.conditions.iter().copied().chain(arguments).chain(said.value.as_ref().map(|v| v.node));
        let severity_node = match severity {
            SeverityOf::Node { node, .. } => Some(node),
            SeverityOf::Fixed(_) => None,
        };
        let deciding: Vec<NodeId> = deciding.chain(severity_node).collect();
        self.sites.push(Site {
            key: number,
            call,
            severity: if let SeverityOf::Fixed(severity) = severity { Some(severity) } else { None },
            path: self.path.clone(),
            entry: self.entry,
            pos: expr.pos,
        });
        self.effects.push(Effect {
            key: number,
            severity,
            text_zh: text_zh.unwrap_or_else(|| Template::fallback(&condition)),
            text_en: text_en.unwrap_or_else(|| Template::fallback(&condition)),
            condition,
            value: said.value.map(|value| value.node),
            origin: Origin { pos: expr.pos, text: Arc::from(render(expr, true)) },
            deciding,
        });
        u16::try_from(self.effects.len() - 1).ok()
    }

    fn own_text(&mut self, text: Option<&(String, Pos)>) -> Option<Template> {
        let (text, pos) = text?;
        self.template(text, *pos)
    }

    fn key(&mut self, name: &Arc<str>, pos: Pos) -> Option<u8> {
        if let Some(place) = self.keys.iter().position(|key| key.name == *name) {
            return u8::try_from(place).ok();
        }
        if self.keys.len() >= MAX_KEYS {
            self.error(pos, format!("a rule has at most {MAX_KEYS} keys"), "split it into two rules");
            return None;
        }
        let id = format!("key:{name}");
        self.slots.push(SlotDef { id, kind: SlotKind::Verdict, reads: 0, timer: None });
        self.keys.push(Key { name: Arc::clone(name), slot: self.slots.len() - 1, by_silence: false });
        u8::try_from(self.keys.len() - 1).ok()
    }
}
