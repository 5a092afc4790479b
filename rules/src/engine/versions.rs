//! Requests about versions of the rules: what is said with a publication, and the draft in the shadow.
//!
//! The engine judges by one pack. A shadow is judged elsewhere ([`crate::trial`]); here it is only made sure that
//! the journal and the ledger say which draft it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::finding::MAX_FINDINGS;
use gengfu_model::pack::{MAX_REASON_BYTES, PackNote, ShadowRow};
use gengfu_model::staff::{Accepted, Verdict};
use gengfu_model::{Effect, Finding, Refusal, Seq};

use super::requests::rows;
use super::{Engine, Output};
use crate::Pack;

/// The longest of each other text of a note, in bytes.
const MAX_TEXT_BYTES: usize = 2_000;
/// The most reasons against a publication that are kept.
const MAX_FORCED: usize = 20;

/// Compiles a pack, or refuses it with every mistake.
pub(super) fn compile(files: &BTreeMap<String, String>) -> Result<Pack, Refusal> {
    Pack::compile(files).map_err(|mistakes| {
        let text: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        Refusal::new("invalid", format!("the rule pack has {} mistakes:\n{}", mistakes.len(), text.join("\n")))
            .hint("`gengfu rules check` shows them with their places; the live pack keeps running")
    })
}

/// Checks what is said with a publication.
pub(super) fn check_note(note: &PackNote) -> Result<(), Refusal> {
    check_reason(&note.reason)?;
    let invalid = |field: &str, message: &str| Err(Refusal::new("invalid", message).field(field));
    let trial = note.trial.iter().flat_map(|trial| [&trial.id, &trial.summary]);
    let mut texts = trial.chain(&note.forced).chain([&note.tests]);
    if note.forced.len() > MAX_FORCED || texts.any(|text| text.len() > MAX_TEXT_BYTES) {
        return invalid("note", "what is said with the publication is too long");
    }
    match note.limits.as_ref().and_then(gengfu_model::pack::RollbackLimits::mistake) {
        Some(mistake) => invalid("limits", mistake),
        None => Ok(()),
    }
}

fn check_reason(reason: &str) -> Result<(), Refusal> {
    if reason.len() <= MAX_REASON_BYTES {
        return Ok(());
    }
    let message = format!("the reason has {} bytes, it may have {MAX_REASON_BYTES}", reason.len());
    Err(Refusal::new("invalid", message).field("reason").hint("make it shorter"))
}

impl Engine {
    pub(super) fn start_shadow(
        &mut self,
        seq: Seq,
        by: &Arc<str>,
        files: &BTreeMap<String, String>,
        reason: &str,
        out: &mut Output,
    ) -> Verdict {
        if !self.is_live(seq) {
            return Ok(Accepted::default());
        }
        check_reason(reason)?;
        let version = Arc::clone(compile(files)?.version());
        let id = out.effects.reserve();
        out.effects.push(Effect::Shadow(Some(Box::new(ShadowRow {
            id,
            version,
            files: Arc::new(files.clone()),
            by: Arc::clone(by),
            reason: reason.to_owned(),
            time: self.now,
        }))));
        Ok(Accepted { id: Some(id), ..rows(u32::try_from(files.len()).unwrap_or(u32::MAX)) })
    }

    /// What late readings would have raised is written down; it touches no incident.
    pub(super) fn record_findings(&mut self, seq: Seq, findings: &[Finding], out: &mut Output) -> Verdict {
        if findings.len() > MAX_FINDINGS {
            let message = format!("{} findings in one request, at most {MAX_FINDINGS}", findings.len());
            return Err(Refusal::new("invalid", message).hint("send them in parts"));
        }
        if self.is_live(seq) {
            for finding in findings {
                out.effects.push(Effect::Finding(Box::new(finding.clone())));
            }
        }
        Ok(rows(u32::try_from(findings.len()).unwrap_or(u32::MAX)))
    }

    pub(super) fn stop_shadow(&mut self, seq: Seq, out: &mut Output) -> Verdict {
        if self.is_live(seq) {
            out.effects.push(Effect::Shadow(None));
        }
        Ok(rows(1))
    }
}
