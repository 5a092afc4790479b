//! How large a storm is and where it lies: the number in its texts and its case's title, its district and whose work
//! it is.

use std::collections::BTreeMap;

use gengfu_cases::profile::GroupBy;
use gengfu_cases::{CONSOLE_TOPIC, RuleGroup};
use gengfu_model::Severity::{Major, Minor};
use gengfu_model::duty::{DutyAction, Roster, Shift, Turns};
use gengfu_model::staff::CaseStep;
use gengfu_model::{Assertion, CaseState, Device, Incident, IncidentState, Kind, Role};

use crate::support::{World, lamp, profile, signal, yuncheng};

/// A lamp of feeder F7 in a district, whose lamps have an owner of their own.
fn lamp_in(district: &str, id: &str) -> Device {
    Device {
        feeder: "F7".into(),
        district: district.into(),
        grid: format!("grid of {id}").into(),
        department: format!("lights of {district}").into(),
        ..lamp(id, id)
    }
}

fn dark(world: &mut World, district: &str, ids: &[&str]) {
    for id in ids {
        world.raise(&lamp_in(district, id), "dark", Minor, "lamp_dark");
    }
}

fn lit(world: &mut World, district: &str, ids: &[&str]) {
    for id in ids {
        world.clear(&lamp_in(district, id), "dark");
    }
}

fn parent(world: &World) -> &Incident {
    world.ledger.incidents.values().find(|row| row.key.starts_with("group:")).expect("a storm")
}

/// Number in the texts of the incident and the title of its case, which must agree.
fn number(world: &World) -> u32 {
    let storm = parent(world);
    let case = &world.ledger.cases[&storm.case.expect("a case")];
    assert_eq!((&storm.text_zh, &storm.text_en), (&case.text_zh, &case.text_en));
    let digits = |text: &str| -> String {
        text[text.find("F7").expect("F7") + 2..].chars().filter(char::is_ascii_digit).collect()
    };
    assert_eq!(digits(&storm.text_zh), digits(&storm.text_en));
    digits(&storm.text_zh).parse().expect("a number")
}

/// District of the incident and of its case, which must agree, and whose work it is.
fn home(world: &World) -> (String, String) {
    let storm = parent(world);
    let case = &world.ledger.cases[&storm.case.expect("a case")];
    assert_eq!(storm.district, case.district);
    (case.district.to_string(), case.department.to_string())
}

fn of(district: &str) -> (String, String) {
    (district.to_owned(), format!("lights of {district}"))
}

/// A world in which the rule itself groups lamps.
fn with_rule() -> World {
    let mut world = World::new(yuncheng(), "2026-11-20 19:00");
    tell_groups(&mut world);
    world
}

fn tell_groups(world: &mut World) {
    let group = RuleGroup {
        by: vec![GroupBy::Feeder],
        distinct: Some(3),
        share: None,
        both: false,
        within_ms: 20 * 60_000,
        condition: "feeder_outage".into(),
        severity: Major,
        text_zh: "{group} 停电，{count} 盏".into(),
        text_en: "{group} out: {count}".into(),
    };
    world.reducer.tell_groups(BTreeMap::from([(RuleGroup::name(Kind::Streetlight, "r"), group)]));
}

fn says(world: &mut World, district: &str, ids: &[&str], holds: bool) {
    for id in ids {
        let said = signal("member", Assertion::Member { holds });
        world.record(|reducer, at, out| reducer.signal(at, &lamp_in(district, id), said, out));
    }
}

fn world() -> World {
    World::new(yuncheng(), "2026-11-20 19:00")
}

#[test]
fn texts_and_title_say_how_many_there_are_now_without_a_message_for_each() {
    let mut world = world();
    dark(&mut world, "yanhu", &["l1", "l2", "l3"]);
    assert_eq!(number(&world), 3);
    assert_eq!(&*parent(&world).text_zh, "馈线 F7（3）：lamp_dark 告警");
    let (told, lines) = (world.topics().len(), world.ledger.events.len());
    dark(&mut world, "yanhu", &["l4", "l5", "l6"]);
    assert_eq!(number(&world), 6);
    lit(&mut world, "yanhu", &["l1", "l5"]);
    assert_eq!((number(&world), parent(&world).value), (4, Some(6.0)), "the value is the most that there were");
    assert_eq!((world.topics().len(), world.ledger.events.len()), (told, lines));
    // Somebody under way sees it as well.
    let case = parent(&world).case.expect("a case");
    world.done(Role::Acceptor, case, CaseStep::File);
    world.done(Role::Dispatcher, case, CaseStep::Dispatch { department: "lights".into() });
    dark(&mut world, "yanhu", &["l7"]);
    assert_eq!(number(&world), 5);
    // Over, it says how large it was.
    lit(&mut world, "yanhu", &["l2", "l3", "l4", "l6"]);
    assert_eq!((parent(&world).state, number(&world)), (IncidentState::Cleared, 6));
}

#[test]
fn a_rules_group_fills_its_own_texts_anew() {
    let mut world = with_rule();
    says(&mut world, "yanhu", &["l1", "l2", "l3", "l4"], true);
    assert_eq!((&*parent(&world).text_zh, number(&world)), ("馈线 F7 停电，4 盏", 4));
    says(&mut world, "yanhu", &["l1"], false);
    assert_eq!((&*parent(&world).text_en, number(&world)), ("feeder F7 out: 3", 3));
    says(&mut world, "yanhu", &["l2", "l3"], false);
    assert_eq!((parent(&world).state, number(&world)), (IncidentState::Cleared, 4));
}

#[test]
fn a_title_that_somebody_elses_incident_gave_stays() {
    let mut world = world();
    dark(&mut world, "yanhu", &["l1", "l2", "l3"]);
    let case = parent(&world).case.expect("a case");
    // Another incident of the same case leaves less time, and gives it its text.
    let feeder = Device { asset_code: "feeder:F7".into(), ..lamp_in("yanhu", "meter") };
    world.raise(&feeder, "pole", Major, "pole_tilted");
    let title = world.ledger.cases[&case].text_zh.clone();
    assert_eq!(title, "pole_tilted 告警");
    dark(&mut world, "yanhu", &["l4"]);
    assert_eq!(world.ledger.cases[&case].text_zh, title);
    assert!(parent(&world).text_zh.starts_with("馈线 F7（4）"));
}

#[test]
fn a_storm_is_the_districts_where_most_of_its_members_lie_when_it_begins() {
    for (first, second, third, home_is) in [
        ("yanhu", "kaifaqu", "kaifaqu", "kaifaqu"),
        ("yanhu", "yanhu", "kaifaqu", "yanhu"),
        ("yanhu", "kaifaqu", "jiangxian", "yanhu"),
        ("", "kaifaqu", "", "kaifaqu"),
        ("kaifaqu", "yanhu", "jiangxian", "kaifaqu"),
    ] {
        let mut world = world();
        for (id, district) in [("l1", first), ("l2", second), ("l3", third)] {
            dark(&mut world, district, &[id]);
        }
        assert_eq!(home(&world), of(home_is), "{first} {second} {third}");
        let mut world = with_rule();
        for (id, district) in [("l1", first), ("l2", second), ("l3", third)] {
            says(&mut world, district, &[id], true);
        }
        assert_eq!(home(&world), of(home_is), "{first} {second} {third}");
    }
}

#[test]
fn the_districts_line_of_the_dispatch_table_says_who_gets_it_and_dispatches_it() {
    let table = "[[dispatch]]
class = [\"01-37\"]
district = [\"kaifaqu\"]
department = \"东区灯管所\"
auto = true

# The table. A part and an event may share a code";
    let profile = profile(&[("# The table. A part and an event may share a code", table)]);
    let mut world = World::new(profile.clone(), "2026-11-20 19:00");
    dark(&mut world, "kaifaqu", &["l1", "l2"]);
    dark(&mut world, "yanhu", &["l3"]);
    assert_eq!(home(&world), ("kaifaqu".to_owned(), "东区灯管所".to_owned()));
    // It moves there, and is dispatched as soon as it is filed.
    let mut world = World::new(profile, "2026-11-20 19:00");
    dark(&mut world, "yanhu", &["l1", "l2", "l3"]);
    let case = parent(&world).case.expect("a case");
    world.done(Role::Acceptor, case, CaseStep::File);
    assert_eq!((home(&world), world.ledger.cases[&case].state), (of("yanhu"), CaseState::Filed));
    dark(&mut world, "kaifaqu", &["k1", "k2", "k3", "k4"]);
    assert_eq!(home(&world), ("kaifaqu".to_owned(), "东区灯管所".to_owned()));
    assert_eq!(world.ledger.cases[&case].state, CaseState::Dispatched);
}

#[test]
fn a_storm_that_wanders_takes_its_case_along_until_somebody_is_sent_out() {
    for by_rule in [false, true] {
        let mut world = if by_rule { with_rule() } else { world() };
        let add = |world: &mut World, district: &str, ids: &[&str]| {
            if by_rule { says(world, district, ids, true) } else { dark(world, district, ids) }
        };
        add(&mut world, "yanhu", &["l1", "l2", "l3"]);
        let case = parent(&world).case.expect("a case");
        let told = world.topics().len();
        add(&mut world, "kaifaqu", &["k1", "k2", "k3"]);
        assert_eq!((home(&world), world.topics().len()), (of("yanhu"), told), "as many here as there");
        add(&mut world, "kaifaqu", &["k4"]);
        assert_eq!(home(&world), of("kaifaqu"));
        assert_eq!(world.ledger.cases[&case].grid, "grid of k1".into());
        assert_eq!(world.topics()[told..], ["case.updated"], "one message");
        let line = world.ledger.events.last().expect("a line");
        assert_eq!((&*line.action, &*line.note), ("district_changed", "yanhu → kaifaqu"));
        add(&mut world, "yanhu", &["l4"]);
        assert_eq!(home(&world), of("kaifaqu"), "as many here as there");
        world.done(Role::Acceptor, case, CaseStep::File);
        world.done(Role::Dispatcher, case, CaseStep::Dispatch { department: "lights of kaifaqu".into() });
        add(&mut world, "yanhu", &["l5", "l6"]);
        let moved = &world.ledger.cases[&case];
        assert_eq!((&*moved.district, &*moved.department), ("kaifaqu", "lights of kaifaqu"), "they are on their way");
        assert_eq!(&*parent(&world).district, "yanhu");
    }
}

#[test]
fn what_the_register_moves_counts_where_it_is() {
    for by_rule in [false, true] {
        let mut world = if by_rule { with_rule() } else { world() };
        if by_rule {
            says(&mut world, "yanhu", &["l1", "l2", "l3"], true);
        } else {
            dark(&mut world, "yanhu", &["l1", "l2", "l3"]);
        }
        for id in ["l1", "l2"] {
            assert_eq!(home(&world), of("yanhu"));
            world.record(|reducer, at, out| reducer.register(at, &lamp_in("kaifaqu", id), out));
        }
        assert_eq!((home(&world), number(&world)), (of("kaifaqu"), 3));
    }
}

#[test]
fn those_on_duty_in_the_other_district_are_called() {
    let mut world = world();
    let turns = |who: &str| Turns { people: vec![who.into()], since: "".into(), days: 1 };
    for (district, who) in [("yanhu", "li"), ("kaifaqu", "wang")] {
        let shift = Shift {
            name: "all day".into(),
            days: Vec::new(),
            from: "08:00".to_owned().try_into().expect("a time"),
            to: "08:00".to_owned().try_into().expect("a time"),
            officers: turns(who),
            leaders: turns("chen"),
        };
        let roster = Roster { district: district.into(), shifts: vec![shift], overrides: Vec::new() };
        let ask = DutyAction::PutRoster { roster };
        world
            .record(|reducer, at, out| reducer.duty(at, &"chen".into(), &[Role::ShiftLeader], &ask, out))
            .expect("good");
    }
    let called = |world: &World| -> Vec<String> {
        let rows = world.ledger.outbox.iter().filter(|item| &*item.topic == CONSOLE_TOPIC && item.withdrawn.is_none());
        rows.map(|item| serde_json::from_str::<serde_json::Value>(&item.body).expect("JSON"))
            .map(|body| body["user"].as_str().expect("a user").to_owned())
            .collect()
    };
    dark(&mut world, "yanhu", &["l1", "l2", "l3"]);
    let case = parent(&world).case.expect("a case");
    let before = called(&world);
    assert!(before.iter().all(|who| who == "li") && !before.is_empty(), "{before:?}");
    dark(&mut world, "kaifaqu", &["k1", "k2", "k3", "k4"]);
    assert_eq!(called(&world)[before.len()..], ["wang"]);
    // What somebody has taken over stays with them.
    world.done(Role::DutyOfficer, case, CaseStep::Acknowledge);
    dark(&mut world, "yanhu", &["l4", "l5", "l6"]);
    assert_eq!((home(&world).0, called(&world).len()), ("yanhu".to_owned(), before.len() + 1));
}

/// The rows as versions before this one wrote them: members without places.
#[test]
fn rows_of_earlier_versions_are_read_and_those_members_stay_where_the_storm_is() {
    let mut world = with_rule();
    says(&mut world, "yanhu", &["l1", "l2", "l3"], true);
    let group = world.reducer.clone();
    let mut old = world.ledger.clone();
    let mut members = 0;
    for (key, row) in old.state.iter_mut().filter(|(key, _)| key.starts_with("cases/member/")) {
        let mut value: serde_json::Value = serde_json::from_str(row).expect("JSON");
        assert!(value.as_object_mut().expect("a row").remove("place").is_some(), "{key}");
        *row = value.to_string();
        members += 1;
    }
    assert_eq!(members, 3);
    world.ledger = old;
    world.reducer = world.ledger.restore(yuncheng());
    assert_ne!(world.reducer, group);
    tell_groups(&mut world);
    says(&mut world, "kaifaqu", &["k1", "k2", "k3"], true);
    assert_eq!((home(&world), number(&world)), (of("yanhu"), 6));
    says(&mut world, "kaifaqu", &["k4"], true);
    assert_eq!(home(&world), of("kaifaqu"));
}
