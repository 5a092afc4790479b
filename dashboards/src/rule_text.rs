//! What can be read off a rule's text without understanding it: its doc, and the plain texts of its
//! `RULE` map. For lists only; what a rule does is the rules crate's to say.

use std::collections::BTreeMap;

use crate::views::RuleView;

/// The rule of a file, as its text shows it.
#[must_use]
pub fn rule(file: &str, text: &str) -> RuleView {
    let stem = file.rsplit('/').next().unwrap_or(file);
    let stem = stem.strip_suffix(".rhai").unwrap_or(stem);
    let facts = facts(text);
    RuleView {
        id: facts.get("id").cloned().unwrap_or_else(|| stem.to_owned()),
        file: file.to_owned(),
        doc: doc(text),
        facts,
        now: None,
    }
}

/// The `///` or `//!` lines at the top.
fn doc(text: &str) -> String {
    text.lines()
        .map(str::trim)
        .skip_while(|line| line.is_empty())
        .map_while(|line| line.strip_prefix("///").or_else(|| line.strip_prefix("//!")))
        .map(str::trim)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The entries of `const RULE = #{ name: "text", ... }` whose values are plain texts.
fn facts(text: &str) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let Some(start) = text.find("const RULE") else { return facts };
    let Some(open) = text[start..].find("#{") else { return facts };
    let mut words = Words { rest: &text[start + open + 2..] };
    let mut name: Option<String> = None;
    let mut depth = 0_u32;
    while let Some(word) = words.next_word() {
        match word {
            Word::Name(word) => name = Some(word),
            Word::Text(text) => {
                if let (Some(name), 0) = (name.take(), depth) {
                    facts.insert(name, text);
                }
            }
            Word::Open => depth += 1,
            Word::Close if depth == 0 => break,
            Word::Close => depth -= 1,
            Word::Comma => name = None,
        }
    }
    facts
}

enum Word {
    Name(String),
    Text(String),
    Open,
    Close,
    Comma,
}

struct Words<'t> {
    rest: &'t str,
}

impl Words<'_> {
    fn next_word(&mut self) -> Option<Word> {
        loop {
            self.rest = self.rest.trim_start();
            let first = self.rest.chars().next()?;
            if self.rest.starts_with("//") {
                self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
                continue;
            }
            if first.is_alphabetic() || first == '_' {
                let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(self.rest.len());
                let (word, rest) = self.rest.split_at(end);
                self.rest = rest;
                return Some(Word::Name(word.to_owned()));
            }
            self.rest = &self.rest[first.len_utf8()..];
            match first {
                '"' => return Some(Word::Text(self.quoted())),
                '{' | '[' | '(' => return Some(Word::Open),
                '}' | ']' | ')' => return Some(Word::Close),
                ',' => return Some(Word::Comma),
                _ => {}
            }
        }
    }

    fn quoted(&mut self) -> String {
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return text;
                }
                '\\' => text.extend(chars.next().map(|(_, escaped)| escaped)),
                _ => text.push(c),
            }
        }
        self.rest = "";
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doc_and_plain_texts_are_read_off() {
        let text = "\n/// Manhole cover tilted or opened.\n/// 井盖倾斜或打开。\n\
            const RULE = #{ kind: \"manhole\", key: \"tilt\", // \"quoted\": comment\n\
            severity: \"critical\", cooldown: 15.min, nested: #{ kind: \"inner\" }, text: #{ zh: \"}\" }, note: \"a \\\"b\\\" }\" };\n\
            const OTHER = #{ kind: \"x\" };\n";
        let rule = rule("covers/tilt.rhai", text);
        assert_eq!(rule.id, "tilt");
        assert_eq!(rule.doc, "Manhole cover tilted or opened.\n井盖倾斜或打开。");
        let facts: Vec<(&str, &str)> = rule.facts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(facts, [("key", "tilt"), ("kind", "manhole"), ("note", "a \"b\" }"), ("severity", "critical")]);
    }

    #[test]
    fn an_id_in_the_map_comes_before_the_files_stem_and_broken_text_is_no_trouble() {
        assert_eq!(rule("a.rhai", "const RULE = #{ id: \"cover_tilt\" };").id, "cover_tilt");
        for broken in ["", "const RULE", "const RULE = #{", "const RULE = #{ kind: \"", "const RULE = #{ kind: \"x\\"] {
            assert_eq!(rule("a.rhai", broken).id, "a", "{broken}");
        }
    }
}
