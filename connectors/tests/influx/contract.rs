//! Promise: what is sent is what InfluxDB's documentation asks for, and each of its answers is taken
//! for what it means.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gengfu_connectors::series::influx::{Api, InfluxSettings, InfluxWriter, WriteError};
use gengfu_model::Seq;

use crate::fake::{Answer, Fake};
use crate::support::{Feeder, START_MS, lines, quick, tilt, wait_for};

fn writer(fake: &Fake) -> InfluxWriter {
    InfluxWriter::new(&quick(&fake.url())).unwrap()
}

fn again(result: Result<gengfu_connectors::series::influx::Written, WriteError>) -> String {
    match result {
        Err(WriteError::Again(message)) => message,
        other => panic!("not to be sent again: {other:?}"),
    }
}

#[test]
fn a_write_is_the_documented_request() {
    let fake = Fake::start(|_| Answer::status(204));
    let settings = InfluxSettings {
        org: "市政 局&co".to_owned(),
        bucket: "telemetry/raw".to_owned(),
        token: "abc-_==".to_owned(),
        ..quick(&fake.url())
    };
    let mut writer = InfluxWriter::new(&settings).unwrap();
    let batch = lines(&[tilt("cover-1", START_MS, 1, 2.5), tilt("cover-2", START_MS + 1, 2, 3.0)]);
    let written = writer.write(&batch, Seq(2)).unwrap();
    assert_eq!((written.lines, written.refused), (2, 0));
    let [write] = &fake.writes()[..] else { panic!("one write, not {:?}", fake.writes()) };
    assert_eq!(write.path, "/api/v2/write");
    let parameter = |name: &str| write.query.get(name).map(String::as_str);
    assert_eq!(parameter("org"), Some("市政 局&co"));
    assert_eq!(parameter("bucket"), Some("telemetry/raw"));
    assert_eq!(parameter("precision"), Some("ms"));
    assert_eq!(write.query.len(), 3);
    assert_eq!(write.headers.get("authorization").map(String::as_str), Some("Token abc-_=="));
    let expected =
        format!("manhole,device=cover-1 tilt_deg=2.5 {START_MS}\nmanhole,device=cover-2 tilt_deg=3 {}\n", START_MS + 1);
    assert_eq!(write.body, expected);
}

#[test]
fn without_a_token_nothing_is_said_about_one() {
    let fake = Fake::start(|_| Answer::status(204));
    writer(&fake).write(&lines(&[tilt("c", START_MS, 1, 1.0)]), Seq(1)).unwrap();
    assert!(!fake.writes()[0].headers.contains_key("authorization"));
}

#[test]
fn the_older_api_is_another_path_with_another_login() {
    let fake = Fake::start(|_| Answer::status(204));
    let settings = InfluxSettings { api: Api::V1, token: "user:pass:word".to_owned(), ..quick(&fake.url()) };
    let mut writer = InfluxWriter::new(&settings).unwrap();
    writer.write(&lines(&[tilt("c", START_MS, 1, 1.0)]), Seq(1)).unwrap();
    let write = &fake.writes()[0];
    assert_eq!(write.path, "/write");
    assert_eq!(write.query.get("db").map(String::as_str), Some("telemetry"));
    assert_eq!(write.query.get("precision").map(String::as_str), Some("ms"));
    // printf 'user:pass:word' | base64
    assert_eq!(write.headers.get("authorization").map(String::as_str), Some("Basic dXNlcjpwYXNzOndvcmQ="));
    assert_eq!(write.body, format!("manhole,device=c tilt_deg=1 {START_MS}\n"));
}

#[test]
fn only_204_is_success() {
    for status in [200, 201, 202, 301, 302] {
        let fake =
            Fake::start(move |_| Answer::Status(status, vec![("Location", "/elsewhere".to_owned())], "ok".to_owned()));
        let mut writer = writer(&fake);
        let message = again(writer.write(&lines(&[tilt("c", START_MS, 1, 1.0)]), Seq(1)));
        assert!(message.contains(&status.to_string()), "{message}");
        assert_eq!(fake.writes().len(), 1, "a redirect is not followed");
        assert_eq!(writer.confirm(), Ok(None));
    }
}

#[test]
fn a_refused_line_costs_itself_alone() {
    let fake = Fake::start(|request| {
        if request.body.contains("device=bad") {
            Answer::error(400, "invalid", "unable to parse 'manhole,device=bad'")
        } else {
            Answer::status(204)
        }
    });
    let points: Vec<_> = (0..100).map(|n| tilt(if n == 37 { "bad" } else { "good" }, START_MS + n, 1, 1.0)).collect();
    let written = writer(&fake).write(&lines(&points), Seq(1)).unwrap();
    assert_eq!((written.lines, written.refused), (99, 1));
    assert!(written.why.unwrap().contains("unable to parse"));
    let taken: usize = fake
        .writes()
        .iter()
        .filter(|write| !write.body.contains("device=bad"))
        .map(|write| write.body.lines().count())
        .sum();
    assert_eq!(taken, 99, "each good line once");
}

#[test]
fn a_store_that_refuses_everything_is_not_asked_without_end() {
    let fake = Fake::start(|_| Answer::error(422, "unprocessable entity", "points beyond retention policy"));
    let points: Vec<_> = (0..2_000).map(|n| tilt("c", START_MS + n, 1, 1.0)).collect();
    let written = writer(&fake).write(&lines(&points), Seq(1)).unwrap();
    assert_eq!((written.lines, written.refused), (0, 2_000));
    assert!(fake.writes().len() <= 200, "{} calls", fake.writes().len());
}

#[test]
fn a_body_that_is_too_large_is_sent_in_parts() {
    let fake = Fake::start(|request| {
        if request.body.lines().count() > 10 {
            Answer::error(413, "request too large", "cannot read data: points batch is too large")
        } else {
            Answer::status(204)
        }
    });
    let points: Vec<_> = (0..60).map(|n| tilt("c", START_MS + n, 1, 1.0)).collect();
    let written = writer(&fake).write(&lines(&points), Seq(1)).unwrap();
    assert_eq!((written.lines, written.refused), (60, 0));
}

#[test]
fn a_wrong_token_or_bucket_is_waited_out_and_nothing_is_given_up() {
    for (status, code, hint) in [(401, "unauthorized", "token"), (404, "not found", "bucket")] {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let fake = Fake::start(move |_| {
            if counted.fetch_add(1, Ordering::SeqCst) < 3 {
                Answer::error(status, code, "no")
            } else {
                Answer::status(204)
            }
        });
        let mut writer = writer(&fake);
        let batch = lines(&[tilt("c", START_MS, 1, 1.0)]);
        let message = again(writer.write(&batch, Seq(1)));
        assert!(message.contains(hint), "{message}");
        assert!(writer.wait() > Duration::ZERO);
        let written = wait_for("the write", || writer.write(&batch, Seq(1)).ok());
        assert_eq!((written.lines, written.refused), (1, 0));
        assert_eq!(calls.load(Ordering::SeqCst), 4);
    }
}

#[test]
fn a_busy_store_is_given_time() {
    let busy = |api: Api, status: u16| {
        let fake = Fake::start(move |_| {
            let Answer::Status(_, mut headers, body) = Answer::error(status, "too many requests", "slow down") else {
                unreachable!("an error is a status");
            };
            headers.push(("Retry-After", "120".to_owned()));
            Answer::Status(status, headers, body)
        });
        let settings = InfluxSettings {
            api,
            retry_first: Duration::from_millis(500),
            retry_most: Duration::from_secs(30),
            ..quick(&fake.url())
        };
        let mut writer = InfluxWriter::new(&settings).unwrap();
        let message = again(writer.write(&lines(&[tilt("c", START_MS, 1, 1.0)]), Seq(1)));
        assert!(message.contains("slow down"), "{message}");
        writer.wait()
    };
    for status in [429, 503] {
        let wait = busy(Api::V1, status);
        assert!(wait > Duration::from_secs(100) && wait <= Duration::from_secs(120), "Retry-After counts: {wait:?}");
        // The version 2 client does not hand out the header: the wait is our own, and not a short one.
        let wait = busy(Api::V2, status);
        assert!(wait > Duration::from_secs(4), "{wait:?}");
    }
}

#[test]
fn a_store_that_never_answers_costs_the_timeout_and_no_more() {
    let fake = Fake::start(|_| Answer::Silence);
    let settings = InfluxSettings { timeout: Duration::from_millis(300), ..quick(&fake.url()) };
    let mut writer = InfluxWriter::new(&settings).unwrap();
    let message = again(writer.write(&lines(&[tilt("c", START_MS, 1, 1.0)]), Seq(1)));
    assert!(!message.is_empty());
    assert_eq!(writer.confirm(), Ok(None));
}

#[test]
fn a_position_is_confirmed_only_after_its_time_and_a_sign_of_life() {
    let fake = Fake::start(|_| Answer::status(204));
    let settings = quick(&fake.url());
    let mut writer = InfluxWriter::new(&settings).unwrap();
    let before = Instant::now();
    writer.write(&lines(&[tilt("c", START_MS, 1, 1.0)]), Seq(7)).unwrap();
    assert_eq!(writer.confirm(), Ok(None), "an acknowledgement alone is not enough");
    let confirmed = wait_for("the confirmation", || writer.confirm().unwrap());
    assert_eq!(confirmed, Seq(7));
    assert!(before.elapsed() >= settings.confirm_after);
    // A stretch without lines needs no time.
    writer.write(&lines(&[]), Seq(9)).unwrap();
    assert_eq!(writer.confirm(), Ok(Some(Seq(9))));
    assert_eq!(fake.writes().len(), 1);
}

#[test]
fn after_a_cut_connection_the_unconfirmed_is_sent_again() {
    let fake = Fake::start(|_| Answer::status(204));
    let batches = (0..3).map(|n| lines(&[tilt("c", START_MS + n, 1, 1.0)])).collect();
    let mut feeder = Feeder::new(&quick(&fake.url()), batches);
    while feeder.next < 3 {
        feeder.step();
    }
    fake.cut();
    feeder.finish();
    assert!(feeder.rewinds >= 1);
    for n in 0..3 {
        let time = format!(" {}\n", START_MS + n);
        let times = fake.writes().iter().filter(|write| write.body.ends_with(&time)).count();
        assert!(times >= 2, "batch {n} was sent {times} times");
    }
}

#[test]
fn a_connection_that_the_store_closes_in_order_is_no_loss() {
    let fake = Fake::start_raw(
        Box::new(|request| match request.method.as_str() {
            "POST" => Answer::status(204),
            _ => Answer::Status(200, vec![("Connection", "close".to_owned())], "OK".to_owned()),
        }),
        None,
    );
    let batches = (0..3).map(|n| lines(&[tilt("c", START_MS + n, 1, 1.0)])).collect();
    let mut feeder = Feeder::new(&quick(&fake.url()), batches);
    feeder.finish();
    assert_eq!((feeder.rewinds, fake.writes().len()), (0, 3));
}

#[test]
fn a_store_that_says_it_is_not_ready_is_not_written_to() {
    let ready = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&ready);
    let fake = Fake::start_raw(
        Box::new(move |request| match request.method.as_str() {
            "POST" => Answer::status(204),
            _ if asked.fetch_add(1, Ordering::SeqCst) == 0 => Answer::error(503, "unavailable", "starting"),
            _ => Answer::status(200),
        }),
        None,
    );
    let mut writer = writer(&fake);
    let batch = lines(&[tilt("c", START_MS, 1, 1.0)]);
    assert!(again(writer.write(&batch, Seq(1))).contains("503"));
    assert!(fake.writes().is_empty());
    assert!(writer.write(&batch, Seq(1)).is_ok());
}

#[test]
fn an_address_that_is_none_is_an_error_and_no_panic() {
    for url in ["", "/3242/23", "not an address", "http://h/with/path"] {
        assert!(InfluxWriter::new(&quick(url)).is_err(), "{url}");
    }
}
