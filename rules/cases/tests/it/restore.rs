//! Restore: what is missing or unreadable is named, and rows of earlier versions stay readable.

use gengfu_cases::{Reducer, RestoreError};
use gengfu_model::Severity::Major;
use gengfu_model::staff::CaseStep;
use gengfu_model::{Case, Incident, IncidentState, Role};

use crate::support::{World, device, yuncheng};

type Rows = (Vec<Incident>, Vec<Case>, Vec<(String, String)>);

/// The rows of a ledger with one open incident and its case.
fn rows() -> Rows {
    let mut world = World::new(yuncheng(), "2026-11-20 10:00");
    world.raise(&device("c1", "01-02"), "tilt", Major, "cover_tilted");
    let state = world.ledger.state.into_iter().collect();
    (world.ledger.incidents.into_values().collect(), world.ledger.cases.into_values().collect(), state)
}

fn restore((incidents, cases, state): Rows) -> Result<Reducer, RestoreError> {
    Reducer::restore(yuncheng(), incidents, cases, state)
}

#[test]
fn more_rows_than_needed_do_no_harm() {
    let (mut incidents, mut cases, mut state) = rows();
    let expected = restore((incidents.clone(), cases.clone(), state.clone())).expect("a state");
    let other = gengfu_model::EffectId { seq: gengfu_model::Seq(900), ordinal: 0 };
    incidents.push(Incident { id: other, state: IncidentState::Cleared, ..incidents[0].clone() });
    cases.push(Case { id: other, state: gengfu_model::CaseState::Closed, ..cases[0].clone() });
    state.push(("somebody else's".to_owned(), "?".to_owned()));
    assert_eq!(restore((incidents, cases, state)), Ok(expected));
}

#[test]
fn what_is_missing_is_named() {
    let (incidents, cases, state) = rows();
    let (incident, case) = (incidents[0].id, cases[0].id);
    assert_eq!(restore((Vec::new(), cases.clone(), state.clone())), Err(RestoreError::MissingIncident(incident)));
    assert_eq!(restore((incidents.clone(), Vec::new(), state.clone())), Err(RestoreError::MissingCase(case)));
    assert_eq!(restore((incidents.clone(), Vec::new(), Vec::new())), Err(RestoreError::Unknown(incident)));
    assert_eq!(restore((Vec::new(), cases.clone(), Vec::new())), Err(RestoreError::Unknown(case)));
    for (place, (key, _)) in state.iter().enumerate() {
        let mut broken = state.clone();
        broken[place].1 = "{".to_owned();
        match restore((incidents.clone(), cases.clone(), broken)) {
            Err(RestoreError::Unreadable { key: named, .. }) => assert_eq!(&named, key),
            other => panic!("{key}: {other:?}"),
        }
    }
    let newer = vec![("cases/unheard-of".to_owned(), "1".to_owned())];
    assert!(matches!(restore((Vec::new(), Vec::new(), newer)), Err(RestoreError::Unreadable { .. })));
}

#[test]
fn rows_of_the_first_version_are_readable() {
    let (incidents, cases, _) = rows();
    let case = format!("cases/case/{}", cases[0].id);
    let track = r#"cases/track/{"rule":"r","asset":"A-c1","key":"tilt"}"#;
    let text = |text: &str| text.to_owned();
    let state = vec![
        (text("cases/numbers"), text(r#"{"day":739940,"last":1}"#)),
        (
            text(track),
            format!(
                r#"{{"incident":"{}","cooldown_ms":900000,"quiet":false,"opens":[1795140000000],"others":[
                {{"device":"c2","quiet":true,"rule_version":"v1","severity":"minor","condition":"cover_tilted",
                "value":null,"text_zh":"","text_en":""}}]}}"#,
                incidents[0].id
            ),
        ),
        (
            case,
            text(
                r#"{"keys":[{"class":"01-02","scope":"asset:A-c1"}],"dispatched":true,"left_ms":5,"resume":"handling"}"#,
            ),
        ),
        (
            text(r#"cases/track/{"rule":"r","asset":"A-c9","key":"tilt"}"#),
            text(r#"{"incident":null,"cooldown_ms":0,"quiet":false,"forget_at":1795143600000}"#),
        ),
    ];
    let reducer = restore((incidents, cases, state)).expect("a state");
    assert_eq!(reducer.next_due(), Some(gengfu_model::Timestamp(1_795_143_600_000)));
}

#[test]
fn a_restored_reducer_goes_on_where_the_live_one_stood() {
    let mut live = World::new(yuncheng(), "2026-11-20 10:00");
    let cover = device("c1", "01-02");
    live.raise(&cover, "tilt", Major, "cover_tilted");
    let case = live.case().id;
    for (role, step) in [
        (Role::Acceptor, CaseStep::File),
        (Role::Dispatcher, CaseStep::Dispatch { department: "roads".into() }),
        (Role::ShiftLeader, CaseStep::Suspend),
    ] {
        live.done(role, case, step);
    }
    live.clear(&cover, "tilt");
    let restored = live.ledger.restore(yuncheng());
    let continued = |reducer: Reducer| {
        let mut out = gengfu_model::EffectSink::new(gengfu_model::Seq(50));
        let mut reducer = reducer;
        let at = gengfu_cases::At { seq: gengfu_model::Seq(50), now: live.now.plus_ms(1_000) };
        reducer.signal(at, &cover, live.raised("tilt", Major, "cover_tilted"), &mut out);
        let verdict = reducer.request(at, "wang", &[Role::ShiftLeader], case, &CaseStep::Resume, "", &mut out);
        assert!(verdict.is_ok());
        out.take()
    };
    assert_eq!(continued(restored), continued(live.reducer.clone()));
}
