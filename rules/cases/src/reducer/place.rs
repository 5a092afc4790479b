//! Where an open incident stands: what of the register's entry of its device is needed to find its group, its
//! silence and its case again later, when no signal brings the entry along.

use std::sync::Arc;

use gengfu_model::{Attributes, Device, Incident, Value};
use serde::{Deserialize, Serialize};

/// The part of a register entry that tells where something is and whose it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    asset_type: Arc<str>,
    #[serde(default = "nothing", skip_serializing_if = "is_nothing")]
    name: Arc<str>,
    #[serde(default = "nothing", skip_serializing_if = "is_nothing")]
    district: Arc<str>,
    #[serde(default = "nothing", skip_serializing_if = "is_nothing")]
    grid: Arc<str>,
    #[serde(default = "nothing", skip_serializing_if = "is_nothing")]
    feeder: Arc<str>,
    #[serde(default = "nothing", skip_serializing_if = "is_nothing")]
    cabinet: Arc<str>,
    #[serde(default = "nothing", skip_serializing_if = "is_nothing")]
    catchment: Arc<str>,
    #[serde(default = "nothing", skip_serializing_if = "is_nothing")]
    carrier_cell: Arc<str>,
    #[serde(default = "nothing", skip_serializing_if = "is_nothing")]
    department: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latitude: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    longitude: Option<f64>,
    /// Those that are texts: the only ones that a profile can group by.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    attributes: Attributes,
}

fn nothing() -> Arc<str> {
    Arc::from("")
}

fn is_nothing(text: &Arc<str>) -> bool {
    text.is_empty()
}

impl Place {
    /// The place of a device.
    pub(super) fn of(device: &Device) -> Place {
        let texts = device.attributes.iter().filter(|(_, value)| matches!(value, Value::Text(_)));
        Place {
            asset_type: device.asset_type.clone(),
            name: device.name.clone(),
            district: device.district.clone(),
            grid: device.grid.clone(),
            feeder: device.feeder.clone(),
            cabinet: device.cabinet.clone(),
            catchment: device.catchment.clone(),
            carrier_cell: device.carrier_cell.clone(),
            department: device.department.clone(),
            latitude: device.latitude,
            longitude: device.longitude,
            attributes: texts.map(|(name, value)| (name.clone(), value.clone())).collect(),
        }
    }

    /// The district; empty if the register says none.
    pub(super) fn district(&self) -> &Arc<str> {
        &self.district
    }

    /// The cell of the city's grid.
    pub(super) fn grid(&self) -> &Arc<str> {
        &self.grid
    }

    /// Who owns what stands here.
    pub(super) fn department(&self) -> &Arc<str> {
        &self.department
    }

    /// A register entry that stands here.
    pub(super) fn with(&self, device: &Device) -> Device {
        Device {
            latitude: self.latitude,
            longitude: self.longitude,
            district: self.district.clone(),
            grid: self.grid.clone(),
            feeder: self.feeder.clone(),
            cabinet: self.cabinet.clone(),
            catchment: self.catchment.clone(),
            carrier_cell: self.carrier_cell.clone(),
            department: self.department.clone(),
            attributes: self.attributes.clone(),
            ..device.clone()
        }
    }

    /// The position in degrees.
    pub(super) fn position(&self) -> Option<(f64, f64)> {
        self.latitude.zip(self.longitude)
    }

    /// The register's entry of the incident's device, as far as it is known here.
    pub(super) fn device(&self, incident: &Incident) -> Device {
        Device {
            id: incident.device.clone(),
            kind: incident.kind,
            model: nothing(),
            asset_code: incident.asset.clone(),
            name: self.name.clone(),
            latitude: self.latitude,
            longitude: self.longitude,
            district: self.district.clone(),
            grid: self.grid.clone(),
            feeder: self.feeder.clone(),
            cabinet: self.cabinet.clone(),
            catchment: self.catchment.clone(),
            carrier_cell: self.carrier_cell.clone(),
            department: self.department.clone(),
            asset_type: self.asset_type.clone(),
            interval_s: 0,
            token_hash: None,
            attributes: self.attributes.clone(),
            life: gengfu_model::DeviceLife::InService,
        }
    }
}
