//! The register as CSV: read row by row, with every mistake named; written in the same columns.
//!
//! Promises: a bad row does not lose the others; rows are numbered as the table's rows (the header
//! is row 1; empty lines do not count); memory is bounded by a batch, except for the ids seen so far.

use std::collections::HashMap;
use std::io::{Read, Write};

use csv::{ByteRecord, ReaderBuilder, WriterBuilder};
use gengfu_model::{Device, DeviceId};

use crate::register::{Entry, Mistake};

/// The columns, in the order in which they are written. A file may have them in any order and leave
/// out all but `id` and `kind`.
pub const COLUMNS: [&str; 19] = [
    "id",
    "kind",
    "model",
    "asset_code",
    "name",
    "latitude",
    "longitude",
    "crs",
    "district",
    "grid",
    "feeder",
    "cabinet",
    "catchment",
    "carrier_cell",
    "department",
    "asset_type",
    "interval_s",
    "token",
    "attributes",
];

/// Rows of one batch: what one journal record may carry.
pub const BATCH_ROWS: usize = 1_000;
/// Mistakes that are kept of one file; further ones are only counted.
pub const MAX_ERRORS: usize = 1_000;

/// A mistake in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// The row, from 1; the header is row 1, empty lines do not count.
    pub row: u64,
    /// The column; empty when the whole row is wrong.
    pub column: String,
    /// What is wrong.
    pub message: String,
    /// What to do, if there is more to say.
    pub hint: Option<String>,
}

/// Rows read at one go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// The good rows with their numbers, at most [`BATCH_ROWS`].
    pub devices: Vec<(u64, Device)>,
    /// The mistakes of the others.
    pub errors: Vec<RowError>,
}

/// Reads a register file batch by batch.
pub struct Batches<'h, R> {
    reader: csv::Reader<R>,
    /// For each column of the file, its place in [`COLUMNS`].
    columns: Vec<usize>,
    /// Ids seen so far, with their rows.
    seen: HashMap<DeviceId, u64>,
    row: u64,
    hash: &'h dyn Fn(&str) -> [u8; 32],
}

impl<R> std::fmt::Debug for Batches<'_, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batches").field("row", &self.row).finish_non_exhaustive()
    }
}

impl<'h, R: Read> Batches<'h, R> {
    /// Reads the header. `hash` hashes a device's token.
    ///
    /// # Errors
    /// The mistakes of the header: then nothing of the file can be read.
    pub fn new(input: R, hash: &'h dyn Fn(&str) -> [u8; 32]) -> Result<Batches<'h, R>, Vec<RowError>> {
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(input);
        let mut header = ByteRecord::new();
        match reader.read_byte_record(&mut header) {
            Ok(true) => {}
            Ok(false) => return Err(vec![at(1, Mistake::new("", "the file is empty").hint(header_hint()))]),
            Err(error) => return Err(vec![whole_row(1, error.to_string())]),
        }
        let columns = columns(&header)?;
        Ok(Batches { reader, columns, seen: HashMap::new(), row: 1, hash })
    }

    /// The next batch; `None` at the end of the file.
    pub fn next_batch(&mut self) -> Option<Batch> {
        let mut batch = Batch::default();
        let mut record = ByteRecord::new();
        while batch.devices.len() < BATCH_ROWS && batch.errors.len() < BATCH_ROWS {
            self.row += 1;
            match self.reader.read_byte_record(&mut record) {
                Ok(true) => self.read_row(&record, &mut batch),
                Ok(false) => return (!batch.devices.is_empty() || !batch.errors.is_empty()).then_some(batch),
                Err(error) => {
                    // Reading itself failed: the rest cannot be had, and asking again would not end.
                    batch.errors.push(whole_row(self.row, error.to_string()));
                    return Some(batch);
                }
            }
        }
        Some(batch)
    }

    fn read_row(&mut self, record: &ByteRecord, batch: &mut Batch) {
        let row = self.row;
        if record.iter().all(<[u8]>::is_empty) {
            return;
        }
        let mut mistakes = Vec::new();
        let entry = entry(&self.columns, record, &mut mistakes);
        let checked = match entry {
            Some(entry) => entry.check(self.hash).map_err(|more| add(&mut mistakes, more)).ok(),
            None => None,
        };
        match checked.filter(|_| mistakes.is_empty()) {
            Some(device) => match self.seen.get(&device.id) {
                Some(first) => {
                    let message = format!("`{}` stands in row {first} already", device.id);
                    batch.errors.push(RowError { row, column: "id".to_owned(), message, hint: None });
                }
                None => {
                    self.seen.insert(device.id.clone(), row);
                    batch.devices.push((row, device));
                }
            },
            None => batch.errors.extend(mistakes.into_iter().map(|mistake| at(row, mistake))),
        }
    }
}

/// Reads a whole register file: the good rows, and at most [`MAX_ERRORS`] mistakes of the others.
pub fn parse<R: Read>(input: R, hash: &dyn Fn(&str) -> [u8; 32]) -> (Vec<Device>, Vec<RowError>) {
    let mut batches = match Batches::new(input, hash) {
        Ok(batches) => batches,
        Err(errors) => return (Vec::new(), errors),
    };
    let (mut devices, mut errors) = (Vec::new(), Vec::new());
    while let Some(batch) = batches.next_batch() {
        devices.extend(batch.devices.into_iter().map(|(_, device)| device));
        let room = MAX_ERRORS.saturating_sub(errors.len());
        errors.extend(batch.errors.into_iter().take(room));
    }
    (devices, errors)
}

/// Writes devices as CSV with a header. The token column stays empty: only a hash is known.
///
/// # Errors
/// What the output says.
pub fn write<'d, W: Write>(devices: impl IntoIterator<Item = &'d Device>, output: W) -> Result<(), csv::Error> {
    let mut writer = WriterBuilder::new().from_writer(output);
    writer.write_record(COLUMNS)?;
    for device in devices {
        write_row(&mut writer, device)?;
    }
    writer.flush()?;
    Ok(())
}

/// Writes devices as CSV rows without a header.
///
/// # Errors
/// What the output says.
pub fn write_rows<'d, W: Write>(devices: impl IntoIterator<Item = &'d Device>, output: W) -> Result<(), csv::Error> {
    let mut writer = WriterBuilder::new().from_writer(output);
    for device in devices {
        write_row(&mut writer, device)?;
    }
    writer.flush()?;
    Ok(())
}

fn write_row<W: Write>(writer: &mut csv::Writer<W>, device: &Device) -> Result<(), csv::Error> {
    let number = |number: Option<f64>| number.map(|number| number.to_string()).unwrap_or_default();
    let attributes = if device.attributes.is_empty() {
        String::new()
    } else {
        serde_json::to_string(&device.attributes).map_err(|error| csv::Error::from(std::io::Error::other(error)))?
    };
    writer.write_record([
        device.id.as_str(),
        device.kind.name(),
        &device.model,
        &device.asset_code,
        &device.name,
        &number(device.latitude),
        &number(device.longitude),
        if device.longitude.is_some() { "wgs84" } else { "" },
        &device.district,
        &device.grid,
        &device.feeder,
        &device.cabinet,
        &device.catchment,
        &device.carrier_cell,
        &device.department,
        &device.asset_type,
        &device.interval_s.to_string(),
        "",
        &attributes,
    ])
}

fn columns(header: &ByteRecord) -> Result<Vec<usize>, Vec<RowError>> {
    let mut errors = Vec::new();
    let mut columns = Vec::new();
    for (index, name) in header.iter().enumerate() {
        // Spreadsheet programs put a byte order mark before the first name.
        let name = if index == 0 { name.strip_prefix(b"\xef\xbb\xbf").unwrap_or(name) } else { name };
        let Ok(name) = std::str::from_utf8(name) else {
            errors.push(at(1, not_utf8("")));
            return Err(errors);
        };
        let name = name.trim();
        match COLUMNS.iter().position(|column| *column == name) {
            Some(place) if columns.contains(&place) => {
                errors.push(at(1, Mistake::new(name, format!("the column `{name}` stands twice"))));
            }
            Some(place) => columns.push(place),
            None => {
                let mistake = Mistake::new(name, format!("there is no column `{name}`"));
                errors.push(at(1, mistake.hint(header_hint())));
            }
        }
    }
    for needed in ["id", "kind"] {
        if !columns.iter().any(|place| COLUMNS[*place] == needed) && errors.is_empty() {
            errors.push(at(1, Mistake::new(needed, format!("the column `{needed}` is missing")).hint(header_hint())));
        }
    }
    if errors.is_empty() { Ok(columns) } else { Err(errors) }
}

fn entry(columns: &[usize], record: &ByteRecord, mistakes: &mut Vec<Mistake>) -> Option<Entry> {
    if record.len() > columns.len() {
        let message = format!("the row has {} columns, the header {}", record.len(), columns.len());
        mistakes.push(Mistake::new("", message).hint("a text with a comma stands in double quotes"));
        return None;
    }
    let mut entry = Entry::default();
    for (place, bytes) in columns.iter().zip(record.iter()) {
        let column = COLUMNS[*place];
        let Ok(text) = std::str::from_utf8(bytes) else {
            mistakes.push(not_utf8(column));
            continue;
        };
        if let Err(mistake) = set(&mut entry, column, text.trim()) {
            mistakes.push(mistake);
        }
    }
    Some(entry)
}

/// Adds what the check found, except for columns that could not even be read.
fn add(mistakes: &mut Vec<Mistake>, more: Vec<Mistake>) {
    for mistake in more {
        if !mistakes.iter().any(|known| known.column == mistake.column) {
            mistakes.push(mistake);
        }
    }
}

fn set(entry: &mut Entry, column: &'static str, text: &str) -> Result<(), Mistake> {
    let number = || {
        let not_a_number = |_| Mistake::new(column, format!("`{text}` is no number"));
        if text.is_empty() { Ok(None) } else { text.parse::<f64>().map(Some).map_err(not_a_number) }
    };
    let slot = match column {
        "id" => &mut entry.id,
        "kind" => &mut entry.kind,
        "model" => &mut entry.model,
        "asset_code" => &mut entry.asset_code,
        "name" => &mut entry.name,
        "crs" => &mut entry.crs,
        "district" => &mut entry.district,
        "grid" => &mut entry.grid,
        "feeder" => &mut entry.feeder,
        "cabinet" => &mut entry.cabinet,
        "catchment" => &mut entry.catchment,
        "carrier_cell" => &mut entry.carrier_cell,
        "department" => &mut entry.department,
        "asset_type" => &mut entry.asset_type,
        "token" => &mut entry.token,
        "latitude" => {
            entry.latitude = number()?;
            return Ok(());
        }
        "longitude" => {
            entry.longitude = number()?;
            return Ok(());
        }
        "interval_s" => {
            let bad = |_| Mistake::new(column, format!("`{text}` is no whole number of seconds"));
            entry.interval_s = if text.is_empty() { None } else { Some(text.parse().map_err(bad)?) };
            return Ok(());
        }
        // `attributes`: COLUMNS has no other name.
        _ => {
            let bad = |error| {
                Mistake::new(column, format!("attributes are no JSON object: {error}"))
                    .hint(r#"write {"rated_power_w": 150}; in CSV as "{""rated_power_w"": 150}""#)
            };
            if !text.is_empty() {
                entry.attributes = serde_json::from_str(text).map_err(bad)?;
            }
            return Ok(());
        }
    };
    text.clone_into(slot);
    Ok(())
}

fn at(row: u64, mistake: Mistake) -> RowError {
    RowError { row, column: mistake.column, message: mistake.message, hint: mistake.hint }
}

fn whole_row(row: u64, message: impl Into<String>) -> RowError {
    RowError { row, column: String::new(), message: message.into(), hint: None }
}

fn not_utf8(column: &str) -> Mistake {
    Mistake::new(column, "the text is not UTF-8").hint("save the file as `CSV UTF-8`")
}

fn header_hint() -> String {
    format!("the columns are {}", COLUMNS.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gengfu_model::Value;

    fn read(text: &str) -> (Vec<Device>, Vec<RowError>) {
        parse(text.as_bytes(), &|token| [u8::try_from(token.len()).unwrap_or(255); 32])
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = "id,kind,name,latitude,longitude,district,attributes,token,interval_s\n\
                    lamp-1,streetlight,\"中山路, 12号\",31.5,120.25,东区,\"{\"\"rated_power_w\"\":150}\",secret,900\n\
                    cover-1,manhole,,,,,,,\n";
        let (devices, errors) = read(text);
        assert_eq!(errors, []);
        assert_eq!(&*devices[0].name, "中山路, 12号");
        assert_eq!(devices[0].attributes.get("rated_power_w"), Some(&Value::Number(150.0)));
        assert_eq!(devices[0].token_hash, Some([6; 32]));
        let mut written = Vec::new();
        write(&devices, &mut written).unwrap();
        let (mut again, errors) = read(std::str::from_utf8(&written).unwrap());
        assert_eq!(errors, []);
        again[0].token_hash = devices[0].token_hash;
        assert_eq!(again, devices);
    }

    #[test]
    fn a_position_of_a_chinese_map_is_kept_in_wgs_84() {
        let (devices, errors) = read(
            "id,kind,longitude,latitude,crs\n\
             a,bin,116.404,39.915,\n\
             b,bin,116.41024449916938,39.91640428150164,GCJ-02\n\
             c,bin,116.404,39.915,utm\n",
        );
        assert_eq!((errors.len(), errors[0].row, errors[0].column.as_str()), (1, 4, "crs"));
        for device in &devices {
            let (lon, lat) = (device.longitude.unwrap(), device.latitude.unwrap());
            assert!((lon - 116.404).abs() < 1e-7 && (lat - 39.915).abs() < 1e-7, "{}: {lon} {lat}", device.id);
        }
        let mut written = Vec::new();
        write(&devices, &mut written).unwrap();
        assert!(std::str::from_utf8(&written).unwrap().contains(",wgs84,"));
    }

    #[test]
    fn a_bad_row_is_named_and_does_not_lose_the_others() {
        let text = "\u{feff}kind,id,latitude,longitude,attributes,interval_s\n\
                    manhole,a,,,,\n\
                    manhole,b,north,120,,1.5\n\
                    \n\
                    井盖,c,,,,\n\
                    manhole,a,,,,\n\
                    bin,d,,,[1],\n\
                    bin,e,,,,,,\n\
                    bin,f,,,,\n";
        let (devices, errors) = read(text);
        let ids: Vec<&str> = devices.iter().map(|device| device.id.as_str()).collect();
        assert_eq!(ids, ["a", "f"]);
        let places: Vec<(u64, &str)> = errors.iter().map(|error| (error.row, error.column.as_str())).collect();
        assert_eq!(places, [(3, "latitude"), (3, "interval_s"), (4, "kind"), (5, "id"), (6, "attributes"), (7, "")]);
        assert_eq!(errors[3].message, "`a` stands in row 2 already");
    }

    #[test]
    fn a_wrong_header_says_what_the_columns_are() {
        let (_, errors) = read("id,kind,colour\na,manhole,red\n");
        assert_eq!((errors[0].row, errors[0].column.as_str()), (1, "colour"));
        assert!(errors[0].hint.as_deref().unwrap().contains("asset_code"));
        assert_eq!(read("id,name\n").1[0].column, "kind");
        assert_eq!(read("id,kind,id\n").1[0].column, "id");
        assert_eq!(read("").1[0].message, "the file is empty");
        let (_, errors) = parse(b"id,kind,name\na,bin,\xd6\xd0\n".as_slice(), &|_| [0; 32]);
        assert_eq!(errors[0].hint.as_deref(), Some("save the file as `CSV UTF-8`"));
    }

    #[test]
    fn batches_are_bounded() {
        let mut text = "id,kind\n".to_owned();
        for n in 0..2_500 {
            text.push_str(&format!("d{n},bin\n"));
        }
        let hash = |_: &str| [0; 32];
        let mut batches = Batches::new(text.as_bytes(), &hash).unwrap();
        let sizes: Vec<usize> = std::iter::from_fn(|| batches.next_batch()).map(|batch| batch.devices.len()).collect();
        assert_eq!(sizes, [1_000, 1_000, 500]);
    }
}
