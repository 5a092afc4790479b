//! What random rules are about: a kind and some of its fields, so that the same terms and events fit each of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;
use gengfu_cases::Profile;
use gengfu_model::places::{Place, Shape};
use gengfu_model::{Attributes, Kind, Value};
use gengfu_rules::City;

use super::terms::RandomRule;

/// A kind as random rules see it. In what it writes, `{n}` stands for a number, `{c}` for a condition, `{s}` for the
/// name of a slot.
#[derive(Debug)]
pub struct Subject {
    pub kind: Kind,
    /// Fields with a fraction; every window looks at the first.
    pub floats: [&'static str; 4],
    pub bools: [&'static str; 4],
    /// A whole number as a rule writes it, and its field.
    pub whole: (&'static str, &'static str),
    /// A field with a text.
    pub text: Option<&'static str>,
    /// Conditions without memory that this kind alone has, or that ask for places.
    pub conditions: &'static [&'static str],
    /// Numbers of that sort.
    pub numbers: &'static [&'static str],
    /// Numbers and conditions with memory.
    pub remembered_numbers: &'static [&'static str],
    pub remembered_conditions: &'static [&'static str],
    /// Commands with their arguments.
    pub commands: &'static [(&'static str, &'static str)],
}

pub static SUBJECTS: [Subject; 3] = [
    Subject {
        kind: Kind::Toilet,
        floats: ["nh3_ppm", "h2s_ppm", "humidity_pct", "stay_min"],
        bools: ["occupied", "sos", "leak", "power_ok"],
        whole: ("msg.visits", "visits"),
        text: None,
        conditions: &["inside(\"depot\", dev)", "(dev.feeder == dev.cabinet)", "(dev.model != \"m-1\")"],
        numbers: &["distance_m(\"road\", dev)", "speed_limit(dev)", "to_float(dev.stalls)", "dev.longitude"],
        remembered_numbers: &["prev(distance_m(\"road\", dev) + msg.nh3_ppm, {s})"],
        remembered_conditions: &["changed(msg.visits, {s})"],
        commands: &[("set_interval", "#{ interval_s: to_int({n}) }"), ("set_fan", "#{ on: {c} }")],
    },
    Subject {
        kind: Kind::Streetlight,
        floats: ["power_w", "voltage_v", "dim_pct", "leakage_ma"],
        bools: ["on", "lamp_failure", "on", "lamp_failure"],
        whole: ("to_int(msg.energy_kwh)", "energy_kwh"),
        text: None,
        conditions: &["scheduled_on(dev)", "(dev.on_at == \"19:30\")", "inside(\"p2\", dev)"],
        numbers: &["dev.rated_power_w", "distance_m(dev, \"depot\")", "speed_limit(dev)"],
        remembered_numbers: &["avg(dev.rated_power_w - msg.power_w, 2.h, {s})"],
        remembered_conditions: &["held(scheduled_on(dev) && !msg.on, 10.min, {s})", "changed(msg.energy_kwh, {s})"],
        commands: &[
            ("switch", "#{ on: {c} }"),
            ("set_level", "#{ level: {n} }"),
            ("clear_level", "#{}"),
            ("set_interval", "#{ interval_s: if {c} { 60 } else { 900 } }"),
        ],
    },
    Subject {
        kind: Kind::Truck,
        floats: ["speed_kmh", "fuel_l", "heading_deg", "altitude_m"],
        bools: ["ignition", "sos", "fix", "ignition"],
        whole: ("msg.satellites", "satellites"),
        text: Some("task"),
        conditions: &[
            "inside(\"depot\", msg)",
            "inside(\"p1\", msg)",
            "inside(\"forbidden\", dev)",
            "inside(dev.route, msg)",
            "off_route(msg, dev)",
            "off_route(msg, dev, 900.0)",
            "(msg.task == \"sweep\")",
            "(msg.task != dev.route)",
        ],
        numbers: &[
            "distance_m(\"depot\", msg)",
            "distance_m(msg, \"nowhere\")",
            "distance_m(msg, dev)",
            "speed_limit(msg)",
            "speed_limit(msg, dev)",
            "dev.max_speed_kmh",
        ],
        remembered_numbers: &[
            "implied_speed(msg, {s})",
            "min(distance_m(\"road\", msg), 1.h, {s})",
            "to_float(missed_stops(dev.route, msg, \"06:00\", 20.s, {s}))",
            "to_float(missed_stops(\"R7\", msg, \"22:30\", 0.s, {s}))",
        ],
        remembered_conditions: &["changed(msg.task, {s})", "band(distance_m(\"depot\", msg), 200.0, 900.0, {s})"],
        commands: &[
            ("say", "#{ text: if {c} { \"慢行\" } else { msg.task } }"),
            ("set_interval", "#{ interval_s: to_int({n}) }"),
        ],
    },
];

/// The subject of that kind.
pub fn subject_of(kind: Kind) -> &'static Subject {
    SUBJECTS.iter().find(|subject| subject.kind == kind).unwrap()
}

/// The kind that a random rule judges.
pub fn kind_of(rule: &RandomRule) -> Kind {
    SUBJECTS[rule.subject].kind
}

/// A position within some five kilometres, by a number up to 500.
pub fn position(number: i32) -> (f64, f64) {
    (111.0 + f64::from(number % 25) * 0.002, 35.0 + f64::from(number / 25) * 0.0025)
}

/// Places of the city: none, some, and others; with stops of two routes.
pub fn places(which: usize) -> Vec<Place> {
    let mut places = places_without_stops(which);
    let stops = [(111.01, 35.005, "R7"), (111.02, 35.02, "p1"), (111.03, 35.03, "R7"), (111.035, 35.01, "p1")];
    let stops = stops.into_iter().enumerate().take(if which == 0 { 0 } else { 2 + which });
    places.extend(stops.map(|(n, (lon, lat, route))| Place {
        name: format!("s{n}").into(),
        kind: "stop".into(),
        // Wider than a stop may be: trucks of a story jump by hundreds of metres.
        shape: Shape::Point { at: [lon, lat], radius_m: 600.0 },
        speed_limit_kmh: None,
        routes: vec![route.into()],
    }));
    places
}

fn places_without_stops(which: usize) -> Vec<Place> {
    let square = |west: f64, south: f64, side: f64| {
        vec![[west, south], [west + side, south], [west + side, south + side], [west, south + side], [west, south]]
    };
    let place = |name: &str, kind: &str, shape, speed_limit_kmh| Place {
        name: name.into(),
        kind: kind.into(),
        shape,
        speed_limit_kmh,
        routes: Vec::new(),
    };
    match which {
        0 => Vec::new(),
        1 => vec![
            place("p1", "depot", Shape::Area(vec![vec![square(111.0, 35.0, 0.02)]]), None),
            place(
                "p2",
                "forbidden",
                Shape::Area(vec![vec![square(111.0, 35.0, 0.05), square(111.01, 35.02, 0.02)]]),
                Some(30.0),
            ),
            place(
                "R7",
                "road",
                Shape::Line { lines: vec![vec![[111.0, 35.02], [111.05, 35.03]]], radius_m: 60.0 },
                Some(50.0),
            ),
        ],
        _ => vec![
            place(
                "p1",
                "road",
                Shape::Line { lines: vec![vec![[111.02, 35.0], [111.02, 35.05]]], radius_m: 400.0 },
                None,
            ),
            place("p3", "depot", Shape::Point { at: [111.02, 35.02], radius_m: 500.0 }, Some(15.0)),
        ],
    }
}

/// The city with another calendar and other lighting hours; the places stay.
pub fn set_calendar(city: &mut City, which: usize) {
    let mut profile = Profile::parse(gengfu_cases::profile::YUNCHENG).unwrap();
    let day = |day: u32| NaiveDate::from_ymd_opt(2026, 6, day).unwrap();
    // The story begins on Sunday, the 21st.
    (profile.calendar.holidays, profile.calendar.make_up) = match which {
        0 => (BTreeSet::new(), BTreeSet::new()),
        1 => (BTreeSet::from([day(22), day(23)]), BTreeSet::from([day(21)])),
        _ => (BTreeSet::from([day(21), day(22)]), BTreeSet::from([day(22)])),
    };
    let margin = [0, 20, 90][which.min(2)];
    (profile.lighting.on_after_sunset_min, profile.lighting.off_before_sunrise_min) = (margin, margin);
    city.set_profile(&profile);
}

/// What the register may say of a device beside its columns.
pub fn attributes(kind: Kind, which: usize) -> Attributes {
    let mut attributes = Attributes::default();
    let text = |text: &str| Value::Text(Arc::from(text));
    let all: &[(&str, Value)] = match (kind, which) {
        (_, 0) => &[],
        (Kind::Toilet, _) => &[("stalls", Value::Number(7.0))],
        (Kind::Streetlight, 1) => &[("rated_power_w", Value::Number(30.0))],
        (Kind::Streetlight, _) => &[("on_at", text("19:30")), ("off_at", text("05:00"))],
        (_, 1) => &[("route", text("R7")), ("max_speed_kmh", Value::Number(25.0))],
        _ => &[("route", text("p1"))],
    };
    for (name, value) in all {
        attributes.insert(Arc::from(*name), value.clone());
    }
    attributes
}
