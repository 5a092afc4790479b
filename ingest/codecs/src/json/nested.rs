//! Nested JSON where a plain value should be: walked for its depth, and its beginning kept as text.

use std::fmt::{self, Write};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::Context;
use crate::MAX_RAW_BYTES;
use crate::check::shorten;

/// A nested value that nothing uses: its depth is checked and its beginning kept as text.
pub(super) struct Nested<'n> {
    pub(super) context: &'n Context,
    pub(super) depth: usize,
    /// Where the text goes, if anybody wants it.
    pub(super) out: Option<&'n mut String>,
}

impl Nested<'_> {
    fn deeper(&mut self) -> Nested<'_> {
        Nested { context: self.context, depth: self.depth + 1, out: self.out.as_deref_mut() }
    }

    fn write(&mut self, text: fmt::Arguments<'_>) {
        if let Some(out) = self.out.as_deref_mut().filter(|out| out.len() < MAX_RAW_BYTES) {
            // Writing into a string cannot fail.
            out.write_fmt(text).ok();
        }
    }
}

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(mut self, value: bool) -> Result<(), E> {
        self.write(format_args!("{value}"));
        Ok(())
    }

    fn visit_i64<E: Error>(mut self, value: i64) -> Result<(), E> {
        self.write(format_args!("{value}"));
        Ok(())
    }

    fn visit_u64<E: Error>(mut self, value: u64) -> Result<(), E> {
        self.write(format_args!("{value}"));
        Ok(())
    }

    fn visit_f64<E: Error>(mut self, value: f64) -> Result<(), E> {
        self.write(format_args!("{value:?}"));
        Ok(())
    }

    fn visit_str<E: Error>(mut self, value: &str) -> Result<(), E> {
        self.write(format_args!("\"{}\"", shorten(value)));
        Ok(())
    }

    fn visit_unit<E: Error>(mut self) -> Result<(), E> {
        self.write(format_args!("null"));
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.context.check_depth(self.depth)?;
        self.write(format_args!("{{"));
        let mut separator = "";
        // Below MAX_DEPTH the recursion goes no further, so the stack is safe.
        while map.next_key_seed(SeparatedName(&mut self, separator))?.is_some() {
            map.next_value_seed(self.deeper())?;
            separator = ",";
        }
        self.write(format_args!("}}"));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        self.context.check_depth(self.depth)?;
        self.write(format_args!("["));
        let mut separator = "";
        loop {
            let before = self.out.as_ref().map_or(0, |out| out.len());
            self.write(format_args!("{separator}"));
            if seq.next_element_seed(self.deeper())?.is_none() {
                if let Some(out) = self.out.as_deref_mut() {
                    out.truncate(before);
                }
                break;
            }
            separator = ",";
        }
        self.write(format_args!("]"));
        Ok(())
    }
}

/// A name inside a nested object, written after its separator.
struct SeparatedName<'s, 'n>(&'s mut Nested<'n>, &'static str);

impl<'de> DeserializeSeed<'de> for SeparatedName<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for SeparatedName<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<(), E> {
        self.0.write(format_args!("{}\"{}\":", self.1, shorten(name)));
        Ok(())
    }
}
