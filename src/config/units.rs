//! Lengths of time and sizes as texts with a unit.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time as text with a unit: `500ms`, `10s`, `5m`, `2h`, `35d`. Kept in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub i64);

/// A size as text with a unit: `512`, `64KiB`, `64MiB`, `2GiB`. Kept in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

const SPAN_UNITS: [(&str, i64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZE_UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1)];

fn split_unit(text: &str) -> Option<(i64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..digits].parse().ok()?, text[digits..].trim()))
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parse = || {
            let (number, unit) = split_unit(&text)?;
            let factor = SPAN_UNITS.iter().find(|(name, _)| *name == unit)?.1;
            number.checked_mul(factor).map(Span)
        };
        parse().ok_or_else(|| {
            de::Error::custom(format!("`{text}` is no length of time, such as \"10s\", \"5m\" or \"35d\""))
        })
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fits = |unit: &&(&str, i64)| self.0 % unit.1 == 0;
        let (name, factor) = SPAN_UNITS.iter().rev().find(fits).unwrap_or(&SPAN_UNITS[0]);
        serializer.collect_str(&format_args!("{}{name}", self.0 / factor))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Size, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parse = || {
            let (number, unit) = split_unit(&text)?;
            let factor = SIZE_UNITS.iter().find(|(name, _)| *name == unit)?.1;
            u64::try_from(number).ok()?.checked_mul(factor).map(Size)
        };
        parse()
            .ok_or_else(|| de::Error::custom(format!("`{text}` is no size, such as \"64KiB\", \"64MiB\" or \"2GiB\"")))
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fits = |unit: &&(&str, u64)| self.0.is_multiple_of(unit.1);
        let (name, factor) = SIZE_UNITS[..3].iter().rev().find(fits).unwrap_or(&SIZE_UNITS[3]);
        serializer.collect_str(&format_args!("{}{name}", self.0 / factor))
    }
}
