//! The simulated city's places: its streets, depots, working areas, the trucks' routes with their stops, and blocks where
//! no truck may go.
//!
//! All of it follows from the register, so that a register which was read back has the same places.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::Kind;
use gengfu_model::places::{LonLat, Place, STOP, STOP_RADIUS_M, Shape};

use super::{City, CityDevice};
use crate::rng::Rng;

/// Distance between parallel streets, in metres.
const BLOCK_M: f64 = 500.0;
/// Degrees of latitude in a metre.
const LATITUDE_PER_M: f64 = 1.0 / 111_320.0;
/// A truck at its depot stands within this of its gate, in metres.
const DEPOT_RADIUS_M: f64 = 60.0;
/// How far a working area reaches beyond the rounds within it, in metres.
const AREA_MARGIN_M: f64 = 300.0;
/// Half of a forbidden block's side, in metres: streets around it are free.
const FORBIDDEN_M: f64 = 120.0;
/// From one stop of a collecting truck to the next, in metres along its round; the first is half as far from the depot.
pub(crate) const STOP_EVERY_M: f64 = 800.0;
/// Speed limits of the simulated streets, in km/h: those that run north and south are the wider ones.
const LIMITS_KMH: [f64; 2] = [60.0, 70.0];

/// The sides of a truck's round in metres, east and north, from its depot; signs say which way it goes first.
#[must_use]
pub fn round_of(truck: &str) -> (f64, f64) {
    let mut rng = Rng::named(0x0c17_f00d, truck);
    let mut side = || {
        let blocks = 2.0 + rng.below(4) as f64;
        if rng.chance(0.5) { blocks * BLOCK_M } else { -blocks * BLOCK_M }
    };
    (side(), side())
}

/// The first hour of a truck's shift and its length: two shifts that overlap, some truck is out at any hour.
#[must_use]
pub fn shift_of(truck: &str) -> (f64, f64) {
    if Rng::named(0x05_4187, truck).chance(0.5) { (4.0, 13.0) } else { (15.5, 13.5) }
}

/// Whether a truck collects: it halts at the stops of its route.
#[must_use]
pub fn collects(truck: &CityDevice) -> bool {
    truck.attribute_text("stops_by").is_some()
}

/// The name of a truck's route among the places.
pub(super) fn route_name(truck: &str) -> String {
    format!("{truck}作业路线")
}

/// The name of a district's working area among the places.
pub(super) fn area_name(district: &str) -> String {
    format!("{district}作业区")
}

impl City {
    /// The city's places, in the order: working areas, forbidden blocks, depots, routes, stops, streets.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        let trucks: Vec<&CityDevice> = self.devices.iter().filter(|device| device.kind == Kind::Truck).collect();
        let mut rounds: BTreeMap<&str, Vec<LonLat>> = BTreeMap::new();
        let mut depots: BTreeMap<[i64; 2], &CityDevice> = BTreeMap::new();
        let (mut routes, mut stops) = (Vec::new(), Vec::new());
        for truck in &trucks {
            let corners = corners(truck);
            rounds.entry(&truck.district).or_default().extend(&corners);
            depots.entry(key(truck)).or_insert(truck);
            let shape = Shape::Line { lines: vec![corners], radius_m: 25.0 };
            routes.push(place(&route_name(&truck.id), "route", shape));
            if collects(truck) {
                stops.extend(stops_of(truck));
            }
        }
        let areas = rounds.iter().map(|(district, points)| {
            place(&area_name(district), "working_area", Shape::Area(vec![vec![around(points, AREA_MARGIN_M)]]))
        });
        let mut places: Vec<Place> = areas.collect();
        let mut forbidden: BTreeMap<&str, LonLat> = BTreeMap::new();
        for depot in depots.values() {
            // The middle of the block to the north-east of the first depot.
            let [east, north] = metres(depot);
            let middle = [depot.longitude + BLOCK_M / 2.0 * east, depot.latitude + BLOCK_M / 2.0 * north];
            forbidden.entry(&depot.district).or_insert(middle);
        }
        places.extend(forbidden.iter().map(|(district, middle)| {
            let shape = Shape::Area(vec![vec![around(&[*middle], FORBIDDEN_M)]]);
            place(&format!("{district}水源保护区"), "forbidden", shape)
        }));
        places.extend(depots.values().enumerate().map(|(n, depot)| {
            let at = [depot.longitude, depot.latitude];
            place(&format!("{}{}号车场", depot.district, n + 1), "depot", Shape::Point { at, radius_m: DEPOT_RADIUS_M })
        }));
        places.extend(routes);
        places.extend(stops);
        places.extend(self.streets());
        places
    }

    /// The streets, as the lamps stand along them.
    fn streets(&self) -> Vec<Place> {
        let mut ends: BTreeMap<(&str, &str), [LonLat; 2]> = BTreeMap::new();
        for lamp in self.devices.iter().filter(|device| device.kind == Kind::Streetlight) {
            let Some(road) = lamp.attribute_text("road") else { continue };
            let at = [lamp.longitude, lamp.latitude];
            let [low, high] = ends.entry((&lamp.district, road)).or_insert([at, at]);
            *low = [low[0].min(at[0]), low[1].min(at[1])];
            *high = [high[0].max(at[0]), high[1].max(at[1])];
        }
        let long = ends.into_iter().filter(|(_, [low, high])| high[0] - low[0] + high[1] - low[1] > 0.001);
        long.map(|((district, road), [low, high])| {
            let runs_north = high[1] - low[1] > high[0] - low[0];
            // Lamps stand on both sides: the street is in the middle.
            let line = if runs_north {
                let middle = (low[0] + high[0]) / 2.0;
                vec![[middle, low[1]], [middle, high[1]]]
            } else {
                let middle = (low[1] + high[1]) / 2.0;
                vec![[low[0], middle], [high[0], middle]]
            };
            let shape = Shape::Line { lines: vec![line], radius_m: 25.0 };
            Place {
                speed_limit_kmh: Some(LIMITS_KMH[usize::from(runs_north)]),
                ..place(&format!("{district}{road}"), "road", shape)
            }
        })
        .collect()
    }
}

fn place(name: &str, kind: &str, shape: Shape) -> Place {
    Place { name: Arc::from(name), kind: Arc::from(kind), shape, speed_limit_kmh: None, routes: Vec::new() }
}

/// The round of a truck: a rectangle that begins and ends at its depot.
fn corners(truck: &CityDevice) -> Vec<LonLat> {
    let (east_m, north_m) = round_of(&truck.id);
    let [east, north] = metres(truck);
    let at = |e: f64, n: f64| [truck.longitude + e * east, truck.latitude + n * north];
    vec![at(0.0, 0.0), at(east_m, 0.0), at(east_m, north_m), at(0.0, north_m), at(0.0, 0.0)]
}

/// The stops of a truck's round, in the order in which it comes to them.
fn stops_of(truck: &CityDevice) -> Vec<Place> {
    let (sides, [east, north]) = (round_of(&truck.id), metres(truck));
    let stop = |n: u32| {
        let along_m = (f64::from(n) + 0.5) * STOP_EVERY_M;
        let spot = along_round(sides, along_m).filter(|_| along_m < round_m(sides))?;
        let at = [truck.longitude + spot.0 * east, truck.latitude + spot.1 * north];
        Some(Place {
            routes: vec![Arc::from(route_name(&truck.id))],
            ..place(&format!("{}收运点{}", truck.id, n + 1), STOP, Shape::Point { at, radius_m: STOP_RADIUS_M })
        })
    };
    (0..).map_while(stop).collect()
}

/// The length of a round, in metres.
pub(crate) fn round_m((east_m, north_m): (f64, f64)) -> f64 {
    2.0 * (east_m.abs() + north_m.abs())
}

/// Metres east and north of the depot, so far along a round; `None` beyond it. The third is the side, from 0 to 3.
pub(crate) fn along_round((east_m, north_m): (f64, f64), along_m: f64) -> Option<(f64, f64, usize)> {
    let corners = [(0.0, 0.0), (east_m, 0.0), (east_m, north_m), (0.0, north_m), (0.0, 0.0)];
    let mut left_m = along_m;
    for (side, (from, to)) in corners.iter().zip(corners.iter().skip(1)).enumerate() {
        let (east, north) = (to.0 - from.0, to.1 - from.1);
        let length_m = east.abs() + north.abs();
        if left_m <= length_m {
            let share = left_m / length_m;
            return Some((from.0 + east * share, from.1 + north * share, side));
        }
        left_m -= length_m;
    }
    None
}

/// Degrees of longitude and of latitude in a metre.
fn metres(device: &CityDevice) -> [f64; 2] {
    [LATITUDE_PER_M / device.latitude.to_radians().cos(), LATITUDE_PER_M]
}

fn key(device: &CityDevice) -> [i64; 2] {
    [device.longitude, device.latitude].map(|degrees| (degrees * 1e6).round() as i64)
}

/// A closed rectangle around points.
fn around(points: &[LonLat], margin_m: f64) -> Vec<LonLat> {
    let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    for point in points {
        low = [low[0].min(point[0]), low[1].min(point[1])];
        high = [high[0].max(point[0]), high[1].max(point[1])];
    }
    let north = margin_m * LATITUDE_PER_M;
    let east = north / low[1].to_radians().cos();
    let (w, s, e, n) = (low[0] - east, low[1] - north, high[0] + east, high[1] + north);
    vec![[w, s], [e, s], [e, n], [w, n], [w, s]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::{read_register, write_register};
    use gengfu_model::places::{check, crosses_odd};

    #[test]
    fn the_places_are_good_and_hold_every_round() {
        let city = City::generate(5, 2_000);
        let places = city.places();
        assert_eq!(check(&places), Ok(()));
        let find = |name: &str| places.iter().find(|place| *place.name == *name).map(|place| &place.shape);
        let rings = |kind: &str| -> Vec<Vec<LonLat>> {
            let areas = places.iter().filter(|place| &*place.kind == kind);
            areas
                .map(|place| match &place.shape {
                    Shape::Area(areas) => areas[0][0].clone(),
                    other => panic!("{other:?}"),
                })
                .collect()
        };
        let trucks: Vec<&CityDevice> = city.devices.iter().filter(|device| device.kind == Kind::Truck).collect();
        assert!(trucks.len() > 20);
        for truck in trucks {
            assert_eq!(truck.attribute_text("route"), Some(&*route_name(&truck.id)));
            let Some(Shape::Line { lines, .. }) = find(&route_name(&truck.id)) else { panic!("{}", truck.id) };
            let Some(Shape::Area(area)) = truck.attribute_text("area").and_then(find) else { panic!("{}", truck.id) };
            for corner in &lines[0] {
                assert!(crosses_odd(&area[0][0], *corner), "{}", truck.id);
                assert!(rings("forbidden").iter().all(|ring| !crosses_odd(ring, *corner)), "{}", truck.id);
            }
        }
        let kinds: std::collections::BTreeSet<&str> = places.iter().map(|place| &*place.kind).collect();
        assert_eq!(
            kinds.into_iter().collect::<Vec<_>>(),
            ["depot", "forbidden", "road", "route", "stop", "working_area"]
        );
    }

    #[test]
    fn a_register_that_was_read_back_has_the_same_places() {
        let city = City::generate(5, 500);
        let mut text = Vec::new();
        write_register(&city, &mut text).unwrap();
        assert_eq!(read_register(text.as_slice()).unwrap().places(), city.places());
    }
}
