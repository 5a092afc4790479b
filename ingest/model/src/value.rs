//! Values of fields and how far they can be trusted.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One value of one field. Which variant a field takes is fixed by its [`crate::FieldType`].
///
/// In text formats (JSON) it stands as the bare value; in binary ones it carries its variant, since
/// those cannot tell one from the other.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A finite number in the field's unit; never NaN or infinite.
    Number(f64),
    /// A short text.
    Text(Arc<str>),
}

impl Value {
    /// The number, if this is one.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        if let Value::Number(n) = self { Some(*n) } else { None }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Bare {
    Bool(bool),
    Number(f64),
    Text(Arc<str>),
}

#[derive(Serialize, Deserialize)]
enum Tagged {
    Bool(bool),
    Number(f64),
    Text(Arc<str>),
}

macro_rules! convert {
    ($from:ident, $to:ident, $value:expr) => {
        match $value {
            $from::Bool(value) => $to::Bool(value),
            $from::Number(value) => $to::Number(value),
            $from::Text(value) => $to::Text(value),
        }
    };
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            convert!(Value, Bare, self.clone()).serialize(serializer)
        } else {
            convert!(Value, Tagged, self.clone()).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        if deserializer.is_human_readable() {
            Bare::deserialize(deserializer).map(|value| convert!(Bare, Value, value))
        } else {
            Tagged::deserialize(deserializer).map(|value| convert!(Tagged, Value, value))
        }
    }
}

/// How far a sample can be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Measured as it should be.
    #[default]
    Ok,
    /// The sensor is still warming up (polarising); the value must not be judged.
    WarmingUp,
    /// The sensor says that it is broken; the value must not be judged.
    Faulty,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_what_they_write_as_text_and_as_bytes() {
        for (value, json) in
            [(Value::Bool(true), "true"), (Value::Number(1.5), "1.5"), (Value::Text("a".into()), "\"a\"")]
        {
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
            assert_eq!(serde_json::from_str::<Value>(json).unwrap(), value);
            let bytes = postcard::to_stdvec(&value).unwrap();
            assert_eq!(postcard::from_bytes::<Value>(&bytes).unwrap(), value);
        }
    }
}
