//! A device's open connection: how it is made, and when it is good, idle or dead.

use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use super::Fleet;
use crate::city::CityDevice;
use crate::mqtt::{Connection, Login, Version, WireError};

/// Publishes without acknowledgement, at most; a gateway stops reading at 32.
const WINDOW: usize = 16;
/// A login that takes longer is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// A server that acknowledges nothing for so long is taken for dead.
const ACK_TIMEOUT: Duration = Duration::from_secs(30);
/// Keep-alive as announced, and after how much silence a ping is sent.
const KEEP_ALIVE_S: u16 = 300;
const PING_AFTER: Duration = Duration::from_secs(200);
/// A connection that lasts so long was a good one: after it, waiting begins anew. One that is lost
/// sooner may be another device's with the same id, or a server that throws everybody out.
const STABLE: Duration = Duration::from_secs(30);

/// An open connection and, if it counts against the shared budget, its permit.
pub(super) struct Link<'f> {
    pub(super) connection: Connection,
    _permit: Option<SemaphorePermit<'f>>,
    pub(super) window: usize,
    opened: Instant,
    last_sent: Instant,
    /// The last time that something was acknowledged, or that nothing was left to be.
    last_progress: Instant,
}

impl<'f> Link<'f> {
    /// Connects and logs in. A device that keeps its connection listens for commands on it; another
    /// one waits for a permit first.
    pub(super) async fn open(
        fleet: &'f Fleet,
        device: &CityDevice,
        version: Version,
        keeps: bool,
        packet_id: u16,
    ) -> Result<Link<'f>, WireError> {
        // The semaphore is never closed.
        let permit = if keeps { None } else { fleet.permits.acquire().await.ok() };
        let topic = format!("v1/devices/{}/telemetry", device.id);
        let login = Login { device: &device.id, token: &device.token };
        let broker = fleet.options.broker;
        let mut connection = Connection::open(broker, version, login, &topic, KEEP_ALIVE_S, CONNECT_TIMEOUT).await?;
        if keeps {
            connection.subscribe(&format!("v1/devices/{}/commands", device.id), packet_id)?;
        }
        let window = WINDOW.min(usize::from(connection.receive_maximum()));
        let now = Instant::now();
        Ok(Link { connection, _permit: permit, window, opened: now, last_sent: now, last_progress: now })
    }

    pub(super) fn sent(&mut self) {
        self.last_sent = Instant::now();
    }

    pub(super) fn progressed(&mut self) {
        self.last_progress = Instant::now();
    }

    /// Adds a ping when the connection was quiet for long.
    pub(super) fn ping_if_quiet(&mut self) {
        if self.last_sent.elapsed() >= PING_AFTER {
            self.connection.ping();
            self.sent();
        }
    }

    pub(super) fn was_stable(&self) -> bool {
        self.opened.elapsed() >= STABLE
    }

    /// Whether the server leaves what is in flight unacknowledged for too long.
    pub(super) fn is_stuck(&self, in_flight: usize) -> bool {
        in_flight > 0 && self.last_progress.elapsed() >= ACK_TIMEOUT
    }

    /// When to look at the connection again if nothing comes in.
    pub(super) fn look_again(&self, in_flight: usize) -> Instant {
        let ping = self.last_sent + PING_AFTER;
        if in_flight > 0 { ping.min(self.last_progress + ACK_TIMEOUT) } else { ping }
    }
}
