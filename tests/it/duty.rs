//! Promise: an alarm at night reaches the officer on duty by two channels and goes up until somebody takes it;
//! what is taken and does not move comes back; a kill in the middle changes nothing.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use gengfu::config::{ChannelConfig, ChannelKind, ChannelTls, PlatformConfig, PlatformForm, Span};
use gengfu_ingest::{ManualClock, SystemClock};
use gengfu_model::{Kind, Timestamp};
use serde_json::{Value, json};

use crate::harness::{Api, DEADLINE, PASSWORD, TestGateway, wait_for};

const TOKEN: &str = "the platform's own token";
/// Saturday 2026-11-28 03:00 in Yuncheng.
const NIGHT: Timestamp = Timestamp(1_795_806_000_000);

/// One request as a receiver saw it.
#[derive(Debug)]
struct Seen {
    target: String,
    headers: BTreeMap<String, String>,
    body: Value,
}

/// What a server answers: status and body.
type Answer = Arc<Mutex<(u16, String)>>;

/// A server that answers each request with what `answer` holds by then.
fn receive(listener: TcpListener, answer: Answer) -> Receiver<Seen> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let Some(seen) = read(&stream) else { continue };
            let (status, body) = answer.lock().unwrap().clone();
            let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            (&stream).write_all(format!("{head}{body}").as_bytes()).ok();
            if sender.send(seen).is_err() {
                return;
            }
        }
    });
    receiver
}

fn read(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let target = first.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(Some(0), |length| length.parse().ok())?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { target, headers, body: serde_json::from_slice(&body).unwrap_or_default() })
}

fn answering(status: u16, body: &str) -> Answer {
    Arc::new(Mutex::new((status, body.to_owned())))
}

fn local() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn robot(name: &str, kind: ChannelKind, url: String) -> ChannelConfig {
    ChannelConfig {
        name: name.to_owned(),
        kind,
        url,
        url_file: None,
        secret_file: None,
        roots_file: None,
        keyword: None,
        body: String::new(),
        ok_field: String::new(),
        ok_value: String::new(),
        from: String::new(),
        account: String::new(),
        tls: ChannelTls::default(),
    }
}

fn add_user(gateway: &TestGateway, admin: &Api, name: &str, role: &str) {
    let body = json!({ "name": name, "password": PASSWORD, "roles": [role], "districts": [] });
    let (status, answer) = admin.post("/api/v1/users", &body);
    assert_eq!(status, 201, "{answer}");
    assert!(gateway.running().failures().borrow().is_none());
}

/// li at any hour, with chen as leader.
fn put_roster(admin: &Api) {
    let turns = |who: &str| json!({ "people": [who] });
    let shift = |name: &str, from: &str, to: &str| json!({ "name": name, "from": from, "to": to, "officers": turns("li"), "leaders": turns("chen") });
    let roster =
        json!({ "district": "盐湖区", "shifts": [shift("day", "08:00", "20:00"), shift("night", "20:00", "08:00")] });
    let (status, answer) = admin.post("/api/v1/duty/rosters", &json!({ "roster": roster }));
    assert_eq!(status, 200, "{answer}");
}

fn put_contact(admin: &Api) {
    let channels = json!([{ "channel": "wecom", "address": "li" }, { "channel": "ding", "address": "13800001111" }]);
    let (status, answer) = admin.post("/api/v1/users/li/contact", &json!({ "channels": channels }));
    assert_eq!(status, 200, "{answer}");
}

fn kinds(api: &Api, user: &str) -> Vec<String> {
    let items = api.list(&format!("/api/v1/notifications?user={user}"));
    items.iter().rev().map(|item| item["body"]["kind"].as_str().unwrap().to_owned()).collect()
}

/// Lets time pass and waits until the engine has seen it.
fn minutes(gateway: &TestGateway, clock: &ManualClock, minutes: i64) {
    clock.advance(minutes * 60_000);
    let until = gengfu_ingest::Clock::now(clock);
    let api = gateway.login("admin");
    wait_for("the time", || {
        let (_, status) = api.get("/api/v1/status");
        let time = status["time"].as_str()?;
        let time = chrono::DateTime::parse_from_rfc3339(time).ok()?.timestamp_millis();
        (time >= until.0 - 100).then_some(())
    });
}

#[test]
fn an_alarm_at_night_goes_up_and_comes_back() {
    let (wecom, wecom_address) = local();
    let (ding, ding_address) = local();
    let wecom = receive(wecom, answering(200, r#"{"errcode":0,"errmsg":"ok"}"#));
    let ding = receive(ding, answering(200, r#"{"errcode":0,"errmsg":"ok"}"#));
    let clock = Arc::new(ManualClock::new(NIGHT));
    let mut gateway = TestGateway::start_in_passing_time_with(clock.clone(), |config| {
        config.channel.push(robot("wecom", ChannelKind::Wecom, format!("http://{wecom_address}/send?key=k")));
        config.channel.push(robot("ding", ChannelKind::Dingtalk, format!("http://{ding_address}/robot/send")));
    });
    let admin = gateway.login("admin");
    for (name, role) in [("li", "duty_officer"), ("chen", "shift_leader")] {
        add_user(&gateway, &admin, name, role);
    }
    put_roster(&admin);
    put_contact(&admin);
    gateway.add_device("cover-1", Kind::Manhole);
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":60}"#);
    let case = wait_for("the case", || admin.list("/api/v1/cases").into_iter().next());
    let id = case["id"].as_str().unwrap().to_owned();

    // By two channels at once.
    let first = wecom.recv_timeout(DEADLINE).expect("WeCom is told");
    assert!(first.body["text"]["content"].as_str().unwrap().contains("解放路12号雨水井盖"), "{first:?}");
    assert_eq!(first.body["text"]["mentioned_list"], json!(["li"]));
    assert!(first.target.ends_with("key=k"));
    let second = ding.recv_timeout(DEADLINE).expect("DingTalk is told");
    assert_eq!(second.body["at"]["atMobiles"], json!(["13800001111"]));
    assert_eq!(kinds(&admin, "li"), ["alarm"]);
    let (_, found) = admin.get(&format!("/api/v1/cases/{id}"));
    assert_eq!(found["escalation"]["next_who"], json!(["li"]), "{found}");

    // Nobody acknowledges: again, then the leader. The gateway is restarted in between.
    minutes(&gateway, &clock, 5);
    wecom.recv_timeout(DEADLINE).expect("the second call");
    gateway.restart();
    let admin = gateway.login("admin");
    minutes(&gateway, &clock, 5);
    wait_for("the leader", || (kinds(&admin, "chen") == ["escalated"]).then_some(()));
    assert_eq!(kinds(&admin, "li"), ["alarm", "repeated"]);

    // Read mark and receipts.
    let leader = gateway.login("chen");
    let newest = leader.list("/api/v1/notifications")[0].clone();
    assert_eq!(newest["read"], false);
    let (status, _) = leader.post("/api/v1/notifications/read", &json!({ "upto": newest["id"] }));
    assert_eq!(status, 200);
    let (_, list) = leader.get("/api/v1/notifications");
    assert_eq!((list["unread"].as_u64(), &list["items"][0]["read"]), (Some(0), &Value::Bool(true)));
    let of_li = admin.list("/api/v1/notifications?user=li")[0]["id"].as_str().unwrap().to_owned();
    wait_for("the receipts", || {
        let rows = admin.list(&format!("/api/v1/notifications/{of_li}/deliveries"));
        let delivered = rows.iter().filter(|row| row["state"] == "delivered").count();
        (rows.len() == 3 && delivered == 2).then_some(())
    });
    let (status, _) = gateway.login("evaluator").get("/api/v1/notifications?user=li");
    assert_eq!(status, 403, "of others only for leaders");

    // The officer takes it for ten minutes; the calls stop; without progress it comes back.
    let officer = gateway.login("li");
    let (status, answer) = officer.post(&format!("/api/v1/cases/{id}/acknowledge"), &json!({ "within_min": 10 }));
    assert_eq!(status, 200, "{answer}");
    minutes(&gateway, &clock, 9);
    assert_eq!(kinds(&admin, "chen"), ["escalated"]);
    minutes(&gateway, &clock, 1);
    wait_for("that it comes back", || (kinds(&admin, "li").last()? == "came_back").then_some(()));
    let (_, found) = admin.get(&format!("/api/v1/cases/{id}"));
    assert_eq!(found["acknowledged_by"], Value::Null);
    let decisions = admin.list(&format!("/api/v1/decisions?case={id}&what=notified"));
    assert_eq!(decisions.len(), 4, "{decisions:?}");

    let config = gateway.folder.path().join("gengfu.toml");
    std::fs::write(&config, format!("[data]\nfolder = {:?}\n", gateway.config.data.folder)).unwrap();
    gateway.close();
    same_when_replayed(&config);
}

/// The ledger is what the journal amounts to, byte for byte; gives it.
fn same_when_replayed(config: &Path) -> String {
    let inspect = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gengfu"));
        command.args(["journal", "inspect", "--ledger"]).args(arguments).arg("--config").arg(config);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let live = inspect(&[]);
    assert!(live == inspect(&["--replay"]), "the ledger differs from its replay");
    live
}

#[test]
fn a_kill_in_the_middle_of_the_calls_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("gengfu.toml");
    let text = "[data]\nfolder = \"data\"\n[mqtt]\nlisten = \"127.0.0.1:0\"\n[coap]\nenabled = false\n\
                [http]\nlisten = \"127.0.0.1:0\"\n";
    std::fs::write(&config, text).unwrap();
    let gengfu = |arguments: &[&str], input: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gengfu"));
        command.args(arguments).arg("--config").arg(&config).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.env("GENGFU_LOG", "warn").spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for (name, role) in [("li", "duty_officer"), ("chen", "shift_leader"), ("admin", "administrator")] {
        gengfu(&["users", "add", name, "--role", role, "--password-stdin"], &format!("{PASSWORD}\n"));
    }
    gengfu(&["devices", "add", "cover-1", "--kind", "manhole", "--district", "盐湖区", "--token", TOKEN], "");
    let mut gateway = serve(&config);
    let base = listening(folder.path());
    let admin = Api::login(&base, "admin", PASSWORD);
    put_roster(&admin);
    let device = ureq::post(format!("{base}/v1/devices/cover-1/telemetry"));
    let sent = device.header("authorization", format!("Bearer {TOKEN}")).send(r#"{"tilt_deg":60}"#);
    assert_eq!(sent.unwrap().status().as_u16(), 200);
    let case = wait_for("the case", || admin.list("/api/v1/cases").into_iter().next());
    let before = wait_for("the first call", || {
        let (_, found) = admin.get(&format!("/api/v1/cases/{}", case["id"].as_str()?));
        (found["escalation"]["level"] == 1).then(|| found["escalation"].clone())
    });
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    std::fs::remove_file(folder.path().join("data/run/addresses.json")).unwrap();
    let mut gateway = serve(&config);
    let base = listening(folder.path());
    let admin = Api::login(&base, "admin", PASSWORD);
    let (_, found) = admin.get(&format!("/api/v1/cases/{}", case["id"].as_str().unwrap()));
    assert_eq!(found["escalation"], before, "the next call is at the same moment, to the same people");
    assert_eq!(kinds(&admin, "li"), ["alarm"]);
    let shown = gengfu(&["duty", "show", "盐湖区"], "");
    assert!(shown.starts_with("now\t") && shown.contains("\tli\tchen\n") && shown.contains("open cases\t1"), "{shown}");
    assert!(Command::new("kill").args(["-TERM", &gateway.id().to_string()]).status().unwrap().success());
    assert!(gateway.wait().unwrap().success());
    let ledger = same_when_replayed(&config);
    let told = ledger.lines().filter(|line| line.contains("notification.console")).count();
    assert_eq!(told, 1, "told once");
}

fn serve(config: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gengfu"));
    command.arg("serve").arg("--config").arg(config).env("GENGFU_LOG", "warn").stdin(Stdio::null()).spawn().unwrap()
}

/// Where the gateway of a folder has its API, once it says so.
fn listening(folder: &Path) -> String {
    let file = folder.join("data/run/addresses.json");
    let address = wait_for("the addresses", || {
        let addresses: Value = serde_json::from_str(&std::fs::read_to_string(&file).ok()?).ok()?;
        addresses["http"].as_str().map(str::to_owned)
    });
    wait_for("the HTTP port", || TcpStream::connect(&address).ok());
    format!("http://{address}")
}

fn platform(url: Option<String>, poll: Option<String>, token_file: std::path::PathBuf) -> PlatformConfig {
    PlatformConfig {
        name: "city".to_owned(),
        url,
        token_file,
        roots_file: None,
        form: PlatformForm::Cloudevents,
        source: "/gengfu/yuncheng".to_owned(),
        mapping_file: None,
        topics: vec!["case.".to_owned()],
        poll_url: poll,
        poll_every: Span(1_000),
        poll_items: "items".to_owned(),
    }
}

#[test]
fn a_case_reaches_the_platform_that_was_down_and_its_status_comes_back_once() {
    // Bound and not served yet: the platform is down.
    let (listener, address) = local();
    drop(listener);
    let gateway = TestGateway::start_with(Arc::new(SystemClock), |config| {
        let token_file = config.data.folder.with_file_name("token.txt");
        std::fs::write(&token_file, format!("{TOKEN}\n")).unwrap();
        config.platform.push(platform(Some(format!("http://{address}/cases")), None, token_file));
    });
    let admin = gateway.login("admin");
    gateway.add_device("cover-1", Kind::Manhole);
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":60}"#);
    let case = wait_for("the case", || admin.list("/api/v1/cases").into_iter().next());
    // It comes up and refuses at first.
    let answer = answering(503, "later");
    let seen = receive(TcpListener::bind(address).unwrap(), Arc::clone(&answer));
    let first = seen.recv_timeout(DEADLINE).expect("the platform is told once it listens");
    *answer.lock().unwrap() = (200, "{}".to_owned());
    let again = seen.recv_timeout(DEADLINE).expect("and again after a refusal");
    assert_eq!(first.headers["idempotency-key"], again.headers["idempotency-key"]);
    assert_eq!(again.headers["authorization"], format!("Bearer {TOKEN}"));
    assert!(again.headers["content-type"].starts_with("application/cloudevents+json"));
    assert_eq!((&again.body["specversion"], &again.body["source"]), (&json!("1.0"), &json!("/gengfu/yuncheng")));
    assert_eq!(again.body["type"], "cn.gengfu.case.opened");
    let data = &again.body["data"];
    assert_eq!(data["case"]["number"], case["number"]);
    assert!(data["case"]["deadline"]["due"].is_number() && data["case"]["latitude"].is_number(), "{data}");
    assert_eq!(data["evidence"][0]["device"], "cover-1");

    // Its word comes back, twice, and counts once.
    let path = "/api/v1/platforms/city/status";
    let news = json!({ "id": "m-1", "case": case["number"], "status": "handling", "note": "已派人" });
    let (status, _) = gateway.anonymous().post(path, &news);
    assert_eq!(status, 401);
    let platform = gateway.with_token(TOKEN);
    for rows in [1, 0] {
        let (status, answer) = platform.post(path, &news);
        assert_eq!((status, answer["rows"].as_u64()), (200, Some(rows)), "{answer}");
    }
    let (_, found) = admin.get(&format!("/api/v1/cases/{}", case["id"].as_str().unwrap()));
    assert_eq!(found["state"], "handling");
    let actors: Vec<&str> =
        found["history"].as_array().unwrap().iter().filter_map(|row| row["actor"].as_str()).collect();
    assert_eq!(actors.iter().filter(|actor| **actor == "platform:city").count(), 3, "filed, dispatched and received");
    let (status, _) = platform.post(path, &json!({ "id": "m-2", "case": "none", "status": "handled" }));
    assert_eq!(status, 404);
    let (status, _) = platform.post(path, &json!({ "case": "none" }));
    assert_eq!(status, 422);
}

#[test]
fn a_platform_that_cannot_call_is_asked() {
    let (listener, address) = local();
    let answer = answering(200, r#"{"items":[]}"#);
    let seen = receive(listener, Arc::clone(&answer));
    let gateway = TestGateway::start_with(Arc::new(SystemClock), |config| {
        let token_file = config.data.folder.with_file_name("token.txt");
        std::fs::write(&token_file, TOKEN).unwrap();
        config.platform.push(platform(None, Some(format!("http://{address}/news")), token_file));
    });
    let admin = gateway.login("admin");
    gateway.add_device("cover-1", Kind::Manhole);
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":60}"#);
    let case = wait_for("the case", || admin.list("/api/v1/cases").into_iter().next());
    let items = json!({ "items": [
        { "id": "a", "case": "unknown", "status": "handled" },
        { "id": "b" },
        { "id": "c", "case": case["id"], "status": "handled" },
    ] });
    *answer.lock().unwrap() = (200, items.to_string());
    let asked = seen.recv_timeout(DEADLINE).expect("the platform is asked");
    assert!(asked.target.starts_with("/news?since="), "{asked:?}");
    wait_for("the news", || {
        let (_, found) = admin.get(&format!("/api/v1/cases/{}", case["id"].as_str().unwrap()));
        (found["state"] == "pending_check").then_some(())
    });
}

#[test]
fn who_may_change_what() {
    let gateway = TestGateway::start();
    let (admin, duty) = (gateway.login("admin"), gateway.login("duty"));
    let roster = json!({ "roster": { "district": "", "shifts": [
        { "name": "all", "from": "00:00", "to": "00:00", "officers": { "people": ["duty"] } },
    ] } });
    assert_eq!(duty.post("/api/v1/duty/rosters", &roster).0, 403);
    assert_eq!(admin.post("/api/v1/duty/rosters", &roster).0, 200);
    let mut stranger = roster.clone();
    stranger["roster"]["shifts"][0]["officers"]["people"] = json!(["nobody"]);
    let (status, answer) = admin.post("/api/v1/duty/rosters", &stranger);
    assert_eq!(status, 422, "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("nobody"));
    let (_, now) = duty.get("/api/v1/duty?district=%E7%9B%90%E6%B9%96%E5%8C%BA");
    assert_eq!(now["now"][0]["officer"], "duty", "{now}");
    let chains = json!({ "chains": [{ "name": "none", "severity_from": "info", "steps": [] }] });
    assert_eq!(duty.post("/api/v1/duty/escalation", &chains).0, 403);
    assert_eq!(admin.post("/api/v1/duty/escalation", &chains).0, 200);
    let (_, found) = duty.get("/api/v1/duty/escalation");
    assert_eq!((found["usual"].as_bool(), found["chains"].as_array().unwrap().len()), (Some(false), 1));
    let (status, answer) = duty.post("/api/v1/users/duty/contact", &json!({ "channels": [{ "channel": "wecom" }] }));
    assert_eq!(status, 422, "no such channel: {answer}");
    assert_eq!(duty.post("/api/v1/users/duty/contact/test", &json!({})).0, 200);
    assert_eq!(duty.post("/api/v1/users/admin/contact/test", &json!({})).0, 403);
    assert_eq!(kinds(&duty, "duty"), ["test"]);
    let (status, answer) = duty.post("/api/v1/duty/hand-overs", &json!({ "note": "all quiet" }));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(duty.list("/api/v1/duty/hand-overs")[0]["note"], "all quiet");
}
