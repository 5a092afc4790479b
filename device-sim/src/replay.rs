//! Real truck traces: reading recorded positions and turning them into reports.
//!
//! The file has one position a line, `latitude|longitude|truck|address|time`, without a header, in any
//! order. Speed and heading are not in it: they follow from successive points, as a terminal without
//! its own would do it.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::Arc;

use gengfu_model::Kind;
use serde_json::json;

use crate::calendar::parse_rfc3339;
use crate::city::{City, CityDevice, token_of};
use crate::report::Report;

/// Mean radius of the earth, in metres.
const EARTH_M: f64 = 6_371_008.8;
/// Below this way between two points the direction is noise: the last heading stays.
const LEAST_WAY_M: f64 = 5.0;
/// Above this speed a truck is not slow any more, only its receiver wrong; the catalogue ends there too.
const MAX_KMH: f64 = 250.0;
/// The district code of traces from elsewhere.
const DISTRICT_CODE: &str = "140802";

/// One recorded position, with what follows from the one before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// When, epoch milliseconds, taking the file's times as UTC.
    pub at_ms: i64,
    /// Latitude in degrees, WGS-84.
    pub latitude: f64,
    /// Longitude in degrees, WGS-84.
    pub longitude: f64,
    /// Speed since the position before, in km/h; 0 for the first.
    pub speed_kmh: f64,
    /// Direction since the position before, clockwise from north.
    pub heading_deg: f64,
    /// Way since the first position, in kilometres.
    pub driven_km: f64,
}

/// One truck's positions in the order of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// The truck's name in the file.
    pub truck: String,
    /// At least one position; times strictly increase.
    pub positions: Vec<Position>,
}

/// Reads recorded positions, one trace a truck, in the order of the trucks' names. Of two positions of
/// one truck at one time the first is kept.
///
/// # Errors
/// A text that names the line and what is wrong with it.
pub fn read_traces(input: impl BufRead) -> Result<Vec<Trace>, String> {
    let mut points: BTreeMap<String, BTreeMap<i64, (f64, f64)>> = BTreeMap::new();
    for (index, line) in input.lines().enumerate() {
        let line = line.map_err(|error| format!("line {}: {error}", index + 1))?;
        if line.trim().is_empty() {
            continue;
        }
        let (truck, at_ms, place) = parse_line(&line).map_err(|problem| format!("line {}: {problem}", index + 1))?;
        points.entry(truck).or_default().entry(at_ms).or_insert(place);
    }
    if points.is_empty() {
        return Err("there is no position in it".to_owned());
    }
    Ok(points.into_iter().map(|(truck, points)| Trace { truck, positions: follow(&points) }).collect())
}

fn parse_line(line: &str) -> Result<(String, i64, (f64, f64)), String> {
    let parts: Vec<&str> = line.split('|').collect();
    let [latitude, longitude, truck, _address, time] = parts[..] else {
        return Err(format!("{} fields instead of latitude|longitude|truck|address|time", parts.len()));
    };
    let degrees = |text: &str, limit: f64| {
        let value = text.trim().parse::<f64>().ok().filter(|value| value.abs() <= limit);
        value.ok_or_else(|| format!("`{text}` is no coordinate"))
    };
    let place = (degrees(latitude, 90.0)?, degrees(longitude, 180.0)?);
    let at_ms = parse_rfc3339(time.trim()).ok_or_else(|| format!("`{time}` is no time"))?;
    let truck = truck.trim();
    if truck.is_empty() {
        return Err("no truck".to_owned());
    }
    Ok((truck.to_owned(), at_ms, place))
}

fn follow(points: &BTreeMap<i64, (f64, f64)>) -> Vec<Position> {
    let mut positions: Vec<Position> = Vec::with_capacity(points.len());
    for (at_ms, (latitude, longitude)) in points {
        let mut position = Position {
            at_ms: *at_ms,
            latitude: *latitude,
            longitude: *longitude,
            speed_kmh: 0.0,
            heading_deg: 0.0,
            driven_km: 0.0,
        };
        if let Some(last) = positions.last() {
            let (way_m, bearing_deg) = way(last, &position);
            let seconds = (at_ms - last.at_ms) as f64 / 1_000.0;
            position.speed_kmh = (way_m / seconds * 3.6).min(MAX_KMH);
            position.heading_deg = if way_m >= LEAST_WAY_M { bearing_deg } else { last.heading_deg };
            position.driven_km = last.driven_km + way_m / 1_000.0;
        }
        positions.push(position);
    }
    positions
}

/// Great-circle distance in metres and initial bearing in degrees.
fn way(from: &Position, to: &Position) -> (f64, f64) {
    let (a, b) = (from.latitude.to_radians(), to.latitude.to_radians());
    let east = (to.longitude - from.longitude).to_radians();
    let h = ((b - a) / 2.0).sin().powi(2) + a.cos() * b.cos() * (east / 2.0).sin().powi(2);
    let distance_m = 2.0 * EARTH_M * h.sqrt().min(1.0).asin();
    let bearing = (east.sin() * b.cos()).atan2(a.cos() * b.sin() - a.sin() * b.cos() * east.cos());
    (distance_m, bearing.to_degrees().rem_euclid(360.0))
}

impl Position {
    /// The report that a terminal would send from here.
    #[must_use]
    pub fn report(&self) -> Report {
        let mut report = Report::default();
        report.number("latitude", self.latitude, 6);
        report.number("longitude", self.longitude, 6);
        report.number("speed_kmh", self.speed_kmh, 1);
        report.number("heading_deg", self.heading_deg.floor(), 0);
        report.number("odometer_km", self.driven_km, 1);
        report.flag("fix", true);
        report.flag("ignition", true);
        report
    }
}

/// The register of the recorded trucks: one device a trace, in the same order.
#[must_use]
pub fn register_of(traces: &[Trace], seed: u64) -> City {
    let text = |text: &str| Arc::<str>::from(text);
    let devices = traces.iter().enumerate().map(|(index, trace)| {
        let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
        let id = format!("trace-{}", trace.truck.chars().map(safe).take(40).collect::<String>());
        let def = Kind::Truck.def();
        CityDevice {
            token: Arc::from(token_of(seed, &id)),
            id: Arc::from(id),
            kind: Kind::Truck,
            model: text(""),
            asset_code: Arc::from(format!("{DISTRICT_CODE}{}9{:05}", def.asset_type.replace('-', ""), index + 1)),
            name: Arc::from(format!("清运车 {}", trace.truck)),
            latitude: trace.positions[0].latitude,
            longitude: trace.positions[0].longitude,
            district: text("轨迹回放"),
            grid: text(""),
            feeder: text(""),
            cabinet: text(""),
            catchment: text(""),
            carrier_cell: text(""),
            department: text("环卫作业公司"),
            asset_type: text(def.asset_type),
            interval_s: 60,
            attributes: [("plate".to_owned(), json!(trace.truck))].into(),
        }
    });
    City { devices: devices.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIXTURE: &str = include_str!("../fixtures/trucks-jersey-city.csv");

    #[test]
    fn the_recorded_trucks_are_read_with_believable_speeds() {
        let traces = read_traces(FIXTURE.as_bytes()).unwrap();
        let names: Vec<&str> = traces.iter().map(|trace| trace.truck.as_str()).collect();
        assert_eq!(names, ["114", "E-7", "P-1", "S-12", "S-13", "S-15", "S-4", "S-8"]);
        let positions: Vec<&Position> = traces.iter().flat_map(|trace| &trace.positions).collect();
        assert_eq!(positions.len(), 1_990, "2,154 lines, of which 164 repeat a truck and time");
        let mut speeds: Vec<f64> = positions.iter().map(|p| p.speed_kmh).collect();
        speeds.sort_by(f64::total_cmp);
        let at = |share: f64| speeds[(share * (speeds.len() - 1) as f64) as usize];
        // Known of the whole record: half below some 12 km/h, 99 % below some 65, none above 130.
        assert!((4.0..20.0).contains(&at(0.5)), "{}", at(0.5));
        assert!((40.0..80.0).contains(&at(0.99)), "{}", at(0.99));
        assert!(at(1.0) < 130.0);
        assert!(traces.iter().all(|trace| trace.positions.windows(2).all(|pair| pair[0].at_ms < pair[1].at_ms)));
    }

    #[test]
    fn speed_and_heading_follow_from_the_points() {
        // One thousandth of a degree north is 111.2 m: in 10 s, 40.03 km/h.
        let text = "40.001|-74.0|A|x|2015-12-10T00:00:10\n40.000|-74.0|A|x|2015-12-10T00:00:00\n\
                    40.001|-73.999|A|x|2015-12-10T00:00:20\n40.001|-73.999|A|y|2015-12-10T00:00:20\n";
        let traces = read_traces(text.as_bytes()).unwrap();
        let positions = &traces[0].positions;
        assert_eq!(positions.len(), 3);
        assert!((positions[1].speed_kmh - 40.03).abs() < 0.01 && positions[1].heading_deg.abs() < 0.01);
        assert!((positions[2].heading_deg - 90.0).abs() < 0.1);
    }

    #[test]
    fn a_bad_line_is_named() {
        for (line, problem) in [
            ("40.0|-74.0|A|2015-12-10T00:00:10", "4 fields"),
            ("140.0|-74.0|A|x|2015-12-10T00:00:10", "`140.0` is no coordinate"),
            ("40.0|-74.0|A|x|noon", "`noon` is no time"),
        ] {
            let error = read_traces(format!("40|-74|A|x|2015-12-10T00:00:00\n{line}").as_bytes()).unwrap_err();
            assert!(error.starts_with(&format!("line 2: {problem}")), "{error}");
        }
    }

    #[test]
    fn trucks_get_register_entries() {
        let traces = read_traces(FIXTURE.as_bytes()).unwrap();
        let city = register_of(&traces, 1);
        assert_eq!(city.devices.len(), traces.len());
        assert_eq!(&*city.devices[1].id, "trace-E-7");
        assert!(city.devices.iter().all(|d| d.asset_code.len() == 16 && d.token.len() >= 20));
    }
}
