//! The server's secret: 64 random bytes in a file of the data folder that only its owner may read.
//!
//! Half of it keys the hashes of device tokens, half signs the sessions of staff. It belongs to the data
//! folder: without it, devices and sessions would all have to be given new credentials.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The file within the data folder.
const FILE: &str = "secret.key";
const BYTES: usize = 64;

/// The server's secret. Never printed.
pub struct Secret([u8; BYTES]);

impl Secret {
    /// The half that keys the hashes of device tokens.
    #[must_use]
    pub fn for_tokens(&self) -> &[u8] {
        &self.0[..BYTES / 2]
    }

    /// The half that signs the sessions of staff.
    #[must_use]
    pub fn for_sessions(&self) -> &[u8] {
        &self.0[BYTES / 2..]
    }
}

/// Reads the secret of a data folder, or makes one, durable before it is used.
///
/// # Errors
/// When the file cannot be read or written, or is no secret.
pub fn load_or_create(data: &Path) -> io::Result<Secret> {
    let path = data.join(FILE);
    match std::fs::read(&path) {
        Ok(bytes) => match bytes.try_into() {
            Ok(bytes) => Ok(Secret(bytes)),
            Err(_) => Err(io::Error::other(format!("{}: is not {BYTES} bytes long; restore it", path.display()))),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => create(data, &path),
        Err(error) => Err(io::Error::other(format!("{}: {error}", path.display()))),
    }
}

fn create(data: &Path, path: &Path) -> io::Result<Secret> {
    std::fs::create_dir_all(data)?;
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(format!("no randomness: {error}")))?;
    // Written beside and renamed, so that a crash leaves no half of a secret.
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    std::fs::File::open(data)?.sync_all()?;
    Ok(Secret(bytes))
}
