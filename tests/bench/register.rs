//! What a registered device costs in memory, by part: `cargo bench --bench line -- parts`.
//!
//! Each part is made alone in a fresh process, on the register of a simulated city, and what the process grows by is
//! divided by the devices: no listener, no store, nothing that a running gateway has beside it.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use gengfu_cases::Profile;
use gengfu_dashboards::register_csv::Batches;
use gengfu_ingest::Directory;
use gengfu_model::staff::{Action, Role, StaffRequest};
use gengfu_model::{
    Body, Control, Device, DeviceId, Effect, EffectId, Envelope, Kind, MessageKey, PayloadFormat, Record, Seq,
    Timestamp, Transport,
};
use gengfu_rules::engine::{CheckpointRow, DecodedMessage, Engine, Output, REMEMBERED, payload_hash};
use gengfu_sim::city::City;

use crate::say;

/// The argument that makes this program the one that is measured.
pub(crate) const CHILD: &str = "--measure-register";
const DEVICES: usize = 100_000;
/// 2026-06-19 10:00 in China.
const START: Timestamp = Timestamp(1_781_834_400_000);

/// Prints the parts.
pub(crate) fn parts(folder: &Path) {
    let register = folder.join("parts.csv");
    let file = File::create(&register).expect("a file for the register");
    gengfu_sim::city::write_register(&City::generate(1, DEVICES), file).expect("the register is written");
    let program = std::env::current_exe().expect("this program");
    let status = Command::new(program).arg(CHILD).arg(&register).status().expect("this program runs again");
    assert!(status.success(), "the parts were not measured");
}

/// Measures the parts in this process.
pub(crate) fn measure(register: &Path) {
    let keys = Directory::new(b"secret");
    let hash = |token: &str| keys.hash_token(token.as_bytes());
    let file = BufReader::new(File::open(register).expect("the register"));
    let mut batches = Batches::new(file, &hash).expect("a register's header");
    let mut line = Line::new();
    let mut ids: Vec<(DeviceId, Kind)> = Vec::with_capacity(DEVICES);
    // The first batch warms up what is made once.
    line.add(batches.next_batch().expect("devices").devices);

    let before = resident();
    while let Some(batch) = batches.next_batch() {
        assert!(batch.errors.is_empty(), "{:?}", batch.errors);
        line.add(batch.devices);
    }
    drop(batches);
    let counted = line.engine.device_count();
    let part = |what: &str, bytes: u64, each: usize| say(&format!("  {what}: {:.0} bytes", bytes as f64 / each as f64));
    say(&format!("# a registered device by part ({counted} of a simulated city)"));
    part("register entry, its row and its place in the engine", resident() - before, counted);

    let before = resident();
    line.engine.register().for_each(|device| keys.put(device));
    part("login by id and by token", resident() - before, counted);

    ids.extend(line.engine.register().map(|device| (device.id.clone(), device.kind)));
    let before = resident();
    // The first message puts a device in service: its entry is a new one, and the login map is told, as the gateway does.
    for (_, effect) in ids.iter().flat_map(|(id, kind)| line.say(id, *kind)) {
        if let Effect::Device(device) = effect {
            keys.put(&device);
        }
    }
    part("newest values, counts, rule slots and timers, once it has spoken", resident() - before, counted);

    let before = resident();
    for _ in 1..REMEMBERED {
        ids.iter().for_each(|(id, kind)| drop(line.say(id, *kind)));
    }
    part(
        "keys of its last 32 messages and windows of its rules, once it has spoken 32 times",
        resident() - before,
        counted,
    );
    assert_eq!(keys.len(), counted);

    let rows = line.rows();
    let bytes: usize = rows.iter().map(|row| row.bytes.len()).sum();
    part("its checkpoint row on disk, after that", bytes as u64, counted);
}

/// An engine with the shipped rules, and the journal that it is given.
struct Line {
    engine: Engine,
    output: Output,
    seq: Seq,
    now: Timestamp,
}

impl Line {
    fn new() -> Line {
        let profile = Arc::new(Profile::parse(gengfu_cases::profile::YUNCHENG).expect("the shipped profile"));
        let mut line = Line { engine: Engine::new(profile), output: Output::default(), seq: Seq(0), now: START };
        line.ask(Action::ActivatePack { files: gengfu_rules::library::files() });
        line
    }

    fn apply(&mut self, body: Body, decoded: Option<DecodedMessage>) -> Vec<(EffectId, Effect)> {
        self.seq = self.seq.next();
        self.engine.apply(&Record { seq: self.seq, time: self.now, body }, decoded.as_ref(), &mut self.output);
        self.output.points.clear();
        self.output.verdicts.clear();
        self.output.effects.take()
    }

    fn ask(&mut self, action: Action) {
        let request = StaffRequest { user: "local".into(), roles: Role::ALL.to_vec(), action };
        self.apply(Body::Control(Control::Request(request)), None);
    }

    fn add(&mut self, devices: Vec<(u64, Device)>) {
        let devices = devices.into_iter().map(|(_, device)| device).collect();
        self.ask(Action::AddDevices { devices, replace: false });
    }

    /// What such a device says when nothing is wrong.
    fn say(&mut self, id: &DeviceId, kind: Kind) -> Vec<(EffectId, Effect)> {
        self.now = self.now.plus_ms(1);
        let fields = match kind {
            Kind::Manhole => r#""tilt_deg":1.2,"water_level_cm":3.5"#,
            Kind::Streetlight => r#""power_w":98.5,"voltage_v":229.1,"energy_kwh":811.5"#,
            Kind::Septic => r#""level_pct":41.5,"ch4_pct_lel":1.5"#,
            Kind::Toilet => r#""nh3_ppm":1.5,"occupied":false,"visits":3"#,
            Kind::Bin => r#""fill_pct":35.5"#,
            Kind::Truck => r#""latitude":35.03,"longitude":111.0,"speed_kmh":31.5,"ignition":true"#,
        };
        let payload = format!(r#"{{"ts":{},{fields},"battery_pct":88,"rssi_dbm":-81}}"#, self.now.as_millis());
        let envelope = Envelope {
            device: id.clone(),
            kind,
            model: "".into(),
            transport: Transport::Mqtt,
            format: PayloadFormat::Json,
            key: MessageKey::None,
            received_at: self.now,
            payload: payload.into_bytes().into(),
        };
        let decoded =
            DecodedMessage { result: gengfu_codecs::decode(&envelope), payload_hash: payload_hash(&envelope.payload) };
        self.apply(Body::Message(envelope), Some(decoded))
    }

    fn rows(&mut self) -> Vec<CheckpointRow> {
        let mut round = self.engine.begin_round();
        let mut rows = Vec::new();
        while !round.is_complete() {
            rows.extend(self.engine.round_rows(&mut round, 1_000));
        }
        rows
    }
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() * 1_024
}
