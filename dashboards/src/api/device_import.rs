//! The register as a CSV file: import row by row in records of 1,000, and export page by page.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::{Body as HttpBody, Bytes};
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::stream;
use gengfu_connectors::ledger::{DeviceFilter, Page};
use gengfu_model::Device;
use gengfu_model::staff::{Accepted, Action};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::ToSchema;

use crate::api::Params;
use crate::api::devices::own_district;
use crate::api::extract::{bytes, district, kind};
use crate::auth::Session;
use crate::error::ApiError;
use crate::gateway::Gateway;
use crate::register_csv::{self, Batch, Batches, MAX_ERRORS, RowError};
use crate::state::AppState;
use crate::views::RefusedRow;

/// Batches that are read ahead of the journal.
const READ_AHEAD: usize = 2;
/// Devices of one piece of an export.
const EXPORT_PAGE: usize = 1_000;

/// How to import.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportQuery {
    /// Devices that are there already are replaced; their credential and life stay.
    #[serde(default = "yes")]
    replace: bool,
    /// Only check.
    #[serde(default)]
    dry_run: bool,
}

fn yes() -> bool {
    true
}

/// What an import did.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct ImportView {
    /// Rows that were taken; on a dry run, that would be offered to the engine.
    rows: u64,
    /// How many mistakes and refusals there were.
    refused_count: u64,
    /// The first 1,000 of them.
    refused: Vec<RefusedRow>,
}

/// Imports a register file: good rows are taken, each bad one is named.
pub(crate) async fn import(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Params(query): Params<ImportQuery>,
    request: Request,
) -> Result<Json<ImportView>, ApiError> {
    let file = bytes(request, &state).await?;
    let (sender, mut batches) = mpsc::channel(READ_AHEAD);
    let gateway = Arc::clone(&state.gateway);
    // Owned by this request: it ends with the file, or when `batches` is dropped.
    let reader = tokio::task::spawn_blocking(move || read_file(&file, gateway.as_ref(), &sender));
    let mut view = ImportView::default();
    while let Some(batch) = batches.recv().await {
        take_batch(&state, &session, &query, batch, &mut view).await?;
    }
    match reader.await.map_err(|error| ApiError::internal(&error))? {
        Ok(()) => Ok(Json(view)),
        Err(error) => Err(header_error(error)),
    }
}

fn read_file(file: &Bytes, gateway: &dyn Gateway, sender: &mpsc::Sender<Batch>) -> Result<(), Option<RowError>> {
    let hash = |token: &str| gateway.hash_token(token);
    let mut batches = Batches::new(file.as_ref(), &hash).map_err(|errors| errors.into_iter().next())?;
    while let Some(batch) = batches.next_batch() {
        if sender.blocking_send(batch).is_err() {
            break;
        }
    }
    Ok(())
}

async fn take_batch(
    state: &AppState,
    session: &Session,
    query: &ImportQuery,
    batch: Batch,
    view: &mut ImportView,
) -> Result<(), ApiError> {
    for error in batch.errors {
        view.refuse(RefusedRow {
            row: Some(error.row),
            code: "invalid".to_owned(),
            message: error.message,
            field: Some(error.column).filter(|column| !column.is_empty()),
            hint: error.hint,
        });
    }
    let mut rows = HashMap::new();
    let mut devices = Vec::new();
    for (row, device) in batch.devices {
        if own_district(session, &device.district).is_err() {
            view.refuse(RefusedRow {
                row: Some(row),
                code: "forbidden".to_owned(),
                message: format!("this account does not register devices in district `{}`", device.district),
                field: Some("district".to_owned()),
                hint: None,
            });
            continue;
        }
        rows.insert(device.id.to_string(), row);
        devices.push(device);
    }
    if query.dry_run {
        view.rows += devices.len() as u64;
        return Ok(());
    }
    if devices.is_empty() {
        return Ok(());
    }
    if query.replace {
        devices = keep_what_files_do_not_say(state, devices).await?;
    }
    let action = Action::AddDevices { devices, replace: query.replace };
    let accepted: Accepted = state.gateway.request(session.request(action)).await?;
    view.rows += u64::from(accepted.rows);
    for refusal in accepted.refused {
        let row = refusal.field.as_ref().and_then(|field| rows.get(field)).copied();
        view.refuse(RefusedRow { row, ..RefusedRow::from(refusal) });
    }
    Ok(())
}

/// A file knows neither a device's hash nor its life: replacing must not lock it out or revive it.
async fn keep_what_files_do_not_say(state: &AppState, devices: Vec<Device>) -> Result<Vec<Device>, ApiError> {
    state
        .read(move |ledger| {
            let mut devices = devices;
            for device in &mut devices {
                if let Some(old) = ledger.device(&device.id)? {
                    device.life = old.life;
                    device.token_hash = device.token_hash.or(old.token_hash);
                }
            }
            Ok(devices)
        })
        .await
}

fn header_error(error: Option<RowError>) -> ApiError {
    let Some(error) = error else { return ApiError::invalid("", "the file has no header") };
    let answer = ApiError::invalid(&error.column, format!("row {}: {}", error.row, error.message));
    match error.hint {
        Some(hint) => answer.hint(hint),
        None => answer,
    }
}

impl ImportView {
    fn refuse(&mut self, row: RefusedRow) {
        self.refused_count += 1;
        if self.refused.len() < MAX_ERRORS {
            self.refused.push(row);
        }
    }
}

/// Which devices to export.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportQuery {
    kind: Option<String>,
    district: Option<String>,
}

/// Where an export stands.
struct Export {
    state: AppState,
    session: Session,
    filter: DeviceFilter,
    /// `None` when all is written.
    page: Option<Page>,
    first: bool,
}

/// The register as CSV in the columns of the import, without tokens.
pub(crate) async fn export(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Params(query): Params<ExportQuery>,
) -> Result<Response, ApiError> {
    let filter = DeviceFilter {
        kind: kind(query.kind.as_deref())?,
        district: district(&session, query.district)?,
        ..DeviceFilter::default()
    };
    let page = Some(Page { limit: EXPORT_PAGE, cursor: None });
    let export = Export { state, session, filter, page, first: true };
    let pieces = stream::unfold(export, |mut export| async move {
        let piece = export.next_piece().await?;
        Some((piece, export))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"devices.csv\""),
    ];
    Ok((headers, HttpBody::from_stream(pieces)).into_response())
}

impl Export {
    /// The next piece of the file; an error breaks the answer off, so that nobody takes half a file for a whole.
    async fn next_piece(&mut self) -> Option<Result<Bytes, std::io::Error>> {
        let page = self.page.take()?;
        let filter = self.filter.clone();
        let listed = match self.state.read(move |ledger| ledger.devices(&filter, &page)).await {
            Ok(listed) => listed,
            Err(_) => return Some(Err(std::io::Error::other("the register could not be read"))),
        };
        let devices = listed.items.iter().filter(|device| self.session.sees(&device.district));
        let mut text = Vec::new();
        let written = if std::mem::take(&mut self.first) {
            register_csv::write(devices, &mut text)
        } else {
            register_csv::write_rows(devices, &mut text)
        };
        self.page = listed.next.map(|cursor| Page { limit: EXPORT_PAGE, cursor: Some(cursor) });
        Some(written.map(|()| Bytes::from(text)).map_err(std::io::Error::other))
    }
}
