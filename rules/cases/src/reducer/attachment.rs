//! Attachments of a case: which are taken, and that the same one is taken once.

use gengfu_model::attachment::{MAX_ATTACHMENT_NAME_BYTES, MAX_ATTACHMENTS, is_attachment_hash};
use gengfu_model::{Attachment, Refusal};

use super::state::OpenCase;

/// Notes an attachment. `false`: the case has it already, so there is nothing more to do; whoever sent it again
/// did not hear the first answer.
pub(super) fn add(open: &mut OpenCase, attachment: &Attachment) -> Result<bool, Refusal> {
    let invalid = |field: &str, message: String| Err(Refusal::new("invalid", message).field(field));
    if !is_attachment_hash(&attachment.sha256) {
        return invalid("sha256", format!("`{}` is no SHA-256", attachment.sha256));
    }
    if attachment.name.len() > MAX_ATTACHMENT_NAME_BYTES || attachment.name.chars().any(char::is_control) {
        return invalid("name", format!("a file's name has at most {MAX_ATTACHMENT_NAME_BYTES} bytes, on one line"));
    }
    if open.extra.attachments.contains(&attachment.sha256) {
        return Ok(false);
    }
    if open.extra.attachments.len() >= MAX_ATTACHMENTS {
        let message = format!("the case has {MAX_ATTACHMENTS} attachments, which is all that one may have");
        return Err(Refusal::new("too_many", message).hint("say in a comment where the others are kept"));
    }
    open.extra.attachments.push(attachment.sha256.clone());
    Ok(true)
}
