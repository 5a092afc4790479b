//! The console against a gateway that is not there: a small city with a bad night, for looking at the
//! pages while working on them. `cargo run -p gengfu-dashboards --example fake -- 127.0.0.1:8099`;
//! every account's name is its role, the password is `correct horse battery`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "an example for developers")]
#![allow(dead_code, reason = "the modules are those of the tests")]

#[path = "../tests/it/fake.rs"]
mod fake;
#[path = "../tests/it/seed.rs"]
mod seed;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use gengfu_dashboards::{ApiState, Gateway, Options, TokenKey, router};
use gengfu_model::pack::PackNote;
use gengfu_model::staff::{Action, CaseStep, StaffRequest};
use gengfu_model::{Disposition, DispositionKind, Effect, Kind, Role, Seq, Severity, Timestamp, Value};

use fake::FakeGateway;
use seed::{Raise, clear, device, now, raise, tilt_evidence, user};

const MINUTE: i64 = 60_000;

#[expect(clippy::disallowed_methods, reason = "the pages show how much time is left from now")]
fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_millis()).unwrap())
}

#[tokio::main]
async fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8099".to_owned());
    let folder = tempfile::tempdir().unwrap();
    let end = wall();
    let gateway = FakeGateway::new(folder.path(), end.plus_ms(-9 * 60 * MINUTE), 256);
    fill(&gateway, end);
    let state = ApiState {
        gateway: Arc::clone(&gateway) as Arc<dyn Gateway>,
        ledger: gateway.reader(),
        series: gateway.series(),
        tokens: TokenKey::new(&[9; 32]).unwrap(),
        clock: Arc::new(wall),
        options: Options::default(),
    };
    let listener = tokio::net::TcpListener::bind(&address).await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    let live = Arc::clone(&gateway);
    let tick = async move {
        let mut beat = tokio::time::interval(std::time::Duration::from_secs(1));
        let mut n = 0_u64;
        loop {
            beat.tick().await;
            n += 1;
            live.set_time(wall());
            if n.is_multiple_of(45) {
                bin_full(&live, &format!("bin-{:04}", 10 + n / 45), wall());
            }
        }
    };
    let service = router(state).into_make_service_with_connect_info::<SocketAddr>();
    tokio::select! {
        result = axum::serve(listener, service) => result.unwrap(),
        () = tick => {}
    }
}

fn fill(gateway: &Arc<FakeGateway>, end: Timestamp) {
    for role in Role::ALL {
        let name = serde_json::to_value(role).unwrap();
        gateway.put_user(user(name.as_str().unwrap(), &[role], &[]));
    }
    gateway.put_user(user("zhang", &[Role::DutyOfficer, Role::ShiftLeader, Role::Acceptor, Role::Dispatcher], &[]));
    publish(gateway);
    for n in 0..60 {
        let street = ["河东东街", "解放路", "学苑路", "禹都大道", "圣惠路"][n % 5];
        let (kind, name, prefix) = match n % 6 {
            0 => (Kind::Manhole, format!("{street}{}号污水井盖", n * 7 + 3), "cover"),
            1 => (Kind::Streetlight, format!("{street}路灯 {}-{}", n / 6, n), "lamp"),
            2 => (Kind::Septic, format!("{street}公厕化粪池"), "septic"),
            3 => (Kind::Toilet, format!("{street}公厕"), "toilet"),
            4 => (Kind::Bin, format!("{street}分类箱 {n}"), "bin"),
            _ => (Kind::Truck, format!("晋M{:05} 洒水车", 1000 + n), "truck"),
        };
        let entry = device(&format!("{prefix}-{n:04}"), kind, &name, ["盐湖区", "空港区"][n % 2]);
        let latest = match kind {
            Kind::Manhole => vec![
                ("tilt_deg", Value::Number(1.4)),
                ("battery_pct", Value::Number(87.0)),
                ("water", Value::Bool(false)),
                ("rssi_dbm", Value::Number(-97.0)),
            ],
            Kind::Streetlight => {
                vec![("power_w", Value::Number(148.2)), ("on", Value::Bool(true)), ("voltage_v", Value::Number(228.4))]
            }
            Kind::Septic => vec![("level_pct", Value::Number(62.1)), ("h2s_ppm", Value::Number(3.2))],
            Kind::Toilet => vec![
                ("nh3_ppm", Value::Number(0.8)),
                ("occupied", Value::Bool(false)),
                ("visits", Value::Number(214.0)),
            ],
            Kind::Bin => vec![("fill_pct", Value::Number(71.0)), ("temperature_c", Value::Number(11.5))],
            Kind::Truck => vec![
                ("speed_kmh", Value::Number(23.0)),
                ("latitude", Value::Number(35.02)),
                ("task", Value::Text("扫路".into())),
            ],
        };
        let latest = now(&entry, end.plus_ms(-MINUTE * i64::try_from(n).unwrap()), &latest);
        gateway.put_device(entry, Some(latest));
    }
    history(gateway, end);
    night(gateway, end);
    {
        let mut balance = gateway.balance.lock().unwrap();
        (balance.journaled, balance.decoded, balance.duplicate, balance.quarantined) = (1_284_113, 1_283_902, 190, 21);
        (balance.values_decoded, balance.values_stored, balance.values_late) = (6_419_510, 6_418_002, 1_404);
        (balance.values_out_of_range, balance.values_too_far_ahead, balance.refused) = (97, 7, 12);
    }
    gateway.push(|_| {
        Effect::Disposition(Box::new(Disposition {
            seq: Seq(3),
            device: gengfu_model::DeviceId::new("bin-0004").unwrap(),
            time: end,
            kind: DispositionKind::Quarantined,
            detail: "no JSON: expected `,` at column 14".to_owned(),
            payload: Some(Arc::from(&b"{\"fill_pct\":71;}"[..])),
            source: None,
            redecoded: None,
        }))
    });
    *gateway.faults.lock().unwrap() = vec!["outbox: city platform unreachable for 12 min, 3 messages wait".to_owned()];
}

fn publish(gateway: &FakeGateway) {
    let tilt = "/// Manhole cover tilted or opened.\n/// 井盖倾斜或打开。\nconst RULE = #{ kind: \"manhole\", key: \"manhole_tilt\", severity: \"critical\", condition: \"cover_displaced\", cooldown: 15.min };\n    incident(msg.tilt_deg > 30.0 || msg.cover_open || held(band(msg.tilt_deg, 10.0, 8.0), 10.s));\n";
    let septic = "/// Septic tank: fast rise, or a silent sensor.\nconst RULE = #{ kind: \"septic\", key: \"level\", severity: \"major\", condition: \"septic_rising\", silent: 2.h };\nfn on_message(msg, dev) {\n    let r = rate(msg.level_pct, 1.h);\n    if r > 20.0 { raise(#{ key: \"fast\", value: r }); } else if r < 5.0 { clear(\"fast\"); }\n}\n";
    let files = [("manhole_tilt.rhai", tilt), ("septic_level.rhai", septic)];
    let files: BTreeMap<String, String> =
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    for by in ["engineer", "zhang"] {
        drop(gateway.request(StaffRequest {
            user: Arc::from(by),
            roles: vec![Role::Engineer],
            action: Action::PublishPack {
                files: files.clone(),
                note: PackNote {
                    reason: "夜间误报太多 too many false alarms at night".to_owned(),
                    ..PackNote::default()
                },
            },
        }));
    }
}

/// What the sensors measured in the last days.
fn history(gateway: &FakeGateway, end: Timestamp) {
    for (n, opened_min) in [(0_i64, 42_i64), (6, 300), (12, 95)] {
        let cover = device(&format!("cover-{n:04}"), Kind::Manhole, "", "盐湖区");
        let tilt = |minutes: i64| {
            let noise = ((minutes * 7919 + n) % 97) as f64 / 97.0;
            if minutes <= opened_min { 37.2 + noise * 1.6 } else { 1.1 + noise * 0.8 }
        };
        let points: Vec<_> = (0..7 * 24 * 12)
            .rev()
            .map(|step| (end.plus_ms(-step * 5 * MINUTE), Value::Number(tilt(step * 5))))
            .collect();
        gateway.measure(&cover, "tilt_deg", &points);
        let battery: Vec<_> = (0..7 * 24)
            .rev()
            .map(|hour| (end.plus_ms(-hour * 60 * MINUTE), Value::Number(86.0 + hour as f64 * 0.02)))
            .collect();
        gateway.measure(&cover, "battery_pct", &battery);
    }
}

/// Incidents and cases, the oldest first.
fn night(gateway: &Arc<FakeGateway>, end: Timestamp) {
    let cover = |n: u32, minutes: i64, tilt: f64| {
        let at = end.plus_ms(-minutes * MINUTE);
        gateway.set_time(at);
        gateway.signal(
            &format!("cover-{n:04}"),
            raise(Raise {
                rule: "manhole_tilt",
                severity: Severity::Critical,
                condition: "cover_displaced",
                value: tilt,
                text_zh: &format!("污水井盖倾角 {tilt}°，持续 42 秒"),
                text_en: &format!("sewer cover tilted {tilt}° for 42 s"),
                evidence: tilt_evidence(at, tilt),
            }),
        );
    };
    let plain = |id: &str, minutes: i64, rule: &str, severity, condition: &str, zh: &str, en: &str| {
        let at = end.plus_ms(-minutes * MINUTE);
        gateway.set_time(at);
        let evidence = gengfu_model::Evidence {
            trigger: "message".to_owned(),
            now: at,
            file: format!("{rule}.rhai"),
            line: 5,
            ..Default::default()
        };
        gateway.signal(id, raise(Raise { rule, severity, condition, value: 1.0, text_zh: zh, text_en: en, evidence }));
    };
    let step = |case: usize, roles: &[Role], user: &str, step: CaseStep, note: &str| {
        let cases = gateway
            .reader()
            .cases(&Default::default(), &gengfu_connectors::ledger::Page { limit: 1_000, cursor: None })
            .unwrap();
        let id = cases.items[cases.items.len() - 1 - case].id;
        let action = Action::Case { case: id, step, note: note.to_owned() };
        drop(gateway.request(StaffRequest { user: Arc::from(user), roles: roles.to_vec(), action }));
    };
    plain("bin-0004", 500, "bin_full", Severity::Minor, "bin_full", "垃圾箱满溢 96%", "litter bin 96 % full");
    cover(6, 300, 38.4);
    plain("lamp-0001", 280, "lamp_dark", Severity::Minor, "lamp_dark", "单灯不亮", "lamp is dark");
    let all = [Role::DutyOfficer, Role::ShiftLeader, Role::Acceptor, Role::Dispatcher, Role::Handler, Role::Verifier];
    step(0, &all, "li", CaseStep::Acknowledge, "");
    step(0, &all, "li", CaseStep::File, "");
    step(0, &all, "li", CaseStep::Dispatch { department: Arc::from("环卫处") }, "");
    step(0, &all, "wang", CaseStep::Receive, "");
    gateway.set_time(end.plus_ms(-230 * MINUTE));
    gateway.signal("bin-0004", clear("bin_full", end.plus_ms(-230 * MINUTE)));
    step(0, &all, "wang", CaseStep::Handle, "已清运");
    step(0, &all, "zhao", CaseStep::Check, "");
    step(0, &all, "li", CaseStep::Close { feedback: Some(Arc::from("real")) }, "");
    step(1, &all, "zhang", CaseStep::Acknowledge, "");
    step(1, &all, "zhang", CaseStep::File, "");
    step(1, &all, "zhang", CaseStep::Dispatch { department: Arc::from("市政设施管理处") }, "请带备用井盖");
    gateway.set_time(end.plus_ms(-200 * MINUTE));
    step(1, &all, "wang", CaseStep::Receive, "");
    step(1, &all, "zhang", CaseStep::Comment, "夜间行人多，先设围挡");
    plain("septic-0002", 160, "septic_level", Severity::Major, "septic_high", "化粪池液位 92%", "septic tank at 92 %");
    plain(
        "toilet-0003",
        130,
        "toilet_odour",
        Severity::Minor,
        "toilet_odour",
        "公厕氨气 3.1 ppm，持续 30 分钟",
        "ammonia 3.1 ppm for 30 min",
    );
    cover(12, 95, 41.7);
    step(5, &all, "zhang", CaseStep::Acknowledge, "");
    plain(
        "truck-0011",
        80,
        "truck_overspeed",
        Severity::Minor,
        "truck_overspeed",
        "洒水车超速 64 km/h",
        "water truck at 64 km/h",
    );
    cover(0, 42, 38.2);
    plain(
        "toilet-0009",
        6,
        "toilet_sos",
        Severity::Critical,
        "toilet_sos",
        "公厕求助按钮被按下",
        "call for help in a public toilet",
    );
    gateway.set_time(end);
}

fn bin_full(gateway: &FakeGateway, id: &str, at: Timestamp) {
    let entry = device(id, Kind::Bin, "学苑路分类箱", "盐湖区");
    gateway.put_device(entry, None);
    let evidence = gengfu_model::Evidence {
        trigger: "message".to_owned(),
        now: at,
        file: "bin_full.rhai".to_owned(),
        line: 5,
        ..Default::default()
    };
    gateway.signal(
        id,
        raise(Raise {
            rule: "bin_full",
            severity: Severity::Minor,
            condition: "bin_full",
            value: 96.0,
            text_zh: "垃圾箱满溢 96%",
            text_en: "litter bin 96 % full",
            evidence,
        }),
    );
}
