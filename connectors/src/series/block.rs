//! Columnar blocks: many readings of one device in few bytes.
//!
//! A block holds up to [`MAX_ROWS`] rows (one time and sequence with the fields that came with it).
//! Layout, before compression: number of rows; the first time, the unit of the others (most clocks have whole
//! seconds) and how many units each lies behind the first; sequences; then per field its number, which rows have it
//! (all, or a bitmap), and its values. Values are either decimal (every number times 10^e is a whole number that gives
//! back the very same float) or raw floats. Times, sequences and decimals are columns ([`column`]), each with a byte
//! before it that says its sort (and for a decimal its exponent). The whole is written with the shortest columns and
//! with columns of whole bytes that are compressed by zstd, and the shorter of both is kept; it ends with a CRC-32:
//! SQLite does not guard its pages.
//!
//! Promise: decode(encode(rows)) = rows, to the last bit; whatever the bytes, decoding ends with rows
//! or an error, within bounded memory.

mod bits;
mod column;
pub(crate) mod reading;
pub(crate) mod summary;

use bits::{Input, put_varint, put_zigzag};
use column::{SORTS, Style};

/// Rows of one block at most. A truck's block is then longer than a page of SQLite's, and fills pages of its own;
/// blocks that are just too long for two to share a page leave half of it empty.
pub(crate) const MAX_ROWS: usize = 1_024;
/// Bytes of a block before compression at most: so many rows of 256 raw columns and their heads.
const MAX_BYTES: usize = MAX_ROWS * (256 * 8 + 32) + 4_096;
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
    seal(&plain(rows, Style::Shortest), &plain(rows, Style::Bytes))
}

fn plain(rows: &[BlockRow], style: Style) -> Vec<u8> {
    let mut plain = Vec::new();
    put_varint(&mut plain, rows.len() as u64);
    put_times(&mut plain, rows, style);
    let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
    put_whole(&mut plain, 0, &seqs, style);
    let mut fields: Vec<u8> = rows.iter().flat_map(|row| row.values.iter().map(|(field, _)| *field)).collect();
    fields.sort_unstable();
    fields.dedup();
    put_varint(&mut plain, fields.len() as u64);
    for field in fields {
        put_field(&mut plain, rows, field, style);
    }
    plain
}

fn put_times(plain: &mut Vec<u8>, rows: &[BlockRow], style: Style) {
    let first = rows.first().map_or(0, |row| row.ms);
    let behind: Vec<i64> = rows.iter().map(|row| row.ms.wrapping_sub(first)).collect();
    let unit = behind.iter().fold(0, |unit, behind| gcd(unit, behind.unsigned_abs())).max(1);
    put_zigzag(plain, first);
    put_varint(plain, unit);
    let units: Vec<i64> = behind.into_iter().map(|behind| divided(behind, unit)).collect();
    put_whole(plain, 0, &units, style);
}

/// A multiple of `unit` divided by it. 2^63 is no `i64`; only -2^63 itself can have it as its unit.
fn divided(number: i64, unit: u64) -> i64 {
    i64::try_from(unit).map_or(number.signum(), |unit| number / unit)
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// A column with the byte that says its sort and its exponent.
fn put_whole(plain: &mut Vec<u8>, exponent: u8, numbers: &[i64], style: Style) {
    let (sort, body) = column::put(numbers, style);
    plain.push(exponent * SORTS + sort);
    plain.extend_from_slice(&body);
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

fn put_field(plain: &mut Vec<u8>, rows: &[BlockRow], field: u8, style: Style) {
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
        Some((exponent, whole)) => put_whole(plain, exponent, &whole, style),
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

/// Keeps the shortest of `shortest` as it is, and of both compressed.
fn seal(shortest: &[u8], whole_bytes: &[u8]) -> Vec<u8> {
    let packed = [shortest, whole_bytes].into_iter().filter_map(|plain| zstd::bulk::compress(plain, ZSTD_LEVEL).ok());
    let packed = packed.min_by_key(Vec::len).filter(|packed| packed.len() < shortest.len());
    let (sort, body) = packed.as_deref().map_or((PLAIN, shortest), |packed| (ZSTD, packed));
    let mut bytes = Vec::with_capacity(body.len() + 5);
    bytes.push(sort);
    bytes.extend_from_slice(body);
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
    let first = input.zigzag()?;
    let unit = input.varint()? as i64;
    let times = whole_column(input, rows)?;
    let seqs = whole_column(input, rows)?;
    Ok(times.into_iter().zip(seqs).map(|(units, seq)| (first.wrapping_add(units.wrapping_mul(unit)), seq)).collect())
}

/// A column that is no decimal.
fn whole_column(input: &mut Input<'_>, count: usize) -> Result<Vec<i64>, String> {
    let sort = input.byte()?;
    column::take(input, sort, count)
}

fn presence(input: &mut Input<'_>, rows: usize) -> Result<Vec<bool>, String> {
    if input.byte()? == 0 {
        return Ok(vec![true; rows]);
    }
    let bitmap = input.bytes(rows.div_ceil(8))?;
    Ok((0..rows).map(|row| bitmap[row / 8] >> (row % 8) & 1 == 1).collect())
}

fn column(input: &mut Input<'_>, count: usize) -> Result<Vec<f64>, String> {
    let sort = input.byte()?;
    if sort == RAW_COLUMN {
        let raw = input.bytes(count * 8)?;
        let (chunks, _) = raw.as_chunks::<8>();
        return Ok(chunks.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect());
    }
    let (exponent, sort) = (sort / SORTS, sort % SORTS);
    if exponent > MAX_EXPONENT || count == 0 {
        return Err("values of no known sort".to_owned());
    }
    let scale = 10_f64.powi(i32::from(exponent));
    Ok(column::take(input, sort, count)?.into_iter().map(|number| number as f64 / scale).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::random_inputs::random;
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
        #![proptest_config(random(128))]

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

    const STORED: [u8; 41] = [
        0, 3, 208, 15, 224, 212, 3, 2, 0, 2, 4, 5, 140, 1, 10, 8, 2, 0, 0, 12, 174, 3, 172, 3, 59, 3, 1, 1, 255, 85,
        85, 85, 85, 85, 85, 213, 63, 176, 193, 203, 183,
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
