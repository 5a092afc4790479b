//! Canonical telemetry in JSON, read straight into readings without a tree in between.
//!
//! The common way is one pass of `serde_json` with the visitors below. It stops at a number that fits
//! no type (`1e999`), though such a number should lose its field alone; so when that pass fails, a
//! second one looks at every value by itself ([`Pass::ByValue`]). What is no JSON fails in both.

mod nested;

use std::cell::Cell;
use std::fmt;

use gengfu_model::{Decoded, FieldId, Kind, QuarantineReason, Reading};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::builder::{Elements, ReadingBuilder};
use crate::check::{Scalar, shorten};
use crate::{MAX_DEPTH, MAX_ELEMENTS, MAX_NAMES, Undecodable};
use nested::Nested;

/// Decodes a JSON payload.
pub(crate) fn decode(kind: Kind, payload: &[u8]) -> Result<Decoded, Undecodable> {
    run(kind, Pass::Straight, payload)
        .or_else(|_| run(kind, Pass::ByValue, payload))
        .unwrap_or_else(|error| Err((QuarantineReason::Malformed, error.to_string())))
}

/// One pass; the outer error says that the text is no JSON (or, on the straight pass, has a huge number).
fn run(kind: Kind, pass: Pass, payload: &[u8]) -> Result<Result<Decoded, Undecodable>, serde_json::Error> {
    // Looked at once as a whole, and not string by string; what is no text is refused by the parser, at its place.
    match std::str::from_utf8(payload) {
        Ok(text) => read(kind, pass, serde_json::Deserializer::from_str(text)),
        Err(_) => read(kind, pass, serde_json::Deserializer::from_slice(payload)),
    }
}

fn read<'de, R: serde_json::de::Read<'de>>(
    kind: Kind,
    pass: Pass,
    mut deserializer: serde_json::Deserializer<R>,
) -> Result<Result<Decoded, Undecodable>, serde_json::Error> {
    let context = Context { kind, pass, names: Cell::new(0), too_complex: Cell::new(None) };
    let decoded = deserializer.deserialize_any(MessageVisitor(&context));
    if let Some(text) = context.too_complex.take() {
        return Ok(Err((QuarantineReason::TooComplex, text)));
    }
    let decoded = decoded?;
    deserializer.end()?;
    Ok(decoded)
}

/// What all visitors of a message share.
struct Context {
    kind: Kind,
    pass: Pass,
    /// Names seen in the present telemetry object.
    names: Cell<usize>,
    /// Why the message is too complex; set before a visitor gives its error.
    too_complex: Cell<Option<String>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Pass {
    /// Values go straight from the parser into the reading.
    Straight,
    /// Each value is cut out as text first, so that one that cannot be read does not stop the rest.
    ByValue,
}

impl Context {
    fn too_complex<E: Error>(&self, text: String) -> E {
        let error = E::custom(&text);
        self.too_complex.set(Some(text));
        error
    }

    fn is_too_complex(&self) -> bool {
        let text = self.too_complex.take();
        let is = text.is_some();
        self.too_complex.set(text);
        is
    }

    fn check_depth<E: Error>(&self, depth: usize) -> Result<(), E> {
        if depth > MAX_DEPTH {
            return Err(self.too_complex(format!("nested more than {MAX_DEPTH} deep")));
        }
        Ok(())
    }
}

/// The outermost value: an object or an array.
struct MessageVisitor<'c>(&'c Context);

impl<'de> Visitor<'de> for MessageVisitor<'_> {
    type Value = Result<Decoded, Undecodable>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("telemetry (an object, or an array of objects)")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut builder = ReadingBuilder::new(self.0.kind);
        read_object(self.0, &mut builder, map, Place::Outer, 1)?;
        Ok(builder.finish().map(|reading| Decoded { readings: vec![reading], rejected: Vec::new() }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Elements::default();
        loop {
            let element = match self.0.pass {
                Pass::Straight => seq.next_element_seed(ElementVisitor(self.0))?,
                Pass::ByValue => match seq.next_element::<&'de RawValue>()? {
                    Some(text) => Some(read_element(self.0, text.get())?),
                    None => None,
                },
            };
            let Some(element) = element else { return Ok(elements.finish()) };
            if elements.len() == MAX_ELEMENTS {
                return Err(self.0.too_complex(format!("an array of more than {MAX_ELEMENTS} elements")));
            }
            elements.push(element);
        }
    }
}

fn read_element<E: Error>(context: &Context, text: &str) -> Result<Result<Reading, Undecodable>, E> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    match ElementVisitor(context).deserialize(&mut deserializer) {
        Ok(element) => Ok(element),
        Err(error) if context.is_too_complex() => Err(E::custom(error)),
        // Its syntax was checked when it was cut out: this is a lone number that fits no type.
        Err(_) => Ok(not_an_object()),
    }
}

/// One element of an array; what is no object refuses that element alone.
struct ElementVisitor<'c>(&'c Context);

impl<'de> DeserializeSeed<'de> for ElementVisitor<'_> {
    type Value = Result<Reading, Undecodable>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

fn not_an_object() -> Result<Reading, Undecodable> {
    Err((QuarantineReason::Malformed, "not an object".to_owned()))
}

impl<'de> Visitor<'de> for ElementVisitor<'_> {
    type Value = Result<Reading, Undecodable>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        self.0.names.set(0);
        let mut builder = ReadingBuilder::new(self.0.kind);
        read_object(self.0, &mut builder, map, Place::Outer, 2)?;
        Ok(builder.finish())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        Nested { context: self.0, depth: 2, out: None }.visit_seq(seq).map(|()| not_an_object())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(not_an_object())
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(not_an_object())
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(not_an_object())
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(not_an_object())
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(not_an_object())
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(not_an_object())
    }
}

/// Which object of a telemetry object is being read.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// The object itself: `ts`, `id`, `crs` and `values` mean something.
    Outer,
    /// The object inside `values`: fields only.
    Values,
}

fn read_object<'de, A: MapAccess<'de>>(
    context: &Context,
    builder: &mut ReadingBuilder,
    mut map: A,
    place: Place,
    depth: usize,
) -> Result<(), A::Error> {
    while let Some(target) = map.next_key_seed(NameVisitor { kind: context.kind, place })? {
        context.names.set(context.names.get() + 1);
        if context.names.get() > MAX_NAMES {
            return Err(context.too_complex(format!("an object of more than {MAX_NAMES} names")));
        }
        if target == Target::Unknown {
            builder.unknown();
        }
        let slot = Slot { context, builder, target, depth: depth + 1 };
        match context.pass {
            Pass::Straight => map.next_value_seed(slot)?,
            Pass::ByValue => {
                let text = map.next_value::<&'de RawValue>()?.get();
                read_value(slot, text)?;
            }
        }
    }
    Ok(())
}

fn read_value<E: Error>(slot: Slot<'_>, text: &str) -> Result<(), E> {
    let Slot { context, builder, target, depth } = slot;
    let again = Slot { context, builder: &mut *builder, target, depth };
    let Err(error) = again.deserialize(&mut serde_json::Deserializer::from_str(text)) else { return Ok(()) };
    if context.is_too_complex() {
        return Err(E::custom(error));
    }
    // Its syntax was checked when it was cut out: what failed is a number that fits no type.
    let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let scalar = if is_number { Scalar::Huge(text) } else { Scalar::Other(shorten(text).to_owned()) };
    target.take(builder, &scalar);
    Ok(())
}

/// What the value of a name is for.
#[derive(Clone, Copy, PartialEq)]
enum Target {
    Field(FieldId),
    Time,
    Id,
    /// The coordinate system of the position.
    Crs,
    Values,
    Unknown,
}

impl Target {
    fn take(self, builder: &mut ReadingBuilder, scalar: &Scalar<'_>) {
        match self {
            Target::Field(field) => builder.field(field, scalar),
            Target::Time => builder.time(scalar),
            Target::Id => builder.id(scalar),
            Target::Crs => builder.crs(scalar),
            Target::Values if matches!(scalar, Scalar::Null) => {}
            Target::Values => builder.refuse(QuarantineReason::Malformed, "`values` is no object".to_owned()),
            Target::Unknown => {}
        }
    }
}

/// Reads a name without copying it.
struct NameVisitor {
    kind: Kind,
    place: Place,
}

impl<'de> DeserializeSeed<'de> for NameVisitor {
    type Value = Target;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Target, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameVisitor {
    type Value = Target;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Target, E> {
        let reserved = match name {
            "ts" => Some(Target::Time),
            "id" => Some(Target::Id),
            "values" => Some(Target::Values),
            "crs" => Some(Target::Crs),
            _ => None,
        };
        if let (Place::Outer, Some(target)) = (self.place, reserved) {
            return Ok(target);
        }
        Ok(self.kind.field(name).map_or(Target::Unknown, Target::Field))
    }
}

/// The value of one name.
struct Slot<'s> {
    context: &'s Context,
    builder: &'s mut ReadingBuilder,
    target: Target,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Slot<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Slot<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.target.take(self.builder, &Scalar::Bool(value));
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.target.take(self.builder, &Scalar::Integer(value));
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        #[expect(clippy::cast_precision_loss, reason = "no range of the catalogue reaches up there")]
        let scalar = i64::try_from(value).map_or(Scalar::Number(value as f64), Scalar::Integer);
        self.target.take(self.builder, &scalar);
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.target.take(self.builder, &Scalar::Number(value));
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.target.take(self.builder, &Scalar::Text(value));
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.target.take(self.builder, &Scalar::Null);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.context.check_depth(self.depth)?;
        if self.target == Target::Values {
            return read_object(self.context, self.builder, map, Place::Values, self.depth);
        }
        let mut text = String::new();
        Nested { context: self.context, depth: self.depth, out: Some(&mut text) }.visit_map(map)?;
        self.target.take(self.builder, &Scalar::Other(text));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        let mut text = String::new();
        Nested { context: self.context, depth: self.depth, out: Some(&mut text) }.visit_seq(seq)?;
        self.target.take(self.builder, &Scalar::Other(text));
        Ok(())
    }
}
