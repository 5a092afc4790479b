//! Who is told: roster, escalation, take-over, limits and quiet hours, hand-over, the platform's word.

#![expect(clippy::unwrap_used, reason = "the helpers of tests unwrap")]
use std::sync::Arc;

use gengfu_cases::roster;
use gengfu_model::duty::{
    Contact, ContactChannel, DutyAction, DutyDay, DutyOverride, HandOverItem, Language, Post, QuietHours, Roster,
    Shift, Turns, WaitsFor,
};
use gengfu_model::staff::{CaseStep, PlatformStage};
use gengfu_model::{Case, CaseState, DecisionKind, EffectId, Role, Severity, Verdict, Why};
use serde_json::Value;

use crate::support::{World, device, local, yuncheng};

fn turns(people: &[&str], since: &str, days: u16) -> Turns {
    Turns { people: people.iter().map(|who| Arc::from(*who)).collect(), since: since.into(), days }
}

fn shift(name: &str, from: &str, to: &str, officers: Turns, days: &[DutyDay]) -> Shift {
    Shift {
        name: name.into(),
        days: days.to_vec(),
        from: from.to_owned().try_into().unwrap(),
        to: to.to_owned().try_into().unwrap(),
        officers,
        leaders: turns(&["chen"], "", 1),
    }
}

/// Day and night in turn: li and wang by day, zhao by night.
fn roster_of(district: &str) -> Roster {
    Roster {
        district: district.into(),
        shifts: vec![
            shift("day", "08:00", "20:00", turns(&["li", "wang"], "2026-11-23", 1), &[]),
            shift("night", "20:00", "08:00", turns(&["zhao"], "", 1), &[]),
        ],
        overrides: vec![DutyOverride {
            date: "2026-11-25".into(),
            shift: "day".into(),
            post: Post::Officer,
            who: "sun".into(),
        }],
    }
}

impl World {
    fn duty(&mut self, user: &str, role: Role, ask: DutyAction) -> Verdict {
        let user: Arc<str> = user.into();
        self.record(|reducer, at, out| reducer.duty(at, &user, &[role], &ask, out))
    }

    fn on_watch(roster: Roster, now: &str) -> World {
        let mut world = World::new(yuncheng(), now);
        world.duty("chen", Role::ShiftLeader, DutyAction::PutRoster { roster }).unwrap();
        world
    }

    /// Who was told on the console, with kind and level.
    fn rung_up(&self) -> Vec<(String, String, u64)> {
        let rows = self.ledger.outbox.iter().filter(|item| &*item.topic == gengfu_cases::CONSOLE_TOPIC);
        let body = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let words = |body: Value| {
            let text = |name: &str| body[name].as_str().unwrap().to_owned();
            (text("user"), text("kind"), body["level"].as_u64().unwrap())
        };
        rows.map(|item| words(body(&item.body))).collect()
    }

    fn open_case(&self, id: EffectId) -> &Case {
        self.reducer.case(id).unwrap()
    }

    fn why(&self, what: DecisionKind) -> Vec<(Option<String>, Why)> {
        let rows = self.ledger.decisions.iter().filter(|row| row.what == what);
        rows.map(|row| (row.who.as_deref().map(str::to_owned), row.why)).collect()
    }
}

fn row(who: &str, kind: &str, level: u64) -> (String, String, u64) {
    (who.to_owned(), kind.to_owned(), level)
}

#[test]
fn a_text_names_the_part_once() {
    let mut world = World::on_watch(roster_of("yanhu"), "2026-11-23 10:00");
    let mut said = |name: &str, condition: &str| {
        let cover = gengfu_model::Device { name: name.into(), ..device(condition, "01-02") };
        world.raise(&cover, "open", Severity::Critical, condition);
        let item = world.ledger.outbox.iter().rfind(|item| &*item.topic == gengfu_cases::CONSOLE_TOPIC).unwrap();
        serde_json::from_str::<Value>(&item.body).unwrap()["text_zh"].as_str().unwrap().to_owned()
    };
    let apart = said("3号井盖", "gas_alarm");
    assert!(apart.contains("】3号井盖，gas_alarm 告警。"), "{apart}");
    // Rules' own texts name it, and those of a group the group.
    let named = said("cover_displaced", "cover_displaced");
    assert!(named.contains("】cover_displaced 告警。"), "{named}");
    let group = said("catchment:YH-S03", "flood");
    assert!(group.contains("】flood 告警。"), "{group}");
}

#[test]
fn a_roster_says_who_is_on_duty_now_and_next() {
    let calendar = yuncheng().calendar.clone();
    let roster = roster_of("yanhu");
    let officer = |time: &str| {
        let now = roster::on_duty(&roster, &calendar, local(time));
        assert_eq!(now.len(), 1, "{time}: {now:?}");
        now[0].officer.as_deref().unwrap().to_owned()
    };
    for (time, who) in [
        ("2026-11-23 08:00", "li"),
        ("2026-11-23 19:59", "li"),
        ("2026-11-23 20:00", "zhao"),
        ("2026-11-24 07:59", "zhao"),
        ("2026-11-24 08:00", "wang"),
        ("2026-11-25 12:00", "sun"),
        ("2026-11-26 12:00", "wang"),
        // The turns go back before the day they are counted from.
        ("2026-11-22 12:00", "wang"),
    ] {
        assert_eq!(officer(time), who, "{time}");
    }
    let next = roster::next(&roster, &calendar, local("2026-11-24 21:00")).unwrap();
    assert_eq!((&*next.shift, next.from, next.officer.as_deref()), ("day", local("2026-11-25 08:00"), Some("sun")));
    assert_eq!(roster::next_change(&roster, &calendar, local("2026-11-24 21:00")), Some(local("2026-11-25 08:00")));
}

#[test]
fn the_plan_begins_with_the_watch_under_way_and_goes_on_for_a_week() {
    let calendar = yuncheng().calendar.clone();
    let roster = roster_of("yanhu");
    let plan = roster::ahead(&roster, &calendar, local("2026-11-24 03:00"));
    let first = (&*plan[0].shift, plan[0].from, plan[0].officer.as_deref());
    assert_eq!(first, ("night", local("2026-11-23 20:00"), Some("zhao")), "begun yesterday, not over yet");
    let last = plan.last().unwrap();
    assert_eq!((&*last.shift, last.from), ("night", local("2026-12-01 20:00")));
    // Two shifts a day, each where the one before ended, and who has them is who will be on duty then.
    assert_eq!(plan.len(), 17);
    for pair in plan.windows(2) {
        assert_eq!(pair[0].to, pair[1].from);
        assert_eq!(roster::on_duty(&roster, &calendar, pair[1].from)[0], pair[1]);
    }
    let hours = (0..24).map(|hour| shift(&hour.to_string(), "00:00", "23:00", turns(&["li"], "", 1), &[]));
    let crowded = Roster { shifts: hours.collect(), ..roster };
    assert_eq!(roster::ahead(&crowded, &calendar, local("2026-11-24 03:00")).len(), roster::MAX_AHEAD);
}

#[test]
fn holidays_and_make_up_days_are_the_calendars() {
    let calendar = yuncheng().calendar.clone();
    let roster = Roster {
        district: "".into(),
        shifts: vec![
            shift("office", "09:00", "17:00", turns(&["li"], "", 1), &[DutyDay::Working]),
            shift("weekend", "09:00", "17:00", turns(&["wang"], "", 1), &[DutyDay::Free]),
        ],
        overrides: Vec::new(),
    };
    let on = |time: &str| roster::on_duty(&roster, &calendar, local(time))[0].shift.to_string();
    assert_eq!(on("2026-11-27 12:00"), "office");
    assert_eq!(on("2026-11-28 12:00"), "weekend");
    assert_eq!(on("2026-10-01 12:00"), "weekend", "a Thursday that is a holiday");
    assert!(!calendar.make_up.is_empty());
    for make_up in &calendar.make_up {
        assert_eq!(on(&format!("{make_up} 12:00")), "office", "{make_up} is worked though it is a weekend's");
    }
}

#[test]
fn an_alarm_at_night_goes_up_until_somebody_takes_it() {
    let mut world = World::on_watch(roster_of("yanhu"), "2026-11-24 03:00");
    world.raise(&device("c1", "01-02"), "tilt", Severity::Critical, "cover_displaced");
    let id = world.case().id;
    assert_eq!(world.rung_up(), [row("zhao", "alarm", 1)]);
    let escalation = world.open_case(id).escalation.clone().unwrap();
    assert_eq!((escalation.level, escalation.next_at), (1, Some(local("2026-11-24 03:05"))));
    assert_eq!(escalation.next_who, [Arc::from("zhao")]);
    world.until("2026-11-24 03:05");
    assert_eq!(world.rung_up()[1..], [row("zhao", "repeated", 1)]);
    assert_eq!(world.open_case(id).escalation.as_ref().unwrap().next_who, [Arc::from("chen")]);
    world.until("2026-11-24 03:10");
    assert_eq!(world.rung_up()[2..], [row("chen", "escalated", 2)]);
    world.until("2026-11-24 03:25");
    assert_eq!(world.rung_up()[3..], [row("chen", "repeated", 2)]);
    world.done(Role::DutyOfficer, id, CaseStep::Acknowledge);
    world.until("2026-11-24 03:54");
    assert_eq!(world.rung_up().len(), 4, "an acknowledgement stops the calls");
    assert_eq!(world.open_case(id).escalation.as_ref().unwrap().waits_for, WaitsFor::Progress);
    world.until("2026-11-24 03:55");
    // Half an hour without progress: to who acknowledged, and to who is on duty.
    assert_eq!(world.rung_up()[4..], [row("zhao", "came_back", 1), row("zhang", "came_back", 1)]);
    assert_eq!(world.open_case(id).acknowledged_by, None);
    assert!(world.history(id).contains(&"came_back".to_owned()));
    world.done(Role::DutyOfficer, id, CaseStep::TakeOver { within_min: 5 });
    world.until("2026-11-24 04:00");
    assert_eq!(world.rung_up()[6].1, "came_back", "within the minutes that were asked for");
    world.done(Role::DutyOfficer, id, CaseStep::Acknowledge);
    world.done(Role::Acceptor, id, CaseStep::File);
    world.done(Role::Dispatcher, id, CaseStep::Dispatch { department: "water".into() });
    let told = world.rung_up().len();
    world.until("2026-11-24 04:59");
    assert_eq!(world.rung_up().len(), told, "what is dispatched is on its way");
    assert_eq!(world.open_case(id).escalation.as_ref().unwrap().waits_for, WaitsFor::Nothing);
    let notified = world.why(DecisionKind::Notified);
    assert_eq!(notified.len(), told, "every notification is a row of the decision log");
    assert_eq!(notified[2], (Some("chen".to_owned()), Why::NextLevel));
}

#[test]
fn a_case_comes_back_only_while_it_does_not_move() {
    let mut world = World::on_watch(roster_of(""), "2026-11-24 10:00");
    world.raise(&device("c1", "01-02"), "tilt", Severity::Major, "cover_displaced");
    let id = world.case().id;
    world.done(Role::DutyOfficer, id, CaseStep::Acknowledge);
    world.minutes(20);
    world.done(Role::DutyOfficer, id, CaseStep::Assign { to: "li".into() });
    world.minutes(29);
    assert_eq!(world.rung_up().len(), 1, "it went to somebody by name: the time begins anew");
    world.minutes(1);
    assert_eq!(world.rung_up()[1].1, "came_back");
}

#[test]
fn who_is_told_is_said_even_when_nobody_is() {
    let mut world = World::new(yuncheng(), "2026-11-24 10:00");
    world.raise(&device("c1", "01-02"), "tilt", Severity::Critical, "cover_displaced");
    assert_eq!(world.why(DecisionKind::NotNotified), [(None, Why::NobodyOnDuty)]);
    // A shift without a leader: the chain goes on, and says whom it did not find.
    let mut roster = roster_of("yanhu");
    roster.shifts.retain(|shift| &*shift.name == "day");
    roster.overrides.clear();
    let mut world = World::on_watch(roster, "2026-11-24 23:00");
    world.raise(&device("c2", "01-02"), "tilt", Severity::Critical, "cover_displaced");
    assert!(world.rung_up().is_empty());
    assert_eq!(world.why(DecisionKind::NotNotified), vec![(None, Why::NobodyOnDuty); 3], "each step looked at once");
    world.until("2026-11-25 08:00");
    let told = world.rung_up();
    assert_eq!(told, [row("li", "alarm", 1)], "whoever comes next is called");
}

#[test]
fn a_storm_is_nine_calls_and_a_digest_within_a_minute() {
    let mut world = World::on_watch(roster_of("yanhu"), "2026-11-24 10:00");
    for n in 0..40 {
        world.raise(&device(&format!("c{n}"), "01-02"), "tilt", Severity::Critical, "cover_displaced");
        world.now = world.now.plus_ms(1_000);
    }
    assert_eq!(world.ledger.cases.len(), 40);
    let of_wang = |world: &World| world.rung_up().into_iter().filter(|row| row.0 == "wang").map(|row| row.1);
    assert_eq!(of_wang(&world).count(), 9);
    let held = world.why(DecisionKind::NotNotified);
    assert_eq!(held, vec![(Some("wang".to_owned()), Why::RateLimited); 31]);
    // A minute after the first one that was too much, in the tenth place.
    world.until("2026-11-24 10:02");
    assert_eq!(of_wang(&world).collect::<Vec<_>>(), [vec!["alarm"; 9], vec!["digest"]].concat());
    let digest = world.ledger.outbox.iter().find(|item| item.body.contains("\"digest\"")).unwrap();
    assert_eq!(digest.time, local("2026-11-24 10:01").plus_ms(9_000));
    let body: Value = serde_json::from_str(&digest.body).unwrap();
    assert_eq!((&body["counts"]["critical"], body["cases"].as_array().unwrap().len()), (&Value::from(31), 31));
    // The second calls, after five minutes, are too much again: they wait until the first one is ten minutes ago.
    world.until("2026-11-24 10:09");
    assert_eq!(of_wang(&world).count(), 10);
    world.until("2026-11-24 10:10");
    assert_eq!(of_wang(&world).next_back().unwrap(), "digest");
    let digests = world.ledger.outbox.iter().filter(|item| item.body.contains("\"digest\""));
    let counted: u64 = digests
        .filter(|item| item.body.contains("\"user\":\"wang\""))
        .map(|item| serde_json::from_str::<Value>(&item.body).unwrap()["counts"]["critical"].as_u64().unwrap())
        .sum();
    let not_told = world.why(DecisionKind::NotNotified);
    let held = not_told.iter().filter(|row| row.0.as_deref() == Some("wang")).count() as u64;
    assert_eq!(counted, held, "the first calls and the second ones, all counted");
}

#[test]
fn nobody_is_called_for_what_a_storm_takes_in_meanwhile() {
    let mut world = World::on_watch(roster_of("yanhu"), "2026-11-24 10:00");
    let cover = |n: usize| gengfu_model::Device { catchment: "C1".into(), ..device(&format!("c{n}"), "01-03") };
    for n in 0..5 {
        world.raise(&cover(n), "water", Severity::Major, "manhole_water");
    }
    assert_eq!(world.rung_up(), [row("wang", "alarm", 1)], "for the flood, and for no single cover");
    world.minutes(1);
    assert_eq!(world.rung_up().len(), 1);
    // A single one waits, and then calls.
    let alone = gengfu_model::Device { catchment: "C2".into(), ..device("c9", "01-03") };
    world.raise(&alone, "water", Severity::Major, "manhole_water");
    assert_eq!(world.rung_up().len(), 1);
    world.now = world.now.plus_ms(20_000);
    world.record(|_, _, _| ());
    assert_eq!(world.rung_up()[1..], [row("wang", "alarm", 1)]);
}

#[test]
fn what_was_told_of_a_case_before_its_storm_is_withdrawn() {
    let mut world = World::on_watch(roster_of("yanhu"), "2026-11-24 10:00");
    let cover = |n: usize| gengfu_model::Device { catchment: "C1".into(), ..device(&format!("c{n}"), "01-03") };
    for n in 0..4 {
        world.raise(&cover(n), "water", Severity::Major, "manhole_water");
        world.minutes(1);
    }
    assert_eq!(world.rung_up(), vec![row("wang", "alarm", 1); 4]);
    world.raise(&cover(4), "water", Severity::Major, "manhole_water");
    let flood = world.reducer.cases().next().unwrap().id;
    let about = |topic: &str| world.ledger.outbox.iter().filter(|item| &*item.topic == topic).collect::<Vec<_>>();
    let opened = about("case.opened");
    assert_eq!(opened.len(), 5);
    assert!(opened[..4].iter().all(|item| item.withdrawn == Some(flood)), "{opened:#?}");
    assert_eq!((opened[4].case, opened[4].withdrawn), (Some(flood), None), "the message that stands in their place");
    let alarms: Vec<_> =
        about(gengfu_cases::CONSOLE_TOPIC).into_iter().filter(|item| item.body.contains("\"alarm\"")).collect();
    assert!(alarms[..4].iter().all(|item| item.withdrawn == Some(flood)) && alarms[4].withdrawn.is_none());
    assert!(about("case.folded").iter().all(|item| item.withdrawn.is_none()), "that they were folded is told");
}

#[test]
fn no_ten_minutes_bring_anybody_more_than_ten() {
    let mut world = World::on_watch(roster_of("yanhu"), "2026-11-24 09:00");
    for n in 0..120 {
        world.raise(&device(&format!("c{n}"), "01-02"), "tilt", Severity::Critical, "cover_displaced");
        world.now = world.now.plus_ms(37_000);
    }
    world.minutes(120);
    let mut sent: std::collections::BTreeMap<String, Vec<i64>> = Default::default();
    for item in world.ledger.outbox.iter().filter(|item| &*item.topic == gengfu_cases::CONSOLE_TOPIC) {
        let body: Value = serde_json::from_str(&item.body).unwrap();
        sent.entry(body["user"].as_str().unwrap().to_owned()).or_default().push(item.time.0);
    }
    for (who, times) in sent {
        for first in &times {
            let within = times.iter().filter(|time| (0..600_000).contains(&(**time - first))).count();
            assert!(within <= 10, "{who}: {within}");
        }
    }
}

#[test]
fn quiet_hours_hold_back_what_can_wait() {
    let mut world = World::on_watch(roster_of("yanhu"), "2026-11-24 21:00");
    let contact = Contact {
        user: "zhao".into(),
        language: Language::En,
        channels: vec![ContactChannel { channel: "robot".into(), address: "zhao.w".into() }],
        quiet: vec![QuietHours {
            from: "22:00".to_owned().try_into().unwrap(),
            to: "06:00".to_owned().try_into().unwrap(),
            below: Severity::Critical,
        }],
    };
    world.duty("zhao", Role::DutyOfficer, DutyAction::PutContact { contact: contact.clone() }).unwrap();
    let refused = world.duty("li", Role::DutyOfficer, DutyAction::PutContact { contact });
    assert_eq!(refused.unwrap_err().code, "forbidden", "of others only a leader");
    world.until("2026-11-24 23:00");
    world.raise(&device("bin", "03-05"), "full", Severity::Minor, "bin_full");
    assert!(world.rung_up().is_empty());
    assert_eq!(world.why(DecisionKind::NotNotified), [(Some("zhao".to_owned()), Why::QuietTime)]);
    world.raise(&device("c1", "01-02"), "tilt", Severity::Critical, "cover_displaced");
    assert_eq!(world.rung_up(), [row("zhao", "alarm", 1)], "what is critical never waits");
    let robot = world.ledger.outbox.iter().find(|item| &*item.topic == "notification.robot").unwrap();
    let body: Value = serde_json::from_str(&robot.body).unwrap();
    assert_eq!((&body["address"], &body["language"]), (&Value::from("zhao.w"), &Value::from("en")));
    world.until("2026-11-25 06:00");
    assert!(world.rung_up().contains(&row("zhao", "digest", 0)));
}

#[test]
fn who_does_not_hand_over_stays_on_duty() {
    let mut world = World::on_watch(roster_of("yanhu"), "2026-11-24 19:00");
    world.raise(&device("c1", "01-02"), "tilt", Severity::Critical, "cover_displaced");
    let case = world.case().id;
    world.done(Role::DutyOfficer, case, CaseStep::TakeOver { within_min: 1_440 });
    world.until("2026-11-24 20:00");
    assert_eq!(world.rung_up().last(), Some(&row("wang", "hand_over", 0)));
    let now = world.reducer.duty_now("yanhu", world.now).unwrap();
    assert_eq!(now.owed.map(|owed| owed.0.to_string()), Some("wang".to_owned()));
    world.raise(&device("c2", "01-02"), "tilt", Severity::Critical, "cover_displaced");
    let told = world.rung_up();
    assert!(told.contains(&row("zhao", "alarm", 1)) && told[2..].contains(&row("wang", "alarm", 1)), "{told:?}");
    let hand_over = |note: &str| DutyAction::HandOver {
        district: "yanhu".into(),
        note: note.to_owned(),
        items: vec![HandOverItem { case, remark: "the crew is on its way".to_owned() }],
    };
    let empty = world.duty("wang", Role::DutyOfficer, hand_over("  "));
    assert_eq!(empty.unwrap_err().field.as_deref(), Some("note"));
    let stranger = world.duty("sun", Role::DutyOfficer, hand_over("x"));
    assert_eq!(stranger.unwrap_err().code, "wrong_state");
    world.duty("wang", Role::DutyOfficer, hand_over("quiet but for two covers")).unwrap();
    let now = world.reducer.duty_now("yanhu", world.now).unwrap();
    assert_eq!(now.owed, None);
    let note = now.notes.last().unwrap();
    assert_eq!((&*note.from, &*note.shift, note.open, note.items.len()), ("wang", "day", 2, 2));
    assert_eq!(note.items[0].remark, "the crew is on its way");
}

#[test]
fn a_hand_over_in_time_lets_the_next_one_begin() {
    let mut world = World::on_watch(roster_of("yanhu"), "2026-11-24 19:50");
    let ask = DutyAction::HandOver { district: "yanhu".into(), note: "all quiet".to_owned(), items: Vec::new() };
    world.duty("wang", Role::DutyOfficer, ask).unwrap();
    world.until("2026-11-24 21:00");
    assert_eq!(world.reducer.duty_now("yanhu", world.now).unwrap().owed, None);
    assert!(world.rung_up().is_empty());
}

#[test]
fn the_platform_takes_a_case_through_its_stages_once() {
    let mut world = World::new(yuncheng(), "2026-11-24 10:00");
    world.raise(&device("c1", "01-02"), "tilt", Severity::Critical, "cover_displaced");
    let (id, number) = (world.case().id, world.case().number.to_string());
    let mut say = |message: &str, case: &str, reached: PlatformStage| {
        let (platform, message): (Arc<str>, Arc<str>) = ("city".into(), message.into());
        let said = gengfu_cases::PlatformMessage { platform: &platform, message: &message, case, reached, note: "" };
        let verdict = world.record(|reducer, at, out| reducer.platform(at, said, out));
        (verdict, world.reducer.case(id).map(|case| case.state))
    };
    let (verdict, state) = say("m1", &number, PlatformStage::Handling);
    assert_eq!((verdict.unwrap().rows, state), (1, Some(CaseState::Handling)));
    let (verdict, state) = say("m1", &number, PlatformStage::Handled);
    assert_eq!((verdict.unwrap().rows, state), (0, Some(CaseState::Handling)), "the same message again");
    let (verdict, state) = say("m2", &id.to_string(), PlatformStage::Dispatched);
    assert_eq!((verdict.unwrap().rows, state), (1, Some(CaseState::Handling)), "late news changes no state");
    let (verdict, state) = say("m3", &number, PlatformStage::Returned);
    assert_eq!((verdict.unwrap().rows, state), (1, Some(CaseState::Returned)));
    let (verdict, state) = say("m4", &number, PlatformStage::Handled);
    assert_eq!((verdict.unwrap().rows, state), (1, Some(CaseState::PendingCheck)));
    let (verdict, _) = say("m5", "no such case", PlatformStage::Handled);
    assert_eq!(verdict.unwrap_err().code, "not_found");
    let history: Vec<(String, String)> = world
        .ledger
        .events
        .iter()
        .filter(|event| &*event.actor == "platform:city")
        .map(|event| (event.action.to_string(), event.note.clone()))
        .collect();
    let steps: Vec<&str> = history.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(steps, ["file", "dispatch", "receive", "comment", "return", "dispatch", "receive", "handle"]);
}
