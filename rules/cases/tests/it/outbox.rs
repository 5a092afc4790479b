//! What goes out to others: topics by policy, bodies that say everything.

use gengfu_model::Severity::{Critical, Major, Minor};
use gengfu_model::staff::CaseStep;
use gengfu_model::{Case, CaseEvent, Incident, Role};

use crate::support::{World, device, profile, yuncheng};

fn body(world: &World, topic: &str) -> serde_json::Value {
    let item = world.ledger.outbox.iter().find(|item| &*item.topic == topic).expect(topic);
    serde_json::from_str(&item.body).expect("JSON")
}

#[test]
fn by_default_cases_and_critical_incidents_go_out() {
    let mut world = World::new(yuncheng(), "2026-11-20 10:00");
    world.raise(&device("b1", "03-05"), "fill", Major, "bin_full");
    assert_eq!(world.topics(), ["case.opened"]);
    let cover = device("c1", "01-02");
    world.raise(&cover, "open", Critical, "cover_displaced");
    world.raise(&cover, "open", Minor, "cover_displaced");
    world.clear(&cover, "open");
    let own: Vec<String> = world.topics().into_iter().skip(1).collect();
    let expected = ["incident.opened", "case.opened", "incident.updated", "incident.cleared", "case.updated"];
    assert_eq!(own, expected, "what was critical once is followed to its end");
}

#[test]
fn the_body_is_the_entity_with_its_texts() {
    let mut world = World::new(yuncheng(), "2026-11-20 10:00");
    world.raise(&device("c1", "01-02"), "open", Critical, "cover_displaced");
    let opened = body(&world, "case.opened");
    assert_eq!(serde_json::from_value::<Case>(opened["case"].clone()).expect("a case"), *world.case());
    assert_eq!(serde_json::from_value::<CaseEvent>(opened["event"].clone()).expect("an event"), world.ledger.events[0]);
    assert_eq!(
        opened["text_zh"],
        "案卷 YC2026112000001：污水井盖 asset of c1，cover_displaced 告警，时限至 2026-11-20 12:00"
    );
    assert_eq!(
        opened["text_en"],
        "case YC2026112000001: 污水井盖 asset of c1, cover_displaced alarm, due 2026-11-20 12:00"
    );
    let incident = body(&world, "incident.opened");
    assert_eq!(serde_json::from_value::<Incident>(incident["incident"].clone()).expect("one"), *world.incident());
    assert_eq!(incident["text_en"], "[critical] A-c1: cover_displaced alarm");
}

#[test]
fn ids_of_messages_are_unique() {
    let mut world = World::new(yuncheng(), "2026-11-20 10:00");
    for id in ["c1", "c2"] {
        world.raise(&device(id, "01-02"), "open", Critical, "cover_displaced");
    }
    let mut ids: Vec<_> = world.ledger.outbox.iter().map(|item| item.id).collect();
    let count = ids.len();
    ids.dedup();
    assert_eq!((ids.len(), ids.is_sorted()), (count, true));
}

#[test]
fn a_finished_case_is_told_as_closed_however_it_ended() {
    for (role, step) in [
        (Role::Acceptor, CaseStep::Reject),
        (Role::Acceptor, CaseStep::Cancel),
        (Role::ShiftLeader, CaseStep::ForceClose),
    ] {
        let mut world = World::new(yuncheng(), "2026-11-20 10:00");
        world.raise(&device("b1", "03-05"), "fill", Major, "bin_full");
        world.done(role, world.case().id, step);
        assert_eq!(world.topics(), ["case.opened", "case.closed"]);
    }
}

#[test]
fn the_profile_chooses_topics_severity_and_texts() {
    let changed = profile(&[
        ("    \"case.updated\",\n", ""),
        ("    \"case.opened\",\n", ""),
        (
            "incident_from = \"critical\"",
            "incident_from = \"minor\"\n[[outbox.text]]\ntopic = \"incident.opened\"\nzh = \"{asset} 出事了：{severity}\"",
        ),
    ]);
    let mut world = World::new(changed, "2026-11-20 10:00");
    world.raise(&device("b1", "03-05"), "fill", Minor, "bin_full");
    assert_eq!(world.topics(), ["incident.opened"]);
    assert_eq!(body(&world, "incident.opened")["text_zh"], "A-b1 出事了：minor");
}
