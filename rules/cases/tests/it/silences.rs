//! Silences, maintenance windows and permits: what they cover is recorded and calls nobody, and is heard afterwards.
//! And what one incident explains of others.

use gengfu_model::Severity::{Critical, Major, Minor};
use gengfu_model::silence::{Matcher, NewSilence, SilenceState, Weekly};
use gengfu_model::time::{DAY_MS, HOUR_MS};
use gengfu_model::{Device, EffectId, Incident, Role};

use crate::support::{World, device, in_maintenance, lamp, local, profile, yuncheng};

fn world() -> World {
    World::new(yuncheng(), "2026-11-20 19:00")
}

fn of_asset(asset: &str) -> Matcher {
    Matcher { asset: Some(asset.into()), ..Matcher::default() }
}

/// A silence of so many hours from now.
fn hours(world: &World, matches: Matcher, hours: i64) -> NewSilence {
    NewSilence {
        matches,
        from: None,
        to: world.now.plus_ms(hours * HOUR_MS),
        weekly: None,
        until_clear: false,
        work_order: None,
        reason: "repair".into(),
        comment: String::new(),
    }
}

/// The newest incident of an asset.
fn of<'a>(world: &'a World, asset: &str) -> &'a Incident {
    world.ledger.incidents.values().rfind(|row| &*row.asset == asset).expect("an incident of the asset")
}

fn end(world: &mut World, silence: EffectId) {
    let verdict = world.record(|reducer, at, out| reducer.end_silence(at, "li", Some(silence), None, out));
    assert!(verdict.is_ok(), "{verdict:?}");
}

#[test]
fn what_opens_under_a_silence_calls_nobody_and_is_raised_when_it_ends() {
    let mut world = world();
    let (cover, other) = (device("c1", "01-02"), device("c2", "01-02"));
    let asked = hours(&world, Matcher { district: Some("yanhu".into()), ..Matcher::default() }, 2);
    let silence = world.silence(Role::ShiftLeader, &asked);
    world.raise(&cover, "tilt", Critical, "cover_displaced");
    world.raise(&other, "tilt", Critical, "cover_displaced");
    world.minutes(30);
    world.clear(&other, "tilt");
    assert!(world.ledger.cases.is_empty() && world.ledger.outbox.is_empty());
    assert_eq!(of(&world, "A-c1").silenced_by, Some(silence));
    assert_eq!(world.ledger.silences[&silence].held, 2);
    world.until("2026-11-20 21:00");
    let ended = &world.ledger.silences[&silence];
    assert_eq!((ended.state, ended.ended_why.as_deref()), (SilenceState::Ended, Some("time")));
    assert_eq!((ended.held, ended.cleared, ended.ended), (2, 1, Some(local("2026-11-20 21:00"))));
    assert_eq!(world.topics(), ["silence.over", "incident.opened", "case.opened"], "what happened, then what holds");
    let told = world.told("silence.over");
    assert_eq!((&told["open_count"], &told["open"][0]), (&1.into(), &of(&world, "A-c1").id.to_string().into()));
    assert!(told["text_zh"].as_str().is_some_and(|text| text.contains("期间 2 起，已恢复 1 起，仍在 1 起")));
    let case = world.case();
    assert_eq!((&*case.asset, case.opened), ("A-c1", local("2026-11-20 21:00")), "its limit counts from now");
    let rows = world.decided(of(&world, "A-c1").id);
    assert_eq!(rows, [("silenced", "silence_covers"), ("released", "silence_over")]);
    assert_eq!(world.reducer.silences().count(), 0);
    assert!(world.ledger.state.keys().all(|key| !key.starts_with("cases/silence/")));
}

#[test]
fn a_silence_in_which_nothing_happened_ends_without_a_word() {
    let mut world = world();
    let asked = hours(&world, of_asset("A-c1"), 1);
    let silence = world.silence(Role::DutyOfficer, &asked);
    world.minutes(60);
    assert_eq!(world.ledger.silences[&silence].state, SilenceState::Ended);
    assert!(world.ledger.outbox.is_empty());
}

#[test]
fn everything_that_is_named_must_fit() {
    let mut world = world();
    world.cooldown(0);
    let cover = Device { catchment: "C1".into(), grid: "g1".into(), ..device("c1", "01-02") };
    let fitting = [
        Matcher { device: Some("c1".into()), ..Matcher::default() },
        Matcher { rule: Some("r".into()), key: Some("tilt".into()), ..Matcher::default() },
        Matcher { catchment: Some("C1".into()), condition: Some("cover_tilted".into()), ..Matcher::default() },
        Matcher { grid: Some("g1".into()), ..Matcher::default() },
    ];
    for matches in fitting {
        let asked = hours(&world, matches.clone(), 1);
        let silence = world.silence(Role::ShiftLeader, &asked);
        world.raise(&cover, "tilt", Major, "cover_tilted");
        assert_eq!(of(&world, "A-c1").silenced_by, Some(silence), "{matches:?}");
        world.clear(&cover, "tilt");
        end(&mut world, silence);
    }
    let other = [
        Matcher { catchment: Some("C1".into()), condition: Some("manhole_water".into()), ..Matcher::default() },
        Matcher { feeder: Some("F1".into()), ..Matcher::default() },
        Matcher { asset: Some("A-c1".into()), device: Some("c2".into()), ..Matcher::default() },
    ];
    for matches in other {
        let asked = hours(&world, matches, 1);
        world.silence(Role::ShiftLeader, &asked);
    }
    world.raise(&cover, "tilt", Major, "cover_tilted");
    assert_eq!(of(&world, "A-c1").silenced_by, None);
}

#[test]
fn a_window_of_the_week_comes_again_and_each_one_is_told_of() {
    let mut world = world();
    let cover = device("c1", "01-02");
    // Nights from Friday and from Saturday, 22:00 to 06:00.
    let weekly = Weekly { days: vec![5, 6], from_min: 1_320, to_min: 360 };
    let asked = NewSilence { weekly: Some(weekly), ..hours(&world, of_asset("A-c1"), 9 * 24) };
    let silence = world.silence(Role::ShiftLeader, &asked);
    let state = |world: &World| world.ledger.silences[&silence].state;
    assert_eq!(state(&world), SilenceState::Resting);
    world.until("2026-11-20 22:00");
    assert_eq!(state(&world), SilenceState::Active);
    world.raise(&cover, "tilt", Major, "cover_tilted");
    assert!(world.ledger.cases.is_empty());
    world.until("2026-11-21 05:59");
    assert_eq!(state(&world), SilenceState::Active);
    world.until("2026-11-21 06:00");
    assert_eq!((state(&world), world.ledger.cases.len()), (SilenceState::Resting, 1), "raised in the morning");
    world.until("2026-11-21 23:00");
    assert_eq!((state(&world), world.ledger.silences[&silence].held), (SilenceState::Active, 0), "a new window");
    world.raise(&cover, "gas", Major, "gas_alarm");
    world.until("2026-11-22 06:00");
    let over = world.topics().iter().filter(|topic| *topic == "silence.over").count();
    assert_eq!(over, 2);
    world.until("2026-11-27 22:30");
    assert_eq!(state(&world), SilenceState::Active, "next Friday");
    world.until("2026-11-29 19:00");
    assert_eq!(state(&world), SilenceState::Ended);
}

#[test]
fn a_future_window_begins_by_itself() {
    let mut world = world();
    let cover = device("c1", "01-02");
    let asked = NewSilence { from: Some(local("2026-11-20 20:00")), ..hours(&world, of_asset("A-c1"), 2) };
    let silence = world.silence(Role::DutyOfficer, &asked);
    assert_eq!(world.ledger.silences[&silence].state, SilenceState::Planned);
    world.raise(&cover, "tilt", Major, "cover_tilted");
    assert_eq!(world.ledger.cases.len(), 1, "not yet");
    world.until("2026-11-20 20:00");
    world.raise(&cover, "gas", Critical, "gas_alarm");
    assert_eq!(world.ledger.cases.len(), 1, "now it holds back");
}

#[test]
fn under_a_permit_the_open_cover_is_held_and_the_closed_cover_is_armed_again() {
    let mut world = world();
    let (cover, beside) = (device("c1", "01-02"), device("c2", "01-02"));
    let matches = Matcher { grid: Some(cover.grid.clone()), ..Matcher::default() };
    let asked = NewSilence { until_clear: true, work_order: Some("WO-7".into()), ..hours(&world, matches, 8) };
    let silence = world.silence(Role::ShiftLeader, &asked);
    world.raise(&cover, "tilt", Critical, "cover_displaced");
    world.raise(&beside, "tilt", Critical, "cover_displaced");
    assert!(world.ledger.cases.is_empty());
    world.clear(&cover, "tilt");
    assert_eq!(world.ledger.silences[&silence].rearmed, ["A-c1".into()], "the first cover is closed");
    world.minutes(60);
    world.raise(&cover, "tilt", Critical, "cover_displaced");
    assert_eq!(&*world.case().asset, "A-c1", "somebody opened it again without a permit");
    assert_eq!(of(&world, "A-c2").silenced_by, Some(silence));
    // The ticket is closed while the second cover is still open.
    let verdict = world.record(|reducer, at, out| reducer.end_silence(at, "li", None, Some("WO-7"), out));
    assert_eq!(verdict.map(|accepted| accepted.rows), Ok(1));
    assert_eq!(world.ledger.cases.len(), 2);
    assert_eq!(world.ledger.silences[&silence].ended_why.as_deref(), Some("work_order"));
    assert_eq!(world.ledger.silences[&silence].ended_by.as_deref(), Some("li"));
    let verdict = world.record(|reducer, at, out| reducer.end_silence(at, "li", None, Some("WO-7"), out));
    assert_eq!(verdict.expect_err("it is over").code, "not_found");
}

#[test]
fn a_silence_of_one_asset_until_clear_ends_with_the_alarm() {
    let mut world = world();
    let cover = device("c1", "01-02");
    let asked = NewSilence { until_clear: true, ..hours(&world, of_asset("A-c1"), 8) };
    let silence = world.silence(Role::DutyOfficer, &asked);
    world.raise(&cover, "tilt", Critical, "cover_displaced");
    world.raise(&cover, "gas", Critical, "gas_alarm");
    world.clear(&cover, "tilt");
    assert_eq!(world.ledger.silences[&silence].state, SilenceState::Active, "gas still holds there");
    world.clear(&cover, "gas");
    let ended = &world.ledger.silences[&silence];
    assert_eq!((ended.state, ended.ended_why.as_deref()), (SilenceState::Ended, Some("condition")));
    assert_eq!(world.topics(), ["silence.over"]);
    assert!(world.ledger.cases.is_empty());
}

#[test]
fn what_has_a_case_goes_on_in_it_but_calls_nobody() {
    let mut world = world();
    let cover = device("c1", "01-02");
    world.raise(&cover, "tilt", Minor, "cover_tilted");
    let asked = hours(&world, of_asset("A-c1"), 2);
    world.silence(Role::DutyOfficer, &asked);
    let told = world.topics().len();
    world.raise(&cover, "tilt", Critical, "cover_tilted");
    assert_eq!((world.case().severity, world.topics().len()), (Critical, told));
    assert_eq!(world.incident().silenced_by, None, "its place is its case");
    assert_eq!(world.decided(world.incident().id).last(), Some(&("silenced", "silence_covers")));
    world.clear(&cover, "tilt");
    assert!(!world.case().condition_holds);
    assert_eq!(world.topics()[told..], ["incident.cleared", "case.updated"], "that it is over is told");
}

#[test]
fn silence_and_maintenance_of_the_device_hold_one_after_the_other() {
    let mut world = world();
    let cover = device("c1", "01-02");
    let asked = hours(&world, of_asset("A-c1"), 2);
    let silence = world.silence(Role::DutyOfficer, &asked);
    world.raise(&cover, "tilt", Critical, "cover_displaced");
    world.record(|reducer, at, out| reducer.register(at, &in_maintenance(&cover), out));
    end(&mut world, silence);
    assert!(world.ledger.cases.is_empty(), "the device is in maintenance now");
    world.record(|reducer, at, out| reducer.register(at, &cover, out));
    assert_eq!(&*world.case().asset, "A-c1");
    let rows = world.decided(world.incident().id);
    assert_eq!(rows.iter().map(|(what, _)| *what).collect::<Vec<_>>(), ["silenced", "held_by_maintenance", "released"]);
}

#[test]
fn two_silences_hold_one_after_the_other() {
    let mut world = world();
    let cover = device("c1", "01-02");
    let (short, long) = (hours(&world, of_asset("A-c1"), 1), hours(&world, of_asset("A-c1"), 3));
    let (short, long) = (world.silence(Role::DutyOfficer, &short), world.silence(Role::DutyOfficer, &long));
    world.raise(&cover, "tilt", Critical, "cover_displaced");
    assert_eq!(world.incident().silenced_by, Some(short));
    world.minutes(60);
    assert_eq!((world.incident().silenced_by, world.ledger.cases.len()), (Some(long), 0));
    world.minutes(120);
    assert_eq!((world.incident().silenced_by, world.ledger.cases.len()), (None, 1));
}

#[test]
fn what_cannot_be_asked_for_is_refused() {
    let mut world = world();
    let good = hours(&world, of_asset("A-c1"), 2);
    let district = Matcher { district: Some("yanhu".into()), ..Matcher::default() };
    let week = Weekly { days: vec![8], from_min: 0, to_min: 60 };
    let gone = Weekly { days: vec![3], from_min: 0, to_min: 60 };
    let past = world.now.plus_ms(-1);
    let far = world.now.plus_ms(400 * DAY_MS);
    let long = "x".repeat(200);
    let day_and_more = hours(&world, of_asset("A-c1"), 25);
    for (asked, code, field) in [
        (NewSilence { matches: Matcher::default(), ..good.clone() }, "invalid", Some("matches")),
        (NewSilence { matches: of_asset(""), ..good.clone() }, "invalid", Some("asset")),
        (NewSilence { matches: of_asset(&long), ..good.clone() }, "invalid", Some("asset")),
        (NewSilence { reason: " ".into(), ..good.clone() }, "invalid", Some("reason")),
        (NewSilence { work_order: Some("".into()), ..good.clone() }, "invalid", Some("work_order")),
        (NewSilence { comment: "x".repeat(3_000), ..good.clone() }, "invalid", Some("comment")),
        (NewSilence { to: past, ..good.clone() }, "invalid", Some("to")),
        (NewSilence { to: far, ..good.clone() }, "invalid", Some("to")),
        (NewSilence { weekly: Some(week), ..good.clone() }, "invalid", Some("weekly")),
        (NewSilence { weekly: Some(gone), ..good.clone() }, "invalid", Some("weekly")),
        (NewSilence { matches: district, ..good.clone() }, "forbidden", None),
        (day_and_more, "forbidden", None),
    ] {
        world.no_silence(Role::DutyOfficer, &asked, code, field);
    }
    for _ in 0..gengfu_cases::MAX_SILENCES {
        world.silence(Role::DutyOfficer, &good);
    }
    world.no_silence(Role::DutyOfficer, &good, "limit", None);
}

#[test]
fn a_storm_under_a_silence_is_one_storm_when_it_ends() {
    let mut world = world();
    let fed = |n: usize| Device { feeder: "F7".into(), ..lamp(&format!("l{n}"), &format!("road{n}")) };
    let asked = hours(&world, Matcher { feeder: Some("F7".into()), ..Matcher::default() }, 2);
    let silence = world.silence(Role::ShiftLeader, &asked);
    for n in 0..40 {
        world.raise(&fed(n), "dark", Minor, "lamp_dark");
    }
    assert!(world.ledger.cases.is_empty());
    end(&mut world, silence);
    let open: Vec<_> = world.reducer.cases().collect();
    assert_eq!((open.len(), &*open[0].condition), (1, "feeder_outage"));
    assert_eq!(world.ledger.incidents.values().filter(|row| row.parent.is_some()).count(), 40);
}

#[test]
fn what_an_outage_explains_is_held_back_until_it_is_over() {
    let mut world = world();
    let fed = |n: usize| Device { feeder: "F7".into(), carrier_cell: "460-1".into(), ..lamp(&format!("l{n}"), "r") };
    for n in 0..4 {
        world.raise(&fed(n), "dark", Minor, "lamp_dark");
    }
    let storm = world.ledger.incidents.values().find(|row| row.key.starts_with("group:")).expect("a storm").id;
    for n in 4..8 {
        world.raise(&fed(n), "silent", Minor, "device_silent");
    }
    let silent = of(&world, "A-l5").clone();
    assert_eq!((silent.inhibited_by, silent.parent), (Some(storm), None), "no power, no voice");
    assert_eq!(world.decided(silent.id), [("inhibited", "cause_covers")]);
    let elsewhere = Device { feeder: "F8".into(), ..fed(9) };
    world.raise(&elsewhere, "silent", Minor, "device_silent");
    assert_eq!(of(&world, "A-l9").inhibited_by, None);
    for n in 0..3 {
        world.clear(&fed(n), "dark");
    }
    let released = of(&world, "A-l5").clone();
    assert_eq!(released.inhibited_by, None);
    assert_eq!(world.decided(released.id)[1], ("released", "cause_over"));
    // Four of them and the one elsewhere are silent in one cell: that is what is wrong now.
    let cell = world.ledger.incidents.values().rfind(|row| &*row.condition == "cell_outage").expect("a cell's storm");
    assert_eq!(released.parent, Some(cell.id));
}

#[test]
fn a_rules_own_incident_explains_others_as_well() {
    let (first, table) = (
        "[[inhibition]]\ncause = \"feeder_outage\"",
        "[[inhibition]]\ncause = \"gas_alarm\"\ninhibits = [\"cover_displaced\"]\nby = \"catchment\"\n\n",
    );
    let mut world = World::new(profile(&[(first, &format!("{table}{first}"))]), "2026-11-20 19:00");
    let cover = |id: &str| Device { catchment: "C1".into(), ..device(id, "01-02") };
    world.raise(&cover("c1"), "gas", Critical, "gas_alarm");
    let cause = world.incident().id;
    world.raise(&cover("c2"), "tilt", Critical, "cover_displaced");
    assert_eq!((of(&world, "A-c2").inhibited_by, world.ledger.cases.len()), (Some(cause), 1));
    // Another cause stands in when the first is over.
    world.raise(&cover("c3"), "gas", Critical, "gas_alarm");
    let second = of(&world, "A-c3").id;
    world.clear(&cover("c1"), "gas");
    assert_eq!(of(&world, "A-c2").inhibited_by, Some(second));
    world.clear(&cover("c3"), "gas");
    let raised = of(&world, "A-c2").clone();
    assert_eq!(raised.inhibited_by, None);
    assert!(raised.case.is_some_and(|case| world.ledger.cases[&case].condition_holds));
}
