//! Every channel against a local server that checks what the vendor's page says of it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel as queue};
use std::time::Duration;

use gengfu_model::{EffectId, OutboxItem, Seq, Timestamp};
use serde_json::{Value, json};

use super::{ChannelKind, SmsTemplate, SmtpSettings, SmtpTls, channel, dingtalk, feishu};
use crate::delivery::{Channel, Outcome};

const NOW: Timestamp = Timestamp(1_783_900_800_000);
const WAIT: Duration = Duration::from_secs(20);

/// One request: its target, and its body.
struct Seen {
    target: String,
    body: Value,
}

/// A server that answers each request with the next of `answers` (the last one for ever).
fn server(answers: Vec<&'static str>) -> (SocketAddr, Receiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = queue();
    std::thread::spawn(move || {
        let mut index = 0;
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let Some(seen) = read(&stream) else { continue };
            let answer = answers[index.min(answers.len() - 1)];
            index += 1;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
            (&stream).write_all(format!("{head}{answer}").as_bytes()).ok();
            if sender.send(seen).is_err() {
                return;
            }
        }
    });
    (address, receiver)
}

fn read(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    assert!(headers["content-type"].starts_with("application/json"), "{headers:?}");
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    let target = first.split(' ').nth(1)?.to_owned();
    Some(Seen { target, body: serde_json::from_slice(&body).ok()? })
}

fn item(address: &str, text: &str) -> OutboxItem {
    let body = json!({
        "kind": "alarm", "time": NOW, "number": "YC2026112400001", "severity": "critical", "user": "wang",
        "language": "zh", "address": address, "text_zh": text, "text_en": "a cover is open",
    });
    let id = EffectId { seq: Seq(7), ordinal: 2 };
    let (topic, body) = ("notification.robot".into(), body.to_string());
    OutboxItem { id, topic, time: NOW, body, case: None, withdrawn: None }
}

fn make(kind: ChannelKind, address: SocketAddr, path: &str) -> Box<dyn Channel> {
    channel(kind, &format!("http://{address}{path}"), b"", Duration::from_secs(10)).unwrap()
}

#[test]
fn wecom_gets_its_text_form_and_is_kept_to_twenty_a_minute() {
    let ok = r#"{"errcode":0,"errmsg":"ok"}"#;
    let (address, seen) = server(vec![ok]);
    let mut robot = make(ChannelKind::Wecom, address, "/cgi-bin/webhook/send?key=693a91f6");
    let outcome = robot.deliver(&item("wangqing", "井盖打开"), NOW);
    assert!(matches!(&outcome, Outcome::Delivered { answer } if answer.contains("errcode")), "{outcome:?}");
    let first = seen.recv_timeout(WAIT).unwrap();
    assert_eq!(first.target, "/cgi-bin/webhook/send?key=693a91f6");
    let sample = json!({ "msgtype": "text", "text": { "content": "井盖打开", "mentioned_list": ["wangqing"] } });
    assert_eq!(first.body, sample);
    robot.deliver(&item("13800001111", &"盖".repeat(2_000)), NOW);
    let second = seen.recv_timeout(WAIT).unwrap();
    assert_eq!(second.body["text"]["mentioned_mobile_list"], json!(["13800001111"]));
    let content = second.body["text"]["content"].as_str().unwrap();
    assert!(content.len() <= 2_048 && content.ends_with("..."), "{}", content.len());
    for _ in 2..20 {
        assert!(matches!(robot.deliver(&item("", "x"), NOW), Outcome::Delivered { .. }));
    }
    let outcome = robot.deliver(&item("", "x"), NOW.plus_ms(59_999));
    assert!(matches!(outcome, Outcome::Busy { until, .. } if until == NOW.plus_ms(60_000)), "{outcome:?}");
    assert!(matches!(robot.deliver(&item("", "x"), NOW.plus_ms(60_000)), Outcome::Delivered { .. }));
    assert_eq!(seen.try_iter().count(), 19, "what was held back did not go out");
}

#[test]
fn a_code_in_a_good_status_is_a_failure() {
    let (address, _seen) = server(vec![
        r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#,
        r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#,
        r#"{"errcode":40008,"errmsg":"invalid message type"}"#,
        "<html>please log in</html>",
    ]);
    let mut robot = make(ChannelKind::Wecom, address, "/send");
    let mut next = || robot.deliver(&item("", "x"), NOW);
    assert!(matches!(next(), Outcome::Busy { until, .. } if until == NOW.plus_ms(60_000)));
    assert!(matches!(next(), Outcome::Unavailable { .. }));
    assert!(matches!(next(), Outcome::Refused { .. }));
    assert!(matches!(next(), Outcome::Unavailable { .. }), "a page of a firewall is not the vendor's word");
}

/// The vendor publishes code for the robot and no value ("自定义机器人安全设置"): this one was computed by its Python
/// sample's steps in Python's own `hmac`, with its secret `this is secret`. See `sign.rs` for a value that it publishes.
#[test]
fn dingtalk_is_signed_in_the_address() {
    assert_eq!(dingtalk::sign("this is secret", NOW), DINGTALK_SIGN);
    let (address, seen) = server(vec![
        r#"{"errcode":0,"errmsg":"ok"}"#,
        r#"{"errcode":310000,"errmsg":"sign not match"}"#,
        r#"{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}"#,
    ]);
    let kind = ChannelKind::Dingtalk { secret: Some("this is secret".into()), keyword: Some("告警".into()) };
    let mut robot = make(kind, address, "/robot/send?access_token=X");
    assert!(matches!(robot.deliver(&item("13800001111", "井盖打开"), NOW), Outcome::Delivered { .. }));
    let first = seen.recv_timeout(WAIT).unwrap();
    let encoded = crate::delivery::http::percent_encode(DINGTALK_SIGN);
    assert_eq!(first.target, format!("/robot/send?access_token=X&timestamp={}&sign={encoded}", NOW.0));
    assert_eq!(
        first.body,
        json!({ "msgtype": "text", "text": { "content": "告警 井盖打开" },
                "at": { "atMobiles": ["13800001111"], "isAtAll": false } })
    );
    assert!(matches!(robot.deliver(&item("u1", "x"), NOW), Outcome::Unavailable { .. }));
    let outcome = robot.deliver(&item("u1", "x"), NOW);
    assert!(matches!(outcome, Outcome::Busy { until, .. } if until == NOW.plus_ms(600_000)), "{outcome:?}");
}

/// The vendor publishes code and no value ("自定义机器人使用指南"): this one was computed by its Python sample's steps in
/// Python's own `hmac`: the key is timestamp, line feed, secret; no message. WeCom's robots have no signature: the key
/// stands in their address.
#[test]
fn feishu_is_signed_in_the_body() {
    let seconds = NOW.0 / 1_000;
    assert_eq!(feishu::sign("demo", seconds), FEISHU_SIGN);
    let (address, seen) = server(vec![
        r#"{"code":0,"msg":"success","data":{}}"#,
        r#"{"StatusCode":0,"StatusMessage":"success"}"#,
        r#"{"code":19021,"msg":"sign match fail or timestamp is not within one hour from current time"}"#,
        r#"{"code":11232,"msg":"frequency limited psm"}"#,
        r#"{"code":9499,"msg":"Bad Request"}"#,
    ]);
    let kind = ChannelKind::Feishu { secret: Some("demo".into()), keyword: None };
    let mut robot = make(kind, address, "/open-apis/bot/v2/hook/xxx");
    assert!(matches!(robot.deliver(&item("ou_18eac8", "井盖打开"), NOW), Outcome::Delivered { .. }));
    let first = seen.recv_timeout(WAIT).unwrap();
    assert_eq!(
        first.body,
        json!({ "timestamp": seconds.to_string(), "sign": FEISHU_SIGN, "msg_type": "text",
                "content": { "text": "<at user_id=\"ou_18eac8\"></at> 井盖打开" } })
    );
    assert!(matches!(robot.deliver(&item("\"><x", "x"), NOW), Outcome::Delivered { .. }), "the older answer");
    assert_eq!(seen.recv_timeout(WAIT).unwrap().body["content"]["text"], "x", "no markup of an address's making");
    assert!(matches!(robot.deliver(&item("", "x"), NOW), Outcome::Unavailable { .. }));
    assert!(matches!(robot.deliver(&item("", "x"), NOW), Outcome::Busy { .. }));
    assert!(matches!(robot.deliver(&item("", "x"), NOW), Outcome::Refused { .. }));
    let sixth = robot.deliver(&item("", "x"), NOW);
    assert!(matches!(sixth, Outcome::Busy { until, .. } if until == NOW.plus_ms(1_000)), "5 a second: {sixth:?}");
}

const DINGTALK_SIGN: &str = "qDHm7hVN8igOAUm/VbVQ15Juif1lOqQstKKIBzBecPg=";
const FEISHU_SIGN: &str = "2cdz6CT87KodpHYtItGcnzaJx1sQKVma/vLUTI8ChW8=";

#[test]
fn an_sms_is_what_the_template_says() {
    let (address, seen) = server(vec![r#"{"data":{"code":"0"}}"#, r#"{"data":{"code":"17"}}"#]);
    let template = SmsTemplate {
        body: r#"{"key":"{secret}","to":["{phone}"],"content":"【城管】{text}","ref":"{id}"}"#.into(),
        ok_field: "data.code".into(),
        ok_value: "0".into(),
        secret: "s\"3".into(),
    };
    let mut sms = make(ChannelKind::Sms(template.clone()), address, "/send");
    let text = "井盖 \"A\"\n{phone}";
    assert!(matches!(sms.deliver(&item("13800001111", text), NOW), Outcome::Delivered { .. }));
    let first = seen.recv_timeout(WAIT).unwrap().body;
    let expected = json!({ "key": "s\"3", "to": ["13800001111"], "content": format!("【城管】{text}"), "ref": "7-2" });
    assert_eq!(first, expected);
    assert!(matches!(sms.deliver(&item("13800001111", "x"), NOW), Outcome::Refused { .. }));
    assert!(matches!(sms.deliver(&item("wang", "x"), NOW), Outcome::Refused { .. }), "no telephone number");
    let broken = SmsTemplate { body: "{phone} {text}".into(), ..template };
    assert!(channel(ChannelKind::Sms(broken), "http://127.0.0.1:9/", b"", WAIT).is_err());
}

/// A mail server that takes one message and gives its lines.
fn mail_server(answer_to_rcpt: &'static str) -> (SocketAddr, Receiver<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = queue();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let mut lines = Vec::new();
            let mut reader = BufReader::new(&stream);
            let mut in_data = false;
            let say = |text: &str| {
                (&stream).write_all(format!("{text}\r\n").as_bytes()).ok();
            };
            say("220 mail.example.cn ESMTP");
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    break;
                }
                let line = line.trim_end().to_owned();
                let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
                match (in_data, line.as_str(), verb.as_str()) {
                    (true, ".", _) => {
                        in_data = false;
                        say("250 2.0.0 queued as 4711");
                    }
                    (true, ..) => {}
                    (_, _, "EHLO") => say("250-mail.example.cn\r\n250-8BITMIME\r\n250 SMTPUTF8"),
                    (_, _, "RCPT") => say(answer_to_rcpt),
                    (_, _, "DATA") => {
                        in_data = true;
                        say("354 go on");
                    }
                    (_, _, "QUIT") => {
                        say("221 bye");
                        break;
                    }
                    _ => say("250 ok"),
                }
                lines.push(line);
            }
            if sender.send(lines).is_err() {
                return;
            }
        }
    });
    (address, receiver)
}

fn mailer(address: SocketAddr) -> Box<dyn Channel> {
    let settings = SmtpSettings { from: "duty@city.cn".into(), account: None, tls: SmtpTls::None };
    channel(ChannelKind::Smtp(settings), &address.to_string(), b"", Duration::from_secs(10)).unwrap()
}

#[test]
fn a_mail_reaches_its_one_recipient() {
    let (address, seen) = mail_server("250 ok");
    let outcome = mailer(address).deliver(&item("wang@city.cn", "井盖打开\n.\n请签收"), NOW);
    assert!(matches!(&outcome, Outcome::Delivered { answer } if answer.contains("4711")), "{outcome:?}");
    let lines = seen.recv_timeout(WAIT).unwrap();
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(has("MAIL FROM:<duty@city.cn>") && has("RCPT TO:<wang@city.cn>"), "{lines:?}");
    assert!(has("Message-ID: <7-2@city.cn>"), "{lines:?}");
    assert!(has("Content-Type: text/plain; charset=utf-8"), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("RCPT")).count(), 1);
}

#[test]
fn a_mail_that_the_server_does_not_want_is_refused() {
    let (address, _seen) = mail_server("550 5.1.1 no such user");
    let outcome = mailer(address).deliver(&item("nobody@city.cn", "x"), NOW);
    assert!(
        matches!(&outcome, Outcome::Refused { answer } if answer.contains("550") || answer.contains("no such")),
        "{outcome:?}"
    );
    assert!(matches!(mailer(address).deliver(&item("no address", "x"), NOW), Outcome::Refused { .. }));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(matches!(mailer(nobody).deliver(&item("wang@city.cn", "x"), NOW), Outcome::Unavailable { .. }));
}

#[test]
fn a_password_is_not_sent_in_the_clear() {
    let account = Some(("duty".to_owned(), "secret".to_owned()));
    let settings = SmtpSettings { from: "duty@city.cn".into(), account, tls: SmtpTls::None };
    let made = channel(ChannelKind::Smtp(settings), "mail.city.cn:25", b"", WAIT);
    assert!(made.is_err_and(|error| error.to_string().contains("not encrypted")));
}
