//! The machine as a script's host: what a script of the interpreter tier reads, remembers and says goes
//! through the lowered tier's own machine, so that both tiers mean the same.

use rhai::Dynamic;

use super::command::value_of;
use super::machine::{Fault, Machine, Unwatched, Watch};
use super::number::Failure;
use super::scalar::Scalar;
use crate::interp::{self, Host, MAX_ARGUMENTS, Owned, Script, Site, to_dynamic};
use crate::judge::machine::Outcome;
use crate::program::{Node, NodeId};

/// Nobody looks on, and slots do not change: a site within a replay.
struct Blind;

impl Watch for Blind {
    const REPLAY: bool = true;
    #[inline(always)]
    fn saw(&mut self, _: NodeId, _: Scalar<'_>) {}
}

impl<W: Watch> Machine<'_, '_, W> {
    /// Runs an entry of the interpreter tier; who looks on is told every value.
    pub(super) fn run_script(&mut self, script: &Script) {
        let (operations, ended) = interp::evaluate(script, W::REPLAY, &mut Running { machine: self, script });
        self.operations = self.operations.saturating_add(u32::try_from(operations).unwrap_or(u32::MAX));
        if let Some(ended) = ended {
            // A site that failed has said so already, and the script ended with it.
            self.fault.get_or_insert(Fault { node: ended.node, failure: ended.failure });
        }
    }

    /// A machine over the same slots, with the arguments of a site as its variables.
    fn at_site<V: Watch>(&mut self, site: Site, args: &[Owned], watch: V) -> (Result<Dynamic, Failure>, u64) {
        let mut given = [Scalar::Unknown; MAX_ARGUMENTS];
        for (place, arg) in given.iter_mut().zip(args) {
            *place = arg.scalar();
        }
        let mut machine = Machine::new(self.rule, self.on, &mut *self.slots, &mut given, watch);
        machine.outcomes = self.outcomes;
        machine.before = std::mem::take(&mut self.before);
        let value = match site {
            Site::Value(node) => to_dynamic(machine.scalar(node)),
            Site::Do(op) => {
                machine.op(op);
                Dynamic::UNIT
            }
        };
        let (outcomes, operations, fault) = (machine.outcomes, u64::from(machine.operations), machine.fault);
        self.before = machine.before;
        self.outcomes = outcomes;
        match fault {
            None => (Ok(value), operations),
            Some(fault) => {
                self.fault.get_or_insert(fault);
                (Err(fault.failure), operations)
            }
        }
    }
}

struct Running<'m, 'a, 's, W> {
    machine: &'m mut Machine<'a, 's, W>,
    script: &'m Script,
}

impl<W: Watch> Host for Running<'_, '_, '_, W> {
    fn input(&mut self, node: NodeId) -> Scalar<'_> {
        match self.machine.nodes.get(usize::from(node)) {
            Some(Node::Field(field)) => self.machine.field_scalar(*field),
            _ => self.machine.outer(node),
        }
    }

    fn site(&mut self, site: u16, args: &[Owned]) -> (Result<Dynamic, Failure>, u64) {
        let Some(site) = self.script.sites.get(usize::from(site)).copied() else { return (Err(Failure::Script), 0) };
        if W::REPLAY { self.machine.at_site(site, args, Blind) } else { self.machine.at_site(site, args, Unwatched) }
    }

    fn raise(&mut self, effect: u16, value: Option<f64>, severity: &Owned) {
        let severity = match severity.scalar() {
            Scalar::Text(severity) => Some(severity),
            _ => None,
        };
        self.machine.raise_as(effect, value, severity);
    }

    fn clear(&mut self, effect: u16) {
        self.machine.say(effect, Outcome::Clear { effect });
    }

    fn command(&mut self, command: u16, args: &[Owned]) -> Result<(), Failure> {
        let before = self.machine.fault;
        self.machine.wish(command, args.iter().map(|arg| value_of(arg.scalar())).collect());
        match self.machine.fault {
            Some(fault) if before.is_none() => Err(fault.failure),
            _ => Ok(()),
        }
    }

    fn undecided(&mut self) {
        self.machine.undecided = true;
    }

    fn saw(&mut self, node: NodeId, value: &Owned) {
        match value {
            Owned::Other(text) => self.machine.watch.saw(node, Scalar::Text(text)),
            value => self.machine.watch.saw(node, value.scalar()),
        }
    }
}
