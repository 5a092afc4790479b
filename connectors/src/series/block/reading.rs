//! What a device said at one time under one sequence, in few bytes: a row that waits for its day's end.
//!
//! Per field its number and its value. A reading of eleven fields takes some 45 bytes.
//!
//! Promise: decode(encode(values)) = values, to the last bit; whatever the bytes, decoding ends.

use super::bits::Input;
use super::{put_number, take_number};

/// Encodes values, by field number, ascending.
pub(crate) fn encode(values: &[(u8, f64)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(values.len() * 5);
    for (field, value) in values {
        bytes.push(*field);
        put_number(&mut bytes, *value);
    }
    bytes
}

/// Decodes values.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<(u8, f64)>, String> {
    let mut values = Vec::new();
    read(bytes, |field, value| values.push((field, value)))?;
    Ok(values)
}

/// Decodes one field.
pub(crate) fn decode_field(bytes: &[u8], wanted: u8) -> Result<Option<f64>, String> {
    let mut found = None;
    read(bytes, |field, value| found = found.or((field == wanted).then_some(value)))?;
    Ok(found)
}

fn read(bytes: &[u8], mut each: impl FnMut(u8, f64)) -> Result<(), String> {
    let mut input = Input::new(bytes);
    while !input.is_empty() {
        let field = input.byte()?;
        each(field, take_number(&mut input)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::random_inputs::random;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(random(256))]

        #[test]
        fn a_reading_gives_back_what_was_put_in(
            values in proptest::collection::btree_map(any::<u8>(), super::super::tests::number(), 0..30),
        ) {
            let values: Vec<(u8, f64)> = values.into_iter().collect();
            let bytes = encode(&values);
            let bits = |values: Vec<(u8, f64)>| -> Vec<(u8, u64)> {
                values.into_iter().map(|(field, value)| (field, value.to_bits())).collect()
            };
            prop_assert_eq!(bits(decode(&bytes).unwrap()), bits(values.clone()));
            for (field, value) in values {
                prop_assert_eq!(decode_field(&bytes, field).unwrap().map(f64::to_bits), Some(value.to_bits()));
            }
        }

        #[test]
        fn any_bytes_are_an_error_or_values_but_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(values) = decode(&bytes) {
                prop_assert!(values.len() <= bytes.len());
            }
        }
    }

    /// Rows are read by every later program.
    #[test]
    fn a_reading_of_the_first_release_is_still_read() {
        let stored = [0, 1, 174, 3, 3, 255, 85, 85, 85, 85, 85, 85, 213, 63, 200, 0, 5];
        assert_eq!(decode(&stored).unwrap(), [(0, 21.5), (3, 1.0 / 3.0), (200, -3.0)]);
        assert_eq!(encode(&[(0, 21.5), (3, 1.0 / 3.0), (200, -3.0)]), stored);
    }
}
