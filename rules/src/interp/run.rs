//! Running a printed script: compiled once per thread, and what it keeps between messages is a cache.
//!
//! Resident for each script: its syntax tree, its scope with one variable for each input, and rhai's
//! caches of resolved functions. An evaluation writes the inputs into their variables, runs, and leaves
//! the scope as it was. The evaluation under way is lent to the script's forms for the time of the run
//! ([`with_host`]); nothing outlives it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rhai::{AST, Caches, Engine, EvalAltResult, GlobalRuntimeState, Scope};

use super::print::Script;
use super::unknown::{self, Owned};
use super::words::{self, Failed};
use crate::judge::{Failure, Scalar};
use crate::program::NodeId;
use crate::sandbox::{self, Meter};

/// The most scripts that a thread keeps compiled; beyond it the cache begins anew.
const MAX_RESIDENT: usize = 2_048;
/// How deep a printed script may nest: each level of the rule takes some.
const NESTING: usize = 320;
/// The same within a recursive function, which is entered many times.
const FUNCTION_NESTING: usize = 64;

/// What a script asks of the evaluation under way.
pub(crate) trait Host {
    /// The value of an input.
    fn input(&mut self, node: NodeId) -> Scalar<'_>;
    /// Lets the machine do something; gives the value and what it cost.
    fn site(&mut self, site: u16, args: &[Owned]) -> (Result<rhai::Dynamic, Failure>, u64);
    fn raise(&mut self, effect: u16, value: Option<f64>, severity: &Owned);
    fn clear(&mut self, effect: u16);
    /// `command` with the values of its arguments; gives the failure of one that is out of range.
    fn command(&mut self, command: u16, args: &[Owned]) -> Result<(), Failure>;
    /// An `if` is unknown.
    fn undecided(&mut self);
    fn saw(&mut self, node: NodeId, value: &Owned);
}

scoped_tls_hkt::scoped_thread_local! {
    static mut HOST: for<'a> &'a mut (dyn Host + 'a)
}

/// The evaluation under way.
pub(super) fn with_host<R>(act: impl FnOnce(&mut dyn Host) -> R) -> R {
    HOST.with(|host| act(host))
}

/// A script, ready to run again.
struct Resident {
    ast: AST,
    scope: Scope<'static>,
    global: GlobalRuntimeState,
    caches: Caches,
}

struct Interpreter {
    engine: Engine,
    meter: Meter,
    /// By the script's id, and whether it is the traced one.
    resident: BTreeMap<(u64, bool), Resident>,
}

thread_local! {
    static INTERPRETER: RefCell<Option<Interpreter>> = const { RefCell::new(None) };
}

/// Where and why a script ended early.
pub(crate) struct Ended {
    pub(crate) node: NodeId,
    pub(crate) failure: Failure,
}

/// Whether rhai takes the script: what its limits refuse is said at load.
pub(crate) fn compiles(script: &Script) -> Result<(), String> {
    INTERPRETER.with_borrow_mut(|interpreter| {
        let interpreter = interpreter_of(interpreter)?;
        interpreter.engine.compile(&script.plain).map(|_| ()).map_err(|error| error.err_type().to_string())
    })
}

/// Runs a script for one evaluation; gives what it cost, and how it failed if it did.
pub(crate) fn evaluate<'a>(script: &Script, traced: bool, host: &'a mut (dyn Host + 'a)) -> (u64, Option<Ended>) {
    INTERPRETER.with_borrow_mut(|interpreter| {
        let broken = || (0, Some(Ended { node: 0, failure: Failure::Script }));
        let Ok(Interpreter { engine, meter, resident }) = interpreter_of(interpreter) else { return broken() };
        let key = (script.id, traced);
        if resident.len() >= MAX_RESIDENT && !resident.contains_key(&key) {
            resident.clear();
        }
        let resident = match resident.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let Some(new) = compile(engine, script, traced) else { return broken() };
                place.insert(new)
            }
        };
        meter.reset();
        let failed = resident.run(engine, script, host);
        (meter.used(), failed.map(|error| ended(script, &error)))
    })
}

fn interpreter_of(place: &mut Option<Interpreter>) -> Result<&mut Interpreter, String> {
    if place.is_none() {
        let (mut engine, meter) = sandbox::standard(&sandbox::RULE);
        engine.set_max_expr_depths(NESTING, FUNCTION_NESTING);
        unknown::register(&mut engine);
        words::register(&mut engine, &meter).map_err(|error| error.to_string())?;
        *place = Some(Interpreter { engine, meter, resident: BTreeMap::new() });
    }
    place.as_mut().ok_or_else(String::new)
}

fn compile(engine: &Engine, script: &Script, traced: bool) -> Option<Resident> {
    let text = if traced { &script.traced } else { &script.plain };
    let ast = engine.compile(text).ok()?;
    let mut scope = Scope::new();
    for (_, name) in &script.inputs {
        scope.push_dynamic(name.as_str(), unknown::unknown());
    }
    let mut global = engine.new_global_runtime_state();
    global.lib.push(ast.shared_lib().clone());
    Some(Resident { ast, scope, global, caches: Caches::new() })
}

impl Resident {
    fn run<'a>(
        &mut self,
        engine: &Engine,
        script: &Script,
        host: &'a mut (dyn Host + 'a),
    ) -> Option<Box<EvalAltResult>> {
        for (node, name) in &script.inputs {
            if let Some(place) = self.scope.get_mut(name) {
                unknown::put(place, host.input(*node));
            }
        }
        self.global.num_operations = 0;
        let inputs = self.scope.len();
        let Resident { ast, scope, global, caches } = self;
        #[expect(deprecated, reason = "volatile, says rhai; its version is pinned, and all else forgets the caches")]
        let result = HOST.set(host, || engine.eval_statements_raw(global, caches, scope, ast.statements()));
        // A run that failed may have left anything behind.
        self.scope.rewind(inputs);
        let error = result.err()?;
        self.global.level = 0;
        self.global.scope_level = 0;
        self.global.always_search_scope = false;
        Some(error)
    }
}

/// What rhai says, in the words of the lowered tier.
fn ended(script: &Script, error: &EvalAltResult) -> Ended {
    let error = error.unwrap_inner();
    let line = error.position().line().unwrap_or(1);
    let node = script.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
    let failure = match error {
        EvalAltResult::ErrorRuntime(value, _) => {
            value.clone().try_cast::<Failed>().map_or(Failure::Script, |Failed(failure)| failure)
        }
        EvalAltResult::ErrorArithmetic(text, _) if text.contains("by zero") => Failure::DivisionByZero,
        EvalAltResult::ErrorArithmetic(text, _) if text.contains("negative power") => Failure::NegativePower,
        EvalAltResult::ErrorArithmetic(..) => Failure::Overflow,
        EvalAltResult::ErrorTerminated(..) | EvalAltResult::ErrorTooManyOperations(_) => Failure::Budget,
        EvalAltResult::ErrorStackOverflow(_) => Failure::TooDeep,
        EvalAltResult::ErrorDataTooLarge(..) | EvalAltResult::ErrorTooManyVariables(_) => Failure::TooLarge,
        EvalAltResult::ErrorArrayBounds(..) => Failure::Bounds,
        EvalAltResult::ErrorMismatchDataType(..) => Failure::WrongType,
        _ => Failure::Script,
    };
    Ended { node, failure }
}
