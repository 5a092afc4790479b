//! The list of faults: what each is called, whom it can hit, what a good rule pack says about it.

use gengfu_model::Kind;
use gengfu_model::time::{HOUR_MS, MINUTE_MS};

/// What a fault can be put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// One device of this kind.
    Device(Kind),
    /// One device of any kind.
    AnyDevice,
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
    /// How long it lasts unless said otherwise, in seconds.
    pub duration_s: u32,
    /// While it acts, the device reports this often, in seconds, as devices in alarm do; `None`: as usual.
    pub cadence_s: Option<u32>,
    /// By how much it puts the device's clock wrong, in milliseconds.
    pub clock_error_ms: i64,
}

const fn fault(
    kind: FaultKind,
    name: &'static str,
    target: Target,
    conditions: &'static [&'static str],
    duration_s: u32,
    cadence_s: Option<u32>,
) -> FaultDef {
    FaultDef { kind, name, target, conditions, duration_s, cadence_s, clock_error_ms: 0 }
}

macro_rules! fault_kinds {
    ($($(#[$doc:meta])* $kind:ident => $def:expr,)*) => {
        /// A fault that the simulator can play.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FaultKind { $($(#[$doc])* $kind,)* }

        impl FaultKind {
            /// Every fault, in the order of the list.
            pub const ALL: &'static [FaultKind] = &[$(FaultKind::$kind),*];

            /// What the list says about this fault.
            #[must_use]
            pub fn def(self) -> &'static FaultDef {
                match self {
                    $(FaultKind::$kind => { static DEF: FaultDef = $def; &DEF })*
                }
            }
        }
    };
}

use FaultKind as F;
use Target::{AnyDevice, CarrierCell, Catchment, Device, Feeder};

fault_kinds! {
    /// The cover lies beside its frame: tilted by more than 30 degrees, open.
    CoverDisplaced => fault(F::CoverDisplaced, "cover-displaced", Device(Kind::Manhole), &["cover_displaced", "cover_open"], 900, Some(30)),
    /// The cover is tilted by 15 degrees and stays so.
    CoverTilted => fault(F::CoverTilted, "cover-tilted", Device(Kind::Manhole), &["cover_tilted", "cover_displaced"], 900, Some(20)),
    /// The cover was lifted: beyond 90 degrees, the magnet says open.
    CoverOpen => fault(F::CoverOpen, "cover-open", Device(Kind::Manhole), &["cover_open", "cover_displaced"], 600, Some(30)),
    /// Methane and hydrogen sulphide in the well, above the first alarm level.
    CoverGas => fault(F::CoverGas, "gas", Device(Kind::Manhole), &["gas_leak", "gas", "gas_high", "ch4_high", "h2s_high"], 900, Some(20)),
    /// Water up to the float.
    CoverWater => fault(F::CoverWater, "water", Device(Kind::Manhole), &["flooding", "road_flooded", "water", "water_high"], 1_200, Some(60)),
    /// Water at the float of every cover of a catchment: a storm.
    Storm => fault(F::Storm, "storm", Catchment, &["flooding", "road_flooded", "water", "water_high", "catchment_flooded"], 1_200, Some(60)),
    /// The lamp is switched on and stays dark.
    LampDark => fault(F::LampDark, "lamp-dark", Device(Kind::Streetlight), &["lamp_dark"], 3_600, Some(60)),
    /// The lamp burns by day.
    LampDayBurning => fault(F::LampDayBurning, "lamp-day-burning", Device(Kind::Streetlight), &["lamp_day_burning", "day_burning", "lamp_schedule"], 3_600, Some(60)),
    /// A feeder trips: its lamps gasp and fall silent.
    FeederOutage => fault(F::FeederOutage, "feeder-outage", Feeder, &["feeder_outage"], 5_400, None),
    /// The tank stands above its alarm level.
    SepticHigh => fault(F::SepticHigh, "septic-high", Device(Kind::Septic), &["septic_high", "septic_level", "septic_overflow"], 1_800, Some(60)),
    /// The tank rises by 90 % an hour: it is blocked.
    SepticRising => fault(F::SepticRising, "septic-rising", Device(Kind::Septic), &["septic_rising"], 1_800, Some(60)),
    /// The tank runs over.
    SepticOverflow => fault(F::SepticOverflow, "septic-overflow", Device(Kind::Septic), &["septic_overflow", "septic_high"], 1_800, Some(60)),
    /// The bin is full and stays full.
    BinFull => fault(F::BinFull, "bin-full", Device(Kind::Bin), &["bin_full", "bin_overflow"], 3_600, Some(120)),
    /// The bin burns: heat and smoke.
    BinFire => fault(F::BinFire, "bin-fire", Device(Kind::Bin), &["bin_fire"], 600, Some(20)),
    /// The bin lies on its side.
    BinTipped => fault(F::BinTipped, "bin-tipped", Device(Kind::Bin), &["bin_tipped"], 900, Some(60)),
    /// Somebody pressed the emergency button.
    ToiletSos => fault(F::ToiletSos, "toilet-sos", Device(Kind::Toilet), &["toilet_sos", "sos"], 300, Some(20)),
    /// Water on the floor.
    ToiletLeak => fault(F::ToiletLeak, "toilet-leak", Device(Kind::Toilet), &["toilet_leak", "leak"], 900, Some(30)),
    /// Ammonia above the limit of the third class.
    ToiletOdour => fault(F::ToiletOdour, "toilet-odour", Device(Kind::Toilet), &["toilet_odour", "odour"], 2_400, Some(60)),
    /// The driver calls for help.
    TruckSos => fault(F::TruckSos, "truck-sos", Device(Kind::Truck), &["truck_sos", "sos"], 300, Some(10)),
    /// The truck drives at 86 km/h.
    TruckOverspeed => fault(F::TruckOverspeed, "truck-overspeed", Device(Kind::Truck), &["truck_overspeed", "truck_speeding", "overspeed"], 300, Some(10)),
    /// The battery is nearly empty.
    BatteryLow => fault(F::BatteryLow, "battery-low", AnyDevice, &["battery_low"], 3_600, None),
    /// The device says nothing any more.
    Silence => fault(F::Silence, "silence", AnyDevice, &["device_silent"], 7_200, None),
    /// A carrier cell is down: all its devices are silent. No single cover or lamp is at fault.
    CellOutage => fault(F::CellOutage, "cell-outage", CarrierCell, &["device_silent", "cell_outage"], 7_200, None),
    /// The device's clock is ten minutes ahead: its messages belong into quarantine.
    ClockAhead => FaultDef { clock_error_ms: 10 * MINUTE_MS, ..fault(F::ClockAhead, "clock-ahead", AnyDevice, &[], 300, None) },
    /// The device's clock is an hour behind: its messages count as late.
    ClockBehind => FaultDef { clock_error_ms: -HOUR_MS, ..fault(F::ClockBehind, "clock-behind", AnyDevice, &[], 300, None) },
    /// Every message is sent twice, the second time marked as a repeat.
    Duplicates => fault(F::Duplicates, "duplicates", AnyDevice, &[], 300, None),
    /// The device has no network, keeps its messages, and sends all of them when it is back.
    Backlog => fault(F::Backlog, "backlog", AnyDevice, &[], 120, Some(10)),
}

impl FaultKind {
    /// The name on the command line and in the ground truth.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.def().name
    }

    /// The fault of that name; `_` and `-` are the same.
    #[must_use]
    pub fn from_name(name: &str) -> Option<FaultKind> {
        let name = name.replace('_', "-");
        FaultKind::ALL.iter().copied().find(|kind| kind.name() == name)
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
        for kind in FaultKind::ALL {
            assert_eq!(kind.def().kind, *kind);
            assert_eq!(FaultKind::from_name(kind.name()), Some(*kind));
            assert_eq!(FaultKind::from_name(&kind.name().replace('-', "_")), Some(*kind));
            assert!(kind.def().duration_s > 0);
        }
        assert_eq!(FaultKind::from_name("earthquake"), None);
    }
}
