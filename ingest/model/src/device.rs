//! The register's entry of a device and the asset it watches.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Attributes, DeviceId, Kind};

/// Where a device stands in its life. Silence is armed only while it is in service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceLife {
    /// In the register, not heard yet.
    #[default]
    Registered,
    /// Heard at least once, or put in service by staff.
    InService,
    /// Being worked on: its signals are recorded, and call nobody.
    Maintenance,
    /// Not used any more; it may not log in.
    Retired,
}

/// A device and its asset, as the register knows them.
///
/// The asset (the city's cover or lamp) is named by `asset_code`; a swapped sensor is another device
/// with the same asset code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// The device's id.
    pub id: DeviceId,
    /// Its kind.
    pub kind: Kind,
    /// The vendor's product; empty for the generic codec of the kind.
    #[serde(default)]
    pub model: Arc<str>,
    /// The city's code of the asset (部件标识码, 16 digits in most cities; opaque here). Never empty:
    /// a device registered without one has its own id here.
    pub asset_code: Arc<str>,
    /// What people call the asset.
    #[serde(default)]
    pub name: Arc<str>,
    /// Latitude in degrees, WGS-84.
    #[serde(default)]
    pub latitude: Option<f64>,
    /// Longitude in degrees, WGS-84.
    #[serde(default)]
    pub longitude: Option<f64>,
    /// District (区).
    #[serde(default)]
    pub district: Arc<str>,
    /// Grid cell (单元网格), an opaque text.
    #[serde(default)]
    pub grid: Arc<str>,
    /// Electric feeder.
    #[serde(default)]
    pub feeder: Arc<str>,
    /// Street-light cabinet.
    #[serde(default)]
    pub cabinet: Arc<str>,
    /// Drainage catchment.
    #[serde(default)]
    pub catchment: Arc<str>,
    /// Cell of the carrier's network.
    #[serde(default)]
    pub carrier_cell: Arc<str>,
    /// Department that owns the asset.
    #[serde(default)]
    pub department: Arc<str>,
    /// Big and small class code of the city's table, such as `01-02`.
    pub asset_type: Arc<str>,
    /// Expected reporting interval in seconds.
    pub interval_s: u32,
    /// HMAC-SHA-256 of the device's token under the server's secret; `None`: it cannot log in by token.
    #[serde(default, with = "hex32")]
    pub token_hash: Option<[u8; 32]>,
    /// Attributes of the kind (see [`crate::catalogue::KindDef::attributes`]).
    #[serde(default)]
    pub attributes: Attributes,
    /// Where it stands in its life.
    #[serde(default)]
    pub life: DeviceLife,
}

/// An optional 32-byte hash as 64 lower-case hexadecimal digits.
pub(crate) mod hex32 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(hash: &Option<[u8; 32]>, serializer: S) -> Result<S::Ok, S::Error> {
        match hash {
            Some(hash) => serializer.serialize_some(&hash.iter().map(|b| format!("{b:02x}")).collect::<String>()),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[u8; 32]>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else {
            return Ok(None);
        };
        let bad = || D::Error::custom("a token hash is 64 hexadecimal digits");
        if text.len() != 64 || !text.is_ascii() {
            return Err(bad());
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| bad())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| bad())?;
        }
        Ok(Some(hash))
    }
}
