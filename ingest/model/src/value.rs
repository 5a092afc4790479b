//! Values of fields and how far they can be trusted.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One value of one field. Which variant a field takes is fixed by its [`crate::FieldType`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
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
