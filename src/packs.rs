//! Rule packs as files: the shipped library and folders of drafts.

use std::collections::BTreeMap;
use std::path::Path;

/// The largest rule file, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024;
/// The most files of a pack.
const MAX_FILES: usize = 500;

/// The shipped library.
#[must_use]
pub fn shipped() -> BTreeMap<String, String> {
    gengfu_rules::library::files()
}

/// Every `.rhai` file of a folder, by name.
///
/// # Errors
/// A text that names the file and says what is wrong.
pub fn read_folder(folder: &Path) -> Result<BTreeMap<String, String>, String> {
    read(folder, &|name| name.ends_with(".rhai"))
}

/// [`read_folder`] with the tables of tests beside the rules (`.test.toml`).
///
/// # Errors
/// A text that names the file and says what is wrong.
pub fn read_folder_with_tests(folder: &Path) -> Result<BTreeMap<String, String>, String> {
    read(folder, &|name| name.ends_with(".rhai") || name.ends_with(gengfu_rules::testing::TABLE_SUFFIX))
}

fn read(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<BTreeMap<String, String>, String> {
    let describe = |path: &Path, error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotADirectory => {
            format!("{}: this is a file: give the folder that it stands in", path.display())
        }
        std::io::ErrorKind::InvalidData => {
            format!("{}: the text is no UTF-8: save it as UTF-8, not as GBK or UTF-16", path.display())
        }
        _ => format!("{}: {error}", path.display()),
    };
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(|error| describe(folder, error))? {
        let path = entry.map_err(|error| describe(folder, error))?.path();
        if !path.file_name().is_some_and(|name| wanted(&name.to_string_lossy())) {
            continue;
        }
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(format!("{}: the file's name is no UTF-8", path.display()));
        };
        let size = std::fs::metadata(&path).map_err(|error| describe(&path, error))?.len();
        if size > MAX_FILE_BYTES {
            return Err(format!("{}: {size} bytes, a rule file has at most {MAX_FILE_BYTES}", path.display()));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| describe(&path, error))?;
        files.insert(name.to_owned(), text);
        if files.len() > MAX_FILES {
            return Err(format!("{}: more than {MAX_FILES} rule files", folder.display()));
        }
    }
    if !files.keys().any(|name| name.ends_with(".rhai")) {
        return Err(format!("{}: there is no `.rhai` file in it", folder.display()));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_folder_of_rules_is_said_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let said = |path: &Path| read_folder(path).unwrap_err();
        assert!(said(folder.path()).ends_with("there is no `.rhai` file in it"));
        let file = folder.path().join("bin-hot.rhai");
        std::fs::write(&file, b"/// \xc0\xac\xbb\xf8\xcf\xe4").unwrap();
        assert!(said(&file).ends_with("give the folder that it stands in"), "{}", said(&file));
        assert!(said(folder.path()).ends_with("save it as UTF-8, not as GBK or UTF-16"), "{}", said(folder.path()));
        std::fs::write(&file, "const RULE = #{};").unwrap();
        assert_eq!(read_folder(folder.path()).unwrap().len(), 1);
    }
}
