//! `const RULE = #{ .. }`: what a rule says about itself, read once at load.

use std::sync::Arc;

use gengfu_model::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use gengfu_model::{Kind, Severity, Value};

use crate::diagnostic::{Problem, did_you_mean};
use crate::pack::{GroupInfo, ParameterInfo};
use crate::program::Span;
use crate::script::Pos;
use crate::script::tree::{Constant, Expr, ExprKind, File, MapEntry, Unary};

/// The longest time that a rule may wait or look back.
pub(crate) const MAX_SPAN_MS: i64 = 45 * DAY_MS;
/// The shortest period of `every`, `silent` and `after`.
pub(crate) const MIN_PERIOD_MS: i64 = SECOND_MS;
/// The longest text of a rule, in bytes.
const MAX_TEXT_BYTES: usize = 400;
/// Units of time, as in `10.min`.
pub(crate) const UNITS: [(&str, i64); 5] =
    [("ms", 1), ("s", SECOND_MS), ("min", MINUTE_MS), ("h", HOUR_MS), ("d", DAY_MS)];
/// What a rule may say in `RULE`: the name, in English, in Chinese.
pub(crate) const METADATA: [(&str, &str, &str); 20] = [
    ("id", "the rule's id; by default the file's name", "规则编号，默认取文件名"),
    ("kind", "the kind of device; needed", "设备类型，必填"),
    ("key", "the key of `incident` and `raise` without one", "默认的报警键"),
    ("severity", "`info`, `minor`, `major` or `critical`", "级别"),
    ("condition", "what is wrong, in the city's words", "情况名称，城市配置据此映射案件"),
    (
        "cooldown",
        "a condition that comes back within it opens the same incident again",
        "冷却时间，期间复发归入同一事件",
    ),
    ("silent", "calls `on_silent(dev)` when the device was not heard for so long", "多久未收到消息即调用 on_silent"),
    ("every", "calls `on_timer(dev, \"every\")` in this period", "周期调用 on_timer"),
    ("parameters", "what may be tuned: `name: #{ default, min, max, unit }`, read as `param.name`", "可调参数"),
    (
        "text_zh",
        "the text for duty staff in Chinese, with `{field}`, `{value}`, `{dev.name}`; a part in `[` `]` is left out when something in it is unknown",
        "中文提示模板，方括号内有未知值时整段省略",
    ),
    ("text_en", "the text for duty staff in English", "英文提示模板"),
    (
        "group",
        "`feeder`, `cabinet`, `catchment`, `grid` or `carrier_cell`, or a list of them: the first that a device has; \
         needs `fn member(msg, dev)`",
        "按何分组，可为列表，取设备登记的第一项；须有 `fn member(msg, dev)`",
    ),
    ("distinct", "from how many members (by assets) on it is one group incident", "成组的最少设备数（按部件计）"),
    (
        "share",
        "from which share of the group's devices of the kind on, and two at least",
        "成组的最小比例，占本组同类设备，至少两个",
    ),
    (
        "enough",
        "\"either\" of `distinct` and `share` (as usual), or \"both\"",
        "两个条件满足其一（默认 either）或须同时（both）",
    ),
    ("within", "how long ago they may have become members", "多长时间内成为成员"),
    ("group_severity", "the severity of the group's incident; by default the rule's", "成组后的级别，默认同规则"),
    ("group_condition", "the condition of the group's incident; by default the rule's", "成组后的情况名称，默认同规则"),
    (
        "group_text_zh",
        "its text in Chinese, with `{group}` and `{count}`",
        "成组后的中文提示，可用 `{group}`、`{count}`",
    ),
    ("group_text_en", "its text in English", "成组后的英文提示"),
];

/// What the map says, checked.
#[derive(Debug)]
pub(crate) struct Metadata {
    pub(crate) id: Arc<str>,
    pub(crate) id_pos: Pos,
    pub(crate) kind: Kind,
    pub(crate) key: Option<Arc<str>>,
    pub(crate) severity: Option<Severity>,
    pub(crate) condition: Option<Arc<str>>,
    pub(crate) cooldown_ms: i64,
    pub(crate) silent: Option<Span>,
    pub(crate) every_ms: Option<i64>,
    pub(crate) parameters: Vec<ParameterInfo>,
    pub(crate) text_zh: Option<(String, Pos)>,
    pub(crate) text_en: Option<(String, Pos)>,
    pub(crate) group: Option<GroupInfo>,
    /// Where `group` stands.
    pub(crate) group_pos: Pos,
    /// Where `RULE` stands.
    pub(crate) pos: Pos,
    /// Where `silent` stands.
    pub(crate) silent_pos: Pos,
    /// Where `every` stands.
    pub(crate) every_pos: Pos,
}

/// Reads `RULE`. `None` if there is none or it names no kind; other mistakes are recorded alone.
pub(crate) fn read(file_name: &str, file: &File, problems: &mut Vec<Problem>) -> Option<Metadata> {
    let example = "write const RULE = #{ kind: \"manhole\", key: \"tilt\", severity: \"major\", condition: \"..\" };";
    let Some(rule) = file.constants.iter().find(|constant| constant.name == "RULE") else {
        problems.push(Problem::error(Pos::default(), "the file has no `const RULE`").hint(example));
        return None;
    };
    let ExprKind::Map(entries) = &rule.value.kind else {
        problems.push(Problem::error(rule.value.pos, "`RULE` is no map").hint(example));
        return None;
    };
    let mut reader = Reader { entries, constants: &file.constants, problems };
    reader.names(&METADATA.map(|(name, _, _)| name), "RULE");
    let kind_name = reader.text("kind");
    let kind = kind_name.as_ref().and_then(|(name, _)| Kind::from_name(name));
    if kind.is_none() {
        let names = gengfu_model::catalogue::KINDS.iter().map(|def| def.name);
        let (message, pos, hint) = match kind_name {
            Some((name, pos)) => (format!("there is no kind `{name}`"), pos, did_you_mean(&name, names)),
            None => ("`RULE` has no `kind`".to_owned(), rule.value.pos, did_you_mean("", names)),
        };
        reader.problems.push(Problem::error(pos, message).hint(hint));
    }
    let silent = reader.get("silent").map(|entry| (entry.value.pos, reader.span(&entry.value)));
    let every = reader.get("every").map(|entry| (entry.value.pos, reader.duration(&entry.value, MIN_PERIOD_MS)));
    let stem = file_name.rsplit('/').next().unwrap_or(file_name).trim_end_matches(".rhai");
    let (id, id_pos) = reader.word("id").unwrap_or_else(|| (Arc::from(stem), rule.pos));
    Some(Metadata {
        id,
        id_pos,
        kind: kind?,
        key: reader.word("key").map(|(key, _)| key),
        severity: reader.severity("severity"),
        condition: reader.word("condition").map(|(word, _)| word),
        cooldown_ms: reader.get("cooldown").and_then(|entry| reader.duration(&entry.value, 0)).unwrap_or_default(),
        silent: silent.and_then(|(_, span)| span),
        every_ms: every.and_then(|(_, ms)| ms),
        parameters: reader.parameters(),
        text_zh: reader.text("text_zh"),
        text_en: reader.text("text_en"),
        group: reader.group(),
        group_pos: reader.get("group").map(|entry| entry.key_pos).unwrap_or_default(),
        pos: rule.pos,
        silent_pos: silent.map(|(pos, _)| pos).unwrap_or_default(),
        every_pos: every.map(|(pos, _)| pos).unwrap_or_default(),
    })
}

pub(super) struct Reader<'a> {
    entries: &'a [MapEntry],
    constants: &'a [Constant],
    pub(super) problems: &'a mut Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn get(&self, key: &str) -> Option<&'a MapEntry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    fn names(&mut self, known: &[&str], of: &str) {
        for entry in self.entries {
            if !known.contains(&entry.key.as_str()) {
                let hint = did_you_mean(&entry.key, known.iter().copied());
                self.problems.push(Problem::error(entry.key_pos, format!("{of} has no `{}`", entry.key)).hint(hint));
            }
        }
    }

    pub(super) fn wrong<T>(&mut self, pos: Pos, message: impl Into<String>, hint: &str) -> Option<T> {
        self.problems.push(Problem::error(pos, message).hint(hint));
        None
    }

    /// A constant of the file stands for its value.
    pub(super) fn resolve(&self, expr: &'a Expr) -> &'a Expr {
        let ExprKind::Name(name) = &expr.kind else { return expr };
        self.constants.iter().find(|c| c.name == *name && c.name != "RULE").map_or(expr, |c| &c.value)
    }

    pub(super) fn text(&mut self, key: &str) -> Option<(String, Pos)> {
        let value = self.resolve(&self.get(key)?.value);
        match &value.kind {
            ExprKind::Text(text) if text.len() <= MAX_TEXT_BYTES => Some((text.clone(), value.pos)),
            ExprKind::Text(_) => self.wrong(value.pos, format!("`{key}` is longer than {MAX_TEXT_BYTES} bytes"), ""),
            _ => self.wrong(value.pos, format!("`{key}` is no text"), "write it in double quotes"),
        }
    }

    /// A text that programs use as a name.
    pub(super) fn word(&mut self, key: &str) -> Option<(Arc<str>, Pos)> {
        let (text, pos) = self.text(key)?;
        if is_word(&text) {
            return Some((Arc::from(text), pos));
        }
        self.wrong(pos, format!("`{key}` is \"{text}\""), "take 1 to 64 small letters, digits, `_`, `-` or `.`")
    }

    pub(super) fn severity(&mut self, key: &str) -> Option<Severity> {
        let (text, pos) = self.text(key)?;
        Severity::from_name(&text).or_else(|| {
            let hint = did_you_mean(&text, Severity::ALL.iter().map(|severity| severity.name()));
            self.wrong(pos, format!("there is no severity `{text}`"), &hint)
        })
    }

    pub(super) fn number(&mut self, expr: &'a Expr) -> Option<f64> {
        let value = self.resolve(expr);
        literal(value).or_else(|| self.wrong(value.pos, "a number stands here", ""))
    }

    pub(super) fn duration(&mut self, expr: &'a Expr, least_ms: i64) -> Option<i64> {
        let value = self.resolve(expr);
        let Some(ms) = duration(value) else {
            return self.wrong(value.pos, "a length of time stands here", "write 30.s, 10.min, 2.h or 7.d");
        };
        if (least_ms..=MAX_SPAN_MS).contains(&ms) {
            return Some(ms);
        }
        self.wrong(value.pos, "the time is too short or too long", "it must be 1 second to 45 days")
    }

    fn span(&mut self, expr: &'a Expr) -> Option<Span> {
        let value = self.resolve(expr);
        if let ExprKind::Property { of, name, .. } = &value.kind
            && name == "intervals"
        {
            return match literal(of) {
                Some(n) if (0.1..=1_000.0).contains(&n) => Some(Span::Intervals(n)),
                _ => self.wrong(value.pos, "the number of intervals must be 0.1 to 1000", ""),
            };
        }
        self.duration(expr, MIN_PERIOD_MS).map(Span::Ms)
    }

    fn parameters(&mut self) -> Vec<ParameterInfo> {
        let Some(entry) = self.get("parameters") else { return Vec::new() };
        let ExprKind::Map(parameters) = &entry.value.kind else {
            self.problems.push(Problem::error(entry.value.pos, "`parameters` is no map"));
            return Vec::new();
        };
        parameters.iter().filter_map(|parameter| self.parameter(parameter)).collect()
    }

    fn parameter(&mut self, parameter: &'a MapEntry) -> Option<ParameterInfo> {
        let example = "write name: #{ default: 30.0, min: 5.0, max: 90.0, unit: \"°\" }";
        let ExprKind::Map(entries) = &parameter.value.kind else {
            return self.wrong(parameter.value.pos, format!("parameter `{}` is no map", parameter.key), example);
        };
        let mut reader = Reader { entries, constants: self.constants, problems: self.problems };
        reader.names(&["default", "min", "max", "unit"], "a parameter");
        let Some(default_entry) = reader.get("default") else {
            return reader.wrong(parameter.key_pos, format!("parameter `{}` has no `default`", parameter.key), example);
        };
        let value = reader.resolve(&default_entry.value);
        let (default, timed) = match (&value.kind, duration(value)) {
            (ExprKind::Bool(v), _) => (Value::Bool(*v), false),
            (_, Some(ms)) => (Value::Number(seconds(ms)), true),
            _ => (Value::Number(reader.number(value)?), false),
        };
        let (min, max) = (reader.limit("min", timed), reader.limit("max", timed));
        let unit = if timed { "s".to_owned() } else { reader.text("unit").map(|(t, _)| t).unwrap_or_default() };
        let info =
            ParameterInfo { name: Arc::from(parameter.key.as_str()), default, min, max, unit, is_duration: timed };
        if let Err(message) = info.check(&info.default) {
            return reader.wrong(value.pos, message, "the default lies within the limits");
        }
        Some(info)
    }

    fn limit(&mut self, key: &str, timed: bool) -> Option<f64> {
        let entry = self.get(key)?;
        if timed { self.duration(&entry.value, 0).map(seconds) } else { self.number(&entry.value) }
    }
}

/// Ids, keys and conditions: names for programs.
pub(crate) fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b))
}

fn literal(expr: &Expr) -> Option<f64> {
    match &expr.kind {
        ExprKind::Int(n) => Some(*n as f64),
        ExprKind::Float(n) => Some(*n),
        ExprKind::Unary(Unary::Minus, x) => literal(x).map(|n| -n),
        _ => None,
    }
}

/// `10.min` in milliseconds.
fn duration(expr: &Expr) -> Option<i64> {
    let ExprKind::Property { of, name, .. } = &expr.kind else { return None };
    let unit = UNITS.iter().find(|(unit, _)| unit == name)?.1;
    let ms = literal(of)? * unit as f64;
    (ms.abs() <= MAX_SPAN_MS as f64 * 2.0).then(|| libm::round(ms) as i64)
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / SECOND_MS as f64
}
