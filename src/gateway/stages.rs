//! Starts the stages of the pipeline, each with the queue that it reads.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, RwLock};

use gengfu_connectors::ledger::LedgerReader;
use gengfu_dashboards::gateway::StreamEvent;
use gengfu_ingest::journal::{Archive, JournalHandle, Log};
use gengfu_ingest::{Clock, Directory, Door};
use gengfu_model::staff::{Role, StaffRequest};
use gengfu_model::{Control, Effect, EffectId, Point, Seq};
use tokio::sync::broadcast;

use crate::attachments::CaseFiles;
use crate::config::Config;
use crate::downlink::Downlink;
use crate::feed::Feed;
use crate::handle::Handle;
use crate::pipeline::engine::{CheckpointOptions, EngineThread, Outputs};
use crate::pipeline::ledger::Listeners;
use crate::pipeline::progress::Progress;
use crate::pipeline::verdicts::Verdicts;
use crate::pipeline::{EngineInput, QUEUE_BATCHES, checkpoint, decode, ledger, series};
use crate::supervise::Supervisor;
use crate::trial::jobs::Jobs;
use crate::trial::keeper::Wake;
use crate::trial::shadow::Shadows;

use super::recovered::Recovered;
use super::room::NoRoom;
use super::{StartError, ledger_reader};

/// How many events the live stream keeps for a reader that is slow.
const STREAM_CAPACITY: usize = 4_096;

/// What the pipeline shares with those before and behind it.
pub(super) struct Around<'a> {
    pub(super) directory: &'a Arc<Directory>,
    pub(super) feed: Option<&'a Feed>,
    pub(super) clock: &'a Arc<dyn Clock>,
    /// Who was refused by the listeners.
    pub(super) door: Arc<Door>,
}

/// Starts the stages from the last to the first, and the journal's writer at the end.
pub(super) fn start_pipeline(
    config: &Config,
    opened: Recovered,
    supervisor: &mut Supervisor,
    around: Around<'_>,
    start_journal: impl FnOnce(SyncSender<Arc<Vec<gengfu_model::Record>>>, Log, Archive) -> std::io::Result<JournalHandle>,
) -> Result<Arc<Handle>, StartError> {
    let thread = |error: std::io::Error| StartError::new("threads", error);
    let Around { directory, feed, clock, door } = around;
    let feed = feed.cloned();
    let Recovered { log, archive, engine, mut ledger, mut checkpoints, mut series, .. } = opened;
    let progress = Arc::new(Progress::default());
    progress.update(|positions| {
        positions.applied = engine.applied();
        positions.ledger = engine.applied();
        positions.series = engine.applied();
    });
    let verdicts = Arc::new(Verdicts::default());
    let pack = Arc::new(RwLock::new((!engine.pack().rules().is_empty()).then(|| Arc::clone(engine.pack().version()))));
    let (stream, _) = broadcast::channel(STREAM_CAPACITY);
    let downlink = Arc::new(Downlink::new(engine.open_commands()));
    let versions = Arc::new(Wake::default());

    let (batches, decode_input) = sync_channel(QUEUE_BATCHES);
    let (engine_input, engine_queue) = sync_channel::<EngineInput>(QUEUE_BATCHES);
    let (ledger_jobs, ledger_queue) = sync_channel(QUEUE_BATCHES);
    let (series_jobs, series_queue) = sync_channel(QUEUE_BATCHES);
    let (checkpoint_jobs, checkpoint_queue) = sync_channel(QUEUE_BATCHES);

    let journal = start_journal(batches, log, archive).map_err(thread)?;

    let no_room = NoRoom { journal: journal.clone(), stores: Arc::default() };
    let told = Listeners {
        progress: Arc::clone(&progress),
        verdicts: Arc::clone(&verdicts),
        directory: Arc::clone(directory),
        publish: {
            let (stream, pack, reader) = (stream.clone(), Arc::clone(&pack), ledger_reader(&config.data.folder)?);
            let (feed, downlink, versions) = (feed.clone(), Arc::clone(&downlink), Arc::clone(&versions));
            Box::new(move |effects| {
                downlink.committed(effects);
                versions.committed(effects);
                publish(effects, &stream, &pack, &reader);
                if let Some(feed) = &feed {
                    feed.effects(effects);
                }
            })
        },
        full: Box::new(no_room.clone().setter(|no_room| &no_room.ledger)),
    };
    let close = |progress: &Arc<Progress>| {
        let progress = Arc::clone(progress);
        move || progress.update(|positions| positions.closed = true)
    };
    let closed = close(&progress);
    supervisor
        .spawn("ledger", move || {
            let result = ledger::run(&mut ledger, &ledger_queue, &told);
            if result.is_err() {
                closed();
            }
            result
        })
        .map_err(thread)?;
    let (closed, series_progress, keep_ms) = (close(&progress), Arc::clone(&progress), config.series.keep.0);
    let readings_feed = feed.clone();
    let written = move |points: &[Point]| {
        if let Some(feed) = &readings_feed {
            feed.readings(points);
        }
    };
    let series_full = no_room.clone().setter(|no_room| &no_room.series);
    supervisor
        .spawn("series", move || {
            let result = series::run(&mut series, &series_queue, &series_progress, keep_ms, &written, &series_full);
            if result.is_err() {
                closed();
            }
            result
        })
        .map_err(thread)?;
    let (checkpoint_progress, release) = (Arc::clone(&progress), journal.clone());
    supervisor
        .spawn("checkpoint", move || {
            checkpoint::run(&mut checkpoints, &checkpoint_queue, &checkpoint_progress, &|seq| release.release(seq))
        })
        .map_err(thread)?;
    let (due, decisions) = (journal.clone(), journal.clone());
    let live_pack = Arc::new(RwLock::new(Arc::clone(engine.pack())));
    let outputs = Outputs {
        ledger: ledger_jobs,
        series: series_jobs,
        checkpoints: checkpoint_jobs,
        next_due: Box::new(move |next| due.set_next_due(next)),
        decide: Box::new(move |action| {
            let name = action.name();
            let request = StaffRequest { user: "system".into(), roles: vec![Role::Engineer], action };
            if decisions.control_detached(Control::Request(request)) {
                tracing::warn!(action = name, "the gateway decided something about a rule: see the audit");
            }
        }),
        progress: Arc::clone(&progress),
        live_pack: Arc::clone(&live_pack),
    };
    let options =
        CheckpointOptions { records: config.engine.checkpoint_records, every_ms: config.engine.checkpoint_every.0 };
    let engine = EngineThread::new(engine, options, outputs);
    supervisor.spawn("engine", move || engine.run(&engine_queue)).map_err(thread)?;
    decode::start(supervisor, config.engine.decoders, decode_input, engine_input.clone()).map_err(thread)?;
    let (data, synced) = (&config.data.folder, journal.synced_end());
    let reader = ledger_reader(data)?;
    Ok(Arc::new(Handle {
        jobs: Arc::new(Jobs::new(data, Arc::clone(&synced))),
        shadows: Arc::new(Shadows::new(data, synced, Arc::clone(clock))),
        versions,
        clock: Arc::clone(clock),
        zone: config.city.time_zone.parse().map_err(|_| StartError::new("city.time_zone", "no IANA time zone"))?,
        journal,
        engine: RwLock::new(Some(engine_input)),
        progress,
        verdicts,
        directory: Arc::clone(directory),
        stream,
        downlink,
        ready: AtomicBool::new(false),
        no_room: no_room.stores,
        pack,
        live_pack,
        told: Arc::default(),
        files: CaseFiles::open(config, &reader),
        ledger: reader,
        listener_metrics: RwLock::default(),
        door,
    }))
}

/// Notes which pack is live, and tells the live stream what was committed.
fn publish(
    effects: &[(EffectId, Effect)],
    stream: &broadcast::Sender<Arc<StreamEvent>>,
    pack: &RwLock<Option<Arc<str>>>,
    reader: &LedgerReader,
) {
    let mut has_events = false;
    for (_, effect) in effects {
        has_events |= matches!(effect, Effect::Incident(_) | Effect::Case(_) | Effect::Outbox(_));
        if let Effect::Pack { version, .. } = effect
            && let Ok(mut live) = pack.write()
        {
            *live = Some(Arc::clone(version));
        }
    }
    let Some((first, _)) = effects.first().filter(|_| has_events && stream.receiver_count() > 0) else { return };
    // The ledger has named the events in the same transaction; a stream that resumes reads the same rows.
    let before = match first.ordinal.checked_sub(1) {
        Some(ordinal) => EffectId { seq: first.seq, ordinal },
        None => EffectId { seq: Seq(first.seq.0 - 1), ordinal: u32::MAX },
    };
    match reader.stream_after(Some(before), effects.len()) {
        Ok(events) => {
            for (id, name, data) in events {
                // Nobody listening any more is no error.
                stream.send(Arc::new(StreamEvent { id, name: name.into(), data: data.into() })).ok();
            }
        }
        Err(error) => tracing::warn!(%error, "live stream: cannot read the ledger"),
    }
}
