//! What a block amounts to, field by field, beside its data: a window that holds a block whole is
//! answered from here, without unpacking a value.
//!
//! Layout: per field its number; how many values, and the times of the first and the last, each as what it differs
//! from the field before (most often nothing); then smallest, largest, sum and last value. A CRC-32 at the end, as
//! SQLite does not guard its pages.

use super::bits::{Input, put_varint, put_zigzag};
use super::{BlockRow, put_number, take_number};

/// One field's values in a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    /// How many.
    pub(crate) count: u64,
    /// Milliseconds of the day of the first.
    pub(crate) first_ms: i64,
    /// Milliseconds of the day of the last.
    pub(crate) last_ms: i64,
    /// The smallest.
    pub(crate) min: f64,
    /// The largest.
    pub(crate) max: f64,
    /// All together.
    pub(crate) sum: f64,
    /// The newest.
    pub(crate) last: f64,
}

impl Summary {
    fn of_one(ms: i64, value: f64) -> Summary {
        Summary { count: 1, first_ms: ms, last_ms: ms, min: value, max: value, sum: value, last: value }
    }

    fn add(&mut self, ms: i64, value: f64) {
        self.count += 1;
        self.last_ms = ms;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += value;
        self.last = value;
    }
}

/// Sums up rows that are sorted by time, for every field that they have.
pub(crate) fn encode(rows: &[BlockRow]) -> Vec<u8> {
    let mut fields: std::collections::BTreeMap<u8, Summary> = std::collections::BTreeMap::new();
    for row in rows {
        for (field, value) in &row.values {
            fields
                .entry(*field)
                .and_modify(|summary| summary.add(row.ms, *value))
                .or_insert_with(|| Summary::of_one(row.ms, *value));
        }
    }
    let mut bytes = Vec::new();
    put_varint(&mut bytes, fields.len() as u64);
    let mut before = [0_i64; 3];
    for (field, summary) in fields {
        bytes.push(field);
        for (before, now) in before.iter_mut().zip([summary.count as i64, summary.first_ms, summary.last_ms]) {
            put_zigzag(&mut bytes, now.wrapping_sub(*before));
            *before = now;
        }
        for number in [summary.min, summary.max, summary.sum, summary.last] {
            put_number(&mut bytes, number);
        }
    }
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// One field's summary; `None` if the block does not have the field.
pub(crate) fn decode(bytes: &[u8], wanted: u8) -> Result<Option<Summary>, String> {
    let (body, crc) = bytes.split_last_chunk::<4>().ok_or("a summary shorter than its checksum")?;
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return Err("the summary's checksum does not match".to_owned());
    }
    let mut input = Input::new(body);
    let mut heads = [0_i64; 3];
    for _ in 0..input.count(256)? {
        let field = input.byte()?;
        for head in &mut heads {
            *head = head.wrapping_add(input.zigzag()?);
        }
        let mut numbers = [0.0; 4];
        for number in &mut numbers {
            *number = take_number(&mut input)?;
        }
        if field == wanted {
            let ([count, first_ms, last_ms], [min, max, sum, last]) = (heads, numbers);
            let count = count as u64;
            return Ok(Some(Summary { count, first_ms, last_ms, min, max, sum, last }));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<BlockRow> {
        let row = |ms, values: &[(u8, f64)]| BlockRow { ms, seq: ms, values: values.to_vec() };
        vec![row(5, &[(0, 2.5), (3, 1.0)]), row(9, &[(0, -4.0)]), row(12, &[(0, 3.0), (17, -0.0)])]
    }

    #[test]
    fn each_field_is_summed_up_for_itself() {
        let bytes = encode(&rows());
        let expected = Summary { count: 3, first_ms: 5, last_ms: 12, min: -4.0, max: 3.0, sum: 1.5, last: 3.0 };
        assert_eq!(decode(&bytes, 0), Ok(Some(expected)));
        assert_eq!(decode(&bytes, 3), Ok(Some(Summary::of_one(5, 1.0))));
        assert_eq!(decode(&bytes, 17).unwrap().map(|summary| summary.last.to_bits()), Some((-0.0_f64).to_bits()));
        assert_eq!(decode(&bytes, 4), Ok(None));
    }

    #[test]
    fn changed_bytes_are_an_error_and_never_a_panic() {
        let bytes = encode(&rows());
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(decode(&changed, 0).is_err(), "byte {at}");
            assert!(decode(&bytes[..at], 0).is_err());
        }
        // A right checksum over wrong bytes.
        for count in 0..=255 {
            let mut wrong = vec![count, 0, 3, 4];
            let crc = crc32fast::hash(&wrong);
            wrong.extend_from_slice(&crc.to_le_bytes());
            if let Ok(found) = decode(&wrong, 0) {
                assert_eq!(found, None, "of {count} fields");
            }
        }
    }
}
