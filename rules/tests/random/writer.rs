//! Random rules as text. Slots get names, so that no two are one.

use std::fmt::Write;

use super::subject::{SUBJECTS, Subject};
use super::terms::{Cond, Member, Num, RandomRule, Stmt, TIMES};

/// The most keys that statements share; a rule has four more of its own.
const KEYS: usize = 3;

struct Writer {
    subject: &'static Subject,
    /// Words with memory may be used: in `on_message` and `member` alone.
    remembers: bool,
    slots: usize,
    variables: usize,
    keys: usize,
    smooth: bool,
    /// Some terms are written with lists, maps, loops and recursion, which the interpreter alone takes.
    roundabout: bool,
}

/// The own functions of every rule. What they are given is looked at whether it is needed or not, so terms that are
/// written in two ways are own functions in both.
fn functions(subject: &Subject, roundabout: bool) -> String {
    let field = subject.floats[2];
    let four_times = if roundabout { "times(x, 4)" } else { "0.0 + x + x + x + x" };
    format!(
        "fn yes(c) {{ or_else(c, false) }}\n\
         fn early(x) {{ if x > 20.0 {{ return x - 20.0; }} let y = x * 2.0; if y > 5.0 {{ return 1.5; }} y + 0.5 }}\n\
         fn smooth(msg) {{ let a = avg(msg.{field}, 2.h); if a > 25.0 {{ return a - 25.0; }} or_else(a, 1.5) }}\n\
         fn four_times(x) {{ {four_times} }}\n\
         fn sum2(a, b) {{ 0.0 + a + b }}\nfn sum3(a, b, c) {{ 0.0 + a + b + c }}\n\
         fn largest2(a, b) {{ max(a, b) }}\nfn largest3(a, b, c) {{ max(max(a, b), c) }}\n\
         fn report(c, x) {{\n    if !c {{ clear(\"own\"); return; }}\n    \
         raise(#{{ key: \"own\", value: x, severity: if x > 10.0 {{ \"critical\" }} else {{ \"minor\" }} }});\n}}\n"
    )
}

/// Own functions that the interpreter alone takes.
const ROUNDABOUT: &str = "\
fn total(list) { let sum = 0.0; for x in list { sum += x; } sum }
fn largest(map) { let best = map.first; for k in keys(map) { best = max(best, map[k]); } best }
fn times(x, n) { if n == 0 { 0.0 } else { times(x, n - 1) + x } }
fn any_of(list) { let n = 0; let found = false; while n < list.len() { found = found || list[n]; n += 1; } found }
";

/// The text of a rule.
pub fn write_rule(rule: &RandomRule) -> String {
    write(rule, false)
}

/// A rule that means the same, said with lists, maps, loops and recursion.
pub fn write_roundabout(rule: &RandomRule) -> String {
    write(rule, true)
}

fn write(rule: &RandomRule, roundabout: bool) -> String {
    let subject = &SUBJECTS[rule.subject];
    let mut writer = Writer { subject, remembers: true, slots: 0, variables: 0, keys: 0, smooth: false, roundabout };
    let mut message = String::new();
    rule.message.iter().for_each(|statement| writer.statement(statement, &mut message));
    writer.remembers = false;
    writer.variables = 0;
    let mut timer = String::new();
    rule.timer.iter().for_each(|statement| writer.statement(statement, &mut timer));
    writer.variables = 0;
    let (worse, value) = (writer.cond(&rule.silent.0), writer.number(&rule.silent.1));
    // `member` has memory of its own, though the function is the same.
    (writer.remembers, writer.smooth) = (true, false);
    let member = rule.member.as_ref().map(|member| writer.member(member)).unwrap_or_default();
    let group = match (&rule.member, rule.every_min % 2) {
        (None, _) => "",
        (_, 0) => " group: \"feeder\", distinct: 2, within: 20.min,",
        _ => " group: [\"cabinet\", \"feeder\"], distinct: 3, share: 0.5, enough: \"both\", within: 2.h,",
    };
    let silent = rule.silent_min.map_or("2.5.intervals".to_owned(), |minutes| format!("{minutes}.min"));
    let (kind, every_min) = (subject.kind.name(), rule.every_min);
    let more = if roundabout { ROUNDABOUT } else { "" };
    let (functions, [_, alarm, other, _]) = (functions(subject, roundabout), subject.bools);
    format!(
        "const RULE = #{{ kind: \"{kind}\", key: \"k\", severity: \"major\", condition: \"c\", silent: {silent}, \
         every: {every_min}.min,{group}\n    parameters: #{{ limit: #{{ default: 12.5, min: 0.0, max: 45.0 }}, \
         hold: #{{ default: 40.s, min: 1.s, max: 1.h }}, strict: #{{ default: true }} }},\n    \
         text_zh: \"{{dev.name}} {{value}}\", text_en: \"e\" }};\n{functions}{more}\
         fn on_message(msg, dev) {{\n{message}    incident(msg.{alarm});\n}}\n\
         fn on_silent(msg, dev) {{\n    raise(#{{ key: \"silent\", value: {value}, \
         severity: if {worse} {{ \"major\" }} else {{ \"minor\" }} }});\n}}\n\
         fn on_timer(msg, dev, name) {{\n{timer}    incident(name == \"t\" && msg.{other}, #{{ key: \"timer\" }});\n}}\n\
         {member}"
    )
}

impl Writer {
    fn terms(&mut self, terms: &[Num]) -> Vec<String> {
        terms.iter().map(|term| format!("(0.0 + {})", self.number(term))).collect()
    }

    fn slot(&mut self) -> String {
        self.slots += 1;
        format!("\"s{}\"", self.slots)
    }

    fn number(&mut self, number: &Num) -> String {
        match number {
            Num::Const(n) => format!("({n}.5)"),
            Num::Whole(n) => n.to_string(),
            Num::Field(n) => format!("msg.{}", self.subject.floats[*n]),
            Num::Visits => self.subject.whole.0.to_owned(),
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
                let first = self.subject.floats[0];
                format!("{f}({} + msg.{first}, {hours}.h, {})", self.number(x), self.slot())
            }
            Num::Window(_, x, _) => self.number(x),
            Num::Previous(n) if self.remembers => format!("prev(msg.{}, {})", self.subject.floats[*n], self.slot()),
            Num::Previous(n) => format!("msg.{}", self.subject.floats[*n]),
            Num::PreviousVisits if self.remembers => format!("prev({}, {})", self.subject.whole.0, self.slot()),
            Num::PreviousVisits => self.subject.whole.0.to_owned(),
            Num::Risky(n) => format!("(100 / ({} - {n}))", self.subject.whole.0),
            Num::Large(n) => format!("({} * {})", self.subject.whole.0, i64::MAX / 4 - n),
            Num::Count(c) if self.remembers => {
                format!("count({} || msg.{}, 1.h, {})", self.cond(c), self.subject.bools[1], self.slot())
            }
            Num::Count(c) => format!("(if {} {{ 1 }} else {{ 0 }})", self.cond(c)),
            Num::Own(x) => format!("early({})", self.number(x)),
            Num::OwnMemory if self.remembers && !self.smooth => {
                self.smooth = true;
                "smooth(msg)".to_owned()
            }
            Num::OwnMemory => format!("msg.{}", self.subject.floats[2]),
            Num::Special(n) => pick(self.subject.numbers, *n).to_owned(),
            Num::SpecialMemory(n) if self.remembers => {
                let slot = self.slot();
                pick(self.subject.remembered_numbers, *n).replace("{s}", &slot)
            }
            Num::SpecialMemory(n) => pick(self.subject.numbers, *n).to_owned(),
            Num::Sum(terms) => {
                let terms = self.terms(terms);
                if self.roundabout {
                    format!("total([{}])", terms.join(", "))
                } else {
                    format!("sum{}({})", terms.len(), terms.join(", "))
                }
            }
            Num::Largest(terms) => {
                let terms = self.terms(terms);
                if self.roundabout {
                    let named = ["first", "second", "third"].into_iter().zip(terms);
                    let entries: Vec<String> = named.map(|(name, term)| format!("{name}: {term}")).collect();
                    format!("largest(#{{ {} }})", entries.join(", "))
                } else {
                    format!("largest{}({})", terms.len(), terms.join(", "))
                }
            }
            Num::FourTimes(x) => {
                format!("four_times({})", self.number(x))
            }
        }
    }

    fn cond(&mut self, cond: &Cond) -> String {
        match cond {
            Cond::Field(n) => format!("msg.{}", self.subject.bools[*n]),
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
                let other = self.subject.bools[2];
                format!("flapping({} || msg.{other}, {times}, {minutes}.min, {})", self.cond(x), self.slot())
            }
            Cond::HeldIntervals(x) if self.remembers => {
                format!("held({}, 0.7.intervals, {})", self.cond(x), self.slot())
            }
            Cond::Held(x, _) | Cond::HeldByParam(x) | Cond::HeldIntervals(x) | Cond::Flapping(x, ..) => self.cond(x),
            Cond::Special(n) => pick(self.subject.conditions, *n).to_owned(),
            Cond::SpecialMemory(n) if self.remembers => {
                let slot = self.slot();
                pick(self.subject.remembered_conditions, *n).replace("{s}", &slot)
            }
            Cond::SpecialMemory(n) => pick(self.subject.conditions, *n).to_owned(),
            Cond::AnyOf(fields) => {
                let fields = fields.map(|n| format!("msg.{}", self.subject.bools[n]));
                if self.roundabout {
                    format!("any_of([{}])", fields.join(", "))
                } else {
                    format!("(false || {})", fields.join(" || "))
                }
            }
            Cond::OneOf(numbers) => {
                let whole = self.subject.whole.0;
                if self.roundabout {
                    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                    format!("[{}].contains({whole})", numbers.join(", "))
                } else {
                    let equals: Vec<String> = numbers.iter().map(|n| format!("{whole} == {n}")).collect();
                    format!("({})", equals.join(" || "))
                }
            }
            Cond::Band(x, trip) if self.remembers => {
                format!("band({}, {trip}.0, {}.0, {})", self.number(x), trip - 3, self.slot())
            }
            Cond::LowBand(x, trip) if self.remembers => {
                format!("band({}, {trip}.0, {}.0, {})", self.number(x), trip + 3, self.slot())
            }
            Cond::Band(x, trip) | Cond::LowBand(x, trip) => format!("({} > {trip}.0)", self.number(x)),
            Cond::Changed(n) if self.remembers => format!("changed(msg.{}, {})", self.subject.bools[*n], self.slot()),
            Cond::PreviousFlag(n) if self.remembers => format!("prev(msg.{}, {})", self.subject.bools[*n], self.slot()),
            Cond::Changed(n) | Cond::PreviousFlag(n) => format!("msg.{}", self.subject.bools[*n]),
            Cond::ChangedNumber(n) if self.remembers => {
                format!("changed(msg.{}, {})", self.subject.floats[*n], self.slot())
            }
            Cond::ChangedNumber(n) => format!("(msg.{} > 4.0)", self.subject.floats[*n]),
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
            Stmt::Command(which, c, n, arg, both) => {
                let wish = self.command(*which, n, arg);
                let otherwise =
                    if *both { format!(" else {{ {} }}", self.command(*which, n, arg)) } else { String::new() };
                format!("if {} {{ {wish} }}{otherwise}", self.cond(c))
            }
            Stmt::Branch(c, a, b) => {
                let (mut yes, mut no) = (String::new(), String::new());
                self.statement(a, &mut yes);
                self.statement(b, &mut no);
                format!("if {} {{\n{yes}    }} else {{\n{no}    }}", self.cond(c))
            }
        };
        writeln!(out, "    {line}").unwrap();
    }

    fn command(&mut self, which: usize, n: &Num, arg: &Cond) -> String {
        let (name, args) = pick(self.subject.commands, which);
        let args = args.replace("{n}", &self.number(n)).replace("{c}", &self.cond(arg));
        format!("command(dev, \"{name}\", {args});")
    }

    fn member(&mut self, member: &Member) -> String {
        let silent = if member.by_silence { "if dev.silent { return true; } " } else { "" };
        let field = self.subject.bools[3];
        let (first, second) = (self.cond(&member.first), self.cond(&member.second));
        match &member.third {
            Some(third) => {
                let third = self.cond(third);
                format!("fn member(msg, dev) {{ {silent}if {first} {{ return {second}; }} {third} && msg.{field} }}\n")
            }
            None => format!("fn member(msg, dev) {{ {silent}if {first} {{ return {second} || msg.{field}; }} }}\n"),
        }
    }
}

/// One of a list, whatever the number.
fn pick<T: Copy>(list: &[T], number: usize) -> T {
    list[number % list.len()]
}
