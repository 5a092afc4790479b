//! The list of faults: what each is called, whom it can hit, what a good rule pack says about it.

use gengfu_model::Kind;
use gengfu_model::time::{HOUR_MS, MINUTE_MS};

use FaultKind as F;
use Target::{AnyDevice, CarrierCell, Catchment, Device, Feeder, OnBattery};

/// What a fault can be put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// One device of this kind.
    Device(Kind),
    /// One device of any kind.
    AnyDevice,
    /// One device of a kind that runs on a battery.
    OnBattery,
    /// Every lamp of one feeder.
    Feeder,
    /// Every device of one carrier cell.
    CarrierCell,
    /// Every cover of one drainage catchment.
    Catchment,
}

/// A fault of the list.
#[derive(Clone, Copy, Debug)]
pub struct FaultDef {
    /// Which one it is.
    pub kind: FaultKind,
    /// The name on the command line and in the ground truth.
    pub name: &'static str,
    /// What it can be put on.
    pub target: Target,
    /// The conditions that a rule pack may give for it, any of them; empty: no incident is expected.
    pub conditions: &'static [&'static str],
    /// Conditions that are true as well while it acts: no merit to find, no mistake either.
    pub also: &'static [&'static str],
    /// How long it lasts unless said otherwise, in seconds.
    pub duration_s: u32,
    /// While it acts, the device reports this often, in seconds, as devices in alarm do; `None`: as usual.
    pub cadence_s: Option<u32>,
    /// By how much it puts the device's clock wrong, in milliseconds.
    pub clock_error_ms: i64,
}

/// A fault that the simulator can play.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FaultKind {
    /// The cover lies beside its frame: tilted by more than 30 degrees, open.
    CoverDisplaced,
    /// The cover is tilted by 15 degrees and stays so.
    CoverTilted,
    /// The cover was lifted: beyond 90 degrees, the magnet says open.
    CoverOpen,
    /// Methane and hydrogen sulphide in the well, above the first alarm level.
    CoverGas,
    /// Water up to the float.
    CoverWater,
    /// Water at the float of every cover of a catchment: a storm.
    Storm,
    /// The lamp is switched on and stays dark.
    LampDark,
    /// The lamp burns by day.
    LampDayBurning,
    /// A feeder trips: its lamps gasp and fall silent.
    FeederOutage,
    /// The tank stands above its alarm level.
    SepticHigh,
    /// The tank rises by 90 % an hour: it is blocked.
    SepticRising,
    /// The tank runs over.
    SepticOverflow,
    /// The bin is full and stays full.
    BinFull,
    /// The bin burns: heat and smoke.
    BinFire,
    /// The bin lies on its side.
    BinTipped,
    /// Somebody pressed the emergency button.
    ToiletSos,
    /// Water on the floor.
    ToiletLeak,
    /// Ammonia above the limit of the third class.
    ToiletOdour,
    /// The driver calls for help.
    TruckSos,
    /// The truck drives at 86 km/h.
    TruckOverspeed,
    /// The receiver sees no satellites: the last position is repeated.
    TruckNoFix,
    /// The battery is nearly empty.
    BatteryLow,
    /// The device says nothing any more.
    Silence,
    /// A carrier cell is down: all its devices are silent. No single cover or lamp is at fault.
    CellOutage,
    /// The device's clock is ten minutes ahead: its messages belong into quarantine.
    ClockAhead,
    /// The device's clock is an hour behind: its messages count as late.
    ClockBehind,
    /// Every message is sent twice, the second time marked as a repeat.
    Duplicates,
    /// The device has no network, keeps its messages, and sends all of them when it is back.
    Backlog,
    /// The truck works kilometres away from its area.
    TruckAstray,
}

/// Every fault, in the order of [`FaultKind`].
pub static FAULTS: [FaultDef; 29] = [
    fault(F::CoverDisplaced, "cover-displaced", Device(Kind::Manhole), 900)
        .expecting(&["cover_displaced", "cover_open"])
        .also(&["cover_tilted"])
        .reporting_every(30),
    fault(F::CoverTilted, "cover-tilted", Device(Kind::Manhole), 900).expecting(&["cover_tilted"]).reporting_every(20),
    fault(F::CoverOpen, "cover-open", Device(Kind::Manhole), 600)
        .expecting(&["cover_open", "cover_displaced"])
        .also(&["cover_tilted"])
        .reporting_every(30),
    fault(F::CoverGas, "gas", Device(Kind::Manhole), 900).expecting(&["gas_alarm"]).reporting_every(20),
    fault(F::CoverWater, "water", Device(Kind::Manhole), 1_200).expecting(&["manhole_water"]).reporting_every(60),
    fault(F::Storm, "storm", Catchment, 1_200).expecting(&["manhole_water", "flood"]).reporting_every(60),
    fault(F::LampDark, "lamp-dark", Device(Kind::Streetlight), 3_600).expecting(&["lamp_dark"]).reporting_every(60),
    fault(F::LampDayBurning, "lamp-day-burning", Device(Kind::Streetlight), 3_600)
        .expecting(&["day_burner"])
        .reporting_every(60),
    fault(F::FeederOutage, "feeder-outage", Feeder, 5_400).expecting(&["feeder_outage", "lamp_dark"]).also(&[
        "device_silent",
        "feeder_silent",
        "supply_voltage",
    ]),
    fault(F::SepticHigh, "septic-high", Device(Kind::Septic), 1_800)
        .expecting(&["septic_high"])
        .also(&["septic_rising"])
        .reporting_every(60),
    fault(F::SepticRising, "septic-rising", Device(Kind::Septic), 1_800)
        .expecting(&["septic_rising"])
        .reporting_every(60),
    fault(F::SepticOverflow, "septic-overflow", Device(Kind::Septic), 1_800)
        .expecting(&["septic_overflow"])
        .also(&["septic_high", "septic_rising"])
        .reporting_every(60),
    fault(F::BinFull, "bin-full", Device(Kind::Bin), 3_600).expecting(&["bin_full"]).reporting_every(120),
    fault(F::BinFire, "bin-fire", Device(Kind::Bin), 600).expecting(&["bin_fire"]).reporting_every(20),
    fault(F::BinTipped, "bin-tipped", Device(Kind::Bin), 900).expecting(&["bin_tipped"]).reporting_every(60),
    fault(F::ToiletSos, "toilet-sos", Device(Kind::Toilet), 300).expecting(&["toilet_sos"]).reporting_every(20),
    fault(F::ToiletLeak, "toilet-leak", Device(Kind::Toilet), 900).expecting(&["toilet_leak"]).reporting_every(30),
    fault(F::ToiletOdour, "toilet-odour", Device(Kind::Toilet), 2_400)
        .expecting(&["toilet_odour"])
        .also(&["gas_alarm"])
        .reporting_every(60),
    fault(F::TruckSos, "truck-sos", Device(Kind::Truck), 300).expecting(&["truck_sos"]).reporting_every(10),
    fault(F::TruckOverspeed, "truck-overspeed", Device(Kind::Truck), 300)
        .expecting(&["truck_overspeed"])
        .reporting_every(10),
    fault(F::TruckNoFix, "gps-lost", Device(Kind::Truck), 900)
        .expecting(&["position_unreliable"])
        .also(&["truck_idle"])
        .reporting_every(30),
    fault(F::BatteryLow, "battery-low", OnBattery, 3_600).expecting(&["battery_low"]),
    fault(F::Silence, "silence", AnyDevice, 7_200).expecting(&["device_silent"]),
    fault(F::CellOutage, "cell-outage", CarrierCell, 7_200).expecting(&["device_silent", "cell_outage"]),
    fault(F::ClockAhead, "clock-ahead", AnyDevice, 300).also(&["device_silent"]).with_clock_off_by(10 * MINUTE_MS),
    fault(F::ClockBehind, "clock-behind", AnyDevice, 300).also(&["device_silent"]).with_clock_off_by(-HOUR_MS),
    fault(F::Duplicates, "duplicates", AnyDevice, 300),
    fault(F::Backlog, "backlog", AnyDevice, 120).also(&["device_silent"]).reporting_every(10),
    fault(F::TruckAstray, "truck-astray", Device(Kind::Truck), 900)
        .expecting(&["truck_out_of_area"])
        .also(&["truck_off_route", "position_unreliable"])
        .reporting_every(10),
];

const fn fault(kind: FaultKind, name: &'static str, target: Target, duration_s: u32) -> FaultDef {
    FaultDef { kind, name, target, duration_s, conditions: &[], also: &[], cadence_s: None, clock_error_ms: 0 }
}

impl FaultDef {
    const fn expecting(mut self, conditions: &'static [&'static str]) -> FaultDef {
        self.conditions = conditions;
        self
    }

    const fn also(mut self, conditions: &'static [&'static str]) -> FaultDef {
        self.also = conditions;
        self
    }

    const fn reporting_every(mut self, seconds: u32) -> FaultDef {
        self.cadence_s = Some(seconds);
        self
    }

    const fn with_clock_off_by(mut self, ms: i64) -> FaultDef {
        self.clock_error_ms = ms;
        self
    }
}

impl FaultKind {
    /// What the list says about this fault.
    #[must_use]
    pub fn def(self) -> &'static FaultDef {
        &FAULTS[self as usize]
    }

    /// The name on the command line and in the ground truth.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.def().name
    }

    /// The fault of that name; `_` and `-` are the same.
    #[must_use]
    pub fn from_name(name: &str) -> Option<FaultKind> {
        let name = name.replace('_', "-");
        FAULTS.iter().find(|def| def.name == name).map(|def| def.kind)
    }

    /// What the fault looks like on one device of its target: a storm is water at each cover, and so on.
    #[must_use]
    pub fn on_member(self) -> FaultKind {
        if self == FaultKind::Storm { FaultKind::CoverWater } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_found_by_its_name_and_stands_for_itself() {
        for (number, def) in FAULTS.iter().enumerate() {
            assert_eq!(def.kind as usize, number);
            assert_eq!(FaultKind::from_name(def.name), Some(def.kind));
            assert_eq!(FaultKind::from_name(&def.name.replace('-', "_")), Some(def.kind));
            assert!(def.duration_s > 0);
        }
        assert_eq!(FaultKind::from_name("earthquake"), None);
    }
}
