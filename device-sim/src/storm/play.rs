//! Playing a storm over the wire: slice by slice of its time, each device as itself, every message until it is
//! acknowledged.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Said, Storm};
use crate::city::CityDevice;
use crate::mqtt::{Connection, Incoming, Login, Version, WireError};

/// Messages of so much of the storm's time go out together.
const SLICE_MS: i64 = 500;
/// A login or an acknowledgement that takes longer is tried again.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a device tries to get its messages through.
const ATTEMPTS: u32 = 5;
/// Every so manieth device speaks MQTT 5, the others 3.1.1.
const V5_EVERY: usize = 5;

/// How a storm is played.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Where to publish.
    pub broker: SocketAddr,
    /// When the storm began, in epoch milliseconds: what `ts` is counted from.
    pub began_ms: i64,
    /// How many connections may be open at once.
    pub connections: usize,
}

/// What was played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Played {
    /// Messages that the gateway acknowledged: all of the storm's.
    pub acknowledged: usize,
    /// Connections that were made for it.
    pub connections: usize,
    /// Attempts that failed and were made again.
    pub repeated: usize,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// Plays a storm. Before the messages of a slice go out, `reach` waits for the slice's end in the storm's time (or
/// moves a clock there); what it says stops the storm.
///
/// # Errors
/// A text that names the device whose message did not get through, or what `reach` said.
pub async fn play<F>(storm: &Storm, options: Options, mut reach: impl FnMut(i64) -> F) -> Result<Played, String>
where
    F: Future<Output = Result<(), String>>,
{
    let started = Instant::now();
    let mut played = Played::default();
    let permits = Arc::new(Semaphore::new(options.connections.max(1)));
    for slice in storm.said.chunk_by(|a, b| a.at_ms / SLICE_MS == b.at_ms / SLICE_MS) {
        let Some(first) = slice.first() else { continue };
        reach((first.at_ms / SLICE_MS + 1) * SLICE_MS).await?;
        send(storm, options, slice, &permits, &mut played).await?;
    }
    reach(storm.lasts_ms()).await?;
    played.seconds = started.elapsed().as_secs_f64();
    Ok(played)
}

async fn send(
    storm: &Storm,
    options: Options,
    slice: &[Said],
    permits: &Arc<Semaphore>,
    played: &mut Played,
) -> Result<(), String> {
    let mut by_device: BTreeMap<usize, Vec<Bytes>> = BTreeMap::new();
    for said in slice {
        by_device.entry(said.device).or_default().push(Bytes::from(said.payload(options.began_ms)));
    }
    let mut tasks = JoinSet::new();
    for (index, payloads) in by_device {
        let device = storm.city.devices[index].clone();
        let version = if index % V5_EVERY == V5_EVERY - 1 { Version::V5 } else { Version::V4 };
        let permits = Arc::clone(permits);
        played.acknowledged += payloads.len();
        played.connections += 1;
        tasks.spawn(async move {
            // The semaphore is never closed.
            let _permit = permits.acquire_owned().await;
            deliver(options.broker, version, &device, &payloads).await
        });
    }
    while let Some(ended) = tasks.join_next().await {
        played.repeated += ended.map_err(|error| format!("a device's task failed: {error}"))?? as usize;
    }
    Ok(())
}

/// Gets a device's messages through; gives how many attempts were in vain.
async fn deliver(broker: SocketAddr, version: Version, device: &CityDevice, payloads: &[Bytes]) -> Result<u32, String> {
    let mut last = String::new();
    for attempt in 0..ATTEMPTS {
        match tokio::time::timeout(PATIENCE, attempt_once(broker, version, device, payloads)).await {
            Ok(Ok(())) => return Ok(attempt),
            Ok(Err(error)) => last = error.to_string(),
            Err(_) => last = format!("no acknowledgement within {} s", PATIENCE.as_secs()),
        }
        tokio::time::sleep(Duration::from_millis(50 << attempt)).await;
    }
    Err(format!("device `{}` at {broker}: {last}; is its register imported?", device.id))
}

async fn attempt_once(
    broker: SocketAddr,
    version: Version,
    device: &CityDevice,
    payloads: &[Bytes],
) -> Result<(), WireError> {
    let topic = format!("v1/devices/{}/telemetry", device.id);
    let login = Login { device: &device.id, token: &device.token };
    let mut connection = Connection::open(broker, version, login, &topic, 0, PATIENCE).await?;
    for (packet_id, payload) in (1..).zip(payloads) {
        connection.publish(packet_id, payload, false, None)?;
    }
    connection.flush().await?;
    let mut left = payloads.len();
    while left > 0 {
        if let Incoming::Acknowledged { .. } = connection.next().await? {
            left -= 1;
        }
    }
    connection.close().await;
    Ok(())
}
