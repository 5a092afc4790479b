//! What `command` means, in both tiers: checked at load, sent on a transition, never for what is late, not in
//! service, or unknown.

mod common;

use common::{Bench, MINUTE, SECOND, V, rule};
use gengfu_model::{DeviceLife, Kind};
use gengfu_rules::{Pack, Tier};

/// A lamp's rule in a tier.
fn lamp(tier: Tier, body: &str) -> Bench {
    let files = [("r.rhai".to_owned(), rule("streetlight", body))].into();
    let pack = Pack::compile_in(&files, tier).unwrap_or_else(|found| panic!("{}", common::show(&found)));
    Bench::new(pack, Kind::Streetlight)
}

const DIM: &str = "if msg.leakage_ma >= 30.0 { command(dev, \"switch\", #{ on: false }); } \
    else { command(dev, \"switch\", #{ on: true }); } incident(msg.leakage_ma >= 30.0);";
const TIERS: [Tier; 2] = [Tier::Lowered, Tier::Interpreter];

fn leak(bench: &mut Bench, ma: f64) -> Vec<String> {
    bench.feed(&[("leakage_ma", V::N(ma))])
}

#[test]
fn a_wish_is_sent_once_and_again_when_it_changes() {
    for tier in TIERS {
        let mut bench = lamp(tier, DIM);
        assert_eq!(leak(&mut bench, 1.0), ["!r/switch {\"on\":true}"], "{tier:?}");
        for _ in 0..5 {
            bench.advance(MINUTE);
            assert_eq!(leak(&mut bench, 1.0), [""; 0]);
        }
        assert_eq!(leak(&mut bench, 40.0), ["+r/k major", "!r/switch {\"on\":false}"]);
        bench.advance(MINUTE);
        assert_eq!(leak(&mut bench, 40.0), [""; 0]);
        assert_eq!(leak(&mut bench, 1.0), ["-r/k", "!r/switch {\"on\":true}"]);
        let signal = bench.signals.last().unwrap();
        assert_eq!((signal.evidence.line, &*signal.evidence.file), (3, "r.rhai"));
    }
}

#[test]
fn within_a_minute_a_changed_wish_waits_for_the_next_evaluation() {
    for tier in TIERS {
        let mut bench = lamp(tier, DIM);
        leak(&mut bench, 1.0);
        bench.advance(59 * SECOND);
        assert_eq!(leak(&mut bench, 40.0), ["+r/k major"]);
        bench.advance(SECOND);
        assert_eq!(leak(&mut bench, 40.0), ["!r/switch {\"on\":false}"], "{tier:?}");
    }
}

#[test]
fn a_wish_ends_when_it_is_not_wished_any_more_but_not_by_the_unknown() {
    let body = "if msg.leakage_ma >= 30.0 { if or_else(msg.on, true) { command(dev, \"switch\", #{ on: false }); } } \
        incident(msg.leakage_ma >= 30.0);";
    for tier in TIERS {
        let mut bench = lamp(tier, body);
        assert_eq!(leak(&mut bench, 40.0).len(), 2);
        bench.advance(2 * MINUTE);
        bench.feed(&[("leakage_ma", V::Faulty)]);
        bench.advance(2 * MINUTE);
        assert_eq!(leak(&mut bench, 40.0), [""; 0], "{tier:?}: unknown ended nothing");
        bench.advance(2 * MINUTE);
        assert_eq!(leak(&mut bench, 1.0), ["-r/k"]);
        bench.advance(2 * MINUTE);
        assert_eq!(leak(&mut bench, 40.0), ["+r/k major", "!r/switch {\"on\":false}"]);
    }
}

#[test]
fn arguments_are_computed_and_an_unknown_one_sends_nothing() {
    let body = "command(dev, \"set_level\", #{ level: msg.dim_pct / 2.0 }, 2.min); incident(msg.on);";
    for tier in TIERS {
        let mut bench = lamp(tier, body);
        assert_eq!(bench.feed(&[("on", V::B(false))]), [""; 0], "{tier:?}: no level is known");
        assert_eq!(bench.feed(&[("dim_pct", V::N(80.0))]), ["!r/set_level {\"level\":40.0}"]);
        bench.advance(MINUTE);
        assert_eq!(bench.feed(&[("dim_pct", V::N(80.0))]), [""; 0]);
        assert_eq!(bench.feed(&[("dim_pct", V::N(60.0))]), ["!r/set_level {\"level\":30.0}"]);
    }
}

#[test]
fn an_argument_out_of_range_fails_the_evaluation() {
    for tier in TIERS {
        let mut bench = lamp(tier, "command(dev, \"set_level\", #{ level: msg.power_w }); incident(msg.on);");
        assert_eq!(bench.feed(&[("power_w", V::N(100.5)), ("on", V::B(true))]), [""; 0]);
        let counts = bench.pack.counts();
        let note = counts[0].last_fault.as_ref().unwrap();
        assert_eq!((counts[0].faults, &*note.message), (1, "an argument of a command is out of its range"), "{tier:?}");
        assert_eq!(bench.feed(&[("power_w", V::N(99.5)), ("on", V::B(false))]).len(), 1, "and the next one counts");
    }
}

#[test]
fn late_readings_and_devices_that_are_not_in_service_are_sent_nothing() {
    for tier in TIERS {
        let mut bench = lamp(tier, DIM);
        bench.late = true;
        assert_eq!(leak(&mut bench, 40.0), ["+r/k major"]);
        bench.late = false;
        bench.device.life = DeviceLife::Maintenance;
        assert_eq!(leak(&mut bench, 40.0), [""; 0], "somebody may have a hand in it");
        bench.device.life = DeviceLife::InService;
        assert_eq!(leak(&mut bench, 40.0), ["!r/switch {\"on\":false}"], "{tier:?}");
    }
}

#[test]
fn timers_and_silence_have_wishes_of_their_own() {
    let text = "const RULE = #{ kind: \"streetlight\", key: \"k\", severity: \"info\", condition: \"device_silent\", \
        every: 1.h, silent: 3.h, text_zh: \"z\", text_en: \"e\" };\n\
        fn on_message(msg, dev) { if msg.on { command(dev, \"set_interval\", #{ interval_s: 900 }); } incident(msg.lamp_failure); }\n\
        fn on_silent(dev) { command(dev, \"set_interval\", #{ interval_s: 60 }); raise(#{ key: \"silent\" }); }\n\
        fn on_timer(dev, name) { command(dev, \"set_level\", #{ level: if at(\"23:00\", \"05:00\") { 40.0 } else { 100.0 } }); }\n";
    for tier in TIERS {
        let pack = Pack::compile_in(&[("r.rhai".to_owned(), text.to_owned())].into(), tier);
        let pack = pack.unwrap_or_else(|found| panic!("{}", common::show(&found)));
        let mut bench = Bench::new(pack, Kind::Streetlight);
        // START is 10:00.
        assert_eq!(bench.feed(&[("on", V::B(true))]), ["!r/set_interval {\"interval_s\":900}"], "{tier:?}");
        assert_eq!(bench.advance(61 * MINUTE), ["!r/set_level {\"level\":100.0}"]);
        let said = bench.advance(13 * 60 * MINUTE);
        assert_eq!(said, ["+r/silent info", "!r/set_interval {\"interval_s\":60}", "!r/set_level {\"level\":40.0}"]);
    }
}

#[test]
fn a_member_that_is_judged_ends_no_wish_of_a_timer() {
    let text = "const RULE = #{ kind: \"streetlight\", key: \"k\", severity: \"minor\", condition: \"supply_voltage\", \
        every: 1.h, group: \"cabinet\", distinct: 2, within: 10.min, group_condition: \"feeder_outage\", \
        group_severity: \"major\", text_zh: \"z\", text_en: \"e\", group_text_zh: \"z\", group_text_en: \"e\" };\n\
        fn member(msg, dev) { msg.voltage_v > 250.0 }\n\
        fn on_timer(dev, name) { command(dev, \"set_level\", #{ level: 40.0 }); }\n";
    for tier in TIERS {
        let pack = Pack::compile_in(&[("r.rhai".to_owned(), text.to_owned())].into(), tier);
        let pack = pack.unwrap_or_else(|found| panic!("{}", common::show(&found)));
        let mut bench = Bench::new(pack, Kind::Streetlight);
        bench.feed(&[("voltage_v", V::N(230.0))]);
        assert_eq!(bench.advance(61 * MINUTE), ["!r/set_level {\"level\":40.0}"], "{tier:?}");
        bench.feed(&[("voltage_v", V::N(231.0))]);
        assert_eq!(bench.advance(60 * MINUTE), [""; 0], "{tier:?}: it is what was commanded");
    }
}

#[test]
fn mistakes_are_said_at_load() {
    for (kind, call, wanted) in [
        ("streetlight", "command(dev, \"set_lvl\", #{ level: 1.0 })", "has no command `set_lvl`"),
        ("streetlight", "command(dev, \"set_lvl\", #{ level: 1.0 })", "did you mean `set_level`?"),
        ("bin", "command(dev, \"switch\", #{ on: true })", "a litter bin has no command `switch`"),
        ("streetlight", "command(dev, \"set_level\", #{ level: 101.0 })", "`level` is 0 to 100 %"),
        (
            "streetlight",
            "command(dev, \"set_level\", #{ level: true })",
            "a condition (true or false) stands where a number",
        ),
        ("streetlight", "command(dev, \"set_level\", #{ lvel: 1.0 })", "has no argument `lvel`"),
        ("streetlight", "command(dev, \"set_level\", #{})", "command `set_level` needs `level`"),
        ("streetlight", "command(dev, \"set_interval\", #{ interval_s: 5 })", "`interval_s` is 10 to 86400 s"),
        ("streetlight", "command(dev, \"set_level\", 3)", "the arguments of a command are a map"),
        ("streetlight", "command(msg, \"set_level\", #{ level: 1.0 })", "`command` takes the device"),
        ("streetlight", "command(dev, dev.name, #{})", "the name of a command must be constant"),
        ("streetlight", "command(dev, \"set_level\", #{ level: 1.0 }, 8.d)", "cannot wait that long"),
        ("streetlight", "command(dev, \"set_level\")", "`command` cannot be called like this"),
        ("truck", "command(dev, \"say\", #{ text: 5 })", "a whole number stands where a text"),
        (
            "streetlight",
            "for n in 0..3 { command(dev, \"set_interval\", #{ interval_s: 60 }); }",
            "`command` is called in each turn",
        ),
    ] {
        let field = if kind == "streetlight" { "lamp_failure" } else { "battery_pct > 1.0" };
        let files = [("r.rhai".to_owned(), rule(kind, &format!("{call};\nincident(msg.{field});")))].into();
        let mistakes = Pack::compile(&files).unwrap_err();
        assert!(common::show(&mistakes).contains(wanted), "{call}\n{}", common::show(&mistakes));
    }
}
