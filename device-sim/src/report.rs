//! What a device says: fields with the decimals that its firmware prints, as canonical JSON.

use std::fmt::Write;

/// One value with the precision of the device.
#[derive(Clone, Debug, PartialEq)]
pub enum Printed {
    /// A number and how many decimals the device prints.
    Number(f64, usize),
    /// A whole number.
    Integer(i64),
    /// Yes or no.
    Flag(bool),
    /// A text that needs no escaping in JSON but what [`Report::write_json`] does.
    Text(&'static str),
}

/// One sample of one device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Names of the kind's catalogue with their values, in the order of printing.
    pub fields: Vec<(&'static str, Printed)>,
    /// The device wants to report again after so many seconds, earlier than its interval: something
    /// happened, and it will tell whether it is over.
    pub again_s: Option<f64>,
}

impl Report {
    /// Adds a number with `decimals` decimals.
    pub fn number(&mut self, name: &'static str, value: f64, decimals: usize) {
        self.fields.push((name, Printed::Number(value, decimals)));
    }

    /// Adds a whole number.
    pub fn integer(&mut self, name: &'static str, value: i64) {
        self.fields.push((name, Printed::Integer(value)));
    }

    /// Adds yes or no.
    pub fn flag(&mut self, name: &'static str, value: bool) {
        self.fields.push((name, Printed::Flag(value)));
    }

    /// Adds a text.
    pub fn text(&mut self, name: &'static str, value: &'static str) {
        self.fields.push((name, Printed::Text(value)));
    }

    /// The value of a field, if the report carries it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Printed> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    /// The report as one JSON object: `ts` first where the device has a clock, then the fields.
    #[must_use]
    pub fn to_json(&self, ts: Option<i64>) -> String {
        let mut out = String::with_capacity(24 + self.fields.len() * 22);
        out.push('{');
        if let Some(ts) = ts {
            append(&mut out, "ts", &Printed::Integer(ts));
        }
        for (name, value) in &self.fields {
            append(&mut out, name, value);
        }
        out.push('}');
        out
    }
}

fn append(out: &mut String, name: &str, value: &Printed) {
    if out.len() > 1 {
        out.push(',');
    }
    // Writing to a String cannot fail.
    let done = match value {
        Printed::Number(number, decimals) => write!(out, "\"{name}\":{number:.decimals$}"),
        Printed::Integer(number) => write!(out, "\"{name}\":{number}"),
        Printed::Flag(flag) => write!(out, "\"{name}\":{flag}"),
        Printed::Text(text) => write!(out, "\"{name}\":{}", serde_json::Value::from(*text)),
    };
    debug_assert!(done.is_ok());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_json_with_the_devices_decimals() {
        let mut report = Report::default();
        report.number("tilt_deg", 1.234, 1);
        report.flag("water", false);
        report.integer("visits", 12);
        report.text("task", "清扫\"");
        assert_eq!(report.to_json(Some(5)), r#"{"ts":5,"tilt_deg":1.2,"water":false,"visits":12,"task":"清扫\""}"#);
        assert_eq!(Report::default().to_json(None), "{}");
        assert!(serde_json::from_str::<serde_json::Value>(&report.to_json(None)).is_ok());
    }
}
