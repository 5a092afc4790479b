//! What a trial may do to its copy of an engine, and the live engine never does.
//!
//! A trial runs a draft over records that were judged by another pack. From its beginning on the draft
//! stands fast: packs and swept parameters of the journal's records do not replace it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gengfu_cases::At;
use gengfu_model::{Seq, Timestamp, Value};

use super::{Engine, Output};
use crate::{Diagnostic, Pack, Parameters};

/// What the journal's records do not change in this engine.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    /// The rule pack.
    pub(super) pack: bool,
    /// Parameters, by rule and name.
    parameters: BTreeSet<(Arc<str>, Arc<str>)>,
}

impl Held {
    pub(super) fn has_parameter(&self, rule: &Arc<str>, name: &Arc<str>) -> bool {
        !self.parameters.is_empty() && self.parameters.contains(&(Arc::clone(rule), Arc::clone(name)))
    }
}

impl Engine {
    /// Puts a pack to work as its activation would, before the record `next`, and keeps it whatever the records
    /// say. Slots whose id the pack has keep their state; what it does not declare any more is withdrawn.
    ///
    /// # Errors
    /// Every mistake of the pack; nothing has changed then.
    pub fn hold_pack(
        &mut self,
        files: &BTreeMap<String, String>,
        next: Seq,
        out: &mut Output,
    ) -> Result<(), Vec<Diagnostic>> {
        let pack = Arc::new(Pack::compile(files)?);
        self.held.pack = true;
        let is_same = pack.version() == self.pack.version();
        // Its own copy in any case, so that its counts are its own.
        self.pack = Arc::clone(&pack);
        if is_same {
            return Ok(());
        }
        out.effects.start(next);
        let at = At { seq: next, now: self.now };
        self.reducer.withdraw(at, &|rule, key| pack.declares(rule, key), &mut out.effects);
        self.regroup(at, out);
        for index in 0..self.devices.len() {
            self.arm(next, u32::try_from(index).expect("fewer than 2^32 devices"), out);
        }
        Ok(())
    }

    /// Sets a parameter for every device, whatever was and will be set for any scope.
    ///
    /// # Errors
    /// A sentence that says why the pack cannot use the value.
    pub fn hold_parameter(&mut self, rule: &str, name: &str, value: Value) -> Result<(), String> {
        self.pack.check_parameter(rule, name, &value)?;
        let (rule, name): (Arc<str>, Arc<str>) = (rule.into(), name.into());
        let mut parameters = Parameters::default();
        for (of, setting, scope, old) in self.parameters.iter() {
            if (of, setting) != (&rule, &name) {
                parameters.set(of, setting, scope, Some(old.clone()));
            }
        }
        parameters.set(&rule, &name, &Arc::from("kind"), Some(value));
        self.parameters = parameters;
        self.held.parameters.insert((rule, name));
        Ok(())
    }

    /// The city's time zone, by the newest record that said it.
    #[must_use]
    pub fn zone(&self) -> chrono_tz::Tz {
        self.zone
    }

    /// Every device's row has been caught up with, and the ledger's position as well: from here on the engine
    /// says everything that comes of a record.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.ahead.is_empty() && self.applied >= self.ledger
    }

    /// Lets time pass to `to` without a record, for the end of a stretch. `next` is the record that would have
    /// moved time.
    pub fn let_time_pass(&mut self, next: Seq, to: Timestamp, out: &mut Output) {
        out.effects.start(next);
        self.advance(next, to, out);
    }
}
