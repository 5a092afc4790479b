//! Texts for duty staff: templates of the rule, filled when an incident opens or changes.

use gengfu_model::{Device, FieldId, Kind, Quality, Value};

use crate::diagnostic::did_you_mean;
use crate::latest::Latest;

/// A text with placeholders: `{field}`, `{value}`, `{dev.name}`, `{dev.id}`, `{dev.ATTRIBUTE}`, and
/// `{missed_stops}` in a rule that calls `missed_stops`. A part in square brackets is left out when something in it is
/// not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Plain(String),
    Field(FieldId),
    Value,
    DeviceName,
    DeviceId,
    Attribute(&'static str),
    MissedStops,
    IfKnown(Vec<Piece>),
}

impl Template {
    /// Reads a template, or says which placeholder is wrong and what there is.
    pub(crate) fn parse(text: &str, kind: Kind) -> Result<Template, (String, String)> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['[', ']']) {
            let (before, after) = rest.split_at(at);
            let part = after.strip_prefix('[').and_then(|after| after.split_once(']'));
            let Some((part, after)) = part.filter(|(part, _)| !part.contains('[')) else {
                let hint = "what may be left out stands in `[` and `]`, without such a part in it".to_owned();
                return Err(("a `[` without `]`, or a `]` without `[`".to_owned(), hint));
            };
            pieces.extend(plain_and_values(before, kind)?);
            pieces.push(Piece::IfKnown(plain_and_values(part, kind)?));
            rest = after;
        }
        pieces.extend(plain_and_values(rest, kind)?);
        Ok(Template { pieces })
    }

    /// The text of a rule that gives none: the device and its condition.
    pub(crate) fn fallback(condition: &str) -> Template {
        Template { pieces: vec![Piece::DeviceName, Piece::Plain(format!(": {condition}"))] }
    }

    /// Fills the placeholders; what is not known is a dash, outside of square brackets.
    /// `missed` are the names of the stops that are missing.
    pub(crate) fn fill(&self, device: &Device, latest: &Latest, value: Option<f64>, missed: Option<String>) -> String {
        let filling = Filling { device, latest, value, missed };
        let mut out = String::new();
        filling.fill(&self.pieces, &mut out);
        out
    }

    /// Whether it names the stops that are missing.
    pub(crate) fn names_stops(&self) -> bool {
        self.pieces.iter().any(|piece| match piece {
            Piece::IfKnown(part) => part.contains(&Piece::MissedStops),
            other => *other == Piece::MissedStops,
        })
    }
}

/// What a text is filled with.
struct Filling<'a> {
    device: &'a Device,
    latest: &'a Latest,
    value: Option<f64>,
    missed: Option<String>,
}

impl Filling<'_> {
    /// Puts the pieces' text behind `out`; says whether all of them were known.
    fn fill(&self, pieces: &[Piece], out: &mut String) -> bool {
        let mut all_known = true;
        for piece in pieces {
            all_known &= match piece {
                Piece::Plain(text) => push(out, Some(text)),
                Piece::Field(field) => {
                    let known = self.latest.get(*field).filter(|latest| latest.quality == Quality::Ok);
                    push_value(out, known.map(|latest| &latest.value))
                }
                Piece::Value => push_value(out, self.value.map(Value::Number).as_ref()),
                Piece::DeviceName if !self.device.name.is_empty() => push(out, Some(&self.device.name)),
                Piece::DeviceName | Piece::DeviceId => push(out, Some(self.device.id.as_str())),
                Piece::Attribute(name) => push_value(out, self.device.attributes.get(name)),
                Piece::MissedStops => push(out, self.missed.as_deref()),
                Piece::IfKnown(part) => {
                    let before = out.len();
                    if !self.fill(part, out) {
                        out.truncate(before);
                    }
                    true
                }
            };
        }
        all_known
    }
}

/// A text without parts in brackets.
fn plain_and_values(text: &str, kind: Kind) -> Result<Vec<Piece>, (String, String)> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            return Err(("a `{` without `}`".to_owned(), "a placeholder is `{name}`".to_owned()));
        };
        if !plain.is_empty() {
            pieces.push(Piece::Plain(plain.to_owned()));
        }
        pieces.push(Piece::named(name, kind)?);
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Plain(rest.to_owned()));
    }
    Ok(pieces)
}

impl Piece {
    fn named(name: &str, kind: Kind) -> Result<Piece, (String, String)> {
        if let Some(field) = kind.field(name) {
            return Ok(Piece::Field(field));
        }
        let attributes = kind.def().attributes;
        match name {
            "value" => return Ok(Piece::Value),
            "dev.name" => return Ok(Piece::DeviceName),
            "dev.id" => return Ok(Piece::DeviceId),
            "missed_stops" => return Ok(Piece::MissedStops),
            _ => {}
        }
        if let Some(attribute) = name.strip_prefix("dev.").and_then(|n| attributes.iter().find(|a| a.name == n)) {
            return Ok(Piece::Attribute(attribute.name));
        }
        let names = kind.def().fields.iter().map(|field| field.name).chain(["value", "dev.name", "dev.id"]);
        Err((format!("a text has no placeholder `{{{name}}}`"), did_you_mean(name, names)))
    }
}

fn push(out: &mut String, text: Option<&str>) -> bool {
    out.push_str(text.unwrap_or("—"));
    text.is_some()
}

/// Whether there is a value; a dash stands where there is none.
fn push_value(out: &mut String, value: Option<&Value>) -> bool {
    match value {
        None => push(out, None),
        Some(Value::Bool(v)) => push(out, Some(if *v { "1" } else { "0" })),
        Some(Value::Text(v)) => push(out, Some(v)),
        Some(Value::Number(v)) => push(out, Some(&((v * 100.0).round() / 100.0).to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_in_pairs_and_not_in_one_another() {
        for bad in ["a [b", "a ]b", "a [b [c] d]", "[a]]", "[{nonsense}]", "[{]}"] {
            assert!(Template::parse(bad, Kind::Bin).is_err(), "{bad}");
        }
        let parsed = Template::parse("{dev.name} on fire[, {temperature_c} °C]", Kind::Bin).unwrap();
        assert!(
            matches!(parsed.pieces.as_slice(), [Piece::DeviceName, Piece::Plain(_), Piece::IfKnown(part)] if part.len() == 3)
        );
    }
}
