//! Inputs that once failed, the smallest that showed it.

use gengfu_model::staff::CaseStep;

use super::operations::Op;
use super::{run, stormy, waning};
use crate::support::yuncheng;

/// Another sensor on the asset, which says less and is on no feeder, does not move what leads the incident: when the
/// silence of the feeder is over, the feeder explains it.
#[test]
fn what_says_less_does_not_move_what_leads() {
    let ops = [
        Op::Move { device: 6, asset: 1 },
        Op::Silence { what: 1, hours: 1, until_clear: false },
        Op::Raise { device: 3, key: 0, severity: 0, condition: 11, cooldown: 0 },
        Op::Raise { device: 6, key: 0, severity: 1, condition: 2, cooldown: 0 },
        Op::Raise { device: 2, key: 0, severity: 0, condition: 0, cooldown: 0 },
        Op::Wait { minutes: 600 },
    ];
    run(stormy(), &ops);
    run(waning(), &ops);
    run(yuncheng(), &ops);
}

/// A dark lamp that the feeder's outage explains, found later, does not make a storm with the next dark lamp.
#[test]
fn what_is_explained_later_is_no_sign_of_another_storm() {
    let ops = [
        Op::Raise { device: 3, key: 1, severity: 0, condition: 6, cooldown: 0 },
        Op::Raise { device: 0, key: 0, severity: 0, condition: 0, cooldown: 0 },
        Op::Raise { device: 6, key: 1, severity: 0, condition: 2, cooldown: 0 },
        Op::Raise { device: 3, key: 0, severity: 0, condition: 11, cooldown: 0 },
        Op::Raise { device: 3, key: 1, severity: 0, condition: 2, cooldown: 0 },
    ];
    run(stormy(), &ops);
    run(waning(), &ops);
}

/// Of two dark lamps, somebody is on the way to one: the other one is no storm, but a case of its own.
#[test]
fn one_lamp_beside_a_dispatched_one_is_no_storm() {
    let ask = |role, step| Op::Ask { role, case: 0, step, into: None };
    let ops = [
        Op::Raise { device: 3, key: 0, severity: 3, condition: 2, cooldown: 0 },
        ask(1, CaseStep::File),
        ask(1, CaseStep::Dispatch { department: "lights".into() }),
        Op::Raise { device: 6, key: 0, severity: 3, condition: 2, cooldown: 0 },
    ];
    for profile in [stormy(), waning()] {
        let world = run(profile, &ops);
        let alone = world.ledger.incidents.values().filter(|row| row.parent.is_none() && row.case.is_some());
        assert_eq!((world.ledger.incidents.len(), alone.count(), world.reducer.cases().count()), (2, 2, 2));
    }
}

/// What lodges in the case of what explains it does not stay there when that goes to a case of its own.
#[test]
fn what_is_held_back_goes_out_of_a_case_with_its_cause() {
    let ops = [
        Op::Raise { device: 6, key: 1, severity: 0, condition: 6, cooldown: 0 },
        Op::Raise { device: 3, key: 2, severity: 0, condition: 0, cooldown: 0 },
        Op::Raise { device: 6, key: 1, severity: 0, condition: 10, cooldown: 0 },
        Op::Raise { device: 4, key: 0, severity: 0, condition: 2, cooldown: 0 },
        Op::Raise { device: 3, key: 2, severity: 0, condition: 2, cooldown: 0 },
        Op::Raise { device: 3, key: 2, severity: 0, condition: 11, cooldown: 0 },
    ];
    run(stormy(), &ops);
}
