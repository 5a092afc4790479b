//! The words of time and of flapping: working days as data, the sun at the device, lamps without hours.

mod common;

use common::{Bench, HOUR, MINUTE, V, compile, rule};
use gengfu_cases::Profile;
use gengfu_model::{Kind, Timestamp};
use gengfu_rules::{City, RuleState, Tier};

/// 2026-06-21 00:00 in China.
const MIDNIGHT: i64 = 1_781_971_200_000;
const DAY: i64 = 24 * HOUR;

/// What makes a rule run in the interpreter, so that both tiers are held to one meaning.
const LOOP: &str = "for n in 0..1 { }\n";

/// A cover at 运城 that alarms while its water sensor is wet and the condition holds.
fn bench(condition: &str) -> Bench {
    of_tier("", condition)
}

fn of_tier(before: &str, condition: &str) -> Bench {
    let mut bench = Bench::of(Kind::Manhole, &format!("{before}incident(msg.water && {condition});"));
    assert_eq!(bench.pack.rules()[0].tier == Tier::Interpreter, !before.is_empty());
    (bench.device.latitude, bench.device.longitude) = (Some(35.03), Some(111.0));
    bench
}

/// What a condition is at a moment: `true`, `false` or `unknown`.
fn at(bench: &mut Bench, time: i64) -> &'static str {
    bench.state = RuleState::default();
    bench.inherits = true;
    bench.now = Timestamp(time);
    match bench.feed(&[("water", true.into())]).first().map(String::as_str) {
        Some("+r/k major") => "true",
        Some("-r/k") => "false",
        _ => "unknown",
    }
}

#[test]
fn day_and_night_follow_the_sun_at_the_device() {
    // Sunrise 05:22:30, sunset 19:53:00, civil dawn 04:52:10, civil dusk 20:23:20.
    for (condition, table) in [
        ("sun(dev)", [("05:20", "false"), ("05:25", "true"), ("19:51", "true"), ("19:55", "false")]),
        ("night(dev)", [("05:20", "true"), ("05:25", "false"), ("19:51", "false"), ("19:55", "true")]),
        ("night(dev, 30.min)", [("04:50", "true"), ("04:55", "false"), ("20:21", "false"), ("20:25", "true")]),
        ("civil_night(dev)", [("04:50", "true"), ("04:55", "false"), ("20:21", "false"), ("20:25", "true")]),
        ("since_sunset(dev) < 1.h", [("05:20", "false"), ("19:51", "false"), ("19:55", "true"), ("20:55", "false")]),
        ("since_sunrise(dev) < 1.h", [("05:20", "false"), ("05:25", "true"), ("06:20", "true"), ("06:25", "false")]),
    ] {
        for (tier, (clock, wanted)) in ["", LOOP].into_iter().flat_map(|tier| table.map(|row| (tier, row))) {
            let mut bench = of_tier(tier, condition);
            let (hours, minutes) = clock.split_once(':').unwrap();
            let time = MIDNIGHT + hours.parse::<i64>().unwrap() * HOUR + minutes.parse::<i64>().unwrap() * MINUTE;
            assert_eq!(at(&mut bench, time), wanted, "{condition} at {clock}");
        }
    }
}

#[test]
fn a_sunset_close_to_midnight_is_the_evening_of_its_own_day() {
    let mut bench = bench("night(dev)");
    (bench.device.latitude, bench.device.longitude) = (Some(43.83), Some(87.62));
    assert_eq!(at(&mut bench, MIDNIGHT + 21 * HOUR + 53 * MINUTE), "false");
    assert_eq!(at(&mut bench, MIDNIGHT + 21 * HOUR + 57 * MINUTE), "true");
    assert_eq!(at(&mut bench, MIDNIGHT + 25 * HOUR), "true");
}

#[test]
fn without_a_position_and_in_the_polar_day_the_sun_is_unknown() {
    for condition in
        ["sun(dev)", "night(dev)", "civil_night(dev)", "since_sunset(dev) < 1.h", "since_sunrise(dev) < 1.h"]
    {
        let mut bench = bench(condition);
        bench.device.latitude = None;
        assert_eq!(at(&mut bench, MIDNIGHT + 12 * HOUR), "unknown", "{condition}");
        (bench.device.latitude, bench.device.longitude) = (Some(75.0), Some(111.0));
        assert_eq!(at(&mut bench, MIDNIGHT + 12 * HOUR), "unknown", "{condition} in the polar day");
    }
}

#[test]
fn a_working_day_is_what_the_city_says() {
    let city = City::of(&Profile::parse(gengfu_cases::profile::YUNCHENG).unwrap());
    let plain = "name = \"x\"\n[calendar]\nweekend = [\"fri\"]\n";
    let other = City::of(&Profile::parse(plain).unwrap());
    // 2026-06-21 is a Sunday and a holiday; 2026-06-19, a Friday, is a holiday; 2026-05-09, a Saturday, is
    // worked.
    for (day, name, yuncheng, usual, fridays) in [
        (0, "Sunday", "false", "false", "true"),
        (1, "Monday", "true", "true", "true"),
        (-2, "Friday, a holiday", "false", "true", "false"),
        (-43, "Saturday, made up for", "true", "false", "true"),
    ] {
        for (city, wanted) in [(&city, yuncheng), (City::usual(), usual), (&other, fridays)] {
            for hour in [0, 23] {
                let mut bench = bench("workday()");
                bench.city = city.clone();
                assert_eq!(at(&mut bench, MIDNIGHT + day * DAY + hour * HOUR), wanted, "{name} at {hour}");
            }
        }
    }
}

#[test]
fn a_lamp_without_hours_burns_by_the_sun_and_the_offsets_of_the_city() {
    burns_by_the_sun("");
    burns_by_the_sun(LOOP);
}

fn burns_by_the_sun(before: &str) {
    let lamp = || {
        let mut bench = Bench::of(Kind::Streetlight, &format!("{before}incident(msg.on && scheduled_on(dev));"));
        (bench.device.latitude, bench.device.longitude) = (Some(35.03), Some(111.0));
        bench
    };
    let at = |bench: &mut Bench, hour: i64, minute: i64| {
        bench.state = RuleState::default();
        bench.now = Timestamp(MIDNIGHT + hour * HOUR + minute * MINUTE);
        !bench.feed(&[("on", true.into())]).is_empty()
    };
    let mut bench = lamp();
    assert!(!at(&mut bench, 19, 50) && at(&mut bench, 19, 56), "sunset 19:53");
    let offsets = "name = \"x\"\n[lighting]\non_after_sunset_min = 10\noff_before_sunrise_min = 20\n";
    bench.city = City::of(&Profile::parse(offsets).expect("the offsets are a profile"));
    assert!(!at(&mut bench, 20, 0) && at(&mut bench, 20, 5));
    assert!(at(&mut bench, 5, 0) && !at(&mut bench, 5, 5), "sunrise 05:22");
    bench.device.attributes.insert("on_at".into(), gengfu_model::Value::Text("18:00".into()));
    assert!(at(&mut bench, 20, 5), "one hour alone is no schedule: the sun goes on");
    assert!(!at(&mut bench, 19, 0));
    bench.device.attributes.insert("off_at".into(), gengfu_model::Value::Text("18:30".into()));
    assert!(at(&mut bench, 18, 10) && !at(&mut bench, 20, 5), "its own hours come first");
    let mut nowhere = lamp();
    nowhere.device.latitude = None;
    assert!(!at(&mut nowhere, 23, 0), "unknown");
}

#[test]
fn flapping_counts_changes_to_true() {
    flapping_counts("");
}

#[test]
fn flapping_counts_the_same_in_the_interpreter() {
    flapping_counts(LOOP);
}

fn flapping_counts(before: &str) {
    let mut bench = Bench::of(Kind::Manhole, &format!("{before}incident(flapping(msg.water, 3, 1.h));"));
    for (n, wet) in [true, false, true, false, true, true, false].into_iter().enumerate() {
        assert_eq!(bench.feed(&[("water", wet.into())]).len(), 0, "{n}: the first known value is no change");
        bench.advance(MINUTE);
    }
    assert_eq!(bench.feed(&[("water", V::Faulty)]).len(), 0, "unknown is no change");
    assert_eq!(bench.feed(&[("water", true.into())]), ["+r/k major"]);
    // The first of the three falls out of the hour.
    bench.advance(50 * MINUTE);
    assert_eq!(bench.feed(&[("water", true.into())]).len(), 0);
    bench.advance(8 * MINUTE);
    assert_eq!(bench.feed(&[("water", true.into())]), ["-r/k"]);
}

#[test]
fn flapping_is_unknown_before_the_first_value_and_is_kept_over_a_restart() {
    let mut bench = Bench::of(Kind::Manhole, "incident(!flapping(msg.water, 2, 1.h));");
    assert_eq!(bench.feed(&[("water", V::Faulty)]).len(), 0);
    assert_eq!(bench.feed(&[("water", false.into())]), ["+r/k major"]);
    for wet in [true, false] {
        bench.advance(MINUTE);
        bench.feed(&[("water", wet.into())]);
    }
    let stored = serde_json::to_string(&bench.state).unwrap();
    bench.state = serde_json::from_str(&stored).unwrap();
    bench.advance(MINUTE);
    assert_eq!(bench.feed(&[("water", true.into())]), ["-r/k"], "the change of before the restart counts");
}

#[test]
fn flapping_says_what_is_wrong_with_it_at_load() {
    for (body, wanted) in [
        ("incident(flapping(msg.water, 1, 1.h));", "the number of times must be 2 to 60"),
        ("incident(flapping(msg.water, 61, 1.h));", "the number of times must be 2 to 60"),
        ("incident(flapping(msg.tilt_deg, 3, 1.h));", "a number stands where a condition"),
        ("incident(flapping(dev.silent, 3, 1.h));", "reads no field"),
        ("incident(msg.water && night(msg));", "`night` takes the device"),
        ("incident(msg.water && night(dev, 4.h));", "the margin is too long"),
        ("incident(msg.water && workday(dev));", "cannot be called like this"),
    ] {
        let files = [("r.rhai".to_owned(), rule("manhole", body))].into();
        let mistakes = gengfu_rules::Pack::compile(&files).unwrap_err();
        assert!(common::show(&mistakes).contains(wanted), "{body}\n{}", common::show(&mistakes));
    }
    compile(&[("r.rhai", &rule("manhole", "incident(flapping(msg.water, 2, 1.h));"))]);
}
