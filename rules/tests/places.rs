//! The words of places, in both tiers: fences, distances, routes, speed zones, and positions that are not good.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::{Bench, V, rule};
use gengfu_model::Kind;
use gengfu_model::places::geojson::from_geojson;
use gengfu_model::places::{Place, Shape};
use gengfu_rules::{Context, Pack, Places, RuleState, Tier};

const LOOP: &str = "for n in 0..1 { }\n";
/// A depot of a kilometre, a school zone at 30 km/h within a zone at 60, and a route along a parallel.
const CITY: &str = r#"{"type":"FeatureCollection","features":[
 {"type":"Feature","properties":{"name":"东郊车场","kind":"depot"},
  "geometry":{"type":"Polygon","coordinates":[[[111.00,35.00],[111.01,35.00],[111.01,35.01],[111.00,35.01],[111.00,35.00]]]}},
 {"type":"Feature","properties":{"name":"centre","kind":"zone","speed_limit_kmh":60},
  "geometry":{"type":"Polygon","coordinates":[[[111.00,35.00],[111.10,35.00],[111.10,35.10],[111.00,35.10],[111.00,35.00]]]}},
 {"type":"Feature","properties":{"name":"school","kind":"zone","speed_limit_kmh":30,"radius_m":200},
  "geometry":{"type":"Point","coordinates":[111.05,35.05]}},
 {"type":"Feature","properties":{"name":"R7","kind":"route"},
  "geometry":{"type":"LineString","coordinates":[[111.00,35.02],[111.10,35.02]]}}]}"#;

fn truck(before: &str, condition: &str) -> Bench {
    let mut bench = Bench::of(Kind::Truck, &format!("{before}incident({condition});"));
    assert_eq!(bench.pack.rules()[0].tier == Tier::Interpreter, !before.is_empty());
    bench.city.put_places(from_geojson(CITY, None).unwrap());
    bench.device.attributes.insert("route".into(), gengfu_model::Value::Text("R7".into()));
    bench
}

/// What the condition is at a position, with further fields.
fn at(bench: &mut Bench, lon: f64, lat: f64, more: &[(&'static str, V)]) -> &'static str {
    bench.state = RuleState::default();
    bench.latest = gengfu_rules::Latest::default();
    bench.inherits = true;
    let mut fields = vec![("longitude", V::N(lon)), ("latitude", V::N(lat))];
    fields.extend_from_slice(more);
    match bench.feed(&fields).first().map(String::as_str) {
        Some("+r/k major") => "true",
        Some("-r/k") => "false",
        _ => "unknown",
    }
}

#[test]
fn positions_are_asked_of_the_city_in_both_tiers() {
    for before in ["", LOOP] {
        for (condition, lon, lat, wanted) in [
            ("inside(\"depot\", msg)", 111.005, 35.005, "true"),
            ("inside(\"东郊车场\", msg)", 111.005, 35.005, "true"),
            ("inside(\"depot\", msg)", 111.02, 35.005, "false"),
            ("inside(\"landfill\", msg)", 111.02, 35.005, "unknown"),
            ("distance_m(\"depot\", msg) < 1.0", 111.005, 35.005, "true"),
            ("between(distance_m(\"depot\", msg), 900.0, 920.0)", 111.02, 35.005, "true"),
            ("off_route(msg, dev)", 111.05, 35.0208, "false"),
            ("off_route(msg, dev)", 111.05, 35.0212, "true"),
            ("off_route(msg, dev, 200.0)", 111.05, 35.0212, "false"),
            ("speed_limit(msg) == 60.0", 111.08, 35.08, "true"),
            ("speed_limit(msg) == 30.0", 111.05, 35.051, "true"),
            ("speed_limit(msg) > 0.0", 112.0, 35.0, "unknown"),
        ] {
            let mut bench = truck(before, condition);
            assert_eq!(at(&mut bench, lon, lat, &[]), wanted, "{condition} at {lon} {lat}, {before}");
        }
    }
}

#[test]
fn a_position_that_is_not_good_is_unknown() {
    let mut bench = truck("", "inside(\"depot\", msg)");
    for (more, wanted) in [
        (vec![("fix", V::B(true)), ("satellites", V::N(4.0)), ("hdop", V::N(5.0))], "true"),
        (vec![("fix", V::B(false))], "unknown"),
        (vec![("satellites", V::N(3.0))], "unknown"),
        (vec![("hdop", V::N(5.5))], "unknown"),
    ] {
        assert_eq!(at(&mut bench, 111.005, 35.005, &more), wanted, "{more:?}");
    }
}

#[test]
fn a_device_that_does_not_move_is_where_the_register_says() {
    let mut bench = Bench::of(Kind::Manhole, "incident(msg.water && inside(\"depot\", dev));");
    bench.city.put_places(from_geojson(CITY, None).unwrap());
    assert_eq!(bench.feed(&[("water", true.into())]).len(), 0, "unknown without a position");
    (bench.device.longitude, bench.device.latitude) = (Some(111.005), Some(35.005));
    assert_eq!(bench.feed(&[("water", true.into())]), ["+r/k major"]);
}

#[test]
fn mistakes_are_said_at_load() {
    for (kind, body, wanted) in [
        ("manhole", "incident(inside(\"depot\", msg));", "has no field `longitude`"),
        ("truck", "incident(inside(3, msg));", "a whole number stands where a text"),
        ("truck", "incident(inside(\"depot\", msg.speed_kmh));", "asked of the message or of the device"),
        ("manhole", "incident(msg.water && off_route(msg, dev));", "has no attribute `route`"),
        ("truck", "incident(speed_limit(msg));", "a number stands where a condition"),
    ] {
        let files = [("r.rhai".to_owned(), rule(kind, body))].into();
        let mistakes = Pack::compile(&files).unwrap_err();
        assert!(common::show(&mistakes).contains(wanted), "{body}\n{}", common::show(&mistakes));
    }
}

#[test]
fn the_example_of_the_documentation_is_a_good_file() {
    let page = include_str!("../../docs/places.md");
    let example = page.split("```json").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let places = from_geojson(example, None).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let names: Vec<&str> = places.iter().map(|place| &*place.name).collect();
    assert_eq!(names, ["东区", "环城路", "东郊车场", "清运一线", "东门"]);
}

#[test]
fn a_rule_that_names_an_unknown_place_is_warned_of() {
    let text = rule(
        "truck",
        "incident(inside(\"depto\", msg) || distance_m(msg, \"R7\") > 9.0 || inside(\"landfill\", msg));",
    );
    let pack = Pack::compile(&[("r.rhai".to_owned(), text)].into()).unwrap();
    let told = common::show(&pack.unknown_places(&Places::from(from_geojson(CITY, None).unwrap())));
    assert!(told.contains("no place of the name or kind `depto`") && told.contains("did you mean `depot`?"), "{told}");
    assert!(told.contains("`landfill`") && told.contains("gengfu places put"), "{told}");
    assert!(!told.contains("`R7`") && told.contains("r.rhai:3:17"), "{told}");
}

#[test]
fn what_the_words_look_at_counts_as_operations() {
    let mut bench = truck("", "inside(\"big\", msg)");
    let ring: Vec<[f64; 2]> = (0..=1_999)
        .map(|n| f64::from(n % 1_999) / 1_999.0 * std::f64::consts::TAU)
        .map(|angle| [111.0 + 0.05 * angle.cos(), 35.0 + 0.05 * angle.sin()])
        .collect();
    let big = Place {
        name: "big".into(),
        kind: "x".into(),
        shape: Shape::Area(vec![vec![ring]]),
        speed_limit_kmh: None,
        routes: Vec::new(),
    };
    bench.city.put_places(vec![big]);
    assert_eq!(at(&mut bench, 112.0, 35.0, &[]), "false");
    let far = bench.pack.counts()[0].operations;
    assert_eq!(at(&mut bench, 111.0, 35.0, &[]), "true");
    let near = bench.pack.counts()[0].operations - far;
    assert!(far < 40 && near > 250, "{far} operations outside of its box, {near} within");
}

#[test]
fn why_an_answer_is_unknown_is_told() {
    for (condition, lon, more, wanted) in [
        ("inside(\"landfill\", msg)", 111.0, vec![], "the city has no place of the name or kind `landfill`"),
        ("speed_limit(msg) > 1.0", 112.0, vec![], "there is no speed limit here"),
        ("implied_speed(msg) > 1.0", 111.0, vec![], "there is no earlier position"),
        ("inside(\"depot\", msg)", 111.0, vec![("longitude", V::Faulty)], "msg.longitude is faulty"),
    ] {
        let mut bench = truck("", condition);
        assert_eq!(at(&mut bench, lon, 35.0, &more), "unknown", "{condition}");
        let cx = Context::new(&bench.device, &bench.latest, &bench.parameters, bench.now, bench.seq);
        let why = bench.pack.why(&Context { city: &bench.city, ..cx }, &bench.state, "r").unwrap();
        let because: Vec<&str> = why.steps.iter().map(|step| step.because.as_str()).collect();
        assert!(because.iter().any(|because| because.contains(wanted)), "{condition}: {because:?}");
    }
}

#[test]
fn a_jump_is_one_jump_however_often_the_terminal_reports() {
    let mut bench = truck("", "count(implied_speed(msg) > 120.0, 10.min) >= 2");
    let mut say = |seconds: i64, lat: f64| {
        bench.advance(seconds * common::SECOND);
        bench.feed(&[("longitude", V::N(111.0)), ("latitude", V::N(lat)), ("fix", V::B(true))])
    };
    assert_eq!(say(0, 35.0), [""; 0]);
    assert_eq!(say(5, 35.01), [""; 0], "1,112 m in 5 s");
    for _ in 0..20 {
        assert_eq!(say(1, 35.01), [""; 0]);
    }
    assert_eq!(say(5, 35.0), ["+r/k major"], "and back");
    let signal = bench.signals.last().unwrap();
    assert_eq!(bench.pack.replays("r", &signal.evidence), Ok(true));
}
