//! A register entry as people write it (CSV, JSON) and the checks that make it a [`Device`].
//!
//! Promises: every mistake of an entry is named with its column and a hint, not only the first; what
//! passes has no control characters, is within the catalogue's ranges, and carries a hash instead of
//! its token.

use std::sync::Arc;

use gengfu_model::catalogue::KINDS;
use gengfu_model::crs::Crs;
use gengfu_model::{Attributes, Device, DeviceId, DeviceLife, FieldDef, FieldType, Kind, Value};
use serde::Deserialize;
use utoipa::ToSchema;

/// The longest text of a column, in bytes.
pub const MAX_TEXT_BYTES: usize = 256;
/// The longest token, in bytes.
pub const MAX_TOKEN_BYTES: usize = 256;
/// The longest reporting interval, in seconds: 31 days.
pub const MAX_INTERVAL_S: u32 = 31 * 86_400;

/// A register entry as it was written. Columns are those of the register's CSV.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Entry {
    /// The device's id: 1 to 64 ASCII letters, digits and `. _ : -`.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// The vendor's product; empty for the generic codec of the kind.
    pub model: String,
    /// The city's code of the asset; the device's id if empty.
    pub asset_code: String,
    /// What people call the asset.
    pub name: String,
    /// Degrees, in the system that `crs` names.
    pub latitude: Option<f64>,
    /// Degrees, in the system that `crs` names.
    pub longitude: Option<f64>,
    /// Coordinate system of the position: `wgs84` (also if empty), `gcj02` (Amap, Tencent) or `bd09` (Baidu). What is
    /// kept is WGS-84.
    pub crs: String,
    /// District.
    pub district: String,
    /// Grid cell.
    pub grid: String,
    /// Electric feeder.
    pub feeder: String,
    /// Street-light cabinet.
    pub cabinet: String,
    /// Drainage catchment.
    pub catchment: String,
    /// Cell of the carrier's network.
    pub carrier_cell: String,
    /// Department that owns the asset.
    pub department: String,
    /// Big and small class code of the city's table, such as `01-02`; the kind's if empty.
    pub asset_type: String,
    /// Expected reporting interval in seconds; the kind's if left out.
    pub interval_s: Option<u32>,
    /// The secret that it logs in with; kept as a hash only.
    pub token: String,
    /// Attributes of the kind.
    #[schema(value_type = Object)]
    pub attributes: serde_json::Map<String, serde_json::Value>,
}

/// One mistake of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The column.
    pub column: String,
    /// What is wrong.
    pub message: String,
    /// What to do, if there is more to say.
    pub hint: Option<String>,
}

impl Mistake {
    /// A mistake without a hint.
    #[must_use]
    pub fn new(column: &str, message: impl Into<String>) -> Mistake {
        Mistake { column: column.to_owned(), message: message.into(), hint: None }
    }

    /// The same mistake that says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Mistake {
        self.hint = Some(hint.into());
        self
    }
}

impl Entry {
    /// Checks the entry and makes it a device in its first life. `hash` hashes its token.
    ///
    /// # Errors
    /// Every mistake, in the order of the columns.
    pub fn check(self, hash: &dyn Fn(&str) -> [u8; 32]) -> Result<Device, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let id = match DeviceId::new(&self.id) {
            Ok(id) => Some(id),
            Err(error) => {
                mistakes.push(Mistake::new("id", error.to_string()));
                None
            }
        };
        let kind = Kind::from_name(&self.kind);
        if kind.is_none() {
            mistakes.push(unknown_kind(&self.kind));
        }
        self.check_texts(&mut mistakes);
        self.check_place(&mut mistakes);
        let interval_s = self.interval_s.or(kind.map(|kind| kind.def().interval_s)).unwrap_or(1);
        if !(1..=MAX_INTERVAL_S).contains(&interval_s) {
            let message = format!("interval_s is {interval_s}, it must be 1 to {MAX_INTERVAL_S}");
            mistakes.push(Mistake::new("interval_s", message));
        }
        if self.token.len() > MAX_TOKEN_BYTES {
            mistakes.push(Mistake::new("token", format!("a token has at most {MAX_TOKEN_BYTES} bytes")));
        }
        let attributes = kind.map(|kind| attributes(kind, &self.attributes, &mut mistakes)).unwrap_or_default();
        let crs = Crs::from_name(if self.crs.is_empty() { "wgs84" } else { &self.crs });
        if crs.is_none() {
            let message = format!("`{}` is no coordinate system", self.crs);
            mistakes.push(Mistake::new("crs", message).hint("wgs84, gcj02 (Amap, Tencent) or bd09 (Baidu)"));
        }
        let (Some(id), Some(kind), true) = (id, kind, mistakes.is_empty()) else { return Err(mistakes) };
        let at = self.longitude.zip(self.latitude).map(|(lon, lat)| crs.unwrap_or_default().to_wgs84([lon, lat]));
        let text = |text: String| Arc::<str>::from(text);
        let or = |text: String, default: &str| if text.is_empty() { Arc::from(default) } else { Arc::from(text) };
        Ok(Device {
            asset_code: or(self.asset_code, id.as_str()),
            id,
            kind,
            model: text(self.model),
            name: text(self.name),
            latitude: at.map(|[_, lat]| lat),
            longitude: at.map(|[lon, _]| lon),
            district: text(self.district),
            grid: text(self.grid),
            feeder: text(self.feeder),
            cabinet: text(self.cabinet),
            catchment: text(self.catchment),
            carrier_cell: text(self.carrier_cell),
            department: text(self.department),
            asset_type: or(self.asset_type, kind.def().asset_type),
            interval_s,
            token_hash: (!self.token.is_empty()).then(|| hash(&self.token)),
            attributes,
            life: DeviceLife::Registered,
        })
    }

    fn check_texts(&self, mistakes: &mut Vec<Mistake>) {
        let texts = [
            ("model", &self.model),
            ("asset_code", &self.asset_code),
            ("name", &self.name),
            ("district", &self.district),
            ("grid", &self.grid),
            ("feeder", &self.feeder),
            ("cabinet", &self.cabinet),
            ("catchment", &self.catchment),
            ("carrier_cell", &self.carrier_cell),
            ("department", &self.department),
            ("asset_type", &self.asset_type),
        ];
        for (column, text) in texts {
            if text.len() > MAX_TEXT_BYTES {
                mistakes
                    .push(Mistake::new(column, format!("{column} has {} bytes, at most {MAX_TEXT_BYTES}", text.len())));
            } else if text.chars().any(char::is_control) {
                mistakes.push(Mistake::new(column, format!("{column} has a control character")));
            }
        }
    }

    fn check_place(&self, mistakes: &mut Vec<Mistake>) {
        for (column, value, limit) in [("latitude", self.latitude, 90.0), ("longitude", self.longitude, 180.0)] {
            if let Some(value) = value
                && !(value.is_finite() && value.abs() <= limit)
            {
                mistakes.push(Mistake::new(column, format!("{column} is {value}, it must be -{limit} to {limit}")));
            }
        }
        match (self.latitude, self.longitude) {
            (Some(_), None) => mistakes.push(Mistake::new("longitude", "there is a latitude but no longitude")),
            (None, Some(_)) => mistakes.push(Mistake::new("latitude", "there is a longitude but no latitude")),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
}

fn unknown_kind(kind: &str) -> Mistake {
    let kinds = KINDS.iter().map(|def| def.name).collect::<Vec<_>>().join(", ");
    let by_label = KINDS.iter().find(|def| def.zh == kind || def.en.eq_ignore_ascii_case(kind));
    let message = if kind.is_empty() { "kind is missing".to_owned() } else { format!("there is no kind `{kind}`") };
    match by_label {
        Some(def) => Mistake::new("kind", message).hint(format!("write `{}`", def.name)),
        None => Mistake::new("kind", message).hint(format!("one of {kinds}")),
    }
}

fn attributes(
    kind: Kind,
    given: &serde_json::Map<String, serde_json::Value>,
    mistakes: &mut Vec<Mistake>,
) -> Attributes {
    let mut attributes = Attributes::default();
    for (name, value) in given {
        let Some(def) = kind.def().attributes.iter().find(|def| def.name == name) else {
            let known = kind.def().attributes.iter().map(|def| def.name).collect::<Vec<_>>().join(", ");
            mistakes.push(
                Mistake::new("attributes", format!("a {kind} has no attribute `{name}`"))
                    .hint(format!("it may have {known}")),
            );
            continue;
        };
        match attribute(def, value) {
            Ok(value) => {
                attributes.insert(Arc::from(name.as_str()), value);
            }
            Err(message) => mistakes.push(Mistake::new("attributes", message)),
        }
    }
    attributes
}

fn attribute(def: &FieldDef, value: &serde_json::Value) -> Result<Value, String> {
    let name = def.name;
    let number = || value.as_f64().filter(|number| number.is_finite());
    let shown = value.to_string().chars().take(64).collect::<String>();
    match def.ty {
        FieldType::Number { min, max } => match number() {
            Some(number) if (min..=max).contains(&number) => Ok(Value::Number(number)),
            Some(_) | None => Err(format!("{name} is {shown}, it must be a number from {min} to {max}")),
        },
        FieldType::Integer { min, max } => match whole(value) {
            #[expect(clippy::cast_precision_loss, reason = "the catalogue's ranges are exact in f64")]
            Some(number) if (min..=max).contains(&number) => Ok(Value::Number(number as f64)),
            Some(_) | None => Err(format!("{name} is {shown}, it must be a whole number from {min} to {max}")),
        },
        FieldType::Bool => {
            value.as_bool().map(Value::Bool).ok_or_else(|| format!("{name} is {shown}, it must be true or false"))
        }
        FieldType::Text { max_bytes } => match value.as_str() {
            Some(text) if text.len() <= max_bytes && !text.chars().any(char::is_control) => {
                Ok(Value::Text(Arc::from(text)))
            }
            Some(_) | None => Err(format!("{name} is {shown}, it must be a text of at most {max_bytes} bytes")),
        },
    }
}

/// A whole number, however it is written: an export says `4.0`.
fn whole(value: &serde_json::Value) -> Option<i64> {
    /// All whole numbers below are exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and small enough to be exact")]
    let written_with_a_point = || value.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < EXACT).map(|n| n as i64);
    value.as_i64().or_else(written_with_a_point)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, kind: &str) -> Entry {
        Entry { id: id.to_owned(), kind: kind.to_owned(), ..Entry::default() }
    }

    fn columns(entry: Entry) -> Vec<String> {
        entry.check(&|_| [0; 32]).unwrap_err().into_iter().map(|mistake| mistake.column).collect()
    }

    #[test]
    fn what_is_left_out_comes_from_the_kind() {
        let device = entry("cover-1", "manhole").check(&|_| [0; 32]).unwrap();
        assert_eq!(&*device.asset_code, "cover-1");
        assert_eq!(&*device.asset_type, "01-02");
        assert_eq!(device.interval_s, 21_600);
        assert_eq!(device.token_hash, None);
        assert_eq!(device.life, DeviceLife::Registered);
    }

    #[test]
    fn every_mistake_is_named() {
        let mut bad = entry("a/b", "manhol");
        bad.name = "a\nb".to_owned();
        bad.district = "x".repeat(300);
        bad.latitude = Some(91.0);
        bad.interval_s = Some(0);
        assert_eq!(columns(bad), ["id", "kind", "name", "district", "latitude", "longitude", "interval_s"]);
        let by_label = entry("a", "井盖").check(&|_| [0; 32]).unwrap_err();
        assert_eq!(by_label[0].hint.as_deref(), Some("write `manhole`"));
    }

    #[test]
    fn attributes_are_those_of_the_kind_and_within_range() {
        let mut lamp = entry("lamp-1", "streetlight");
        lamp.attributes = serde_json::from_str(r#"{"rated_power_w": 150, "on_at": "18:30"}"#).unwrap();
        let device = lamp.check(&|_| [0; 32]).unwrap();
        assert_eq!(device.attributes.get("rated_power_w"), Some(&Value::Number(150.0)));
        let mut bad = entry("lamp-1", "streetlight");
        bad.attributes = serde_json::from_str(r#"{"rated_power_w": -1, "on_at": "18:30:00", "colour": 1}"#).unwrap();
        assert_eq!(columns(bad), ["attributes"; 3]);
        let mut stalls = entry("t-1", "toilet");
        stalls.attributes = serde_json::from_str(r#"{"stalls": 2.5}"#).unwrap();
        assert_eq!(columns(stalls), ["attributes"]);
        let mut exported = entry("t-1", "toilet");
        exported.attributes = serde_json::from_str(r#"{"stalls": 4.0}"#).unwrap();
        assert_eq!(exported.check(&|_| [0; 32]).unwrap().attributes.get("stalls"), Some(&Value::Number(4.0)));
    }

    #[test]
    fn a_token_is_kept_as_its_hash() {
        let mut with_token = entry("cover-1", "manhole");
        with_token.token = "secret".to_owned();
        let device = with_token.check(&|token| [u8::try_from(token.len()).unwrap(); 32]).unwrap();
        assert_eq!(device.token_hash, Some([6; 32]));
    }
}
