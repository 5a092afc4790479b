//! Trials: the live rules and drafts over the same records, side by side, and the difference that they make.
//!
//! Backtest, sweep, shadow and late findings are this one machine over another stretch of the journal. It is the live
//! line's own [`Engine`], begun with a state that was live once, so timers, grouping and case policy are those of the
//! live line. The drafts are candidates in it ([`Engine::add_candidate`]): each has incidents, cases and commands of its
//! own, and its pack from its beginning on; what a draft has like the live pack is judged once for both. All records
//! apply to all sides but these:
//! - a pack that is activated within the stretch does not replace a draft's;
//! - what staff did about a case is done to the draft's case about the same (rule, asset, key). Where the draft
//!   has none, it is left out and counted ([`Side::skipped`]).
//!
//! Promises: no clock, no I/O, nothing leaves: effects, points, commands and notices are looked at and dropped.
//! What is kept is bounded ([`side::MAX_KEPT`]), and what was left out for that is counted.

pub mod difference;
pub mod late;
pub mod side;
mod warm_up;

use std::collections::BTreeMap;

use gengfu_model::{Body, Record, Seq, Timestamp, Transport, Value};

use crate::engine::{DecodedMessage, Engine, FORESEEN, Output, Ruling};
use crate::{Diagnostic, Pack, RuleCounts};

pub use difference::{Change, Difference, Example, Tally};
pub use side::Side;

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

/// So many records are one piece of work.
const TOGETHER: usize = 128;

/// Takes the time of a piece of work, or leaves it out: called with the work to be done.
pub type Measure<'a> = &'a mut dyn FnMut(&mut dyn FnMut());

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
    engine: Engine,
    output: Output,
    live: Side,
    drafts: Vec<Side>,
    counts: Counts,
}

impl Trial {
    /// A trial that begins with an engine as it was live once.
    #[must_use]
    pub fn new(engine: Engine, stretch: Stretch) -> Trial {
        let (live, output) = (Side::new("live".to_owned()), Output::unplotted());
        Trial { stretch, engine, output, live, drafts: Vec::new(), counts: Counts::default() }
    }

    /// Adds a draft: it has the live side's state as of now, and its own pack from the record `next` on.
    ///
    /// # Errors
    /// [`DraftError`]; the trial is as before then.
    pub fn fork(&mut self, next: Seq, draft: &Draft) -> Result<(), DraftError> {
        let pack = Pack::compile(&draft.files).map_err(DraftError::Broken)?;
        for (rule, name, value) in &draft.parameters {
            pack.check_parameter(rule, name, value).map_err(DraftError::Parameter)?;
        }
        self.engine.add_candidate(pack, &draft.files, &draft.parameters, next);
        self.drafts.push(Side::new(draft.name.clone()));
        Ok(())
    }

    /// Lets the live side, too, hold a pack from the record `next` on: to compare with what is live today where
    /// the stretch had another one.
    ///
    /// # Errors
    /// [`DraftError`] when the pack does not compile any more.
    pub fn hold_live(&mut self, next: Seq, files: &BTreeMap<String, String>) -> Result<(), DraftError> {
        let pack = Pack::compile(files).map_err(DraftError::Broken)?;
        self.engine.hold_pack(pack, next, &mut self.output);
        Ok(())
    }

    /// Applies records in journal order, with what the codecs made of their messages.
    pub fn apply(&mut self, records: &[Record], decoded: &[Option<DecodedMessage>], measure: Measure<'_>) {
        for (records, decoded) in records.chunks(TOGETHER).zip(decoded.chunks(TOGETHER)) {
            let (engine, output) = (&mut self.engine, &mut self.output);
            measure(&mut || {
                for (records, decoded) in records.chunks(FORESEEN).zip(decoded.chunks(FORESEEN)) {
                    engine.foresee(records);
                    for (record, decoded) in records.iter().zip(decoded) {
                        engine.apply(record, decoded.as_ref(), output);
                    }
                }
            });
        }
        self.settle();
        self.count(records);
    }

    /// Lets time pass to the end of the stretch; `next` is the first record behind it.
    pub fn finish(&mut self, next: Seq) {
        let end = self.stretch.to.plus_ms(-1);
        if end > self.engine.now() {
            self.engine.let_time_pass(next, end, &mut self.output);
        }
        self.settle();
    }

    /// The engine, whose live rules are the live side's.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The rules of a draft at work; `None`: there is no such draft.
    #[must_use]
    pub fn draft_ruling(&self, draft: usize) -> Option<&Ruling> {
        Some(self.engine.candidates().get(draft)?.ruling())
    }

    /// Whether a draft's rule is judged once with the live one.
    #[must_use]
    pub fn is_shared(&self, draft: usize, rule: &str) -> bool {
        self.engine.candidates().get(draft).is_some_and(|candidate| candidate.shared().any(|id| &**id == rule))
    }

    /// What the rules of each side cost since the first draft was added, the live side's first.
    #[must_use]
    pub fn rule_counts(&self) -> Vec<Vec<RuleCounts>> {
        let drafts = (0..self.drafts.len()).map(|draft| self.engine.candidate_counts(draft));
        std::iter::once(self.engine.live_counts()).chain(drafts).collect()
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
        Difference::between(&self.live, &self.drafts[draft], self.stretch, self.engine.zone(), examples)
    }

    fn settle(&mut self) {
        self.live.collect(&mut self.output, self.stretch);
        for (side, candidate) in self.drafts.iter_mut().zip(self.engine.candidates_mut()) {
            candidate.take_missed().into_iter().for_each(|step| side.skip(step));
            side.collect(candidate.output(), self.stretch);
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
