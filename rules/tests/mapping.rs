//! Conditions that the city profile does not know are warned of, and the shipped pieces fit together.

mod common;

use gengfu_cases::Profile;
use gengfu_cases::profile::YUNCHENG;
use gengfu_model::Kind;
use gengfu_rules::{Level, Pack};

#[test]
fn the_example_city_knows_every_condition_of_the_library() {
    let profile = Profile::parse(YUNCHENG).unwrap();
    let pack = Pack::compile(&gengfu_rules::library::files()).unwrap();
    assert_eq!(common::show(&pack.unmapped(&profile)), "");
    assert!(pack.rules().iter().any(|rule| rule.kind == Kind::Truck), "the pack is not empty");
}

#[test]
fn a_condition_without_a_mapping_is_a_warning_at_its_place() {
    let profile = Profile::parse(YUNCHENG).unwrap();
    let text = common::rule(
        "manhole",
        "incident(msg.water, #{ key: \"a\", condition: \"cover_lost\" });\nincident(msg.tilt_deg > 1.0);",
    );
    let pack = common::compile(&[("r.rhai", &text)]);
    let found = pack.unmapped(&profile);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].level, found[0].line), (Level::Warning, 3));
    assert!(found[0].message.contains("`cover_lost` on asset type 01-02"), "{}", found[0].message);
    // Mapped for a septic tank's asset type, not for a lamp's.
    let day = common::rule("septic", "incident(msg.overflow, #{ condition: \"day_burner\" });");
    let pack = common::compile(&[("r.rhai", &day)]);
    assert_eq!(pack.unmapped(&profile).len(), 1);
}
