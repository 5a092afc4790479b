//! What a storm costs the reducer: water alarms in eight catchments, one record each, with every effect made and
//! dropped. Twice as many alarms must take about twice as long. Prints; asserts no speed.
//!
//! `cargo bench -p gengfu-cases --bench storm`
#![expect(clippy::print_stdout, reason = "a bench prints its result")]
#![expect(clippy::unwrap_used, reason = "a bench stops at the first surprise")]

use std::sync::Arc;
use std::time::Instant;

use gengfu_cases::profile::YUNCHENG;
use gengfu_cases::{At, Profile, Reducer};
use gengfu_model::{
    Assertion, Attributes, Device, DeviceId, DeviceLife, EffectSink, Evidence, Kind, Seq, Severity, Signal, Timestamp,
};

fn cover(n: usize) -> Device {
    let none = || Arc::from("");
    Device {
        id: DeviceId::new(&format!("cover-{n}")).unwrap(),
        kind: Kind::Manhole,
        model: none(),
        asset_code: format!("A-{n}").into(),
        name: none(),
        latitude: Some(35.02),
        longitude: Some(111.0),
        district: format!("d{}", n % 2).into(),
        grid: format!("g{}", n % 200).into(),
        feeder: none(),
        cabinet: none(),
        catchment: format!("c{}", n % 8).into(),
        carrier_cell: none(),
        department: none(),
        asset_type: "01-03".into(),
        interval_s: 600,
        token_hash: None,
        attributes: Attributes::default(),
        life: DeviceLife::InService,
    }
}

fn signal(assertion: Assertion) -> Signal {
    Signal {
        rule: "water".into(),
        rule_version: "v".into(),
        key: "water".into(),
        assertion,
        evidence: Box::<Evidence>::default(),
    }
}

fn raised() -> Signal {
    signal(Assertion::Raise {
        severity: Severity::Major,
        condition: "manhole_water".into(),
        value: None,
        text_zh: "井内进水".to_owned(),
        text_en: "water".to_owned(),
        late: false,
        cooldown_ms: 60_000,
    })
}

fn main() {
    let profile = Arc::new(Profile::parse(YUNCHENG).unwrap());
    for alarms in [5_000, 10_000, 20_000, 40_000] {
        let covers: Vec<Device> = (0..alarms).map(cover).collect();
        let mut reducer = Reducer::new(Arc::clone(&profile));
        let (mut seq, mut now, mut effects) = (Seq(0), Timestamp(1_795_000_000_000), 0);
        let mut play = |reducer: &mut Reducer, signals: &dyn Fn() -> Signal| {
            let started = Instant::now();
            for cover in &covers {
                seq = seq.next();
                now = now.plus_ms(1);
                let mut out = EffectSink::new(seq);
                reducer.fire(At { seq, now }, &mut out);
                reducer.signal(At { seq, now }, cover, signals(), &mut out);
                effects += out.take().len();
            }
            started.elapsed()
        };
        let up = play(&mut reducer, &raised);
        let cases = reducer.cases().count();
        let down = play(&mut reducer, &|| signal(Assertion::Clear { reason: "clear".into() }));
        println!("{alarms} alarms: {cases} cases, raised in {up:?}, cleared in {down:?}, {effects} effects");
    }
}
