//! English or Chinese: the languages of generated pages, and which paragraphs of a rule's doc comment are whose.

/// A language of people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Chinese.
    Chinese,
}

impl Language {
    /// The one of two texts that is in this language.
    #[must_use]
    pub fn of<'a>(self, en: &'a str, zh: &'a str) -> &'a str {
        match self {
            Language::English => en,
            Language::Chinese => zh,
        }
    }

    /// The paragraphs of a rule's doc comment in this language; all of them if none is.
    #[must_use]
    pub fn part_of(self, doc: &str) -> String {
        let own = doc.split("\n\n").filter(|paragraph| is_chinese(paragraph) == (self == Language::Chinese));
        let own = own.collect::<Vec<_>>().join("\n\n");
        if own.is_empty() { doc.to_owned() } else { own }
    }
}

/// Whether a paragraph is Chinese: names of fields and units do not make it English.
fn is_chinese(paragraph: &str) -> bool {
    let chinese = paragraph.chars().filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c)).count();
    let latin = paragraph.chars().filter(char::is_ascii_alphabetic).count();
    chinese * 3 > latin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doc_comment_is_told_in_both_languages() {
        let doc = "Bin full.\n\n80 % is full (\u{6ee1}\u{6ea2}).\n\n\u{7bb1}\u{6ee1}\u{3002}\n\n\u{53d6} `fill_pct` \u{4e2d}\u{8f83}\u{4f4e}\u{8005}\u{3002}";
        assert_eq!(Language::English.part_of(doc), "Bin full.\n\n80 % is full (\u{6ee1}\u{6ea2}).");
        assert_eq!(Language::Chinese.part_of(doc), doc.split_once("\u{6ea2}).\n\n").unwrap().1);
        assert_eq!(Language::Chinese.part_of("Bin full."), "Bin full.");
        assert_eq!(Language::English.part_of(""), "");
    }
}
