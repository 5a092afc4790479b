//! Texts for duty staff: templates of the rule, filled when an incident opens or changes.

use gengfu_model::{Device, FieldId, Kind, Quality, Value};

use crate::diagnostic::did_you_mean;
use crate::latest::Latest;

/// A text with placeholders: `{field}`, `{value}`, `{dev.name}`, `{dev.id}`, `{dev.ATTRIBUTE}`.
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
}

impl Template {
    /// Reads a template, or says which placeholder is wrong and what there is.
    pub(crate) fn parse(text: &str, kind: Kind) -> Result<Template, (String, String)> {
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
        Ok(Template { pieces })
    }

    /// The text of a rule that gives none: the device and its condition.
    pub(crate) fn fallback(condition: &str) -> Template {
        Template { pieces: vec![Piece::DeviceName, Piece::Plain(format!(": {condition}"))] }
    }

    /// Fills the placeholders; what is not known is a dash.
    pub(crate) fn fill(&self, device: &Device, latest: &Latest, value: Option<f64>) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Plain(text) => out.push_str(text),
                Piece::Field(field) => {
                    let known = latest.get(*field).filter(|latest| latest.quality == Quality::Ok);
                    push_value(&mut out, known.map(|latest| &latest.value));
                }
                Piece::Value => push_value(&mut out, value.map(Value::Number).as_ref()),
                Piece::DeviceName if !device.name.is_empty() => out.push_str(&device.name),
                Piece::DeviceName | Piece::DeviceId => out.push_str(device.id.as_str()),
                Piece::Attribute(name) => push_value(&mut out, device.attributes.get(name)),
            }
        }
        out
    }
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
            _ => {}
        }
        if let Some(attribute) = name.strip_prefix("dev.").and_then(|n| attributes.iter().find(|a| a.name == n)) {
            return Ok(Piece::Attribute(attribute.name));
        }
        let names = kind.def().fields.iter().map(|field| field.name).chain(["value", "dev.name", "dev.id"]);
        Err((format!("a text has no placeholder `{{{name}}}`"), did_you_mean(name, names)))
    }
}

fn push_value(out: &mut String, value: Option<&Value>) {
    match value {
        None => out.push('—'),
        Some(Value::Bool(v)) => out.push_str(if *v { "1" } else { "0" }),
        Some(Value::Text(v)) => out.push_str(v),
        Some(Value::Number(v)) => {
            let rounded = (v * 100.0).round() / 100.0;
            out.push_str(&rounded.to_string());
        }
    }
}
