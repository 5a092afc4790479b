//! The words of places: `inside`, `distance_m`, `off_route`, `speed_limit`, `implied_speed`, `missed_stops`.

use std::sync::Arc;

use super::Lowerer;
use super::value::{Constant, Type, Value};
use crate::judge::SlotKind;
use crate::program::{Effect, Node, PlaceWord};
use crate::script::Pos;
use crate::script::tree::{Binary, Expr, ExprKind};

/// How far from its route a truck may be when the rule does not say, in metres.
const OFF_ROUTE_M: f64 = 100.0;
/// Below so many satellites a position is a guess.
const LEAST_SATELLITES: i64 = 4;
/// Above it, a position may be a street away.
const MOST_HDOP: f64 = 5.0;
/// The longest stay that a stop can ask for, in milliseconds.
const LONGEST_DWELL_MS: i64 = gengfu_model::time::HOUR_MS;
/// The attribute that names a truck's route.
const ROUTE: &str = "route";
/// The attribute that says how fast a vehicle may be anywhere.
const OWN_LIMIT: &str = "max_speed_kmh";

/// A place that a rule asks for by a constant name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedPlace {
    pub(crate) name: Arc<str>,
    pub(crate) pos: Pos,
}

/// Where something is: longitude, latitude, and whether that is to be believed.
struct Position {
    lon: Value,
    lat: Value,
    good: Value,
}

impl Lowerer<'_> {
    /// `inside("depot", msg)`
    pub(super) fn inside(&mut self, name: &Expr, of: &Expr, expr: &Expr) -> Option<Value> {
        let name = self.place_name(name)?;
        let at = self.position(of, expr)?;
        self.ask(PlaceWord::Inside, name, at, None, expr)
    }

    /// `distance_m("depot", msg)` in either order, and `distance_m(msg, dev)`
    pub(super) fn distance(&mut self, a: &Expr, b: &Expr, expr: &Expr) -> Option<Value> {
        let first = self.expr(a)?;
        if matches!(first.ty, Type::Message | Type::Device) {
            let at = self.position(a, expr)?;
            let second = self.expr(b)?;
            if matches!(second.ty, Type::Message | Type::Device) {
                let to = self.position(b, expr)?;
                return self.gap(at, to, expr);
            }
            let name = self.place_name(b)?;
            return self.ask(PlaceWord::Distance, name, at, None, expr);
        }
        let name = self.place_name(a)?;
        let at = self.position(b, expr)?;
        self.ask(PlaceWord::Distance, name, at, None, expr)
    }

    /// `off_route(msg, dev)`, `off_route(msg, dev, 200.0)`
    pub(super) fn off_route(&mut self, of: &Expr, device: &Expr, margin: Option<&Expr>, expr: &Expr) -> Option<Value> {
        self.device_handle("off_route", device)?;
        let route = self.attribute(ROUTE, expr.pos, &named(device, ROUTE))?;
        let at = self.position(of, expr)?;
        let margin = match margin {
            Some(margin) => self.typed(margin, Type::Float)?,
            None => self.constant(Type::Float, Constant::Float(OFF_ROUTE_M), expr)?,
        };
        self.ask(PlaceWord::OffRoute, route, at, Some(margin), expr)
    }

    /// `speed_limit(msg, dev)`, and without the vehicle's own limit `speed_limit(msg)` or `speed_limit(dev)`
    pub(super) fn speed_limit(&mut self, of: &Expr, device: Option<&Expr>, expr: &Expr) -> Option<Value> {
        let own = match device {
            Some(device) => {
                self.device_handle("speed_limit", device)?;
                Some(self.attribute(OWN_LIMIT, expr.pos, &named(device, OWN_LIMIT))?)
            }
            None => None,
        };
        let none = self.constant(Type::Text, Constant::Text(Arc::from("")), expr)?;
        let at = self.position(of, expr)?;
        self.ask(PlaceWord::SpeedLimit, none, at, own, expr)
    }

    /// `implied_speed(msg)`
    pub(super) fn implied_speed(&mut self, of: &Expr, name: Option<&Expr>, expr: &Expr) -> Option<Value> {
        let handle = self.expr(of)?;
        if handle.ty != Type::Message {
            self.error(handle.pos, "`implied_speed` takes the message", "write implied_speed(msg)");
            return None;
        }
        let lon = self.field("longitude", expr.pos, &named(of, "longitude"))?;
        let lat = self.field("latitude", expr.pos, &named(of, "latitude"))?;
        let mut fix = self.constant(Type::Bool, Constant::Bool(true), expr)?;
        if self.meta.kind.field("fix").is_some() {
            let field = self.field("fix", expr.pos, &named(of, "fix"))?;
            fix.node =
                self.emit(Node::OrElse { x: field.node, otherwise: fix.node }, expr.pos, "or_else(msg.fix, true)")?;
            fix.constant = None;
        }
        let reads = lon.reads | lat.reads;
        let slot = self.slot("implied_speed", SlotKind::Track, of, name, reads, expr.pos)?;
        let at = self.emit_for(Node::Pair { a: lon.node, b: lat.node }, expr)?;
        self.remembered(Node::Implied { slot, at, fix: fix.node }, &[lon, lat, fix], Type::Float, expr)
    }

    /// `missed_stops(dev.route, msg, "06:00", 20.s)`
    pub(super) fn missed_stops(
        &mut self,
        [route, of, from, dwell]: [&Expr; 4],
        name: Option<&Expr>,
        expr: &Expr,
    ) -> Option<Value> {
        let handle = self.expr(of)?;
        if handle.ty != Type::Message {
            let hint = "write missed_stops(dev.route, msg, \"06:00\", 20.s)";
            self.error(handle.pos, "`missed_stops` takes the message after the route", hint);
            return None;
        }
        let (route_name, from) = (self.place_name(route), self.time_of_day(from));
        let dwell = self.typed(dwell, Type::Duration);
        let (route_name, from, dwell) = (route_name?, from?, dwell?);
        if let Some(Constant::Duration(ms)) = dwell.constant
            && ms > LONGEST_DWELL_MS
        {
            let hint = "it is how long a truck stands at a stop to empty it: some 20.s; 0.s if passing is enough";
            self.error(dwell.pos, "the stay at a stop is longer than an hour", hint);
            return None;
        }
        let Position { lon, lat, good } = self.fix(expr)?;
        let slot = self.slot("missed_stops", SlotKind::Stops, route, name, lon.reads | lat.reads, expr.pos)?;
        let at = self.emit_for(Node::Pair { a: lon.node, b: lat.node }, expr)?;
        let day = self.emit_for(Node::Pair { a: from.node, b: dwell.node }, expr)?;
        let more = self.emit_for(Node::Pair { a: good.node, b: day }, expr)?;
        let node = Node::MissedStops { slot, route: route_name.node, at, more };
        self.remembered(node, &[route_name, lon, lat, good, from, dwell], Type::Int, expr)
    }

    /// A text that names missed stops stands in a rule that knows them.
    pub(super) fn check_stop_names(&mut self) {
        let names = |effect: &Effect| effect.text_zh.names_stops() || effect.text_en.names_stops();
        if self.slots.iter().any(|slot| slot.kind == SlotKind::Stops) {
            return;
        }
        if let Some(pos) = self.effects.iter().find(|effect| names(effect)).map(|effect| effect.origin.pos) {
            let hint = "call missed_stops(dev.route, msg, \"06:00\", 20.s) in the rule, or leave the names out";
            self.error(pos, "its text has `{missed_stops}`, and the rule does not call `missed_stops`", hint);
        }
    }

    /// The name or kind of a place; a constant one is remembered, to be looked for in the city.
    fn place_name(&mut self, name: &Expr) -> Option<Value> {
        let value = self.typed(name, Type::Text)?;
        if let Some(Constant::Text(text)) = &value.constant {
            let named = NamedPlace { name: Arc::clone(text), pos: name.pos };
            if text.is_empty() {
                self.error(name.pos, "a place without a name", "write its name or its kind, such as \"depot\"");
                return None;
            }
            if !self.places.contains(&named) {
                self.places.push(named);
            }
        }
        Some(value)
    }

    fn ask(&mut self, word: PlaceWord, name: Value, at: Position, number: Option<Value>, expr: &Expr) -> Option<Value> {
        let Position { lon, lat, good } = at;
        let own = match &number {
            Some(number) => number.node,
            None => self.emit_for(Node::Float(f64::INFINITY), expr)?,
        };
        let point = self.emit_for(Node::Pair { a: lon.node, b: lat.node }, expr)?;
        let more = self.emit_for(Node::Pair { a: good.node, b: own }, expr)?;
        let ty = if matches!(word, PlaceWord::Inside | PlaceWord::OffRoute) { Type::Bool } else { Type::Float };
        let node = Node::Place { word, name: name.node, at: point, more };
        let values: Vec<Value> = [name, lon, lat, good].into_iter().chain(number).collect();
        self.joined(node, &values, ty, expr)
    }

    fn gap(&mut self, a: Position, b: Position, expr: &Expr) -> Option<Value> {
        let both = self.emit_for(Node::And { a: a.good.node, b: b.good.node, eager: false }, expr)?;
        let from = self.emit_for(Node::Pair { a: a.lon.node, b: a.lat.node }, expr)?;
        let to = self.emit_for(Node::Pair { a: b.lon.node, b: b.lat.node }, expr)?;
        let none = self.constant(Type::Float, Constant::Float(0.0), expr)?;
        let more = self.emit_for(Node::Pair { a: both, b: none.node }, expr)?;
        let node = Node::Place { word: PlaceWord::Between, name: to, at: from, more };
        self.joined(node, &[a.lon, a.lat, a.good, b.lon, b.lat, b.good], Type::Float, expr)
    }

    /// Where the message says that its device is, or where the register says it.
    fn position(&mut self, of: &Expr, expr: &Expr) -> Option<Position> {
        let handle = self.expr(of)?;
        match handle.ty {
            Type::Message => self.fix(expr),
            Type::Device => {
                let lon = self.attribute("longitude", expr.pos, &named(of, "longitude"))?;
                let lat = self.attribute("latitude", expr.pos, &named(of, "latitude"))?;
                Some(Position { lon, lat, good: self.constant(Type::Bool, Constant::Bool(true), expr)? })
            }
            _ => {
                let hint = "write msg for where a truck is, dev for where the register says that a device is";
                self.error(handle.pos, "a position is asked of the message or of the device", hint);
                None
            }
        }
    }

    /// Longitude and latitude of the message, and whether its position is good. What a terminal does not send is no
    /// reason to doubt it.
    fn fix(&mut self, expr: &Expr) -> Option<Position> {
        let pos = expr.pos;
        let msg = Expr { pos, kind: ExprKind::Name("msg".to_owned()) };
        let lon = self.field("longitude", pos, &named(&msg, "longitude"))?;
        let lat = self.field("latitude", pos, &named(&msg, "latitude"))?;
        let mut good = self.constant(Type::Bool, Constant::Bool(true), expr)?;
        for name in ["fix", "satellites", "hdop"] {
            if self.meta.kind.field(name).is_none() {
                continue;
            }
            let field = self.field(name, pos, &named(&msg, name))?;
            let (text, node) = match name {
                "fix" => ("msg.fix".to_owned(), None),
                "satellites" => {
                    let b = self.emit_for(Node::Int(LEAST_SATELLITES), expr)?;
                    let op = Binary::GreaterOrEqual;
                    (format!("msg.satellites >= {LEAST_SATELLITES}"), Some(Node::CompareInt { op, a: field.node, b }))
                }
                _ => {
                    let b = self.emit_for(Node::Float(MOST_HDOP), expr)?;
                    let op = Binary::LessOrEqual;
                    (format!("msg.hdop <= {MOST_HDOP:.1}"), Some(Node::CompareFloat { op, a: field.node, b }))
                }
            };
            let is_good = match node {
                Some(node) => self.emit(node, pos, &text)?,
                None => field.node,
            };
            let otherwise = self.emit_for(Node::Bool(true), expr)?;
            let is_good = self.emit(Node::OrElse { x: is_good, otherwise }, pos, &format!("or_else({text}, true)"))?;
            let both = Node::And { a: good.node, b: is_good, eager: false };
            let node = self.emit(both, pos, "the position is good")?;
            good = Value { node, constant: None, reads: good.reads | field.reads, ..good };
        }
        Some(Position { lon, lat, good })
    }
}

/// `of.name`, as an explanation shows it.
fn named(of: &Expr, name: &str) -> Expr {
    let kind = ExprKind::Property { of: Box::new(of.clone()), name: name.to_owned(), name_pos: of.pos };
    Expr { pos: of.pos, kind }
}
