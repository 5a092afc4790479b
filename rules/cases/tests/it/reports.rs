//! Cases that people report, who handles what, and mappings of single rules.

use gengfu_cases::Profile;
use gengfu_cases::profile::YUNCHENG;
use gengfu_model::Severity::{Critical, Minor};
use gengfu_model::staff::CaseStep;
use gengfu_model::{CaseReport, CaseState, Role};

use crate::support::{World, device, local, profile, yuncheng};

fn report(source: &str, class: &str, standard: Option<&str>, asset: &str) -> CaseReport {
    CaseReport {
        source: source.into(),
        reporter: "12345".into(),
        class: class.into(),
        standard: standard.map(Into::into),
        severity: Minor,
        asset: asset.into(),
        asset_name: "人民路3号雨水井盖".into(),
        text: "井盖缺失".into(),
        district: "yanhu".into(),
        grid: "".into(),
        department: "roads".into(),
        latitude: Some(35.0),
        longitude: Some(111.0),
    }
}

fn take(world: &mut World, report: &CaseReport) -> gengfu_model::Verdict {
    world.record(|reducer, at, out| reducer.report(at, "zhang", report, out))
}

#[test]
fn a_public_report_is_checked_on_site_and_an_inspectors_is_not() {
    let mut world = World::new(yuncheng(), "2026-11-20 17:30");
    let public =
        take(&mut world, &report("public", "01-03", Some("01-03.1"), "A-9")).expect("taken").id.expect("a case");
    let case = &world.ledger.cases[&public];
    assert_eq!((case.state, &*case.source, &*case.reporter), (CaseState::PendingVerify, "public", "12345"));
    assert_eq!(case.deadline.expect("a limit").due, local("2026-11-20 19:30"));
    assert_eq!((&*case.class_name, &*case.department, case.condition_holds), ("雨水井盖", "roads", false));
    let own =
        take(&mut world, &report("collector", "01-03", Some("01-03.1"), "A-10")).expect("taken").id.expect("a case");
    assert_eq!(world.ledger.cases[&own].state, CaseState::Reported);
    assert_eq!(world.ledger.events.last().map(|event| &*event.actor), Some("zhang"));
}

#[test]
fn what_has_a_case_already_gets_no_second_one() {
    let mut world = World::new(yuncheng(), "2026-11-20 17:30");
    world.raise(&device("c1", "01-02"), "open", Critical, "cover_displaced");
    let case = world.case().id;
    let again = take(&mut world, &report("public", "01-02", Some("01-02.1"), "A-c1")).expect("taken");
    assert_eq!((again.id, world.ledger.cases.len()), (Some(case), 1));
    assert_eq!(world.case().progress.reported_again, 1);
    assert_eq!(world.history(case), ["opened", "reported_again"]);
    // The other way round: the report first, then the sensor.
    let first = take(&mut world, &report("public", "01-02", Some("01-02.1"), "A-c2")).expect("taken").id;
    world.raise(&device("c2", "01-02"), "open", Critical, "cover_displaced");
    assert_eq!(world.ledger.cases.len(), 2);
    let joined = world.ledger.incidents.values().last().expect("an incident").case;
    assert_eq!(joined, first);
    assert!(world.ledger.cases[&joined.expect("a case")].condition_holds);
}

#[test]
fn places_without_a_code_are_cases_of_their_own() {
    let mut world = World::new(yuncheng(), "2026-11-20 17:30");
    for _ in 0..2 {
        take(&mut world, &report("public", "E05-06", Some("E05-06.1"), "")).expect("taken");
    }
    assert_eq!(world.ledger.cases.len(), 2);
    for case in world.ledger.cases.values() {
        assert_eq!(&*case.department, "排水管理处", "the profile's table comes before what the reporter says");
    }
}

#[test]
fn a_bad_report_is_refused_with_its_field() {
    let mut world = World::new(yuncheng(), "2026-11-20 17:30");
    let good = || report("public", "01-02", Some("01-02.1"), "A-1");
    let bad = [
        (CaseReport { source: "iot".into(), ..good() }, "source"),
        (CaseReport { source: "nobody".into(), ..good() }, "source"),
        (CaseReport { class: "99-99".into(), ..good() }, "class"),
        (CaseReport { standard: Some("01-03.1".into()), ..good() }, "standard"),
        (CaseReport { text: " ".into(), ..good() }, "text"),
        (CaseReport { text: "x".repeat(2_001), ..good() }, "text"),
        (CaseReport { asset: "x".repeat(129).into(), ..good() }, "asset"),
        (CaseReport { latitude: Some(f64::NAN), ..good() }, "latitude"),
    ];
    for (report, field) in bad {
        let before = world.reducer.clone();
        let refusal = take(&mut world, &report).expect_err(field);
        assert_eq!((refusal.code.as_str(), refusal.field.as_deref()), ("invalid", Some(field)), "{refusal:?}");
        assert_eq!(before, world.reducer, "a refused report changes nothing");
    }
}

#[test]
fn filing_dispatches_where_the_profile_says_so() {
    let text = format!(
        "{YUNCHENG}\n[[dispatch]]\nclass = [\"01-*\"]\ndistrict = [\"yanhu\"]\ndepartment = \"covers\"\nauto = true\n"
    );
    let mut world = World::new(std::sync::Arc::new(Profile::parse(&text).expect("good")), "2026-11-20 17:00");
    world.raise(&device("c1", "01-02"), "open", Critical, "cover_displaced");
    let case = world.case().id;
    assert_eq!(&*world.case().department, "covers", "shown before anybody dispatches");
    world.until("2026-11-20 17:20");
    world.done(Role::Acceptor, case, CaseStep::File);
    let row = world.case();
    assert_eq!((row.state, row.progress.dispatched), (CaseState::Dispatched, Some(world.now)));
    assert_eq!(row.deadline.expect("a limit").due, local("2026-11-20 19:20"), "the limit counts from the dispatch");
    assert_eq!(world.history(case), ["opened", "file", "dispatch"]);
    let elsewhere = gengfu_model::Device { district: "linyi".into(), ..device("c2", "01-02") };
    world.raise(&elsewhere, "open", Critical, "cover_displaced");
    assert_eq!(&*world.ledger.cases.values().last().expect("a case").department, "municipal", "the owner's");
}

#[test]
fn a_mapping_of_one_rule_comes_before_those_of_all() {
    let own = "[[mapping]]\nrule = \"r\"\ncondition = \"cover_displaced\"\nasset_type = [\"01-02\"]\nstandard = \"01-02.1\"\nstart = \"pending_verify\"\n\n[[mapping]]\ncondition = \"cover_displaced\"";
    let profile = profile(&[("[[mapping]]\ncondition = \"cover_displaced\"", own)]);
    let mut world = World::new(profile, "2026-11-20 17:00");
    world.raise(&device("c1", "01-02"), "open", Critical, "cover_displaced");
    assert_eq!(world.case().state, CaseState::PendingVerify);
    world.raise(&device("c2", "01-03"), "open", Critical, "cover_displaced");
    assert_eq!(world.ledger.cases.values().last().expect("a case").state, CaseState::Reported);
}

#[test]
fn mistakes_of_policies_are_told_with_their_field() {
    let cases = [
        ("[case.clocks]\nfile = \"soon\"", "case.clocks.file"),
        ("[[case.ladder]]\nat = \"120%\"\naction = \"remind\"", "case.ladder.at"),
        ("[[case.ladder]]\nat = \"75%\"\nafter = \"1 work_hour\"\naction = \"remind\"", "case.ladder"),
        ("[[case.ladder]]\nat = \"75%\"\naction = \"shout\"", "case.ladder.action"),
        ("[[source]]\nname = \"iot\"\nzh = \"x\"\nen = \"x\"", "source.name"),
        ("[[source]]\nname = \"a\"\nzh = \"x\"\nen = \"x\"\nstart = \"closed\"", "source.start"),
        ("[[dispatch]]\nclass = [\"77-*\"]\ndepartment = \"x\"", "dispatch.class"),
        ("[[dispatch]]\ndepartment = \" \"", "dispatch.department"),
    ];
    for (text, field) in cases {
        let mistakes = Profile::parse(&format!("name = \"x\"\n{text}\n")).expect_err(field);
        assert_eq!(mistakes.iter().map(|mistake| mistake.field.as_str()).collect::<Vec<_>>(), [field], "{mistakes:?}");
    }
}
