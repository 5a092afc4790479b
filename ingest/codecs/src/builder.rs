//! Puts a reading together, value by value, whatever syntax the values came in.

use std::sync::Arc;

use gengfu_model::crs::Crs;
use gengfu_model::{
    Decoded, FieldDef, FieldId, FieldProblem, Kind, Quality, QuarantineReason, Reading, Sample, Timestamp, Value,
};

use crate::check::{Scalar, check, raw};
use crate::{MAX_ID_BYTES, Undecodable, time};

/// One reading in the making. Of two values of a field the last one counts.
pub(crate) struct ReadingBuilder {
    kind: Kind,
    fields: &'static [FieldDef],
    reading: Reading,
    /// The coordinate system of its position.
    crs: Crs,
    refused: Option<Undecodable>,
}

impl ReadingBuilder {
    pub(crate) fn new(kind: Kind) -> ReadingBuilder {
        let reading = Reading { samples: Vec::with_capacity(8), ..Reading::default() };
        ReadingBuilder { kind, fields: kind.def().fields, reading, crs: Crs::Wgs84, refused: None }
    }

    /// Takes a value of a known field.
    pub(crate) fn field(&mut self, field: FieldId, scalar: &Scalar<'_>) {
        self.field_with_quality(field, scalar, Quality::Ok);
    }

    /// Takes a value by the field's name; a name that the kind does not have is counted.
    pub(crate) fn named(&mut self, name: &str, scalar: &Scalar<'_>, quality: Quality) {
        match self.kind.field(name) {
            Some(field) => self.field_with_quality(field, scalar, quality),
            None => self.unknown(),
        }
    }

    fn field_with_quality(&mut self, field: FieldId, scalar: &Scalar<'_>, quality: Quality) {
        let def = &self.fields[usize::from(field.0)];
        match check(&def.ty, scalar) {
            Ok(Some(value)) => self.keep(def, Sample { field, value, quality }),
            Ok(None) => self.forget(def, field),
            Err(kind) => {
                self.forget(def, field);
                self.reading.problems.push(FieldProblem { field: Arc::from(def.name), kind, raw: raw(scalar) });
            }
        }
    }

    fn keep(&mut self, def: &FieldDef, sample: Sample) {
        if !self.reading.problems.is_empty() {
            self.reading.problems.retain(|problem| *problem.field != *def.name);
        }
        match self.reading.samples.iter_mut().find(|old| old.field == sample.field) {
            Some(old) => *old = sample,
            None => self.reading.samples.push(sample),
        }
    }

    fn forget(&mut self, def: &FieldDef, field: FieldId) {
        self.reading.samples.retain(|old| old.field != field);
        self.reading.problems.retain(|problem| *problem.field != *def.name);
    }

    /// Counts a name that is no field of the kind.
    pub(crate) fn unknown(&mut self) {
        self.reading.unknown_fields = self.reading.unknown_fields.saturating_add(1);
    }

    /// Takes `ts`. What is no time refuses the whole reading: its values could belong anywhere.
    pub(crate) fn time(&mut self, scalar: &Scalar<'_>) {
        match time::parse(scalar) {
            Ok(time) => {
                self.reading.event_time = time;
                if matches!(self.refused, Some((QuarantineReason::BadTime, _))) {
                    self.refused = None;
                }
            }
            Err(text) => self.refuse(QuarantineReason::BadTime, text),
        }
    }

    /// Sets the time from a codec that has it in milliseconds already.
    pub(crate) fn time_at(&mut self, time: Timestamp) {
        match time::check(time) {
            Ok(time) => self.reading.event_time = Some(time),
            Err(text) => self.refuse(QuarantineReason::BadTime, text),
        }
    }

    /// Takes `id`: text or a whole number. Anything else, empty or too long is as good as absent.
    pub(crate) fn id(&mut self, scalar: &Scalar<'_>) {
        self.reading.id = match scalar {
            Scalar::Text(text) if !text.is_empty() && text.len() <= MAX_ID_BYTES => Some(Arc::from(*text)),
            Scalar::Integer(number) => Some(Arc::from(number.to_string())),
            _ => None,
        };
    }

    /// Takes `crs`, the coordinate system of the position: `wgs84`, `gcj02`, `bd09`. A kind without a position has no
    /// such name.
    pub(crate) fn crs(&mut self, scalar: &Scalar<'_>) {
        let known = match scalar {
            Scalar::Null => Some(Crs::Wgs84),
            Scalar::Text(name) => Crs::from_name(name),
            _ => None,
        };
        match known {
            _ if self.kind.field("latitude").is_none() => self.unknown(),
            Some(crs) => self.crs = crs,
            None => {
                let text = format!("`crs` is {}: wgs84, gcj02 or bd09", raw(scalar));
                self.refuse(QuarantineReason::Malformed, text);
            }
        }
    }

    /// Brings the position to WGS-84: what is stored and judged is never anything else.
    fn convert(&mut self) {
        let place = |name: &str| {
            let field = self.kind.field(name)?;
            self.reading.samples.iter().position(|sample| sample.field == field)
        };
        let (Some(lon), Some(lat)) = (place("longitude"), place("latitude")) else { return };
        let number = |place: usize| self.reading.samples.get(place).and_then(|sample| sample.value.as_number());
        let (Some(x), Some(y)) = (number(lon), number(lat)) else { return };
        let [x, y] = self.crs.to_wgs84([x, y]);
        for (place, value) in [(lon, x), (lat, y)] {
            if let Some(sample) = self.reading.samples.get_mut(place) {
                sample.value = Value::Number(value);
            }
        }
    }

    /// Refuses the whole reading; the first reason stands.
    pub(crate) fn refuse(&mut self, reason: QuarantineReason, text: String) {
        self.refused.get_or_insert((reason, text));
    }

    /// Whether there is anything in it, good or bad.
    pub(crate) fn is_empty(&self) -> bool {
        self.reading.samples.is_empty() && self.reading.problems.is_empty() && self.refused.is_none()
    }

    /// The reading, or why it is none.
    pub(crate) fn finish(mut self) -> Result<Reading, Undecodable> {
        if self.crs != Crs::Wgs84 {
            self.convert();
        }
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        if self.reading.samples.is_empty() && self.reading.problems.is_empty() {
            let text = format!("no field of a {} among {} other names", self.kind, self.reading.unknown_fields);
            return Err((QuarantineReason::NothingKnown, text));
        }
        Ok(self.reading)
    }
}

/// The readings of an array, and what became of its bad elements.
#[derive(Default)]
pub(crate) struct Elements {
    decoded: Decoded,
    count: usize,
}

impl Elements {
    /// How many elements came so far.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn push(&mut self, element: Result<Reading, Undecodable>) {
        match element {
            Ok(reading) => self.decoded.readings.push(reading),
            Err((reason, text)) => self.decoded.rejected.push((reason, format!("element {}: {text}", self.count))),
        }
        self.count += 1;
    }

    /// What is left; an error when nothing is.
    pub(crate) fn finish(self) -> Result<Decoded, Undecodable> {
        if !self.decoded.readings.is_empty() {
            return Ok(self.decoded);
        }
        match self.decoded.rejected.into_iter().next() {
            Some((reason, text)) if self.count == 1 => Err((reason, text)),
            Some((reason, text)) => Err((reason, format!("all {} elements are bad, {text}", self.count))),
            None => Err((QuarantineReason::NothingKnown, "an empty array".to_owned())),
        }
    }
}
