//! Random signals, requests and time against a small reference model.
//!
//! `World` itself checks after every record that effect ids go up, that no row of state is removed that is not
//! there, and that restoring the ledger gives the live reducer. `support::random` says how a run is repeated, made
//! longer or begun elsewhere. What was found so is kept in `found.rs`.

mod checks;
mod found;
mod model;
mod operations;

use std::sync::Arc;

use gengfu_cases::Profile;
use proptest::prelude::*;

use self::checks::{causes, check_cases, check_causes, check_history, check_incidents, check_places, own_cases};
use self::model::Model;
use self::operations::{Op, fleet, op, play};
use crate::support::{World, clocked, profile, random, yuncheng};

fn run(profile: Arc<Profile>, ops: &[Op]) -> World {
    let guarded = profile.flapping.is_some();
    // What is left of a storm of two that wanes.
    let least = if profile.outlast_ms == 0 { 2 } else { 1 };
    let mut world = World::new(profile, "2026-11-20 09:00");
    let mut fleet = fleet();
    let mut model = Model::default();
    for op in ops {
        let (causes, own, cases) = (causes(&world), own_cases(&world), world.ledger.cases.len());
        play(&mut world, &mut fleet, op);
        model.apply(op, &fleet);
        check_causes(&world, (&causes, &own, cases));
        check_incidents(&world, &model, &fleet, guarded, least);
        check_cases(&world, &model, &fleet);
        check_places(&world);
        assert!(world.reducer.next_due().is_none_or(|due| due > world.now), "a timer was left behind");
    }
    check_history(&world);
    world
}

/// A run without what carries ids: ids name the record that moved time.
fn outcome(world: &World) -> impl PartialEq + std::fmt::Debug + use<> {
    let incidents = world.ledger.incidents.values();
    let incidents: Vec<_> = incidents
        .map(|row| {
            (row.asset.clone(), row.key.clone(), row.severity, row.opened, row.updated, row.cleared, row.reopened)
        })
        .collect();
    let cases: Vec<_> =
        world.ledger.cases.values().map(|case| (case.number.clone(), case.state, case.deadline)).collect();
    let events: Vec<_> = world.ledger.events.iter().map(|event| (event.time, event.action.clone(), event.to)).collect();
    let outbox: Vec<_> = world.ledger.outbox.iter().map(|item| (item.time, item.topic.clone())).collect();
    (incidents, cases, events, outbox)
}

fn unguarded() -> Arc<Profile> {
    profile(&[("[incident.flapping]\ntimes = 6\nwithin = \"1h\"\nquiet = \"15m\"", "")])
}

fn stormy() -> Arc<Profile> {
    profile(&[("distinct = 3", "distinct = 2"), ("auto_close = false", "auto_close = true")])
}

/// As [`stormy`], with storms that go on for a while with what is left of them.
fn waning() -> Arc<Profile> {
    profile(&[("distinct = 3", "distinct = 2"), ("outlast = \"0s\"", "outlast = \"15m\"")])
}

fn closing_by_itself() -> Arc<Profile> {
    profile(&[("auto_close = false", "auto_close = true"), ("times = 6", "times = 2")])
}

proptest! {
    #![proptest_config(random(96))]

    #[test]
    fn the_reducer_does_what_the_model_says(ops in prop::collection::vec(op(), 1..120)) {
        run(unguarded(), &ops);
    }

    #[test]
    fn with_the_flapping_guard_nothing_that_holds_is_missed(ops in prop::collection::vec(op(), 1..120)) {
        run(yuncheng(), &ops);
        run(clocked(), &ops);
    }

    #[test]
    fn with_auto_close_and_a_quick_guard_nothing_is_lost(ops in prop::collection::vec(op(), 1..120)) {
        run(closing_by_itself(), &ops);
    }

    #[test]
    fn with_storms_nothing_is_lost(ops in prop::collection::vec(op(), 1..120)) {
        run(stormy(), &ops);
        run(waning(), &ops);
    }

    #[test]
    fn the_same_log_gives_the_same_ledger(ops in prop::collection::vec(op(), 1..60)) {
        let (first, second) = (run(yuncheng(), &ops), run(yuncheng(), &ops));
        prop_assert_eq!(first.ledger, second.ledger);
    }

    #[test]
    fn outcomes_do_not_depend_on_how_often_time_is_told(ops in prop::collection::vec(op(), 1..60)) {
        let ticked: Vec<Op> = ops
            .iter()
            .flat_map(|op| match op {
                Op::Wait { minutes } => vec![Op::Wait { minutes: minutes / 5 }; 5],
                other => vec![other.clone()],
            })
            .collect();
        let rounded: Vec<Op> = ops
            .iter()
            .map(|op| match op {
                Op::Wait { minutes } => Op::Wait { minutes: minutes / 5 * 5 },
                other => other.clone(),
            })
            .collect();
        prop_assert_eq!(outcome(&run(yuncheng(), &rounded)), outcome(&run(yuncheng(), &ticked)));
    }
}
