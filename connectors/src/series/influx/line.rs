//! Points as line protocol: `manhole,device=cover-1 tilt_deg=2.5,cover_open=true 1700000000000`.
//!
//! Promises: every line that is built can be read by every store, since VictoriaMetrics says 204 to
//! lines that it then throws away. What cannot be written as such a line is left out and counted:
//! NaN and infinities, a value that is not of its field's type, a text with control characters, a
//! time outside what the stores know. Values of one device, time and record share a line.

use std::fmt::Write as _;
use std::ops::Range;

use bytes::Bytes;
use gengfu_model::{DeviceId, FieldType, Kind, Point, Seq, Timestamp, Value};

/// Stores count nanoseconds in 64 bits: milliseconds beyond this do not fit.
const MAX_TIME_MS: i64 = i64::MAX / 1_000_000;

/// How yes and no are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Booleans {
    /// `true` and `false`.
    #[default]
    Words,
    /// `1` and `0`, so that the field is a number in every store.
    Numbers,
}

/// What is sent, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineOptions {
    /// Whether texts are sent; VictoriaMetrics would store each of them as 0.
    pub text: bool,
    /// How yes and no are written. To change it later gives type conflicts in InfluxDB.
    pub booleans: Booleans,
}

/// Points that were not written as lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Texts, as the options ask.
    pub texts: u64,
    /// What no store could read.
    pub unusable: u64,
}

/// Collects points as lines.
#[derive(Debug, Default)]
pub struct LineBuilder {
    options: LineOptions,
    body: String,
    ends: Vec<usize>,
    points: u64,
    left_out: LeftOut,
    open: Option<OpenLine>,
}

/// The line that further values of the same device, time and record are added to.
#[derive(Debug)]
struct OpenLine {
    device: DeviceId,
    kind: Kind,
    time: Timestamp,
    seq: Seq,
    fields: u64,
}

impl LineBuilder {
    /// An empty builder.
    #[must_use]
    pub fn new(options: LineOptions) -> LineBuilder {
        LineBuilder { options, ..LineBuilder::default() }
    }

    /// How many points are in the lines so far.
    #[must_use]
    pub fn points(&self) -> u64 {
        self.points
    }

    /// Adds a point, or leaves it out and counts it.
    pub fn push(&mut self, point: &Point) {
        let Some(field) = point.kind.field_def(point.field) else {
            self.left_out.unusable += 1;
            return;
        };
        if matches!(point.value, Value::Text(_)) && !self.options.text {
            self.left_out.texts += 1;
            return;
        }
        let fits_time = (-MAX_TIME_MS..=MAX_TIME_MS).contains(&point.time.as_millis());
        if !fits_time || !is_writable(field.ty, &point.value) {
            self.left_out.unusable += 1;
            return;
        }
        self.go_to_line(point);
        push_escaped(&mut self.body, field.name, ",= ");
        self.body.push('=');
        push_value(&mut self.body, &point.value, self.options.booleans);
        self.points += 1;
    }

    /// Opens the line that the point belongs to, unless it is open, and writes up to the field's name.
    fn go_to_line(&mut self, point: &Point) {
        // A field that is on the line already must not come twice; one without a bit gets its own line.
        let bit = 1_u64.checked_shl(u32::from(point.field.0)).unwrap_or(u64::MAX);
        if let Some(open) = &mut self.open
            && open.device == point.device
            && open.kind == point.kind
            && open.time == point.time
            && open.seq == point.seq
            && open.fields & bit == 0
        {
            open.fields |= bit;
            self.body.push(',');
            return;
        }
        self.close_line();
        push_escaped(&mut self.body, point.kind.name(), ", ");
        self.body.push_str(",device=");
        push_escaped(&mut self.body, point.device.as_str(), ",= ");
        self.body.push(' ');
        self.open = Some(OpenLine {
            device: point.device.clone(),
            kind: point.kind,
            time: point.time,
            seq: point.seq,
            fields: bit,
        });
    }

    fn close_line(&mut self) {
        if let Some(open) = self.open.take() {
            // Writing to a text cannot fail.
            writeln!(self.body, " {}", open.time.as_millis()).ok();
            self.ends.push(self.body.len());
        }
    }

    /// The lines so far; the builder is empty again.
    #[must_use]
    pub fn take(&mut self) -> Lines {
        self.close_line();
        Lines {
            body: Bytes::from(std::mem::take(&mut self.body)),
            ends: std::mem::take(&mut self.ends),
            points: std::mem::take(&mut self.points),
            left_out: std::mem::take(&mut self.left_out),
        }
    }
}

/// Whether the value is of its field's type and can stand in a line.
fn is_writable(ty: FieldType, value: &Value) -> bool {
    match (ty, value) {
        (FieldType::Number { .. } | FieldType::Integer { .. }, Value::Number(number)) => number.is_finite(),
        (FieldType::Bool, Value::Bool(_)) => true,
        (FieldType::Text { max_bytes }, Value::Text(text)) => {
            text.len() <= max_bytes && !text.chars().any(char::is_control)
        }
        _ => false,
    }
}

fn push_value(body: &mut String, value: &Value, booleans: Booleans) {
    match (value, booleans) {
        // The shortest digits that read back as the same number; without an `i` it is a float everywhere.
        (Value::Number(number), _) => {
            write!(body, "{number}").ok();
        }
        (Value::Bool(yes), Booleans::Words) => body.push_str(if *yes { "true" } else { "false" }),
        (Value::Bool(yes), Booleans::Numbers) => body.push(if *yes { '1' } else { '0' }),
        (Value::Text(text), _) => {
            body.push('"');
            push_escaped(body, text, "\"\\");
            body.push('"');
        }
    }
}

/// Writes a text with a backslash before each of the special characters. A backslash of its own means
/// itself outside quotes; names and device ids have none.
fn push_escaped(body: &mut String, text: &str, special: &str) {
    for character in text.chars() {
        if special.contains(character) {
            body.push('\\');
        }
        body.push(character);
    }
}

/// Lines ready to be sent.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    body: Bytes,
    ends: Vec<usize>,
    points: u64,
    left_out: LeftOut,
}

impl Lines {
    /// How many lines.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many points are in the lines.
    #[must_use]
    pub fn points(&self) -> u64 {
        self.points
    }

    /// What was left out while they were built.
    #[must_use]
    pub fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// The text of the lines in `range`, each with its line feed; empty if there are none.
    #[must_use]
    pub fn body(&self, range: Range<usize>) -> Bytes {
        let start = range.start.checked_sub(1).map_or(0, |before| self.ends[before]);
        let end = range.end.checked_sub(1).map_or(0, |last| self.ends[last]);
        self.body.slice(start..end.max(start))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::series::random_inputs::random;
    use proptest::prelude::*;

    fn point(kind: Kind, field: &str, time: i64, seq: u64, value: Value) -> Point {
        Point {
            device: DeviceId::new("dev:1.a").unwrap(),
            kind,
            field: kind.field(field).unwrap(),
            time: Timestamp(time),
            seq: Seq(seq),
            value,
        }
    }

    fn text_of(lines: &Lines) -> &str {
        std::str::from_utf8(&lines.body).unwrap()
    }

    fn build(options: LineOptions, points: &[Point]) -> Lines {
        let mut builder = LineBuilder::new(options);
        points.iter().for_each(|point| builder.push(point));
        builder.take()
    }

    #[test]
    fn values_of_one_record_and_time_share_a_line() {
        let lines = build(
            LineOptions::default(),
            &[
                point(Kind::Manhole, "tilt_deg", 1_700_000_000_123, 1, Value::Number(2.5)),
                point(Kind::Manhole, "cover_open", 1_700_000_000_123, 1, Value::Bool(true)),
                point(Kind::Manhole, "tilt_deg", 1_700_000_000_123, 1, Value::Number(3.0)),
                point(Kind::Manhole, "tilt_deg", 1_700_000_000_124, 1, Value::Number(-0.125)),
                point(Kind::Manhole, "water", 1_700_000_000_124, 2, Value::Bool(false)),
            ],
        );
        let expected = "manhole,device=dev:1.a tilt_deg=2.5,cover_open=true 1700000000123\n\
                        manhole,device=dev:1.a tilt_deg=3 1700000000123\n\
                        manhole,device=dev:1.a tilt_deg=-0.125 1700000000124\n\
                        manhole,device=dev:1.a water=false 1700000000124\n";
        assert_eq!(text_of(&lines), expected);
        assert_eq!((lines.len(), lines.points()), (4, 5));
        assert_eq!(
            lines.body(1..3),
            "manhole,device=dev:1.a tilt_deg=3 1700000000123\nmanhole,device=dev:1.a tilt_deg=-0.125 1700000000124\n"
        );
        assert_eq!(lines.body(0..4), expected);
        assert!(lines.body(2..2).is_empty() && lines.body(0..0).is_empty());
    }

    #[test]
    fn what_no_store_can_read_is_left_out_and_counted() {
        let far = MAX_TIME_MS + 1;
        let no_field =
            Point { field: gengfu_model::FieldId(200), ..point(Kind::Bin, "smoke", 1, 1, Value::Bool(true)) };
        let lines = build(
            LineOptions { text: true, ..LineOptions::default() },
            &[
                point(Kind::Manhole, "tilt_deg", 1, 1, Value::Number(f64::NAN)),
                point(Kind::Manhole, "tilt_deg", 1, 1, Value::Number(f64::INFINITY)),
                point(Kind::Manhole, "tilt_deg", 1, 1, Value::Number(f64::NEG_INFINITY)),
                point(Kind::Manhole, "tilt_deg", 1, 1, Value::Bool(true)),
                point(Kind::Manhole, "cover_open", 1, 1, Value::Number(1.0)),
                point(Kind::Manhole, "tilt_deg", far, 1, Value::Number(1.0)),
                point(Kind::Manhole, "tilt_deg", -far, 1, Value::Number(1.0)),
                point(Kind::Truck, "task", 1, 1, Value::Text("two\nlines".into())),
                point(Kind::Truck, "task", 1, 1, Value::Text("x".repeat(65).into())),
                no_field,
            ],
        );
        assert!(lines.is_empty(), "{}", text_of(&lines));
        assert_eq!(lines.left_out(), LeftOut { texts: 0, unusable: 10 });
    }

    #[test]
    fn texts_stay_at_home_unless_asked_for_and_are_quoted_then() {
        let task = point(Kind::Truck, "task", 7, 1, Value::Text(Arc::from(r#"扫 "A\B", x=1"#)));
        let lines = build(LineOptions::default(), std::slice::from_ref(&task));
        assert_eq!((lines.len(), lines.left_out().texts), (0, 1));
        let lines = build(LineOptions { text: true, ..LineOptions::default() }, &[task]);
        assert_eq!(text_of(&lines), "truck,device=dev:1.a task=\"扫 \\\"A\\\\B\\\", x=1\" 7\n");
    }

    #[test]
    fn yes_and_no_may_be_numbers() {
        let options = LineOptions { booleans: Booleans::Numbers, ..LineOptions::default() };
        let lines = build(
            options,
            &[point(Kind::Bin, "smoke", 7, 1, Value::Bool(true)), point(Kind::Bin, "tipped", 7, 1, Value::Bool(false))],
        );
        assert_eq!(text_of(&lines), "bin,device=dev:1.a smoke=1,tipped=0 7\n");
    }

    #[test]
    fn special_characters_get_a_backslash() {
        let mut body = String::new();
        push_escaped(&mut body, "a b,c=d", ",= ");
        assert_eq!(body, "a\\ b\\,c\\=d");
    }

    #[test]
    fn a_builder_that_was_emptied_begins_anew() {
        let mut builder = LineBuilder::new(LineOptions::default());
        let smoke = point(Kind::Bin, "smoke", 7, 1, Value::Bool(true));
        builder.push(&smoke);
        assert_eq!(builder.take().points(), 1);
        assert!(builder.take().is_empty());
        builder.push(&smoke);
        assert_eq!(text_of(&builder.take()), "bin,device=dev:1.a smoke=true 7\n");
    }

    /// Reads line protocol as its specification says, without any of the code above.
    fn read(body: &str) -> Vec<(String, String, i64, String)> {
        let mut found = Vec::new();
        for line in body.lines() {
            let (head, rest) = line.split_once(' ').expect("measurement and tags");
            let (fields, time) = rest.rsplit_once(' ').expect("fields and time");
            let (measurement, device) = head.split_once(",device=").expect("the tag");
            let mut quoted = false;
            let mut escaped = false;
            let parts = fields.split(|c| {
                let is_end = c == ',' && !quoted;
                if c == '"' && !escaped {
                    quoted = !quoted;
                }
                escaped = c == '\\' && !escaped;
                is_end
            });
            for part in parts {
                let (name, value) = part.split_once('=').expect("name and value");
                let key = format!("{measurement}/{device}/{name}");
                found.push((key, name.to_owned(), time.parse().expect("a time"), value.to_owned()));
            }
        }
        found
    }

    proptest! {
        #![proptest_config(random(256))]

        #[test]
        fn whatever_is_pushed_reads_back_or_was_counted_as_left_out(
            given in proptest::collection::vec((0_u8..20, any::<f64>(), any::<bool>(), "[ -~井]{0,10}", 0_i64..3, 0_u64..3), 0..40)
        ) {
            let mut builder = LineBuilder::new(LineOptions { text: true, ..LineOptions::default() });
            let mut expected = Vec::new();
            for (field, number, yes, text, time, seq) in given {
                let field = gengfu_model::FieldId(field);
                let Some(def) = Kind::Truck.field_def(field) else { continue };
                let value = match def.ty {
                    FieldType::Bool => Value::Bool(yes),
                    FieldType::Text { .. } => Value::Text(text.into()),
                    FieldType::Number { .. } | FieldType::Integer { .. } => Value::Number(number),
                };
                let device = DeviceId::new("t-1").unwrap();
                builder.push(&Point { device, kind: Kind::Truck, field, time: Timestamp(time), seq: Seq(seq), value: value.clone() });
                expected.push((def.name, time, value));
            }
            let lines = builder.take();
            let found = read(text_of(&lines));
            prop_assert_eq!(found.len() as u64, lines.points());
            expected.retain(|(_, _, value)| value.as_number().is_none_or(f64::is_finite));
            prop_assert_eq!(found.len(), expected.len());
            for ((_, name, time, text), (wanted, at, value)) in found.into_iter().zip(expected) {
                prop_assert_eq!((name.as_str(), time), (wanted, at));
                match value {
                    Value::Number(number) => prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.to_bits()),
                    Value::Bool(yes) => prop_assert_eq!(text, yes.to_string()),
                    Value::Text(wanted) => {
                        let inner = text.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
                        prop_assert_eq!(inner.replace("\\\"", "\"").replace("\\\\", "\\"), &*wanted);
                    }
                }
            }
        }
    }
}
