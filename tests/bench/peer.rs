//! The peer on the same machine, with the same load, in the same run: mosquitto, which keeps nothing, with one
//! subscriber that takes every message (as a store behind it would).

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::server::{Process, free};

/// A mosquitto and its subscriber.
pub(crate) struct Peer {
    pub(crate) broker: SocketAddr,
    pub(crate) process: Process,
    subscriber: Process,
}

impl Peer {
    /// Starts them; `None` where mosquitto is not installed.
    pub(crate) fn start(folder: &Path) -> Option<Peer> {
        let broker = free();
        let config = folder.join("mosquitto.conf");
        let text = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\n\
             max_inflight_messages 0\nlog_type error\n",
            broker.port()
        );
        std::fs::write(&config, text).expect("the configuration is written");
        let quiet = |command: &mut Command| {
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().ok().map(Process)
        };
        let program = ["mosquitto", "/usr/sbin/mosquitto"];
        let process = program.iter().find_map(|name| quiet(Command::new(name).arg("-c").arg(&config)))?;
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(broker).is_err() {
            if Instant::now() > until {
                return None;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let port = broker.port().to_string();
        let subscriber = quiet(Command::new("mosquitto_sub").args(["-p", &port, "-q", "0", "-t", "#"]))?;
        Some(Peer { broker, process, subscriber })
    }

    /// CPU time of broker and subscriber so far, in microseconds.
    pub(crate) fn cpu_us(&self) -> f64 {
        self.process.cpu_us() + self.subscriber.cpu_us()
    }
}
