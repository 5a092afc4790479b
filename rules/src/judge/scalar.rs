//! A value of any type while evaluating.

/// A value while evaluating.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Scalar<'a> {
    #[default]
    Unknown,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
}

impl From<Option<bool>> for Scalar<'_> {
    fn from(value: Option<bool>) -> Self {
        value.map_or(Scalar::Unknown, Scalar::Bool)
    }
}
impl From<Option<i64>> for Scalar<'_> {
    fn from(value: Option<i64>) -> Self {
        value.map_or(Scalar::Unknown, Scalar::Int)
    }
}
impl From<Option<f64>> for Scalar<'_> {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Scalar::Unknown, Scalar::Float)
    }
}
impl<'a> From<Option<&'a str>> for Scalar<'a> {
    fn from(value: Option<&'a str>) -> Self {
        value.map_or(Scalar::Unknown, Scalar::Text)
    }
}
