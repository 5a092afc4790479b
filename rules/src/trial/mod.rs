//! Trials: the live rules and drafts over the same records, side by side, and the difference that they make.
//!
//! Backtest, sweep, shadow and late findings are this one machine over another stretch of the journal. Each side
//! is a whole [`Engine`] with its reducer, so timers, grouping and case policy are those of the live line. The
//! live side begins with a state that was live once; the drafts are forked from it and hold their pack from then
//! on. All records apply to all sides but these:
//! - a pack that is activated within the stretch does not replace a draft's;
//! - what staff did about a case is done to the draft's case about the same (rule, asset, key). Where the draft
//!   has none, it is left out and counted ([`Side::skipped`]).
//!
//! Promises: no clock, no I/O, nothing leaves: effects, points, commands and notices are looked at and dropped.
//! What is kept is bounded ([`side::MAX_KEPT`]), and what was left out for that is counted.

pub mod difference;
pub mod late;
pub mod side;
mod translate;
mod warm_up;

use std::collections::BTreeMap;

use gengfu_model::{Body, Control, Record, Seq, Timestamp, Transport, Value};

use crate::Diagnostic;
use crate::engine::{DecodedMessage, Engine};

pub use difference::{Change, Difference, Example, Tally};
pub use side::Side;
use translate::Translated;

/// What is compared: whatever opened at or after `from` and before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first moment, in journal time.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

impl Stretch {
    /// Whether a moment belongs to it.
    #[must_use]
    pub fn contains(&self, time: Timestamp) -> bool {
        self.from <= time && time < self.to
    }
}

/// A pack to be tried, and what is set for it.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// What people call it.
    pub name: String,
    /// The pack's files.
    pub files: BTreeMap<String, String>,
    /// Parameters that are set for every device: rule, name, value.
    pub parameters: Vec<(String, String, Value)>,
}

/// Why a draft cannot be tried.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DraftError {
    /// The pack does not compile.
    #[error("the pack has {} mistakes:\n{}", .0.len(), lines(.0))]
    Broken(Vec<Diagnostic>),
    /// A parameter cannot be set like this.
    #[error("{0}")]
    Parameter(String),
}

fn lines(mistakes: &[Diagnostic]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// So many records go through one side before the next.
const TOGETHER: usize = 128;

/// Takes the time of one side's work: called with the side's number (0 is live) and the work to be done.
pub type Measure<'a> = &'a mut dyn FnMut(usize, &mut dyn FnMut());

/// How many records went through a trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Records.
    pub records: u64,
    /// Of these, messages of devices.
    pub messages: u64,
    /// Of these, messages that were generated for a demonstration or a measurement, not received.
    pub generated: u64,
}

/// The live rules and some drafts over the same records.
pub struct Trial {
    stretch: Stretch,
    live: Side,
    drafts: Vec<Side>,
    counts: Counts,
}

impl Trial {
    /// A trial that begins with an engine as it was live once.
    #[must_use]
    pub fn new(engine: Engine, stretch: Stretch) -> Trial {
        Trial { stretch, live: Side::new("live".to_owned(), engine), drafts: Vec::new(), counts: Counts::default() }
    }

    /// Adds a draft: it has the live side's state as of now, and its own pack from the record `next` on.
    ///
    /// # Errors
    /// [`DraftError`]; the trial is as before then.
    pub fn fork(&mut self, next: Seq, draft: &Draft) -> Result<(), DraftError> {
        let mut side = Side::new(draft.name.clone(), self.live.engine().clone());
        side.hold(next, draft)?;
        self.drafts.push(side);
        Ok(())
    }

    /// Lets the live side, too, hold a pack from the record `next` on: to compare with what is live today where
    /// the stretch had another one.
    ///
    /// # Errors
    /// [`DraftError`] when the pack does not compile any more.
    pub fn hold_live(&mut self, next: Seq, files: &BTreeMap<String, String>) -> Result<(), DraftError> {
        let draft = Draft { files: files.clone(), ..Draft::default() };
        self.live.hold(next, &draft)
    }

    /// Applies records in journal order, with what the codecs made of their messages.
    pub fn apply(&mut self, records: &[Record], decoded: &[Option<DecodedMessage>], measure: Measure<'_>) {
        let mut begin = 0;
        for (place, record) in records.iter().enumerate() {
            // A step about a case is looked up in the live side as it stands just before the step.
            if !self.drafts.is_empty() && translate::names_a_case(record) {
                self.run(&records[begin..place], &decoded[begin..place], measure);
                self.step(record, measure);
                begin = place + 1;
            }
        }
        self.run(&records[begin..], &decoded[begin..], measure);
        self.count(records);
    }

    /// Lets time pass to the end of the stretch; `next` is the first record behind it.
    pub fn finish(&mut self, next: Seq) {
        let end = self.stretch.to.plus_ms(-1);
        for side in std::iter::once(&mut self.live).chain(&mut self.drafts) {
            side.let_time_pass(next, end);
        }
        self.settle();
    }

    /// The live side.
    #[must_use]
    pub fn live(&self) -> &Side {
        &self.live
    }

    /// The drafts, in the order in which they were added.
    #[must_use]
    pub fn drafts(&self) -> &[Side] {
        &self.drafts
    }

    /// What is compared.
    #[must_use]
    pub fn stretch(&self) -> Stretch {
        self.stretch
    }

    /// Moves the end of what is compared.
    pub fn set_end(&mut self, to: Timestamp) {
        self.stretch.to = to;
    }

    /// Changes what is compared: a shadow begins when it has caught up, and has no end until somebody asks.
    pub fn set_stretch(&mut self, stretch: Stretch) {
        self.stretch = stretch;
    }

    /// How many records went through.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The difference that one draft makes; at most `examples` of each kind of change are told.
    #[must_use]
    pub fn difference(&self, draft: usize, examples: usize) -> Difference {
        Difference::between(&self.live, &self.drafts[draft], self.stretch, examples)
    }

    fn run(&mut self, records: &[Record], decoded: &[Option<DecodedMessage>], measure: Measure<'_>) {
        if records.is_empty() {
            return;
        }
        // Side by side a few at a time: what one side had of records and readings is still near for the next.
        for (records, decoded) in records.chunks(TOGETHER).zip(decoded.chunks(TOGETHER)) {
            for (number, side) in self.drafts.iter_mut().enumerate() {
                measure(number + 1, &mut || side.apply_all(records, decoded));
            }
            let live = &mut self.live;
            measure(0, &mut || live.apply_all(records, decoded));
        }
        self.settle();
    }

    /// One step of staff about a case, told to each side about its own case.
    fn step(&mut self, record: &Record, measure: Measure<'_>) {
        for (number, side) in self.drafts.iter_mut().enumerate() {
            match translate::translate(record, self.live.engine(), side.engine()) {
                Translated::Same => measure(number + 1, &mut || side.apply(record, None)),
                Translated::Other(other) => measure(number + 1, &mut || side.apply(&other, None)),
                Translated::Missing(step) => {
                    side.skip(step);
                    let tick = Record { body: Body::Control(Control::Tick), ..record.clone() };
                    measure(number + 1, &mut || side.apply(&tick, None));
                }
            }
        }
        let live = &mut self.live;
        measure(0, &mut || live.apply(record, None));
        self.settle();
    }

    fn settle(&mut self) {
        for side in std::iter::once(&mut self.live).chain(&mut self.drafts) {
            side.collect(self.stretch);
        }
        self.compare_fresh();
    }

    /// Forgets the evidence of what all sides opened alike, so that it is kept for differences alone; and counts
    /// what staff asked, was done live and refused by a draft.
    fn compare_fresh(&mut self) {
        if self.drafts.is_empty() {
            return;
        }
        let live = self.live.take_fresh();
        let drafts: Vec<_> = self.drafts.iter_mut().map(Side::take_fresh).collect();
        for opened in &live.opened {
            if drafts.iter().all(|draft| draft.opened.iter().any(|other| other.is_like(opened))) {
                self.live.forget_evidence(opened.id);
            }
        }
        for (side, fresh) in self.drafts.iter_mut().zip(&drafts) {
            for opened in &fresh.opened {
                if live.opened.iter().any(|other| other.is_like(opened)) {
                    side.forget_evidence(opened.id);
                }
            }
            for refused in fresh.judged.iter().filter(|judged| !judged.accepted) {
                if live.judged.iter().any(|judged| judged.seq == refused.seq && judged.accepted) {
                    side.skip(refused.action);
                }
            }
        }
    }

    fn count(&mut self, records: &[Record]) {
        self.counts.records += records.len() as u64;
        for record in records {
            if let Body::Message(envelope) = &record.body {
                self.counts.messages += 1;
                self.counts.generated += u64::from(envelope.transport == Transport::Generated);
            }
        }
    }
}
