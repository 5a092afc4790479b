//! Devices of the register, their newest values and their series.

use std::collections::BTreeMap;

use gengfu_model::{Device, Value};
use serde::Serialize;
use utoipa::ToSchema;

use crate::gateway::DeviceNow;
use crate::time_text::Time;
use crate::views::name_of;

/// A device and its asset, as the register knows them. A credential never leaves the gateway.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DeviceView {
    /// The device's id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// The vendor's product; empty for the generic codec of the kind.
    pub model: String,
    /// The city's code of the asset.
    pub asset_code: String,
    /// What people call the asset.
    pub name: String,
    /// Degrees, WGS-84.
    pub latitude: Option<f64>,
    /// Degrees, WGS-84.
    pub longitude: Option<f64>,
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
    /// Big and small class code of the city's table.
    pub asset_type: String,
    /// Expected reporting interval in seconds.
    pub interval_s: u32,
    /// Attributes of the kind.
    #[schema(value_type = Object)]
    pub attributes: BTreeMap<String, Value>,
    /// `registered`, `in_service`, `maintenance`, `retired`.
    pub life: String,
    /// Whether it has a token to log in with.
    pub has_token: bool,
    /// When it was last heard; in a list only on `heard=true`.
    pub heard: Option<Time>,
}

/// A device with its newest values.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DeviceDetail {
    /// The device.
    #[serde(flatten)]
    pub device: DeviceView,
    /// Its newest values.
    pub latest: LatestView,
}

/// The newest values of a device.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct LatestView {
    /// The device.
    pub device: String,
    /// The newest event time of its values.
    pub time: Option<Time>,
    /// The values by field name.
    pub fields: BTreeMap<String, LatestValue>,
}

/// The newest value of one field.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct LatestValue {
    /// The value.
    #[schema(value_type = Object)]
    pub value: Value,
    /// Event time.
    pub time: Time,
    /// `ok`, `warming_up` or `faulty`.
    pub quality: String,
}

/// A field's series: `[time, value]`, or with `every` `[time, {"min","max","mean","last","count"}]`.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SeriesView {
    /// The field.
    pub field: String,
    /// The points in the order of time.
    #[schema(value_type = Vec<Vec<Object>>)]
    pub points: Vec<(Time, serde_json::Value)>,
    /// There were more points than one answer has; ask again from the last one's time.
    pub truncated: bool,
}

impl From<Device> for DeviceView {
    fn from(device: Device) -> DeviceView {
        DeviceView {
            id: device.id.to_string(),
            kind: device.kind.name().to_owned(),
            model: device.model.to_string(),
            asset_code: device.asset_code.to_string(),
            name: device.name.to_string(),
            latitude: device.latitude,
            longitude: device.longitude,
            district: device.district.to_string(),
            grid: device.grid.to_string(),
            feeder: device.feeder.to_string(),
            cabinet: device.cabinet.to_string(),
            catchment: device.catchment.to_string(),
            carrier_cell: device.carrier_cell.to_string(),
            department: device.department.to_string(),
            asset_type: device.asset_type.to_string(),
            interval_s: device.interval_s,
            attributes: device.attributes.into_iter().map(|(name, value)| (name.to_string(), value)).collect(),
            life: name_of(&device.life),
            has_token: device.token_hash.is_some(),
            heard: None,
        }
    }
}

impl LatestView {
    /// A device that was never heard, or that the engine does not have yet.
    #[must_use]
    pub fn empty(device: &str) -> LatestView {
        LatestView { device: device.to_owned(), time: None, fields: BTreeMap::new() }
    }
}

impl From<DeviceNow> for LatestView {
    fn from(now: DeviceNow) -> LatestView {
        LatestView {
            device: now.device.to_string(),
            time: now.fields.values().map(|field| field.time).max().map(Time),
            fields: now
                .fields
                .into_iter()
                .map(|(name, field)| {
                    let quality = name_of(&field.quality);
                    (name.to_owned(), LatestValue { value: field.value, time: field.time.into(), quality })
                })
                .collect(),
        }
    }
}
