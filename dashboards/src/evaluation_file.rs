//! The evaluation as a file: CSV and XLSX with the same columns, headed in Chinese or English.

use rust_xlsxwriter::{Format, Workbook};

use crate::error::ApiError;
use crate::views::{EvaluationRowView, EvaluationView};

/// The media type of a workbook.
pub(crate) const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// One cell.
enum Cell {
    Text(String),
    Count(u64),
    /// 0 to 1.
    Share(Option<f64>),
    Number(Option<f64>),
}

/// A column: its heads in Chinese and English, and its cell.
type Column = (&'static str, &'static str, fn(&EvaluationRowView) -> Cell);

/// Every column, in order.
const COLUMNS: &[Column] = &[
    ("名称", "key", |row| {
        Cell::Text(if row.name.is_empty() { row.key.clone() } else { format!("{} {}", row.key, row.name) })
    }),
    ("案卷数", "cases", |row| Cell::Count(row.cases)),
    ("在办", "open", |row| Cell::Count(row.open)),
    ("已结案", "closed", |row| Cell::Count(row.closed)),
    ("不立案或作废", "not filed", |row| Cell::Count(row.not_filed)),
    ("按期处置", "on time", |row| Cell::Count(row.on_time)),
    ("超期", "overdue", |row| Cell::Count(row.overdue)),
    ("按期率", "share on time", |row| Cell::Share(row.on_time_share)),
    ("返工", "rework", |row| Cell::Count(row.rework)),
    ("返工率", "share of rework", |row| Cell::Share(row.rework_share)),
    ("回退", "returned", |row| Cell::Count(row.returned)),
    ("督办", "supervised", |row| Cell::Count(row.supervised)),
    ("属实", "real", |row| Cell::Count(row.real)),
    ("误报", "false alarms", |row| Cell::Count(row.false_alarms)),
    ("扰警", "nuisance", |row| Cell::Count(row.nuisance)),
    ("重复", "duplicates", |row| Cell::Count(row.duplicates)),
    ("误报率", "share of false alarms", |row| Cell::Share(row.false_share)),
    ("告警数", "alarms", |row| Cell::Count(row.alarms)),
    ("每值班小时告警", "alarms per duty hour", |row| Cell::Number(Some(row.alarms_per_hour))),
    ("接手中位（分）", "median to acknowledge (min)", |row| minutes(row.acknowledge_median_s)),
    ("接手九成（分）", "90 % to acknowledge (min)", |row| minutes(row.acknowledge_p90_s)),
    ("处置中位（时）", "median to handle (h)", |row| hours(row.handle_median_s)),
    ("结案中位（时）", "median to close (h)", |row| hours(row.close_median_s)),
    ("结案九成（时）", "90 % to close (h)", |row| hours(row.close_p90_s)),
];

fn minutes(seconds: Option<f64>) -> Cell {
    Cell::Number(seconds.map(|seconds| seconds / 60.0))
}

fn hours(seconds: Option<f64>) -> Cell {
    Cell::Number(seconds.map(|seconds| seconds / 3_600.0))
}

fn heads(chinese: bool) -> impl Iterator<Item = &'static str> {
    COLUMNS.iter().map(move |(zh, en, _)| if chinese { *zh } else { *en })
}

/// The evaluation as CSV, with the mark by which spreadsheet programs know UTF-8.
pub(crate) fn csv(view: &EvaluationView, chinese: bool) -> Result<Vec<u8>, ApiError> {
    let mut writer = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
    writer.write_record(heads(chinese)).map_err(|error| ApiError::internal(&error))?;
    for row in &view.items {
        let cells = COLUMNS.iter().map(|(.., cell)| match cell(row) {
            Cell::Text(text) => plain(text),
            Cell::Count(count) => count.to_string(),
            Cell::Share(share) => share.map(|share| format!("{share:.4}")).unwrap_or_default(),
            Cell::Number(number) => number.map(|number| format!("{number:.2}")).unwrap_or_default(),
        });
        writer.write_record(cells).map_err(|error| ApiError::internal(&error))?;
    }
    writer.into_inner().map_err(|error| ApiError::internal(&error))
}

/// A text that no spreadsheet program takes for a formula.
fn plain(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}

/// The evaluation as a workbook of one sheet.
pub(crate) fn xlsx(view: &EvaluationView, chinese: bool) -> Result<Vec<u8>, ApiError> {
    workbook(view, chinese).map_err(|error| ApiError::internal(&error))
}

fn workbook(view: &EvaluationView, chinese: bool) -> Result<Vec<u8>, rust_xlsxwriter::XlsxError> {
    let mut book = Workbook::new();
    let (bold, percent, two) =
        (Format::new().set_bold(), Format::new().set_num_format("0.0%"), Format::new().set_num_format("0.00"));
    let sheet = book.add_worksheet();
    sheet.set_name(if chinese { "综合评价" } else { "evaluation" })?;
    sheet.set_freeze_panes(1, 1)?;
    for (column, head) in (0u16..).zip(heads(chinese)) {
        sheet.write_with_format(0, column, head, &bold)?;
    }
    for (line, row) in (1u32..).zip(&view.items) {
        for (column, (.., cell)) in (0u16..).zip(COLUMNS) {
            match cell(row) {
                Cell::Text(text) => sheet.write(line, column, text)?,
                // A workbook has floating-point numbers only; no count comes near 2^53.
                Cell::Count(count) => sheet.write(line, column, count as f64)?,
                Cell::Share(Some(share)) => sheet.write_with_format(line, column, share, &percent)?,
                Cell::Number(Some(number)) => sheet.write_with_format(line, column, number, &two)?,
                Cell::Share(None) | Cell::Number(None) => sheet,
            };
        }
    }
    sheet.autofit();
    book.save_to_buffer()
}
