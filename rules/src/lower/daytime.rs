//! The words of time without memory: `at`, `workday`, the sun, `scheduled_on`.

use super::Lowerer;
use super::metadata::MAX_SPAN_MS;
use super::value::{Constant, Type, Value};
use crate::judge::clock_minutes;
use crate::program::{Node, SunWord};
use crate::script::tree::Expr;

/// The longest margin of `night`: longer, and a short night has nothing left.
const MAX_MARGIN_MS: i64 = 3 * gengfu_model::time::HOUR_MS;

impl Lowerer<'_> {
    pub(super) fn at(&mut self, from: &Expr, to: &Expr, expr: &Expr) -> Option<Value> {
        let (from, to) = (self.time_of_day(from), self.time_of_day(to));
        let (from, to) = (from?, to?);
        self.joined(Node::At { from: from.node, to: to.node }, &[from, to], Type::Bool, expr)
    }

    /// A text such as "22:00"; a constant one is checked.
    pub(super) fn time_of_day(&mut self, expr: &Expr) -> Option<Value> {
        let value = self.typed(expr, Type::Text)?;
        match &value.constant {
            Some(Constant::Text(text)) if clock_minutes(text).is_none() => {
                self.error(value.pos, format!("\"{text}\" is no time of day"), "write it as \"22:00\"");
                None
            }
            _ => Some(value),
        }
    }

    pub(super) fn workday(&mut self, expr: &Expr) -> Option<Value> {
        self.joined(Node::Workday, &[], Type::Bool, expr)
    }

    /// `sun(dev)`, `night(dev)`, `civil_night(dev)`
    pub(super) fn sun(
        &mut self,
        word: SunWord,
        name: &str,
        device: &Expr,
        margin: Option<&Expr>,
        expr: &Expr,
    ) -> Option<Value> {
        self.device_handle(name, device)?;
        let margin = match margin {
            None => self.constant(Type::Duration, Constant::Duration(0), expr)?,
            Some(margin) => self.typed(margin, Type::Duration)?,
        };
        if let Some(Constant::Duration(ms)) = margin.constant
            && ms > MAX_MARGIN_MS.min(MAX_SPAN_MS)
        {
            let hint = "three hours at most: night(dev, 15.min) is from 15 minutes after sunset to 15 before sunrise";
            self.error(margin.pos, "the margin is too long", hint);
            return None;
        }
        self.joined(Node::Sun { word, margin: margin.node }, &[margin], Type::Bool, expr)
    }

    /// `since_sunset(dev)`, `since_sunrise(dev)`: a length of time.
    pub(super) fn since_sun(&mut self, name: &str, device: &Expr, expr: &Expr) -> Option<Value> {
        self.device_handle(name, device)?;
        self.joined(Node::SinceSun { sunset: name == "since_sunset" }, &[], Type::Duration, expr)
    }

    pub(super) fn scheduled_on(&mut self, device: &Expr, expr: &Expr) -> Option<Value> {
        self.device_handle("scheduled_on", device)?;
        let (from, to) = (self.attribute("on_at", expr.pos, expr)?, self.attribute("off_at", expr.pos, expr)?);
        self.joined(Node::Lit { from: from.node, to: to.node }, &[from, to], Type::Bool, expr)
    }

    /// The argument is `dev`.
    pub(super) fn device_handle(&mut self, word: &str, device: &Expr) -> Option<()> {
        let device = self.expr(device)?;
        if device.ty == Type::Device {
            return Some(());
        }
        self.error(device.pos, format!("`{word}` takes the device"), format!("write {word}(dev)"));
        None
    }
}
