//! Promise: the page that describes the rule language is made from the code, and is current.

use std::path::Path;

#[test]
fn the_rule_language_is_documented() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules").join("REFERENCE.md");
    let expected = gengfu_rules::reference::reference();
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    if found != expected {
        std::fs::write(&file, expected).unwrap();
        panic!("rules/REFERENCE.md was not what the code says; it is rewritten, look at the difference and commit it");
    }
}
