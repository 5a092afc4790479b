//! The SQLite files, page by page.

use std::path::{Path, PathBuf};

use gengfu_connectors::files;

use super::Findings;

pub(super) fn look_at_files(data: &Path, found: &mut Findings) {
    let mut checked = 0;
    for name in ["ledger.db", "checkpoint.db", "delivery.db"] {
        let file = data.join(name);
        match file.try_exists() {
            Ok(true) => checked += u64::from(look_at(&file, found)),
            // Webhooks make it.
            Ok(false) if name == "delivery.db" => {}
            Ok(false) => found.wrong("stores", format!("{} is missing: restore a backup", file.display())),
            Err(error) => found.wrong("stores", format!("{}: {error}", file.display())),
        }
    }
    match series(&data.join("series")) {
        Ok(partitions) => {
            checked += partitions.iter().map(|file| u64::from(look_at(file, found))).sum::<u64>();
        }
        Err(error) => found.wrong("stores", format!("{}: {error}", data.join("series").display())),
    }
    found.good("stores", format!("{checked} SQLite files are sound"));
}

fn look_at(file: &Path, found: &mut Findings) -> bool {
    let mistakes = files::check(file).unwrap_or_else(|error| vec![error.to_string()]);
    for mistake in &mistakes {
        found.wrong("stores", format!("{}: {mistake}; restore a backup", file.display()));
    }
    mistakes.is_empty()
}

fn series(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut partitions = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "db") {
            partitions.push(path);
        }
    }
    partitions.sort_unstable();
    Ok(partitions)
}
