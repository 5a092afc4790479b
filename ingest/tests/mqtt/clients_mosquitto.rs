//! The clients of Debian's `mosquitto-clients` against the listener.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use gengfu_ingest::mqtt::{CommandOutcome, CommandQos};

use crate::harness::{Gateway, T0, command, eventually, soon, token};

/// The tool with what every call has. A missing tool fails the test.
fn tool(name: &str, gateway: &Gateway, version: &str) -> Command {
    let mut command = Command::new(name);
    command.args(["-h", "127.0.0.1", "-p", &gateway.addr.port().to_string(), "-V", version]);
    command.args(["-u", "a", "-P", &token("a"), "-i", "mosquitto-a"]);
    command
}

fn start(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap_or_else(|error| {
        panic!("{:?} cannot be started ({error}): install the Debian package mosquitto-clients", command.get_program())
    })
}

async fn run(mut command: Command) -> Output {
    let child = start(&mut command);
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    soon("the tool", output).await.unwrap()
}

const VERSIONS: [&str; 2] = ["mqttv311", "mqttv5"];

#[tokio::test]
async fn mosquitto_pub_publishes_with_every_qos() {
    let gateway = Gateway::start().await;
    let mut expected = 0;
    for version in VERSIONS {
        for qos in ["0", "1", "2"] {
            let mut publish = tool("mosquitto_pub", &gateway, version);
            publish.args(["-q", qos, "-t", "v1/devices/a/telemetry", "-m", "{\"tilt_deg\":3}"]);
            let output = run(publish).await;
            assert!(output.status.success(), "{version} QoS {qos}: {output:?}");
            expected += 1;
            assert_eq!(&*gateway.journal.messages(expected).await[expected - 1].payload, b"{\"tilt_deg\":3}");
        }
    }
    assert_eq!(gateway.journal.count(), 6);
}

#[tokio::test]
async fn mosquitto_pub_sends_many_lines() {
    let gateway = Gateway::start().await;
    for (version, total) in [("mqttv311", 100), ("mqttv5", 200)] {
        let mut publish = tool("mosquitto_pub", &gateway, version);
        publish.args(["-q", "2", "-t", "v1/devices/me/up", "-l"]);
        publish.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = publish.spawn().expect("install the Debian package mosquitto-clients");
        let mut stdin = child.stdin.take().unwrap();
        let output = tokio::task::spawn_blocking(move || {
            use std::io::Write;
            for n in 0..100 {
                writeln!(stdin, "message {n}").unwrap();
            }
            drop(stdin);
            child.wait_with_output().unwrap()
        });
        let output = soon("the tool", output).await.unwrap();
        assert!(output.status.success(), "{version}: {output:?}");
        let messages = gateway.journal.messages(total).await;
        assert_eq!(&*messages[total - 100].payload, b"message 0");
        assert_eq!(&*messages[total - 1].payload, b"message 99");
        assert_eq!(messages.len(), total);
    }
}

#[tokio::test]
async fn mosquitto_pub_is_told_of_refusals() {
    let gateway = Gateway::start().await;
    let mut wrong = tool("mosquitto_pub", &gateway, "mqttv311");
    wrong.args(["-P", "wrong", "-t", "v1/devices/a/up", "-m", "x"]);
    let output = run(wrong).await;
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("bad user name or password"), "{output:?}");
    let mut other = tool("mosquitto_pub", &gateway, "mqttv5");
    other.args(["-q", "1", "-t", "v1/devices/b/up", "-m", "x"]);
    let output = run(other).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("Not authorized"), "{output:?}");
    let mut other = tool("mosquitto_pub", &gateway, "mqttv311");
    other.args(["-q", "1", "-t", "v1/devices/b/up", "-m", "x"]);
    // It would try again for ever; what counts is that nothing was taken.
    let mut child = start(&mut other);
    eventually("the connection was closed", || gateway.refused("not_your_topic") > 0).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(gateway.journal.count(), 0);
}

#[tokio::test]
async fn mosquitto_sub_receives_commands() {
    for version in VERSIONS {
        for (qos, outcome) in [("0", CommandOutcome::Sent), ("1", CommandOutcome::Acknowledged)] {
            let mut gateway = Gateway::start().await;
            let mut subscribe = tool("mosquitto_sub", &gateway, version);
            subscribe.args(["-q", qos, "-t", "v1/devices/a/commands", "-C", "1", "-F", "%t %p"]);
            let child = start(&mut subscribe);
            eventually("the device listens", || {
                gateway.commands.send(command("a", "c1", CommandQos::AtLeastOnce), T0).is_ok()
            })
            .await;
            let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
            let output = soon("the tool", output).await.unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "v1/devices/a/commands {\"id\":\"c1\"}");
            assert_eq!(gateway.report().await.outcome, outcome, "{version} QoS {qos}");
        }
    }
}

#[tokio::test]
async fn mosquitto_sub_receives_what_waited_in_its_session() {
    for version in VERSIONS {
        let mut gateway = Gateway::start().await;
        let resuming = |gateway: &Gateway| {
            let mut subscribe = tool("mosquitto_sub", gateway, version);
            subscribe.args(["-c", "-q", "1", "-t", "v1/devices/me/commands"]);
            if version == "mqttv5" {
                subscribe.args(["-x", "3600"]);
            }
            subscribe
        };
        let output = run({
            let mut first = resuming(&gateway);
            first.arg("-E");
            first
        })
        .await;
        assert!(output.status.success(), "{output:?}");
        gateway.offline("a").await;
        gateway.commands.send(command("a", "waited", CommandQos::AtLeastOnce), T0).unwrap();
        let mut child = start(resuming(&gateway).args(["-C", "1"]));
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let line = tokio::task::spawn_blocking(move || stdout.lines().next().unwrap().unwrap());
        assert_eq!(soon("a line", line).await.unwrap(), "{\"id\":\"waited\"}");
        assert_eq!(gateway.report().await.outcome, CommandOutcome::Acknowledged);
        child.wait().unwrap();
    }
}

#[tokio::test]
async fn mosquitto_sub_is_refused_other_topics() {
    let gateway = Gateway::start().await;
    for version in VERSIONS {
        let mut subscribe = tool("mosquitto_sub", &gateway, version);
        subscribe.args(["-t", "#", "-W", "5"]);
        let output = run(subscribe).await;
        assert!(String::from_utf8_lossy(&output.stderr).contains("denied"), "{version}: {output:?}");
    }
}

#[tokio::test]
async fn mosquitto_wills_reach_the_journal() {
    let gateway = Gateway::start().await;
    let mut subscribe = tool("mosquitto_sub", &gateway, "mqttv311");
    subscribe.args(["-t", "v1/devices/a/commands"]);
    subscribe.args(["--will-topic", "v1/devices/a/events", "--will-payload", "lost"]);
    let mut child = start(&mut subscribe);
    eventually("the device is connected", || gateway.commands.connected() == 1).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(&*gateway.journal.messages(1).await[0].payload, b"lost");
}
