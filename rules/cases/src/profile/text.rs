//! Templates of the texts that go out with a topic. The labels of a city are data, so every one of them
//! can be replaced in the profile.

/// A text with places to fill, such as `案卷 {number} 已超期`.
///
/// Places of case topics: `number`, `class`, `asset`, `text`, `due`, `district`, `department`, `severity`.
/// Places of silence topics: `reason`, `work_order`, `author`, `held`, `cleared`, `open`.
/// Places of incident topics: `rule`, `asset`, `text`, `district`, `severity`, `value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Literal text, alternating with the names of places: even parts are literal.
    parts: Vec<String>,
}

/// A text in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPair {
    /// In Chinese.
    pub zh: Template,
    /// In English.
    pub en: Template,
}

const CASE_PLACES: &[&str] = &["number", "class", "asset", "text", "due", "district", "department", "severity"];
const SILENCE_PLACES: &[&str] = &["reason", "work_order", "author", "held", "cleared", "open"];
const INCIDENT_PLACES: &[&str] = &["rule", "asset", "text", "district", "severity", "value"];

impl Template {
    /// Reads a template for that topic.
    ///
    /// # Errors
    /// A sentence that names the bad place.
    pub fn parse(topic: &str, text: &str) -> Result<Template, String> {
        let places = match topic.split('.').next() {
            Some("case") => CASE_PLACES,
            Some("silence") => SILENCE_PLACES,
            _ => INCIDENT_PLACES,
        };
        Template::parse_with(topic, places, text)
    }

    /// Reads a template with these places.
    pub(super) fn parse_with(topic: &str, places: &[&str], text: &str) -> Result<Template, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            let (place, after) = after.split_once('}').ok_or("a `{` is never closed")?;
            if !places.contains(&place) {
                return Err(format!("`{{{place}}}` is no place of `{topic}`; there are {}", places.join(", ")));
            }
            parts.extend([literal.to_owned(), place.to_owned()]);
            rest = after;
        }
        parts.push(rest.to_owned());
        Ok(Template { parts })
    }

    /// A text without places.
    pub(super) fn literal(text: &str) -> Template {
        Template { parts: vec![text.to_owned()] }
    }

    /// The text with its places filled.
    pub fn fill(&self, value: impl Fn(&str) -> String) -> String {
        let filled = |(index, part): (usize, &String)| if index % 2 == 0 { part.clone() } else { value(part) };
        self.parts.iter().enumerate().map(filled).collect()
    }
}

/// The texts of a topic for a profile that does not bring its own, in Chinese and in English.
pub(super) fn default_texts(topic: &str) -> (&'static str, &'static str) {
    match topic {
        "incident.opened" => ("[{severity}] {asset}：{text}", "[{severity}] {asset}: {text}"),
        "incident.updated" => ("[{severity}] {asset}：{text}（有变化）", "[{severity}] {asset}: {text} (changed)"),
        "incident.cleared" => ("{asset}：已恢复（{text}）", "{asset}: cleared ({text})"),
        "case.opened" => (
            "案卷 {number}：{class} {asset}，{text}，时限至 {due}",
            "case {number}: {class} {asset}, {text}, due {due}",
        ),
        "case.overdue" => (
            "案卷 {number} 已超期：{class} {asset}，{text}，时限 {due}",
            "case {number} is overdue: {class} {asset}, {text}, was due {due}",
        ),
        "case.folded" => (
            "案卷 {number} 已并入合并案卷：{class} {asset}",
            "case {number} was folded into the case of a storm: {class} {asset}",
        ),
        "silence.over" => (
            "静默结束（{reason}，工单 {work_order}）：期间 {held} 起，已恢复 {cleared} 起，仍在 {open} 起",
            "silence over ({reason}, work order {work_order}): {held} held back, {cleared} cleared, {open} still open",
        ),
        "case.stage_overdue" => (
            "案卷 {number} 环节超时：{class} {asset}，{text}",
            "a stage of case {number} took too long: {class} {asset}, {text}",
        ),
        "case.reminded" => (
            "催办：案卷 {number} {class} {asset}，{text}，时限 {due}",
            "reminder: case {number}, {class} {asset}, {text}, due {due}",
        ),
        "case.supervised" => (
            "督办：案卷 {number} {class} {asset}，{text}，时限 {due}",
            "under supervision: case {number}, {class} {asset}, {text}, due {due}",
        ),
        "case.closed" => ("案卷 {number} 已办结：{class} {asset}", "case {number} is finished: {class} {asset}"),
        _ => ("案卷 {number} 有更新：{class} {asset}，{text}", "case {number} changed: {class} {asset}, {text}"),
    }
}
