//! The city of a storm: covers of some catchments in two districts, cabinets with their lamps, trucks, and a cell.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::Kind;
use serde_json::{Value, json};

use super::{HEARTBEAT_S, LAMP_S, StormSize, TRUCK_S};
use crate::city::{City, CityDevice, token_of};

/// The carrier's cell that falls silent.
pub(super) const SILENT_CELL: &str = "460-00-STORM";
/// Lamps on one cabinet, all on one feeder: what drops is one circuit.
const LAMPS_PER_CABINET: usize = 52;
/// Code, name, short form and centre of the two districts.
const DISTRICTS: [(&str, &str, &str, f64, f64); 2] =
    [("140802", "盐湖区", "YH", 35.03, 111.00), ("140881", "永济市", "YJ", 34.87, 110.45)];
/// Covers lie so far apart, in degrees: some forty metres.
const APART_DEG: f64 = 0.000_4;
/// Covers of one line of the map.
const PER_LINE: usize = 100;

/// What sets a device apart from the next one.
struct Blank {
    kind: Kind,
    prefix: &'static str,
    name: String,
    asset_type: &'static str,
    department: &'static str,
    interval_s: f64,
    district: usize,
    feeder: String,
    cabinet: String,
    catchment: String,
    carrier_cell: String,
    attributes: Vec<(&'static str, Value)>,
}

pub(super) fn city(seed: u64, size: &StormSize) -> City {
    let mut devices = Vec::new();
    let mut add = |blank: Blank| {
        let device = device(seed, size.speed, devices.len(), blank);
        devices.push(device);
    };
    for n in 0..size.cabinets * LAMPS_PER_CABINET {
        add(lamp(n));
    }
    for n in 0..size.covers {
        let catchment = n % size.catchments.max(1);
        let district = catchment * DISTRICTS.len() / size.catchments.max(1);
        let short = DISTRICTS[district].2;
        let cell = format!("460-00-{short}-{:03}", n / 200);
        add(cover(n, district, format!("{short}-S{catchment:02}"), cell));
    }
    for n in 0..size.silent {
        add(cover(size.covers + n, 0, String::new(), SILENT_CELL.to_owned()));
    }
    for n in 0..size.trucks {
        add(truck(n));
    }
    City { devices }
}

/// A cover with its angle at installation.
fn cover(n: usize, district: usize, catchment: String, carrier_cell: String) -> Blank {
    Blank {
        kind: Kind::Manhole,
        prefix: "storm-cover",
        name: format!("{}雨水井盖{}号", DISTRICTS[district].1, n + 1),
        asset_type: "01-03",
        department: "排水管理处",
        interval_s: HEARTBEAT_S,
        district,
        feeder: String::new(),
        cabinet: String::new(),
        catchment,
        carrier_cell,
        attributes: vec![("baseline_tilt_deg", json!((n % 25) as f64 / 10.0))],
    }
}

/// A lamp that burns at any hour, so that the storm can be played at any hour.
fn lamp(n: usize) -> Blank {
    let (cabinet, district) = (n / LAMPS_PER_CABINET, n / LAMPS_PER_CABINET % DISTRICTS.len());
    let code = format!("{}-S{:02}", DISTRICTS[district].2, cabinet + 1);
    let feeder = format!("{code}-L1");
    Blank {
        kind: Kind::Streetlight,
        prefix: "storm-lamp",
        name: format!("{}下穿隧道{}路灯{}号", DISTRICTS[district].1, cabinet + 1, n % LAMPS_PER_CABINET + 1),
        asset_type: "01-37",
        department: "路灯管理所",
        interval_s: LAMP_S,
        district,
        feeder,
        cabinet: code,
        catchment: String::new(),
        carrier_cell: format!("460-00-{}-L{cabinet:02}", DISTRICTS[district].2),
        attributes: vec![
            ("rated_power_w", json!(100)),
            ("road", json!(format!("隧道{}", cabinet + 1))),
            ("on_at", json!("00:00")),
            ("off_at", json!("23:59")),
        ],
    }
}

fn truck(n: usize) -> Blank {
    let district = n % DISTRICTS.len();
    Blank {
        kind: Kind::Truck,
        prefix: "storm-truck",
        name: format!("{}清扫车{:02}号", DISTRICTS[district].1, n + 1),
        asset_type: Kind::Truck.def().asset_type,
        department: "环卫作业公司",
        interval_s: TRUCK_S,
        district,
        feeder: String::new(),
        cabinet: String::new(),
        catchment: String::new(),
        carrier_cell: String::new(),
        attributes: vec![("plate", json!(format!("晋M{:05}", 70_000 + n)))],
    }
}

fn device(seed: u64, speed: f64, n: usize, blank: Blank) -> CityDevice {
    let (code, name, _, latitude, longitude) = DISTRICTS[blank.district];
    let id = format!("{}-{:06}", blank.prefix, n + 1);
    // Serials from 500,000 on, apart from those of a generated city.
    let asset_code = format!("{code}{}{:06}", blank.asset_type.replace('-', ""), 500_000 + n);
    let round6 = |degrees: f64| (degrees * 1e6).round() / 1e6;
    let (line, place) = (n / PER_LINE, n % PER_LINE);
    CityDevice {
        token: Arc::from(token_of(seed, &id)),
        id: Arc::from(id),
        kind: blank.kind,
        model: Arc::from(""),
        asset_code: Arc::from(asset_code),
        name: Arc::from(blank.name),
        latitude: round6(latitude + line as f64 * APART_DEG),
        longitude: round6(longitude + place as f64 * APART_DEG),
        district: Arc::from(name),
        grid: Arc::from(format!("{code}{:03}{:03}{:03}", 1 + line / 10, 1 + line % 10, 101 + place / 5)),
        feeder: Arc::from(blank.feeder),
        cabinet: Arc::from(blank.cabinet),
        catchment: Arc::from(blank.catchment),
        carrier_cell: Arc::from(blank.carrier_cell),
        department: Arc::from(blank.department),
        asset_type: Arc::from(blank.asset_type),
        interval_s: (blank.interval_s / speed).max(1.0) as u32,
        attributes: blank
            .attributes
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<BTreeMap<_, _>>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_codes_are_unique_and_two_districts_share_the_catchments() {
        let city = city(3, &StormSize::default());
        assert_eq!(city.devices.len(), 156 + 6_000 + 800 + 20);
        let distinct = |part: fn(&CityDevice) -> &str| {
            city.devices.iter().map(part).collect::<std::collections::BTreeSet<_>>().len()
        };
        assert_eq!((distinct(|device| &device.id), distinct(|device| &device.asset_code)), (6_976, 6_976));
        for (_, district, ..) in DISTRICTS {
            let covers =
                city.devices.iter().filter(|device| *device.district == *district && !device.catchment.is_empty());
            assert_eq!(covers.clone().count(), 3_000);
            let catchments: std::collections::BTreeSet<&str> = covers.map(|cover| &*cover.catchment).collect();
            assert_eq!(catchments.len(), 4, "{catchments:?}");
        }
        assert!(city.devices.iter().all(|device| device.grid.len() == 15 && device.asset_code.len() == 16));
    }
}
