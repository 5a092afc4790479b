//! `// untested: why` at the end of a line: its author says why no test covers it.

use std::collections::BTreeMap;

/// The comment that exempts a line from coverage and mutation.
const MARK: &str = "// untested:";

/// The reason of every exempted line, by line from 1. A mark without a reason exempts nothing; one on
/// a line of its own is for the next line.
pub(super) fn exempt(source: &str) -> BTreeMap<u32, String> {
    let mut lines = BTreeMap::new();
    for (number, line) in (1_u32..).zip(source.lines()) {
        let Some((code, why)) = line.split_once(MARK) else { continue };
        if !why.trim().is_empty() {
            let line = if code.trim().is_empty() { number + 1 } else { number };
            lines.insert(line, why.trim().to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::exempt;

    #[test]
    fn a_reason_is_for_its_line_or_the_next() {
        let found = exempt("a; // untested: cannot be\n// untested: nor this\nb;\nc; // untested:\n");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [(1, "cannot be".to_owned()), (3, "nor this".to_owned())]);
    }
}
