//! Entities for tests, with values that are hard on a store: large sequences, long fractions,
//! Chinese text, quotes, bytes that are no text.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::pack::{PackNote, ShadowRow};
use gengfu_model::places::{Place, PlacesRow, Shape};
use gengfu_model::staff::User;
use gengfu_model::*;

pub(crate) fn id(seq: u64, ordinal: u32) -> EffectId {
    EffectId { seq: Seq(seq), ordinal }
}

pub(crate) fn incident(id: EffectId, device: &str, state: IncidentState, opened: i64) -> Incident {
    Incident {
        id,
        rule: "cover_tilt".into(),
        rule_version: "ab12".into(),
        asset: "3101050102000001".into(),
        device: DeviceId::new(device).unwrap(),
        kind: Kind::Manhole,
        key: "tilt".into(),
        condition: "cover_displaced".into(),
        severity: Severity::Critical,
        worst: Severity::Critical,
        state,
        district: "长宁区".into(),
        opened: Timestamp(opened),
        updated: Timestamp(opened + 1),
        cleared: (state == IncidentState::Cleared).then_some(Timestamp(opened + 2)),
        cleared_by: (state == IncidentState::Cleared).then(|| "clear".into()),
        value: Some(17.098_765_432_101_234),
        late: false,
        reopened: 0,
        text_zh: "井盖倾斜 \"17.1°\"".into(),
        text_en: "cover tilted".into(),
        parent: None,
        case: None,
        silenced_by: None,
        inhibited_by: None,
    }
}

pub(crate) fn case(id: EffectId, state: CaseState, opened: i64) -> Case {
    Case {
        id,
        number: format!("2026-{id}").into(),
        source: "iot".into(),
        state,
        severity: Severity::Major,
        asset: "3101050102000001".into(),
        asset_name: "井盖 1 号".into(),
        class: "01-02".into(),
        class_kind: "component".into(),
        class_name: "污水井盖".into(),
        standard: "yuncheng-17".into(),
        condition: "cover_displaced".into(),
        text_zh: "井盖移位".into(),
        text_en: "cover displaced".into(),
        district: "长宁区".into(),
        grid: "31010500100203".into(),
        department: "排水所".into(),
        latitude: Some(31.217_123_456_789_01),
        longitude: Some(0.1 + 0.2),
        incidents: vec![id],
        condition_holds: true,
        deadline: Some(Deadline {
            limit: LimitKind::UrgentHour,
            amount: 2,
            started: Timestamp(opened),
            due: Timestamp(opened + 7_200_000),
        }),
        overdue: false,
        acknowledged_by: None,
        acknowledged_at: None,
        assignee: None,
        opened: Timestamp(opened),
        updated: Timestamp(opened),
        closed: None,
        feedback: None,
        merged_into: None,
        escalation: None,
        reporter: "manhole-tilt".into(),
        clocks: gengfu_model::CaseClocks::default(),
        progress: gengfu_model::Progress::default(),
    }
}

pub(crate) fn case_event(case: EffectId, time: i64, action: &str) -> Effect {
    Effect::CaseEvent(Box::new(CaseEvent {
        case,
        time: Timestamp(time),
        actor: "system".into(),
        action: action.into(),
        from: None,
        to: CaseState::Reported,
        note: "换行\n和 \\".into(),
        attachment: None,
    }))
}

/// A decision with every column filled, or with as few as there can be.
pub(crate) fn decision(time: i64, full: bool) -> Effect {
    let incident = incident(id(9_000_000_000, 0), "cover-1", IncidentState::Open, time);
    let decision = Decision::about(&incident, Timestamp(time), DecisionKind::Grouped, Why::StormMember);
    let decision = if full {
        Decision { case: Some(id(9_000_000_000, 2)), who: Some("li".into()), ..decision }
            .because_of(id(9_000_000_000, 7))
            .because_of(id(1, 1))
            .noting("换行\n\"和\"")
    } else {
        let none = || Arc::from("");
        Decision { incident: None, device: None, rule: none(), asset: none(), district: none(), ..decision }
    };
    Effect::Decision(Box::new(decision))
}

/// A silence with every part filled.
pub(crate) fn silence(id: EffectId, state: SilenceState) -> Silence {
    Silence {
        id,
        author: "li".into(),
        created: Timestamp(5),
        from: Timestamp(6),
        asked: NewSilence {
            matches: Matcher { asset: Some("井 1".into()), ..Matcher::default() },
            from: Some(Timestamp(6)),
            to: Timestamp(7),
            weekly: Some(gengfu_model::silence::Weekly { days: vec![1, 7], from_min: 1_320, to_min: 360 }),
            until_clear: true,
            work_order: Some("WO-7".into()),
            reason: "维修".into(),
            comment: "\"\n".into(),
        },
        state,
        held: 3,
        cleared: 1,
        rearmed: vec!["井 2".into()],
        ended: (state == SilenceState::Ended).then_some(Timestamp(7)),
        ended_by: None,
        ended_why: None,
    }
}

pub(crate) fn device(id: &str, kind: Kind, district: &str) -> Device {
    Device {
        id: DeviceId::new(id).unwrap(),
        kind,
        model: "acme-1".into(),
        asset_code: format!("A-{id}").into(),
        name: format!("{id} 号").into(),
        latitude: Some(31.2),
        longitude: None,
        district: district.into(),
        grid: "g".into(),
        feeder: "".into(),
        cabinet: "".into(),
        catchment: "".into(),
        carrier_cell: "".into(),
        department: "".into(),
        asset_type: "01-02".into(),
        interval_s: 600,
        token_hash: Some([0xa5; 32]),
        attributes: [("baseline_tilt_deg".into(), Value::Number(1.1))].into_iter().collect(),
        life: DeviceLife::InService,
    }
}

pub(crate) fn user(name: &str) -> User {
    User {
        name: name.into(),
        password_hash: "$argon2id$x".into(),
        roles: vec![Role::DutyOfficer],
        districts: vec!["长宁区".into()],
        epoch: 3,
        disabled: false,
    }
}

pub(crate) fn outbox(id: EffectId, topic: &str) -> OutboxItem {
    let body = format!("{{\"id\":\"{id}\",\"城\":1.5}}");
    OutboxItem { id, topic: topic.into(), time: Timestamp(5), body, case: None, withdrawn: None }
}

pub(crate) fn disposition(seq: u64, device: &str, time: i64, kind: DispositionKind) -> Effect {
    Effect::Disposition(Box::new(Disposition {
        seq: Seq(seq),
        device: DeviceId::new(device).unwrap(),
        time: Timestamp(time),
        kind,
        detail: "不是 JSON".into(),
        payload: (kind == DispositionKind::Quarantined).then(|| Arc::from(&[0_u8, 255, 10, 34][..])),
        source: (kind == DispositionKind::Quarantined).then_some(Source {
            transport: Transport::Mqtt,
            format: PayloadFormat::Json,
            received_at: Timestamp(time),
        }),
        redecoded: None,
    }))
}

pub(crate) fn redecoded(message: u64, by: u64, decoded: bool) -> Effect {
    let outcome = Redecoded { by: Seq(by), time: Timestamp(3_000), decoded, detail: "3 个值".into() };
    Effect::Redecoded { message: Seq(message), outcome }
}

pub(crate) fn explanation(incident: EffectId, change: &'static str) -> Effect {
    let evidence = Evidence {
        trigger: "message".into(),
        now: Timestamp(9),
        seq: incident.seq,
        readings: vec![gengfu_model::signal::EvidenceReading {
            field: "tilt_deg".into(),
            value: Some(Value::Number(0.1 + 0.2)),
            event_time: None,
            seq: None,
        }],
        ..Evidence::default()
    };
    Effect::Explanation { incident, change, evidence: Box::new(evidence) }
}

/// Places of the city, the one of this name among them.
pub(crate) fn places(name: &str) -> Effect {
    let shape = Shape::Point { at: [111.003_2, 35.021_9], radius_m: 60.0 };
    let place =
        Place { name: name.into(), kind: "depot".into(), shape, speed_limit_kmh: Some(15.0), routes: Vec::new() };
    Effect::Places(Box::new(PlacesRow { by: "li".into(), time: Timestamp(1_000), places: Arc::new(vec![place]) }))
}

pub(crate) fn parameter(scope: &str, value: Option<Value>) -> Effect {
    Effect::Parameter { rule: "cover_tilt".into(), name: "limit".into(), scope: scope.into(), value }
}

pub(crate) fn state(key: &str, value: Option<&str>) -> Effect {
    Effect::ReducerState { key: key.into(), value: value.map(str::to_owned) }
}

pub(crate) fn audit(subject: &str) -> Effect {
    Effect::Audit { user: "li".into(), action: "close", subject: subject.into(), verdict: "accepted".into() }
}

fn session(device: &str, by_id: Option<u8>) -> Effect {
    let device = DeviceId::new(device).unwrap();
    let sent = SentCommand { packet_id: 1, command: "9000000000-14".into() };
    let session = MqttSession {
        client_id: "网关 \u{1}".into(),
        expiry_s: 604_800,
        closed: by_id.map(|_| Timestamp(1_000)),
        by_id,
        me: None,
        unreleased: vec![7, 65_535],
        sent: vec![sent],
        acknowledged: vec!["9000000000-13".into()],
    };
    Effect::Session(Box::new(SessionChange { device, session: Some(session) }))
}

pub(crate) fn command(id: EffectId, device: &str, state: CommandState, created: i64) -> CommandRow {
    CommandRow {
        id,
        device: DeviceId::new(device).unwrap(),
        name: "dim".into(),
        args: serde_json::json!({"pct": 40, "城": 0.1 + 0.2}).as_object().unwrap().clone(),
        by: "li".into(),
        created: Timestamp(created),
        expires: Timestamp(created + 60_000),
        state,
        updated: Timestamp(created + 5),
        result: (state == CommandState::Answered).then(|| serde_json::json!({"ok": [1, null]})),
    }
}

pub(crate) fn finding(key: &str) -> Effect {
    Effect::Finding(Box::new(Finding {
        rule: "cover_tilt".into(),
        rule_version: "p1".into(),
        key: key.into(),
        asset: "a".into(),
        device: DeviceId::new("cover-1").unwrap(),
        kind: Kind::Manhole,
        district: "长宁区".into(),
        condition: "cover_displaced".into(),
        severity: Severity::Major,
        opened: Timestamp(900),
        cleared: Some(Timestamp(950)),
        text_zh: "倾斜".to_owned(),
        text_en: "tilted".to_owned(),
        evidence: None,
    }))
}

/// One of everything, over two records; sequences beyond 32 bits and ids that sort otherwise as text.
pub(crate) fn everything() -> Vec<(EffectId, Effect)> {
    use IncidentState::{Cleared, Open};
    let big = 9_000_000_000;
    let incident = |id, state| Effect::Incident(Box::new(incident(id, "cover-1", state, 1_000)));
    let pack = |version: &str| Effect::Pack {
        version: version.into(),
        files: Arc::new(BTreeMap::from([("a.rhai".to_owned(), "// 规则\n".to_owned())])),
        by: "li".into(),
        time: Timestamp(1_000),
        note: Box::new(PackNote { reason: "更准".to_owned(), ..PackNote::default() }),
    };
    let shadow = |version: &str| ShadowRow {
        id: id(big, 1),
        version: version.into(),
        files: Arc::new(BTreeMap::from([("a.rhai".to_owned(), "// 试\n".to_owned())])),
        by: "li".into(),
        reason: "试运行".to_owned(),
        time: Timestamp(1_000),
    };
    let first = [
        incident(id(big, 0), Open),
        explanation(id(big, 0), "opened"),
        Effect::Case(Box::new(case(id(big, 2), CaseState::Reported, 1_000))),
        case_event(id(big, 2), 1_000, "opened"),
        Effect::Outbox(Box::new(outbox(id(big, 4), "case.opened"))),
        state("group/feeder-1", Some("{\"n\":1}")),
        Effect::Device(Arc::new(device("cover-1", Kind::Manhole, "长宁区"))),
        Effect::User(Box::new(user("li"))),
        pack("p1"),
        Effect::Shadow(Some(Box::new(shadow("s1")))),
        finding("tilt"),
        finding("tilt"),
        Effect::Profile { text: "name = \"运城\"".into() },
        places("车场"),
        parameter("kind", Some(Value::Number(2.5))),
        parameter("district:长宁区", Some(Value::Bool(true))),
        audit("9000000000-2"),
        disposition(big, "cover-1", 1_000, DispositionKind::Quarantined),
        Effect::Command(Box::new(command(id(big, 14), "cover-1", CommandState::Queued, 1_000))),
        decision(1_000, true),
        session("cover-1", Some(1)),
        session("cover-2", None),
        Effect::Silence(Box::new(silence(id(big, 16), SilenceState::Active))),
    ];
    let second = [
        incident(id(big, 0), Cleared),
        explanation(id(big, 0), "cleared"),
        state(
            "cases/track/cover_tilt/a/tilt",
            Some("{\"incident\":\"9000000000-0\",\"cooldown_ms\":60000,\"quiet\":false,\"reopen_until\":99}"),
        ),
        state("group/feeder-1", None),
        incident(id(big + 1, 4), Cleared),
        Effect::Case(Box::new(case(id(big, 2), CaseState::Handling, 1_000))),
        Effect::Case(Box::new(case(id(big + 1, 6), CaseState::Closed, 2_000))),
        parameter("kind", None),
        pack("p2"),
        Effect::User(Box::new(user("an"))),
        disposition(big + 1, "cover-1", 2_000, DispositionKind::OutOfRange),
        incident(id(big + 1, 11), Open),
        Effect::Command(Box::new(command(id(big, 14), "cover-1", CommandState::Answered, 1_000))),
        Effect::Command(Box::new(command(id(big + 1, 11), "cover-1", CommandState::Queued, 2_000))),
        redecoded(big, big + 1, true),
        decision(2_000, false),
        session("cover-1", None),
        Effect::Session(Box::new(SessionChange { device: DeviceId::new("cover-2").unwrap(), session: None })),
        session("cover-3", Some(0)),
        Effect::Silence(Box::new(silence(id(big, 16), SilenceState::Ended))),
    ];
    let numbered = |seq, effects: Vec<Effect>| {
        effects.into_iter().enumerate().map(move |(n, effect)| (id(seq, u32::try_from(n).unwrap()), effect))
    };
    numbered(big, first.to_vec()).chain(numbered(big + 1, second.to_vec())).collect()
}
