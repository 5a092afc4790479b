//! A backtest: a draft and the live rules over a stretch of the archive, in one pass.
//!
//! The pass begins with a state that was live once (see [`super::start`]), replays to the warm-up's begin, forks
//! the draft (and one draft for each value of a sweep), and goes on to the end of the stretch. Every record is read
//! and decoded once, ahead of the engines ([`super::feed`]). Memory: a few portions of the journal, one engine, and
//! what each side has of its own: incidents, and what rules remember that the sides do not have alike.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use gengfu_connectors::LedgerReader;
use gengfu_ingest::journal::{Disk, JournalReader, ReadLimit};
use gengfu_model::{Record, Seq, Timestamp};
use gengfu_rules::Pack;
use gengfu_rules::engine::DecodedMessage;
use gengfu_rules::trial::{Draft, DraftError, Stretch, Trial};

use super::TrialError;
use super::ask::{Against, Ask};
use super::feed::{Feed, with_feed};
use super::report::{Heading, Report};
use super::start::{Start, Started, choose};
use crate::pipeline::decode::decode_record;

/// Whoever waits for a trial.
pub trait Watch {
    /// Called now and then with how far it is, 0 to 1, and how many messages went through.
    fn progress(&self, share: f64, messages: u64);

    /// Whether to give up.
    fn is_cancelled(&self) -> bool;
}

/// A watch that does not look.
pub struct Unwatched;

impl Watch for Unwatched {
    fn progress(&self, _: f64, _: u64) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Where a trial reads.
#[derive(Clone)]
pub struct Source<'a> {
    /// The data folder.
    pub data: &'a Path,
    /// The journal's folder.
    pub disk: Arc<dyn Disk>,
    /// How far the journal may be read.
    pub limit: ReadLimit,
}

/// A trial that has run to its end.
pub struct Played {
    /// The sides as they ended.
    pub trial: Trial,
    /// Where it began.
    pub start: Start,
    /// How long judging took, of all sides together, in nanoseconds.
    pub busy_ns: u64,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
}

/// Runs a backtest to its end, and tells what came of it.
///
/// # Errors
/// [`TrialError`]; `Cancelled` when the watch says so.
pub fn run(source: &Source<'_>, ask: &Ask, asked: Timestamp, watch: &dyn Watch) -> Result<Report, TrialError> {
    let Played { trial, start, busy_ns, elapsed_ms } = play(source, ask, watch)?;
    let heading = Heading {
        sort: "backtest",
        asked,
        against: ask.against,
        start: start.describe(),
        sweep: ask.sweep.clone(),
        examples: ask.examples,
        busy_ns,
        elapsed_ms,
    };
    Ok(Report::of(&trial, heading))
}

/// Runs a backtest to its end, and gives the sides as they are then.
///
/// # Errors
/// [`TrialError`]; `Cancelled` when the watch says so.
pub fn play(source: &Source<'_>, ask: &Ask, watch: &dyn Watch) -> Result<Played, TrialError> {
    if ask.to <= ask.from {
        return Err(TrialError::Ask("the stretch ends before it begins: `to` must be after `from`".to_owned()));
    }
    let begun = Instant::now();
    let live = live_files(source.data)?;
    let files = ask.files.clone().or_else(|| live.clone());
    let files = files.ok_or_else(|| TrialError::Ask("no pack is live yet: name a folder with a draft".to_owned()))?;
    let pack = Pack::compile(&files).map_err(DraftError::Broken)?;
    let mut drafts = vec![Draft { name: "draft".to_owned(), files: files.clone(), parameters: Vec::new() }];
    if let Some(sweep) = &ask.sweep {
        for value in &sweep.values {
            let value = gengfu_model::Value::Number(*value);
            pack.check_parameter(&sweep.rule, &sweep.name, &value).map_err(DraftError::Parameter)?;
        }
        drafts.extend(sweep.drafts(&files));
    }
    let need = ask.from.plus_ms(-pack.memory_ms());
    let start = choose(source.data, source.disk.as_ref(), need)?;
    let hold = live.filter(|_| ask.against == Against::Live);
    let mut pass = Pass { trial: None, whole: Seq(0), need, drafts, hold, busy_ns: 0 };
    pass.go(source, ask, &start, watch)?;
    let trial = pass.trial.filter(|trial| !trial.drafts().is_empty());
    let trial = trial.ok_or_else(|| TrialError::Ask("there is no record in this stretch".to_owned()))?;
    let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Played { trial, start, busy_ns: pass.busy_ns, elapsed_ms })
}

/// The files of the pack that is live.
///
/// # Errors
/// When the ledger cannot be read.
pub fn live_files(data: &Path) -> Result<Option<BTreeMap<String, String>>, TrialError> {
    let packs = LedgerReader::open(&data.join("ledger.db"))?.packs()?;
    Ok(packs.last().map(|pack| pack.files.as_ref().clone()))
}

/// One pass over the records.
struct Pass {
    trial: Option<Trial>,
    whole: Seq,
    need: Timestamp,
    drafts: Vec<Draft>,
    /// The pack that the live side holds from the fork on.
    hold: Option<BTreeMap<String, String>>,
    busy_ns: u64,
}

impl Pass {
    fn go(&mut self, source: &Source<'_>, ask: &Ask, start: &Start, watch: &dyn Watch) -> Result<(), TrialError> {
        let Started { engine, after, whole } = start.open()?;
        self.whole = whole;
        let began = engine.now();
        self.trial = Some(Trial::new(engine, Stretch { from: ask.from, to: ask.to }));
        let reader = JournalReader::open(Arc::clone(&source.disk), after.next(), source.limit.clone())?;
        with_feed(reader, |feed| self.play(feed, ask, began, watch))
    }

    fn play(&mut self, feed: &Feed, ask: &Ask, began: Timestamp, watch: &dyn Watch) -> Result<(), TrialError> {
        let mut first_time = (began > Timestamp::ZERO).then_some(began);
        let mut last_time = began;
        loop {
            let portion = feed.next()?;
            let records = &portion.records;
            if records.is_empty() {
                // The journal ends within the stretch: what would have come after it is nobody's to know.
                let end = last_time.plus_ms(1).min(ask.to);
                self.finish(portion.next, end);
                return Ok(());
            }
            let end = records.iter().position(|record| record.time >= ask.to);
            let within = end.unwrap_or(records.len());
            self.portion(&records[..within], &portion.decoded[..within], watch)?;
            if let Some(place) = end {
                self.finish(records[place].seq, ask.to);
                return Ok(());
            }
            last_time = records.last().map_or(last_time, |record| record.time);
            feed.done(portion);
            let first = *first_time.get_or_insert(last_time);
            let (passed, all) = (last_time.since_ms(first), ask.to.since_ms(first));
            let messages = self.trial.as_ref().map_or(0, |trial| trial.counts().messages);
            watch.progress(passed as f64 / all.max(1) as f64, messages);
        }
    }

    fn portion(
        &mut self,
        records: &[Record],
        decoded: &[Option<DecodedMessage>],
        watch: &dyn Watch,
    ) -> Result<(), TrialError> {
        let Some(trial) = &mut self.trial else { return Ok(()) };
        let mut rest = 0;
        if trial.drafts().is_empty() {
            let (need, whole) = (self.need, self.whole);
            let fork = records.iter().position(|record| record.time >= need && record.seq > whole);
            rest = fork.unwrap_or(records.len());
            apply(trial, &records[..rest], &decoded[..rest], &mut self.busy_ns, watch)?;
            if let Some(next) = records.get(rest) {
                for draft in &self.drafts {
                    trial.fork(next.seq, draft)?;
                }
                if let Some(files) = &self.hold {
                    trial.hold_live(next.seq, files)?;
                }
            }
        }
        apply(trial, &records[rest..], &decoded[rest..], &mut self.busy_ns, watch)
    }

    fn finish(&mut self, next: Seq, end: Timestamp) {
        if let Some(trial) = &mut self.trial {
            trial.set_end(end);
            trial.finish(next);
        }
    }
}

/// Decodes records and applies them, and takes the time of judging.
pub(super) fn decode_and_apply(trial: &mut Trial, records: &[Record], busy_ns: &mut u64) {
    let decoded: Vec<_> = records.iter().map(decode_record).collect();
    trial.apply(records, &decoded, &mut |work| take_time(busy_ns, work));
}

/// Applies records, takes the time of judging, and gives up between two pieces of work when the watch says so: slow
/// rules may take long for a few records.
fn apply(
    trial: &mut Trial,
    records: &[Record],
    decoded: &[Option<DecodedMessage>],
    busy_ns: &mut u64,
    watch: &dyn Watch,
) -> Result<(), TrialError> {
    let mut is_cancelled = watch.is_cancelled();
    trial.apply(records, decoded, &mut |work| {
        is_cancelled = is_cancelled || watch.is_cancelled();
        if !is_cancelled {
            take_time(busy_ns, work);
        }
    });
    if is_cancelled { Err(TrialError::Cancelled) } else { Ok(()) }
}

fn take_time(busy_ns: &mut u64, work: &mut dyn FnMut()) {
    let begun = Instant::now();
    work();
    *busy_ns += u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
}
