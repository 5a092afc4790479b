//! Promise: a gateway may be stopped at any moment, also while it starts, and as often as anybody likes.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::disk_full::{Publisher, journaled};
use crate::harness::{token_of, wait_for};

const RESTARTS: usize = 5;

/// The program with a data folder and ports of its own, which stay the same over restarts.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    config: PathBuf,
    pub(crate) mqtt: SocketAddr,
    pub(crate) http: SocketAddr,
}

/// An address that is free now.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Server {
    pub(crate) fn new() -> Server {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("gengfu.toml");
        let (mqtt, http) = (free(), free());
        let text = format!(
            "[data]\nfolder = \"data\"\n[mqtt]\nlisten = \"{mqtt}\"\nrate = 100000\n[coap]\nenabled = false\n\
             [http]\nlisten = \"{http}\"\n[journal]\nsegment = \"1MiB\"\n[engine]\ncheckpoint_every = \"1s\"\n"
        );
        std::fs::write(&config, text).unwrap();
        Server { folder, config, mqtt, http }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gengfu"));
        command.args(arguments).arg("--config").arg(&self.config).stdin(Stdio::null()).env("GENGFU_LOG", "warn");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        self.run_with_input(arguments, "")
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> String {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs what is to fail with exit code 1; gives what it tells.
    pub(crate) fn fail(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {told}");
        told
    }

    pub(crate) fn serve(&self) -> Running {
        Running(self.command(&["serve"]).stderr(Stdio::null()).spawn().unwrap())
    }

    /// What the ledger holds is what the journal amounts to.
    pub(crate) fn check_ledger(&self, when: &str) -> String {
        let ledger = self.run(&["journal", "inspect", "--ledger"]);
        let replayed = self.run(&["journal", "inspect", "--ledger", "--replay"]);
        assert!(ledger == replayed, "{when}: the ledger differs from its replay");
        ledger
    }
}

/// A running gateway that does not outlive its test.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn terminate(mut self) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let status = self.0.wait().unwrap();
        assert!(status.success(), "a gateway that is told to stop ends well: {status}");
    }
}

impl Running {
    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn lock_names(data: &Path, pid: u32) -> bool {
    std::fs::read_to_string(data.join("gengfu.lock")).is_ok_and(|text| text.trim() == pid.to_string())
}

#[test]
fn five_restarts_in_a_row_with_traffic() {
    let server = Server::new();
    server.run(&["devices", "add", "busy", "--kind", "manhole", "--token", &token_of("busy")]);
    let mut gateway = server.serve();
    wait_for("the port", || TcpStream::connect(server.mqtt).ok());
    let publisher = Publisher::start(server.mqtt, "busy");
    for restart in 1..=RESTARTS {
        publisher.wait_for_more(100);
        gateway.terminate();
        server.check_ledger(&format!("restart {restart}"));
        gateway = server.serve();
    }
    publisher.wait_for_more(100);
    let acknowledged = publisher.end();
    gateway.terminate();
    server.check_ledger("the end");
    let journaled = journaled(&server.data());
    let lost = acknowledged.iter().filter(|id| !journaled.contains(*id)).count();
    assert_eq!(lost, 0, "of {} acknowledged messages", acknowledged.len());
}

#[test]
fn a_stop_during_the_start_is_a_clean_stop() {
    let server = Server::new();
    server.run(&["devices", "add", "busy", "--kind", "manhole", "--token", &token_of("busy")]);
    let before = server.check_ledger("before");
    for _ in 0..RESTARTS {
        let gateway = server.serve();
        wait_for("the lock", || lock_names(&server.data(), gateway.0.id()).then_some(()));
        gateway.terminate();
    }
    let after = server.check_ledger("after");
    let rows = |ledger: &str| ledger.lines().filter(|line| line.contains(r#""table":"device""#)).count();
    assert_eq!((rows(&after), rows(&before)), (1, 1), "the register is what it was");
}
