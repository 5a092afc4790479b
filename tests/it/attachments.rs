//! Promise: a file that was handed in for a case and answered is there after a kill and a restore, is read by whoever
//! may see the case and nobody else, and is missed by the doctor when it is lost.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use gengfu::config::Size;
use gengfu_ingest::SystemClock;
use gengfu_model::Kind;
use serde_json::{Value, json};

use crate::harness::{Api, PASSWORD, TestGateway, token_of, wait_for};

/// The beginning of a photo and of what else is taken; the rest of the bytes is nobody's business.
const PHOTO: &[u8] = b"\xff\xd8\xff\xe0\x00\x10JFIF the cover lies beside its frame";
const NOTE: &[u8] = b"#!AMR\nthe cover is back";
const PAGE: &[u8] = b"<!doctype html><script>alert(1)</script>";

/// Hands a file in; gives status and answer.
fn send(api: &Api, path: &str, bytes: &[u8]) -> (u16, Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    // What a header says of the type is not believed.
    let request = agent.post(format!("{}{path}", api.base())).header("authorization", api.authorization());
    let mut answer = request.header("content-type", "text/html").send(bytes).unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Reads a file; gives status, headers as one text, and bytes.
fn read(api: &Api, path: &str, etag: &str) -> (u16, String, Vec<u8>) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.get(format!("{}{path}", api.base())).header("authorization", api.authorization());
    let mut answer = request.header("if-none-match", etag).call().unwrap();
    let headers = answer.headers().iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
    let headers = headers.collect::<String>();
    (answer.status().as_u16(), headers, answer.body_mut().read_to_vec().unwrap())
}

/// Reads a part of a file, if it still has that tag.
fn read_range(api: &Api, path: &str, range: &str, of: &str) -> (u16, String, Vec<u8>) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.get(format!("{}{path}", api.base())).header("authorization", api.authorization());
    let mut answer = request.header("range", range).header("if-range", of).call().unwrap();
    let headers = answer.headers().iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
    let headers = headers.collect::<String>();
    (answer.status().as_u16(), headers, answer.body_mut().read_to_vec().unwrap())
}

/// A gateway with one case of a cover in 盐湖区; gives the case's path.
fn gateway_with_a_case() -> (TestGateway, String) {
    let gateway = TestGateway::start_with(std::sync::Arc::new(SystemClock), |config| {
        config.attachments.max_size = Size(64 << 10);
    });
    gateway.add_device("cover-1", Kind::Manhole);
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":60}"#);
    let admin = gateway.login("admin");
    let case = wait_for("the case", || admin.list("/api/v1/cases").into_iter().next());
    let path = format!("/api/v1/cases/{}", case["id"].as_str().unwrap());
    (gateway, path)
}

fn config_of(gateway: &TestGateway) -> String {
    write_config(gateway.folder.path(), "gengfu.toml", &gateway.config.data.folder)
}

fn write_config(folder: &Path, name: &str, data: &Path) -> String {
    let any = "listen = \"127.0.0.1:0\"";
    let file = folder.join(name);
    let text = format!("[data]\nfolder = {data:?}\n[mqtt]\n{any}\n[coap]\nenabled = false\n[http]\n{any}\n");
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

/// Runs a command of the program; gives whether it succeeded, and all that it said.
fn gengfu(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_gengfu")).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// The only file below a folder of attachments.
fn only_file(data: &Path) -> PathBuf {
    let below = |folder: PathBuf| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files = below(data.join("attachments")).flat_map(below).collect::<Vec<_>>();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

#[test]
fn a_photo_goes_into_the_history_and_comes_back_to_whoever_may_see_the_case() {
    let (mut gateway, case) = gateway_with_a_case();
    let admin = gateway.login("admin");
    let files = format!("{case}/attachments");
    let (status, photo) = send(&admin, &format!("{files}?name=%E4%BA%95%E7%9B%96.jpg&note=%E7%8E%B0%E5%9C%BA"), PHOTO);
    assert_eq!(status, 200, "{photo}");
    assert_eq!((&photo["media_type"], &photo["purpose"]), (&json!("image/jpeg"), &json!("report")));
    assert_eq!(send(&admin, &files, PHOTO).0, 200, "the same again changes nothing");
    let (status, note) = send(&admin, &format!("{files}?purpose=handling"), NOTE);
    assert_eq!((status, &note["media_type"]), (200, &json!("audio/amr")));

    let (_, found) = admin.get(&case);
    let lines: Vec<&Value> =
        found["history"].as_array().unwrap().iter().filter(|line| line["action"] == "attach").collect();
    assert_eq!(lines.len(), 2, "{found}");
    assert_eq!((&lines[0]["attachment"], &lines[0]["note"]), (&photo, &json!("井盖.jpg: 现场")));
    let listed = admin.list(&files);
    assert_eq!((listed[1]["sha256"].clone(), listed[1]["actor"].clone()), (note["sha256"].clone(), json!("admin")));

    let url = photo["url"].as_str().unwrap();
    let (status, headers, bytes) = read(&admin, url, "");
    assert_eq!((status, bytes.as_slice()), (200, PHOTO));
    for header in ["content-type: image/jpeg", "nosniff", "inline; filename=", "%E4%BA%95%E7%9B%96.jpg"] {
        assert!(headers.contains(header), "{header}: {headers}");
    }
    let etag = format!("\"{}\"", photo["sha256"].as_str().unwrap());
    assert_eq!(read(&admin, url, &etag).0, 304);
    // A film is wanted in parts.
    for (range, part) in
        [("bytes=0-2", &PHOTO[..3]), ("bytes=6-9", b"JFIF"), ("bytes=-5", b"frame"), ("bytes=40-999", &PHOTO[40..])]
    {
        let (status, headers, bytes) = read_range(&admin, url, range, &etag);
        assert_eq!((status, bytes.as_slice()), (206, part), "{range}");
        assert!(headers.contains("accept-ranges: bytes") && headers.contains("content-range: bytes "), "{headers}");
    }
    assert!(
        read_range(&admin, url, "bytes=6-9", &etag).1.contains(&format!("content-range: bytes 6-9/{}", PHOTO.len()))
    );
    let (status, headers, _) = read_range(&admin, url, "bytes=1000-", &etag);
    assert!(
        status == 416 && headers.contains(&format!("content-range: bytes */{}", PHOTO.len())),
        "{status} {headers}"
    );
    // What is no single range, or of another file, is answered whole.
    for (range, of) in
        [("bytes=0-1,4-5", &*etag), ("lines=1-2", &etag), ("bytes=5-2", &etag), ("bytes=0-2", "\"another\"")]
    {
        assert_eq!(read_range(&admin, url, range, of).2, PHOTO, "{range}");
    }
    assert!(read(&admin, note["url"].as_str().unwrap(), "").1.contains("content-disposition: attachment"));

    // After a restart it is all there.
    gateway.restart();
    assert_eq!(read(&gateway.login("evaluator"), url, "").2, PHOTO);
    assert_eq!(read(&gateway.anonymous(), url, "").0, 401);
    // Whoever sees other districts only, sees neither case nor file.
    let admin = gateway.login("admin");
    let elsewhere =
        json!({ "name": "elsewhere", "password": PASSWORD, "roles": ["duty_officer"], "districts": ["空港区"] });
    assert_eq!(admin.post("/api/v1/users", &elsewhere).0, 201);
    let elsewhere = gateway.login("elsewhere");
    assert_eq!((read(&elsewhere, url, "").0, send(&elsewhere, &files, PHOTO).0), (404, 404));
    // Nor is a file of one case to be had through another.
    gateway.add_device("cover-2", Kind::Manhole);
    gateway.mqtt("cover-2").publish(r#"{"tilt_deg":60}"#);
    let other = wait_for("the other case", || {
        let cases = admin.list("/api/v1/cases");
        cases.into_iter().map(|row| format!("/api/v1/cases/{}", row["id"].as_str().unwrap())).find(|path| *path != case)
    });
    assert_eq!(read(&admin, &url.replace(&case, &other), "").0, 404);
}

#[test]
fn what_is_no_picture_or_too_large_or_not_allowed_is_refused_and_not_kept() {
    let (gateway, case) = gateway_with_a_case();
    let admin = gateway.login("admin");
    let files = format!("{case}/attachments");
    let refused = |api: &Api, path: &str, bytes: &[u8]| {
        let (status, answer) = send(api, path, bytes);
        (status, answer["error"]["code"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned())
    };
    assert_eq!(refused(&admin, &files, PAGE), (415, "unsupported_type".to_owned()));
    assert_eq!(refused(&admin, &files, b""), (415, "unsupported_type".to_owned()));
    let large = [PHOTO, &vec![7; 64 << 10]].concat();
    assert_eq!(refused(&admin, &files, &large), (413, "too_large".to_owned()));
    assert_eq!(refused(&gateway.login("evaluator"), &files, PHOTO), (403, "forbidden".to_owned()));
    assert_eq!(refused(&admin, &format!("{files}?purpose=fun"), PHOTO).0, 422);
    assert_eq!(refused(&admin, &format!("{files}?name=a%0Ab"), PHOTO).0, 422);
    assert_eq!(refused(&admin, "/api/v1/cases/1-0/attachments", PHOTO).0, 404);
    let (status, answer) = admin.post(&format!("{case}/attach"), &json!({}));
    assert_eq!((status, answer["error"]["field"].as_str()), (422, Some("step")), "{answer}");
    let leader = json!({ "note": "误报" });
    assert_eq!(admin.post(&format!("{case}/force_close"), &leader).0, 200);
    assert_eq!(refused(&admin, &files, PHOTO), (409, "wrong_state".to_owned()));
    assert!(!gateway.config.data.folder.join("attachments").try_exists().unwrap(), "nothing of it was kept");
}

#[test]
fn a_full_disk_takes_no_file_and_the_case_is_worked_on() {
    let gateway = TestGateway::start_with(std::sync::Arc::new(SystemClock), |config| {
        config.attachments.keep_free = Size(u64::MAX / 2);
    });
    gateway.add_device("cover-1", Kind::Manhole);
    gateway.mqtt("cover-1").publish(r#"{"tilt_deg":60}"#);
    let admin = gateway.login("admin");
    let case = wait_for("the case", || admin.list("/api/v1/cases").into_iter().next());
    let path = format!("/api/v1/cases/{}", case["id"].as_str().unwrap());
    let (status, answer) = send(&admin, &format!("{path}/attachments"), PHOTO);
    assert_eq!((status, answer["error"]["code"].as_str()), (503, Some("full")), "{answer}");
    assert_eq!(admin.post(&format!("{path}/comment"), &json!({ "note": "照片稍后" })).0, 200);
}

#[test]
fn the_doctor_misses_what_is_lost_and_the_backup_has_what_is_there() {
    let (gateway, case) = gateway_with_a_case();
    let admin = gateway.login("admin");
    let (_, photo) = send(&admin, &format!("{case}/attachments"), PHOTO);
    let hash = photo["sha256"].as_str().unwrap();
    let config = config_of(&gateway);
    let folder = gateway.folder.path();
    let out = folder.join("backup");
    let (done, said) = gengfu(&["backup", "--config", &config, "--out", out.to_str().unwrap()]);
    assert!(done, "{said}");

    // Lost: told to who asks for it, named by the doctor, and by a backup.
    let file = only_file(&gateway.config.data.folder);
    std::fs::remove_file(&file).unwrap();
    let (status, _, answer) = read(&admin, photo["url"].as_str().unwrap(), "");
    assert!(status == 410 && String::from_utf8_lossy(&answer).contains("gengfu doctor"), "{status}");
    let (good, said) = gengfu(&["doctor", "--config", &config]);
    assert!(!good && said.contains(hash) && said.contains("missing"), "{said}");
    let (done, said) = gengfu(&["backup", "--config", &config, "--out", folder.join("second").to_str().unwrap()]);
    assert!(done && said.contains("1 files that cases name are not in the backup"), "{said}");
    // Damaged.
    std::fs::write(&file, b"\xff\xd8\xff another photo").unwrap();
    assert_eq!(read(&admin, photo["url"].as_str().unwrap(), "").0, 410);
    let (good, said) = gengfu(&["doctor", "--config", &config]);
    assert!(!good && said.contains(hash) && said.contains("damaged"), "{said}");
    // Handed in again, it is whole, though the case has it already.
    assert_eq!(send(&admin, &format!("{case}/attachments"), PHOTO).0, 200);
    // A file that nobody names is no fault.
    std::fs::write(file.with_file_name("0".repeat(64)), b"of nobody").unwrap();
    let (good, said) = gengfu(&["doctor", "--config", &config]);
    assert!(good && said.contains("no case names them"), "{said}");

    let data = folder.join("restored");
    let restored = write_config(folder, "restored.toml", &data);
    let (done, said) = gengfu(&["restore", "--from", out.to_str().unwrap(), "--config", &restored]);
    assert!(done, "{said}");
    assert_eq!(std::fs::read(only_file(&data)).unwrap(), PHOTO);
    let (good, said) = gengfu(&["doctor", "--config", &restored]);
    assert!(good && said.contains("1 files of cases are as they were handed in"), "{said}");
}

fn serve(config: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gengfu"));
    command.args(["serve", "--config", config]).env("GENGFU_LOG", "warn").stdin(Stdio::null()).spawn().unwrap()
}

/// Where the gateway of a data folder has its API, once it listens there.
fn listening(data: &Path) -> String {
    let file = data.join("run/addresses.json");
    let address = wait_for("the addresses", || {
        let addresses: Value = serde_json::from_str(&std::fs::read_to_string(&file).ok()?).ok()?;
        let address = addresses["http"].as_str()?.to_owned();
        std::net::TcpStream::connect(&address).is_ok().then_some(address)
    });
    format!("http://{address}")
}

#[test]
fn what_was_answered_is_there_after_a_kill_and_the_ledger_is_its_replay() {
    let (mut gateway, case) = gateway_with_a_case();
    let config = config_of(&gateway);
    let data = gateway.config.data.folder.clone();
    gateway.close();
    let mut child = serve(&config);
    let api = Api::login(&listening(&data), "admin", PASSWORD);
    let mut urls = Vec::new();
    for number in 0..5 {
        let photo = [PHOTO, format!("{number}").as_bytes()].concat();
        let (status, answer) = send(&api, &format!("{case}/attachments"), &photo);
        assert_eq!(status, 200, "{answer}");
        urls.push((answer["url"].as_str().unwrap().to_owned(), photo));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_file(data.join("run/addresses.json")).unwrap();
    // What a kill in the middle of a file leaves behind.
    let half = data.join("attachments/ff");
    std::fs::create_dir_all(&half).unwrap();
    std::fs::write(half.join("ff-1-2.part"), b"half a pho").unwrap();
    // And what a refused request does: whole, and of no case.
    let orphan = half.join("f".repeat(64));
    std::fs::write(&orphan, PHOTO).unwrap();

    let mut child = serve(&config);
    let api = Api::login(&listening(&data), "admin", PASSWORD);
    for (url, photo) in &urls {
        assert_eq!(read(&api, url, "").2, *photo);
    }
    assert_eq!(api.list(&format!("{case}/attachments")).len(), 5);
    assert!(!half.join("ff-1-2.part").try_exists().unwrap(), "what was half written is swept");
    assert!(!orphan.try_exists().unwrap(), "and so is what no case names");
    // A device goes on as before.
    let sent = ureq::post(format!("{}/v1/devices/cover-1/telemetry", api.base()))
        .header("authorization", format!("Bearer {}", token_of("cover-1")))
        .send(r#"{"tilt_deg":1}"#);
    assert_eq!(sent.unwrap().status().as_u16(), 200);
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    let inspect = |more: &[&str]| gengfu(&[&["journal", "inspect", "--ledger", "--config", &config], more].concat());
    let (done, live) = inspect(&[]);
    assert!(done && live.contains("\"attachment\":{\"sha256\""), "{live}");
    assert!(live == inspect(&["--replay"]).1, "the ledger differs from its replay");
}
