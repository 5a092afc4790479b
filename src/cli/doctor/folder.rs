//! Permissions, room on the disk, and ports.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use gengfu_ingest::journal::RealDisk;
use gengfu_ingest::journal::disk::KEEP_FREE_BYTES;

use super::Findings;
use crate::config::{Config, Size};
use crate::gateway::Addresses;

/// With less room than so many segments, somebody should look.
const FEW_SEGMENTS: u64 = 8;
/// The secret's length.
const SECRET_BYTES: u64 = 64;

pub(super) fn look_at_permissions(data: &Path, found: &mut Findings) {
    match std::fs::metadata(data) {
        Ok(metadata) if metadata.permissions().mode() & 0o002 != 0 => {
            found.warn("folder", format!("anybody on this machine may write to {}: `chmod o-w` it", data.display()));
        }
        Ok(_) => found.good("folder", data.display().to_string()),
        Err(error) => found.wrong("folder", format!("{}: {error}", data.display())),
    }
    let secret = data.join("secret.key");
    match std::fs::metadata(&secret) {
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => {
            let mode = metadata.permissions().mode() & 0o777;
            let told = format!("{} has mode {mode:o}: others may read it; `chmod 600` it", secret.display());
            found.wrong("secret", told);
        }
        Ok(metadata) if metadata.len() != SECRET_BYTES => {
            let told = format!("{} has {} bytes instead of {SECRET_BYTES}", secret.display(), metadata.len());
            found.wrong("secret", format!("{told}: restore it, or devices and staff need new credentials"));
        }
        Ok(_) => found.good("secret", "only its owner may read it"),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            found.warn("secret", format!("{} is not there: a start makes a new one", secret.display()));
        }
        Err(error) => found.wrong("secret", format!("{}: {error}", secret.display())),
    }
}

pub(super) fn look_at_room(config: &Config, found: &mut Findings) {
    let segment = config.journal.segment.0;
    match RealDisk::open(&config.data.folder).and_then(|disk| disk.available()) {
        Ok(free) if free < segment + KEEP_FREE_BYTES => found.wrong(
            "disk",
            format!("{} free, no room for another segment: devices will be refused; free some", mebibytes(free)),
        ),
        Ok(free) if free < FEW_SEGMENTS * segment => {
            found.warn("disk", format!("{} free, room for {} segments", mebibytes(free), free / segment));
        }
        Ok(free) => found.good("disk", format!("{} free", mebibytes(free))),
        Err(error) => found.wrong("disk", error.to_string()),
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes / Size(1 << 20).0)
}

/// A listener of the configuration.
struct Port {
    key: &'static str,
    configured: SocketAddr,
    /// Where the running gateway says that it listens.
    actual: Option<SocketAddr>,
    udp: bool,
}

pub(super) fn look_at_ports(config: &Config, running: bool, found: &mut Findings) {
    let file = config.data.folder.join("run").join("addresses.json");
    let read = || serde_json::from_slice::<Addresses>(&std::fs::read(&file).ok()?).ok();
    let actual = if running { read().unwrap_or_default() } else { Addresses::default() };
    let tcp = |key, configured, actual| Port { key, configured, actual, udp: false };
    let mut ports = vec![tcp("http.listen", config.http.listen, actual.http)];
    if config.mqtt.enabled {
        ports.push(tcp("mqtt.listen", config.mqtt.listen, actual.mqtt));
        ports.extend(config.mqtt.listen_tls.map(|listen| tcp("mqtt.listen_tls", listen, actual.mqtt_tls)));
    }
    if config.coap.enabled {
        ports.push(Port { key: "coap.listen", configured: config.coap.listen, actual: actual.coap, udp: true });
    }
    if config.feed.enabled {
        ports.push(tcp("feed.listen", config.feed.listen, actual.feed));
    }
    for port in ports {
        look_at_port(&port, running, found);
    }
}

fn look_at_port(port: &Port, running: bool, found: &mut Findings) {
    let Port { key, configured, .. } = port;
    if let Some(actual) = port.actual {
        let same = configured.port() == 0 || *configured == actual;
        if same {
            found.good("ports", format!("`{key}`: our own gateway listens on {actual}"));
        } else {
            let told = format!("`{key}` is {configured}, but the running gateway listens on {actual}: restart it");
            found.warn("ports", told);
        }
        return;
    }
    let bound = if port.udp { UdpSocket::bind(configured).map(drop) } else { TcpListener::bind(configured).map(drop) };
    match bound {
        Ok(()) if running => {
            found.warn("ports", format!("`{key}`: the running gateway does not listen on {configured}: restart it"));
        }
        Ok(()) => found.good("ports", format!("`{key}`: {configured} is free")),
        Err(error) => found
            .wrong("ports", format!("`{key}`: {configured}: {error}; set it to another address, or stop what uses it")),
    }
}
