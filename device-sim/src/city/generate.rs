//! Filling the streets with devices.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use gengfu_model::Kind;
use serde_json::{Value, json};

use super::layout::{Place, STREET_M, Street};
use super::names::{COLLECTS, COVERS, DISTRICTS, TRUCKS};
use super::places::{area_name, route_name, shift_of};
use super::{City, CityDevice, token_of};
use crate::rng::Rng;

/// Devices of each kind in a thousand: mostly lamps and covers, as in a city of a million people.
const MIX: [(Kind, usize); 6] = [
    (Kind::Streetlight, 610),
    (Kind::Manhole, 240),
    (Kind::Bin, 70),
    (Kind::Septic, 40),
    (Kind::Toilet, 20),
    (Kind::Truck, 20),
];
/// The fewest devices of each kind in a city of at least six times as many.
const FEWEST: usize = 4;
/// Lamps on one cabinet, as counted in a real city, and on one of its two feeders.
pub(super) const LAMPS_PER_CABINET: usize = 52;
const LAMPS_PER_FEEDER: usize = LAMPS_PER_CABINET / 2;
/// Cabinets along one street.
const CABINETS_PER_STREET: usize = 2;
/// Every so many cabinets, one feeds an underpass that is lit day and night.
const UNDERPASS_EVERY: usize = 8;
/// Covers along one street, at most.
const COVERS_PER_STREET: usize = 58;

pub(super) fn generate(seed: u64, total: usize) -> City {
    let mut builder = Builder { seed, serials: HashMap::new(), devices: Vec::with_capacity(total) };
    let counts = counts(total);
    let mut by_district: Vec<Vec<(Kind, usize)>> = vec![Vec::new(); DISTRICTS.len()];
    for (kind, count) in counts {
        for (district, part) in split(count, &DISTRICTS.map(|d| d.share)).into_iter().enumerate() {
            by_district[district].push((kind, part));
        }
    }
    for (district, parts) in by_district.into_iter().enumerate() {
        builder.district(district, &parts);
    }
    City { devices: builder.devices }
}

/// How many devices of each kind a city of `total` has.
fn counts(total: usize) -> Vec<(Kind, usize)> {
    let least = if total >= FEWEST * MIX.len() { FEWEST } else { 0 };
    let parts = split(total - least * MIX.len(), &MIX.map(|(_, share)| share));
    MIX.iter().zip(parts).map(|((kind, _), part)| (*kind, part + least)).collect()
}

/// Splits `total` by shares; the parts add up to `total` exactly.
fn split(total: usize, shares: &[usize]) -> Vec<usize> {
    let sum: usize = shares.iter().sum();
    let (mut seen, mut given) = (0, 0);
    shares
        .iter()
        .map(|share| {
            seen += share;
            let part = total * seen / sum - given;
            given += part;
            part
        })
        .collect()
}

struct Builder {
    seed: u64,
    /// Next serial number per (district, class), for asset codes; looked up only, never iterated.
    serials: HashMap<(usize, String), u32>,
    devices: Vec<CityDevice>,
}

/// What a device of one kind is, before it gets its place and codes.
struct Blank {
    kind: Kind,
    prefix: &'static str,
    name: String,
    asset_type: &'static str,
    department: Arc<str>,
    interval_s: u32,
    feeder: Arc<str>,
    cabinet: Arc<str>,
    attributes: Vec<(&'static str, Value)>,
}

impl Blank {
    fn new(kind: Kind, prefix: &'static str, name: String, department: &str) -> Blank {
        let def = kind.def();
        Blank {
            kind,
            prefix,
            name,
            asset_type: def.asset_type,
            department: Arc::from(department),
            interval_s: def.interval_s,
            feeder: Arc::from(""),
            cabinet: Arc::from(""),
            attributes: Vec::new(),
        }
    }
}

impl Builder {
    fn district(&mut self, district: usize, parts: &[(Kind, usize)]) {
        let count = |kind: Kind| parts.iter().find(|(k, _)| *k == kind).map_or(0, |(_, n)| *n);
        let cabinets = count(Kind::Streetlight).div_ceil(LAMPS_PER_CABINET);
        let streets =
            cabinets.div_ceil(CABINETS_PER_STREET).max(count(Kind::Manhole).div_ceil(COVERS_PER_STREET)).max(2);
        let streets: Vec<Street> = (0..streets).map(|index| Street::new(district, index)).collect();
        for (kind, n) in parts {
            for i in 0..*n {
                match kind {
                    Kind::Streetlight => self.lamp(&streets, i),
                    Kind::Manhole => self.cover(&streets, i),
                    Kind::Septic => self.septic(&streets, i),
                    Kind::Toilet => self.toilet(&streets, i),
                    Kind::Bin => self.bin(&streets, i),
                    Kind::Truck => self.truck(&streets, i),
                }
            }
        }
    }

    fn lamp(&mut self, streets: &[Street], i: usize) {
        let cabinet = i / LAMPS_PER_CABINET;
        let street = &streets[cabinet / CABINETS_PER_STREET % streets.len()];
        let on_street = i % (LAMPS_PER_CABINET * CABINETS_PER_STREET);
        let underpass = cabinet % UNDERPASS_EVERY == 1;
        let noun = if underpass { "隧道路灯" } else { "路灯" };
        let name = format!("{}{}号{noun}", street.name, on_street + 1);
        let mut blank = Blank::new(Kind::Streetlight, "lamp", name, "路灯管理所");
        let code = format!("{}-X{:04}", street.district().short, cabinet + 1);
        blank.feeder = Arc::from(format!("{code}-L{}", 1 + i % LAMPS_PER_CABINET / LAMPS_PER_FEEDER));
        blank.cabinet = Arc::from(code);
        let rated = [60, 100, 150, 250][cabinet % 4];
        blank.attributes = vec![("rated_power_w", json!(rated)), ("road", json!(street.name.as_ref()))];
        if underpass {
            blank.attributes.extend([("on_at", json!("00:00")), ("off_at", json!("23:59"))]);
        }
        // Lamps stand in pairs, one on each side.
        let side = if on_street.is_multiple_of(2) { 9.0 } else { -9.0 };
        let place = street.place((on_street / 2) as f64 * 45.0, side);
        self.add(street, blank, place);
    }

    fn cover(&mut self, streets: &[Street], i: usize) {
        let (street, on_street) = (&streets[i % streets.len()], i / streets.len());
        let mut rng = Rng::named(self.seed, &format!("cover {} {i}", street.district));
        let mut draw = rng.below(100) as usize;
        let (asset_type, noun, department, _) = COVERS
            .iter()
            .find(|(_, _, _, share)| {
                let found = draw < *share;
                draw = draw.saturating_sub(*share);
                found
            })
            .unwrap_or(&COVERS[0]);
        let name = format!("{}{}号{noun}", street.name, on_street + 1);
        let mut blank = Blank::new(Kind::Manhole, "cover", name, department);
        blank.asset_type = asset_type;
        blank.attributes = vec![("baseline_tilt_deg", json!(tenths(rng.between(0.0, 2.5))))];
        let place = street.place((on_street as f64 * 40.0 + 7.0) % STREET_M, 3.0);
        self.add(street, blank, place);
    }

    fn septic(&mut self, streets: &[Street], i: usize) {
        let (street, on_street) = (&streets[i % streets.len()], i / streets.len());
        let mut blank =
            Blank::new(Kind::Septic, "septic", format!("{}{}号化粪池", street.name, on_street * 2 + 1), "环境卫生中心");
        let depth_cm = [200, 250, 300][i % 3];
        blank.attributes = vec![("depth_cm", json!(depth_cm)), ("inlet_cm", json!(depth_cm * 95 / 100))];
        let place = street.place((on_street as f64 * 160.0 + 60.0) % STREET_M, 30.0);
        self.add(street, blank, place);
    }

    fn toilet(&mut self, streets: &[Street], i: usize) {
        let (street, on_street) = (&streets[i % streets.len()], i / streets.len());
        let mut blank =
            Blank::new(Kind::Toilet, "toilet", format!("{}{}号公厕", street.name, on_street + 1), "环境卫生中心");
        blank.attributes = vec![("stalls", json!(4 + i % 5 * 2))];
        let place = street.place((on_street as f64 * 400.0 + 150.0) % STREET_M, -25.0);
        self.add(street, blank, place);
    }

    fn bin(&mut self, streets: &[Street], i: usize) {
        let (street, on_street) = (&streets[i % streets.len()], i / streets.len());
        let mut blank =
            Blank::new(Kind::Bin, "bin", format!("{}{}号垃圾箱", street.name, on_street + 1), "环境卫生中心");
        blank.attributes = vec![("height_mm", json!([1_000, 1_200, 1_500][i % 3]))];
        let place = street.place((on_street as f64 * 120.0 + 35.0) % STREET_M, 8.0);
        self.add(street, blank, place);
    }

    fn truck(&mut self, streets: &[Street], i: usize) {
        // Depots are at the crossing in the middle of the first streets: where trucks start their rounds.
        let street = &streets[(i / 12) % streets.len()];
        let noun = TRUCKS[i % TRUCKS.len()];
        let name = format!("{}{noun}{:02}号", street.district().name, i / TRUCKS.len() + 1);
        let mut blank = Blank::new(Kind::Truck, "truck", name, "环卫作业公司");
        let mut rng = Rng::named(self.seed, &format!("plate {} {i}", street.district));
        blank.attributes = vec![("plate", json!(format!("晋M{:05}", rng.below(100_000))))];
        let id = self.next_id(blank.prefix);
        // Two hours after its shift begins, its round has.
        let (begins, _) = shift_of(&id);
        blank.attributes.extend([
            ("route", json!(route_name(&id))),
            ("round_by", json!(format!("{:02}:{:02}", begins as u32 + 2, (begins.fract() * 60.0) as u32))),
            ("area", json!(area_name(street.district().name))),
        ]);
        if noun == COLLECTS {
            // Its round takes an hour; eight after its shift begins, every stop has been served.
            let clock = |hour: f64| json!(format!("{:02}:{:02}", hour as u32, (hour.fract() * 60.0) as u32));
            blank.attributes.extend([("stops_from", clock(begins)), ("stops_by", clock(begins + 8.0))]);
        }
        let place = street.place(STREET_M / 2.0, 0.0);
        self.add(street, blank, place);
    }

    fn next_id(&self, prefix: &str) -> String {
        format!("{prefix}-{:06}", self.devices.len() + 1)
    }

    fn add(&mut self, street: &Street, blank: Blank, place: Place) {
        let district = street.district();
        let serial = self.serials.entry((street.district, blank.asset_type.to_owned())).or_insert(0);
        *serial += 1;
        let asset_code = format!("{}{}{serial:06}", district.code, blank.asset_type.replace('-', ""));
        let id = self.next_id(blank.prefix);
        self.devices.push(CityDevice {
            token: Arc::from(token_of(self.seed, &id)),
            id: Arc::from(id),
            kind: blank.kind,
            model: Arc::from(""),
            asset_code: Arc::from(asset_code),
            name: Arc::from(blank.name),
            latitude: place.latitude,
            longitude: place.longitude,
            district: Arc::from(district.name),
            grid: place.grid,
            feeder: blank.feeder,
            cabinet: blank.cabinet,
            catchment: place.catchment,
            carrier_cell: place.carrier_cell,
            department: blank.department,
            asset_type: Arc::from(blank.asset_type),
            interval_s: blank.interval_s,
            attributes: blank.attributes.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<BTreeMap<_, _>>(),
        });
    }
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_city_has_every_kind_and_exactly_as_many_devices_as_asked() {
        for total in [0, 1, 23, 24, 100, 2_000, 10_001] {
            let city = City::generate(3, total);
            assert_eq!(city.devices.len(), total);
            let ids: BTreeSet<_> = city.devices.iter().map(|d| &d.id).collect();
            let codes: BTreeSet<_> = city.devices.iter().map(|d| &d.asset_code).collect();
            assert_eq!((ids.len(), codes.len()), (total, total), "ids and asset codes are unique");
            if total >= 24 {
                for (kind, _) in MIX {
                    assert!(city.devices.iter().filter(|d| d.kind == kind).count() >= FEWEST, "{kind} of {total}");
                }
            }
        }
    }

    #[test]
    fn codes_tokens_and_names_have_their_form() {
        let city = City::generate(11, 3_000);
        let mut names = BTreeSet::new();
        for device in &city.devices {
            assert_eq!(device.asset_code.len(), 16, "{}", device.asset_code);
            assert!(device.asset_code.bytes().all(|b| b.is_ascii_digit()));
            assert_eq!(device.asset_code[6..10], device.asset_type.replace('-', ""));
            assert!(device.token.len() >= 20);
            assert!(gengfu_model::DeviceId::new(&device.id).is_ok());
            assert_eq!(device.grid.len(), 15);
            assert!((34.5..36.0).contains(&device.latitude) && (110.0..111.6).contains(&device.longitude));
            assert!(names.insert((device.district.clone(), device.name.clone())), "{} twice", device.name);
            for name in device.attributes.keys() {
                assert!(device.kind.def().attributes.iter().any(|def| def.name == name), "{name}");
            }
        }
    }

    #[test]
    fn a_cabinet_has_52_lamps_on_two_feeders() {
        let city = City::generate(11, 3_000);
        let mut cabinets: BTreeMap<&str, (usize, BTreeSet<&str>)> = BTreeMap::new();
        for lamp in city.devices.iter().filter(|d| d.kind == Kind::Streetlight) {
            let cabinet = cabinets.entry(&lamp.cabinet).or_default();
            cabinet.0 += 1;
            cabinet.1.insert(&lamp.feeder);
        }
        assert!(cabinets.values().filter(|(lamps, _)| *lamps == LAMPS_PER_CABINET).count() > 25);
        assert!(cabinets.values().all(|(lamps, feeders)| *lamps <= LAMPS_PER_CABINET && feeders.len() <= 2));
    }
}
