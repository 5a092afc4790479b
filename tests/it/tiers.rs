//! Promise: the shipped rules mean the same lowered and interpreted over what devices really say: two days of a
//! simulated city with its faults, and the recorded ways of real garbage trucks; and a round that was done is no false alarm.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use gengfu_dashboards::register_csv::Batches;
use gengfu_model::places::{Place, Shape};
use gengfu_model::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use gengfu_model::{Device, DeviceLife, Envelope, MessageKey, PayloadFormat, Seq, Signal, Timestamp, Transport};
use gengfu_rules::{City, Context, Latest, LatestValue, Pack, Parameters, RuleState, Tier, library};
use gengfu_sim::city as simulated;
use gengfu_sim::{history, replay};

/// 2026-06-19 00:00 in China.
const FROM: i64 = 1_781_798_400_000;
/// What is older when it arrives is late, as the gateway has it by default.
const LATE_MS: i64 = 10 * MINUTE_MS;

/// The register's entries of a simulated city, in its order.
fn register(city: &simulated::City) -> Vec<Device> {
    let mut text = Vec::new();
    simulated::write_register(city, &mut text).unwrap();
    let hash = |_: &str| [0; 32];
    let mut batches = Batches::new(Cursor::new(text), &hash).unwrap();
    let mut devices = Vec::new();
    while let Some(batch) = batches.next_batch() {
        assert!(batch.errors.is_empty(), "{:?}", batch.errors);
        devices.extend(batch.devices.into_iter().map(|(_, device)| Device { life: DeviceLife::InService, ..device }));
    }
    devices
}

/// A device under the shipped rules in one tier.
struct Side {
    pack: Arc<Pack>,
    latest: Latest,
    state: RuleState,
    signals: Vec<Signal>,
}

impl Side {
    /// Timers that are due, then a message.
    fn take(&mut self, device: &Device, city: &City, now: Timestamp, seq: Seq, payload: Option<&str>) {
        while let Some(due) = self.pack.next_due(device, &self.state).filter(|due| *due <= now) {
            self.judge(device, city, due, seq, false, |pack, cx, state, out| pack.on_timer(cx, state, out));
        }
        let Some(payload) = payload else { return };
        let envelope = Envelope {
            device: device.id.clone(),
            kind: device.kind,
            model: "".into(),
            transport: Transport::Generated,
            format: PayloadFormat::Json,
            key: MessageKey::None,
            received_at: now,
            payload: payload.as_bytes().into(),
        };
        let decoded = gengfu_codecs::decode(&envelope).unwrap_or_else(|why| panic!("{payload}: {why:?}"));
        for reading in decoded.readings {
            let event_time = reading.event_time.unwrap_or(now).min(now);
            let mut carried = 0;
            for sample in reading.samples {
                carried |= 1 << sample.field.0;
                let (value, quality) = (sample.value, sample.quality);
                self.latest.set(sample.field, LatestValue { value, quality, event_time, journal_time: now, seq });
            }
            let late = now.since_ms(event_time) > LATE_MS;
            self.judge(device, city, now, seq, late, |pack, cx, state, out| {
                pack.arm(cx, state, out);
                pack.on_reading(cx, event_time, carried, state, out);
            });
        }
    }

    fn judge(
        &mut self,
        device: &Device,
        city: &City,
        now: Timestamp,
        seq: Seq,
        late: bool,
        act: impl FnOnce(&Pack, &Context<'_>, &mut RuleState, &mut Vec<Signal>),
    ) {
        let parameters = Parameters::default();
        let mut cx = Context::new(device, &self.latest, &parameters, now, seq);
        (cx.late, cx.city) = (late, city);
        act(&self.pack, &cx, &mut self.state, &mut self.signals);
    }
}

/// Plays messages to their devices in both tiers, and a day after the last. Gives how many signals of each rule there were.
fn compare(devices: &[Device], places: Vec<Place>, lines: &[history::Line]) -> BTreeMap<String, usize> {
    let mut city = City::usual().clone();
    city.put_places(places);
    let files = library::files();
    let packs = [Tier::Lowered, Tier::Interpreter].map(|tier| Arc::new(Pack::compile_in(&files, tier).unwrap()));
    let side = |pack: &Arc<Pack>| Side {
        pack: Arc::clone(pack),
        latest: Latest::default(),
        state: RuleState::default(),
        signals: Vec::new(),
    };
    let mut sides: Vec<[Side; 2]> = devices.iter().map(|_| packs.each_ref().map(side)).collect();
    let mut signals = BTreeMap::new();
    let end = lines.last().map_or(FROM, |line| line.time_ms) + DAY_MS;
    let ends = (0..devices.len()).map(|device| (end, device, None));
    let told = lines.iter().map(|line| (line.time_ms, line.device, Some(line.payload.as_str())));
    for (seq, (time_ms, number, payload)) in (1..).zip(told.chain(ends)) {
        let device = &devices[number];
        for side in &mut sides[number] {
            side.take(device, &city, Timestamp(time_ms), Seq(seq), payload);
        }
        let [a, b] = &mut sides[number];
        let (from_a, from_b) = (std::mem::take(&mut a.signals), std::mem::take(&mut b.signals));
        assert_eq!(from_a, from_b, "{} at {time_ms}: {payload:?}", device.id);
        assert_eq!(a.state, b.state, "{} at {time_ms}: {payload:?}", device.id);
        for signal in from_a {
            *signals.entry(signal.rule.to_string()).or_default() += 1;
        }
    }
    for pack in &packs {
        assert_eq!(pack.counts().iter().map(|counts| counts.faults).sum::<u64>(), 0);
    }
    signals
}

#[test]
fn a_simulated_city_is_judged_the_same_in_both_tiers() {
    let city = simulated::City::generate(7, 120);
    let devices = register(&city);
    let mut lines: Vec<history::Line> = Vec::new();
    let keep = |line: &history::Line| {
        lines.push(history::Line { payload: line.payload.clone(), ..*line });
        Ok::<(), ()>(())
    };
    history::play(&city, 7, FROM, FROM + 36 * HOUR_MS, keep).unwrap();
    let signals = compare(&devices, city.places(), &lines);
    assert!(lines.len() > 5_000, "{}", lines.len());
    assert!(signals.len() >= 10 && signals.values().sum::<usize>() > 100, "{signals:?}");
}

#[test]
fn recorded_trucks_are_judged_the_same_in_both_tiers() {
    let csv = include_bytes!("../../device-sim/fixtures/trucks-jersey-city.csv");
    let traces = replay::read_traces(&csv[..]).unwrap();
    let city = replay::register_of(&traces, 7);
    let mut lines: Vec<history::Line> = Vec::new();
    for (device, trace) in traces.iter().enumerate() {
        let said = trace.positions.iter().map(|position| {
            let payload = position.report().to_json(Some(position.at_ms));
            history::Line { time_ms: position.at_ms, device, payload }
        });
        lines.extend(said);
    }
    lines.sort_by_key(|line| (line.time_ms, line.device));
    let signals = compare(&register(&city), Vec::new(), &lines);
    assert!(lines.len() > 1_000, "{}", lines.len());
    assert!(signals.contains_key("truck-silent"), "{signals:?}");
}

/// What the rule of missed stops says of the collecting trucks of a simulated city over two days, at the given places.
fn missed_stops(city: &simulated::City, places: Vec<Place>) -> usize {
    let mut lines: Vec<history::Line> = Vec::new();
    let keep = |line: &history::Line| {
        lines.push(history::Line { payload: line.payload.clone(), ..*line });
        Ok::<(), ()>(())
    };
    history::play(city, 7, FROM, FROM + 48 * HOUR_MS, keep).unwrap();
    compare(&register(city), places, &lines).remove("truck-missed-stop").unwrap_or_default()
}

#[test]
fn the_simulated_trucks_miss_no_stop_but_those_that_they_do_not_come_to() {
    let mut city = simulated::City::generate(7, 1_000);
    city.devices.retain(simulated::collects);
    assert!((5..=history::MAX_TRUCKS).contains(&city.devices.len()), "{}", city.devices.len());
    let mut places = city.places();
    assert_eq!(missed_stops(&city, places.clone()), 0);
    // One stop of each route is moved aside: raised on both days, and taken back as the second begins.
    for truck in &city.devices {
        let name = format!("{}收运点2", truck.id);
        let stop = places.iter_mut().find(|place| *place.name == *name).unwrap();
        let Shape::Point { at, .. } = &mut stop.shape else { panic!("{stop:?}") };
        at[1] += 0.002;
        at[0] += 0.002;
    }
    assert_eq!(missed_stops(&city, places), 3 * city.devices.len());
}
