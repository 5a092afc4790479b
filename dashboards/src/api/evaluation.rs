//! The evaluation (综合评价) of a period: as JSON, as CSV, or as a workbook.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use gengfu_connectors::ledger::{EvaluateBy, EvaluationQuery, EvaluationRow, MAX_PERIOD_MS};
use gengfu_model::Timestamp;
use gengfu_model::time::HOUR_MS;
use serde::Deserialize;

use crate::api::Params;
use crate::auth::Session;
use crate::error::ApiError;
use crate::evaluation_file as file;
use crate::state::AppState;
use crate::time_text::When;
use crate::views::{EvaluationRowView, EvaluationView};

/// Which evaluation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    by: Option<String>,
    from: Option<When>,
    to: Option<When>,
    format: Option<String>,
    lang: Option<String>,
}

/// How the cases and alarms of a period went.
pub(crate) async fn evaluate(
    State(state): State<AppState>,
    Extension(session): Extension<Session>,
    Params(query): Params<Query>,
) -> Result<Response, ApiError> {
    let by = match query.by.as_deref() {
        None | Some("department") => EvaluateBy::Department,
        Some("district") => EvaluateBy::District,
        Some("class") => EvaluateBy::Class,
        Some("rule") => EvaluateBy::Rule,
        Some(_) => return Err(ApiError::invalid("by", "it is department, district, class or rule".to_owned())),
    };
    let to = query.to.map_or_else(|| state.now(), |when| when.0);
    let from = query.from.map_or_else(|| to.plus_ms(-30 * gengfu_model::time::DAY_MS), |when| when.0);
    let period_ms = to.since_ms(from);
    if period_ms <= 0 || period_ms > MAX_PERIOD_MS {
        let message = "`to` is after `from`, and at most 366 days after it".to_owned();
        return Err(ApiError::invalid("to", message));
    }
    let districts = session.districts.iter().map(ToString::to_string).collect();
    let asked = EvaluationQuery { by, from, to, districts };
    let rows = state.read(move |ledger| ledger.evaluation(&asked)).await?;
    let view = view(rows, by, from, to, period_ms);
    let chinese = query.lang.as_deref() != Some("en");
    match query.format.as_deref() {
        None | Some("json") => Ok(Json(view).into_response()),
        Some("csv") => Ok(download(file::csv(&view, chinese)?, "text/csv; charset=utf-8", "evaluation.csv")),
        Some("xlsx") => Ok(download(file::xlsx(&view, chinese)?, file::XLSX, "evaluation.xlsx")),
        Some(_) => Err(ApiError::invalid("format", "it is json, csv or xlsx".to_owned())),
    }
}

fn download(bytes: Vec<u8>, content_type: &'static str, name: &str) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, content_type.to_owned()), (header::CONTENT_DISPOSITION, disposition)], bytes)
        .into_response()
}

fn view(rows: Vec<EvaluationRow>, by: EvaluateBy, from: Timestamp, to: Timestamp, period_ms: i64) -> EvaluationView {
    let by = match by {
        EvaluateBy::Department => "department",
        EvaluateBy::District => "district",
        EvaluateBy::Class => "class",
        EvaluateBy::Rule => "rule",
    };
    let hours = period_ms as f64 / HOUR_MS as f64;
    let items = rows.into_iter().map(|row| row_view(row, hours)).collect();
    EvaluationView { by: by.to_owned(), from: from.into(), to: to.into(), items }
}

fn row_view(row: EvaluationRow, hours: f64) -> EvaluationRowView {
    let judged = row.on_time + row.overdue;
    let said = row.real + row.false_alarms + row.nuisance + row.duplicates;
    let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    let seconds = |ms: Option<i64>| ms.map(|ms| ms as f64 / 1_000.0);
    EvaluationRowView {
        on_time_share: share(row.on_time, judged),
        rework_share: share(row.rework, row.cases),
        false_share: share(row.false_alarms + row.nuisance, said),
        alarms_per_hour: row.alarms as f64 / hours,
        acknowledge_median_s: seconds(row.acknowledge_median_ms),
        acknowledge_p90_s: seconds(row.acknowledge_p90_ms),
        handle_median_s: seconds(row.handle_median_ms),
        close_median_s: seconds(row.close_median_ms),
        close_p90_s: seconds(row.close_p90_ms),
        key: row.key,
        name: row.name,
        cases: row.cases,
        open: row.open,
        closed: row.closed,
        not_filed: row.not_filed,
        on_time: row.on_time,
        overdue: row.overdue,
        rework: row.rework,
        returned: row.returned,
        supervised: row.supervised,
        real: row.real,
        false_alarms: row.false_alarms,
        nuisance: row.nuisance,
        duplicates: row.duplicates,
        alarms: row.alarms,
    }
}
