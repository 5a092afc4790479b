//! The catalogue of kinds and their fields: the one visible list.
//!
//! Decoding, rule checking, the simulator, the console and the generated reference all read this
//! list. Ranges say what a value can be at all (outside, that field alone is refused); what a value
//! should be is a rule's business. Names and ranges are those of the project's interface document;
//! LEL, OEL and the like are in the rules, not here.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the six kinds of device that a city-management bureau watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Kind {
    /// Manhole cover tilt sensor (井盖).
    Manhole = 0,
    /// Street light controller (路灯).
    Streetlight = 1,
    /// Septic-tank level gauge (化粪池).
    Septic = 2,
    /// Smart public toilet (公厕).
    Toilet = 3,
    /// Litter bin fill sensor (垃圾箱).
    Bin = 4,
    /// Sanitation truck terminal (环卫车).
    Truck = 5,
}

/// What a field's values are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldType {
    /// A finite number between `min` and `max`, both included.
    Number {
        /// The smallest value that can be.
        min: f64,
        /// The largest value that can be.
        max: f64,
    },
    /// A whole number between `min` and `max`, both included.
    Integer {
        /// The smallest value that can be.
        min: i64,
        /// The largest value that can be.
        max: i64,
    },
    /// Yes or no; `0` and `1` are taken as well.
    Bool,
    /// A text of at most `max_bytes` bytes of UTF-8.
    Text {
        /// The longest text, in bytes.
        max_bytes: usize,
    },
}

/// A field of a kind, or an attribute of a device of that kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FieldDef {
    /// The name, with its unit as a suffix where it has one.
    pub name: &'static str,
    /// What its values are.
    pub ty: FieldType,
    /// The unit as people write it; empty where there is none.
    pub unit: &'static str,
    /// What it is, in Chinese.
    pub zh: &'static str,
    /// What it is, in English.
    pub en: &'static str,
}

/// The index of a field within its kind's [`KindDef::fields`].
///
/// Indices are stored in checkpoints and series blocks: new fields go to the end of a kind's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldId(pub u8);

/// Everything that is the same for all devices of a kind.
#[derive(Debug)]
pub struct KindDef {
    /// The kind.
    pub kind: Kind,
    /// The name used in CSV, JSON, topics and rules.
    pub name: &'static str,
    /// The kind in Chinese.
    pub zh: &'static str,
    /// The kind in English.
    pub en: &'static str,
    /// The usual reporting interval in seconds, for a device registered without one.
    pub interval_s: u32,
    /// The asset type (big and small class code of the city's table) of a device without one.
    pub asset_type: &'static str,
    /// The fields a message may carry; a [`FieldId`] is an index into this list.
    pub fields: &'static [FieldDef],
    /// The attributes a register entry may carry; rules read them as `dev.NAME`.
    pub attributes: &'static [FieldDef],
    /// The commands that a rule may give; staff may send what else a model knows.
    pub commands: &'static [CommandDef],
}

/// A command that devices of a kind take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CommandDef {
    /// The name on the wire.
    pub name: &'static str,
    /// What it needs: every one of them.
    pub args: &'static [FieldDef],
    /// What it does, in Chinese.
    pub zh: &'static str,
    /// What it does, in English.
    pub en: &'static str,
}

const fn number(
    name: &'static str,
    unit: &'static str,
    min: f64,
    max: f64,
    zh: &'static str,
    en: &'static str,
) -> FieldDef {
    FieldDef { name, ty: FieldType::Number { min, max }, unit, zh, en }
}
const fn integer(
    name: &'static str,
    unit: &'static str,
    min: i64,
    max: i64,
    zh: &'static str,
    en: &'static str,
) -> FieldDef {
    FieldDef { name, ty: FieldType::Integer { min, max }, unit, zh, en }
}
const fn flag(name: &'static str, zh: &'static str, en: &'static str) -> FieldDef {
    FieldDef { name, ty: FieldType::Bool, unit: "", zh, en }
}
const fn text(name: &'static str, max_bytes: usize, zh: &'static str, en: &'static str) -> FieldDef {
    FieldDef { name, ty: FieldType::Text { max_bytes }, unit: "", zh, en }
}

const BATTERY_PCT: FieldDef = number("battery_pct", "%", 0.0, 100.0, "电池电量", "battery charge");
const BATTERY_V: FieldDef = number("battery_v", "V", 0.0, 60.0, "电池电压", "battery voltage");
const RSSI: FieldDef = number("rssi_dbm", "dBm", -200.0, 20.0, "信号强度", "signal strength");
const SNR: FieldDef = number("snr_db", "dB", -50.0, 50.0, "信噪比", "signal-to-noise ratio");
const TEMPERATURE: FieldDef = number("temperature_c", "°C", -60.0, 150.0, "温度", "temperature");
const CH4: FieldDef = number("ch4_pct_lel", "%LEL", 0.0, 100.0, "甲烷", "methane");
const H2S: FieldDef = number("h2s_ppm", "ppm", 0.0, 1_000.0, "硫化氢", "hydrogen sulphide");
const O2: FieldDef = number("o2_pct", "%VOL", 0.0, 30.0, "氧气", "oxygen");
const DISTANCE: FieldDef = number("distance_mm", "mm", 0.0, 20_000.0, "测距", "measured distance");
const COVER_OPEN: FieldDef = flag("cover_open", "盖已打开", "cover open");
const SOS: FieldDef = flag("sos", "求助", "call for help");

static MANHOLE_FIELDS: [FieldDef; 14] = [
    BATTERY_PCT,
    BATTERY_V,
    RSSI,
    SNR,
    TEMPERATURE,
    number("tilt_deg", "°", 0.0, 180.0, "倾角", "tilt from upright"),
    COVER_OPEN,
    flag("water", "水浸", "water at the float"),
    number("water_level_cm", "cm", 0.0, 2_000.0, "水位", "water level"),
    CH4,
    H2S,
    number("co_ppm", "ppm", 0.0, 2_000.0, "一氧化碳", "carbon monoxide"),
    O2,
    number("vibration_g", "g", 0.0, 100.0, "振动", "vibration"),
];
static STREETLIGHT_FIELDS: [FieldDef; 15] = [
    BATTERY_PCT,
    BATTERY_V,
    RSSI,
    SNR,
    TEMPERATURE,
    flag("on", "亮灯", "lamp switched on"),
    number("dim_pct", "%", 0.0, 100.0, "调光", "dimming level"),
    number("power_w", "W", 0.0, 2_000.0, "功率", "active power"),
    number("voltage_v", "V", 0.0, 500.0, "电压", "supply voltage"),
    number("current_a", "A", 0.0, 50.0, "电流", "supply current"),
    number("power_factor", "", -1.0, 1.0, "功率因数", "power factor"),
    number("energy_kwh", "kWh", 0.0, 10_000_000.0, "电量", "energy counter"),
    flag("lamp_failure", "灯具故障", "lamp failure"),
    number("leakage_ma", "mA", 0.0, 10_000.0, "漏电流", "leakage current"),
    number("pole_tilt_deg", "°", 0.0, 180.0, "灯杆倾角", "pole tilt"),
];
static SEPTIC_FIELDS: [FieldDef; 12] = [
    BATTERY_PCT,
    BATTERY_V,
    RSSI,
    SNR,
    TEMPERATURE,
    number("level_pct", "%", 0.0, 150.0, "液位百分比", "level of the usable depth"),
    number("level_cm", "cm", 0.0, 2_000.0, "液位", "level"),
    DISTANCE,
    CH4,
    H2S,
    O2,
    flag("overflow", "溢出", "overflow"),
];
static TOILET_FIELDS: [FieldDef; 15] = [
    BATTERY_PCT,
    BATTERY_V,
    RSSI,
    SNR,
    TEMPERATURE,
    number("nh3_ppm", "ppm", 0.0, 500.0, "氨气", "ammonia"),
    H2S,
    number("humidity_pct", "%RH", 0.0, 100.0, "湿度", "relative humidity"),
    flag("occupied", "有人", "occupied"),
    number("stay_min", "min", 0.0, 1_440.0, "如厕时长", "length of stay"),
    integer("visits", "", 0, 1_000_000_000, "人次", "visits counted"),
    SOS,
    flag("leak", "漏水", "water leak"),
    number("paper_pct", "%", 0.0, 100.0, "厕纸余量", "paper left"),
    flag("power_ok", "供电正常", "mains power present"),
];
static BIN_FIELDS: [FieldDef; 10] = [
    BATTERY_PCT,
    BATTERY_V,
    RSSI,
    SNR,
    TEMPERATURE,
    number("fill_pct", "%", 0.0, 110.0, "满溢度", "fill level"),
    DISTANCE,
    flag("tipped", "倾倒", "tipped over"),
    COVER_OPEN,
    flag("smoke", "烟雾", "smoke"),
];
static TRUCK_FIELDS: [FieldDef; 18] = [
    BATTERY_PCT,
    BATTERY_V,
    RSSI,
    SNR,
    TEMPERATURE,
    number("latitude", "°", -90.0, 90.0, "纬度", "latitude, WGS-84"),
    number("longitude", "°", -180.0, 180.0, "经度", "longitude, WGS-84"),
    number("speed_kmh", "km/h", 0.0, 250.0, "速度", "speed over ground"),
    number("heading_deg", "°", 0.0, 360.0, "航向", "heading, clockwise from north"),
    number("altitude_m", "m", -500.0, 9_000.0, "海拔", "altitude"),
    integer("satellites", "", 0, 100, "卫星数", "satellites used"),
    number("hdop", "", 0.0, 100.0, "水平精度因子", "horizontal dilution of precision"),
    flag("fix", "定位有效", "position is valid"),
    flag("ignition", "点火", "ignition on"),
    number("odometer_km", "km", 0.0, 5_000_000.0, "里程", "odometer"),
    number("fuel_l", "L", 0.0, 2_000.0, "油量", "fuel"),
    SOS,
    text("task", 64, "作业任务", "task being worked"),
];

static MANHOLE_ATTRIBUTES: [FieldDef; 1] =
    [number("baseline_tilt_deg", "°", 0.0, 180.0, "初始倾角", "tilt at installation")];
static STREETLIGHT_ATTRIBUTES: [FieldDef; 4] = [
    number("rated_power_w", "W", 0.0, 2_000.0, "额定功率", "rated power"),
    text("on_at", 5, "开灯时刻", "switch-on time, HH:MM local"),
    text("off_at", 5, "关灯时刻", "switch-off time, HH:MM local"),
    text("road", 64, "道路", "road that the lamp stands on"),
];
static SEPTIC_ATTRIBUTES: [FieldDef; 2] = [
    number("depth_cm", "cm", 0.0, 2_000.0, "池深", "depth of the tank"),
    number("inlet_cm", "cm", 0.0, 2_000.0, "进水口高度", "height of the inlet"),
];
static TOILET_ATTRIBUTES: [FieldDef; 1] = [integer("stalls", "", 0, 1_000, "厕位数", "number of stalls")];
static BIN_ATTRIBUTES: [FieldDef; 1] =
    [number("height_mm", "mm", 0.0, 20_000.0, "箱体高度", "installed sensor height above the floor")];
static TRUCK_ATTRIBUTES: [FieldDef; 7] = [
    text("plate", 16, "车牌", "number plate"),
    text("route", 64, "作业路线", "name of the route that it works, a place of the city"),
    text("round_by", 5, "最晚作业时刻", "when its round must have begun, HH:MM local"),
    text("stops_from", 5, "收运开始时刻", "when stops begin to count as served, HH:MM local"),
    text("stops_by", 5, "收运截止时刻", "when every stop of its route must have been served, HH:MM local"),
    text("area", 64, "作业区域", "name of the area that it works in, a place of the city"),
    number("max_speed_kmh", "km/h", 5.0, 200.0, "车辆限速", "speed that the vehicle may never pass"),
];

const fn command(name: &'static str, args: &'static [FieldDef], zh: &'static str, en: &'static str) -> CommandDef {
    CommandDef { name, args, zh, en }
}
const SET_INTERVAL: CommandDef = command(
    "set_interval",
    &[integer("interval_s", "s", 10, 86_400, "上报周期", "reporting interval")],
    "设置上报周期",
    "report at this interval",
);
static MANHOLE_COMMANDS: [CommandDef; 2] =
    [SET_INTERVAL, command("set_baseline", &[], "以当前姿态为初始姿态", "take the present tilt as the tilt at rest")];
static STREETLIGHT_COMMANDS: [CommandDef; 4] = [
    SET_INTERVAL,
    command(
        "switch",
        &[flag("on", "开灯", "on or off")],
        "开灯或关灯",
        "switch the lamp on or off, whatever its hours say",
    ),
    command(
        "set_level",
        &[number("level", "%", 0.0, 100.0, "亮度", "dim level")],
        "设置亮度",
        "burn at this level while the lamp is on",
    ),
    command("clear_level", &[], "恢复自身的时段与亮度", "back to the lamp's own hours and levels"),
];
static SEPTIC_COMMANDS: [CommandDef; 1] = [SET_INTERVAL];
static TOILET_COMMANDS: [CommandDef; 2] =
    [SET_INTERVAL, command("set_fan", &[flag("on", "开启", "on or off")], "开关排风扇", "switch the fan on or off")];
static BIN_COMMANDS: [CommandDef; 1] = [SET_INTERVAL];
static TRUCK_COMMANDS: [CommandDef; 2] = [
    SET_INTERVAL,
    command(
        "say",
        &[text("text", 256, "文字", "what the driver reads or hears")],
        "向司机下发文字",
        "show or speak a text to the driver",
    ),
];

/// Every kind, in the order of [`Kind`]'s numbers.
pub static KINDS: [KindDef; 6] = [
    KindDef {
        kind: Kind::Manhole,
        name: "manhole",
        zh: "井盖",
        en: "manhole cover",
        interval_s: 21_600,
        asset_type: "01-02",
        fields: &MANHOLE_FIELDS,
        attributes: &MANHOLE_ATTRIBUTES,
        commands: &MANHOLE_COMMANDS,
    },
    KindDef {
        kind: Kind::Streetlight,
        name: "streetlight",
        zh: "路灯",
        en: "street light",
        interval_s: 900,
        asset_type: "01-37",
        fields: &STREETLIGHT_FIELDS,
        attributes: &STREETLIGHT_ATTRIBUTES,
        commands: &STREETLIGHT_COMMANDS,
    },
    KindDef {
        kind: Kind::Septic,
        name: "septic",
        zh: "化粪池",
        en: "septic tank",
        interval_s: 900,
        asset_type: "03-03",
        fields: &SEPTIC_FIELDS,
        attributes: &SEPTIC_ATTRIBUTES,
        commands: &SEPTIC_COMMANDS,
    },
    KindDef {
        kind: Kind::Toilet,
        name: "toilet",
        zh: "公共厕所",
        en: "public toilet",
        interval_s: 300,
        asset_type: "03-01",
        fields: &TOILET_FIELDS,
        attributes: &TOILET_ATTRIBUTES,
        commands: &TOILET_COMMANDS,
    },
    KindDef {
        kind: Kind::Bin,
        name: "bin",
        zh: "垃圾箱",
        en: "litter bin",
        interval_s: 3_600,
        asset_type: "03-05",
        fields: &BIN_FIELDS,
        attributes: &BIN_ATTRIBUTES,
        commands: &BIN_COMMANDS,
    },
    KindDef {
        kind: Kind::Truck,
        name: "truck",
        zh: "环卫车",
        en: "sanitation truck",
        interval_s: 30,
        asset_type: "01-95",
        fields: &TRUCK_FIELDS,
        attributes: &TRUCK_ATTRIBUTES,
        commands: &TRUCK_COMMANDS,
    },
];

impl Kind {
    /// Everything that the catalogue says of this kind.
    #[must_use]
    pub fn def(self) -> &'static KindDef {
        &KINDS[self as usize]
    }

    /// The name used in CSV, JSON, topics and rules.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.def().name
    }

    /// The kind of that name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Kind> {
        KINDS.iter().find(|def| def.name == name).map(|def| def.kind)
    }

    /// The kind with that number (its place in [`KINDS`]), if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Kind> {
        KINDS.get(usize::from(number)).map(|def| def.kind)
    }

    /// The index of the field of that name.
    #[must_use]
    pub fn field(self, name: &str) -> Option<FieldId> {
        // At most 18 short names: a scan that compares lengths first beats a hash.
        let index = self.def().fields.iter().position(|field| field.name == name)?;
        u8::try_from(index).ok().map(FieldId)
    }

    /// The definition of a field of this kind, if the index is one of this kind's.
    #[must_use]
    pub fn field_def(self, field: FieldId) -> Option<&'static FieldDef> {
        self.def().fields.get(usize::from(field.0))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_the_order_of_the_numbers_and_names_are_unique() {
        for (number, def) in KINDS.iter().enumerate() {
            assert_eq!(def.kind as usize, number);
            assert_eq!(Kind::from_name(def.name), Some(def.kind));
            for (index, field) in def.fields.iter().enumerate() {
                assert_eq!(def.kind.field(field.name), Some(FieldId(u8::try_from(index).unwrap())), "{}", field.name);
            }
        }
    }
}
