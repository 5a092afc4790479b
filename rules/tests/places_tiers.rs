//! The words of places mean the same in both tiers: random positions, good and bad, over random conditions.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::sync::Arc;

use common::{Bench, MINUTE, V, rule};
use gengfu_model::places::{Place, Shape};
use gengfu_model::{Kind, Value};
use gengfu_rules::{Pack, Tier};

/// A small generator with a state: the same numbers at every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.below(1_000_000) as f64 / 1e6
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len() as u64) as usize]
    }
}

/// Areas with holes, points, roads and routes within a few kilometres.
fn city(dice: &mut Dice) -> Vec<Place> {
    let mut places = Vec::new();
    for n in 0..60 {
        let (west, south) = (dice.between(111.0, 111.05), dice.between(35.0, 35.05));
        let (wide, high) = (dice.between(0.001, 0.01), dice.between(0.001, 0.01));
        let square = |inset: f64| {
            let (w, s, e, n) =
                (west + wide * inset, south + high * inset, west + wide * (1.0 - inset), south + high * (1.0 - inset));
            vec![[w, s], [e, s], [e, n], [w, n], [w, s]]
        };
        let shape = match n % 4 {
            0 => Shape::Area(vec![vec![square(0.0)]]),
            1 => Shape::Area(vec![vec![square(0.0), square(0.3)]]),
            2 => Shape::Point { at: [west, south], radius_m: dice.between(20.0, 400.0) },
            _ => Shape::Line { lines: vec![vec![[west, south], [west + wide, south + high]]], radius_m: 30.0 },
        };
        let limit = (dice.below(3) == 0).then(|| dice.between(20.0, 80.0));
        let kind = dice.pick(&["depot", "forbidden", "road"]);
        places.push(Place {
            name: format!("p{n}").into(),
            kind: kind.into(),
            shape,
            speed_limit_kmh: limit,
            routes: Vec::new(),
        });
    }
    places
}

fn condition(dice: &mut Dice) -> String {
    let word = dice.pick(&["depot", "forbidden", "road", "p1", "p3", "p7", "nowhere"]);
    let of = dice.pick(&["msg", "dev"]);
    let metres = dice.below(2_000);
    let one = match dice.below(9) {
        8 => format!("implied_speed(msg, \"i{}\") > {metres}.0", dice.below(1 << 30)),
        0 => format!("inside(\"{word}\", {of})"),
        1 => format!("distance_m(\"{word}\", {of}) < {metres}.0"),
        2 => format!("distance_m({of}, \"{word}\") >= {metres}.0"),
        3 => format!("distance_m(msg, dev) > {metres}.0"),
        4 => "off_route(msg, dev)".to_owned(),
        5 => format!("off_route(msg, dev, {metres}.0)"),
        6 => "msg.speed_kmh > speed_limit(msg, dev)".to_owned(),
        _ => format!("msg.speed_kmh > 1.1 * speed_limit({of})"),
    };
    match dice.below(5) {
        0 => format!("!({one})"),
        1 => format!("({one}) || {}", condition(dice)),
        2 => format!("({one}) && {}", condition(dice)),
        3 => format!("held({one}, {}.s, \"h{}\")", dice.below(200) + 1, dice.below(1 << 30)),
        _ => one,
    }
}

fn bench(text: &str, tier: Tier, places: &[Place]) -> Bench {
    let files = [("r.rhai".to_owned(), text.to_owned())].into();
    let pack = Pack::compile_in(&files, tier).unwrap_or_else(|found| panic!("{text}\n{}", common::show(&found)));
    assert_eq!(pack.rules()[0].tier, tier);
    let mut bench = Bench::new(pack, Kind::Truck);
    bench.city.put_places(places.to_vec());
    bench.device.interval_s = 30;
    (bench.device.longitude, bench.device.latitude) = (Some(111.02), Some(35.02));
    bench.device.attributes.insert("route".into(), Value::Text("p3".into()));
    bench
}

#[test]
fn both_tiers_say_the_same_of_every_position() {
    let mut dice = Dice(11);
    let places = city(&mut dice);
    let (mut raised, mut cleared) = (0, 0);
    for _ in 0..400 {
        let text = rule("truck", &format!("incident({}, msg.speed_kmh);", condition(&mut dice)));
        let mut benches = [Tier::Lowered, Tier::Interpreter].map(|tier| bench(&text, tier, &places));
        if dice.below(3) == 0 {
            let limit = Value::Number(dice.between(20.0, 60.0));
            for bench in &mut benches {
                bench.device.attributes.insert(Arc::from("max_speed_kmh"), limit.clone());
            }
        }
        for _ in 0..40 {
            let mut fields = vec![("speed_kmh", V::N(dice.between(0.0, 90.0)))];
            if dice.below(8) > 0 {
                fields.push(("longitude", V::N(dice.between(110.99, 111.06))));
                fields.push(("latitude", V::N(dice.between(34.99, 35.06))));
            }
            match dice.below(8) {
                0 => fields.push(("fix", V::B(false))),
                1 => fields.push(("satellites", V::N(3.0))),
                2 => fields.push(("hdop", V::N(9.0))),
                3 => fields.push(("latitude", V::Faulty)),
                _ => fields.extend([("fix", V::B(true)), ("satellites", V::N(9.0)), ("hdop", V::N(1.0))]),
            }
            let pass = dice.below(3) as i64 * MINUTE / 2;
            let [a, b] = benches.each_mut().map(|bench| {
                let mut said = bench.feed(&fields);
                said.extend(bench.advance(pass));
                said
            });
            assert_eq!(a, b, "{text}\n{fields:?}");
            raised += a.iter().filter(|said| said.starts_with('+')).count();
            cleared += a.iter().filter(|said| said.starts_with('-')).count();
        }
        let [a, b] = &benches;
        assert_eq!(a.state, b.state, "{text}");
        for (a, b) in a.signals.iter().zip(&b.signals) {
            assert_eq!((&a.assertion, &a.evidence.steps), (&b.assertion, &b.evidence.steps), "{text}");
            for (bench, signal) in benches.iter().zip([a, b]) {
                assert_eq!(bench.pack.replays("r", &signal.evidence), Ok(true), "{text}");
            }
        }
        let faults = benches.iter().map(|bench| bench.pack.counts()[0].faults);
        assert_eq!(faults.sum::<u64>(), 0, "{text}");
    }
    assert!(raised > 200 && cleared > 200, "{raised} raised, {cleared} cleared: the test looks at nothing");
}
