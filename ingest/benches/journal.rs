//! How fast the journal appends durably, by the size of a commit. Prints; promises nothing.
//!
//! Run with `cargo bench -p gengfu-ingest --bench journal [FOLDER]`: the folder decides the disk.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gengfu_ingest::journal::{JournalReader, Log, LogOptions, ReadLimit, RealDisk};
use gengfu_model::{Body, DeviceId, Envelope, Kind, MessageKey, PayloadFormat, Seq, Timestamp, Transport};

/// Each size of commit is measured for about this long.
const EACH: Duration = Duration::from_secs(2);
const PAYLOAD: &[u8] =
    b"{\"ts\":1764000000000,\"values\":{\"tilt_deg\":1.5,\"water_level_cm\":12,\"battery_pct\":87,\"rssi_dbm\":-91}}";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let folder =
        folder.map_or_else(std::env::temp_dir, PathBuf::from).join(format!("journal-bench-{}", std::process::id()));
    let outcome = run(&folder);
    std::fs::remove_dir_all(&folder)?;
    outcome
}

fn run(folder: &std::path::Path) -> Result<(), Box<dyn Error>> {
    for commit in [1, 100, 1_000] {
        let disk = Arc::new(RealDisk::open(folder.join(commit.to_string()))?);
        let (mut log, _) = Log::open(Arc::clone(&disk) as Arc<_>, LogOptions::default())?;
        let bodies = vec![Body::Message(envelope()?); commit];
        let (mut slowest, mut appending, mut took) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        while took < EACH {
            // In the gateway another thread makes the spares; here their time is not counted.
            if let Some(task) = log.spare_wanted() {
                log.add_spare(task.run()?);
            }
            let bodies = bodies.clone();
            let commit_began = Instant::now();
            log.append(bodies, Timestamp(0))?;
            appending += commit_began.elapsed();
            log.sync()?;
            slowest = slowest.max(commit_began.elapsed());
            took += commit_began.elapsed();
        }
        let records = log.last_seq().0;
        println!(
            "{commit:>5} a commit: {:>10.0} records/s durable, {:>10.0} records/s appended, slowest commit {:?}",
            records as f64 / took.as_secs_f64(),
            records as f64 / appending.as_secs_f64(),
            slowest
        );
        let began = Instant::now();
        let mut read = 0_usize;
        let mut reader = JournalReader::open(disk, Seq(1), ReadLimit::Everything)?;
        while let Some(batch) = reader.next_batch()? {
            read += batch.len();
        }
        println!("{:>15}: {:>10.0} records/s read", "read back", read as f64 / began.elapsed().as_secs_f64());
    }
    Ok(())
}

fn envelope() -> Result<Envelope, Box<dyn Error>> {
    Ok(Envelope {
        device: DeviceId::new("cover-00000017")?,
        kind: Kind::Manhole,
        model: Arc::from("m9"),
        transport: Transport::Mqtt,
        format: PayloadFormat::Json,
        key: MessageKey::None,
        received_at: Timestamp(1_764_000_000_000),
        payload: Arc::from(PAYLOAD),
    })
}
