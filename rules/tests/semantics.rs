//! What the words of the language mean, one table or story per word, partial messages included.

mod common;

use std::sync::Arc;

use common::{Bench, HOUR, MINUTE, SECOND, START, V, compile, rule};
use gengfu_model::{Assertion, Kind, Severity, Timestamp, Value};

fn manhole(body: &str) -> Bench {
    Bench::of(Kind::Manhole, body)
}

fn septic(body: &str) -> Bench {
    Bench::of(Kind::Septic, body)
}

#[test]
fn an_incident_opens_and_clears_on_transitions_only() {
    let mut bench = manhole("incident(msg.tilt_deg > 30.0);");
    for (tilt, said) in [(0.0, ""), (31.0, "+r/k major"), (40.0, ""), (30.0, "-r/k"), (0.0, ""), (99.0, "+r/k major")] {
        assert_eq!(bench.feed(&[("tilt_deg", tilt.into())]).join(" "), said, "{tilt}");
    }
}

#[test]
fn a_reading_without_a_field_of_the_rule_does_not_run_it() {
    let mut bench = manhole("incident(msg.tilt_deg > 30.0);");
    bench.feed(&[("tilt_deg", 1.0.into())]);
    let before = bench.pack.counts()[0].evaluations;
    bench.feed(&[("battery_pct", 50.0.into())]);
    assert_eq!(bench.pack.counts()[0].evaluations, before);
}

#[test]
fn unknown_neither_raises_nor_clears() {
    let mut bench = manhole("incident(msg.tilt_deg > 30.0);");
    assert_eq!(bench.feed(&[("tilt_deg", V::Faulty)]).len(), 0);
    bench.feed(&[("tilt_deg", 50.0.into())]);
    assert_eq!(bench.feed(&[("tilt_deg", V::Faulty)]).len(), 0);
    assert!(bench.is_open());
    assert_eq!(bench.feed(&[("tilt_deg", 1.0.into())]), ["-r/k"]);
}

#[test]
fn a_value_older_than_two_and_a_half_intervals_is_unknown() {
    let mut bench = manhole("incident(known(msg.tilt_deg) && msg.water);");
    bench.feed(&[("tilt_deg", 1.0.into())]);
    bench.advance(25 * MINUTE);
    assert_eq!(bench.feed(&[("water", true.into())]), ["+r/k major"], "25 minutes at an interval of 10 are fresh");
    bench.advance(1);
    assert_eq!(bench.feed(&[("water", true.into())]), ["-r/k"]);
}

#[test]
fn logic_is_three_valued_on_partial_messages() {
    // (expression, only water known to be true, only water known to be false)
    for (expression, with_true, with_false) in [
        ("msg.cover_open || msg.water", "true", "unknown"),
        ("msg.cover_open && msg.water", "unknown", "false"),
        ("!msg.cover_open", "unknown", "unknown"),
        ("msg.water && !msg.cover_open", "unknown", "false"),
        ("known(msg.cover_open) || msg.water", "true", "false"),
        ("or_else(msg.cover_open, false) || msg.water", "true", "false"),
        ("or_else(msg.cover_open, true)", "true", "true"),
        ("msg.cover_open == msg.water", "unknown", "unknown"),
        ("if msg.water { true } else { msg.cover_open }", "true", "unknown"),
        ("if msg.cover_open { true } else { true }", "unknown", "unknown"),
        ("msg.tilt_deg + 1.0 > 0.0", "unknown", "unknown"),
    ] {
        for (water, wanted) in [(true, with_true), (false, with_false)] {
            let body = format!(
                "let c = {expression}; let w = msg.water;\n\
                 incident(c, #{{ key: \"true\" }}); incident(!c, #{{ key: \"false\" }});"
            );
            let mut bench = manhole(&body);
            let said = bench.feed(&[("water", water.into())]).join(" ");
            let got = match said.as_str() {
                "+r/true major" => "true",
                "+r/false major" => "false",
                "" => "unknown",
                other => other,
            };
            assert_eq!(got, wanted, "{expression} with water {water}");
        }
    }
}

#[test]
fn an_if_on_unknown_runs_neither_branch() {
    let body = "if msg.cover_open { raise(#{ key: \"a\" }); } else { clear(\"a\"); raise(#{ key: \"b\" }); }\n\
                if msg.water { clear(\"b\"); }";
    let mut bench = manhole(body);
    assert_eq!(bench.feed(&[("water", false.into())]).len(), 0);
    assert_eq!(bench.feed(&[("cover_open", true.into())]), ["+r/a major"]);
    assert_eq!(bench.feed(&[("cover_open", V::Faulty)]).len(), 0);
    assert_eq!(bench.feed(&[("cover_open", false.into())]), ["-r/a", "+r/b major"]);
}

#[test]
fn the_right_side_with_a_memory_is_always_judged() {
    // Without this, the band would not know that the cover was at 50 degrees.
    let mut bench = manhole("incident(msg.tilt_deg > 30.0 || band(msg.tilt_deg, 10.0, 8.0));");
    bench.feed(&[("tilt_deg", 50.0.into())]);
    assert_eq!(bench.feed(&[("tilt_deg", 9.0.into())]).len(), 0);
    assert_eq!(bench.feed(&[("tilt_deg", 8.0.into())]), ["-r/k"]);
}

#[test]
fn the_right_side_without_memory_is_looked_at_only_if_it_counts() {
    let mut bench = Bench::of(Kind::Toilet, "incident(msg.visits != 0 && 100 / msg.visits > 10);");
    bench.feed(&[("visits", 0.0.into())]);
    assert_eq!(bench.pack.counts()[0].faults, 0);
    assert_eq!(bench.feed(&[("visits", 2.0.into())]), ["+r/k major"]);
}

#[test]
fn band_trips_resets_and_keeps() {
    let mut bench = manhole("incident(band(msg.tilt_deg, 10.0, 8.0));");
    for (tilt, said) in [
        (9.0, ""),
        (7.0, ""),
        (9.0, ""),
        (10.0, "+r/k major"),
        (8.5, ""),
        (8.0, "-r/k"),
        (9.9, ""),
        (11.0, "+r/k major"),
    ] {
        assert_eq!(bench.feed(&[("tilt_deg", tilt.into())]).join(" "), said, "{tilt}");
    }
    assert_eq!(bench.feed(&[("tilt_deg", V::Faulty)]).len(), 0);
    assert_eq!(bench.feed(&[("tilt_deg", 9.0.into())]).len(), 0, "what it was before the fault");
}

#[test]
fn band_watches_for_low_values_when_trip_is_below_reset() {
    let mut bench = manhole("incident(band(msg.battery_pct, 20.0, 25.0));");
    for (pct, said) in [(50.0, ""), (22.0, ""), (20.0, "+r/k major"), (24.0, ""), (25.0, "-r/k")] {
        assert_eq!(bench.feed(&[("battery_pct", pct.into())]).join(" "), said, "{pct}");
    }
}

#[test]
fn a_band_that_begins_in_between_is_unknown() {
    let mut bench = manhole("incident(!band(msg.tilt_deg, 10.0, 8.0));");
    assert_eq!(bench.feed(&[("tilt_deg", 9.0.into())]).len(), 0);
    assert_eq!(bench.feed(&[("tilt_deg", 1.0.into())]), ["+r/k major"]);
}

#[test]
fn held_fires_by_its_timer_without_a_further_message() {
    let mut bench = manhole("incident(held(msg.tilt_deg > 10.0, 10.s));");
    bench.feed(&[("tilt_deg", 14.0.into())]);
    assert_eq!(bench.pack.next_due(&bench.device, &bench.state), Some(Timestamp(START + 10 * SECOND)));
    assert_eq!(bench.advance(9_999).len(), 0);
    assert_eq!(bench.advance(1), ["+r/k major"]);
    assert_eq!(bench.signals[0].evidence.now, Timestamp(START + 10 * SECOND));
    assert_eq!(bench.signals[0].evidence.trigger, "timer");
    assert_eq!(bench.pack.next_due(&bench.device, &bench.state), None);
    assert_eq!(bench.feed(&[("tilt_deg", 1.0.into())]), ["-r/k"]);
}

#[test]
fn held_is_disarmed_by_false() {
    let mut bench = manhole("incident(held(msg.tilt_deg > 10.0, 10.s));");
    bench.feed(&[("tilt_deg", 14.0.into())]);
    bench.advance(5 * SECOND);
    bench.feed(&[("tilt_deg", 0.5.into())]);
    assert_eq!(bench.advance(MINUTE).len(), 0);
    bench.feed(&[("tilt_deg", 14.0.into())]);
    assert_eq!(bench.advance(9 * SECOND).len(), 0, "the time counts from the new lean");
    assert_eq!(bench.advance(SECOND), ["+r/k major"]);
}

#[test]
fn unknown_neither_fires_nor_disarms_held() {
    let mut bench = manhole("incident(held(msg.tilt_deg > 10.0, 10.s));");
    bench.feed(&[("tilt_deg", 14.0.into())]);
    bench.advance(5 * SECOND);
    bench.feed(&[("tilt_deg", V::Faulty)]);
    assert_eq!(bench.advance(MINUTE).len(), 0, "unknown when the time is up");
    assert_eq!(bench.feed(&[("tilt_deg", 14.0.into())]), ["+r/k major"], "true since more than ten seconds");
}

#[test]
fn several_held_conditions_of_a_rule_keep_their_own_time() {
    let body = "incident(held(msg.tilt_deg > 10.0, 10.s), #{ key: \"a\" });\n\
                incident(held(msg.tilt_deg > 20.0, 20.s, \"long\"), #{ key: \"b\" });";
    let mut bench = manhole(body);
    bench.feed(&[("tilt_deg", 30.0.into())]);
    assert_eq!(bench.advance(15 * SECOND), ["+r/a major"]);
    assert_eq!(bench.advance(15 * SECOND), ["+r/b major"]);
}

#[test]
fn a_gap_moves_held_and_silence() {
    let mut bench = manhole("incident(held(msg.tilt_deg > 10.0, 10.s));");
    bench.feed(&[("tilt_deg", 14.0.into())]);
    bench.state.shift(HOUR);
    assert_eq!(bench.pack.next_due(&bench.device, &bench.state), Some(Timestamp(START + HOUR + 10 * SECOND)));
}

#[test]
fn windows_take_samples_from_readings_that_carry_the_field_only() {
    let mut bench = septic("incident(count(msg.level_pct, 1.h) >= 3); let x = msg.temperature_c;");
    for _ in 0..4 {
        bench.advance(MINUTE);
        bench.feed(&[("temperature_c", 20.0.into())]);
    }
    assert!(!bench.is_open());
    for said in ["", "", "+r/k major"] {
        bench.advance(MINUTE);
        assert_eq!(bench.feed(&[("level_pct", 5.0.into())]).join(" "), said);
    }
}

#[test]
fn windows_over_event_time() {
    // (expression over levels 10, 20, 60 at minutes 0, 20, 40; its value then)
    for (expression, value) in [
        ("avg(msg.level_pct, 1.h)", 30.0),
        ("min(msg.level_pct, 1.h)", 10.0),
        ("max(msg.level_pct, 1.h)", 60.0),
        ("sum(msg.level_pct, 1.h)", 90.0),
        ("to_float(count(msg.level_pct, 1.h))", 3.0),
        ("to_float(count(msg.level_pct > 15.0, 1.h))", 2.0),
        ("avg(msg.level_pct, 30.min)", 40.0),
        ("avg(msg.level_pct, 20.min)", 60.0),
        ("rate(msg.level_pct, 1.h)", 75.0),
        ("rate(msg.level_pct, 20.min)", 40.0),
        ("slope(msg.level_pct, 40.min)", 50.0),
        ("prev(msg.level_pct)", 20.0),
        ("min(msg.level_pct, 50.0)", 50.0),
        ("max(msg.level_pct, 70.0)", 70.0),
        ("clamp(msg.level_pct, 0.0, 55.0)", 55.0),
    ] {
        let mut bench = septic(&format!("incident(msg.level_pct > 50.0, {expression});"));
        for (minute, level) in [(0, 10.0), (20, 20.0), (40, 60.0)] {
            let event_time = Timestamp(START + minute * MINUTE);
            bench.now = event_time.plus_ms(7 * SECOND);
            bench.feed_at(event_time, &[("level_pct", level.into())]);
        }
        let Assertion::Raise { value: got, .. } = bench.signals[0].assertion else { panic!("{expression}") };
        assert!((got.unwrap() - value).abs() < 1e-9, "{expression} is {got:?}");
    }
}

#[test]
fn a_rate_is_unknown_while_the_samples_span_less_than_half_of_the_window() {
    let mut bench = septic("incident(rate(msg.level_pct, 1.h) > 20.0);");
    bench.feed(&[("level_pct", 10.0.into())]);
    bench.advance(10 * MINUTE);
    assert_eq!(bench.feed(&[("level_pct", 40.0.into())]).len(), 0, "a spike over ten minutes");
    bench.advance(20 * MINUTE);
    assert_eq!(bench.feed(&[("level_pct", 40.0.into())]), ["+r/k major"]);
}

#[test]
fn changed_is_said_of_the_reading_that_brings_it() {
    let mut bench = septic("incident(changed(msg.overflow)); let x = msg.temperature_c;");
    assert_eq!(bench.feed(&[("overflow", true.into())]).len(), 0, "the first is unknown");
    assert_eq!(bench.feed(&[("overflow", true.into())]).len(), 0);
    assert_eq!(bench.feed(&[("overflow", false.into())]), ["+r/k major"]);
    assert_eq!(bench.feed(&[("temperature_c", 1.0.into())]), ["-r/k"]);
}

#[test]
fn changed_takes_texts() {
    let mut bench = Bench::of(Kind::Truck, "incident(changed(msg.task));");
    bench.feed(&[("task", "sweep".into())]);
    assert_eq!(bench.feed(&[("task", "sweep".into())]).len(), 0);
    assert_eq!(bench.feed(&[("task", "wash".into())]), ["+r/k major"]);
}

#[test]
fn at_knows_the_local_time_over_midnight() {
    let mut bench = septic("incident(msg.overflow && at(\"22:00\", \"06:00\"));");
    // 10:00, 22:00, 05:59, 06:00 in China.
    for (hour, minute, open) in [(10, 0, false), (22, 0, true), (29, 59, true), (30, 0, false)] {
        bench.now = Timestamp(START + (hour - 10) * HOUR + minute * MINUTE);
        bench.feed(&[("overflow", true.into())]);
        assert_eq!(bench.is_open(), open, "{hour}:{minute}");
    }
}

#[test]
fn silence_fires_for_a_device_that_was_never_heard_and_clears_at_the_next_message() {
    let text = "const RULE = #{ kind: \"septic\", key: \"silent\", severity: \"minor\", condition: \"device_silent\",\n\
                silent: 2.h, text_zh: \"z\", text_en: \"e\" };\nfn on_silent(dev) { raise(#{}); }\n";
    let mut bench = Bench::new(compile(&[("r.rhai", text)]), Kind::Septic);
    bench.judge(|pack, cx, state, out| pack.arm(cx, state, out));
    assert_eq!(bench.advance(2 * HOUR - 1).len(), 0);
    assert_eq!(bench.advance(1), ["+r/silent minor"]);
    assert_eq!(bench.pack.next_due(&bench.device, &bench.state), None, "once is enough");
    assert_eq!(bench.feed(&[("level_pct", 1.0.into())]), ["-r/silent"]);
    assert_eq!(bench.advance(2 * HOUR), ["+r/silent minor"]);
}

#[test]
fn silence_counts_in_intervals_and_only_in_service() {
    let text = "const RULE = #{ kind: \"septic\", key: \"silent\", severity: \"minor\", condition: \"device_silent\",\n\
                silent: 2.5.intervals, text_zh: \"z\", text_en: \"e\" };\nfn on_silent(dev) { incident(dev.silent); }\n";
    let mut bench = Bench::new(compile(&[("r.rhai", text)]), Kind::Septic);
    bench.judge(|pack, cx, state, out| pack.arm(cx, state, out));
    assert_eq!(bench.pack.next_due(&bench.device, &bench.state), Some(Timestamp(START + 25 * MINUTE)));
    bench.device.life = gengfu_model::DeviceLife::Maintenance;
    assert_eq!(bench.pack.next_due(&bench.device, &bench.state), None);
    assert_eq!(bench.advance(HOUR).len(), 0);
    bench.device.life = gengfu_model::DeviceLife::InService;
    assert_eq!(bench.advance(0), ["+r/silent minor"]);
}

#[test]
fn after_calls_on_timer_once_and_can_be_cancelled() {
    let text = "const RULE = #{ kind: \"septic\", key: \"k\", severity: \"minor\", condition: \"septic_high\",\n\
                text_zh: \"z\", text_en: \"e\" };\n\
                fn on_message(msg, dev) {\n\
                if msg.overflow { after(\"recheck\", 5.min); } else { cancel(\"recheck\"); clear(); }\n}\n\
                fn on_timer(msg, dev, name) { if name == \"recheck\" && msg.overflow { raise(#{}); } }\n";
    let mut bench = Bench::new(compile(&[("r.rhai", text)]), Kind::Septic);
    bench.feed(&[("overflow", true.into())]);
    bench.advance(4 * MINUTE);
    bench.feed(&[("overflow", true.into())]);
    assert_eq!(bench.advance(MINUTE), ["+r/k minor"], "a running timer is left alone");
    assert_eq!(bench.feed(&[("overflow", false.into())]), ["-r/k"]);
    bench.feed(&[("overflow", true.into())]);
    bench.feed(&[("overflow", false.into())]);
    assert_eq!(bench.advance(HOUR).len(), 0);
}

#[test]
fn every_goes_on_in_its_rhythm() {
    let text = "const RULE = #{ kind: \"septic\", key: \"k\", severity: \"minor\", condition: \"septic_high\", every: 1.h,\n\
                text_zh: \"z\", text_en: \"e\" };\n\
                fn on_timer(msg, dev, name) { incident(name == \"every\" && msg.level_pct > 50.0); }\n";
    let mut bench = Bench::new(compile(&[("r.rhai", text)]), Kind::Septic);
    bench.device.interval_s = 86_400;
    bench.feed(&[("level_pct", 60.0.into())]);
    assert_eq!(bench.advance(HOUR), ["+r/k minor"]);
    bench.feed(&[("level_pct", 40.0.into())]);
    assert_eq!(bench.advance(HOUR), ["-r/k"]);
    bench.now = Timestamp(START + 7 * HOUR + MINUTE);
    bench.advance(0);
    assert_eq!(bench.pack.next_due(&bench.device, &bench.state), Some(Timestamp(START + 8 * HOUR)));
}

#[test]
fn a_severity_that_changes_is_said_again() {
    let mut bench = septic(
        "incident(msg.level_pct > 80.0, #{ severity: if msg.level_pct > 90.0 { \"major\" } else { \"minor\" }, value: msg.level_pct });",
    );
    for (level, said) in [(85.0, "+r/k minor"), (95.0, "+r/k major"), (96.0, ""), (85.0, "+r/k minor"), (10.0, "-r/k")]
    {
        assert_eq!(bench.feed(&[("level_pct", level.into())]).join(" "), said, "{level}");
    }
}

#[test]
fn functions_variables_and_early_returns() {
    let text = format!(
        "fn limit(dev, base) {{ let x = base; if dev.depth_cm > 100.0 {{ return x * 2.0; }} x }}\n\
         fn over(x, y) {{ x > y }}\nconst BASE = 20.0 * 2.0;\n{}",
        rule(
            "septic",
            "let worst = 0.0;\nif msg.level_cm > 0.0 { worst = msg.level_cm; }\nincident(over(worst, limit(dev, BASE)));"
        )
    );
    let mut bench = Bench::new(compile(&[("r.rhai", &text)]), Kind::Septic);
    bench.device.attributes.insert(Arc::from("depth_cm"), Value::Number(200.0));
    assert_eq!(bench.feed(&[("level_cm", 70.0.into())]).len(), 0);
    assert_eq!(bench.feed(&[("level_cm", 81.0.into())]), ["+r/k major"]);
    bench.device.attributes.insert(Arc::from("depth_cm"), Value::Number(50.0));
    bench.feed(&[("level_cm", 30.0.into())]);
    assert_eq!(bench.feed(&[("level_cm", 41.0.into())]), ["+r/k major"]);
}

#[test]
fn the_deepest_rule_that_compiles_can_be_judged() {
    let sum = |inner: &str| format!("{inner}{}", " + x".repeat(35));
    let functions: String = (1..7).map(|n| format!("fn f{n}(x) {{ {} }}\n", sum(&format!("f{}(x)", n - 1)))).collect();
    let body = "incident(f6(msg.tilt_deg) > 1.0);";
    let text = format!("fn f0(x) {{ {} }}\n{functions}{}", sum("x"), rule("manhole", body));
    if common::tier() == gengfu_rules::Tier::Interpreter {
        // The interpreter's stack is bounded by its own limit: this is refused at load.
        let files = [("r.rhai".to_owned(), text)].into();
        let said = common::show(&gengfu_rules::Pack::compile_in(&files, common::tier()).unwrap_err());
        assert!(said.contains("the interpreter cannot take this"), "{said}");
        return;
    }
    let mut bench = Bench::new(compile(&[("r.rhai", &text)]), Kind::Manhole);
    assert_eq!(bench.feed(&[("tilt_deg", 1.0.into())]), ["+r/k major"]);
}

#[test]
fn a_pack_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<gengfu_rules::Pack>();
    shared::<gengfu_rules::RuleState>();
}

#[test]
fn numbers_mean_what_they_mean_in_rhai() {
    for (expression, holds) in [
        ("msg.visits / 2 == 3", true),
        ("msg.visits / 2.0 == 3.5", true),
        ("0.1 + 0.2 == 0.3", true),
        ("-msg.visits < 0", true),
        ("2 ** 10 == 1024", true),
        ("msg.visits % 4 == 3", true),
        ("abs(-1.5) == 1.5 && floor(1.7) == 1.0 && ceil(1.2) == 2.0 && round(1.5) == 2.0 && sqrt(9.0) == 3.0", true),
        ("to_int(2.9) == 2 && to_float(3) == 3.0", true),
        ("msg.nh3_ppm.abs() >= 0.0 || true", true),
    ] {
        let mut bench = Bench::of(Kind::Toilet, &format!("let v = msg.visits; incident({expression} && v > 0);"));
        bench.feed(&[("visits", 7.0.into())]);
        assert_eq!(bench.is_open(), holds, "{expression}");
    }
}

#[test]
fn a_failed_evaluation_has_no_effect_at_all() {
    let body = "incident(band(msg.nh3_ppm, 10.0, 5.0), #{ key: \"a\" });\n\
                let share = 100 / msg.visits; incident(share > 50, #{ key: \"b\" });";
    let mut bench = Bench::of(Kind::Toilet, body);
    let fresh = bench.state.clone();
    assert_eq!(bench.feed(&[("nh3_ppm", 20.0.into()), ("visits", 0.0.into())]).len(), 0);
    assert_ne!(bench.state, fresh, "the failure is counted");
    assert_eq!(bench.feed(&[("nh3_ppm", 7.0.into()), ("visits", 10.0.into())]).len(), 0, "the band did not trip");
    let counts = &bench.pack.counts()[0];
    assert_eq!((counts.faults, counts.evaluations), (1, 2));
    let note = counts.last_fault.as_ref().unwrap();
    assert_eq!((note.message.as_str(), note.line), ("integer division by zero", 4));
}

#[test]
fn a_device_that_fails_too_often_is_kept_from_the_rule_for_a_while() {
    let mut bench = Bench::of(Kind::Toilet, "incident(100 / msg.visits > 50);");
    for _ in 0..gengfu_rules::FAULTS_TO_QUARANTINE {
        bench.feed(&[("visits", 0.0.into())]);
    }
    assert_eq!(bench.feed(&[("visits", 1.0.into())]).len(), 0);
    assert_eq!(bench.pack.counts()[0].skipped, 1);
    bench.advance(gengfu_rules::QUARANTINE_MS);
    assert_eq!(bench.feed(&[("visits", 1.0.into())]), ["+r/k major"]);
}

#[test]
fn parameters_come_from_the_nearest_scope_that_is_usable() {
    let text = "const RULE = #{ kind: \"manhole\", key: \"k\", severity: \"minor\", condition: \"cover_tilted\",\n\
                parameters: #{ deg: #{ default: 30.0, min: 5.0, max: 90.0, unit: \"°\" } }, text_zh: \"z\", text_en: \"e\" };\n\
                fn on_message(msg, dev) { incident(msg.tilt_deg > param.deg); }\n";
    let mut bench = Bench::new(compile(&[("r.rhai", text)]), Kind::Manhole);
    let (rule, name) = (Arc::from("r"), Arc::from("deg"));
    let steps: [(&str, f64, f64, &str); 6] = [
        ("kind", 20.0, 20.0, "kind"),
        ("district:盐湖", 15.0, 15.0, "district:盐湖"),
        ("district:other", 6.0, 15.0, "district:盐湖"),
        ("group:f-1", 12.0, 12.0, "group:f-1"),
        ("device:d-1", 500.0, 12.0, "group:f-1"),
        ("device:d-1", 10.0, 10.0, "device:d-1"),
    ];
    for (scope, value, effective, from) in steps {
        bench.parameters.set(&rule, &name, &Arc::from(scope), Some(Value::Number(value)));
        let got = bench.pack.effective(&bench.device, &bench.parameters, "r", "deg").unwrap();
        assert_eq!((got.value, &*got.from), (Value::Number(effective), from), "{scope} = {value}");
    }
    assert_eq!(bench.feed(&[("tilt_deg", 11.0.into())]), ["+r/k minor"]);
    bench.parameters.set(&rule, &name, &Arc::from("device:d-1"), None);
    assert_eq!(bench.feed(&[("tilt_deg", 11.0.into())]), ["-r/k"]);
    assert!(bench.pack.check_parameter("r", "deg", &Value::Number(91.0)).unwrap_err().contains("at most 90"));
    assert!(bench.pack.check_parameter("r", "degg", &Value::Number(9.0)).unwrap_err().contains("`deg`"));
}

#[test]
fn texts_are_filled_on_the_transition() {
    let text = "const RULE = #{ kind: \"manhole\", key: \"k\", severity: \"minor\", condition: \"cover_tilted\", cooldown: 15.min,\n\
                text_zh: \"{dev.name} 倾角 {tilt_deg}°[，水位 {water_level_cm} cm][，值 {value}]\",\n\
                text_en: \"{dev.id}: {value}, {water_level_cm} cm\" };\n\
                fn on_message(msg, dev) { incident(msg.tilt_deg > 30.0, msg.tilt_deg * 2.0); }\n";
    let mut bench = Bench::new(compile(&[("r.rhai", text)]), Kind::Manhole);
    bench.late = true;
    bench.feed(&[("tilt_deg", 31.256.into())]);
    let wanted = Assertion::Raise {
        severity: Severity::Minor,
        condition: Arc::from("cover_tilted"),
        value: Some(62.512),
        text_zh: "人民路1号 倾角 31.26°，值 62.51".to_owned(),
        text_en: "d-1: 62.51, — cm".to_owned(),
        late: true,
        cooldown_ms: 15 * MINUTE,
    };
    assert_eq!(bench.signals[0].assertion, wanted);
}

#[test]
fn an_explanation_shows_what_decided() {
    let body = "let lean = msg.tilt_deg - or_else(dev.baseline_tilt_deg, 2.0);\n\
                if msg.water { incident(held(band(lean, 10.0, 8.0), 10.s), lean); }";
    let mut bench = manhole(body);
    bench.feed(&[("tilt_deg", 14.5.into()), ("water", true.into())]);
    bench.advance(10 * SECOND);
    let evidence = &bench.signals[0].evidence;
    assert_eq!((evidence.trigger.as_str(), evidence.file.as_str(), evidence.line), ("timer", "r.rhai", 4));
    assert_eq!(evidence.source, "if msg.water { incident(held(band(lean, 10.0, 8.0), 10.s), lean); }");
    let steps: Vec<_> = evidence.steps.iter().map(|step| format!("{} = {}", step.text, step.value)).collect();
    assert_eq!(
        steps,
        [
            "msg.water = true",
            "held(band(lean, 10.0, 8.0), 10.s) = true",
            "band(lean, 10.0, 8.0) = true",
            "lean = 12.5",
            "msg.tilt_deg - or_else(dev.baseline_tilt_deg, 2.0) = 12.5",
            "msg.tilt_deg = 14.5",
            "or_else(dev.baseline_tilt_deg, 2.0) = 2",
            "dev.baseline_tilt_deg = unknown",
            "lean = 12.5",
        ]
    );
    let readings: Vec<_> = evidence.readings.iter().map(|reading| reading.field.as_str()).collect();
    assert_eq!(readings, ["tilt_deg", "water"]);
    assert!(evidence.slots.iter().any(|slot| slot.id == "on_message:held:band(lean, #, #)"), "{:?}", evidence.slots);
}

#[test]
fn an_explanation_shows_slots_before_and_after() {
    let mut bench = manhole("incident(band(msg.tilt_deg, 10.0, 8.0));");
    bench.feed(&[("tilt_deg", 1.0.into())]);
    bench.feed(&[("tilt_deg", 12.0.into())]);
    let slot = &bench.signals[0].evidence.slots[0];
    assert_eq!((slot.before.as_str(), slot.after.as_str()), ("not tripped", "tripped"));
}

#[test]
fn a_tuned_pack_keeps_what_is_remembered_and_a_changed_one_does_not() {
    let mut bench = manhole("incident(held(band(msg.tilt_deg, 10.0, 8.0), 10.s));");
    bench.feed(&[("tilt_deg", 11.0.into())]);
    bench.advance(5 * SECOND);
    // Stored and read again in between, as after a restart.
    let stored = serde_json::to_string(&bench.state).unwrap();
    bench.state = serde_json::from_str(&stored).unwrap();
    bench.pack = compile(&[("r.rhai", &rule("manhole", "incident(held(band(msg.tilt_deg, 12.0, 9.0), 20.s));"))]);
    bench.feed(&[("tilt_deg", 10.0.into())]);
    assert_eq!(bench.advance(14 * SECOND).len(), 0);
    assert_eq!(bench.advance(SECOND), ["+r/k major"], "tripped at 11 by the old limits, held since then");

    bench.pack = compile(&[("r.rhai", &rule("manhole", "incident(band(msg.water_level_cm, 12.0, 9.0));"))]);
    assert_eq!(bench.feed(&[("water_level_cm", 10.0.into())]).len(), 0, "a new slot is unknown");
    assert_eq!(bench.feed(&[("water_level_cm", 1.0.into())]), ["-r/k"], "the verdict of the key was kept");
}

#[test]
fn a_new_sensor_says_its_first_clear_verdict_if_asked() {
    let mut bench = manhole("incident(msg.tilt_deg > 30.0);");
    bench.inherits = true;
    assert_eq!(bench.feed(&[("tilt_deg", V::Faulty)]).len(), 0);
    assert_eq!(bench.feed(&[("tilt_deg", 1.0.into())]), ["-r/k"]);
    assert_eq!(bench.feed(&[("tilt_deg", 1.0.into())]).len(), 0);
}

#[test]
fn the_pack_tells_what_it_declares() {
    let pack = compile(&[("b/tilt.rhai", &rule("manhole", "incident(msg.water);"))]);
    assert!(pack.declares("tilt", "k"));
    assert!(!pack.declares("tilt", "other") && !pack.declares("k", "k"));
    assert_eq!(pack.version().len(), 16);
    let other = compile(&[("b/tilt.rhai", &rule("manhole", "incident(msg.water); "))]);
    assert_ne!(pack.version(), other.version());
}

#[test]
fn the_same_readings_give_the_same_signals() {
    let run = || {
        let mut bench = Bench::shipped(Kind::Manhole);
        for n in 0..200_i32 {
            let tilt = f64::from(n * 37 % 50);
            bench.feed(&[("tilt_deg", tilt.into()), ("ch4_pct_lel", f64::from(n * 13 % 60).into())]);
            bench.advance(i64::from(n % 20) * SECOND);
        }
        (bench.signals, serde_json::to_string(&bench.state).unwrap())
    };
    assert!(!run().0.is_empty());
    assert_eq!(run(), run());
}
