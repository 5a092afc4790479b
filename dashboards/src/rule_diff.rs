//! What differs between two rule packs, as lines for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Lines around a change that are shown with it.
const CONTEXT: usize = 3;
/// Files that differ in more than this product of lines are shown as a whole: comparing them would take too long.
const MAX_CELLS: usize = 4_000_000;

/// The files of two packs that differ, line by line: ` ` in both, `-` gone, `+` new.
#[must_use]
pub fn diff(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> String {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut text = String::new();
    for name in names {
        let (old, new) = (before.get(name), after.get(name));
        if old == new {
            continue;
        }
        let word = match (old, new) {
            (None, _) => " (new)",
            (_, None) => " (gone)",
            _ => "",
        };
        // Writing to a text cannot fail.
        writeln!(text, "{name}{word}").ok();
        let lines =
            |text: Option<&String>| text.map(|text| text.lines().map(str::to_owned).collect()).unwrap_or_default();
        let (old, new): (Vec<String>, Vec<String>) = (lines(old), lines(new));
        write_file(&mut text, &old, &new);
    }
    text
}

fn write_file(text: &mut String, old: &[String], new: &[String]) {
    let edits = edits(old, new);
    let shown = |place: usize| {
        let near = place.saturating_sub(CONTEXT)..(place + CONTEXT + 1).min(edits.len());
        edits[near].iter().any(|(sign, _)| *sign != ' ')
    };
    let mut gap = false;
    for (place, (sign, line)) in edits.iter().enumerate() {
        if shown(place) {
            if std::mem::take(&mut gap) {
                text.push_str("  ...\n");
            }
            writeln!(text, "{sign} {line}").ok();
        } else {
            gap = true;
        }
    }
}

/// The lines of both, in order, each with its sign.
fn edits<'a>(old: &'a [String], new: &'a [String]) -> Vec<(char, &'a str)> {
    let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (rest_old, rest_new) = (&old[start..], &new[start..]);
    let end = rest_old.iter().rev().zip(rest_new.iter().rev()).take_while(|(a, b)| a == b).count();
    let (middle_old, middle_new) = (&rest_old[..rest_old.len() - end], &rest_new[..rest_new.len() - end]);
    let mut edits: Vec<(char, &str)> = old[..start].iter().map(|line| (' ', line.as_str())).collect();
    edits.extend(middle(middle_old, middle_new));
    edits.extend(rest_old[rest_old.len() - end..].iter().map(|line| (' ', line.as_str())));
    edits
}

/// The longest common lines stay, by the textbook's table.
fn middle<'a>(old: &'a [String], new: &'a [String]) -> Vec<(char, &'a str)> {
    let gone = || old.iter().map(|line| ('-', line.as_str()));
    let added = || new.iter().map(|line| ('+', line.as_str()));
    if old.len().saturating_mul(new.len()) > MAX_CELLS {
        return gone().chain(added()).collect();
    }
    let width = new.len() + 1;
    let mut common = vec![0_u32; (old.len() + 1) * width];
    for a in (0..old.len()).rev() {
        for b in (0..new.len()).rev() {
            common[a * width + b] = if old[a] == new[b] {
                common[(a + 1) * width + b + 1] + 1
            } else {
                common[(a + 1) * width + b].max(common[a * width + b + 1])
            };
        }
    }
    let (mut a, mut b, mut edits) = (0, 0, Vec::new());
    while a < old.len() || b < new.len() {
        if a < old.len() && b < new.len() && old[a] == new[b] {
            edits.push((' ', old[a].as_str()));
            (a, b) = (a + 1, b + 1);
        } else if a < old.len() && (b == new.len() || common[(a + 1) * width + b] >= common[a * width + b + 1]) {
            edits.push(('-', old[a].as_str()));
            a += 1;
        } else {
            edits.push(('+', new[b].as_str()));
            b += 1;
        }
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(files: &[(&str, &str)]) -> BTreeMap<String, String> {
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn changed_new_and_gone_files_are_told() {
        let before = pack(&[("a", "1\n2\n3\n4\n5\n6\n7\n8\n9"), ("b", "x"), ("same", "s")]);
        let after = pack(&[("a", "1\n2\n3\n4\n5\n6\n7\n8!\n9\n10"), ("c", "y"), ("same", "s")]);
        let expected = "a\n  ...\n  5\n  6\n  7\n- 8\n+ 8!\n  9\n+ 10\nb (gone)\n- x\nc (new)\n+ y\n";
        assert_eq!(diff(&before, &after), expected);
        assert_eq!(diff(&before, &before), "");
    }

    #[test]
    fn what_stays_is_found_between_changes() {
        let edits = |old: &str, new: &str| diff(&pack(&[("f", old)]), &pack(&[("f", new)]));
        assert_eq!(edits("a\nb\nc", "x\nb\ny"), "f\n- a\n+ x\n  b\n- c\n+ y\n");
    }
}
