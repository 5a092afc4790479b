//! A column of whole numbers in few bytes.
//!
//! The numbers stand as they are, as deltas, or as deltas of deltas ([`Order`]); what is left of them either all at
//! one width, with those that are wider set apart (a truck that was in a tunnel must not make every step wide), or
//! each at variable length, which leaves whole bytes for zstd to find again. Which of these is shortest is tried for
//! every column anew; the column's first byte says what was taken.
//!
//! Layout: the sort (a byte); for a constant the number; else what is left of each number, in one of two ways:
//! at one width (the number that all are counted from, the width, how many are wider, all numbers at the width, then
//! for each wider one how many lie before it since the last, and its upper bits), or one by one.
//!
//! Promise: take(put(numbers)) = numbers; whatever the bytes, taking ends, with as many numbers as were asked for or
//! an error.

use super::bits::{Input, put_bits, put_varint, put_zigzag, unzigzag, zigzag};

/// Sorts of a column: three orders in each of three styles, and the constant.
pub(super) const SORTS: u8 = 10;
const CONSTANT: u8 = 9;

/// How often neighbours are taken from each other.
type Order = u8;
const ORDERS: std::ops::Range<Order> = 0..3;

/// How what is left of the numbers is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Whatever is shortest.
    Shortest,
    /// Every number at variable length.
    Bytes,
}

/// How numbers at one width are counted.
#[derive(Clone, Copy)]
enum From {
    /// Up from the smallest.
    Smallest = 0,
    /// Up and down from the one in the middle.
    Middle = 1,
}

const ONE_BY_ONE: u8 = 2;

/// One way to write a column, and the bytes that it takes.
struct Way {
    sort: u8,
    body: Vec<u8>,
}

/// The shortest way to write `numbers`: its sort, below [`SORTS`], and its bytes.
pub(super) fn put(numbers: &[i64], style: Style) -> (u8, Vec<u8>) {
    if let Some((first, rest)) = numbers.split_first()
        && rest.iter().all(|number| number == first)
    {
        let mut body = Vec::new();
        put_zigzag(&mut body, *first);
        return (CONSTANT, body);
    }
    let ways = ORDERS.flat_map(|order| {
        let left = differences(numbers, order);
        let mut ways = vec![Way { sort: order * 3 + ONE_BY_ONE, body: one_by_one(&left) }];
        if style == Style::Shortest {
            ways.push(Way { sort: order * 3 + From::Smallest as u8, body: at_one_width(&left, order, From::Smallest) });
            ways.push(Way { sort: order * 3 + From::Middle as u8, body: at_one_width(&left, order, From::Middle) });
        }
        ways
    });
    let shortest = ways.min_by_key(|way| (way.body.len(), way.sort));
    shortest.map_or((CONSTANT, vec![0]), |way| (way.sort, way.body))
}

/// What [`put`] wrote as `sort`, `count` numbers.
pub(super) fn take(input: &mut Input<'_>, sort: u8, count: usize) -> Result<Vec<i64>, String> {
    if sort == CONSTANT {
        return Ok(vec![input.zigzag()?; count]);
    }
    if sort >= SORTS {
        return Err(format!("a column of no known sort ({sort})"));
    }
    let order = sort / 3;
    let mut numbers = match sort % 3 {
        ONE_BY_ONE => (0..count).map(|_| input.zigzag()).collect::<Result<_, _>>()?,
        from => take_at_one_width(input, order, from, count)?,
    };
    for _ in 0..order {
        let mut last = 0_i64;
        for number in &mut numbers {
            last = last.wrapping_add(*number);
            *number = last;
        }
    }
    Ok(numbers)
}

/// Each number less the one before it, `order` times; the first stays as it is.
fn differences(numbers: &[i64], order: Order) -> Vec<i64> {
    let mut left = numbers.to_vec();
    for _ in 0..order {
        let mut last = 0_i64;
        for number in &mut left {
            *number = number.wrapping_sub(std::mem::replace(&mut last, *number));
        }
    }
    left
}

fn one_by_one(left: &[i64]) -> Vec<u8> {
    let mut body = Vec::new();
    left.iter().for_each(|number| put_zigzag(&mut body, *number));
    body
}

/// The first `order` numbers are no differences yet and stand apart: they are of another size than all others.
fn at_one_width(left: &[i64], order: Order, from: From) -> Vec<u8> {
    let (heads, rest) = left.split_at(usize::from(order).min(left.len()));
    let mut body = Vec::new();
    heads.iter().for_each(|number| put_zigzag(&mut body, *number));
    let mut sorted = rest.to_vec();
    sorted.sort_unstable();
    let base = match from {
        From::Smallest => sorted.first(),
        From::Middle => sorted.get(sorted.len() / 2),
    };
    let base = base.copied().unwrap_or(0);
    let counted: Vec<u64> = rest
        .iter()
        .map(|number| match from {
            From::Smallest => number.wrapping_sub(base) as u64,
            From::Middle => zigzag(number.wrapping_sub(base)),
        })
        .collect();
    let width = best_width(&counted);
    let upper = |number: u64| number.checked_shr(width).unwrap_or(0);
    put_zigzag(&mut body, base);
    body.push(width as u8);
    put_varint(&mut body, counted.iter().filter(|number| upper(**number) > 0).count() as u64);
    put_bits(&mut body, &counted, width);
    let mut last = 0;
    for (index, number) in counted.iter().enumerate().filter(|(_, number)| upper(**number) > 0) {
        put_varint(&mut body, (index - last) as u64);
        put_varint(&mut body, upper(*number));
        last = index;
    }
    body
}

/// The width at which the numbers, and what is wider set apart, take least room.
fn best_width(numbers: &[u64]) -> u32 {
    let mut of_length = [0_usize; 65];
    for number in numbers {
        of_length[64 - number.leading_zeros() as usize] += 1;
    }
    let room = |width: usize| {
        let wider = (width + 1..=64).map(|length| of_length[length] * (1 + (length - width).div_ceil(7)));
        (numbers.len() * width).div_ceil(8) + wider.sum::<usize>()
    };
    (0..=64).min_by_key(|width| room(*width)).unwrap_or(64) as u32
}

fn take_at_one_width(input: &mut Input<'_>, order: Order, from: u8, count: usize) -> Result<Vec<i64>, String> {
    let heads = usize::from(order).min(count);
    let mut left: Vec<i64> = (0..heads).map(|_| input.zigzag()).collect::<Result<_, _>>()?;
    let base = input.zigzag()?;
    let width = u32::from(input.byte()?);
    let wider = input.count(count)?;
    let mut counted = input.bits(count - heads, width)?;
    let mut index = 0_usize;
    for _ in 0..wider {
        index = index.saturating_add(input.count(count)?);
        let upper = input.varint()?.checked_shl(width).unwrap_or(0);
        *counted.get_mut(index).ok_or("a wide number behind the last")? |= upper;
    }
    left.extend(counted.into_iter().map(|number| {
        let number = if from == From::Smallest as u8 { number as i64 } else { unzigzag(number) };
        base.wrapping_add(number)
    }));
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::random_inputs::random;
    use proptest::prelude::*;

    fn there_and_back(numbers: &[i64], style: Style) -> usize {
        let (sort, body) = put(numbers, style);
        let mut input = Input::new(&body);
        assert_eq!(take(&mut input, sort, numbers.len()).unwrap(), numbers, "{style:?}");
        assert!(input.is_empty());
        body.len()
    }

    proptest! {
        #![proptest_config(random(256))]

        #[test]
        fn a_column_gives_back_what_was_put_in(
            small in proptest::collection::vec(-300..300_i64, 0..80),
            any in proptest::collection::vec(any::<i64>(), 0..20),
            start in any::<i64>(),
        ) {
            for style in [Style::Shortest, Style::Bytes] {
                there_and_back(&small, style);
                there_and_back(&any, style);
                let climbing: Vec<i64> = small.iter().scan(start, |at, step| {
                    *at = at.wrapping_add(*step);
                    Some(*at)
                }).chain(any.iter().copied()).collect();
                there_and_back(&climbing, style);
            }
        }

        #[test]
        fn any_bytes_are_an_error_or_numbers_but_never_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..80), sort in 0..12_u8, count in 0..1_100_usize,
        ) {
            if let Ok(numbers) = take(&mut Input::new(&bytes), sort, count) {
                prop_assert_eq!(numbers.len(), count);
            }
        }
    }

    #[test]
    fn one_far_number_does_not_make_all_wide() {
        let mut numbers: Vec<i64> = (0..200).map(|n| 1_000_000 + n * 60 + (n * n) % 7).collect();
        let alike = there_and_back(&numbers, Style::Shortest);
        numbers[100..].iter_mut().for_each(|number| *number += 10_000_000_000);
        let torn = there_and_back(&numbers, Style::Shortest);
        assert!(torn <= alike + 20, "{alike} bytes, {torn} with a gap");
    }

    #[test]
    fn what_never_changes_takes_a_byte() {
        assert_eq!(there_and_back(&[7; 500], Style::Shortest), 1);
        there_and_back(&[], Style::Shortest);
    }
}
