//! Every shipped rule opens where it should and clears where it should.

mod common;

use std::sync::Arc;

use common::{Bench, HOUR, MINUTE, SECOND, START, V};
use gengfu_cases::Profile;
use gengfu_cases::profile::Route;
use gengfu_model::{Kind, Timestamp, Value};
use gengfu_rules::{Language, Pack, library};

fn n(v: f64) -> V {
    V::N(v)
}

type Fields<'a> = &'a [(&'a str, V)];

/// Feeds the fields and gives what is open then.
fn after(bench: &mut Bench, fields: &[(&str, V)]) -> String {
    bench.feed(fields);
    bench.open().join(" ")
}

#[test]
fn the_library_compiles_without_a_warning_and_covers_every_kind() {
    let pack = Pack::compile(&library::files()).unwrap_or_else(|d| panic!("{}", common::show(&d)));
    assert_eq!(common::show(pack.warnings()), "");
    assert_eq!(pack.rules().len(), library::LIBRARY.len());
    for kind in gengfu_model::catalogue::KINDS.iter().map(|def| def.kind) {
        assert!(pack.rules().iter().any(|rule| rule.kind == kind));
    }
}

#[test]
fn every_shipped_rule_says_in_both_languages_what_it_rests_on_and_has_tests_that_name_its_severity() {
    let pack = Pack::compile(&library::files()).unwrap();
    for rule in pack.rules() {
        let id = &rule.id;
        assert_eq!(rule.doc.trim(), rule.doc, "{id}");
        let (english, chinese) = (Language::English.part_of(&rule.doc), Language::Chinese.part_of(&rule.doc));
        assert_ne!(english, chinese, "{id}: a doc in both languages");
        for (doc, title_end, source) in [(&english, '.', "Source:"), (&chinese, '。', "来源：")] {
            let (title, physics) = doc.split_once("\n\n").unwrap_or_else(|| panic!("{id}: a title and its reasons"));
            let says_enough = title.ends_with(title_end) && physics.chars().count() > 20 && physics.contains(source);
            assert!(says_enough, "{id}: {doc}");
        }
        let texts =
            [&rule.text_zh, &rule.text_en].into_iter().chain(rule.group.iter().flat_map(|g| [&g.text_zh, &g.text_en]));
        assert!(texts.clone().all(|text| !text.is_empty()), "{id} has texts");
        assert!(rule.source.matches("\nfn test_").count() >= 1, "{id} has tests");
        let asks = ["severity(", "open(", "count(", "group"].iter().any(|word| rule.source.contains(word));
        assert!(asks, "{id}: its tests ask what it raises");
    }
}

#[test]
fn the_conditions_are_those_that_the_city_profile_maps() {
    let profile = Profile::parse(gengfu_cases::profile::YUNCHENG).unwrap();
    let pack = Pack::compile(&library::files()).unwrap();
    for rule in pack.rules() {
        for condition in &rule.conditions {
            let route = profile.route(&rule.id, rule.kind.def().asset_type, condition);
            assert_ne!(route, Route::Unmapped, "{}: {condition}", rule.id);
        }
    }
}

#[test]
fn every_file_of_the_folder_is_in_the_list() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("library");
    let on_disk = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(on_disk, library::LIBRARY.len());
}

#[test]
fn a_cover_that_opens_is_said_at_once() {
    for open in [[("tilt_deg", n(45.0))], [("cover_open", V::B(true))]] {
        let mut bench = Bench::shipped(Kind::Manhole);
        assert_eq!(after(&mut bench, &open), "cover_displaced");
    }
    let mut bench = Bench::shipped(Kind::Manhole);
    assert_eq!(after(&mut bench, &[("tilt_deg", n(95.0)), ("cover_open", V::B(true))]), "cover_displaced");
    assert_eq!(after(&mut bench, &[("tilt_deg", n(1.0)), ("cover_open", V::B(false))]), "");
}

#[test]
fn a_cover_with_a_tilt_sensor_alone_clears() {
    let mut bench = Bench::shipped(Kind::Manhole);
    after(&mut bench, &[("tilt_deg", n(45.0))]);
    assert_eq!(after(&mut bench, &[("tilt_deg", V::Faulty)]), "cover_displaced", "a broken sensor proves nothing");
    assert_eq!(after(&mut bench, &[("tilt_deg", n(2.0))]), "");
}

#[test]
fn a_truck_passing_is_ignored_and_a_lasting_lean_is_not() {
    let mut bench = Bench::shipped(Kind::Manhole);
    bench.feed(&[("tilt_deg", n(14.0))]);
    bench.advance(5 * SECOND);
    bench.feed(&[("tilt_deg", n(0.5))]);
    bench.advance(MINUTE);
    assert!(!bench.is_open());
    bench.feed(&[("tilt_deg", n(14.0))]);
    assert_eq!(bench.advance(10 * SECOND), ["+manhole-tilt/tilt major"]);
    assert_eq!(after(&mut bench, &[("tilt_deg", n(9.0))]), "cover_tilted", "within the band");
    assert_eq!(after(&mut bench, &[("tilt_deg", n(40.0))]), "cover_displaced", "the worse takes over");
    assert_eq!(after(&mut bench, &[("tilt_deg", n(7.0))]), "");
}

#[test]
fn a_cover_on_a_slope_is_judged_from_its_own_angle() {
    let mut bench = Bench::shipped(Kind::Manhole);
    bench.device.attributes.insert(Arc::from("baseline_tilt_deg"), Value::Number(12.0));
    bench.feed(&[("tilt_deg", n(14.0))]);
    bench.advance(MINUTE);
    assert!(!bench.is_open());
    bench.feed(&[("tilt_deg", n(1.0))]);
    bench.advance(MINUTE);
    assert_eq!(bench.open(), ["cover_tilted"]);
}

#[test]
fn thresholds_open_and_clear() {
    // (kind, opens, what is open, clears)
    let table: &[(Kind, Fields<'_>, &str, Fields<'_>)] = &[
        (Kind::Manhole, &[("water", V::B(true))], "manhole_water", &[("water", V::B(false))]),
        (Kind::Manhole, &[("water_level_cm", n(100.0))], "manhole_water", &[("water_level_cm", n(80.0))]),
        (Kind::Manhole, &[("ch4_pct_lel", n(25.0))], "gas_alarm", &[("ch4_pct_lel", n(20.0))]),
        (Kind::Manhole, &[("h2s_ppm", n(7.2))], "gas_alarm", &[("h2s_ppm", n(5.0))]),
        (Kind::Manhole, &[("o2_pct", n(19.0))], "oxygen_abnormal", &[("o2_pct", n(20.9))]),
        (Kind::Manhole, &[("o2_pct", n(24.0))], "oxygen_abnormal", &[("o2_pct", n(20.9))]),
        (Kind::Manhole, &[("battery_pct", n(20.0))], "battery_low", &[("battery_pct", n(25.0))]),
        (Kind::Streetlight, &[("leakage_ma", n(30.0))], "leakage", &[("leakage_ma", n(24.0))]),
        (Kind::Septic, &[("level_pct", n(80.0))], "septic_high", &[("level_pct", n(75.0))]),
        (Kind::Septic, &[("overflow", V::B(true))], "septic_overflow", &[("overflow", V::B(false))]),
        (Kind::Septic, &[("ch4_pct_lel", n(30.0))], "gas_alarm", &[("ch4_pct_lel", n(1.0))]),
        (Kind::Septic, &[("battery_pct", n(5.0))], "battery_low", &[("battery_pct", n(90.0))]),
        (Kind::Toilet, &[("sos", V::B(true))], "toilet_sos", &[("sos", V::B(false))]),
        (Kind::Toilet, &[("stay_min", n(31.0))], "toilet_long_stay", &[("stay_min", n(0.0))]),
        (Kind::Bin, &[("fill_pct", n(80.0))], "bin_full", &[("fill_pct", n(70.0))]),
        (Kind::Bin, &[("temperature_c", n(61.0))], "bin_fire", &[("temperature_c", n(50.0))]),
        (Kind::Bin, &[("smoke", V::B(true))], "bin_fire", &[("smoke", V::B(false))]),
        (Kind::Bin, &[("battery_pct", n(12.0))], "battery_low", &[("battery_pct", n(90.0))]),
        (Kind::Truck, &[("sos", V::B(true))], "truck_sos", &[("sos", V::B(false))]),
    ];
    for (kind, opens, condition, clears) in table {
        let mut bench = Bench::shipped(*kind);
        assert_eq!(after(&mut bench, opens), *condition, "{opens:?}");
        assert_eq!(after(&mut bench, clears), "", "{clears:?}");
    }
}

#[test]
fn healthy_devices_are_left_alone() {
    let table: &[(Kind, &[(&str, V)])] = &[
        (
            Kind::Manhole,
            &[
                ("tilt_deg", n(2.0)),
                ("cover_open", V::B(false)),
                ("water", V::B(false)),
                ("ch4_pct_lel", n(3.0)),
                ("h2s_ppm", n(0.5)),
                ("o2_pct", n(20.8)),
                ("battery_pct", n(88.0)),
                ("temperature_c", n(18.0)),
            ],
        ),
        (
            Kind::Streetlight,
            &[
                ("on", V::B(true)),
                ("power_w", n(58.0)),
                ("voltage_v", n(241.0)),
                ("leakage_ma", n(1.0)),
                ("pole_tilt_deg", n(1.0)),
                ("dim_pct", n(100.0)),
                ("lamp_failure", V::B(false)),
            ],
        ),
        (
            Kind::Septic,
            &[("level_pct", n(45.0)), ("overflow", V::B(false)), ("ch4_pct_lel", n(8.0)), ("h2s_ppm", n(2.0))],
        ),
        (
            Kind::Toilet,
            &[
                ("nh3_ppm", n(0.3)),
                ("h2s_ppm", n(0.0)),
                ("occupied", V::B(false)),
                ("sos", V::B(false)),
                ("leak", V::B(false)),
                ("stay_min", n(0.0)),
                ("visits", n(1200.0)),
            ],
        ),
        (
            Kind::Bin,
            &[("fill_pct", n(40.0)), ("temperature_c", n(41.0)), ("tipped", V::B(false)), ("smoke", V::B(false))],
        ),
        (Kind::Truck, &[("speed_kmh", n(32.0)), ("sos", V::B(false)), ("fix", V::B(true)), ("ignition", V::B(true))]),
    ];
    for (kind, fields) in table {
        let mut bench = Bench::shipped(*kind);
        for _ in 0..12 {
            assert_eq!(bench.feed(fields).join(" "), "", "{kind}");
            assert_eq!(bench.advance(10 * MINUTE).join(" "), "", "{kind}");
        }
    }
}

#[test]
fn severities_rise_and_fall_with_the_value() {
    let mut bench = Bench::shipped(Kind::Septic);
    for (level, said) in [
        (82.0, "+septic-level/level minor"),
        (91.0, "+septic-level/level major"),
        (87.0, ""),
        (84.0, "+septic-level/level minor"),
        (70.0, "-septic-level/level"),
    ] {
        bench.advance(2 * HOUR);
        let said_now: Vec<_> = bench.feed(&[("level_pct", n(level))]);
        let level_only: Vec<_> = said_now.into_iter().filter(|s| s.contains("septic-level")).collect();
        assert_eq!(level_only.join(" "), said, "{level}");
    }
    let mut bench = Bench::shipped(Kind::Manhole);
    assert_eq!(bench.feed(&[("ch4_pct_lel", n(55.0))]), ["+manhole-gas/ch4 critical"]);
    let mut bench = Bench::shipped(Kind::Bin);
    assert_eq!(bench.feed(&[("fill_pct", n(95.0))]), ["+bin-full/full minor"]);
    bench.advance(20 * MINUTE);
    assert_eq!(bench.feed(&[("fill_pct", n(95.0))]), [""; 0]);
    assert_eq!(bench.advance(10 * MINUTE), ["+bin-full/full major"], "for half an hour");
}

#[test]
fn a_dark_lamp_is_said_after_ten_minutes_and_stays_over_the_day() {
    let dark = [("on", V::B(true)), ("power_w", n(0.8)), ("voltage_v", n(229.0))];
    let mut bench = Bench::shipped(Kind::Streetlight);
    bench.device.attributes.insert(Arc::from("rated_power_w"), Value::Number(100.0));
    bench.feed(&dark);
    assert_eq!(bench.advance(10 * MINUTE), ["+streetlight-dark/dark minor"]);
    assert_eq!(after(&mut bench, &[("on", V::B(false)), ("power_w", n(0.0))]), "lamp_dark", "day proves nothing");
    assert_eq!(after(&mut bench, &[("on", V::B(true)), ("power_w", n(95.0))]), "");
}

#[test]
fn a_lamp_without_supply_is_not_a_dark_lamp() {
    let mut bench = Bench::shipped(Kind::Streetlight);
    bench.feed(&[("on", V::B(true)), ("power_w", n(0.0)), ("voltage_v", n(3.0))]);
    bench.advance(20 * MINUTE);
    assert!(!bench.open().contains(&"lamp_dark"));
}

#[test]
fn a_lamp_burning_by_day_needs_its_schedule() {
    for (schedule, condition) in [(None, ""), (Some(("19:00", "05:30")), "day_burner")] {
        let mut bench = Bench::shipped(Kind::Streetlight);
        if let Some((on, off)) = schedule {
            bench.device.attributes.insert(Arc::from("on_at"), Value::Text(Arc::from(on)));
            bench.device.attributes.insert(Arc::from("off_at"), Value::Text(Arc::from(off)));
        }
        bench.feed(&[("power_w", n(58.0))]);
        bench.advance(15 * MINUTE);
        assert_eq!(bench.open().join(" "), condition);
        bench.now = Timestamp(START + 11 * HOUR);
        assert_eq!(after(&mut bench, &[("power_w", n(58.0))]), "", "21:00 is night");
    }
}

#[test]
fn held_rules_open_by_time_and_clear() {
    let table: &[(Kind, Fields<'_>, i64, &str, Fields<'_>)] = &[
        (Kind::Streetlight, &[("pole_tilt_deg", n(6.0))], MINUTE, "pole_tilted", &[("pole_tilt_deg", n(1.0))]),
        (Kind::Toilet, &[("leak", V::B(true))], 2 * MINUTE, "toilet_leak", &[("leak", V::B(false))]),
        (Kind::Bin, &[("tipped", V::B(true))], MINUTE, "bin_tipped", &[("tipped", V::B(false))]),
        (Kind::Truck, &[("speed_kmh", n(75.0))], 20 * SECOND, "truck_overspeed", &[("speed_kmh", n(50.0))]),
    ];
    for (kind, opens, wait, condition, clears) in table {
        let mut bench = Bench::shipped(*kind);
        assert_eq!(after(&mut bench, opens), "", "{kind}");
        bench.advance(wait - 1);
        assert!(!bench.is_open(), "{kind}");
        bench.advance(1);
        assert_eq!(bench.open().join(" "), *condition);
        assert_eq!(after(&mut bench, clears), "", "{kind}");
    }
}

#[test]
fn a_stay_is_timed_from_presence() {
    let mut bench = Bench::shipped(Kind::Toilet);
    for _ in 0..6 {
        bench.feed(&[("occupied", V::B(true))]);
        bench.advance(5 * MINUTE);
    }
    assert_eq!(bench.open(), ["toilet_long_stay"]);
    assert_eq!(after(&mut bench, &[("occupied", V::B(false))]), "");
}

#[test]
fn a_septic_tank_that_rises_fast_is_said_until_it_slows() {
    let mut bench = Bench::shipped(Kind::Septic);
    let mut said = Vec::new();
    for level in [20.0, 21.0, 29.0, 37.0, 45.0, 46.0, 46.0, 46.0, 46.0, 46.0] {
        said.extend(bench.feed(&[("level_pct", n(level))]));
        said.extend(bench.advance(15 * MINUTE));
    }
    assert_eq!(said, ["+septic-rising/rising major", "-septic-rising/rising"]);
}

#[test]
fn odour_is_a_mean_over_a_quarter_of_an_hour() {
    let mut bench = Bench::shipped(Kind::Toilet);
    let mut readings = |values: &[f64]| {
        for value in values {
            bench.feed(&[("nh3_ppm", n(*value))]);
            bench.advance(5 * MINUTE);
        }
        bench.open().join(" ")
    };
    assert_eq!(readings(&[0.2, 0.2, 2.5]), "", "one whiff");
    assert_eq!(readings(&[2.5, 2.5, 2.5]), "toilet_odour");
    assert_eq!(readings(&[0.2, 0.2, 0.2]), "");
}

#[test]
fn a_tipped_or_open_bin_has_no_level() {
    for state in ["tipped", "cover_open"] {
        let mut bench = Bench::shipped(Kind::Bin);
        assert_eq!(after(&mut bench, &[("fill_pct", n(100.0)), (state, V::B(true))]), "", "{state}");
    }
}

#[test]
fn a_receiver_without_a_fix_drives_no_speed() {
    let mut bench = Bench::shipped(Kind::Truck);
    bench.feed(&[("speed_kmh", n(180.0)), ("fix", V::B(false))]);
    bench.advance(MINUTE);
    assert!(!bench.is_open());
}

#[test]
fn every_kind_has_its_silence() {
    for (kind, intervals) in [
        (Kind::Manhole, 2.5),
        (Kind::Streetlight, 2.5),
        (Kind::Septic, 2.5),
        (Kind::Toilet, 2.5),
        (Kind::Bin, 2.5),
        (Kind::Truck, 20.0),
    ] {
        let mut bench = Bench::shipped(kind);
        bench.judge(|pack, cx, state, out| pack.arm(cx, state, out));
        let wait = (intervals * 600.0 * 1_000.0) as i64;
        assert_eq!(bench.advance(wait - 1).len(), 0);
        bench.advance(1);
        assert_eq!(bench.open(), ["device_silent"], "{kind}");
        assert_eq!(after(&mut bench, &[("rssi_dbm", n(-90.0))]), "", "{kind}");
    }
}
