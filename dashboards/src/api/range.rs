//! A part of a file: one range of bytes, as players of films and voice notes ask for it (RFC 9110, 14).

use std::ops::Range;

use axum::http::{HeaderMap, header};

/// What of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it: no range is asked for, or none that is understood, or one of another file.
    Whole,
    /// These bytes.
    Bytes(Range<usize>),
    /// Bytes that it does not have.
    Beyond,
}

/// The part of a file of `length` bytes with that tag. Several ranges at once are answered with the whole file,
/// which a server may always do.
pub(crate) fn asked(headers: &HeaderMap, etag: &str, length: usize) -> Part {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::IF_RANGE).is_some_and(|of| of != etag) {
        return Part::Whole;
    }
    let one = text(header::RANGE).and_then(|range| range.trim().strip_prefix("bytes=")).map(str::trim);
    let Some((first, last)) = one.filter(|one| !one.contains(',')).and_then(|one| one.split_once('-')) else {
        return Part::Whole;
    };
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<usize>().ok())?;
    match (number(first), number(last)) {
        (None, Some(0)) if first.is_empty() => Part::Beyond,
        (None, Some(end)) if first.is_empty() && length > 0 => Part::Bytes(length.saturating_sub(end)..length),
        (Some(from), None) if last.is_empty() => part(from, length, length),
        (Some(from), Some(to)) if from <= to => part(from, to.saturating_add(1), length),
        _ => Part::Whole,
    }
}

fn part(from: usize, to: usize, length: usize) -> Part {
    if from < length { Part::Bytes(from..to.min(length)) } else { Part::Beyond }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: &str, length: usize) -> Part {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, range.parse().unwrap());
        asked(&headers, "\"tag\"", length)
    }

    #[test]
    fn one_range_of_bytes_is_understood_and_all_else_is_the_whole() {
        assert_eq!(of("bytes=0-0", 10), Part::Bytes(0..1));
        assert_eq!(of("bytes=3-", 10), Part::Bytes(3..10));
        assert_eq!(of("bytes=3-99", 10), Part::Bytes(3..10));
        assert_eq!(of("bytes=-4", 10), Part::Bytes(6..10));
        assert_eq!(of("bytes=-40", 10), Part::Bytes(0..10));
        for beyond in ["bytes=10-", "bytes=10-12", "bytes=-0"] {
            assert_eq!(of(beyond, 10), Part::Beyond, "{beyond}");
        }
        for whole in ["bytes=0-1,3-4", "bytes=4-2", "bytes=-", "bytes=a-b", "bytes=+1-2", "items=0-1", "bytes"] {
            assert_eq!(of(whole, 10), Part::Whole, "{whole}");
        }
        assert_eq!(asked(&HeaderMap::new(), "", 10), Part::Whole);
    }
}
