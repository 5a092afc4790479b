//! The bench of one test: the live engine with its reducer and profile, a clock that only the test
//! moves, and a tape of what was fed and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_cases::Profile;
use gengfu_model::catalogue::KINDS;
use gengfu_model::places::geojson::from_geojson;
use gengfu_model::record::OutcomeConfig;
use gengfu_model::staff::{Action, Role, StaffRequest};
use gengfu_model::{
    Attributes, Body, Case, CommandRow, Control, Decoded, Device, DeviceId, DeviceLife, Effect, EffectId, Envelope,
    FieldType, Incident, IncidentState, Kind, MessageKey, PayloadFormat, Quality, Reading, Record, Sample, Seq,
    Timestamp, Transport, Value,
};

use super::MAX_DAYS;
use super::coverage::Coverage;
use super::tape::{Tape, clock, plain};
use crate::diagnostic::did_you_mean;
use crate::engine::{DecodedMessage, Engine, Output};
use crate::lower::device_names;

/// The most messages of one test.
const MAX_MESSAGES: u64 = 20_000;
/// The most devices of one test.
const MAX_DEVICES: usize = 200;

/// A field's value as a test feeds it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fed {
    /// The field's name.
    pub(super) field: String,
    /// Its value; `None` with a quality other than `Ok`.
    pub(super) value: Option<Value>,
    pub(super) quality: Quality,
}

/// The engine of one test.
pub(super) struct Bench {
    engine: Engine,
    out: Output,
    now: Timestamp,
    rule: Arc<str>,
    devices: Vec<Arc<Device>>,
    incidents: BTreeMap<EffectId, Incident>,
    cases: BTreeMap<EffectId, Case>,
    commands: BTreeMap<EffectId, CommandRow>,
    pub(super) tape: Tape,
    messages: u64,
    start: Timestamp,
    /// How many evaluations of the rule have failed.
    faults: u64,
}

impl Bench {
    /// An engine with this one rule file live, at the moment `start`.
    pub(super) fn start(
        profile: &Arc<Profile>,
        rule: &str,
        files: &BTreeMap<String, String>,
        start: Timestamp,
        coverage: Option<&Arc<Coverage>>,
    ) -> Result<Bench, String> {
        let mut bench = Bench {
            engine: Engine::new(Arc::clone(profile)),
            out: Output::default(),
            now: start,
            rule: Arc::from(rule),
            devices: Vec::new(),
            incidents: BTreeMap::new(),
            cases: BTreeMap::new(),
            commands: BTreeMap::new(),
            tape: Tape::default(),
            messages: 0,
            start,
            faults: 0,
        };
        let config = OutcomeConfig::default();
        bench.apply(Body::Control(Control::Started { version: "test".to_owned(), config }), None);
        bench.ask(Action::ActivatePack { files: files.clone() })?;
        if let Some(coverage) = coverage {
            bench.engine.watch(coverage);
        }
        Ok(bench)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Puts a device in service and gives its number.
    pub(super) fn add_device(&mut self, kind: &str, says: &BTreeMap<String, Value>) -> Result<usize, String> {
        let kind = Kind::from_name(kind).ok_or_else(|| {
            format!("there is no kind `{kind}`; {}", did_you_mean(kind, KINDS.iter().map(|def| def.name)))
        })?;
        if self.devices.len() >= MAX_DEVICES {
            return Err(format!("a test has at most {MAX_DEVICES} devices"));
        }
        let device = device(kind, self.devices.len() + 1, says)?;
        let shown: Vec<String> = says.iter().map(|(name, value)| format!("{name} {}", plain(value))).collect();
        self.tape.note(self.now, device.id.as_str(), format!("in service {}", shown.join(", ")).trim_end());
        self.ask(Action::AddDevices { devices: vec![device.clone()], replace: false })?;
        self.devices.push(Arc::new(device));
        Ok(self.devices.len() - 1)
    }

    pub(super) fn device(&self, number: usize) -> Arc<Device> {
        Arc::clone(&self.devices[number])
    }

    /// One message with one reading, measured at `event_time`.
    pub(super) fn feed(&mut self, number: usize, fed: &[Fed], event_time: Option<Timestamp>) -> Result<(), String> {
        self.messages += 1;
        if self.messages > MAX_MESSAGES {
            return Err(format!("a test feeds at most {MAX_MESSAGES} messages"));
        }
        let device = self.device(number);
        let samples = fed.iter().map(|fed| sample(device.kind, fed)).collect::<Result<Vec<_>, _>>()?;
        let shown: Vec<String> = fed.iter().map(show).collect();
        let when = match event_time {
            Some(time) if time != self.now => format!(", measured {}", clock(time)),
            _ => String::new(),
        };
        self.tape.note(self.now, device.id.as_str(), &format!("fed {}{when}", shown.join(", ")));
        let number = self.engine.applied().0 + 1;
        let envelope = Envelope {
            device: device.id.clone(),
            kind: device.kind,
            model: Arc::clone(&device.model),
            transport: Transport::File,
            format: PayloadFormat::Json,
            key: MessageKey::Explicit(Arc::from(number.to_string())),
            received_at: self.now,
            payload: Arc::from([]),
        };
        let reading = Reading { event_time, samples, ..Reading::default() };
        let decoded = Decoded { readings: vec![reading], ..Decoded::default() };
        let decoded = DecodedMessage { result: Ok(decoded), payload_hash: number };
        self.apply(Body::Message(envelope), Some(decoded));
        Ok(())
    }

    /// Lets time pass; timers fire when they are due.
    pub(super) fn advance(&mut self, ms: i64) -> Result<(), String> {
        if ms < 0 {
            return Err("time only goes forward".to_owned());
        }
        let to = self.now.plus_ms(ms);
        if to.since_ms(self.start) > MAX_DAYS * gengfu_model::time::DAY_MS {
            return Err(format!("a test lasts at most {MAX_DAYS} days"));
        }
        self.now = to;
        self.apply(Body::Control(Control::Tick), None);
        Ok(())
    }

    /// Nobody kept time for so long: the gateway was down.
    pub(super) fn away(&mut self, ms: i64) -> Result<(), String> {
        let (from, to) = (self.now, self.now.plus_ms(ms));
        self.apply(Body::Control(Control::Away { from, to }), None);
        self.advance(ms)
    }

    /// Changes a parameter of the rule for every device, or for one.
    pub(super) fn set(&mut self, name: &str, value: Value, device: Option<usize>) -> Result<(), String> {
        let scope = device.map_or_else(|| "kind".to_owned(), |number| format!("device:{}", self.device(number).id));
        let (rule, name) = (Arc::clone(&self.rule), Arc::from(name));
        self.ask(Action::SetParameter { rule, name, scope: Arc::from(scope), value: Some(value) })
    }

    pub(super) fn set_life(&mut self, number: usize, life: DeviceLife) -> Result<(), String> {
        self.ask(Action::SetLife { device: self.device(number).id.clone(), life })
    }

    /// Replaces the city's places.
    pub(super) fn put_places(&mut self, geojson: &str) -> Result<(), String> {
        let places = from_geojson(geojson, None)
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
        self.ask(Action::PutPlaces { places })
    }

    /// The commands of a name that the rule sent to a device, oldest first.
    pub(super) fn commands(&self, number: usize, name: &str) -> impl Iterator<Item = &CommandRow> {
        let (device, name) = (self.devices[number].id.clone(), name.to_owned());
        self.commands.values().filter(move |row| row.device == device && *row.name == *name)
    }

    /// Asks as somebody who may do anything.
    fn ask(&mut self, action: Action) -> Result<(), String> {
        let request = StaffRequest { user: Arc::from("test"), roles: Role::ALL.to_vec(), action };
        self.apply(Body::Control(Control::Request(request)), None);
        match self.out.verdicts.pop() {
            Some((_, Err(refusal))) => Err(refusal.message),
            Some((_, Ok(accepted))) => accepted.refused.first().map_or(Ok(()), |row| Err(row.message.clone())),
            None => Ok(()),
        }
    }

    fn apply(&mut self, body: Body, decoded: Option<DecodedMessage>) {
        let record = Record { seq: Seq(self.engine.applied().0 + 1), time: self.now, body };
        self.engine.apply(&record, decoded.as_ref(), &mut self.out);
        self.out.points.clear();
        for (_, effect) in self.out.effects.take() {
            match effect {
                Effect::Incident(incident) => {
                    self.tape.incident(self.incidents.get(&incident.id), &incident);
                    self.incidents.insert(incident.id, *incident);
                }
                Effect::Command(row) if row.state.is_open() => {
                    let args = serde_json::to_string(&row.args).unwrap_or_default();
                    self.tape.note(self.now, row.device.as_str(), &format!("commanded {} {args}", row.name));
                    self.commands.insert(row.id, *row);
                }
                Effect::Case(case) => {
                    self.tape.case(self.cases.get(&case.id), &case);
                    self.cases.insert(case.id, *case);
                }
                _ => {}
            }
        }
        self.note_faults();
    }

    /// An evaluation that failed says nothing; the tape says why.
    fn note_faults(&mut self) {
        let counts = self.engine.pack().counts();
        let faults = counts.iter().map(|counts| counts.faults).sum();
        if faults > self.faults
            && let Some(fault) = counts.iter().find_map(|counts| counts.last_fault.as_ref())
        {
            let what = format!("FAILED in {}:{}: {}", fault.line, fault.column, fault.message);
            self.tape.note(Timestamp(fault.time_ms), &fault.device, &what);
        }
        self.faults = faults;
    }

    /// The incidents of a device by key, oldest first.
    pub(super) fn incidents(&self, number: usize, key: &str) -> impl Iterator<Item = &Incident> {
        let asset = Arc::clone(&self.devices[number].asset_code);
        let key = key.to_owned();
        self.incidents.values().filter(move |one| one.asset == asset && *one.key == *key && one.rule == self.rule)
    }

    /// The open incident of a device by key.
    pub(super) fn open(&self, number: usize, key: &str) -> Option<&Incident> {
        self.incidents(number, key).filter(|one| one.state == IncidentState::Open).last()
    }

    /// The keys that are open on a device, with their severities, ordered.
    pub(super) fn open_keys(&self, number: usize) -> BTreeMap<String, &'static str> {
        let asset = &self.devices[number].asset_code;
        let open = self.incidents.values().filter(|one| one.asset == *asset && one.state == IncidentState::Open);
        open.map(|one| (one.key.to_string(), one.severity.name())).collect()
    }

    /// How many incidents with that condition are open, those of groups included.
    pub(super) fn open_with(&self, condition: &str) -> usize {
        let open = self.incidents.values().filter(|one| one.state == IncidentState::Open);
        open.filter(|one| &*one.condition == condition).count()
    }

    /// Whether the open incident of a device and key stands in one of a group that is open.
    pub(super) fn grouped(&self, number: usize, key: &str) -> bool {
        let parent = self.open(number, key).and_then(|one| self.incidents.get(&one.parent?));
        parent.is_some_and(|parent| parent.state == IncidentState::Open)
    }

    /// The newest case with an incident of that condition.
    pub(super) fn case_with(&self, condition: &str) -> Option<&Case> {
        let holds = |id: &EffectId| self.incidents.get(id).is_some_and(|one| &*one.condition == condition);
        self.cases.values().rev().find(|case| case.incidents.iter().any(holds))
    }

    /// How many cases are not ended.
    pub(super) fn open_cases(&self) -> usize {
        self.cases.values().filter(|case| !case.state.is_final()).count()
    }

    /// The newest case that an incident of the device and key belongs to, or belonged to.
    pub(super) fn case(&self, number: usize, key: &str) -> Option<&Case> {
        let ids: Vec<EffectId> = self.incidents(number, key).map(|one| one.id).collect();
        self.cases.values().rev().find(|case| case.incidents.iter().any(|id| ids.contains(id)))
    }
}

/// The register entry that `sim(kind, #{ .. })` asks for.
fn device(kind: Kind, number: usize, says: &BTreeMap<String, Value>) -> Result<Device, String> {
    let def = kind.def();
    let id = DeviceId::new(&format!("{}-{number}", kind.name())).map_err(|error| error.to_string())?;
    let mut device = Device {
        asset_code: Arc::from(format!("asset-{number}")),
        name: Arc::from(id.as_str()),
        id,
        kind,
        model: Arc::from(""),
        latitude: None,
        longitude: None,
        district: Arc::from(""),
        grid: Arc::from(""),
        feeder: Arc::from(""),
        cabinet: Arc::from(""),
        catchment: Arc::from(""),
        carrier_cell: Arc::from(""),
        department: Arc::from(""),
        asset_type: Arc::from(def.asset_type),
        interval_s: def.interval_s,
        token_hash: None,
        attributes: Attributes::default(),
        life: DeviceLife::InService,
    };
    for (name, value) in says {
        let text = || match value {
            Value::Text(text) => Ok(Arc::clone(text)),
            Value::Bool(_) | Value::Number(_) => Err(format!("`{name}` is a text")),
        };
        let number = || value.as_number().ok_or_else(|| format!("`{name}` is a number"));
        match name.as_str() {
            "name" => device.name = text()?,
            "asset_code" => device.asset_code = text()?,
            "asset_type" => device.asset_type = text()?,
            "district" => device.district = text()?,
            "grid" => device.grid = text()?,
            "feeder" => device.feeder = text()?,
            "cabinet" => device.cabinet = text()?,
            "catchment" => device.catchment = text()?,
            "carrier_cell" => device.carrier_cell = text()?,
            "department" => device.department = text()?,
            "model" => device.model = text()?,
            "latitude" => device.latitude = Some(number()?),
            "longitude" => device.longitude = Some(number()?),
            "interval_s" => device.interval_s = number()? as u32,
            _ => {
                let Some(attribute) = def.attributes.iter().find(|attribute| attribute.name == name) else {
                    let names = def.attributes.iter().map(|attribute| attribute.name);
                    let names = names.chain(device_names()).chain(["asset_type"]);
                    return Err(format!("a {} has no `{name}`; {}", def.en, did_you_mean(name, names)));
                };
                check(name, attribute.ty, value)?;
                device.attributes.insert(Arc::from(name.as_str()), value.clone());
            }
        }
    }
    Ok(device)
}

fn sample(kind: Kind, fed: &Fed) -> Result<Sample, String> {
    let name = &fed.field;
    let Some(field) = kind.field(name) else {
        let names = kind.def().fields.iter().map(|field| field.name);
        return Err(format!("a {} has no field `{name}`; {}", kind.def().en, did_you_mean(name, names)));
    };
    let value = match &fed.value {
        Some(value) => {
            let ty = kind.field_def(field).map_or(FieldType::Bool, |def| def.ty);
            check(name, ty, value)?;
            value.clone()
        }
        None => Value::Number(0.0),
    };
    Ok(Sample { field, value, quality: fed.quality })
}

/// Whether a field can have that value: a codec would refuse another.
pub(super) fn check(name: &str, ty: FieldType, value: &Value) -> Result<(), String> {
    match (ty, value) {
        (FieldType::Number { min, max }, Value::Number(n)) if !(min..=max).contains(n) => {
            Err(format!("`{name}` is between {min} and {max}: a codec refuses {n}, and no rule sees it"))
        }
        (FieldType::Integer { min, max }, Value::Number(n)) if !(min as f64..=max as f64).contains(n) => {
            Err(format!("`{name}` is between {min} and {max}: a codec refuses {n}, and no rule sees it"))
        }
        (FieldType::Integer { .. }, Value::Number(n)) if libm::trunc(*n) != *n => {
            Err(format!("`{name}` is a whole number"))
        }
        (FieldType::Number { .. } | FieldType::Integer { .. }, Value::Number(_))
        | (FieldType::Bool, Value::Bool(_))
        | (FieldType::Text { .. }, Value::Text(_)) => Ok(()),
        (FieldType::Number { .. } | FieldType::Integer { .. }, _) => Err(format!("`{name}` is a number")),
        (FieldType::Bool, _) => Err(format!("`{name}` is true or false")),
        (FieldType::Text { .. }, _) => Err(format!("`{name}` is a text")),
    }
}

fn show(fed: &Fed) -> String {
    match (&fed.value, fed.quality) {
        (Some(value), _) => format!("{} {}", fed.field, plain(value)),
        (None, Quality::WarmingUp) => format!("{} warming up", fed.field),
        (None, _) => format!("{} faulty", fed.field),
    }
}
