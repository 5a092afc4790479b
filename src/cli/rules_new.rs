//! `gengfu rules new`: a first rule to change, with its tests.

use std::io::Write;
use std::path::PathBuf;

use gengfu_model::Kind;
use gengfu_model::catalogue::KINDS;
use gengfu_rules::scaffold::scaffold;

use super::{Failure, say};

/// What `gengfu rules new` is asked for.
#[derive(clap::Args)]
pub(super) struct New {
    /// The file, such as draft/bin-hot.rhai; its name becomes the rule's. A file that is there is left alone.
    file: PathBuf,
    /// The kind of device: manhole, streetlight, septic, toilet, bin, truck.
    #[arg(long)]
    kind: String,
    /// The field that the rule is about, such as temperature_c.
    #[arg(long)]
    field: String,
}

impl New {
    /// Writes the file.
    ///
    /// # Errors
    /// Exit code 2 when there is no such kind or field, 1 when the file is there or cannot be written.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let names = KINDS.iter().map(|def| def.name).collect::<Vec<_>>().join(", ");
        let kind = Kind::from_name(&self.kind)
            .ok_or_else(|| Failure::Usage(format!("there is no kind `{}`: take one of {names}", self.kind)))?;
        let file = self.file.with_extension("rhai");
        let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let text = scaffold(kind, &self.field, name).map_err(Failure::Usage)?;
        let failed = |error: std::io::Error| Failure::Failed(format!("{}: {error}", file.display()));
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut new = std::fs::File::create_new(&file).map_err(failed)?;
        new.write_all(text.as_bytes()).map_err(failed)?;
        let folder = file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .map_or(".".into(), |f| f.display().to_string());
        say(&format!(
            "{} is written; next: gengfu rules check {folder}, gengfu rules test {folder} --filter {name}",
            file.display()
        ));
        Ok(())
    }
}
