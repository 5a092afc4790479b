//! Devices, accounts, incidents and cases to look at.

use std::sync::{Arc, LazyLock};

use gengfu_dashboards::gateway::{DeviceNow, LatestField};
use gengfu_dashboards::hash_password;
use gengfu_model::signal::{EvidenceReading, EvidenceSlot, EvidenceStep};
use gengfu_model::staff::User;
use gengfu_model::{
    Assertion, Attributes, Device, DeviceId, DeviceLife, Evidence, Kind, Quality, Role, Seq, Severity, Signal,
    Timestamp, Value,
};

/// Everybody's password.
pub(crate) const PASSWORD: &str = "correct horse battery";

static HASH: LazyLock<String> = LazyLock::new(|| hash_password(PASSWORD).unwrap());

pub(crate) fn user(name: &str, roles: &[Role], districts: &[&str]) -> User {
    User {
        name: Arc::from(name),
        password_hash: HASH.clone(),
        roles: roles.to_vec(),
        districts: districts.iter().map(|district| Arc::from(*district)).collect(),
        epoch: 1,
        disabled: false,
    }
}

pub(crate) fn device(id: &str, kind: Kind, name: &str, district: &str) -> Device {
    Device {
        id: DeviceId::new(id).unwrap(),
        kind,
        model: Arc::from(""),
        asset_code: Arc::from(format!("asset-{id}")),
        name: Arc::from(name),
        latitude: Some(35.026),
        longitude: Some(110.997),
        district: Arc::from(district),
        grid: Arc::from("140802001001005"),
        feeder: Arc::from(""),
        cabinet: Arc::from(""),
        catchment: Arc::from(""),
        carrier_cell: Arc::from(""),
        department: Arc::from("市政设施管理处"),
        asset_type: Arc::from(kind.def().asset_type),
        interval_s: kind.def().interval_s,
        token_hash: Some([7; 32]),
        attributes: Attributes::default(),
        life: DeviceLife::InService,
    }
}

pub(crate) fn now(device: &Device, time: Timestamp, fields: &[(&'static str, Value)]) -> DeviceNow {
    let latest = |value: &Value| LatestField { value: value.clone(), time, quality: Quality::Ok };
    DeviceNow {
        device: device.id.clone(),
        kind: device.kind,
        life: device.life,
        heard: Some(time),
        fields: fields.iter().map(|(name, value)| (*name, latest(value))).collect(),
    }
}

/// A condition that begins to hold.
pub(crate) struct Raise<'a> {
    pub(crate) rule: &'a str,
    pub(crate) severity: Severity,
    pub(crate) condition: &'a str,
    pub(crate) value: f64,
    pub(crate) text_zh: &'a str,
    pub(crate) text_en: &'a str,
    pub(crate) evidence: Evidence,
}

pub(crate) fn raise(raise: Raise<'_>) -> Signal {
    Signal {
        rule: Arc::from(raise.rule),
        rule_version: Arc::from("9f2c41d07ab3"),
        key: Arc::from(raise.rule),
        assertion: Assertion::Raise {
            severity: raise.severity,
            condition: Arc::from(raise.condition),
            value: Some(raise.value),
            text_zh: raise.text_zh.to_owned(),
            text_en: raise.text_en.to_owned(),
            late: false,
            cooldown_ms: 0,
        },
        evidence: Box::new(raise.evidence),
    }
}

pub(crate) fn clear(rule: &str, now: Timestamp) -> Signal {
    Signal {
        rule: Arc::from(rule),
        rule_version: Arc::from("9f2c41d07ab3"),
        key: Arc::from(rule),
        assertion: Assertion::Clear { reason: Arc::from("clear") },
        evidence: Box::new(Evidence { trigger: "message".to_owned(), now, ..Evidence::default() }),
    }
}

/// What the tilt rule's evidence looks like.
pub(crate) fn tilt_evidence(now: Timestamp, tilt: f64) -> Evidence {
    let step = |column: u32, text: &str, value: &str| EvidenceStep {
        line: 4,
        column,
        text: text.to_owned(),
        value: value.to_owned(),
    };
    let shown = tilt.to_string();
    Evidence {
        trigger: "message".to_owned(),
        now,
        seq: Seq(41),
        file: "manhole_tilt.rhai".to_owned(),
        line: 4,
        column: 5,
        source: "    incident(msg.tilt_deg > 30.0 || msg.cover_open || held(band(msg.tilt_deg, 10.0, 8.0), 10.s));"
            .to_owned(),
        readings: vec![
            EvidenceReading {
                field: "tilt_deg".to_owned(),
                value: Some(Value::Number(tilt)),
                event_time: Some(now),
                seq: Some(Seq(41)),
            },
            EvidenceReading { field: "cover_open".to_owned(), value: None, event_time: None, seq: None },
        ],
        steps: vec![
            step(14, "msg.tilt_deg > 30.0 || msg.cover_open || held(band(msg.tilt_deg, 10.0, 8.0), 10.s)", "true"),
            step(14, "msg.tilt_deg > 30.0", "true"),
            step(14, "msg.tilt_deg", &shown),
            step(37, "msg.cover_open", "unknown"),
        ],
        slots: vec![EvidenceSlot {
            id: "on_message/band/msg.tilt_deg".to_owned(),
            before: "off".to_owned(),
            after: "on".to_owned(),
        }],
        inputs: String::new(),
    }
}
