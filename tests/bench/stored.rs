//! Bytes of a stored point: what a simulated city says in a day, and recorded truck traces, in the embedded store,
//! as rows (the day under way) and sealed into blocks (every day before).

use std::path::Path;

use gengfu_connectors::SeriesStore;
use gengfu_connectors::series::SqliteSeries;
use gengfu_model::time::DAY_MS;
use gengfu_model::{DeviceId, Kind, Point, Seq, Timestamp, Value};
use gengfu_sim::city::City;
use gengfu_sim::faults::ActiveFaults;
use gengfu_sim::physics::{Physics, Scene, Weather};
use gengfu_sim::replay::read_traces;
use gengfu_sim::report::{Printed, Report};

use crate::say;

/// A Monday, 2026-07-13T00:00:00Z.
const MIDNIGHT_MS: i64 = 1_783_900_800_000;
const CITY: usize = 1_200;
/// The part of the recorded traces that the repository carries.
const TRACES: &str = "device-sim/fixtures/trucks-jersey-city.csv";

/// Measures both; `TRUCK_TRACES` names a larger file of traces.
pub(crate) fn stored(folder: &Path) {
    measure(folder, "a day of a simulated city", &city_points());
    let path = std::env::var("TRUCK_TRACES")
        .unwrap_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join(TRACES).to_string_lossy().into_owned());
    measure(folder, "recorded truck traces", &trace_points(Path::new(&path), 1));
    // A file a day has pages that are there whatever it holds; in a fleet of a city's size they are little.
    measure(folder, "the same traces, each for sixteen trucks", &trace_points(Path::new(&path), 16));
}

fn measure(folder: &Path, what: &str, points: &[Point]) {
    let dir = folder.join(what.replace(' ', "-"));
    let mut store = SqliteSeries::open(&dir).expect("a store");
    for part in points.chunks(5_000) {
        store.write(part).expect("points are written");
    }
    drop(store);
    let rows = bytes(&dir);
    let mut store = SqliteSeries::open(&dir).expect("a store");
    while store.seal(Timestamp(i64::MAX / 2)).expect("days are sealed") {}
    drop(store);
    let count = points.len().max(1) as f64;
    let (rows, sealed) = (rows as f64 / count, bytes(&dir) as f64 / count);
    say(&format!("{what}, {} points: {rows:.1} bytes a point as rows, {sealed:.2} sealed", points.len()));
}

fn bytes(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).expect("the store's folder").flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|data| data.len()).sum()
}

/// What every device says at its interval over a day.
fn city_points() -> Vec<Point> {
    let city = City::generate(7, CITY);
    let (weather, quiet) = (Weather::new(7), ActiveFaults::default());
    let mut said: Vec<(i64, usize, Report)> = Vec::new();
    for (index, device) in city.devices.iter().enumerate() {
        let mut physics = Physics::new(device, 7, MIDNIGHT_MS);
        let interval_ms = i64::from(device.interval_s) * 1_000;
        let mut at = MIDNIGHT_MS + interval_ms * index as i64 / CITY as i64;
        while at < MIDNIGHT_MS + DAY_MS {
            let report = physics.sample(&Scene::at(at, &weather, &quiet));
            // A device's clock has milliseconds, and its interval is not exact.
            let jitter = (at / 7 + index as i64 * 7_919) % 400;
            said.push((at + jitter, index, report));
            at += interval_ms;
        }
    }
    said.sort_by_key(|(at, index, _)| (*at, *index));
    points(said.into_iter().map(|(at, index, report)| (at, &*city.devices[index].id, city.devices[index].kind, report)))
}

/// The traces, each under `times` names.
fn trace_points(path: &Path, times: usize) -> Vec<Point> {
    let file = std::fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let traces = read_traces(std::io::BufReader::new(file)).expect("the traces are read");
    let mut said: Vec<(i64, String, Report)> = Vec::new();
    for (trace, number) in traces.iter().flat_map(|trace| (0..times).map(move |number| (trace, number))) {
        let truck = format!("{}-{number}", trace.truck);
        said.extend(trace.positions.iter().map(|position| (position.at_ms, truck.clone(), position.report())));
    }
    said.sort_by(|(at, truck, _), (other_at, other, _)| (at, truck).cmp(&(other_at, other)));
    points(said.iter().map(|(at, truck, report)| (*at, truck.as_str(), Kind::Truck, report.clone())))
}

/// Reports as the gateway stores them: one sequence a message.
fn points<'a>(said: impl Iterator<Item = (i64, &'a str, Kind, Report)>) -> Vec<Point> {
    let mut points = Vec::new();
    for (seq, (at, id, kind, report)) in (1..).zip(said) {
        let safe: String = id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let device = DeviceId::new(&format!("device-{safe}")).expect("a device id");
        for (name, printed) in &report.fields {
            let Some(field) = kind.field(name) else { continue };
            let value = match printed {
                Printed::Number(value, decimals) => {
                    Value::Number(format!("{value:.decimals$}").parse().expect("a number that was printed"))
                }
                Printed::Integer(value) => Value::Number(*value as f64),
                Printed::Flag(yes) => Value::Bool(*yes),
                Printed::Text(text) => Value::Text((*text).into()),
            };
            let device = device.clone();
            points.push(Point { device, kind, field, time: Timestamp(at), seq: Seq(seq), value });
        }
    }
    points
}
