//! Reads and decodes ahead of a trial's engines, on a thread of its own, as the live line does.
//!
//! Portions go round: filled here, judged there, and handed back empty, so that nothing is allocated anew and what a
//! thread allocated it frees itself. So many as there are portions, at most, are in memory: that is the bound.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use gengfu_ingest::journal::JournalReader;
use gengfu_model::{Record, Seq};
use gengfu_rules::engine::DecodedMessage;

use super::TrialError;
use crate::pipeline::decode::decode_record;

/// How many portions go round.
const PORTIONS: usize = 4;
/// Commits are put together until a portion has so many records.
const ENOUGH: usize = 512;

/// Some records in journal order, with what the codecs made of their messages.
#[derive(Default)]
pub(super) struct Portion {
    pub(super) records: Vec<Record>,
    pub(super) decoded: Vec<Option<DecodedMessage>>,
    /// The record behind them.
    pub(super) next: Seq,
}

/// Portions as they come.
pub(super) struct Feed {
    filled: Receiver<Result<Portion, TrialError>>,
    empty: SyncSender<Portion>,
}

impl Feed {
    /// The next portion; one without records is the last.
    pub(super) fn next(&self) -> Result<Portion, TrialError> {
        let ended = || TrialError::Ask("the journal's reader has ended before the journal".to_owned());
        self.filled.recv().map_err(|_| ended())?
    }

    /// Hands a portion back when it has been judged.
    pub(super) fn done(&self, portion: Portion) {
        // The reader is gone when it has given the last portion.
        self.empty.send(portion).ok();
    }
}

/// Lets `work` have what the reader gives, to its end or as far as it wants.
pub(super) fn with_feed<T>(
    reader: JournalReader,
    work: impl FnOnce(&Feed) -> Result<T, TrialError>,
) -> Result<T, TrialError> {
    let (give, filled) = sync_channel(PORTIONS);
    let (empty, take) = sync_channel(PORTIONS);
    for _ in 0..PORTIONS {
        empty.send(Portion::default()).ok();
    }
    std::thread::scope(|scope| {
        let spawned = std::thread::Builder::new().name("trial-decode".to_owned());
        spawned
            .spawn_scoped(scope, move || fill_all(reader, &take, &give))
            .map_err(|error| TrialError::File("a thread to decode on".to_owned(), error))?;
        // Moved in, so that the reader's thread sees both ends go when the work is over.
        let feed = Feed { filled, empty };
        work(&feed)
    })
}

fn fill_all(mut reader: JournalReader, take: &Receiver<Portion>, give: &SyncSender<Result<Portion, TrialError>>) {
    while let Ok(mut portion) = take.recv() {
        let filled = fill(&mut reader, &mut portion);
        let is_last = filled.is_err() || portion.records.is_empty();
        if give.send(filled.map(|()| portion)).is_err() || is_last {
            return;
        }
    }
}

fn fill(reader: &mut JournalReader, portion: &mut Portion) -> Result<(), TrialError> {
    portion.records.clear();
    portion.decoded.clear();
    while portion.records.len() < ENOUGH && reader.add_batch(&mut portion.records)? {}
    portion.decoded.extend(portion.records.iter().map(decode_record));
    portion.next = JournalReader::position(reader);
    Ok(())
}
