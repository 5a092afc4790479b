//! Columnar blocks: many readings of one device in few bytes.
//!
//! A block holds up to [`MAX_ROWS`] rows (one time and sequence with the fields that came with it).
//! Layout, before compression: number of rows; times as delta-of-delta; sequences as deltas; then per
//! field its number, which rows have it (all, or a bitmap), and its column. A column is either
//! decimal (every number times 10^e is a whole number that gives back the very same float: deltas,
//! bit-packed) or raw floats. The whole is compressed by zstd where that helps, and ends with a
//! CRC-32: SQLite does not guard its pages.
//!
//! Promise: decode(encode(rows)) = rows, to the last bit; whatever the bytes, decoding ends with rows
//! or an error, within bounded memory.

mod bits;
pub(crate) mod reading;
pub(crate) mod summary;

use bits::{Input, put_packed, put_varint, put_zigzag, unzigzag, zigzag};

/// Rows of one block at most.
pub(crate) const MAX_ROWS: usize = 256;
/// Bytes of a block before compression at most: 256 rows of 256 raw columns and their heads.
const MAX_BYTES: usize = 640 * 1024;
const ZSTD_LEVEL: i32 = 9;
/// Powers of ten that a decimal column may be scaled by: all are exact as floats.
const MAX_EXPONENT: u8 = 12;
/// Whole numbers up to here are exact as floats.
const EXACT: f64 = 9_007_199_254_740_992.0;

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
const RAW_COLUMN: u8 = 255;

/// What a device said at one time, under one sequence.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BlockRow {
    /// Milliseconds of the day.
    pub(crate) ms: i64,
    /// The record that brought it.
    pub(crate) seq: i64,
    /// Fields by number, ascending, each once. Texts stand as their number in the dictionary.
    pub(crate) values: Vec<(u8, f64)>,
}

/// Encodes rows, sorted by time and sequence; at most [`MAX_ROWS`].
pub(crate) fn encode(rows: &[BlockRow]) -> Vec<u8> {
    debug_assert!(rows.len() <= MAX_ROWS);
    let mut plain = Vec::new();
    put_varint(&mut plain, rows.len() as u64);
    let (mut last, mut last_delta) = (0, 0);
    for row in rows {
        let delta = row.ms.wrapping_sub(last);
        put_zigzag(&mut plain, delta.wrapping_sub(last_delta));
        (last, last_delta) = (row.ms, delta);
    }
    let mut last = 0_i64;
    for row in rows {
        put_zigzag(&mut plain, row.seq.wrapping_sub(last));
        last = row.seq;
    }
    let mut fields: Vec<u8> = rows.iter().flat_map(|row| row.values.iter().map(|(field, _)| *field)).collect();
    fields.sort_unstable();
    fields.dedup();
    put_varint(&mut plain, fields.len() as u64);
    for field in fields {
        put_field(&mut plain, rows, field);
    }
    seal(plain)
}

/// Decodes a block, whole.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<BlockRow>, String> {
    let mut rows: Vec<BlockRow> = Vec::new();
    read(
        bytes,
        |_| true,
        |heads, field, column| {
            if rows.is_empty() {
                rows.extend(heads.iter().map(|(ms, seq)| BlockRow { ms: *ms, seq: *seq, values: Vec::new() }));
            }
            for (row, value) in rows.iter_mut().zip(column) {
                row.values.extend(value.map(|value| (field, value)));
            }
        },
    )?;
    Ok(rows)
}

/// Decodes one field of a block: time, sequence and value, in the order of the rows.
pub(crate) fn decode_field(bytes: &[u8], field: u8) -> Result<Vec<(i64, i64, f64)>, String> {
    let mut points = Vec::new();
    read(
        bytes,
        |found| found == field,
        |heads, _, column| {
            let with = heads.iter().zip(column).filter_map(|((ms, seq), value)| value.map(|value| (*ms, *seq, value)));
            points.extend(with);
        },
    )?;
    Ok(points)
}

fn put_field(plain: &mut Vec<u8>, rows: &[BlockRow], field: u8) {
    let value = |row: &BlockRow| row.values.iter().find(|(found, _)| *found == field).map(|(_, value)| *value);
    let column: Vec<Option<f64>> = rows.iter().map(value).collect();
    plain.push(field);
    if column.iter().all(Option::is_some) {
        plain.push(0);
    } else {
        plain.push(1);
        for eight in column.chunks(8) {
            let bits = eight.iter().enumerate().map(|(bit, value)| u8::from(value.is_some()) << bit);
            plain.push(bits.sum());
        }
    }
    let numbers: Vec<f64> = column.into_iter().flatten().collect();
    match (0..=MAX_EXPONENT).find_map(|exponent| scaled(&numbers, exponent).map(|whole| (exponent, whole))) {
        Some((exponent, whole)) => {
            plain.push(exponent);
            let mut last = 0;
            let deltas: Vec<u64> =
                whole.into_iter().map(|number| zigzag(number - std::mem::replace(&mut last, number))).collect();
            // The first stands apart: it would make the width of all.
            put_varint(plain, deltas[0]);
            put_packed(plain, &deltas[1..]);
        }
        None => {
            plain.push(RAW_COLUMN);
            numbers.iter().for_each(|number| plain.extend_from_slice(&number.to_le_bytes()));
        }
    }
}

/// The numbers times 10^exponent as whole numbers, if every one gives back the same float.
fn scaled(numbers: &[f64], exponent: u8) -> Option<Vec<i64>> {
    numbers.iter().map(|number| whole(*number, exponent)).collect()
}

/// A number times 10^exponent as a whole number, if that gives back the same float.
fn whole(number: f64, exponent: u8) -> Option<i64> {
    let scale = 10_f64.powi(i32::from(exponent));
    let whole = (number * scale).round();
    // By way of the integer, which has no negative zero.
    (whole.abs() < EXACT && (whole as i64 as f64 / scale).to_bits() == number.to_bits()).then_some(whole as i64)
}

/// One number by itself: the smallest power of ten that makes it whole, and that whole number at variable length; or
/// the float as it is.
fn put_number(bytes: &mut Vec<u8>, number: f64) {
    match (0..=MAX_EXPONENT).find_map(|exponent| Some((exponent, whole(number, exponent)?))) {
        Some((exponent, whole)) => {
            bytes.push(exponent);
            put_zigzag(bytes, whole);
        }
        None => {
            bytes.push(RAW_COLUMN);
            bytes.extend_from_slice(&number.to_le_bytes());
        }
    }
}

/// What [`put_number`] has put.
fn take_number(input: &mut Input<'_>) -> Result<f64, String> {
    match input.byte()? {
        RAW_COLUMN => {
            let raw = input.bytes(8)?.first_chunk::<8>().ok_or("cut off")?;
            Ok(f64::from_le_bytes(*raw))
        }
        exponent if exponent <= MAX_EXPONENT => Ok(input.zigzag()? as f64 / 10_f64.powi(i32::from(exponent))),
        _ => Err("a number of no known sort".to_owned()),
    }
}

fn seal(plain: Vec<u8>) -> Vec<u8> {
    let packed = zstd::bulk::compress(&plain, ZSTD_LEVEL).ok().filter(|packed| packed.len() < plain.len());
    let mut bytes = Vec::new();
    match packed {
        Some(packed) => {
            bytes.push(ZSTD);
            bytes.extend_from_slice(&packed);
        }
        None => {
            bytes.push(PLAIN);
            bytes.extend_from_slice(&plain);
        }
    }
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

fn unseal(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let (body, crc) = bytes.split_last_chunk::<4>().ok_or("shorter than its checksum")?;
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return Err("checksum does not match".to_owned());
    }
    match body.split_first() {
        Some((&PLAIN, plain)) => Ok(plain.to_vec()),
        Some((&ZSTD, packed)) => zstd::bulk::decompress(packed, MAX_BYTES).map_err(|error| error.to_string()),
        _ => Err("of no known sort".to_owned()),
    }
}

/// Reads a block and gives the wanted columns, one value or none per row, to `each`.
fn read(
    bytes: &[u8],
    wanted: impl Fn(u8) -> bool,
    mut each: impl FnMut(&[(i64, i64)], u8, Vec<Option<f64>>),
) -> Result<(), String> {
    let plain = unseal(bytes)?;
    let mut input = Input::new(&plain);
    let rows = input.count(MAX_ROWS)?;
    let heads = heads(&mut input, rows)?;
    for _ in 0..input.count(256)? {
        let field = input.byte()?;
        let present = presence(&mut input, rows)?;
        let count = present.iter().filter(|there| **there).count();
        let numbers = column(&mut input, count)?;
        if wanted(field) {
            let mut numbers = numbers.into_iter();
            let column = present.into_iter().map(|there| if there { numbers.next() } else { None }).collect();
            each(&heads, field, column);
        }
    }
    Ok(())
}

fn heads(input: &mut Input<'_>, rows: usize) -> Result<Vec<(i64, i64)>, String> {
    let mut heads = Vec::with_capacity(rows);
    let (mut last, mut delta) = (0_i64, 0_i64);
    for _ in 0..rows {
        delta = delta.wrapping_add(input.zigzag()?);
        last = last.wrapping_add(delta);
        heads.push((last, 0));
    }
    let mut last = 0_i64;
    for (_, seq) in &mut heads {
        last = last.wrapping_add(input.zigzag()?);
        *seq = last;
    }
    Ok(heads)
}

fn presence(input: &mut Input<'_>, rows: usize) -> Result<Vec<bool>, String> {
    if input.byte()? == 0 {
        return Ok(vec![true; rows]);
    }
    let bitmap = input.bytes(rows.div_ceil(8))?;
    Ok((0..rows).map(|row| bitmap[row / 8] >> (row % 8) & 1 == 1).collect())
}

fn column(input: &mut Input<'_>, count: usize) -> Result<Vec<f64>, String> {
    let exponent = input.byte()?;
    if exponent == RAW_COLUMN {
        let raw = input.bytes(count * 8)?;
        let (chunks, _) = raw.as_chunks::<8>();
        return Ok(chunks.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect());
    }
    if exponent > MAX_EXPONENT || count == 0 {
        return Err("a column of no known sort".to_owned());
    }
    let scale = 10_f64.powi(i32::from(exponent));
    let mut last = unzigzag(input.varint()?);
    let mut numbers = vec![last as f64 / scale];
    for delta in input.packed(count - 1)? {
        last = last.wrapping_add(unzigzag(delta));
        numbers.push(last as f64 / scale);
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(super) fn number() -> impl Strategy<Value = f64> {
        prop_oneof![
            (-1_000..1_000_i32).prop_map(|n| f64::from(n) / 10.0),
            (-1_800_000_000..1_800_000_000_i64).prop_map(|n| n as f64 / 10_000_000.0),
            any::<f64>().prop_filter("stores hold finite numbers", |n| n.is_finite()),
            Just(0.0),
            Just(-0.0),
            Just(f64::MAX),
            Just(f64::MIN_POSITIVE),
        ]
    }

    fn rows() -> impl Strategy<Value = Vec<BlockRow>> {
        let row = (0..86_400_000_i64, 0..i64::MAX, proptest::collection::btree_map(0..18_u8, number(), 1..18));
        proptest::collection::vec(row, 1..60).prop_map(|mut rows| {
            rows.sort_by_key(|row| (row.0, row.1));
            rows.into_iter()
                .map(|(ms, seq, values)| BlockRow { ms, seq, values: values.into_iter().collect() })
                .collect()
        })
    }

    /// Floats compared by their bits: -0.0 is not 0.0 here.
    fn bits(rows: &[BlockRow]) -> Vec<(i64, i64, u8, u64)> {
        let row = |row: &BlockRow| -> Vec<(i64, i64, u8, u64)> {
            row.values.iter().map(|(field, value)| (row.ms, row.seq, *field, value.to_bits())).collect()
        };
        rows.iter().flat_map(row).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

        #[test]
        fn a_block_gives_back_what_was_put_in(rows in rows(), field in 0..18_u8) {
            let bytes = encode(&rows);
            prop_assert_eq!(bits(&decode(&bytes).unwrap()), bits(&rows));
            let expected: Vec<(i64, i64, u64)> = rows
                .iter()
                .flat_map(|row| row.values.iter().filter(|(found, _)| *found == field)
                    .map(|(_, value)| (row.ms, row.seq, value.to_bits())))
                .collect();
            let found: Vec<(i64, i64, u64)> = decode_field(&bytes, field)
                .unwrap().into_iter().map(|(ms, seq, value)| (ms, seq, value.to_bits())).collect();
            prop_assert_eq!(found, expected);
        }

        /// A right checksum over wrong bytes: the reader itself must hold.
        #[test]
        fn broken_bytes_are_an_error_or_rows_but_never_a_panic(
            mut plain in proptest::collection::vec(any::<u8>(), 0..300),
            count in 0..40_u8,
        ) {
            if let Some(first) = plain.first_mut() {
                *first = count;
            }
            let mut bytes = vec![PLAIN];
            bytes.extend(plain);
            bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
            if let Ok(rows) = decode(&bytes) {
                prop_assert!(rows.len() <= MAX_ROWS);
            }
        }
    }

    #[test]
    fn a_full_block_of_the_widest_kind_comes_back() {
        let row = |n: i64| BlockRow {
            ms: n * 1_000,
            seq: n,
            values: (0..=255).map(|field| (field, (n as f64 + f64::from(field)).sqrt())).collect(),
        };
        let rows: Vec<BlockRow> = (0..MAX_ROWS as i64).map(row).collect();
        assert_eq!(decode(&encode(&rows)).unwrap(), rows);
    }

    /// Blocks are read for as long as they are kept, by every later program.
    #[test]
    fn a_block_of_the_first_release_is_still_read() {
        let rows = [
            BlockRow { ms: 1_000, seq: 70, values: vec![(0, 21.5), (3, 1.0 / 3.0)] },
            BlockRow { ms: 61_000, seq: 75, values: vec![(0, 21.4)] },
            BlockRow { ms: 121_000, seq: 79, values: vec![(0, -3.0)] },
        ];
        assert_eq!(decode(&STORED).unwrap(), rows);
    }

    const STORED: [u8; 38] = [
        0, 3, 208, 15, 240, 153, 7, 0, 140, 1, 10, 8, 2, 0, 0, 1, 174, 3, 9, 1, 206, 3, 3, 1, 1, 255, 85, 85, 85, 85,
        85, 85, 213, 63, 113, 159, 211, 194,
    ];

    #[test]
    fn a_changed_byte_is_found() {
        let bytes = encode(&[BlockRow { ms: 5, seq: 6, values: vec![(1, 2.5)] }]);
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 0x10;
            assert!(decode(&changed).is_err(), "{index}");
        }
        assert!(decode(&[]).is_err());
    }
}
