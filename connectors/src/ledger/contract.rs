//! What every ledger promises, on both.

use std::collections::BTreeSet;

use gengfu_model::staff::User;
use gengfu_model::{
    Case, CaseEvent, CaseState, CommandRow, CommandState, Device, DeviceId, DispositionKind, Effect, EffectId,
    Evidence, Incident, MqttSession, OutboxItem, Seq, Timestamp,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::samples::{case, command, decision, disposition, everything, id, incident, outbox, state};
use super::sqlite::{LedgerOptions, SqliteLedger};
use super::{Ledger, MESSAGES_KEPT_MS, MemoryLedger};
use gengfu_model::IncidentState::{Cleared, Open};

const NO_RESERVE: LedgerOptions = LedgerOptions { reserve_bytes: 0, keep_messages_ms: MESSAGES_KEPT_MS };

/// Runs a check on an empty ledger of each sort.
fn on_both(check: impl Fn(&mut dyn Ledger)) {
    check(&mut MemoryLedger::new());
    let dir = tempfile::tempdir().unwrap();
    check(&mut SqliteLedger::open_with(&dir.path().join("ledger.db"), NO_RESERVE).unwrap());
}

fn dump(ledger: &dyn Ledger) -> String {
    let mut text = Vec::new();
    ledger.dump(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn put(ledger: &mut dyn Ledger, seq: u64, effects: Vec<Effect>) {
    let effects: Vec<(EffectId, Effect)> =
        effects.into_iter().enumerate().map(|(n, effect)| (id(seq, u32::try_from(n).unwrap()), effect)).collect();
    ledger.commit(&effects, Seq(seq), Timestamp(0)).unwrap();
}

#[test]
fn the_same_effects_give_the_same_dump_and_state_in_both() {
    let dir = tempfile::tempdir().unwrap();
    let mut sqlite = SqliteLedger::open_with(&dir.path().join("ledger.db"), NO_RESERVE).unwrap();
    let mut memory = MemoryLedger::new();
    let effects = everything();
    // The live run commits in two batches, the replay in one: the dump must not tell.
    let (first, second) = effects.split_at(15);
    sqlite.commit(first, Seq(9_000_000_000), Timestamp(1_000)).unwrap();
    sqlite.commit(second, Seq(9_000_000_001), Timestamp(2_000)).unwrap();
    memory.commit(&effects, Seq(9_000_000_001), Timestamp(2_000)).unwrap();
    assert_eq!(dump(&sqlite), dump(&memory));
    assert_eq!(sqlite.load().unwrap(), memory.load().unwrap());
    assert_eq!(dump(&memory).lines().count(), 30);
}

/// What is stored is read for years: rows of the first release, by every later model.
#[test]
fn rows_of_the_first_release_are_still_read() {
    fn read<T: DeserializeOwned>(row: Value) -> Result<(), String> {
        serde_json::from_value::<T>(row).map(drop).map_err(|error| error.to_string())
    }
    let mut tables = BTreeSet::new();
    for line in include_str!("fixtures/dump-1.jsonl").lines() {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let row = line["row"].take();
        let table = line["table"].as_str().unwrap().to_owned();
        let outcome = match table.as_str() {
            "case" => read::<Case>(row),
            "case_event" => read::<CaseEvent>(row),
            "command" => read::<CommandRow>(row),
            "device" => read::<Device>(row),
            "explanation" => read::<Evidence>(row["evidence"].clone()),
            "incident" => read::<Incident>(row),
            "mqtt_session" => read::<MqttSession>(row),
            "user" => read::<User>(row),
            "parameter" => read::<gengfu_model::Value>(row["value"].clone()),
            // Columns of their own, not bodies.
            _ => continue,
        };
        assert_eq!(outcome, Ok(()), "{table}");
        tables.insert(table);
    }
    assert_eq!(tables.len(), 9);
}

#[test]
fn load_gives_what_is_alive() {
    on_both(|ledger| {
        ledger.commit(&everything(), Seq(9_000_000_001), Timestamp(2_000)).unwrap();
        let loaded = ledger.load().unwrap();
        let big = 9_000_000_000;
        assert_eq!(loaded.position, Seq(big + 1));
        assert_eq!(loaded.time, Timestamp(2_000));
        // Open, or cleared and named by a cooldown; (big + 1, 4) is cleared for good.
        let incidents: Vec<EffectId> = loaded.incidents.iter().map(|incident| incident.id).collect();
        assert_eq!(incidents, [id(big, 0), id(big + 1, 11)]);
        assert_eq!(loaded.incidents[0], incident(id(big, 0), "cover-1", Cleared, 1_000));
        assert_eq!(loaded.cases, [case(id(big, 2), CaseState::Handling, 1_000)]);
        let reducer = (
            "cases/track/cover_tilt/a/tilt".to_owned(),
            "{\"incident\":\"9000000000-0\",\"cooldown_ms\":60000,\"quiet\":false,\"reopen_until\":99}".to_owned(),
        );
        assert_eq!(loaded.reducer, [reducer]);
        assert_eq!(loaded.users.iter().map(|user| &*user.name).collect::<Vec<_>>(), ["an", "li"]);
        assert_eq!(loaded.profile.as_deref(), Some("name = \"运城\""));
        assert_eq!(loaded.packs.iter().map(|pack| &*pack.version).collect::<Vec<_>>(), ["p1", "p2"]);
        assert_eq!(loaded.packs[0].files["a.rhai"], "// 规则\n");
        assert_eq!(
            loaded.sessions.iter().map(|(device, _)| device.as_str()).collect::<Vec<_>>(),
            ["cover-1", "cover-3"]
        );
        assert_eq!(loaded.sessions[0].1.unreleased, [7, 65_535]);
        let limit = ("cover_tilt".into(), "limit".into(), "district:长宁区".into(), gengfu_model::Value::Bool(true));
        assert_eq!(loaded.parameters, [limit]);
    });
}

#[test]
fn load_gives_open_commands_and_those_of_the_last_minute() {
    on_both(|ledger| {
        use CommandState::{Answered, Expired, Queued};
        let rows = [
            command(id(1, 0), "a", Queued, 1_000),
            command(id(1, 1), "a", Expired, 1_000),
            command(id(1, 2), "b", Answered, 40_000),
            command(id(1, 3), "b", Answered, 40_001),
            command(id(1, 4), "a", Queued, 90_000),
        ];
        let effects: Vec<(EffectId, Effect)> =
            rows.iter().map(|row| (row.id, Effect::Command(Box::new(row.clone())))).collect();
        ledger.commit(&effects, Seq(1), Timestamp(100_000)).unwrap();
        let [open, _, _, recent, newest] = rows;
        assert_eq!(ledger.load().unwrap().commands, [open, recent, newest]);
    });
}

#[test]
fn a_repeated_commit_changes_nothing() {
    on_both(|ledger| {
        let effects = everything();
        ledger.commit(&effects, Seq(9_000_000_001), Timestamp(2_000)).unwrap();
        let (before, loaded) = (dump(ledger), ledger.load().unwrap());
        ledger.commit(&effects, Seq(9_000_000_001), Timestamp(2_000)).unwrap();
        assert_eq!(dump(ledger), before);
        assert_eq!(ledger.load().unwrap(), loaded);
    });
}

#[test]
fn the_position_moves_alone_and_never_back() {
    on_both(|ledger| {
        assert_eq!(ledger.load().unwrap(), super::LedgerState::default());
        ledger.commit(&[], Seq(7), Timestamp(70)).unwrap();
        let refused = ledger.commit(&[(id(6, 0), state("k", Some("1")))], Seq(6), Timestamp(60));
        assert!(refused.unwrap_err().to_string().contains("position 6 is behind 7"));
        let loaded = ledger.load().unwrap();
        assert_eq!((loaded.position, loaded.time, loaded.reducer), (Seq(7), Timestamp(70), vec![]));
    });
}

#[test]
fn ids_sort_as_numbers() {
    on_both(|ledger| {
        for seq in [9, 10, 100] {
            let open = |ordinal| Effect::Incident(Box::new(incident(id(seq, ordinal), "d", Open, 0)));
            put(ledger, seq, vec![open(10), open(9), Effect::Outbox(Box::new(outbox(id(seq, 2), "t")))]);
        }
        let loaded = ledger.load().unwrap();
        let ids: Vec<String> = loaded.incidents.iter().map(|incident| incident.id.to_string()).collect();
        assert_eq!(ids, ["9-9", "9-10", "10-9", "10-10", "100-9", "100-10"]);
        let text = dump(ledger);
        let at = |key: &str| text.find(&format!("{{\"table\":\"incident\",\"key\":\"{key}\"")).unwrap();
        assert!(at("9-10") < at("10-9") && at("10-10") < at("100-9"));
    });
}

#[test]
fn a_cooldown_that_names_an_open_incident_does_not_give_it_twice() {
    on_both(|ledger| {
        let open = Effect::Incident(Box::new(incident(id(5, 0), "d", Open, 0)));
        put(
            ledger,
            5,
            vec![
                open,
                state(
                    "cases/track/a",
                    Some("{\"incident\":\"5-0\",\"cooldown_ms\":60000,\"quiet\":false,\"reopen_until\":99}"),
                ),
            ],
        );
        assert_eq!(ledger.load().unwrap().incidents.len(), 1);
        // Another piece's incident, or one that is not there, is of no interest.
        put(
            ledger,
            6,
            vec![
                state("other", Some("{\"incident\":\"1-1\"}")),
                state(
                    "cases/track/b",
                    Some("{\"incident\":\"1-1\",\"cooldown_ms\":60000,\"quiet\":false,\"reopen_until\":99}"),
                ),
            ],
        );
        assert_eq!(ledger.load().unwrap().incidents.len(), 1);
    });
}

#[test]
fn what_became_of_messages_is_forgotten_with_the_archive() {
    on_both(|ledger| {
        let kept = MESSAGES_KEPT_MS;
        let late = |seq, time| disposition(seq, "cover-1", time, DispositionKind::StoredLate);
        let day = |device: &str, day: &str| Effect::DaySheet {
            device: DeviceId::new(device).unwrap(),
            day: day.to_owned(),
            counts: "{}".to_owned(),
        };
        let listed = |ledger: &dyn Ledger, table: &str| {
            dump(ledger).lines().filter(|line| line.contains(&format!("\"table\":\"{table}\""))).count()
        };
        put(ledger, 1, vec![late(1, 0), late(1, 1_000), day("cover-1", "2026-01-01"), day("cover-2", "2026-01-02")]);
        put(ledger, 2, vec![late(2, kept), day("cover-1", "2026-02-05")]);
        assert_eq!((listed(ledger, "disposition"), listed(ledger, "day_sheet")), (3, 3), "as old as they may be");
        put(ledger, 3, vec![late(3, kept + 500), day("cover-2", "2026-02-06")]);
        assert_eq!((listed(ledger, "disposition"), listed(ledger, "day_sheet")), (3, 3), "one of each has gone");
    });
}

#[test]
fn what_is_withdrawn_of_a_case_is_what_came_before_and_the_first_time_counts() {
    on_both(|ledger| {
        let about = |seq: u64, case: Option<EffectId>| {
            Effect::Outbox(Box::new(OutboxItem { case, ..outbox(id(seq, 0), "case.opened") }))
        };
        let (folded, other, into) = (id(1, 9), id(2, 9), id(3, 9));
        put(ledger, 1, vec![about(1, Some(folded))]);
        put(ledger, 2, vec![about(2, Some(other))]);
        put(ledger, 3, vec![about(3, None)]);
        put(ledger, 4, vec![Effect::OutboxWithdrawn { case: folded, into }]);
        put(ledger, 5, vec![about(5, Some(folded)), Effect::OutboxWithdrawn { case: folded, into: other }]);
        put(ledger, 6, vec![about(6, Some(folded))]);
        let text = dump(ledger);
        let withdrawn: Vec<Option<&str>> = text
            .lines()
            .filter(|line| line.contains("\"table\":\"outbox\""))
            .map(|line| Some(line.split_once("\"withdrawn\":\"")?.1.split('"').next().unwrap()))
            .collect();
        assert_eq!(withdrawn, [Some("3-9"), None, None, Some("2-9"), None], "{text}");
    });
}

#[test]
fn old_decisions_are_forgotten() {
    on_both(|ledger| {
        let kept = super::DECISIONS_KEPT_MS;
        put(ledger, 1, vec![decision(0, true), decision(1_000, false)]);
        put(ledger, 2, vec![decision(kept, true)]);
        let decisions = |ledger: &dyn Ledger| dump(ledger).lines().filter(|line| line.contains("decision")).count();
        assert_eq!(decisions(ledger), 3, "the oldest is as old as it may be");
        put(ledger, 3, vec![decision(kept + 500, true)]);
        assert_eq!(decisions(ledger), 3);
    });
}
