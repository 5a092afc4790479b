//! The socket and the one task that drives the message layer.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Options;
use super::endpoint::{Endpoint, Surroundings};
use super::metrics::{Metrics, count};
use super::settlements::Settlements;
use crate::{Clock, Directory, Intake};

/// Room for the longest datagram there is.
const DATAGRAM_BYTES: usize = 65_536;
/// How many datagrams are read before answers go out and the journal's results are looked at.
const MAX_BATCH: usize = 64;
/// How long to wait after an error of the socket, so that a lasting one does not use up the processor.
const ERROR_PAUSE: Duration = Duration::from_millis(50);

/// A bound socket that does not listen yet.
pub struct Listener {
    options: Options,
    socket: UdpSocket,
    metrics: Arc<Metrics>,
}

impl Listener {
    /// Binds the socket; port 0 picks a free one.
    ///
    /// # Errors
    /// What the operating system says, for instance that the port is in use.
    pub async fn bind(options: Options, addr: SocketAddr) -> io::Result<Listener> {
        let socket = UdpSocket::bind(addr).await?;
        Ok(Listener { options, socket, metrics: Arc::default() })
    }

    /// The address it is bound to.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The counters.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// Serves until `cancel`; then nothing more is read, and what waits for the journal is answered
    /// for at most [`Options::drain`].
    pub async fn run(
        self,
        intake: Intake,
        directory: Arc<Directory>,
        clock: Arc<dyn Clock>,
        cancel: CancellationToken,
    ) {
        let around = Surroundings { intake, directory, clock, metrics: Arc::clone(&self.metrics) };
        let [seed, seed_low, ..] = RandomState::new().hash_one(0_u8).to_le_bytes();
        let drain = self.options.drain;
        let mut endpoint = Endpoint::new(self.options.clone(), around, u16::from_le_bytes([seed, seed_low]));
        let settlements = endpoint.settlements();
        let mut buffer = vec![0; DATAGRAM_BYTES];
        loop {
            let due = endpoint.next_due();
            tokio::select! {
                () = cancel.cancelled() => break,
                () = settlements.wait() => {}
                () = until(due) => {}
                ready = self.socket.readable() => {
                    let read = ready.and_then(|()| self.read(&mut endpoint, &mut buffer));
                    if let Err(error) = read {
                        count(&self.metrics.socket_errors);
                        tracing::warn!(%error, "cannot read from the coap socket");
                        sleep(ERROR_PAUSE).await;
                    }
                }
            }
            self.work(&mut endpoint).await;
        }
        self.drain(&mut endpoint, &settlements, Instant::now() + drain).await;
    }

    fn read(&self, endpoint: &mut Endpoint, buffer: &mut [u8]) -> io::Result<()> {
        let now = Instant::now();
        for _ in 0..MAX_BATCH {
            match self.socket.try_recv_from(buffer) {
                Ok((length, peer)) => endpoint.datagram(peer, &buffer[..length], now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whatever woke the task: the journal's results, what is due, and everything out.
    async fn work(&self, endpoint: &mut Endpoint) {
        let now = Instant::now();
        endpoint.settle(now);
        endpoint.timers(now);
        for (peer, bytes) in endpoint.take_outgoing() {
            if let Err(error) = self.socket.send_to(&bytes, peer).await {
                // The peer repeats what it gets no answer to.
                count(&self.metrics.socket_errors);
                tracing::debug!(%error, %peer, "cannot send a coap answer");
            }
        }
    }

    async fn drain(&self, endpoint: &mut Endpoint, settlements: &Settlements, deadline: Instant) {
        self.work(endpoint).await;
        while endpoint.pending() > 0 {
            if timeout_at(deadline, settlements.wait()).await.is_err() {
                tracing::warn!(unanswered = endpoint.pending(), "coap stops before the journal has settled all");
                return;
            }
            self.work(endpoint).await;
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
