//! Which fault hits whom and when: the default demonstration, and what the command line adds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::str::FromStr;

use gengfu_model::Kind;

use super::kind::{FAULTS, FaultKind, Target};
use crate::calendar::{Local, sun_hours};
use crate::city::{City, CityDevice};
use crate::rng::Rng;

/// One fault to be played, as written: `NAME:DEVICE:AT[:DURATION]`.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultSpec {
    /// Which fault.
    pub kind: FaultKind,
    /// The device's id, or the feeder, carrier cell or catchment.
    pub target: String,
    /// When it begins, in milliseconds from the start of the run.
    pub at_ms: i64,
    /// How long it lasts, in milliseconds.
    pub duration_ms: i64,
}

/// Why a fault cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// The text is of another shape.
    #[error("fault `{0}` is not of the form NAME:DEVICE:AT[:DURATION], such as cover-open:cover-000003:30s:5m")]
    Form(String),
    /// There is no such fault.
    #[error("there is no fault `{name}`; there are: {known}")]
    Name {
        /// The name as written.
        name: String,
        /// All names.
        known: String,
    },
    /// The target is not in the city, or not of the kind that the fault is for.
    #[error("fault `{fault}` cannot hit `{target}`: {problem}")]
    Target {
        /// The fault's name.
        fault: &'static str,
        /// The target as written.
        target: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl FromStr for FaultSpec {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<FaultSpec, ScriptError> {
        let form = || ScriptError::Form(text.to_owned());
        let (name, rest) = text.split_once(':').ok_or_else(form)?;
        let kind = FaultKind::from_name(name).ok_or_else(|| ScriptError::Name {
            name: name.to_owned(),
            known: FAULTS.iter().map(|def| def.name).collect::<Vec<_>>().join(", "),
        })?;
        // Ids may contain colons, so the times are taken from the end; a duration is there if both of
        // the last two parts are times.
        let (before, last) = rest.rsplit_once(':').ok_or_else(form)?;
        let last = parse_duration_ms(last).ok_or_else(form)?;
        let two = before.rsplit_once(':').and_then(|(target, at)| Some((target, parse_duration_ms(at)?)));
        let (target, at_ms, duration_ms) = match two {
            Some((target, at)) => (target, at, last),
            None => (before, last, i64::from(kind.def().duration_s) * 1_000),
        };
        if target.is_empty() || duration_ms == 0 {
            return Err(form());
        }
        Ok(FaultSpec { kind, target: target.to_owned(), at_ms, duration_ms })
    }
}

/// A time such as `90`, `90s`, `1.5m` or `2h`, in milliseconds; below 100 days.
#[must_use]
pub fn parse_duration_ms(text: &str) -> Option<i64> {
    let (number, unit_ms) = match text.strip_suffix("ms") {
        Some(number) => (number, 1.0),
        None => match text.chars().last()? {
            's' => (&text[..text.len() - 1], 1_000.0),
            'm' => (&text[..text.len() - 1], 60_000.0),
            'h' => (&text[..text.len() - 1], 3_600_000.0),
            _ => (text, 1_000.0),
        },
    };
    let ms = number.parse::<f64>().ok()? * unit_ms;
    (ms.is_finite() && (0.0..8.64e9).contains(&ms)).then_some(ms as i64)
}

/// A fault on one device, in milliseconds from the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Which fault.
    pub kind: FaultKind,
    /// When it begins.
    pub from_ms: i64,
    /// When it is over.
    pub to_ms: i64,
}

/// A fault to be played with the devices that it hits.
#[derive(Clone, Debug, PartialEq)]
pub struct Injection {
    /// What was asked for.
    pub spec: FaultSpec,
    /// Indices of the devices in the city.
    pub devices: Vec<usize>,
}

/// Finds the devices of every fault. The windows per device follow from the injections.
///
/// # Errors
/// [`ScriptError::Target`] for a target that the city does not have, or of another kind.
pub fn plan(city: &City, specs: Vec<FaultSpec>) -> Result<Vec<Injection>, ScriptError> {
    let mut by_id = HashMap::new();
    for (index, device) in city.devices.iter().enumerate() {
        by_id.insert(device.id.as_ref(), index);
    }
    let all = |fits: &dyn Fn(&CityDevice) -> bool| -> Vec<usize> {
        city.devices.iter().enumerate().filter(|(_, device)| fits(device)).map(|(index, _)| index).collect()
    };
    specs
        .into_iter()
        .map(|spec| {
            let one = || by_id.get(spec.target.as_str()).copied();
            let devices = match spec.kind.def().target {
                Target::AnyDevice => one().into_iter().collect(),
                Target::OnBattery => one().filter(|index| !city.devices[*index].on_mains()).into_iter().collect(),
                Target::Device(_) if spec.kind == FaultKind::CoverGas => {
                    one().filter(|index| city.devices[*index].has_gas_head()).into_iter().collect()
                }
                Target::Device(kind) => one().filter(|index| city.devices[*index].kind == kind).into_iter().collect(),
                Target::Feeder => all(&|device| *device.feeder == *spec.target),
                Target::CarrierCell => all(&|device| *device.carrier_cell == *spec.target),
                Target::Catchment => all(&|device| device.kind == Kind::Manhole && *device.catchment == *spec.target),
            };
            if devices.is_empty() {
                let problem = match spec.kind.def().target {
                    Target::Device(Kind::Manhole) if spec.kind == FaultKind::CoverGas && one().is_some() => {
                        "it has no head for gas"
                    }
                    Target::Device(_) | Target::AnyDevice | Target::OnBattery if one().is_some() => {
                        "it is of another kind"
                    }
                    Target::Device(_) | Target::AnyDevice | Target::OnBattery => "no such device in the city",
                    Target::Feeder => "no such feeder in the city",
                    Target::CarrierCell => "no such carrier cell in the city",
                    Target::Catchment => "no such catchment in the city",
                };
                return Err(ScriptError::Target { fault: spec.kind.name(), target: spec.target, problem });
            }
            Ok(Injection { spec, devices })
        })
        .collect()
}

/// The demonstration: a few of every fault over the first four minutes, on devices that the seed picks.
///
/// Lamps that must be lit for their fault to be seen are taken from underpasses by day.
#[must_use]
pub fn demo_script(city: &City, seed: u64, start_ms: i64) -> Vec<FaultSpec> {
    let mut picker = Picker { city, rng: Rng::named(seed, "demo script"), used: BTreeSet::new(), start_ms };
    let mut specs = Vec::new();
    // Seconds from the start, and how many of each.
    const SCRIPT: [(FaultKind, i64, usize); 23] = [
        (FaultKind::CoverDisplaced, 20, 2),
        (FaultKind::FeederOutage, 25, 1),
        (FaultKind::ToiletSos, 30, 1),
        (FaultKind::LampDark, 35, 2),
        (FaultKind::CoverTilted, 40, 2),
        (FaultKind::BinFire, 50, 1),
        (FaultKind::SepticHigh, 60, 1),
        (FaultKind::CoverGas, 70, 1),
        (FaultKind::BinFull, 80, 2),
        (FaultKind::SepticRising, 85, 1),
        (FaultKind::TruckSos, 90, 1),
        (FaultKind::CoverOpen, 100, 1),
        (FaultKind::BinTipped, 110, 1),
        (FaultKind::ToiletLeak, 120, 1),
        (FaultKind::TruckOverspeed, 130, 1),
        (FaultKind::CoverWater, 140, 2),
        (FaultKind::Silence, 150, 2),
        (FaultKind::ClockAhead, 160, 1),
        (FaultKind::ClockBehind, 170, 1),
        (FaultKind::Duplicates, 180, 2),
        (FaultKind::Backlog, 190, 2),
        (FaultKind::BatteryLow, 200, 1),
        (FaultKind::SepticOverflow, 240, 1),
    ];
    for (kind, at_s, count) in SCRIPT {
        for _ in 0..count {
            if let Some(target) = picker.target(kind) {
                let duration_ms = i64::from(kind.def().duration_s) * 1_000;
                specs.push(FaultSpec { kind, target, at_ms: at_s * 1_000, duration_ms });
            }
        }
    }
    specs
}

struct Picker<'a> {
    city: &'a City,
    rng: Rng,
    /// Devices that have a fault already: one fault each keeps the truth simple.
    used: BTreeSet<usize>,
    start_ms: i64,
}

impl Picker<'_> {
    fn target(&mut self, kind: FaultKind) -> Option<String> {
        let candidates: Vec<usize> = (0..self.city.devices.len())
            .filter(|index| !self.used.contains(index) && self.fits(kind, *index))
            .collect();
        if candidates.is_empty() {
            return None;
        }
        let index = *self.rng.pick(&candidates);
        let device = &self.city.devices[index];
        if kind.def().target != Target::Feeder {
            self.used.insert(index);
            return Some(device.id.as_ref().to_owned());
        }
        // The feeder with the most lamps among the candidates: a small city has feeders of two lamps.
        let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
        for candidate in &candidates {
            *sizes.entry(self.city.devices[*candidate].feeder.as_ref()).or_default() += 1;
        }
        let feeder = sizes.iter().max_by_key(|(_, lamps)| **lamps).map(|(feeder, _)| (*feeder).to_owned())?;
        let members = candidates.into_iter().filter(|candidate| *self.city.devices[*candidate].feeder == *feeder);
        self.used.extend(members);
        Some(feeder)
    }

    fn fits(&self, kind: FaultKind, index: usize) -> bool {
        let device = &self.city.devices[index];
        match kind.def().target {
            Target::Feeder => !device.feeder.is_empty() && self.lit(device),
            Target::CarrierCell | Target::Catchment => false,
            Target::Device(wanted) if kind == FaultKind::LampDark => device.kind == wanted && self.lit(device),
            Target::Device(_) if kind == FaultKind::CoverGas => device.has_gas_head(),
            Target::Device(wanted) => device.kind == wanted,
            Target::OnBattery => !device.on_mains(),
            // Faults of any device go to those that report often enough for it to be seen.
            Target::AnyDevice => matches!(device.kind, Kind::Truck | Kind::Toilet),
        }
    }

    /// Whether the lamp is lit from now on for a while.
    fn lit(&self, device: &CityDevice) -> bool {
        let local = Local::of(self.start_ms);
        let (rise, set) = sun_hours(device.latitude, device.longitude, local.day);
        let night = local.hour > set || local.hour < rise - 1.5;
        night || device.attribute_text("on_at").is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::days_of;

    #[test]
    fn faults_are_read_from_the_command_line() {
        let spec: FaultSpec = "cover-open:cover-000003:30s:5m".parse().unwrap();
        assert_eq!((spec.kind, spec.target.as_str()), (FaultKind::CoverOpen, "cover-000003"));
        assert_eq!((spec.at_ms, spec.duration_ms), (30_000, 300_000));
        let spec: FaultSpec = "bin_fire:city:bin:7:1.5m".parse::<FaultSpec>().unwrap();
        // `7` would be a time too: then it is taken as one.
        assert_eq!((spec.target.as_str(), spec.at_ms, spec.duration_ms), ("city:bin", 7_000, 90_000));
        let spec: FaultSpec = "silence:truck-000001:10".parse().unwrap();
        assert_eq!((spec.at_ms, spec.duration_ms), (10_000, 7_200_000));
        for bad in ["", "cover-open", "cover-open:x", "cover-open:x:soon", "cover-open::3", "cover-open:x:3:0"] {
            assert!(matches!(bad.parse::<FaultSpec>(), Err(ScriptError::Form(_))), "{bad}");
        }
        assert!(matches!("flood:x:3".parse::<FaultSpec>(), Err(ScriptError::Name { .. })));
    }

    #[test]
    fn a_target_of_another_kind_is_refused_and_a_feeder_is_all_its_lamps() {
        let city = City::generate(1, 500);
        let lamp = city.devices.iter().find(|d| d.kind == Kind::Streetlight).unwrap();
        let spec = |text: String| vec![text.parse::<FaultSpec>().unwrap()];
        let error = plan(&city, spec(format!("cover-open:{}:3", lamp.id))).unwrap_err();
        assert_eq!(error.to_string(), format!("fault `cover-open` cannot hit `{}`: it is of another kind", lamp.id));
        assert!(plan(&city, spec("cover-open:nobody:3".to_owned())).is_err());
        let plain = city.devices.iter().find(|d| d.kind == Kind::Manhole && !d.has_gas_head()).unwrap();
        let error = plan(&city, spec(format!("gas:{}:3", plain.id))).unwrap_err().to_string();
        assert!(error.ends_with("it has no head for gas"), "{error}");
        let outage = plan(&city, spec(format!("feeder-outage:{}:3", lamp.feeder))).unwrap();
        assert_eq!(outage[0].devices.len(), city.devices.iter().filter(|d| d.feeder == lamp.feeder).count());
    }

    #[test]
    fn the_demonstration_has_every_scripted_fault_at_noon_and_at_midnight() {
        let city = City::generate(1, 1_000);
        for hour in [0.5, 12.0] {
            let start = Local::ms_at(days_of(2026, 11, 23), hour);
            let specs = demo_script(&city, 1, start);
            assert_eq!(specs.len(), 31, "at {hour}");
            assert_eq!(specs, demo_script(&city, 1, start));
            let injections = plan(&city, specs).unwrap();
            let mut hit = BTreeSet::new();
            for injection in &injections {
                for index in &injection.devices {
                    assert!(hit.insert(*index), "one fault a device");
                    let lamp = &city.devices[*index];
                    if hour == 12.0 && lamp.kind == Kind::Streetlight {
                        assert!(lamp.attribute_text("on_at").is_some(), "by day only an underpass is lit");
                    }
                }
            }
        }
        // A hamlet has what it has.
        assert!(!demo_script(&City::generate(1, 30), 1, 0).is_empty());
    }
}
