//! Every word of the reference compiles as its example shows.

mod common;

use gengfu_model::Kind;
use gengfu_rules::functions::FUNCTIONS;

#[test]
fn every_example_compiles() {
    for function in &FUNCTIONS {
        if let Some(body) = match function.name {
            "off_route" => Some("incident(off_route(msg, dev));"),
            "missed_stops" => Some("incident(missed_stops(dev.route, msg, \"06:00\", 20.s) > 0);"),
            "implied_speed" => Some("incident(implied_speed(msg) > 120.0);"),
            _ => None,
        } {
            common::compile(&[("r.rhai", &common::rule("truck", body))]);
            continue;
        }
        if function.name == "scheduled_on" {
            common::compile(&[("r.rhai", &common::rule("streetlight", "incident(msg.on && !scheduled_on(dev));"))]);
            continue;
        }
        assert!(function.example.contains(function.name), "{}", function.name);
        let timer = "fn on_timer(dev, name) { }\n";
        let text = common::rule(Kind::Septic.name(), function.example) + timer;
        common::compile(&[("r.rhai", &text)]);
    }
}

#[test]
fn the_example_of_the_test_functions_is_left_to_the_interpreter() {
    let test =
        "fn test_x() { let d = sim(\"manhole\"); for i in 0..3 { d.feed(#{ tilt_deg: 14.0 }); } expect(true); }\n";
    let pack = common::compile(&[("r.rhai", &(common::rule("manhole", "incident(msg.water);") + test))]);
    assert_eq!(common::show(pack.warnings()), "");
}
