//! One device of the city: its register entry and the token it logs in with.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::Kind;
use serde_json::Value;

use crate::rng::Rng;

/// Length of a generated token, in characters.
const TOKEN_CHARACTERS: usize = 26;

/// A row of the register, with the device's secret. Texts that many devices share are shared.
#[derive(Clone, Debug, PartialEq)]
pub struct CityDevice {
    /// The device's id, also its MQTT user name and client id.
    pub id: Arc<str>,
    /// Its kind.
    pub kind: Kind,
    /// The vendor's product; empty: it speaks the canonical JSON of its kind.
    pub model: Arc<str>,
    /// The city's code of the asset: 6 digits district, 2 big class, 2 small class, 6 serial.
    pub asset_code: Arc<str>,
    /// What people call the asset.
    pub name: Arc<str>,
    /// Latitude in degrees, WGS-84.
    pub latitude: f64,
    /// Longitude in degrees, WGS-84.
    pub longitude: f64,
    /// District.
    pub district: Arc<str>,
    /// Grid cell.
    pub grid: Arc<str>,
    /// Electric feeder; lamps only.
    pub feeder: Arc<str>,
    /// Street-light cabinet; lamps only.
    pub cabinet: Arc<str>,
    /// Drainage catchment.
    pub catchment: Arc<str>,
    /// Cell of the carrier's network.
    pub carrier_cell: Arc<str>,
    /// Department that owns the asset.
    pub department: Arc<str>,
    /// Big and small class code.
    pub asset_type: Arc<str>,
    /// Reporting interval in seconds.
    pub interval_s: u32,
    /// The secret that it logs in with.
    pub token: Arc<str>,
    /// Attributes of its kind.
    pub attributes: BTreeMap<String, Value>,
}

impl CityDevice {
    /// A number among the attributes, or `default`.
    #[must_use]
    pub fn attribute(&self, name: &str, default: f64) -> f64 {
        self.attributes.get(name).and_then(Value::as_f64).unwrap_or(default)
    }

    /// Whether the device measures gas: every second cover of a sewer.
    #[must_use]
    pub fn has_gas_head(&self) -> bool {
        let sewer = self.kind == Kind::Manhole && matches!(self.asset_type.as_ref(), "01-02" | "01-11");
        sewer && self.id.bytes().fold(0_u8, |sum, byte| sum ^ byte) & 1 == 0
    }

    /// A text among the attributes.
    #[must_use]
    pub fn attribute_text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(Value::as_str)
    }

    /// Whether it hangs on the mains and keeps its connection; the others run on a battery, connect
    /// to say something, and sleep.
    #[must_use]
    pub fn on_mains(&self) -> bool {
        matches!(self.kind, Kind::Streetlight | Kind::Toilet | Kind::Truck)
    }
}

/// The token of a simulated device: letters and digits, at least 20 of them, from the seed and the id.
#[must_use]
pub fn token_of(seed: u64, id: &str) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut rng = Rng::named(seed ^ 0x7f4a_7c15_70c3_1a5e, id);
    (0..TOKEN_CHARACTERS).map(|_| char::from(*rng.pick(ALPHABET))).collect()
}
