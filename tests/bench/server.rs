//! The server under measurement: a process of its own, watched through /proc.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};

const CLOCK_TICKS_A_SECOND: f64 = 100.0;

/// A data folder with its configuration, and where its gateway listens.
pub(crate) struct Server {
    config: PathBuf,
    pub(crate) data: PathBuf,
    log: PathBuf,
    pub(crate) mqtt: SocketAddr,
    pub(crate) mqtts: SocketAddr,
    pub(crate) http: SocketAddr,
    /// What TLS clients trust.
    pub(crate) certificate: String,
}

/// A free address; given back at once, so that the server can take it.
pub(crate) fn free() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}

impl Server {
    pub(crate) fn new(folder: &Path) -> Server {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a certificate");
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        std::fs::write(folder.join("server.pem"), &certificate).expect("the certificate is written");
        std::fs::write(folder.join("server.key"), key.serialize_pem()).expect("the key is written");
        let (mqtt, mqtts, http) = (free(), free(), free());
        let config = folder.join("gengfu.toml");
        let text = format!(
            "[data]\nfolder = \"data\"\n[mqtt]\nlisten = \"{mqtt}\"\nlisten_tls = \"{mqtts}\"\n\
             tls_certificate = \"server.pem\"\ntls_key = \"server.key\"\nrate = 100000\n\
             [coap]\nenabled = false\n[http]\nlisten = \"{http}\"\n"
        );
        std::fs::write(&config, text).expect("the configuration is written");
        Server { config, data: folder.join("data"), log: folder.join("serve.log"), mqtt, mqtts, http, certificate }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gengfu"));
        command.args(arguments).arg("--config").arg(&self.config);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) {
        self.run_with_input(arguments, "");
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) {
        let mut command = self.command(arguments);
        command.env("GENGFU_LOG", "warn").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("gengfu runs");
        child.stdin.take().expect("an input").write_all(input.as_bytes()).expect("the input is taken");
        assert!(child.wait().expect("gengfu ends").success(), "{arguments:?} failed");
    }

    pub(crate) fn start(&self) -> Process {
        let log = std::fs::File::create(&self.log).expect("the log is made");
        let mut command = self.command(&["serve"]);
        command.env("GENGFU_LOG", "info").env("NO_COLOR", "1").stdin(Stdio::null()).stderr(log);
        let mut child = command.spawn().expect("gengfu starts");
        while !self.is_ready() {
            let ended = child.try_wait().expect("the gateway can be waited for");
            assert!(ended.is_none(), "the gateway ended: {}", std::fs::read_to_string(&self.log).unwrap_or_default());
            std::thread::sleep(Duration::from_millis(5));
        }
        Process(child)
    }

    /// Recovery is done and messages are taken.
    fn is_ready(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(self.http) else { return false };
        let asked = stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n");
        let mut answer = String::new();
        asked.and_then(|()| stream.read_to_string(&mut answer)).is_ok() && answer.starts_with("HTTP/1.1 200")
    }

    /// How many records the last start replayed, by its log.
    pub(crate) fn replayed(&self) -> u64 {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let number = log.split("replayed=").nth(1).unwrap_or_default();
        let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_default()
    }

    /// Bytes of the files of a folder within the data folder whose names begin with `prefix`.
    pub(crate) fn bytes(&self, folder: &str, prefix: &str) -> u64 {
        let entries = std::fs::read_dir(self.data.join(folder)).into_iter().flatten().flatten();
        entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
            .filter_map(|entry| entry.metadata().ok())
            .filter(std::fs::Metadata::is_file)
            .map(|data| data.len())
            .sum()
    }
}

/// A running server, killed when it is dropped.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    fn stat(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.0.id())).unwrap_or_default()
    }

    /// CPU time so far, in microseconds, user and system.
    pub(crate) fn cpu_us(&self) -> f64 {
        let stat = self.stat("stat");
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
        (ticks(11) + ticks(12)) / CLOCK_TICKS_A_SECOND * 1e6
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> u64 {
        let status = self.stat("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() * 1_024
    }

    /// Waits until what was acknowledged has gone all the way: one measurement's backlog is not the next one's.
    pub(crate) fn wait_until_idle(&self) {
        for _ in 0..600 {
            let before = self.cpu_us();
            std::thread::sleep(Duration::from_millis(500));
            if self.cpu_us() - before < 50_000.0 {
                return;
            }
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        // It may have ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
