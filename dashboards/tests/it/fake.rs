//! A gateway without listeners, journal and rules: requests are judged by the real reducer and written
//! to a real ledger; signals are given by hand.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use gengfu_cases::{At, Profile, Reducer, profile};
use gengfu_connectors::ledger::Ledger;
use gengfu_connectors::series::{SeriesReader, SqliteSeries};
use gengfu_connectors::{LedgerReader, SeriesStore, SqliteLedger};
use gengfu_dashboards::gateway::{Answer, Balance, DeviceNow, Gateway, Status, StreamEvent};
use gengfu_model::staff::{Accepted, Action, StaffRequest, User, Verdict};
use gengfu_model::{
    Device, DeviceId, Effect, EffectId, EffectSink, Point, Redecoded, Refusal, Seq, Signal, Timestamp, Value,
};
use tokio::sync::broadcast;

/// The fake's state behind one lock.
struct Inner {
    ledger: SqliteLedger,
    reducer: Reducer,
    devices: BTreeMap<DeviceId, Device>,
    now: BTreeMap<DeviceId, DeviceNow>,
    seq: u64,
    told: Option<EffectId>,
}

/// See the module's doc.
pub(crate) struct FakeGateway {
    inner: Mutex<Inner>,
    reader: LedgerReader,
    series: Mutex<SqliteSeries>,
    events: broadcast::Sender<Arc<StreamEvent>>,
    time: AtomicI64,
    pub(crate) ready: AtomicBool,
    pub(crate) balance: Mutex<Balance>,
    pub(crate) faults: Mutex<Vec<String>>,
    /// What staff asked, in order.
    pub(crate) requests: Mutex<Vec<StaffRequest>>,
}

impl FakeGateway {
    pub(crate) fn new(folder: &Path, start: Timestamp, channel: usize) -> Arc<FakeGateway> {
        let path = folder.join("ledger.sqlite");
        let ledger = SqliteLedger::open(&path).unwrap();
        let profile = Arc::new(Profile::parse(profile::YUNCHENG).unwrap());
        Arc::new(FakeGateway {
            inner: Mutex::new(Inner {
                ledger,
                reducer: Reducer::new(profile),
                devices: BTreeMap::new(),
                now: BTreeMap::new(),
                seq: 0,
                told: None,
            }),
            reader: LedgerReader::open(&path).unwrap(),
            series: Mutex::new(SqliteSeries::open(&folder.join("series")).unwrap()),
            events: broadcast::channel(channel).0,
            time: AtomicI64::new(start.0),
            ready: AtomicBool::new(true),
            balance: Mutex::new(Balance::default()),
            faults: Mutex::new(Vec::new()),
            requests: Mutex::new(Vec::new()),
        })
    }

    pub(crate) fn reader(&self) -> LedgerReader {
        self.reader.clone()
    }

    pub(crate) fn series(&self) -> SeriesReader {
        self.series.lock().unwrap().reader()
    }

    /// Stores points of one field of a device.
    pub(crate) fn measure(&self, device: &Device, field: &str, points: &[(Timestamp, Value)]) {
        let field = device.kind.field(field).unwrap();
        let point = |(time, value): &(Timestamp, Value)| Point {
            device: device.id.clone(),
            kind: device.kind,
            field,
            time: *time,
            seq: Seq(1),
            value: value.clone(),
        };
        self.series.lock().unwrap().write(&points.iter().map(point).collect::<Vec<_>>()).unwrap();
    }

    pub(crate) fn time(&self) -> Timestamp {
        Timestamp(self.time.load(Ordering::SeqCst))
    }

    pub(crate) fn set_time(&self, time: Timestamp) {
        self.time.store(time.0, Ordering::SeqCst);
        self.apply(|inner, at, out| inner.reducer.fire(at, out));
    }

    pub(crate) fn put_user(&self, user: User) {
        self.apply(|_, _, out| {
            out.push(Effect::User(Box::new(user)));
        });
    }

    pub(crate) fn put_device(&self, device: Device, now: Option<DeviceNow>) {
        self.apply(|inner, _, out| {
            inner.devices.insert(device.id.clone(), device.clone());
            if let Some(now) = now {
                inner.now.insert(device.id.clone(), now);
            }
            out.push(Effect::Device(Arc::new(device)));
        });
    }

    /// Pushes an effect, which may name its own record.
    pub(crate) fn push(&self, effect: impl FnOnce(Seq) -> Effect) {
        self.apply(|_, at, out| {
            out.push(effect(at.seq));
        });
    }

    pub(crate) fn signal(&self, device: &str, signal: Signal) {
        self.apply(|inner, at, out| {
            let device = inner.devices[device].clone();
            inner.reducer.signal(at, &device, signal, out);
        });
    }

    /// Tells an event that is no row of the ledger.
    pub(crate) fn tell(&self, id: EffectId, name: &str, data: &str) {
        // An error says that nobody listens.
        drop(self.events.send(Arc::new(StreamEvent { id, name: Arc::from(name), data: Arc::from(data) })));
    }

    /// One record: its effects are committed, then told.
    fn apply<T>(&self, work: impl FnOnce(&mut Inner, At, &mut EffectSink) -> T) -> T {
        let mut inner = self.inner.lock().unwrap();
        inner.seq += 1;
        let at = At { seq: Seq(inner.seq), now: self.time() };
        let mut out = EffectSink::new(at.seq);
        let result = work(&mut inner, at, &mut out);
        inner.ledger.commit(&out.take(), at.seq, at.now).unwrap();
        loop {
            let rows = self.reader.stream_after(inner.told, 1_000).unwrap();
            let Some((newest, ..)) = rows.last() else { break };
            inner.told = Some(*newest);
            for (id, name, data) in rows {
                self.tell(id, &name, &data);
            }
        }
        result
    }

    fn judge(&self, request: StaffRequest) -> Verdict {
        self.requests.lock().unwrap().push(request.clone());
        let StaffRequest { user, roles, action } = request;
        let name = action.name();
        self.apply(|inner, at, out| {
            let (subject, verdict) = match action {
                Action::Case { case, step, note } => {
                    (case.to_string(), inner.reducer.request(at, &user, &roles, case, &step, &note, out))
                }
                Action::PutSilence { silence } => {
                    (String::new(), inner.reducer.put_silence(at, &user, &roles, &silence, out))
                }
                Action::EndSilence { silence, work_order } => {
                    let verdict = inner.reducer.end_silence(at, &user, silence, work_order.as_deref(), out);
                    (String::new(), verdict)
                }
                Action::ReportCase { report } => {
                    (report.class.to_string(), inner.reducer.report(at, &user, &report, out))
                }
                Action::AddDevices { devices, replace } => ("register".to_owned(), add(inner, devices, replace, out)),
                Action::SetLife { device, life } => {
                    (device.to_string(), change(inner, at, &device, out, |entry| entry.life = life))
                }
                Action::RotateKey { device, token_hash } => {
                    (device.to_string(), change(inner, at, &device, out, |entry| entry.token_hash = Some(token_hash)))
                }
                Action::ActivatePack { .. } => (String::new(), Err(Refusal::new("invalid", "the fake publishes"))),
                Action::StartShadow { .. } | Action::StopShadow | Action::RecordFindings { .. } => {
                    (String::new(), Ok(Accepted::default()))
                }
                Action::PublishPack { files, note } => {
                    let version = format!("pack-{}", at.seq);
                    out.push(Effect::Pack {
                        version: Arc::from(version.as_str()),
                        files: Arc::new(files),
                        by: user.clone(),
                        time: at.now,
                        note: Box::new(note),
                    });
                    (version, Ok(Accepted::default()))
                }
                Action::PutUser { user } => {
                    let subject = user.name.to_string();
                    out.push(Effect::User(Box::new(user)));
                    (subject, Ok(Accepted::default()))
                }
                Action::Duty { ask } => (ask.subject(), inner.reducer.duty(at, &user, &roles, &ask, out)),
                Action::Redecode { message } => {
                    let detail = "3 values".to_owned();
                    let outcome = Redecoded { by: at.seq, time: at.now, decoded: true, detail };
                    out.push(Effect::Redecoded { message: message.seq, outcome });
                    (message.device.to_string(), Ok(Accepted { rows: 3, ..Accepted::default() }))
                }
                Action::PauseRule { rule, .. } | Action::ResumeRule { rule } => {
                    (rule.to_string(), Ok(Accepted { rows: 1, ..Accepted::default() }))
                }
                Action::SetProfile { .. }
                | Action::PutPlaces { .. }
                | Action::SetParameter { .. }
                | Action::SendCommand { .. }
                | Action::Platform { .. } => (String::new(), Err(Refusal::new("invalid", "the fake does not do that"))),
            };
            let words = match &verdict {
                Ok(_) => "accepted".to_owned(),
                Err(refusal) => format!("{}: {}", refusal.code, refusal.message),
            };
            out.push(Effect::Audit { user, action: name, subject, verdict: words });
            verdict
        })
    }
}

fn add(inner: &mut Inner, devices: Vec<Device>, replace: bool, out: &mut EffectSink) -> Verdict {
    let mut accepted = Accepted::default();
    for device in devices {
        if !replace && inner.devices.contains_key(&device.id) {
            let refusal = Refusal::new("exists", format!("device `{}` is there already", device.id));
            accepted.refused.push(refusal.field(device.id.to_string()));
            continue;
        }
        accepted.rows += 1;
        inner.devices.insert(device.id.clone(), device.clone());
        out.push(Effect::Device(Arc::new(device)));
    }
    Ok(accepted)
}

fn change(inner: &mut Inner, at: At, id: &DeviceId, out: &mut EffectSink, how: impl FnOnce(&mut Device)) -> Verdict {
    let Some(device) = inner.devices.get_mut(id) else {
        return Err(Refusal::new("not_found", format!("there is no device `{id}`")));
    };
    how(device);
    let device = device.clone();
    inner.reducer.register(at, &device, out);
    out.push(Effect::Device(Arc::new(device)));
    Ok(Accepted { rows: 1, ..Accepted::default() })
}

impl Gateway for FakeGateway {
    fn request(&self, request: StaffRequest) -> Answer<Verdict> {
        let verdict = self.judge(request);
        Box::pin(async move { verdict })
    }

    fn device_now(&self, device: DeviceId) -> Answer<Option<DeviceNow>> {
        let now = self.inner.lock().unwrap().now.get(&device).cloned();
        Box::pin(async move { now })
    }

    fn devices_now(&self, after: Option<DeviceId>, limit: usize) -> Answer<Vec<DeviceNow>> {
        let inner = self.inner.lock().unwrap();
        let after = |id: &DeviceId| after.as_ref().is_none_or(|after| id > after);
        let devices = inner.now.iter().filter(|(id, _)| after(id)).take(limit).map(|(_, now)| now.clone()).collect();
        Box::pin(async move { devices })
    }

    fn balance(&self, _device: Option<DeviceId>) -> Answer<Balance> {
        let balance = *self.balance.lock().unwrap();
        Box::pin(async move { balance })
    }

    fn duty_now(&self, district: String) -> Answer<Option<gengfu_cases::DutyNow>> {
        let duty = self.inner.lock().unwrap().reducer.duty_now(&district, self.time());
        Box::pin(async move { duty })
    }

    fn rosters(&self) -> Answer<Vec<gengfu_model::duty::Roster>> {
        let rosters = self.inner.lock().unwrap().reducer.rosters().cloned().collect();
        Box::pin(async move { rosters })
    }

    fn chains(&self) -> Answer<(Vec<gengfu_model::duty::EscalationChain>, bool)> {
        let chains = self.inner.lock().unwrap().reducer.chains();
        Box::pin(async move { chains })
    }

    fn contact(&self, user: String) -> Answer<Option<gengfu_model::duty::Contact>> {
        let contact = self.inner.lock().unwrap().reducer.contact(&user).cloned();
        Box::pin(async move { contact })
    }

    fn read_up_to(&self, user: String) -> Answer<Option<EffectId>> {
        let read = self.inner.lock().unwrap().reducer.read_up_to(&user);
        Box::pin(async move { read })
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<StreamEvent>> {
        self.events.subscribe()
    }

    fn status(&self) -> Status {
        let inner = self.inner.lock().unwrap();
        Status {
            version: "0.1.0",
            ready: self.ready.load(Ordering::SeqCst),
            journal: Seq(inner.seq),
            applied: Seq(inner.seq),
            ledger: Seq(inner.seq),
            time: self.time(),
            devices: inner.devices.len(),
            pack: None,
            faults: self.faults.lock().unwrap().clone(),
        }
    }

    fn metrics(&self) -> String {
        "# TYPE gengfu_messages_journaled_total counter\ngengfu_messages_journaled_total 7\n".to_owned()
    }

    fn hash_token(&self, token: &str) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.iter_mut().zip(token.bytes()).for_each(|(slot, byte)| *slot = byte ^ 0x5a);
        hash
    }

    fn test_rules(
        &self,
        files: BTreeMap<String, String>,
        filter: &str,
    ) -> Result<serde_json::Value, Vec<serde_json::Value>> {
        let mistakes = self.check_rules(files);
        if mistakes.is_empty() {
            Ok(serde_json::json!({ "passed": 1, "failed": usize::from(filter == "red"), "tests": [] }))
        } else {
            Err(mistakes)
        }
    }

    /// Finds the word `mistake` in a file.
    fn check_rules(&self, files: BTreeMap<String, String>) -> Vec<serde_json::Value> {
        let mut mistakes = Vec::new();
        for (file, text) in files {
            for (line, source) in text.lines().enumerate().filter(|(_, source)| source.contains("mistake")) {
                mistakes.push(serde_json::json!({
                    "file": file, "line": line + 1, "column": 5, "severity": "error",
                    "message": "there is no function `mistake`", "hint": "did you mean `min`", "source": source,
                }));
            }
        }
        mistakes
    }
}
