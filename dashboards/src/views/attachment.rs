//! Files of cases.

use gengfu_model::{Attachment, CaseEvent, EffectId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::time_text::Time;

/// A file of a case.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct AttachmentView {
    /// SHA-256 of its bytes: its name among the case's files.
    pub sha256: String,
    /// What it is, such as `image/jpeg`.
    pub media_type: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// `report`: what was found; `handling`: what was done; `check`: what the check saw.
    pub purpose: String,
    /// What its sender calls it; may be empty.
    pub name: String,
    /// Where its bytes are.
    pub url: String,
}

/// A file of a case, with who added it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct CaseAttachmentView {
    /// The file.
    #[serde(flatten)]
    pub file: AttachmentView,
    /// When it was added.
    pub time: Time,
    /// Who added it.
    pub actor: String,
}

/// The files of a case, the oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct AttachmentsView {
    /// At most 50.
    pub items: Vec<CaseAttachmentView>,
}

impl AttachmentView {
    /// The view of a file of that case.
    #[must_use]
    pub fn of(case: EffectId, attachment: Attachment) -> AttachmentView {
        AttachmentView {
            media_type: attachment.media.mime().to_owned(),
            bytes: attachment.bytes,
            purpose: attachment.purpose.word().to_owned(),
            name: attachment.name.to_string(),
            url: format!("/api/v1/cases/{case}/attachments/{}", attachment.sha256),
            sha256: attachment.sha256.to_string(),
        }
    }
}

impl CaseAttachmentView {
    /// The file that came with a line of a case's history, if one did.
    #[must_use]
    pub fn of(line: CaseEvent) -> Option<CaseAttachmentView> {
        let file = AttachmentView::of(line.case, *line.attachment?);
        Some(CaseAttachmentView { file, time: line.time.into(), actor: line.actor.to_string() })
    }
}
