//! A world for tests: a reducer, the ledger that its effects make, and a clock moved by hand.
//!
//! After every step the ledger's rows are restored into a second reducer, which must equal the live one.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_cases::profile::StageLimits;
use gengfu_cases::{At, Profile, Reducer};
use gengfu_model::staff::CaseStep;
use gengfu_model::time::MINUTE_MS;
use gengfu_model::{
    Assertion, Attachment, AttachmentPurpose, AttachmentType, Attributes, Case, CaseEvent, Decision, Device, DeviceId,
    DeviceLife, Effect, EffectId, EffectSink, Evidence, Incident, IncidentState, Kind, NewSilence, OutboxItem, Role,
    Seq, Severity, Signal, Silence, Timestamp, Value, Verdict,
};
use proptest::test_runner::{Config as ProptestConfig, RngSeed};

/// What a ledger makes of effects.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ledger {
    pub(crate) incidents: BTreeMap<EffectId, Incident>,
    pub(crate) cases: BTreeMap<EffectId, Case>,
    pub(crate) state: BTreeMap<String, String>,
    pub(crate) events: Vec<CaseEvent>,
    pub(crate) decisions: Vec<Decision>,
    pub(crate) silences: BTreeMap<EffectId, Silence>,
    pub(crate) outbox: Vec<OutboxItem>,
    pub(crate) explanations: Vec<(EffectId, &'static str, Evidence)>,
    last: Option<EffectId>,
}

impl Ledger {
    /// Applies effects; their ids must go up.
    pub(crate) fn apply(&mut self, effects: Vec<(EffectId, Effect)>) {
        for (id, effect) in effects {
            assert!(self.last.is_none_or(|last| last < id), "effect {id} after {:?}", self.last);
            self.last = Some(id);
            match effect {
                Effect::Incident(incident) => {
                    self.incidents.insert(incident.id, *incident);
                }
                Effect::Explanation { incident, change, evidence } => {
                    self.explanations.push((incident, change, *evidence));
                }
                Effect::Case(case) => {
                    self.cases.insert(case.id, *case);
                }
                Effect::CaseEvent(event) => self.events.push(*event),
                Effect::Silence(silence) => {
                    self.silences.insert(silence.id, *silence);
                }
                Effect::Decision(decision) => self.decisions.push(*decision),
                Effect::Outbox(item) => self.outbox.push(*item),
                Effect::OutboxWithdrawn { case, into } => {
                    let about = self.outbox.iter_mut().filter(|item| item.case == Some(case));
                    about.filter(|item| item.withdrawn.is_none()).for_each(|item| item.withdrawn = Some(into));
                }
                Effect::ReducerState { key, value: Some(value) } => {
                    self.state.insert(key, value);
                }
                Effect::ReducerState { key, value: None } => {
                    assert!(self.state.remove(&key).is_some(), "no row {key} to remove");
                }
                other => panic!("not an effect of the reducer: {other:?}"),
            }
        }
    }

    /// The reducer that the ledger's rows give, read as a store would: only what is asked for.
    pub(crate) fn restore(&self, profile: Arc<Profile>) -> Reducer {
        let state: Vec<(String, String)> = self.state.clone().into_iter().collect();
        let cooling = Reducer::incidents_in_cooldown(&state);
        let wanted = |incident: &&Incident| incident.state == IncidentState::Open || cooling.contains(&incident.id);
        let incidents = self.incidents.values().filter(wanted).cloned().collect();
        let cases = self.cases.values().filter(|case| !case.state.is_final()).cloned().collect();
        Reducer::restore(profile, incidents, cases, state).expect("the ledger's rows are a state")
    }
}

/// The example city's profile, without the clocks of the stages and the ladder, and with storms that end at once.
pub(crate) fn yuncheng() -> Arc<Profile> {
    profile(&[])
}

/// The example city's profile with some text replaced, without the clocks of the stages and the ladder, and with
/// storms that end at once where the text does not say otherwise: so that a test sees only what it is about.
pub(crate) fn profile(changes: &[(&str, &str)]) -> Arc<Profile> {
    let mut text = format!("{}{DARK_LAMPS}", gengfu_cases::profile::YUNCHENG);
    text = text.replacen("outlast = \"15m\"", "outlast = \"0s\"", 1);
    for (from, to) in changes {
        assert!(text.contains(from), "the profile has no `{from}`");
        text = text.replacen(from, to, 1);
    }
    let profile = Profile::parse(&text).expect("the changed profile is good");
    Arc::new(Profile { clocks: StageLimits::default(), ladder: Vec::new(), ..profile })
}

/// Dark lamps as a storm of the profile: in the shipped library their rule groups them itself.
pub(crate) const DARK_LAMPS: &str = "
[[group]]
condition = \"lamp_dark\"
by = [\"cabinet\", \"feeder\"]
distinct = 3
within = \"20m\"
parent_condition = \"feeder_outage\"
severity = \"major\"
";

/// The example city's profile as it is.
pub(crate) fn clocked() -> Arc<Profile> {
    Arc::new(Profile::parse(gengfu_cases::profile::YUNCHENG).expect("the shipped profile is good"))
}

/// A local time of the example city, such as `2026-11-20 17:30`.
pub(crate) fn local(text: &str) -> Timestamp {
    let time = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").expect("a local time");
    let east = chrono::TimeDelta::hours(8);
    Timestamp((time - east).and_utc().timestamp_millis())
}

/// A device in service of that asset type; its asset is `A-` and its id.
pub(crate) fn device(id: &str, asset_type: &str) -> Device {
    let kind = match asset_type {
        "01-37" => Kind::Streetlight,
        "03-03" => Kind::Septic,
        "03-01" => Kind::Toilet,
        "03-05" => Kind::Bin,
        _ => Kind::Manhole,
    };
    Device {
        id: DeviceId::new(id).expect("a device id"),
        kind,
        model: "".into(),
        asset_code: format!("A-{id}").into(),
        name: format!("asset of {id}").into(),
        latitude: Some(35.02),
        longitude: Some(111.0),
        district: "yanhu".into(),
        grid: "140802001001001".into(),
        feeder: "".into(),
        cabinet: "".into(),
        catchment: "".into(),
        carrier_cell: "".into(),
        department: "municipal".into(),
        asset_type: asset_type.into(),
        interval_s: 600,
        token_hash: None,
        attributes: Attributes::default(),
        life: DeviceLife::InService,
    }
}

/// A lamp on a road.
pub(crate) fn lamp(id: &str, road: &str) -> Device {
    let mut lamp = device(id, "01-37");
    lamp.attributes.insert("road".into(), Value::Text(road.into()));
    lamp
}

/// The device in maintenance.
pub(crate) fn in_maintenance(device: &Device) -> Device {
    Device { life: DeviceLife::Maintenance, ..device.clone() }
}

pub(crate) struct World {
    pub(crate) reducer: Reducer,
    pub(crate) ledger: Ledger,
    pub(crate) now: Timestamp,
    profile: Arc<Profile>,
    seq: Seq,
    cooldown_ms: i64,
}

impl World {
    pub(crate) fn new(profile: Arc<Profile>, now: &str) -> World {
        let reducer = Reducer::new(profile.clone());
        World { reducer, ledger: Ledger::default(), now: local(now), profile, seq: Seq(0), cooldown_ms: 15 * MINUTE_MS }
    }

    /// The cooldown of the rules from now on.
    pub(crate) fn cooldown(&mut self, minutes: i64) {
        self.cooldown_ms = minutes * MINUTE_MS;
    }

    /// Another profile is put to work.
    pub(crate) fn profile_changed(&mut self, profile: Arc<Profile>) {
        self.profile = profile.clone();
        self.record(|reducer, _, _| reducer.set_profile(profile));
    }

    /// One record: timers first, then the action, then restore must equal live.
    pub(crate) fn record<T>(&mut self, action: impl FnOnce(&mut Reducer, At, &mut EffectSink) -> T) -> T {
        self.seq = self.seq.next();
        let mut out = EffectSink::new(self.seq);
        while let Some(due) = self.reducer.next_due().filter(|due| *due <= self.now) {
            self.reducer.fire(At { seq: self.seq, now: due }, &mut out);
        }
        let answer = action(&mut self.reducer, At { seq: self.seq, now: self.now }, &mut out);
        self.ledger.apply(out.take());
        assert_eq!(self.ledger.restore(self.profile.clone()), self.reducer, "restore differs from live");
        answer
    }

    /// Time passes up to a local time, timer by timer.
    pub(crate) fn until(&mut self, time: &str) {
        let end = local(time);
        assert!(end >= self.now, "time goes on");
        self.now = end;
        self.record(|_, _, _| ());
    }

    pub(crate) fn minutes(&mut self, minutes: i64) {
        self.now = self.now.plus_ms(minutes * MINUTE_MS);
        self.record(|_, _, _| ());
    }

    pub(crate) fn raise(&mut self, device: &Device, key: &str, severity: Severity, condition: &str) {
        let signal = self.raised(key, severity, condition);
        self.record(|reducer, at, out| reducer.signal(at, device, signal, out));
    }

    pub(crate) fn raised(&self, key: &str, severity: Severity, condition: &str) -> Signal {
        let assertion = Assertion::Raise {
            severity,
            condition: condition.into(),
            value: Some(0.1 + 0.2),
            text_zh: format!("{condition} 告警"),
            text_en: format!("{condition} alarm"),
            late: false,
            cooldown_ms: self.cooldown_ms,
        };
        signal(key, assertion)
    }

    pub(crate) fn clear(&mut self, device: &Device, key: &str) {
        let signal = signal(key, Assertion::Clear { reason: "clear".into() });
        self.record(|reducer, at, out| reducer.signal(at, device, signal, out));
    }

    pub(crate) fn ask(&mut self, role: Role, case: EffectId, step: CaseStep, note: &str) -> Verdict {
        self.record(|reducer, at, out| reducer.request(at, "zhang", &[role], case, &step, note, out))
    }

    /// The step must be accepted.
    pub(crate) fn done(&mut self, role: Role, case: EffectId, step: CaseStep) {
        self.ask(role, case, step.clone(), "because").unwrap_or_else(|refusal| panic!("{step:?}: {refusal:?}"));
    }

    /// The step must be refused with that code.
    pub(crate) fn refused(&mut self, role: Role, case: EffectId, step: CaseStep, note: &str, code: &str) {
        let before = self.reducer.clone();
        let refusal = self.ask(role, case, step.clone(), note).expect_err("must be refused");
        assert_eq!(refusal.code, code, "{step:?}: {refusal:?}");
        assert!(!refusal.message.is_empty());
        assert_eq!(before, self.reducer, "a refused step changes nothing");
    }

    /// Asks for a silence; it must be accepted.
    pub(crate) fn silence(&mut self, role: Role, asked: &NewSilence) -> EffectId {
        let verdict = self.record(|reducer, at, out| reducer.put_silence(at, "zhang", &[role], asked, out));
        verdict.expect("a good silence").id.expect("its id")
    }

    /// The silence must be refused with that code.
    pub(crate) fn no_silence(&mut self, role: Role, asked: &NewSilence, code: &str, field: Option<&str>) {
        let before = self.reducer.clone();
        let verdict = self.record(|reducer, at, out| reducer.put_silence(at, "zhang", &[role], asked, out));
        let refusal = verdict.expect_err("must be refused");
        assert_eq!((refusal.code.as_str(), refusal.field.as_deref()), (code, field), "{refusal:?}");
        assert_eq!(before, self.reducer);
    }

    /// The last message of a topic.
    pub(crate) fn told(&self, topic: &str) -> serde_json::Value {
        let item = self.ledger.outbox.iter().rfind(|item| &*item.topic == topic).expect("a message of the topic");
        serde_json::from_str(&item.body).expect("JSON")
    }

    /// The only incident there ever was.
    pub(crate) fn incident(&self) -> &Incident {
        assert_eq!(self.ledger.incidents.len(), 1, "{:#?}", self.ledger.incidents);
        self.ledger.incidents.values().next().expect("one")
    }

    /// The only case there ever was.
    pub(crate) fn case(&self) -> &Case {
        assert_eq!(self.ledger.cases.len(), 1, "{:#?}", self.ledger.cases);
        self.ledger.cases.values().next().expect("one")
    }

    /// The history of a case: its actions.
    pub(crate) fn history(&self, case: EffectId) -> Vec<String> {
        let own = self.ledger.events.iter().filter(|event| event.case == case);
        own.map(|event| event.action.to_string()).collect()
    }

    /// What was decided about an incident: words of kind and reason.
    pub(crate) fn decided(&self, incident: EffectId) -> Vec<(&'static str, &'static str)> {
        let own = self.ledger.decisions.iter().filter(|row| row.incident == Some(incident));
        own.map(|row| (row.what.word(), row.why.word())).collect()
    }

    /// Topics of everything that went out.
    pub(crate) fn topics(&self) -> Vec<String> {
        self.ledger.outbox.iter().map(|item| item.topic.to_string()).collect()
    }

    /// What was explained: the changes.
    pub(crate) fn changes(&self) -> Vec<&'static str> {
        self.ledger.explanations.iter().map(|(_, change, _)| *change).collect()
    }
}

/// A photo whose hash is made of that number.
pub(crate) fn photo(number: u32) -> Attachment {
    Attachment {
        sha256: format!("{number:064x}").into(),
        media: AttachmentType::Jpeg,
        bytes: 81_920,
        purpose: AttachmentPurpose::Handling,
        name: format!("{number}.jpg").into(),
    }
}

/// A signal of rule `r`.
pub(crate) fn signal(key: &str, assertion: Assertion) -> Signal {
    let evidence = Evidence { trigger: "message".to_owned(), line: 7, ..Evidence::default() };
    Signal { rule: "r".into(), rule_version: "v1".into(), key: key.into(), assertion, evidence: Box::new(evidence) }
}

/// So many random inputs, the same at every run. `PROPTEST_CASES` asks for more of them, and `PROPTEST_RNG_SEED` (a
/// number, 0 if it is not set) for others. A test that fails prints both, and the smallest input that fails.
pub(crate) fn random(cases: u32) -> ProptestConfig {
    let told = |name| std::env::var(name).ok().and_then(|number| number.parse::<u64>().ok());
    let cases = told("PROPTEST_CASES").and_then(|cases| u32::try_from(cases).ok()).unwrap_or(cases);
    let seed = told("PROPTEST_RNG_SEED").unwrap_or(0);
    #[expect(clippy::print_stderr, reason = "shown with a test that fails")]
    {
        eprintln!("again: PROPTEST_RNG_SEED={seed} PROPTEST_CASES={cases}");
    }
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..ProptestConfig::default() }
}
