//! Files of cases: whether what the ledger names is there, as it was handed in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gengfu_connectors::attachments::AttachmentError;
use gengfu_connectors::{Attachments, LedgerError, LedgerReader};
use gengfu_model::EffectId;

use super::Findings;

/// Files that are named one by one; of more, the number is said.
const NAMED: usize = 20;

pub(super) fn look_at_files(data: &Path, found: &mut Findings) {
    let (named, kept) = match (named(data), Attachments::of(data).list()) {
        (Ok(named), Ok(kept)) => (named, kept),
        (Err(error), _) => return found.wrong("files", error.to_string()),
        (_, Err(error)) => return found.wrong("files", error.to_string()),
    };
    let files = Attachments::of(data);
    let bad: Vec<(AttachmentError, EffectId)> =
        named.iter().filter_map(|(hash, case)| Some((files.read(hash).err()?, *case))).collect();
    for (error, case) in bad.iter().take(NAMED) {
        let advice = "hand it in again, or take it from a backup's `attachments` folder";
        found.wrong("files", format!("case {case}: {error}; {advice}"));
    }
    if bad.len() > NAMED {
        found.wrong("files", format!("{} more files of cases are missing or damaged", bad.len() - NAMED));
    }
    let unknown: BTreeSet<&str> =
        kept.iter().map(|(hash, _)| hash.as_str()).filter(|hash| !named.contains_key(*hash)).collect();
    if !unknown.is_empty() {
        let bytes: u64 = kept.iter().filter(|(hash, _)| unknown.contains(hash.as_str())).map(|(_, bytes)| bytes).sum();
        let why = "no case names them, since their request was refused or never came; they may be removed";
        found.warn("files", format!("{} files with {bytes} bytes: {why}", unknown.len()));
    }
    if bad.is_empty() {
        found.good("files", format!("{} files of cases are as they were handed in", named.len()));
    }
}

/// How many files that cases name are missing or damaged.
pub(crate) fn missing_files(data: &Path) -> Result<usize, LedgerError> {
    let files = Attachments::of(data);
    Ok(named(data)?.keys().filter(|hash| files.read(hash).is_err()).count())
}

/// The hashes that cases name, each with the first case that does.
fn named(data: &Path) -> Result<BTreeMap<String, EffectId>, LedgerError> {
    let mut named = BTreeMap::new();
    LedgerReader::open(&data.join("ledger.db"))?.attachments(&mut |case, attachment| {
        named.entry(attachment.sha256.to_string()).or_insert(case);
    })?;
    Ok(named)
}
