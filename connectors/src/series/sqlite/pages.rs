//! In which order blocks go into their table, so that pages are full.
//!
//! SQLite fills a table's pages in the order of rows and never tears a row that fits into a page: blocks of a device
//! and the next, each a little longer than half a page, would leave the other half of every page empty (a quarter of
//! the whole file, measured on recorded truck traces).

/// A page without its head. The page size is SQLite's own default.
const PAGE: usize = 4_096 - 8;
/// What a row takes beside its blobs: place in the page, head, and the numbers of its other columns, at most.
const ROW: usize = 36;
/// SQLite keeps a row of at most so many bytes in its page, whole.
const WHOLE: usize = 4_096 - 35;
/// Of a longer row it keeps at least so many.
const LEAST: usize = (4_096 - 12) * 32 / 255 - 23;
/// Bytes that a page takes of the rest.
const OVERFLOW: usize = 4_096 - 4;

/// The order for rows with blobs of these lengths: the longest that still fits comes next.
pub(super) fn order(lengths: &[usize]) -> Vec<usize> {
    let mut waiting: Vec<(usize, usize)> = lengths.iter().map(|length| in_page(*length)).zip(0..).collect();
    waiting.sort_unstable();
    let mut order = Vec::with_capacity(waiting.len());
    let mut room = PAGE;
    while !waiting.is_empty() {
        let fitting = waiting.partition_point(|(length, _)| *length <= room);
        let (length, index) = match fitting.checked_sub(1) {
            Some(longest) => waiting.remove(longest),
            None => {
                room = PAGE;
                continue;
            }
        };
        room -= length;
        order.push(index);
    }
    order
}

/// What a row takes of its page; never more than a page has.
fn in_page(length: usize) -> usize {
    let row = length + ROW;
    if row <= WHOLE {
        return row;
    }
    let kept = LEAST + (row - LEAST) % OVERFLOW;
    if kept <= WHOLE { kept } else { LEAST }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_blocks_share_pages_with_short_ones() {
        let order = order(&[2_300, 2_200, 1_700, 1_800, 3_900, 100]);
        assert_eq!(order, [4, 5, 0, 2, 1, 3]);
    }

    #[test]
    fn every_block_has_its_place_whatever_its_length() {
        let lengths: Vec<usize> = (0..700).map(|n| n * n * 37 % 30_000).collect();
        let mut order = order(&lengths);
        order.sort_unstable();
        assert!(order.into_iter().eq(0..lengths.len()));
        assert!((0..60_000).all(|length| in_page(length) <= PAGE));
    }
}
