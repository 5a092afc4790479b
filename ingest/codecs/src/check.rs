//! One value against the catalogue: is it of the field's type, and within its range?
//!
//! A number outside its range, NaN or infinite is out of range; everything else that does not fit
//! (numbers in text, fractions for whole numbers, 2 for yes or no) is of the wrong type.

use std::sync::Arc;

use gengfu_model::{FieldType, ProblemKind, Value};

use crate::MAX_RAW_BYTES;

/// A value as the payload's syntax has it, before it is known what it should be.
#[derive(Clone, Debug)]
pub(crate) enum Scalar<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(&'a str),
    /// A number too large for any type; its text.
    Huge(&'a str),
    /// An object, an array or bytes, as text.
    Other(String),
}

/// Gives the value in the field's own type; `Ok(None)` for null.
pub(crate) fn check(ty: &FieldType, scalar: &Scalar<'_>) -> Result<Option<Value>, ProblemKind> {
    match (ty, scalar) {
        (_, Scalar::Null) => Ok(None),
        (FieldType::Number { min, max }, Scalar::Number(number)) => in_range(*number, *min, *max),
        #[expect(clippy::cast_precision_loss, reason = "ranges lie far below 2^53, so what is rounded is refused")]
        (FieldType::Number { min, max }, Scalar::Integer(number)) => in_range(*number as f64, *min, *max),
        #[expect(clippy::cast_precision_loss, reason = "the catalogue's whole numbers lie far below 2^53")]
        (FieldType::Integer { min, max }, Scalar::Integer(number)) => {
            if number < min || number > max {
                return Err(ProblemKind::OutOfRange);
            }
            Ok(Some(Value::Number(*number as f64)))
        }
        #[expect(clippy::cast_precision_loss, reason = "the catalogue's whole numbers lie far below 2^53")]
        (FieldType::Integer { min, max }, Scalar::Number(number)) => {
            let value = in_range(*number, *min as f64, *max as f64)?;
            if number.fract() == 0.0 { Ok(value) } else { Err(ProblemKind::WrongType) }
        }
        (FieldType::Number { .. } | FieldType::Integer { .. }, Scalar::Huge(_)) => Err(ProblemKind::OutOfRange),
        (FieldType::Bool, Scalar::Bool(flag)) => Ok(Some(Value::Bool(*flag))),
        (FieldType::Bool, Scalar::Integer(0)) => Ok(Some(Value::Bool(false))),
        (FieldType::Bool, Scalar::Integer(1)) => Ok(Some(Value::Bool(true))),
        (FieldType::Bool, Scalar::Number(number)) if *number == 0.0 => Ok(Some(Value::Bool(false))),
        (FieldType::Bool, Scalar::Number(number)) if *number == 1.0 => Ok(Some(Value::Bool(true))),
        (FieldType::Text { max_bytes }, Scalar::Text(text)) if text.len() > *max_bytes => Err(ProblemKind::OutOfRange),
        (FieldType::Text { .. }, Scalar::Text(text)) => Ok(Some(Value::Text(Arc::from(*text)))),
        _ => Err(ProblemKind::WrongType),
    }
}

fn in_range(number: f64, min: f64, max: f64) -> Result<Option<Value>, ProblemKind> {
    // NaN is in no range.
    if number >= min && number <= max {
        // Adding zero makes 0 of -0, so equal values are equal bytes as well.
        Ok(Some(Value::Number(number + 0.0)))
    } else {
        Err(ProblemKind::OutOfRange)
    }
}

/// The value as text, shortened to [`MAX_RAW_BYTES`].
pub(crate) fn raw(scalar: &Scalar<'_>) -> String {
    let mut text = match scalar {
        Scalar::Null => "null".to_owned(),
        Scalar::Bool(flag) => flag.to_string(),
        Scalar::Integer(number) => number.to_string(),
        Scalar::Number(number) => format!("{number:?}"),
        Scalar::Text(text) => format!("\"{}\"", shorten(text)),
        Scalar::Huge(text) => shorten(text).to_owned(),
        Scalar::Other(text) => text.clone(),
    };
    text.truncate(shorten(&text).len());
    text
}

/// The longest start of a text that has at most [`MAX_RAW_BYTES`] and ends at a character's end.
pub(crate) fn shorten(text: &str) -> &str {
    let mut end = text.len().min(MAX_RAW_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: FieldType = FieldType::Number { min: 0.0, max: 180.0 };
    const INTEGER: FieldType = FieldType::Integer { min: 0, max: 100 };
    const TEXT: FieldType = FieldType::Text { max_bytes: 4 };

    #[test]
    fn values_are_checked_by_type_and_range() {
        use ProblemKind::{OutOfRange, WrongType};
        let number = |n| Ok(Some(Value::Number(n)));
        type Row<'r> = (&'r FieldType, Scalar<'r>, Result<Option<Value>, ProblemKind>);
        let table: [Row<'_>; 24] = [
            (&NUMBER, Scalar::Number(0.0), number(0.0)),
            (&NUMBER, Scalar::Number(180.0), number(180.0)),
            (&NUMBER, Scalar::Integer(7), number(7.0)),
            (&NUMBER, Scalar::Number(180.000_001), Err(OutOfRange)),
            (&NUMBER, Scalar::Number(f64::NAN), Err(OutOfRange)),
            (&NUMBER, Scalar::Number(f64::NEG_INFINITY), Err(OutOfRange)),
            (&NUMBER, Scalar::Integer(i64::MAX), Err(OutOfRange)),
            (&NUMBER, Scalar::Huge("1e999"), Err(OutOfRange)),
            (&NUMBER, Scalar::Text("12"), Err(WrongType)),
            (&NUMBER, Scalar::Bool(true), Err(WrongType)),
            (&NUMBER, Scalar::Null, Ok(None)),
            (&INTEGER, Scalar::Integer(3), number(3.0)),
            (&INTEGER, Scalar::Number(3.0), number(3.0)),
            (&INTEGER, Scalar::Number(3.5), Err(WrongType)),
            (&INTEGER, Scalar::Integer(101), Err(OutOfRange)),
            (&INTEGER, Scalar::Number(f64::NAN), Err(OutOfRange)),
            (&FieldType::Bool, Scalar::Integer(1), Ok(Some(Value::Bool(true)))),
            (&FieldType::Bool, Scalar::Number(0.0), Ok(Some(Value::Bool(false)))),
            (&FieldType::Bool, Scalar::Integer(2), Err(WrongType)),
            (&FieldType::Bool, Scalar::Text("true"), Err(WrongType)),
            (&TEXT, Scalar::Text("四"), Ok(Some(Value::Text("四".into())))),
            (&TEXT, Scalar::Text("四五"), Err(OutOfRange)),
            (&TEXT, Scalar::Integer(4), Err(WrongType)),
            (&TEXT, Scalar::Other("[]".to_owned()), Err(WrongType)),
        ];
        for (ty, scalar, expected) in table {
            assert_eq!(check(ty, &scalar), expected, "{ty:?} {scalar:?}");
        }
    }

    #[test]
    fn a_negative_zero_becomes_zero() {
        let Ok(Some(Value::Number(zero))) = check(&NUMBER, &Scalar::Number(-0.0)) else { panic!("a number") };
        assert!(zero.is_sign_positive());
    }

    #[test]
    fn raw_text_is_shortened_at_a_characters_end() {
        let raw = raw(&Scalar::Text(&"井".repeat(40)));
        assert!(raw.len() <= MAX_RAW_BYTES && raw.len() > MAX_RAW_BYTES - 4, "{}", raw.len());
        assert!(raw.starts_with("\"井"));
    }
}
