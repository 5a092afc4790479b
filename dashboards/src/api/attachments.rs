//! Files of cases: handed in as the bytes of a request, listed, and read by whoever may see the case.
//!
//! What a file is, is found from its bytes and never believed from a header or a name; nothing that could carry a
//! script is taken. The bytes are on the disk before the request about them is journaled, and the answer comes
//! after both.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use gengfu_cases::transitions;
use gengfu_connectors::attachments::AttachmentError;
use gengfu_model::attachment::MAX_ATTACHMENT_NAME_BYTES;
use gengfu_model::staff::{Action, CaseStep};
use gengfu_model::{Attachment, AttachmentPurpose, AttachmentType, Case, CaseState};
use serde::Deserialize;

use crate::api::case_steps::MAX_NOTE_BYTES;
use crate::api::extract::bytes;
use crate::api::range::{self, Part};
use crate::api::{Params, cases};
use crate::auth::Session;
use crate::error::ApiError;
use crate::state::AppState;
use crate::views::{AttachmentView, AttachmentsView, CaseAttachmentView};

/// What is said with a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    /// What its sender calls it.
    #[serde(default)]
    name: String,
    /// `report`, `handling` or `check`; by the case's state if left out.
    purpose: Option<String>,
    /// Said with it, in the case's history.
    #[serde(default)]
    note: String,
}

/// Adds a file to a case.
pub(crate) async fn add(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    Params(query): Params<Query>,
    request: Request,
) -> Result<Json<AttachmentView>, ApiError> {
    let case = cases::visible(&state, &session, &id).await?;
    let purpose = match &query.purpose {
        None => purpose_in(case.state),
        Some(word) => AttachmentPurpose::from_word(word).ok_or_else(|| {
            ApiError::invalid("purpose", format!("`{word}` is no purpose")).hint("report, handling or check")
        })?,
    };
    check_texts(&query)?;
    // The engine judges it again; asked first so that nobody fills the disk with what is refused.
    let mut attachment =
        Attachment { sha256: "".into(), media: AttachmentType::Jpeg, bytes: 0, purpose, name: query.name.into() };
    let step = CaseStep::Attach { attachment: Box::new(attachment.clone()) };
    transitions::allowed(&step, case.state, &session.roles, &query.note)?;
    let _place = state.uploads.try_acquire().map_err(|_| ApiError::busy("too many files are coming in", 2))?;
    let file = bytes(request, &state).await?;
    attachment.media = AttachmentType::sniff(&file).ok_or_else(unknown_type)?;
    attachment.bytes = file.len() as u64;
    let gateway = Arc::clone(&state.gateway);
    let kept = tokio::task::spawn_blocking(move || gateway.keep_file(&file)).await;
    attachment.sha256 = kept.map_err(|error| ApiError::internal(&error))??.into();
    let step = CaseStep::Attach { attachment: Box::new(attachment.clone()) };
    let action = Action::Case { case: case.id, step, note: query.note };
    state.gateway.request(session.request(action)).await?;
    Ok(Json(AttachmentView::of(case.id, attachment)))
}

/// The files of a case, the oldest first.
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
) -> Result<Json<AttachmentsView>, ApiError> {
    let case = cases::visible(&state, &session, &id).await?;
    let history = state.read(move |ledger| ledger.case_events(case.id)).await?;
    Ok(Json(AttachmentsView { items: history.into_iter().filter_map(CaseAttachmentView::of).collect() }))
}

/// The bytes of a file of a case, or one range of them.
pub(crate) async fn one(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Path((id, hash)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let case = cases::visible(&state, &session, &id).await?;
    let case_id = case.id;
    let history = state.read(move |ledger| ledger.case_events(case_id)).await?;
    let mut files = history.into_iter().filter_map(|line| line.attachment);
    let found = files.find(|file| *file.sha256 == *hash);
    let Some(file) = found else { return Err(ApiError::not_found("attachment", &hash)) };
    let etag = format!("\"{hash}\"");
    let caching = [(header::ETAG, etag.clone()), (header::CACHE_CONTROL, "private, no-cache".to_owned())];
    if headers.get_all(header::IF_NONE_MATCH).iter().any(|known| known.as_bytes() == etag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let gateway = Arc::clone(&state.gateway);
    let read = tokio::task::spawn_blocking(move || gateway.file(&hash)).await;
    let bytes = read.map_err(|error| ApiError::internal(&error))?.map_err(lost)?;
    let kind = [
        (header::CONTENT_TYPE, file.media.mime().to_owned()),
        (header::CONTENT_DISPOSITION, disposition(&case, &file)),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
    ];
    let length = bytes.len();
    Ok(match range::asked(&headers, &etag, length) {
        Part::Whole => (caching, kind, bytes).into_response(),
        Part::Bytes(part) => {
            let which = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            let bytes = bytes.get(part).map(<[u8]>::to_vec).unwrap_or_default();
            (StatusCode::PARTIAL_CONTENT, caching, kind, [(header::CONTENT_RANGE, which)], bytes).into_response()
        }
        Part::Beyond => {
            let which = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
            let message = format!("the file has {length} bytes, and none of those that are asked for");
            (which, ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "invalid", message)).into_response()
        }
    })
}

fn check_texts(query: &Query) -> Result<(), ApiError> {
    if query.name.len() > MAX_ATTACHMENT_NAME_BYTES || query.name.chars().any(char::is_control) {
        let message = format!("a file's name has at most {MAX_ATTACHMENT_NAME_BYTES} bytes, on one line");
        return Err(ApiError::invalid("name", message));
    }
    if query.note.len() > MAX_NOTE_BYTES {
        return Err(ApiError::invalid("note", format!("a note has at most {MAX_NOTE_BYTES} bytes")));
    }
    Ok(())
}

/// What a file is for when nobody says it: what the case waits for.
fn purpose_in(state: CaseState) -> AttachmentPurpose {
    match state {
        CaseState::Dispatched | CaseState::Handling | CaseState::Suspended => AttachmentPurpose::Handling,
        CaseState::PendingCheck | CaseState::CheckPassed => AttachmentPurpose::Check,
        CaseState::Reported
        | CaseState::PendingVerify
        | CaseState::Filed
        | CaseState::Returned
        | CaseState::Rejected
        | CaseState::Closed
        | CaseState::ForceClosed
        | CaseState::Cancelled
        | CaseState::Merged => AttachmentPurpose::Report,
    }
}

fn unknown_type() -> ApiError {
    let message = "the file is none of the types that are taken, by its first bytes";
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_type", message)
        .hint("send a JPEG, PNG, WebP or HEIC picture, a PDF, an MP4 film, or a voice note in M4A or AMR")
}

/// A case names the file, and it cannot be had: a matter for whoever runs the gateway.
fn lost(error: AttachmentError) -> ApiError {
    tracing::error!(%error, "an attachment cannot be given out");
    let code = match error {
        AttachmentError::Missing(_) => "missing_file",
        AttachmentError::Damaged(_) => "damaged_file",
        AttachmentError::Io { .. } => return ApiError::internal(&error),
    };
    ApiError::new(StatusCode::GONE, code, error.to_string())
        .hint("`gengfu doctor` lists what is missing; hand the file in again, or restore it from a backup")
}

/// Pictures are shown, all else is saved; under the sender's name, or the case's number.
fn disposition(case: &Case, file: &Attachment) -> String {
    let shown = match file.media {
        AttachmentType::Jpeg | AttachmentType::Png | AttachmentType::Webp => "inline",
        AttachmentType::Heic
        | AttachmentType::Pdf
        | AttachmentType::Mp4
        | AttachmentType::M4a
        | AttachmentType::Amr => "attachment",
    };
    let short = file.sha256.get(..8).unwrap_or_default();
    let plain = format!("{}-{short}.{}", case.id, file.media.extension());
    let name = if file.name.is_empty() { plain.as_str() } else { &file.name };
    format!("{shown}; filename=\"{plain}\"; filename*=UTF-8''{}", percent_encoded(name))
}

/// A text as RFC 5987 wants it in a header: letters, digits and a few signs as they are, all else by its bytes.
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            write!(encoded, "%{byte:02X}").ok();
        }
        encoded
    })
}
