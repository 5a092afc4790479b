//! The register's CSV: writing a city, and reading one back.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use gengfu_model::{DeviceId, Kind};
use serde::{Deserialize, Serialize};

use super::{City, CityDevice};

/// One row as it stands in the file. The order of the columns is that of the import.
#[derive(Serialize, Deserialize)]
struct Row {
    id: String,
    kind: String,
    model: String,
    asset_code: String,
    name: String,
    latitude: f64,
    longitude: f64,
    district: String,
    grid: String,
    feeder: String,
    cabinet: String,
    catchment: String,
    carrier_cell: String,
    department: String,
    asset_type: String,
    interval_s: u32,
    token: String,
    attributes: String,
}

/// Why a register cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CityError {
    /// The file cannot be opened.
    #[error("register `{path}`: {source}")]
    File {
        /// Which file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A row is no CSV row of the register's columns.
    #[error("register: {0}; the columns are those that `gengfu-sim city` writes")]
    Csv(#[from] csv::Error),
    /// The register cannot be written.
    #[error("register: {0}")]
    Write(std::io::Error),
    /// A row's content is wrong.
    #[error("register, row {row}: {problem}")]
    Row {
        /// The row, counted from 1 without the header.
        row: usize,
        /// What is wrong.
        problem: String,
    },
}

/// Writes a city as the register's CSV, with a header.
///
/// # Errors
/// [`CityError::Write`] when writing fails.
pub fn write_register(city: &City, out: impl Write) -> Result<(), CityError> {
    let mut writer = csv::Writer::from_writer(out);
    for device in &city.devices {
        let text = |shared: &Arc<str>| shared.as_ref().to_owned();
        let row = Row {
            id: text(&device.id),
            kind: device.kind.name().to_owned(),
            model: text(&device.model),
            asset_code: text(&device.asset_code),
            name: text(&device.name),
            latitude: device.latitude,
            longitude: device.longitude,
            district: text(&device.district),
            grid: text(&device.grid),
            feeder: text(&device.feeder),
            cabinet: text(&device.cabinet),
            catchment: text(&device.catchment),
            carrier_cell: text(&device.carrier_cell),
            department: text(&device.department),
            asset_type: text(&device.asset_type),
            interval_s: device.interval_s,
            token: text(&device.token),
            attributes: serde_json::Value::from_iter(device.attributes.clone()).to_string(),
        };
        writer.serialize(row).map_err(write_error)?;
    }
    writer.flush().map_err(CityError::Write)
}

fn write_error(error: csv::Error) -> CityError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => CityError::Write(error),
        other => CityError::Write(std::io::Error::other(format!("{other:?}"))),
    }
}

/// Reads a register from a file.
///
/// # Errors
/// [`CityError`] says which row is wrong, and how.
pub fn read_file(path: &Path) -> Result<City, CityError> {
    let file = File::open(path).map_err(|source| CityError::File { path: path.display().to_string(), source })?;
    read_register(file)
}

/// Reads a register.
///
/// # Errors
/// [`CityError`] says which row is wrong, and how.
pub fn read_register(input: impl Read) -> Result<City, CityError> {
    let mut shared = Shared::default();
    let mut devices = Vec::new();
    for (index, row) in csv::Reader::from_reader(input).deserialize::<Row>().enumerate() {
        let device = device(row?, &mut shared).map_err(|problem| CityError::Row { row: index + 1, problem })?;
        devices.push(device);
    }
    Ok(City { devices })
}

/// Keeps one copy of every text that repeats.
#[derive(Default)]
struct Shared(HashSet<Arc<str>>);

impl Shared {
    fn text(&mut self, text: String) -> Arc<str> {
        if let Some(known) = self.0.get(text.as_str()) {
            return Arc::clone(known);
        }
        let text: Arc<str> = Arc::from(text);
        self.0.insert(Arc::clone(&text));
        text
    }
}

fn device(row: Row, shared: &mut Shared) -> Result<CityDevice, String> {
    DeviceId::new(&row.id).map_err(|error| error.to_string())?;
    let kind = Kind::from_name(&row.kind).ok_or_else(|| format!("`{}` is no kind of device", row.kind))?;
    if row.token.is_empty() {
        return Err(format!("`{}` has no token, so it cannot log in", row.id));
    }
    let attributes: BTreeMap<String, serde_json::Value> = if row.attributes.trim().is_empty() {
        BTreeMap::new()
    } else {
        serde_json::from_str(&row.attributes).map_err(|error| format!("attributes of `{}`: {error}", row.id))?
    };
    Ok(CityDevice {
        id: Arc::from(row.id),
        kind,
        model: shared.text(row.model),
        asset_code: Arc::from(row.asset_code),
        name: Arc::from(row.name),
        latitude: row.latitude,
        longitude: row.longitude,
        district: shared.text(row.district),
        grid: shared.text(row.grid),
        feeder: shared.text(row.feeder),
        cabinet: shared.text(row.cabinet),
        catchment: shared.text(row.catchment),
        carrier_cell: shared.text(row.carrier_cell),
        department: shared.text(row.department),
        asset_type: shared.text(row.asset_type),
        interval_s: row.interval_s.max(1),
        token: Arc::from(row.token),
        attributes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv_of(city: &City) -> Vec<u8> {
        let mut out = Vec::new();
        write_register(city, &mut out).unwrap();
        out
    }

    #[test]
    fn a_register_reads_back_as_it_was_written() {
        let city = City::generate(5, 400);
        let csv = csv_of(&city);
        let header = csv.split(|b| *b == b'\n').next().unwrap();
        assert_eq!(
            std::str::from_utf8(header).unwrap(),
            "id,kind,model,asset_code,name,latitude,longitude,district,grid,feeder,cabinet,catchment,\
             carrier_cell,department,asset_type,interval_s,token,attributes"
        );
        assert_eq!(read_register(csv.as_slice()).unwrap(), city);
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_for_ever() {
        let csv = csv_of(&City::generate(42, 1_000));
        let hash = csv.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
        assert_eq!(
            format!("{hash:016x}"),
            "f3ed50f6c1a4648a",
            "the city of a seed changed: registers already imported would not fit"
        );
        assert_ne!(csv, csv_of(&City::generate(43, 1_000)));
    }

    #[test]
    fn a_bad_row_is_named() {
        let good = String::from_utf8(csv_of(&City::generate(5, 30))).unwrap();
        let bad = good.replacen("streetlight", "lamppost", 1);
        let error = read_register(bad.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "register, row 1: `lamppost` is no kind of device");
    }
}
