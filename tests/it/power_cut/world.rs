//! What survives a power cut, and the city that is played in it.

use std::collections::BTreeMap;

use gengfu_connectors::checkpoint::MemoryCheckpoints;
use gengfu_connectors::ledger::MemoryLedger;
use gengfu_connectors::series::MemorySeries;
use gengfu_ingest::journal::{LogOptions, ModelDisk};
use gengfu_model::places::{Place, Shape};
use gengfu_model::staff::{Action, Role, StaffRequest};
use gengfu_model::{Attributes, Control, Device, DeviceId, DeviceLife, Kind, Timestamp};

use super::Sabotage;

/// Some minutes before the city's midnight, so that the day turns within nearly every seed.
pub(super) const START: Timestamp = Timestamp(1_790_006_400_000 - 500_000);
pub(super) const DEVICES: u64 = 6;

/// What survives a power cut: the disk, and what was committed to the stores.
pub(super) struct World {
    pub(super) disk: ModelDisk,
    pub(super) ledger: MemoryLedger,
    pub(super) checkpoints: MemoryCheckpoints,
    pub(super) series: MemorySeries,
    /// What the sender was told is safe: the message's own number.
    pub(super) acknowledged: Vec<u64>,
    pub(super) next_message: u64,
    pub(super) clock: Timestamp,
}

impl World {
    pub(super) fn new(sabotage: Sabotage) -> World {
        let disk = ModelDisk::new();
        disk.lie_about_data(sabotage == Sabotage::NoDataSync);
        disk.lie_about_dir(sabotage == Sabotage::NoDirectorySync);
        World {
            disk,
            ledger: MemoryLedger::new(),
            checkpoints: MemoryCheckpoints::new(),
            series: MemorySeries::default(),
            acknowledged: Vec::new(),
            next_message: 0,
            clock: START,
        }
    }
}

pub(super) fn options() -> LogOptions {
    LogOptions { segment_bytes: 64 << 10, max_frame_bytes: 16 << 10, ..LogOptions::default() }
}

pub(super) fn device(number: u64) -> Device {
    let id = format!("cover-{number}");
    Device {
        id: DeviceId::new(&id).unwrap(),
        kind: Kind::Manhole,
        model: "".into(),
        asset_code: format!("32058201020481{number:02}").into(),
        name: "雨水井盖".into(),
        latitude: Some(35.03),
        longitude: Some(111.0),
        district: "盐湖区".into(),
        grid: "".into(),
        feeder: format!("F{}", number % 3).into(),
        cabinet: "".into(),
        catchment: "".into(),
        carrier_cell: "".into(),
        department: "".into(),
        asset_type: "01-02".into(),
        interval_s: 60,
        token_hash: None,
        attributes: Attributes::default(),
        life: DeviceLife::Registered,
    }
}

pub(super) fn request(action: Action) -> Control {
    Control::Request(StaffRequest { user: "local".into(), roles: Role::ALL.to_vec(), action })
}

/// The rule pack of this suite: tilt at once, tilt after a hold time, and silence, so that timers run; a group of what
/// tilts or is silent together; a question about a place and commands to the device.
pub(super) const RULE: &str = r#"
/// Cover displaced.
const RULE = #{ kind: "manhole", key: "tilt", severity: "critical", condition: "cover_displaced",
                silent: 5.min, cooldown: 2.min,
                group: "feeder", distinct: 2, share: 0.4, enough: "both", within: 3.min,
                group_severity: "major", group_condition: "feeder_outage" };
fn member(msg, dev) { dev.silent || held(msg.tilt_deg > 20.0, 3.s) }
fn on_message(msg, dev) {
    incident(msg.tilt_deg > 30.0 || held(band(msg.tilt_deg, 10.0, 8.0), 10.s));
    incident(msg.tilt_deg > 5.0 && inside("school", dev), #{ key: "school", severity: "minor" });
    if msg.tilt_deg > 30.0 { command(dev, "set_interval", #{ interval_s: 30 }); }
    else if msg.tilt_deg < 9.0 { command(dev, "set_interval", #{ interval_s: 900 }, 5.min); }
}
fn on_silent(dev) { raise(#{ key: "silent", severity: "minor", condition: "device_silent" }); }
"#;

/// The city of this suite: what was handled is verified by the sensor, and a silent device is no case.
pub(super) const PROFILE: &str = r#"
name = "power cut"
[incident]
incident_only = ["device_silent"]
[[verification]]
condition = ["cover_displaced"]
readings = 2
window = "5m"
"#;

pub(super) fn first_records() -> Vec<Control> {
    vec![
        request(Action::SetProfile { text: PROFILE.to_owned() }),
        request(Action::ActivatePack { files: BTreeMap::from([("tilt.rhai".to_owned(), RULE.to_owned())]) }),
        request(Action::AddDevices { devices: (0..DEVICES).map(device).collect(), replace: false }),
        put_places(0),
    ]
}

/// A school's fence: around the covers, or somewhere else.
pub(super) fn put_places(draw: u64) -> Control {
    let at = [111.0 + draw as f64, 35.03];
    let shape = Shape::Point { at, radius_m: 100.0 };
    let school =
        Place { name: "第一小学".into(), kind: "school".into(), shape, speed_limit_kmh: None, routes: Vec::new() };
    request(Action::PutPlaces { places: vec![school] })
}
