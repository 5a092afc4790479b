//! Promise: the pages that describe the rule language are made from the code, and are current.

use std::path::Path;

use gengfu_rules::Language;
use gengfu_rules::reference::reference;

#[test]
fn the_rule_language_is_documented_in_both_languages() {
    let mut stale = Vec::new();
    for (name, language) in [("REFERENCE.md", Language::English), ("REFERENCE.zh.md", Language::Chinese)] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules").join(name);
        let expected = reference(language);
        if std::fs::read_to_string(&file).unwrap_or_default() != expected {
            std::fs::write(&file, expected).unwrap();
            stale.push(name);
        }
    }
    assert!(stale.is_empty(), "rules/{stale:?} was not what the code says; it is rewritten, look at it and commit it");
}
