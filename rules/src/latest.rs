//! The latest values of one device, as the rules read them.
//!
//! Compact: nothing is allocated before the first value, and only fields that were ever seen take
//! room (a device sends five of its kind's fifteen fields). Serialized without `untagged` enums, so
//! that formats without self-description (postcard) can store it.

use gengfu_model::{FieldId, Quality, Seq, Timestamp, Value};
use serde::{Deserialize, Serialize};

/// The most fields a kind can have: [`Latest`] and the masks of the rules are 32 bits wide.
pub const MAX_FIELDS: u8 = 32;

/// The newest accepted value of one field.
// In this order in memory: what every evaluation looks at stands together, mostly in one line of the cache.
#[repr(C)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatestValue {
    /// The value.
    #[serde(with = "tagged_value")]
    pub value: Value,
    /// When the journal took it; a value's age is counted from here, so a device's wrong clock does
    /// not make fresh values stale.
    pub journal_time: Timestamp,
    /// How far it can be trusted; rules read it as unknown unless this is [`Quality::Ok`].
    pub quality: Quality,
    /// When the device measured it.
    pub event_time: Timestamp,
    /// The record that brought it.
    pub seq: Seq,
}

/// The latest value of every field that a device ever sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latest {
    /// Bit `n` is set if field `n` is there.
    present: u32,
    /// The values that are there, in the order of their fields.
    values: Box<[LatestValue]>,
}

impl Latest {
    /// The value of a field, if the device ever sent one.
    #[must_use]
    #[inline]
    pub fn get(&self, field: FieldId) -> Option<&LatestValue> {
        self.at(Self::bit(field)?)
    }

    /// The same for a field's bit.
    #[inline]
    pub(crate) fn at(&self, bit: u32) -> Option<&LatestValue> {
        if self.present & bit == 0 {
            return None;
        }
        self.values.get(self.rank(bit))
    }

    /// A field as one bit of a mask; `None` for what is no field of any kind.
    #[inline]
    pub(crate) fn bit(field: FieldId) -> Option<u32> {
        1_u32.checked_shl(u32::from(field.0))
    }

    /// The same, to be changed.
    #[inline]
    pub(crate) fn get_mut(&mut self, field: FieldId) -> Option<&mut LatestValue> {
        let bit = Self::bit(field)?;
        if self.present & bit == 0 {
            return None;
        }
        let rank = self.rank(bit);
        self.values.get_mut(rank)
    }

    /// Puts a value in the place of the field's last one. A field number of [`MAX_FIELDS`] or more is
    /// no field of any kind and is ignored.
    pub fn set(&mut self, field: FieldId, value: LatestValue) {
        let Some(bit) = Self::bit(field) else { return };
        let rank = self.rank(bit);
        if self.present & bit == 0 {
            let mut values = std::mem::take(&mut self.values).into_vec();
            values.insert(rank, value);
            self.values = values.into_boxed_slice();
            self.present |= bit;
        } else if let Some(slot) = self.values.get_mut(rank) {
            *slot = value;
        }
    }

    /// The values that are there, in the order of their fields.
    pub fn iter(&self) -> impl Iterator<Item = (FieldId, &LatestValue)> {
        (0..MAX_FIELDS).filter(|n| self.present & (1 << n) != 0).map(FieldId).zip(self.values.iter())
    }

    /// Reads a bit of each value, for [`Engine::foresee`](crate::engine::Engine::foresee).
    #[inline]
    pub(crate) fn look(&self) -> u64 {
        self.values.iter().fold(0, |sum, value| sum ^ value.seq.0)
    }

    /// Whether the device never sent a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.present == 0
    }

    #[inline]
    fn rank(&self, bit: u32) -> usize {
        (self.present & (bit - 1)).count_ones() as usize
    }
}

/// [`Value`] with a tag in the stored form.
mod tagged_value {
    use std::sync::Arc;

    use gengfu_model::Value;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    enum Tagged {
        Bool(bool),
        Number(f64),
        Text(Arc<str>),
    }

    pub(super) fn serialize<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Value::Bool(v) => Tagged::Bool(*v),
            Value::Number(v) => Tagged::Number(*v),
            Value::Text(v) => Tagged::Text(Arc::clone(v)),
        }
        .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        Ok(match Tagged::deserialize(deserializer)? {
            Tagged::Bool(v) => Value::Bool(v),
            Tagged::Number(v) => Value::Number(v),
            Tagged::Text(v) => Value::Text(v),
        })
    }
}

#[cfg(test)]
mod tests {
    use gengfu_model::catalogue::KINDS;

    use super::*;

    fn value(n: f64) -> LatestValue {
        LatestValue {
            value: Value::Number(n),
            quality: Quality::Ok,
            event_time: Timestamp(1),
            journal_time: Timestamp(2),
            seq: Seq(3),
        }
    }

    #[test]
    fn every_kind_fits_into_the_masks() {
        for kind in &KINDS {
            assert!(kind.fields.len() <= usize::from(MAX_FIELDS), "{}", kind.name);
        }
    }

    #[test]
    fn keeps_one_value_per_field_in_the_order_of_the_fields() {
        let mut latest = Latest::default();
        assert!(latest.is_empty());
        for (field, n) in [(5, 1.0), (0, 2.0), (31, 3.0), (5, 4.0)] {
            latest.set(FieldId(field), value(n));
        }
        latest.set(FieldId(32), value(9.0));
        let seen: Vec<_> = latest.iter().map(|(field, v)| (field.0, v.value.as_number().unwrap())).collect();
        assert_eq!(seen, [(0, 2.0), (5, 4.0), (31, 3.0)]);
        assert_eq!(latest.get(FieldId(5)), Some(&value(4.0)));
        assert_eq!(latest.get(FieldId(6)), None);
        assert_eq!(latest.get(FieldId(200)), None);
    }

    #[test]
    fn reads_what_it_writes() {
        let mut latest = Latest::default();
        latest.set(FieldId(3), value(1.5));
        latest.set(FieldId(4), LatestValue { value: Value::Text("a".into()), ..value(0.0) });
        latest.set(FieldId(1), LatestValue { value: Value::Bool(true), ..value(0.0) });
        let text = serde_json::to_string(&latest).unwrap();
        assert_eq!(serde_json::from_str::<Latest>(&text).unwrap(), latest);
    }
}
