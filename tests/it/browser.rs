//! Plays a script of `tests/browser` in a real browser; its `lib.mjs` says how a script asks and answers.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::PASSWORD;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser");

/// Plays `script` against `base`, answers what it asks by `act`, and gives its last line.
pub(crate) fn browse(script: &str, base: &str, chromium: Option<&str>, mut act: impl FnMut(&str) -> Value) -> Value {
    let mut command = Command::new("node");
    command.arg(format!("{FOLDER}/{script}")).args([base, PASSWORD]).stdin(Stdio::piped()).stdout(Stdio::piped());
    if let Some(path) = chromium {
        command.env("GENGFU_CHROMIUM", path);
    }
    let mut child = command.spawn().unwrap_or_else(|error| panic!("node: {error}; install Node.js 20 or newer"));
    let mut input = child.stdin.take().unwrap();
    let mut last = Value::Null;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        last = serde_json::from_str(&line).unwrap_or_else(|_| panic!("the script said {line}"));
        if let Some(wish) = last["do"].as_str() {
            writeln!(input, "{}", act(wish)).unwrap();
        }
    }
    child.wait().unwrap();
    last
}

/// The script came to its end, no page's own script failed, and nothing was asked of anybody but the gateway.
pub(crate) fn went_well(saw: &Value, base: &str) {
    assert_eq!(saw.get("missing"), None, "the tests need {}", saw["missing"]);
    assert!(saw.get("failed").is_none(), "the console: {} {}", text(saw, "/failed"), saw["errors"]);
    assert_eq!(saw["errors"], json!([]), "no script failed");
    let host = base.trim_start_matches("http://");
    assert_eq!(saw["hosts"], json!([host]), "the pages need nothing from elsewhere");
}

pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {pointer} in {value:#}"))
}

pub(crate) fn must_tell(whole: &str, parts: &[&str]) {
    for part in parts {
        assert!(whole.contains(part), "`{part}` is missing in:\n{whole}");
    }
}
