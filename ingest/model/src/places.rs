//! The city's places: fences, speed zones, roads and routes that rules ask about, in WGS-84.
//!
//! They come as GeoJSON and go out as GeoJSON ([`geojson`]); in the journal they stand as what is here, in full.

pub mod geojson;
mod stops;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The most places of a city.
pub const MAX_PLACES: usize = 5_000;
/// The most points of one place.
pub const MAX_POINTS: usize = 2_000;
/// The most points of all places together.
pub const MAX_POINTS_IN_ALL: usize = 50_000;
/// How far around a point counts as inside when its place does not say, in metres.
pub const POINT_RADIUS_M: f64 = 50.0;
/// How far beside a line counts as on it when its place does not say, in metres: half of a wide street, and what a
/// receiver errs.
pub const LINE_RADIUS_M: f64 = 25.0;
/// How far around a stop a truck counts as there when it does not say, in metres.
pub const STOP_RADIUS_M: f64 = 30.0;
/// The most stops of one route.
pub const MAX_STOPS: usize = 256;
/// The most routes of one stop.
pub const MAX_ROUTES: usize = 8;
/// What a place is that a truck has to stop at.
pub const STOP: &str = "stop";
/// The longest name of a place, or word for what it is, in bytes.
pub const MAX_PLACE_NAME_BYTES: usize = 64;
/// The most mistakes that are told at once.
pub const MAX_MISTAKES: usize = 50;

/// Longitude, latitude, in degrees, WGS-84.
pub type LonLat = [f64; 2];

/// A place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Its name, unique among the places.
    pub name: Arc<str>,
    /// What it is, such as `depot`, `working_area`, `forbidden`, `road`, `route`, `stop`. Rules ask by name or by this.
    pub kind: Arc<str>,
    /// Where it is.
    pub shape: Shape,
    /// The speed limit within it, in km/h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_limit_kmh: Option<f64>,
    /// Of a stop: the routes that it belongs to, names of other places; at most [`MAX_ROUTES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Arc<str>>,
}

/// Where a place is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Shape {
    /// Areas. Each is a list of closed rings: the outer one, then its holes.
    Area(Vec<Vec<Vec<LonLat>>>),
    /// A road or route: one line or more, and how far beside it counts as on it.
    Line {
        /// The lines.
        lines: Vec<Vec<LonLat>>,
        /// In metres.
        radius_m: f64,
    },
    /// Around a point.
    Point {
        /// The middle.
        at: LonLat,
        /// In metres.
        radius_m: f64,
    },
}

impl Shape {
    /// Every point of it.
    pub fn points(&self) -> impl Iterator<Item = LonLat> + '_ {
        let (areas, lines, one): (&[Vec<Vec<LonLat>>], &[Vec<LonLat>], _) = match self {
            Shape::Area(areas) => (areas, &[], None),
            Shape::Line { lines, .. } => (&[], lines, None),
            Shape::Point { at, .. } => (&[], &[], Some(*at)),
        };
        areas.iter().flatten().chain(lines).flatten().copied().chain(one)
    }
}

/// Something wrong with a list of places: where, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceMistake {
    /// The number of the place in its list, from 1; `None`: the list as a whole.
    pub feature: Option<usize>,
    /// Its name, where it has one.
    pub name: String,
    /// The number of the ring or line in its shape, from 1.
    pub ring: Option<usize>,
    /// What is wrong, and what to do.
    pub message: String,
}

impl PlaceMistake {
    /// A mistake of the list as a whole.
    #[must_use]
    pub fn whole(message: impl Into<String>) -> PlaceMistake {
        PlaceMistake { feature: None, name: String::new(), ring: None, message: message.into() }
    }
}

impl fmt::Display for PlaceMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(feature) = self.feature {
            write!(f, "feature {feature}")?;
            if !self.name.is_empty() {
                write!(f, " `{}`", self.name)?;
            }
            if let Some(ring) = self.ring {
                write!(f, ", ring {ring}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.message)
    }
}

/// Checks a list of places: names, sizes, positions, rings.
///
/// # Errors
/// Every mistake, at most [`MAX_MISTAKES`].
pub fn check(places: &[Place]) -> Result<(), Vec<PlaceMistake>> {
    let numbered: Vec<(usize, &Place)> = (1..).zip(places).collect();
    let mistakes = check_numbered(&numbered);
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
}

/// As [`check`], with the numbers that the places have in their file.
fn check_numbered(places: &[(usize, &Place)]) -> Vec<PlaceMistake> {
    let mut mistakes = Vec::new();
    if places.len() > MAX_PLACES {
        mistakes.push(PlaceMistake::whole(format!("{} places, at most {MAX_PLACES}", places.len())));
    }
    let mut total = 0;
    for (number, place) in places {
        let mut say = |ring: Option<usize>, message: String| {
            mistakes.push(PlaceMistake { feature: Some(*number), name: shown(&place.name), ring, message });
        };
        check_words(place, &mut say);
        check_shape(&place.shape, &mut say);
        let points = place.shape.points().count();
        if points > MAX_POINTS {
            say(None, format!("{points} points, at most {MAX_POINTS}: leave out what a fence does not need"));
        }
        total += points;
    }
    if total > MAX_POINTS_IN_ALL {
        mistakes.push(PlaceMistake::whole(format!("{total} points in all, at most {MAX_POINTS_IN_ALL}")));
    }
    mistakes.extend(check_names(places));
    mistakes.extend(stops::check(places));
    mistakes.sort_by_key(|mistake| (mistake.feature, mistake.ring));
    mistakes.truncate(MAX_MISTAKES);
    mistakes
}

fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(MAX_PLACE_NAME_BYTES).collect()
}

fn check_words(place: &Place, say: &mut impl FnMut(Option<usize>, String)) {
    for (what, text) in [("name", &place.name), ("kind", &place.kind)] {
        if text.trim().is_empty() || text.len() > MAX_PLACE_NAME_BYTES || text.chars().any(char::is_control) {
            say(None, format!("`{what}` has 1 to {MAX_PLACE_NAME_BYTES} bytes without control characters"));
        }
    }
    if place.speed_limit_kmh.is_some_and(|limit| !(1.0..=200.0).contains(&limit)) {
        say(None, "`speed_limit_kmh` is 1 to 200".to_owned());
    }
}

/// A name that stands twice, or that is the kind of another place, would be two answers to one question.
fn check_names(places: &[(usize, &Place)]) -> Vec<PlaceMistake> {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    let kinds: BTreeSet<&str> = places.iter().map(|(_, place)| &*place.kind).collect();
    let mut mistakes = Vec::new();
    for (number, place) in places {
        let mut say = |message: String| {
            mistakes.push(PlaceMistake { feature: Some(*number), name: shown(&place.name), ring: None, message });
        };
        match first.get(&*place.name) {
            Some(other) => say(format!("feature {other} has the same name")),
            None => {
                first.insert(&place.name, *number);
            }
        }
        if kinds.contains(&*place.name) && *place.name != *place.kind {
            say("the name is the `kind` of other places: a rule could not tell which is meant".to_owned());
        }
    }
    mistakes
}

fn check_shape(shape: &Shape, say: &mut impl FnMut(Option<usize>, String)) {
    match shape {
        Shape::Area(areas) => {
            if areas.iter().all(Vec::is_empty) {
                say(None, "an area without a ring".to_owned());
            }
            let mut number = 0;
            for area in areas {
                for (place, ring) in area.iter().enumerate() {
                    number += 1;
                    check_ring(ring, &mut |message| say(Some(number), message));
                    let outer = area.first().filter(|_| place > 0);
                    if let (Some(outer), Some(corner)) = (outer, ring.first())
                        && !crosses_odd(outer, *corner)
                    {
                        say(Some(number), "this hole is not within the first ring of its area".to_owned());
                    }
                }
            }
        }
        Shape::Line { lines, radius_m } => {
            if lines.is_empty() {
                say(None, "a line without points".to_owned());
            }
            for (number, line) in (1..).zip(lines) {
                check_points(line, &mut |message| say(Some(number), message));
                if line.len() < 2 {
                    say(Some(number), "a line has two points or more".to_owned());
                }
            }
            if !(1.0..=1_000.0).contains(radius_m) {
                say(None, "`radius_m` of a line is 1 to 1000".to_owned());
            }
        }
        Shape::Point { at, radius_m } => {
            check_points(&[*at], &mut |message| say(None, message));
            if !(1.0..=50_000.0).contains(radius_m) {
                say(None, "`radius_m` of a point is 1 to 50000".to_owned());
            }
        }
    }
}

fn check_points(points: &[LonLat], say: &mut impl FnMut(String)) {
    let on_earth = |[lon, lat]: &LonLat| (-180.0..=180.0).contains(lon) && (-90.0..=90.0).contains(lat);
    if let Some([lon, lat]) = points.iter().find(|point| !on_earth(point)) {
        say(format!("[{lon}, {lat}] is not on earth; GeoJSON writes the longitude first"));
    }
}

fn check_ring(ring: &[LonLat], say: &mut impl FnMut(String)) {
    check_points(ring, say);
    if ring.len() < 4 {
        return say(format!("a ring has four points or more, this one has {}", ring.len()));
    }
    if ring.first() != ring.last() {
        return say("a ring ends where it begins: write its first point once more at its end".to_owned());
    }
    // Counted from the first corner: far from zero, the products would lose the digits that matter.
    let [x0, y0] = ring.first().copied().unwrap_or_default();
    let cross = |a: &LonLat, b: &LonLat| (a[0] - x0) * (b[1] - y0) - (b[0] - x0) * (a[1] - y0);
    let doubled: f64 = ring.iter().zip(ring.iter().skip(1)).map(|(a, b)| cross(a, b)).sum();
    // A square of a centimetre.
    if doubled.abs() < 2e-14 {
        say("a ring without area: its points lie on one line".to_owned());
    }
}

/// Whether a point is within a ring: a ray to the east crosses it an odd number of times.
#[must_use]
pub fn crosses_odd(ring: &[LonLat], [lon, lat]: LonLat) -> bool {
    let mut odd = false;
    for (a, b) in ring.iter().zip(ring.iter().skip(1)) {
        if (a[1] > lat) != (b[1] > lat) && lon < a[0] + (lat - a[1]) / (b[1] - a[1]) * (b[0] - a[0]) {
            odd = !odd;
        }
    }
    odd
}

/// The places as the ledger keeps them: one journaled request's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlacesRow {
    /// Who put them.
    pub by: Arc<str>,
    /// When, in journal time.
    pub time: crate::Timestamp,
    /// All of them.
    pub places: Arc<Vec<Place>>,
}
