//! Random rules as text. Slots get names, so that no two are one.

use std::fmt::Write;

use super::terms::{BOOLS, Cond, FLOATS, Num, RandomRule, Stmt, TIMES};

/// The own functions of every rule.
const FUNCTIONS: &str = "\
fn yes(c) { or_else(c, false) }
fn early(x) { if x > 20.0 { return x - 20.0; } let y = x * 2.0; if y > 5.0 { return 1.5; } y + 0.5 }
fn smooth(msg) { let a = avg(msg.humidity_pct, 2.h); if a > 25.0 { return a - 25.0; } or_else(a, 1.5) }
fn report(c, x) {
    if !c { clear(\"own\"); return; }
    raise(#{ key: \"own\", value: x, severity: if x > 10.0 { \"critical\" } else { \"minor\" } });
}
";

/// The most keys that statements share; a rule has three more of its own.
const KEYS: usize = 4;

struct Writer {
    /// Words with memory may be used: in `on_message` alone.
    remembers: bool,
    slots: usize,
    variables: usize,
    keys: usize,
    smooth: bool,
}

/// The text of a rule.
pub fn write_rule(rule: &RandomRule) -> String {
    let mut writer = Writer { remembers: true, slots: 0, variables: 0, keys: 0, smooth: false };
    let mut message = String::new();
    rule.message.iter().for_each(|statement| writer.statement(statement, &mut message));
    writer.remembers = false;
    writer.variables = 0;
    let mut timer = String::new();
    rule.timer.iter().for_each(|statement| writer.statement(statement, &mut timer));
    writer.variables = 0;
    let (worse, value) = (writer.cond(&rule.silent.0), writer.number(&rule.silent.1));
    let RandomRule { every_min, silent_min, .. } = rule;
    format!(
        "const RULE = #{{ kind: \"toilet\", key: \"k\", severity: \"major\", condition: \"c\", silent: {silent_min}.min, \
         every: {every_min}.min,\n    parameters: #{{ limit: #{{ default: 12.5, min: 0.0, max: 50.0 }}, \
         hold: #{{ default: 40.s, min: 1.s, max: 1.h }}, strict: #{{ default: true }} }},\n    \
         text_zh: \"{{value}}\", text_en: \"e\" }};\n{FUNCTIONS}\
         fn on_message(msg, dev) {{\n{message}    incident(msg.sos);\n}}\n\
         fn on_silent(msg, dev) {{\n    raise(#{{ key: \"silent\", value: {value}, \
         severity: if {worse} {{ \"major\" }} else {{ \"minor\" }} }});\n}}\n\
         fn on_timer(msg, dev, name) {{\n{timer}    incident(name == \"t\" && msg.leak, #{{ key: \"timer\" }});\n}}\n"
    )
}

impl Writer {
    fn slot(&mut self) -> String {
        self.slots += 1;
        format!("\"s{}\"", self.slots)
    }

    fn number(&mut self, number: &Num) -> String {
        match number {
            Num::Const(n) => format!("({n}.5)"),
            Num::Whole(n) => n.to_string(),
            Num::Field(n) => format!("msg.{}", FLOATS[*n]),
            Num::Visits => "msg.visits".to_owned(),
            Num::Param => "param.limit".to_owned(),
            Num::IntervalS => "dev.interval_s".to_owned(),
            Num::Var(n) if self.variables > 0 => format!("x{}", n % self.variables),
            Num::Var(_) => "1.5".to_owned(),
            Num::Op(op, a, b) => format!("({} {op} {})", self.number(a), self.number(b)),
            Num::Negate(x) => format!("(-{})", self.number(x)),
            Num::Call(f, x) => format!("{f}({})", self.number(x)),
            Num::Two(f, a, b) => format!("{f}({}, {})", self.number(a), self.number(b)),
            Num::Clamp(x, low) => format!("clamp({}, {low}.0, {}.0)", self.number(x), low + 15),
            Num::OrElse(x, y) => format!("or_else({}, {y}.5)", self.number(x)),
            Num::Choose(c, a, b) => {
                format!("(if {} {{ {} }} else {{ {} }})", self.cond(c), self.number(a), self.number(b))
            }
            Num::Window(f, x, hours) if self.remembers => {
                format!("{f}({} + msg.nh3_ppm, {hours}.h, {})", self.number(x), self.slot())
            }
            Num::Window(_, x, _) => self.number(x),
            Num::Previous(n) if self.remembers => format!("prev(msg.{}, {})", FLOATS[*n], self.slot()),
            Num::Previous(n) => format!("msg.{}", FLOATS[*n]),
            Num::PreviousVisits if self.remembers => format!("prev(msg.visits, {})", self.slot()),
            Num::PreviousVisits => "msg.visits".to_owned(),
            Num::Risky(n) => format!("(100 / (msg.visits - {n}))"),
            Num::Large(n) => format!("(msg.visits * {})", i64::MAX / 4 - n),
            Num::Count(c) if self.remembers => format!("count({} || msg.sos, 1.h, {})", self.cond(c), self.slot()),
            Num::Count(c) => format!("(if {} {{ 1 }} else {{ 0 }})", self.cond(c)),
            Num::Own(x) => format!("early({})", self.number(x)),
            Num::OwnMemory if self.remembers && !self.smooth => {
                self.smooth = true;
                "smooth(msg)".to_owned()
            }
            Num::OwnMemory => "msg.humidity_pct".to_owned(),
        }
    }

    fn cond(&mut self, cond: &Cond) -> String {
        match cond {
            Cond::Field(n) => format!("msg.{}", BOOLS[*n]),
            Cond::Compare(op, a, b) => format!("({} {op} {})", self.number(a), self.number(b)),
            Cond::And(a, b) => format!("({} && {})", self.cond(a), self.cond(b)),
            Cond::Or(a, b) => format!("({} || {})", self.cond(a), self.cond(b)),
            Cond::Not(x) => format!("!{}", self.cond(x)),
            Cond::Same(op, a, b) => format!("({} {op} {})", self.cond(a), self.cond(b)),
            Cond::Known(x) => format!("known({})", self.number(x)),
            Cond::KnownToBe(x) => format!("known({})", self.cond(x)),
            Cond::OrElse(x, y) => format!("or_else({}, {y})", self.cond(x)),
            Cond::Held(x, seconds) if self.remembers => {
                format!("held({}, {seconds}.s, {})", self.cond(x), self.slot())
            }
            Cond::HeldByParam(x) if self.remembers => format!("held({}, param.hold, {})", self.cond(x), self.slot()),
            Cond::Flapping(x, times, minutes) if self.remembers => {
                format!("flapping({} || msg.leak, {times}, {minutes}.min, {})", self.cond(x), self.slot())
            }
            Cond::Held(x, _) | Cond::HeldByParam(x) | Cond::Flapping(x, ..) => self.cond(x),
            Cond::Band(x, trip) if self.remembers => {
                format!("band({}, {trip}.0, {}.0, {})", self.number(x), trip - 3, self.slot())
            }
            Cond::LowBand(x, trip) if self.remembers => {
                format!("band({}, {trip}.0, {}.0, {})", self.number(x), trip + 3, self.slot())
            }
            Cond::Band(x, trip) | Cond::LowBand(x, trip) => format!("({} > {trip}.0)", self.number(x)),
            Cond::Changed(n) if self.remembers => format!("changed(msg.{}, {})", BOOLS[*n], self.slot()),
            Cond::PreviousFlag(n) if self.remembers => format!("prev(msg.{}, {})", BOOLS[*n], self.slot()),
            Cond::Changed(n) | Cond::PreviousFlag(n) => format!("msg.{}", BOOLS[*n]),
            Cond::ChangedNumber(n) if self.remembers => format!("changed(msg.{}, {})", FLOATS[*n], self.slot()),
            Cond::ChangedNumber(n) => format!("(msg.{} > 4.0)", FLOATS[*n]),
            Cond::Choose(c, a, b) => {
                format!("(if {} {{ {} }} else {{ {} }})", self.cond(c), self.cond(a), self.cond(b))
            }
            Cond::Between(x, low) => format!("between({}, {low}.0, {}.0)", self.number(x), low + 20),
            Cond::Time(n) => TIMES[*n].to_owned(),
            Cond::Silent => "dev.silent".to_owned(),
            Cond::District => "(dev.district == \"盐湖\")".to_owned(),
            Cond::Param => "param.strict".to_owned(),
            Cond::Own(x) => format!("yes({})", self.cond(x)),
        }
    }

    fn key(&mut self) -> String {
        self.keys += 1;
        format!("k{}", self.keys % KEYS)
    }

    fn statement(&mut self, statement: &Stmt, out: &mut String) {
        let line = match statement {
            // A variable is a number with a fraction: then every assignment fits.
            Stmt::Let(x) => {
                let value = self.number(x);
                self.variables += 1;
                format!("let x{} = 0.0 + {value};", self.variables - 1)
            }
            Stmt::Assign(v, x) if self.variables > 0 => format!("x{} = 1.0 * {};", v % self.variables, self.number(x)),
            Stmt::If(c, v, a, b) if self.variables > 0 => {
                let v = v % self.variables;
                format!(
                    "if {} {{ x{v} = 0.5 + {}; }} else {{ let y = {}; x{v} = 1.0 * y; }}",
                    self.cond(c),
                    self.number(a),
                    self.number(b)
                )
            }
            Stmt::Assign(..) | Stmt::If(..) => String::new(),
            Stmt::Incident(c, v, s) => {
                let key = self.key();
                format!(
                    "incident({}, #{{ key: \"{key}\", value: {}, severity: if {} {{ \"major\" }} else {{ \"minor\" }} }});",
                    self.cond(c),
                    self.number(v),
                    self.cond(s)
                )
            }
            Stmt::RaiseOrClear(c, v) => {
                let key = self.key();
                format!(
                    "if {} {{ raise(#{{ key: \"{key}\", value: {} }}); }} else {{ clear(\"{key}\"); }}",
                    self.cond(c),
                    self.number(v)
                )
            }
            Stmt::Report(c, v) => format!("report({}, {});", self.cond(c), self.number(v)),
            Stmt::Leave(c) => format!("if {} {{ return; }}", self.cond(c)),
            Stmt::After(c) => format!("if {} {{ after(\"t\", 30.s); }} else {{ cancel(\"t\"); }}", self.cond(c)),
        };
        writeln!(out, "    {line}").unwrap();
    }
}
