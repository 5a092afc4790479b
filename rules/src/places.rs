//! The city's places as rules ask for them: found by a grid of cells, so that an answer costs what stands
//! nearby and not what there is.
//!
//! Distances are on a plane that touches the earth at the asked point: within some tens of kilometres they are
//! right to a tenth of a percent. What a question looked at is counted, so that it is part of a rule's budget.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gengfu_model::places::{LonLat, Place, Shape, crosses_odd};
use serde::{Deserialize, Serialize};

/// Mean radius of the earth in metres.
const EARTH_M: f64 = 6_371_008.8;
/// Cells to the degree: a cell is about one kilometre.
const CELLS: f64 = 100.0;
/// A place in more cells than this stands in the list of the large ones, which every question looks through.
const MAX_CELLS: usize = 400;
/// So many points of a shape that were looked at count as one operation of a rule.
const POINTS_TO_AN_OPERATION: u32 = 8;

/// Every place, with the index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<Place>", into = "Vec<Place>")]
pub struct Places {
    places: Vec<Place>,
    boxes: Vec<Box4>,
    /// Places by their name and by their kind.
    words: BTreeMap<Arc<str>, Vec<usize>>,
    cells: BTreeMap<(i32, i32), Vec<usize>>,
    large: Vec<usize>,
    /// The stops of each route, in the order of the file.
    stops: BTreeMap<Arc<str>, Vec<Stop>>,
}

/// A stop of a route.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stop {
    /// By what it is remembered, made of its name: the same in another file of places.
    pub(crate) id: u64,
    pub(crate) at: LonLat,
    pub(crate) radius_m: f64,
    /// Its place in the list.
    pub(crate) place: usize,
}

/// West, south, east, north.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Box4([f64; 4]);

impl From<Vec<Place>> for Places {
    fn from(places: Vec<Place>) -> Places {
        let mut index =
            Places { boxes: places.iter().map(|place| Box4::of(&place.shape)).collect(), ..Places::default() };
        for (number, place) in places.iter().enumerate() {
            index.words.entry(Arc::clone(&place.name)).or_default().push(number);
            if place.kind != place.name {
                index.words.entry(Arc::clone(&place.kind)).or_default().push(number);
            }
            match index.boxes.get(number).and_then(|around| around.cells()) {
                Some(cells) => cells.into_iter().for_each(|cell| index.cells.entry(cell).or_default().push(number)),
                None => index.large.push(number),
            }
            if let Shape::Point { at, radius_m } = place.shape {
                let stop = Stop { id: id_of(&place.name), at, radius_m, place: number };
                place.routes.iter().for_each(|route| index.stops.entry(Arc::clone(route)).or_default().push(stop));
            }
        }
        index.places = places;
        index
    }
}

impl From<Places> for Vec<Place> {
    fn from(index: Places) -> Vec<Place> {
        index.places
    }
}

impl Places {
    /// Every place, as it was put.
    #[must_use]
    pub fn list(&self) -> &[Place] {
        &self.places
    }

    /// Whether there is a place of that name or kind.
    #[must_use]
    pub fn has(&self, word: &str) -> bool {
        self.words.contains_key(word)
    }

    /// Every name and kind that a rule may ask for, in order.
    pub fn words(&self) -> impl Iterator<Item = &str> + Clone {
        self.words.keys().map(AsRef::as_ref)
    }

    /// The stops of a route, in the order of the file; at most
    /// [`MAX_STOPS`](gengfu_model::places::MAX_STOPS).
    pub(crate) fn stops(&self, route: &str) -> &[Stop] {
        self.stops.get(route).map_or(&[], Vec::as_slice)
    }

    /// The name of the place with that number.
    pub(crate) fn name(&self, place: usize) -> &str {
        self.places.get(place).map_or("", |place| &*place.name)
    }

    /// Whether a point is in a place of that name or kind; `None` if there is no such place. `cost` grows by the
    /// operations that it took.
    pub fn inside(&self, point: LonLat, word: &str, cost: &mut u32) -> Option<bool> {
        self.words.get(word)?;
        let is_one = |place: &Place| *place.name == *word || *place.kind == *word;
        Some(self.around(point).any(|place| is_one(place) && charged(place, cost) && contains(place, point)))
    }

    /// Metres to the nearest place of that name or kind, 0 within an area or a point's radius; `None` if there is no
    /// such place. A road or route is as far as its line.
    pub fn distance_m(&self, point: LonLat, word: &str, cost: &mut u32) -> Option<f64> {
        let mut nearest = f64::INFINITY;
        for number in self.words.get(word)? {
            let (Some(place), Some(around)) = (self.places.get(*number), self.boxes.get(*number)) else { continue };
            // What lies beyond the nearest one so far needs no closer look.
            if around.distance_m(point) < nearest && charged(place, cost) {
                nearest = nearest.min(distance_m(place, point));
            }
        }
        Some(nearest)
    }

    /// The speed limit at a point in km/h: the lowest of the areas and points that it is in, and of the nearest road
    /// that it is on, whichever is lower. `None`: no limit there.
    pub fn speed_limit_kmh(&self, point: LonLat, cost: &mut u32) -> Option<f64> {
        let mut area: Option<f64> = None;
        let mut road: Option<(f64, f64)> = None;
        for place in self.around(point) {
            let Some(limit) = place.speed_limit_kmh.filter(|_| charged(place, cost)) else { continue };
            match &place.shape {
                Shape::Line { radius_m, .. } => {
                    let away = distance_m(place, point);
                    if away <= *radius_m && road.is_none_or(|nearest| (away, limit) < nearest) {
                        road = Some((away, limit));
                    }
                }
                Shape::Area(_) | Shape::Point { .. } if contains(place, point) => {
                    area = Some(area.map_or(limit, |lowest| lowest.min(limit)));
                }
                Shape::Area(_) | Shape::Point { .. } => {}
            }
        }
        area.into_iter().chain(road.map(|(_, limit)| limit)).reduce(f64::min)
    }

    /// Those places alone that a question about one of the points can depend on: what is around it, and the nearest one
    /// of each word; and those with the numbers `more`. Every question about these points and words has the same answer
    /// as before.
    pub(crate) fn near(&self, points: &[LonLat], words: &[&str], more: impl Iterator<Item = usize>) -> Places {
        let mut kept: BTreeSet<usize> = more.collect();
        for point in points {
            let near = self.cells.get(&cell(*point)).into_iter().flatten().chain(&self.large).copied();
            kept.extend(near.filter(|number| self.boxes.get(*number).is_some_and(|around| around.holds(*point))));
            for numbers in words.iter().filter_map(|word| self.words.get(*word)) {
                let places = numbers.iter().filter_map(|number| Some((*number, self.places.get(*number)?)));
                let nearest = places.map(|(number, place)| (distance_m(place, *point), number));
                kept.extend(nearest.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, number)| number));
            }
        }
        let places: Vec<Place> = kept.into_iter().filter_map(|number| self.places.get(number)).cloned().collect();
        Places::from(places)
    }

    /// The places whose box holds a point.
    fn around(&self, point: LonLat) -> impl Iterator<Item = &Place> {
        let near = self.cells.get(&cell(point)).into_iter().flatten();
        let numbers = near.chain(&self.large).copied();
        numbers
            .filter(move |number| self.boxes.get(*number).is_some_and(|around| around.holds(point)))
            .filter_map(|number| self.places.get(number))
    }
}

/// The share of the straight way from `a` to `b` that lies within a circle, 0 to 1.
pub(crate) fn share_within(a: LonLat, b: LonLat, middle: LonLat, radius_m: f64) -> f64 {
    // Most stops lie to the north or south of the whole way, which takes no cosine.
    let north = (radius_m / EARTH_M).to_degrees();
    if a[1].max(b[1]) < middle[1] - north || a[1].min(b[1]) > middle[1] + north {
        return 0.0;
    }
    let (a, b) = (on_plane(middle, a), on_plane(middle, b));
    let way = [b[0] - a[0], b[1] - a[1]];
    let length_2 = way[0] * way[0] + way[1] * way[1];
    let out_2 = a[0] * a[0] + a[1] * a[1] - radius_m * radius_m;
    if length_2 == 0.0 {
        return if out_2 <= 0.0 { 1.0 } else { 0.0 };
    }
    // Where the line through both meets the circle: |a + t * way| = radius.
    let half = -(a[0] * way[0] + a[1] * way[1]) / length_2;
    let root = half * half - out_2 / length_2;
    if root < 0.0 {
        return 0.0;
    }
    let root = libm::sqrt(root);
    ((half + root).min(1.0) - (half - root).max(0.0)).max(0.0)
}

/// FNV-1a: the same on every machine and in every version.
fn id_of(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// Metres between two points.
#[must_use]
pub fn between_m(a: LonLat, b: LonLat) -> f64 {
    let [x, y] = on_plane(a, b);
    libm::hypot(x, y)
}

/// Counts the look at a shape; always true, so that it stands in a chain of conditions.
fn charged(place: &Place, cost: &mut u32) -> bool {
    let points = u32::try_from(place.shape.points().count()).unwrap_or(u32::MAX);
    *cost = cost.saturating_add(1 + points / POINTS_TO_AN_OPERATION);
    true
}

fn cell([lon, lat]: LonLat) -> (i32, i32) {
    (libm::floor(lon * CELLS) as i32, libm::floor(lat * CELLS) as i32)
}

impl Box4 {
    fn of(shape: &Shape) -> Box4 {
        let mut sides = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        for [lon, lat] in shape.points() {
            sides = [sides[0].min(lon), sides[1].min(lat), sides[2].max(lon), sides[3].max(lat)];
        }
        if let Shape::Point { radius_m, .. } | Shape::Line { radius_m, .. } = shape {
            let north = (radius_m / EARTH_M).to_degrees() * 1.01;
            let farthest = sides[1].abs().max(sides[3].abs()).min(89.0);
            let east = north / libm::cos(farthest.to_radians());
            sides = [sides[0] - east, sides[1] - north, sides[2] + east, sides[3] + north];
        }
        Box4(sides)
    }

    fn holds(self, [lon, lat]: LonLat) -> bool {
        let Box4([west, south, east, north]) = self;
        (west..=east).contains(&lon) && (south..=north).contains(&lat)
    }

    /// At most as far as anything within.
    fn distance_m(self, point: LonLat) -> f64 {
        let Box4([west, south, east, north]) = self;
        // The box reaches beyond the shape by its radius, and distances to lines are to the line itself: never more.
        between_m(point, [point[0].clamp(west, east), point[1].clamp(south, north)]) * 0.99
    }

    fn cells(self) -> Option<Vec<(i32, i32)>> {
        let Box4([west, south, east, north]) = self;
        let ((x0, y0), (x1, y1)) = (cell([west, south]), cell([east, north]));
        let count = i64::from(x1 - x0 + 1) * i64::from(y1 - y0 + 1);
        if count > MAX_CELLS as i64 {
            return None;
        }
        Some((x0..=x1).flat_map(|x| (y0..=y1).map(move |y| (x, y))).collect())
    }
}

fn contains(place: &Place, point: LonLat) -> bool {
    let within = |rings: &Vec<Vec<LonLat>>| match rings.split_first() {
        Some((outer, holes)) => crosses_odd(outer, point) && !holes.iter().any(|hole| crosses_odd(hole, point)),
        None => false,
    };
    match &place.shape {
        Shape::Area(areas) => areas.iter().any(within),
        Shape::Line { radius_m, .. } => distance_m(place, point) <= *radius_m,
        Shape::Point { at, radius_m } => between_m(point, *at) <= *radius_m,
    }
}

fn distance_m(place: &Place, point: LonLat) -> f64 {
    let nearest = |lines: &mut dyn Iterator<Item = &Vec<LonLat>>| {
        let parts = lines.flat_map(|line| line.iter().zip(line.iter().skip(1)));
        parts.map(|(a, b)| to_segment(on_plane(point, *a), on_plane(point, *b))).fold(f64::INFINITY, f64::min)
    };
    match &place.shape {
        Shape::Area(_) if contains(place, point) => 0.0,
        Shape::Area(areas) => nearest(&mut areas.iter().flatten()),
        Shape::Line { lines, .. } => nearest(&mut lines.iter()),
        Shape::Point { at, radius_m } => (between_m(point, *at) - radius_m).max(0.0),
    }
}

/// Metres to the east and to the north of an origin.
fn on_plane(origin: LonLat, [lon, lat]: LonLat) -> [f64; 2] {
    let east = (lon - origin[0]).to_radians() * libm::cos(origin[1].to_radians());
    [EARTH_M * east, EARTH_M * (lat - origin[1]).to_radians()]
}

/// From the origin to the line between two points.
fn to_segment(a: [f64; 2], b: [f64; 2]) -> f64 {
    let along = [b[0] - a[0], b[1] - a[1]];
    let length_2 = along[0] * along[0] + along[1] * along[1];
    let t = if length_2 > 0.0 { -(a[0] * along[0] + a[1] * along[1]) / length_2 } else { 0.0 };
    let t = t.clamp(0.0, 1.0);
    libm::hypot(a[0] + t * along[0], a[1] + t * along[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str, kind: &str, shape: Shape, limit: Option<f64>) -> Place {
        Place { name: name.into(), kind: kind.into(), shape, speed_limit_kmh: limit, routes: Vec::new() }
    }

    fn square(west: f64, south: f64, side: f64) -> Vec<LonLat> {
        let (east, north) = (west + side, south + side);
        vec![[west, south], [east, south], [east, north], [west, north], [west, south]]
    }

    fn road(from: LonLat, to: LonLat) -> Shape {
        Shape::Line { lines: vec![vec![from, to]], radius_m: 25.0 }
    }

    #[test]
    fn an_area_with_a_hole_holds_what_is_around_the_hole() {
        let first = vec![square(111.0, 35.0, 0.03), square(111.01, 35.01, 0.01)];
        // A second area within the hole of the first.
        let second = vec![square(111.014, 35.014, 0.002)];
        let places = Places::from(vec![place("yard", "depot", Shape::Area(vec![first, second]), None)]);
        for (point, wanted) in [
            ([111.005, 35.005], true),
            ([111.012, 35.012], false),
            ([111.015, 35.015], true),
            ([111.025, 35.015], true),
            ([111.031, 35.015], false),
        ] {
            assert_eq!(places.inside(point, "depot", &mut 0), Some(wanted), "{point:?}");
            assert_eq!(places.inside(point, "yard", &mut 0), Some(wanted), "{point:?}");
        }
        assert_eq!(places.inside([111.0, 35.0], "transfer_station", &mut 0), None);
        assert!(places.has("depot") && places.has("yard") && !places.has("transfer_station"));
        assert_eq!(places.words().collect::<Vec<_>>(), ["depot", "yard"]);
    }

    #[test]
    fn the_share_of_a_way_within_a_circle() {
        let metre = 1.0 / 111_194.93;
        let at = |east: f64, north: f64| [east * metre, north * metre];
        for (a, b, wanted) in [
            (at(-60.0, 0.0), at(60.0, 0.0), 0.5),
            (at(0.0, 0.0), at(0.0, 60.0), 0.5),
            (at(0.0, 60.0), at(0.0, 10.0), 0.4),
            (at(-5.0, 3.0), at(20.0, 0.0), 1.0),
            (at(10.0, 0.0), at(10.0, 0.0), 1.0),
            (at(31.0, 0.0), at(31.0, 0.0), 0.0),
            (at(-60.0, 31.0), at(60.0, 31.0), 0.0),
            (at(-60.0, 18.0), at(60.0, 18.0), 0.4),
            (at(40.0, 0.0), at(90.0, 0.0), 0.0),
            (at(-90.0, 5.0), at(-40.0, 5.0), 0.0),
        ] {
            let share = share_within(a, b, [0.0, 0.0], 30.0);
            assert!((share - wanted).abs() < 1e-4, "{a:?} {b:?}: {share}");
        }
    }

    #[test]
    fn the_grid_finds_what_a_look_at_every_place_finds() {
        // Small, touching, and one so large that it has no cells.
        let all = Shape::Area(vec![vec![square(110.5, 34.5, 1.0)]]);
        let mut list = vec![place("all", "city", all, Some(80.0))];
        for n in 0..400 {
            let (x, y) = (f64::from(n % 20), f64::from(n / 20));
            let corner = [111.0 + x * 0.007, 35.0 + y * 0.007];
            let shape = match n % 3 {
                0 => Shape::Area(vec![vec![square(corner[0], corner[1], 0.009)]]),
                1 => Shape::Point { at: corner, radius_m: 40.0 * f64::from(n % 17 + 1) },
                _ => road([111.0, 35.0], [111.0 + x * 0.01, 35.0 + y * 0.01]),
            };
            list.push(place(&format!("p{n}"), "fence", shape, Some(f64::from(n % 50 + 10))));
        }
        let places = Places::from(list.clone());
        // The last road crosses more cells than a place may stand in.
        assert_eq!(places.large, [0, 399]);
        let mut dearest = 0;
        for n in 0..4_000 {
            let point = [110.99 + f64::from(n % 80) * 0.002_1, 34.99 + f64::from(n / 80) * 0.003_3];
            let holding: Vec<_> = list.iter().filter(|place| contains(place, point)).collect();
            let fence = holding.iter().any(|place| &*place.kind == "fence");
            let mut cost = 0;
            assert_eq!(places.inside(point, "fence", &mut cost), Some(fence), "{point:?}");
            dearest = dearest.max(cost);
            let is_road = |place: &&&Place| matches!(place.shape, Shape::Line { .. });
            let roads = holding.iter().filter(is_road).map(|place| (distance_m(place, point), place.speed_limit_kmh));
            let nearest = roads.min_by(|a, b| a.partial_cmp(b).unwrap()).and_then(|(_, limit)| limit);
            let areas = holding.iter().filter(|place| !is_road(place)).filter_map(|place| place.speed_limit_kmh);
            let lowest = areas.chain(nearest).reduce(f64::min);
            assert_eq!(places.speed_limit_kmh(point, &mut 0), lowest, "{point:?}");
            let every = list.iter().filter(|place| &*place.kind == "fence");
            let nearest = every.map(|place| distance_m(place, point)).reduce(f64::min);
            assert_eq!(places.distance_m(point, "fence", &mut 0), nearest, "{point:?}");
            if n % 40 == 0 {
                let few = places.near(&[point], &["fence"], std::iter::empty());
                assert!(few.list().len() < 200, "{}", few.list().len());
                assert_eq!(few.inside(point, "fence", &mut 0), Some(fence));
                assert_eq!(few.distance_m(point, "fence", &mut 0), nearest);
                assert_eq!(few.speed_limit_kmh(point, &mut 0), lowest);
            }
        }
        // What is nearby, not what there is.
        assert!(dearest < 200, "{dearest} operations over {} places", list.len());
    }

    #[test]
    fn distances_are_metres() {
        let yard = Shape::Point { at: [111.0, 35.1], radius_m: 100.0 };
        let line = road([111.0, 35.0], [111.02, 35.0]);
        let places = Places::from(vec![place("r7", "route", line, None), place("yard", "depot", yard, None)]);
        // A degree of latitude is 111.195 km on a sphere of the mean radius.
        let near = |got: Option<f64>, wanted: f64| (got.unwrap() - wanted).abs() < 1.0;
        assert!(near(places.distance_m([111.01, 35.001], "r7", &mut 0), 111.195));
        assert!(near(places.distance_m([111.02, 35.01], "route", &mut 0), 1_111.95), "beyond its end");
        assert!(near(places.distance_m([111.0, 35.09], "yard", &mut 0), 1_011.95));
        assert!(near(places.distance_m([111.0, 35.1], "yard", &mut 0), 0.0));
        assert_eq!(places.distance_m([111.0, 35.1], "r8", &mut 0), None);
        assert_eq!(places.inside([111.01, 35.000_2], "r7", &mut 0), Some(true), "22 m beside it");
        assert_eq!(places.inside([111.01, 35.000_25], "r7", &mut 0), Some(false), "28 m beside it");
    }

    #[test]
    fn the_nearest_road_counts_and_not_the_one_that_it_crosses() {
        let fast =
            Place { speed_limit_kmh: Some(80.0), ..place("ring", "road", road([111.0, 35.0], [111.1, 35.0]), None) };
        let slow =
            Place { speed_limit_kmh: Some(30.0), ..place("lane", "road", road([111.05, 34.9], [111.05, 35.1]), None) };
        let school = Shape::Point { at: [111.02, 35.0], radius_m: 150.0 };
        let places = Places::from(vec![fast, slow, place("school", "zone", school, Some(40.0))]);
        for (point, wanted) in [
            ([111.08, 35.000_1], Some(80.0)),
            ([111.050_2, 35.000_05], Some(80.0)),
            ([111.05, 35.000_1], Some(30.0)),
            ([111.02, 35.0], Some(40.0)),
            ([111.08, 35.01], None),
        ] {
            assert_eq!(places.speed_limit_kmh(point, &mut 0), wanted, "{point:?}");
        }
    }

    #[test]
    fn reads_what_it_writes() {
        let area = Shape::Area(vec![vec![square(111.0, 35.0, 0.1)]]);
        let places = Places::from(vec![place("a", "b", area, None)]);
        let text = serde_json::to_string(&places).unwrap();
        assert_eq!(serde_json::from_str::<Places>(&text).unwrap(), places);
    }
}
