//! Embeds the built console (`console/dist`) into the crate. It runs no other program: `make console`
//! builds the console beforehand.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Build without the console: the API answers, and `/` says that the pages are not in this build.
const WITHOUT: &str = "GENGFU_WITHOUT_CONSOLE";

fn main() {
    println!("cargo::rerun-if-env-changed={WITHOUT}");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=console/dist");
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let output = PathBuf::from(variable("OUT_DIR"));
    let assets = if std::env::var_os(WITHOUT).is_some() {
        let page = output.join("index.html");
        write(&page, "<!doctype html><title>gengfu</title><p>This build has no console; the API is under /api/v1.</p>");
        vec![("/".to_owned(), page)]
    } else {
        built(&root.join("console").join("dist"))
    };
    let mut list = String::from("/// Every file of the console.\npub(crate) static ASSETS: &[Asset] = &[\n");
    for (path, file) in assets {
        let bytes =
            fs::read(&file).unwrap_or_else(|error| fail(&format!("{} cannot be read: {error}", file.display())));
        let hash: String = Sha256::digest(&bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let etag = format!("\"{hash}\"");
        let kind = content_type(&path);
        let file = file.display().to_string();
        list.push_str(&format!(
            "    Asset {{ path: {path:?}, content_type: {kind:?}, etag: {etag:?}, bytes: include_bytes!({file:?}) }},\n"
        ));
    }
    list.push_str("];\n");
    write(&output.join("console_assets.rs"), &list);
}

fn built(dist: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(dist) else {
        fail(&format!(
            "the console is not built: {} is not there.\n\
             Run `make console` (needs Node.js) and build again, or set {WITHOUT}=1 to build without it.",
            dist.display()
        ));
    };
    let mut assets: Vec<(String, PathBuf)> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if name == "index.html" { "/".to_owned() } else { format!("/{name}") };
            (path, entry.path())
        })
        .collect();
    assets.sort();
    if !assets.iter().any(|(path, _)| path == "/") {
        fail(&format!("{} has no index.html: run `make console` again.", dist.display()));
    }
    assets
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "text/html; charset=utf-8",
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| fail(&format!("cargo did not set {name}")))
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| fail(&format!("{} cannot be written: {error}", path.display())));
}

fn fail(message: &str) -> ! {
    for line in message.lines() {
        println!("cargo::error={line}");
    }
    std::process::exit(1);
}
