//! Case numbers: the city's pattern, a counter per day of the city.

use gengfu_cases::number::NumberPattern;
use gengfu_model::Severity::Major;

use crate::support::{World, device, profile, yuncheng};

fn numbers(world: &World) -> Vec<&str> {
    world.ledger.cases.values().map(|case| &*case.number).collect()
}

#[test]
fn the_counter_starts_again_at_local_midnight() {
    let mut world = World::new(yuncheng(), "2026-11-20 23:58");
    for (id, minutes) in [("a", 1), ("b", 1), ("c", 1)] {
        world.raise(&device(id, "01-02"), "k", Major, "cover_tilted");
        world.minutes(minutes);
    }
    world.raise(&device("d", "01-02"), "k", Major, "cover_tilted");
    assert_eq!(numbers(&world), ["YC2026112000001", "YC2026112000002", "YC2026112100001", "YC2026112100002"]);
}

#[test]
fn the_counter_survives_a_change_of_pattern_and_zone() {
    let mut world = World::new(yuncheng(), "2026-11-20 03:00");
    world.raise(&device("a", "01-02"), "k", Major, "cover_tilted");
    let elsewhere = profile(&[("Asia/Shanghai", "America/New_York"), ("prefix = \"YC\"", "prefix = \"NY-\"")]);
    world.profile_changed(elsewhere);
    world.raise(&device("b", "01-02"), "k", Major, "cover_tilted");
    // In New York it is still the 19th, but the day never goes back.
    assert_eq!(numbers(&world), ["YC2026112000001", "NY-2026112000002"]);
}

#[test]
fn patterns_are_checked() {
    let day = "2026-11-20".parse().expect("a date");
    let render = |pattern: &str| NumberPattern::parse(pattern).map(|pattern| pattern.render("YC", day, 42));
    assert_eq!(render("{prefix}{yyyymmdd}{seq:5}").as_deref(), Ok("YC2026112000042"));
    assert_eq!(render("{yy}/{mm}-{dd} no. {seq:1}").as_deref(), Ok("26/11-20 no. 42"));
    assert_eq!(render("案{yymmdd}{seq:3}").as_deref(), Ok("案261120042"));
    for bad in ["", "{yyyymmdd}", "{seq:5}", "{yyyymmdd}{seq:5}{seq:5}", "{yyyymmdd}{seq:0}", "{yyyymmdd}{seq:99}"] {
        assert!(render(bad).is_err(), "{bad}");
    }
    assert!(render("{yyyymmdd}{seq:5").unwrap_err().contains("never closed"));
    assert!(render("{yyyymmdd}{number}{seq:5}").unwrap_err().contains("{number}"));
}

#[test]
fn a_full_counter_grows_wider() {
    let pattern = NumberPattern::parse("{yyyymmdd}{seq:2}").expect("a pattern");
    assert_eq!(pattern.render("", "2026-11-20".parse().expect("a date"), 100), "20261120100");
}
