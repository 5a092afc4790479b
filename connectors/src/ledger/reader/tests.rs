//! The read API against a ledger that was written by effects alone.

use std::sync::Arc;

use gengfu_model::*;

use super::*;
use crate::ledger::samples::*;
use crate::ledger::sqlite::LedgerOptions;
use crate::ledger::{DecisionFilter, Ledger, MAX_PLACES_KEPT, SqliteLedger};
use IncidentState::{Cleared, Open};

struct Fixture {
    _dir: tempfile::TempDir,
    ledger: SqliteLedger,
    reader: LedgerReader,
    seq: u64,
}

impl Fixture {
    fn new() -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.db");
        let ledger =
            SqliteLedger::open_with(&path, LedgerOptions { reserve_bytes: 0, ..LedgerOptions::default() }).unwrap();
        let reader = LedgerReader::open(&path).unwrap();
        Fixture { _dir: dir, ledger, reader, seq: 0 }
    }

    fn put(&mut self, effects: Vec<Effect>) {
        self.seq += 1;
        let numbered: Vec<(EffectId, Effect)> = effects
            .into_iter()
            .enumerate()
            .map(|(n, effect)| (id(self.seq, u32::try_from(n).unwrap()), effect))
            .collect();
        self.ledger.commit(&numbered, Seq(self.seq), Timestamp(i64::try_from(self.seq).unwrap() * 10)).unwrap();
    }
}

fn page(limit: usize) -> Page {
    Page { limit, cursor: None }
}

/// Every page of a list, one after the other.
fn all<T>(limit: usize, list: impl Fn(&Page) -> Listed<T>) -> Vec<T> {
    let mut items = Vec::new();
    let mut next = page(limit);
    loop {
        let listed = list(&next);
        assert!(listed.items.len() <= limit);
        items.extend(listed.items);
        match listed.next {
            None => return items,
            cursor => next.cursor = cursor,
        }
    }
}

#[test]
fn incidents_come_newest_first_page_by_page() {
    let mut fixture = Fixture::new();
    for seq in 1..=12 {
        // Several of one moment, and ordinals that sort otherwise as text.
        let open = |ordinal| {
            Effect::Incident(Box::new(incident(id(seq, ordinal), "d", Open, i64::try_from(seq / 3).unwrap())))
        };
        fixture.put(vec![open(9), open(10)]);
    }
    let found = all(5, |page| fixture.reader.incidents(&IncidentFilter::default(), page).unwrap());
    let ids: Vec<EffectId> = found.iter().map(|incident| incident.id).collect();
    let mut expected: Vec<EffectId> = (1..=12).flat_map(|seq| [id(seq, 9), id(seq, 10)]).collect();
    expected.reverse();
    assert_eq!(ids, expected);
}

#[test]
fn a_page_that_ends_exactly_has_no_next_and_a_foreign_cursor_is_refused() {
    let mut fixture = Fixture::new();
    let open = |ordinal| Effect::Incident(Box::new(incident(id(1, ordinal), "d", Open, 0)));
    fixture.put(vec![open(0), open(1)]);
    let list = |page: &Page| fixture.reader.incidents(&IncidentFilter::default(), page);
    assert_eq!(list(&page(2)).unwrap().next, None);
    assert!(list(&page(1)).unwrap().next.is_some());
    assert_eq!(list(&page(0)).unwrap().items.len(), 1, "a limit of 0 is taken as 1");
    for cursor in ["", "x", "1.2", "1.2.3.4", "1-2-3"] {
        let refused = list(&Page { limit: 1, cursor: Some(cursor.into()) });
        assert!(matches!(refused, Err(LedgerError::Cursor(_))), "{cursor}");
    }
}

#[test]
fn every_incident_filter_narrows() {
    let mut fixture = Fixture::new();
    let base = incident(id(1, 0), "cover-1", Open, 100);
    let mut other = incident(id(1, 1), "lamp-1", Cleared, 200);
    other.kind = Kind::Streetlight;
    other.rule = "lamp".into();
    other.key = "out".into();
    other.district = "静安区".into();
    other.condition = "lamp_out".into();
    fixture.put(vec![Effect::Incident(Box::new(base.clone())), Effect::Incident(Box::new(other))]);
    let none = IncidentFilter::default;
    let filters = [
        IncidentFilter { state: Some(Open), ..none() },
        IncidentFilter { kind: Some(Kind::Manhole), ..none() },
        IncidentFilter { rule: Some("cover_tilt".into()), ..none() },
        IncidentFilter { device: Some("cover-1".into()), ..none() },
        IncidentFilter { key: Some("tilt".into()), ..none() },
        IncidentFilter { district: Some("长宁区".into()), ..none() },
        IncidentFilter { condition: Some("cover_displaced".into()), ..none() },
        IncidentFilter { to: Some(Timestamp(200)), ..none() },
        IncidentFilter { from: Some(Timestamp(100)), to: Some(Timestamp(101)), state: Some(Open), ..none() },
    ];
    for filter in filters {
        let found = fixture.reader.incidents(&filter, &page(10)).unwrap();
        assert_eq!(found.items, std::slice::from_ref(&base), "{filter:?}");
    }
    let later = IncidentFilter { from: Some(Timestamp(101)), ..none() };
    assert_eq!(fixture.reader.incidents(&later, &page(10)).unwrap().items[0].id, id(1, 1));
    assert_eq!(fixture.reader.incident(id(1, 0)).unwrap(), Some(base));
    assert_eq!(fixture.reader.incident(id(7, 0)).unwrap(), None);
}

#[test]
fn every_case_filter_narrows() {
    let mut fixture = Fixture::new();
    let mut base = case(id(1, 0), CaseState::Handling, 100);
    base.assignee = Some("wang".into());
    base.overdue = true;
    let mut other = case(id(1, 1), CaseState::Closed, 200);
    other.district = "静安区".into();
    other.class = "02-01".into();
    other.asset = "B".into();
    fixture.put(vec![Effect::Case(Box::new(base.clone())), Effect::Case(Box::new(other))]);
    let none = CaseFilter::default;
    let filters = [
        CaseFilter { open: Some(true), ..none() },
        CaseFilter { state: Some(CaseState::Handling), ..none() },
        CaseFilter { district: Some("长宁区".into()), ..none() },
        CaseFilter { class: Some("01-02".into()), ..none() },
        CaseFilter { asset: Some("3101050102000001".into()), ..none() },
        CaseFilter { assignee: Some("wang".into()), ..none() },
        CaseFilter { overdue: Some(true), ..none() },
        CaseFilter { to: Some(Timestamp(200)), ..none() },
    ];
    for filter in filters {
        assert_eq!(fixture.reader.cases(&filter, &page(10)).unwrap().items, std::slice::from_ref(&base), "{filter:?}");
    }
    for filter in [
        CaseFilter { open: Some(false), ..none() },
        CaseFilter { overdue: Some(false), ..none() },
        CaseFilter { from: Some(Timestamp(200)), ..none() },
    ] {
        assert_eq!(fixture.reader.cases(&filter, &page(10)).unwrap().items[0].id, id(1, 1), "{filter:?}");
    }
    assert_eq!(fixture.reader.case(id(1, 0)).unwrap(), Some(base));
}

#[test]
fn history_and_explanations_come_oldest_first_and_only_their_own() {
    let mut fixture = Fixture::new();
    let (ours, other) = (id(1, 0), id(1, 1));
    for (seq, action) in ["opened", "acknowledge", "file"].into_iter().enumerate() {
        let time = i64::try_from(seq).unwrap();
        fixture.put(vec![case_event(other, 0, "comment"), case_event(ours, time, action), explanation(ours, "opened")]);
    }
    fixture.put(vec![explanation(ours, "cleared"), explanation(other, "opened")]);
    let history = fixture.reader.case_events(ours).unwrap();
    assert_eq!(history.iter().map(|event| &*event.action).collect::<Vec<_>>(), ["opened", "acknowledge", "file"]);
    let explained = fixture.reader.explanations(ours).unwrap();
    let changes: Vec<(EffectId, &str)> = explained.iter().map(|(id, change, _)| (*id, change.as_str())).collect();
    assert_eq!(changes, [(id(1, 2), "opened"), (id(2, 2), "opened"), (id(3, 2), "opened"), (id(4, 0), "cleared")]);
    assert_eq!(explained[0].2.readings[0].value, Some(Value::Number(0.1 + 0.2)));
}

#[test]
fn devices_are_found_by_kind_place_life_and_part_of_a_text() {
    let mut fixture = Fixture::new();
    let cover = device("Cover-7", Kind::Manhole, "长宁区");
    let mut lamp = device("lamp-8", Kind::Streetlight, "静安区");
    lamp.life = DeviceLife::Retired;
    lamp.name = "南京路%灯".into();
    fixture.put(vec![Effect::Device(Arc::new(lamp.clone())), Effect::Device(Arc::new(cover.clone()))]);
    let none = DeviceFilter::default;
    let find = |filter: DeviceFilter| -> Vec<String> {
        let listed = all(1, |page| fixture.reader.devices(&filter, page).unwrap());
        listed.iter().map(|device| device.id.to_string()).collect()
    };
    assert_eq!(find(none()), ["Cover-7", "lamp-8"]);
    assert_eq!(find(DeviceFilter { kind: Some(Kind::Streetlight), ..none() }), ["lamp-8"]);
    assert_eq!(find(DeviceFilter { district: Some("长宁区".into()), ..none() }), ["Cover-7"]);
    assert_eq!(find(DeviceFilter { life: Some(DeviceLife::Retired), ..none() }), ["lamp-8"]);
    let text = |text: &str| find(DeviceFilter { text: Some(text.into()), ..none() });
    assert_eq!(text("cOVER"), ["Cover-7"]);
    assert_eq!(text("南京路"), ["lamp-8"]);
    assert_eq!(text("a-lamp"), ["lamp-8"], "the asset code is searched as well");
    assert_eq!(text("%"), ["lamp-8"], "no wildcards");
    assert_eq!(text(""), ["Cover-7", "lamp-8"]);
    assert_eq!(fixture.reader.device(&cover.id).unwrap(), Some(cover));
}

#[test]
fn dispositions_are_found_by_day_device_and_kind_with_their_bytes() {
    let mut fixture = Fixture::new();
    fixture.put(vec![
        disposition(1, "a", 100, DispositionKind::Quarantined),
        disposition(1, "b", 200, DispositionKind::Duplicate),
        disposition(1, "a", 300, DispositionKind::Duplicate),
    ]);
    let none = DispositionFilter::default;
    let find = |filter: DispositionFilter| -> Vec<Disposition> {
        all(1, |page| fixture.reader.dispositions(&filter, page).unwrap())
    };
    let times = |filter| find(filter).iter().map(|row| row.time.0).collect::<Vec<_>>();
    assert_eq!(times(none()), [300, 200, 100]);
    assert_eq!(times(DispositionFilter { day: Some((Timestamp(100), Timestamp(300))), ..none() }), [200, 100]);
    assert_eq!(times(DispositionFilter { device: Some(DeviceId::new("a").unwrap()), ..none() }), [300, 100]);
    let quarantined = find(DispositionFilter { kind: Some(DispositionKind::Quarantined), ..none() });
    assert_eq!(quarantined[0].payload.as_deref(), Some(&[0_u8, 255, 10, 34][..]));
}

#[test]
fn the_quarantine_waits_until_something_was_decoded() {
    let mut fixture = Fixture::new();
    fixture.put(vec![
        disposition(1, "a", 100, DispositionKind::Quarantined),
        disposition(1, "a", 100, DispositionKind::Quarantined),
        disposition(1, "a", 100, DispositionKind::StoredLate),
    ]);
    fixture.put(vec![disposition(2, "a", 200, DispositionKind::Quarantined)]);
    let first = fixture.seq - 1;
    let find = |fixture: &Fixture, waits| -> Vec<(i64, Option<bool>)> {
        let filter = DispositionFilter { waits, kind: Some(DispositionKind::Quarantined), ..Default::default() };
        let rows = all(1, |page| fixture.reader.dispositions(&filter, page).unwrap());
        rows.into_iter().map(|row| (row.time.0, row.redecoded.map(|outcome| outcome.decoded))).collect()
    };
    assert_eq!(find(&fixture, true), [(200, None), (100, None), (100, None)]);
    fixture.put(vec![redecoded(first, 3, false)]);
    assert_eq!(find(&fixture, true), [(200, None), (100, Some(false)), (100, Some(false))], "in vain");
    fixture.put(vec![redecoded(first, 4, true)]);
    assert_eq!(find(&fixture, true), [(200, None)]);
    assert_eq!(find(&fixture, false), [(200, None), (100, Some(true)), (100, Some(true))]);
}

#[test]
fn the_live_stream_tells_every_change_once_in_order() {
    let mut fixture = Fixture::new();
    let open = Effect::Incident(Box::new(incident(id(1, 0), "d", Open, 0)));
    let cleared = Effect::Incident(Box::new(incident(id(1, 0), "d", Cleared, 0)));
    let case = |state| Effect::Case(Box::new(case(id(1, 5), state, 0)));
    fixture.put(vec![open.clone(), case(CaseState::Reported), state("k", Some("1"))]);
    fixture.put(vec![open.clone(), cleared, open, case(CaseState::Filed)]);
    // A batch that is repeated after a crash derives nothing new.
    fixture.seq -= 1;
    let again = Effect::Incident(Box::new(incident(id(1, 0), "d", Open, 0)));
    fixture.put(vec![again]);
    let rows = fixture.reader.stream_after(None, 100).unwrap();
    let told: Vec<(EffectId, &str)> = rows.iter().map(|(id, name, _)| (*id, name.as_str())).collect();
    let expected = [
        (id(1, 0), "incident.opened"),
        (id(1, 1), "case.opened"),
        (id(2, 0), "incident.updated"),
        (id(2, 1), "incident.cleared"),
        (id(2, 2), "incident.opened"),
        (id(2, 3), "case.updated"),
    ];
    assert_eq!(told, expected);
    assert!(rows[0].2.contains("\"id\":\"1-0\""));
    let after = fixture.reader.stream_after(Some(id(2, 0)), 2).unwrap();
    assert_eq!(after.iter().map(|row| row.0).collect::<Vec<_>>(), [id(2, 1), id(2, 2)]);
    assert_eq!(fixture.reader.stream_bounds().unwrap(), Some((id(1, 0), id(2, 3))));
}

#[test]
fn the_outbox_is_read_on_from_a_position() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.reader.outbox_newest().unwrap(), None);
    for seq in 1..=11 {
        fixture.put(vec![Effect::Outbox(Box::new(outbox(id(seq, 0), "case.opened")))]);
    }
    let ids = |after, limit| -> Vec<EffectId> {
        fixture.reader.outbox_after(after, limit).unwrap().iter().map(|item| item.id).collect()
    };
    assert_eq!(ids(None, 2), [id(1, 0), id(2, 0)]);
    assert_eq!(ids(Some(id(9, 0)), 5), [id(10, 0), id(11, 0)]);
    assert_eq!(fixture.reader.outbox_newest().unwrap(), Some(id(11, 0)));
    assert_eq!(fixture.reader.outbox_item(id(3, 0)).unwrap(), Some(outbox(id(3, 0), "case.opened")));
}

#[test]
fn commands_of_a_device_come_newest_first() {
    let mut fixture = Fixture::new();
    let row = |seq, device, state| command(id(seq, 0), device, state, i64::try_from(seq).unwrap());
    let rows = [
        row(1, "a", CommandState::Answered),
        row(2, "b", CommandState::Queued),
        row(3, "a", CommandState::Queued),
        row(4, "a", CommandState::Failed),
    ];
    for row in &rows {
        fixture.put(vec![Effect::Command(Box::new(row.clone()))]);
    }
    let a = DeviceId::new("a").unwrap();
    let listed = all(2, |page| fixture.reader.commands(&a, page).unwrap());
    assert_eq!(listed, [rows[3].clone(), rows[2].clone(), rows[0].clone()]);
    assert_eq!(fixture.reader.command(id(2, 0)).unwrap(), Some(rows[1].clone()));
    assert_eq!(fixture.reader.command(id(9, 0)).unwrap(), None);
}

#[test]
fn lists_are_read_from_an_index_and_never_sorted() {
    let fixture = Fixture::new();
    let conn = fixture.reader.pool.get().unwrap();
    let after = |cursor: &str| Page { limit: 10, cursor: Some(cursor.to_owned()) };
    let text = || Some("x".to_owned());
    let from = Some(Timestamp(5));
    let incidents = [
        IncidentFilter::default(),
        IncidentFilter { from, ..IncidentFilter::default() },
        IncidentFilter { state: Some(Open), from, to: from, ..IncidentFilter::default() },
        IncidentFilter { state: Some(Open), district: text(), ..IncidentFilter::default() },
        IncidentFilter { device: text(), state: Some(Cleared), ..IncidentFilter::default() },
        IncidentFilter { rule: text(), kind: Some(Kind::Bin), ..IncidentFilter::default() },
    ];
    let mut plans: Vec<String> = incidents.iter().map(|filter| filter.query().plan(&conn, &after("5.1.1"))).collect();
    let cases = [
        CaseFilter::default(),
        CaseFilter { open: Some(true), overdue: Some(true), ..CaseFilter::default() },
        CaseFilter { state: Some(CaseState::Filed), from, ..CaseFilter::default() },
        CaseFilter { asset: text(), ..CaseFilter::default() },
        CaseFilter { assignee: text(), ..CaseFilter::default() },
    ];
    plans.extend(cases.iter().map(|filter| filter.query().plan(&conn, &after("5.1.1"))));
    let dispositions = [
        DispositionFilter::default(),
        DispositionFilter { device: Some(DeviceId::new("x").unwrap()), ..DispositionFilter::default() },
        DispositionFilter { kind: Some(DispositionKind::Quarantined), ..DispositionFilter::default() },
        DispositionFilter { day: Some((Timestamp(1), Timestamp(2))), ..DispositionFilter::default() },
        DispositionFilter { waits: true, ..DispositionFilter::default() },
    ];
    plans.extend(dispositions.iter().map(|filter| filter.query().plan(&conn, &after("5.1.1"))));
    let devices = [
        DeviceFilter::default(),
        DeviceFilter { kind: Some(Kind::Bin), ..DeviceFilter::default() },
        DeviceFilter { district: text(), life: Some(DeviceLife::Retired), ..DeviceFilter::default() },
    ];
    plans.extend(devices.iter().map(|filter| filter.query().plan(&conn, &after("x"))));
    plans.push(super::entities::commands_query(&DeviceId::new("x").unwrap()).plan(&conn, &after("5.1.1")));
    let decisions = [
        DecisionFilter::default(),
        DecisionFilter { incident: Some(id(1, 0)), ..DecisionFilter::default() },
        DecisionFilter { case: Some(id(1, 0)), from, ..DecisionFilter::default() },
        DecisionFilter { asset: text(), what: Some(DecisionKind::Grouped), ..DecisionFilter::default() },
        DecisionFilter { device: Some(DeviceId::new("x").unwrap()), from, to: from, ..DecisionFilter::default() },
        DecisionFilter { who: text(), ..DecisionFilter::default() },
    ];
    plans.extend(decisions.iter().map(|filter| filter.query().plan(&conn, &after("5.1.1"))));
    for plan in plans {
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        assert!(plan.starts_with("SEARCH"), "{plan}");
    }
    let search = DeviceFilter { text: text(), ..DeviceFilter::default() }.query().plan(&conn, &after("x"));
    assert!(search.contains("COVERING INDEX device_text"), "{search}");
}

#[test]
fn counts_are_of_what_is_open() {
    let mut fixture = Fixture::new();
    let mut minor = incident(id(1, 1), "d", Open, 0);
    minor.severity = Severity::Minor;
    let mut overdue = case(id(1, 3), CaseState::Filed, 0);
    overdue.overdue = true;
    let mut closed = case(id(1, 4), CaseState::Closed, 0);
    closed.overdue = true;
    fixture.put(vec![
        Effect::Incident(Box::new(incident(id(1, 0), "d", Open, 0))),
        Effect::Incident(Box::new(minor)),
        Effect::Incident(Box::new(incident(id(1, 2), "d", Cleared, 0))),
        Effect::Case(Box::new(overdue)),
        Effect::Case(Box::new(closed)),
        Effect::Case(Box::new(case(id(1, 5), CaseState::Reported, 0))),
    ]);
    let counts = fixture.reader.counts().unwrap();
    let by_severity: Vec<u64> = counts.open_incidents_by_severity.iter().map(|(_, count)| *count).collect();
    assert_eq!(by_severity, [0, 1, 0, 1]);
    assert_eq!((counts.open_cases, counts.overdue_cases), (2, 1));
}

#[test]
fn accounts_packs_parameters_profile_and_audit_are_read() {
    let mut fixture = Fixture::new();
    fixture.ledger.commit(&everything(), Seq(9_000_000_001), Timestamp(2_000)).unwrap();
    let reader = fixture.reader.clone();
    let loaded = fixture.ledger.load().unwrap();
    assert_eq!(reader.users().unwrap(), loaded.users);
    assert_eq!(reader.user("an").unwrap(), Some(user("an")));
    assert_eq!(reader.user("nobody").unwrap(), None);
    assert_eq!(reader.packs().unwrap(), loaded.packs);
    assert_eq!(reader.parameters().unwrap(), loaded.parameters);
    assert_eq!(reader.profile().unwrap(), loaded.profile);
    assert_eq!(reader.position().unwrap(), (Seq(9_000_000_001), Timestamp(2_000)));
    let audit = reader.audit(&page(10)).unwrap();
    assert_eq!(
        (audit.items.len(), audit.items[0].time, audit.items[0].action.as_str()),
        (1, Timestamp(2_000), "close")
    );
}

#[test]
fn the_newest_places_are_in_force_and_old_ones_are_forgotten() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.reader.places().unwrap(), None);
    let reader = fixture.reader.clone();
    let name = || reader.places().unwrap().map(|(id, row)| (id, row.places[0].name.to_string()));
    for n in 1..=MAX_PLACES_KEPT + 1 {
        fixture.put(vec![places(&format!("p{n}"))]);
        assert_eq!(name(), Some((id(n as u64, 0), format!("p{n}"))));
    }
    let mut dump = Vec::new();
    fixture.ledger.dump(&mut dump).unwrap();
    let dump = String::from_utf8(dump).unwrap();
    assert_eq!(dump.matches("\"depot\"").count(), MAX_PLACES_KEPT);
    assert!(!dump.contains("\"p1\""));
}

#[test]
fn readers_of_many_threads_see_whole_commits_while_the_writer_writes() {
    let mut fixture = Fixture::new();
    fixture.put(vec![state("k", Some("0"))]);
    let reader = fixture.reader.clone();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(|| {
                    let mut reads = 0_u64;
                    while reads == 0 || !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        let listed = reader.incidents(&IncidentFilter::default(), &page(1_000)).unwrap();
                        assert_eq!(listed.items.len() % 3, 0, "half a commit was seen");
                        reads += 1;
                    }
                    reads
                })
            })
            .collect();
        for seq in 0..50 {
            let open = |n| Effect::Incident(Box::new(incident(id(100 + seq, n), "d", Open, 0)));
            fixture.put(vec![open(0), open(1), open(2)]);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(readers.into_iter().all(|reader| reader.join().unwrap() > 0));
    });
}
