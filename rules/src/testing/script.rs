//! `fn test_*`: ordinary rhai in the fenced sandbox, over the bench.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use gengfu_cases::Profile;
use gengfu_model::{DeviceLife, Quality, Timestamp, Value};
use rhai::{AST, Dynamic, Engine, EvalAltResult, EvalContext, Expression, INT, Map, Position, Scope};

use super::bench::{Bench, Fed};
use super::coverage::Coverage;
use super::tape::moment;
use crate::lower::UNITS;
use crate::sandbox;
use crate::script::{Pos, place, sides, testable};

/// The moment at which a test begins unless it says otherwise: a working Wednesday of summer.
pub(super) const START: &str = "2026-06-24 10:00";

type Failed = Box<EvalAltResult>;

/// Why a test failed.
#[derive(Clone, Debug)]
pub(super) struct Complaint {
    pub(super) pos: Pos,
    pub(super) message: String,
    /// What the sides of the condition were.
    pub(super) values: Vec<String>,
}

/// What a test plays with.
pub(super) struct World {
    profile: Arc<Profile>,
    rule: String,
    files: Rc<BTreeMap<String, String>>,
    coverage: Option<Arc<Coverage>>,
    start: Timestamp,
    pub(super) bench: Option<Bench>,
    complaint: Option<Complaint>,
}

impl World {
    fn bench(&mut self) -> Result<&mut Bench, String> {
        if self.bench.is_none() {
            let coverage = self.coverage.as_ref();
            self.bench = Some(Bench::start(&self.profile, &self.rule, &self.files, self.start, coverage)?);
        }
        self.bench.as_mut().ok_or_else(|| "no bench".to_owned())
    }
}

/// A device in a test.
#[derive(Clone)]
struct Sim {
    number: usize,
    world: Rc<RefCell<World>>,
}

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Span(i64);

/// A value that cannot be used.
#[derive(Clone, Copy)]
struct Bad(Quality);

/// The compiled tests of one rule file.
pub(super) struct Tests {
    engine: Engine,
    meter: sandbox::Meter,
    ast: AST,
    world: Rc<RefCell<World>>,
}

impl Tests {
    /// Compiles the functions of a rule file as a test sees them.
    pub(super) fn compile(
        profile: &Arc<Profile>,
        rule: &str,
        text: &str,
        files: BTreeMap<String, String>,
        coverage: Option<Arc<Coverage>>,
    ) -> Result<Tests, Complaint> {
        let world = Rc::new(RefCell::new(World {
            profile: Arc::clone(profile),
            rule: rule.to_owned(),
            files: Rc::new(files),
            coverage,
            start: moment(START).unwrap_or(Timestamp::ZERO),
            bench: None,
            complaint: None,
        }));
        let (engine, meter) = engine(&world);
        let ast = engine.compile(testable(text)).map_err(|error| Complaint {
            pos: place(error.position()),
            message: error.err_type().to_string(),
            values: Vec::new(),
        })?;
        Ok(Tests { engine, meter, ast, world })
    }

    /// Runs one test on a fresh bench; gives the tape, and why it failed.
    pub(super) fn run(&self, name: &str) -> (Vec<String>, Option<Complaint>) {
        self.meter.reset();
        {
            let mut world = self.world.borrow_mut();
            world.bench = None;
            world.complaint = None;
            world.start = moment(START).unwrap_or(Timestamp::ZERO);
        }
        let options = rhai::CallFnOptions::new().eval_ast(false).rewind_scope(true);
        let result = self.engine.call_fn_with_options::<Dynamic>(options, &mut Scope::new(), &self.ast, name, ());
        let mut world = self.world.borrow_mut();
        let tape = world.bench.take().map(|bench| bench.tape.lines()).unwrap_or_default();
        let complaint = match result {
            Ok(_) => None,
            Err(error) => Some(world.complaint.take().unwrap_or_else(|| complaint(&error))),
        };
        (tape, complaint)
    }
}

/// rhai's error as a complaint: the innermost place, without the chain of calls.
fn complaint(error: &EvalAltResult) -> Complaint {
    let inner = error.unwrap_inner();
    let position = if inner.position().is_none() { error.position() } else { inner.position() };
    let message = match inner {
        EvalAltResult::ErrorRuntime(value, _) => value.to_string(),
        EvalAltResult::ErrorTerminated(..) | EvalAltResult::ErrorTooManyOperations(..) => {
            format!("the test took more than {} operations", sandbox::TEST.operations)
        }
        other => {
            let text = other.to_string();
            text.split(" (line ").next().unwrap_or(&text).to_owned()
        }
    };
    Complaint { pos: place(position), message, values: Vec::new() }
}

fn fail(message: impl Into<String>) -> Failed {
    Box::new(EvalAltResult::ErrorRuntime(Dynamic::from(message.into()), Position::NONE))
}

fn engine(world: &Rc<RefCell<World>>) -> (Engine, sandbox::Meter) {
    let (mut engine, meter) = sandbox::standard(&sandbox::TEST);
    sandbox::take_default_as_a_name(&mut engine);
    spans(&mut engine);
    engine.register_type_with_name::<Sim>("device");
    engine.register_type_with_name::<Bad>("bad value");
    engine.register_fn("faulty", || Bad(Quality::Faulty));
    engine.register_fn("warming_up", || Bad(Quality::WarmingUp));
    globals(&mut engine, world);
    acts(&mut engine);
    asks(&mut engine);
    expectations(&mut engine, world);
    (engine, meter)
}

/// The names that the sandbox gives to tests, those of rhai's packages included.
pub(super) fn names() -> Vec<String> {
    let (engine, _) = sandbox::standard(&sandbox::TEST);
    let signatures = engine.gen_fn_signatures(true);
    signatures.iter().filter_map(|signature| signature.split('(').next()).map(|name| name.trim().to_owned()).collect()
}

/// `10.min`, `2.5.h`, and `2 * 10.min`.
fn spans(engine: &mut Engine) {
    engine.register_type_with_name::<Span>("time");
    for (unit, ms) in UNITS {
        engine.register_get(unit, move |amount: &mut INT| Span(amount.saturating_mul(ms)));
        engine.register_get(unit, move |amount: &mut f64| Span(libm::round(*amount * ms as f64) as i64));
    }
    engine.register_fn("*", |times: INT, span: Span| Span(span.0.saturating_mul(times)));
    engine.register_fn("*", |span: Span, times: INT| Span(span.0.saturating_mul(times)));
    engine.register_fn("+", |a: Span, b: Span| Span(a.0.saturating_add(b.0)));
    engine.register_fn("-", |a: Span, b: Span| Span(a.0.saturating_sub(b.0)));
}

fn globals(engine: &mut Engine, world: &Rc<RefCell<World>>) {
    let add = |world: &Rc<RefCell<World>>, kind: &str, says: &Map| -> Result<Sim, Failed> {
        let says = values(says)?;
        let number = world.borrow_mut().bench().and_then(|bench| bench.add_device(kind, &says)).map_err(fail)?;
        Ok(Sim { number, world: Rc::clone(world) })
    };
    let shared = Rc::clone(world);
    engine.register_fn("sim", move |kind: &str| add(&shared, kind, &Map::new()));
    let shared = Rc::clone(world);
    engine.register_fn("sim", move |kind: &str, says: Map| add(&shared, kind, &says));
    let shared = Rc::clone(world);
    engine.register_fn("advance", move |span: Span| -> Result<(), Failed> {
        shared.borrow_mut().bench().and_then(|bench| bench.advance(span.0)).map_err(fail)
    });
    let shared = Rc::clone(world);
    engine.register_fn("away", move |span: Span| -> Result<(), Failed> {
        shared.borrow_mut().bench().and_then(|bench| bench.away(span.0)).map_err(fail)
    });
    let shared = Rc::clone(world);
    engine.register_fn("clock", move |text: &str| -> Result<(), Failed> {
        let to = moment(text).map_err(fail)?;
        let mut world = shared.borrow_mut();
        match &mut world.bench {
            None => {
                world.start = to;
                Ok(())
            }
            Some(bench) => bench.advance(to.since_ms(bench.now())).map_err(fail),
        }
    });
    let shared = Rc::clone(world);
    engine.register_fn("set", move |name: &str, value: Dynamic| -> Result<(), Failed> {
        let value = parameter(&value)?;
        shared.borrow_mut().bench().and_then(|bench| bench.set(name, value, None)).map_err(fail)
    });
    let shared = Rc::clone(world);
    engine.register_fn("standard_with", move |condition: &str| -> Dynamic {
        let world = shared.borrow();
        let case = world.bench.as_ref().and_then(|bench| bench.case_with(condition));
        case.map_or(Dynamic::UNIT, |case| case.standard.to_string().into())
    });
    let shared = Rc::clone(world);
    engine.register_fn("open_cases", move || -> INT {
        shared.borrow().bench.as_ref().map_or(0, |bench| bench.open_cases() as INT)
    });
    let shared = Rc::clone(world);
    engine.register_fn("places", move |text: &str| -> Result<(), Failed> {
        shared.borrow_mut().bench().and_then(|bench| bench.put_places(text)).map_err(fail)
    });
    let shared = Rc::clone(world);
    engine.register_fn("open_with", move |condition: &str| -> INT {
        shared.borrow().bench.as_ref().map_or(0, |bench| bench.open_with(condition) as INT)
    });
}

/// What a test does to a device.
fn acts(engine: &mut Engine) {
    engine.register_fn("feed", |device: &mut Sim, values: Map| feed(device, values));
    let pass = |device: &mut Sim, span: Span| -> Result<(), Failed> {
        device.world.borrow_mut().bench().and_then(|bench| bench.advance(span.0)).map_err(fail)
    };
    engine.register_fn("advance", pass);
    engine.register_fn("silent", pass);
    engine.register_fn("set", |device: &mut Sim, name: &str, value: Dynamic| -> Result<(), Failed> {
        let (value, number) = (parameter(&value)?, device.number);
        device.world.borrow_mut().bench().and_then(|bench| bench.set(name, value, Some(number))).map_err(fail)
    });
    engine.register_fn("life", |device: &mut Sim, life: &str| -> Result<(), Failed> {
        let life = match life {
            "in_service" => DeviceLife::InService,
            "maintenance" => DeviceLife::Maintenance,
            "retired" => DeviceLife::Retired,
            other => return Err(fail(format!("`{other}` is not in_service, maintenance or retired"))),
        };
        let number = device.number;
        device.world.borrow_mut().bench().and_then(|bench| bench.set_life(number, life)).map_err(fail)
    });
}

fn feed(device: &mut Sim, mut values: Map) -> Result<(), Failed> {
    let mut world = device.world.borrow_mut();
    let bench = world.bench().map_err(fail)?;
    let ago = values.remove("ago").map(|ago| ago.try_cast::<Span>().ok_or_else(|| fail("`ago` is a time: 20.min")));
    let ts = values.remove("ts").map(|ts| ts.into_immutable_string().map_err(|_| fail("`ts` is a text")));
    let event_time = match (ago.transpose()?, ts.transpose()?) {
        (Some(ago), None) => Some(bench.now().plus_ms(-ago.0)),
        (None, Some(ts)) => Some(moment(&ts).map_err(fail)?),
        (None, None) => None,
        (Some(_), Some(_)) => return Err(fail("`ago` and `ts` say the same: give one of them")),
    };
    let mut fed = Vec::with_capacity(values.len());
    for (field, given) in values {
        let field = field.to_string();
        fed.push(match given.clone().try_cast::<Bad>() {
            Some(Bad(quality)) => Fed { field, value: None, quality },
            None => Fed { value: Some(value(&field, &given)?), field, quality: Quality::Ok },
        });
    }
    bench.feed(device.number, &fed, event_time).map_err(fail)
}

/// What a test asks about a device.
fn asks(engine: &mut Engine) {
    engine.register_fn("open", |device: &mut Sim, key: &str| {
        look(device, |bench, n| bench.open(n, key).is_some().into())
    });
    engine.register_fn("grouped", |device: &mut Sim, key: &str| look(device, |bench, n| bench.grouped(n, key).into()));
    engine.register_fn("opened", |device: &mut Sim| {
        look(device, |bench, n| bench.open_keys(n).into_keys().collect::<Vec<_>>().join(" ").into())
    });
    engine.register_fn("severity", |device: &mut Sim, key: &str| {
        look(device, |bench, n| bench.open(n, key).map_or(Dynamic::UNIT, |one| one.severity.name().into()))
    });
    engine.register_fn("condition", |device: &mut Sim, key: &str| {
        look(device, |bench, n| bench.open(n, key).map_or(Dynamic::UNIT, |one| one.condition.to_string().into()))
    });
    engine.register_fn("value", |device: &mut Sim, key: &str| {
        look(device, |bench, n| bench.open(n, key).and_then(|one| one.value).map_or(Dynamic::UNIT, Dynamic::from))
    });
    engine.register_fn("late", |device: &mut Sim, key: &str| {
        look(device, |bench, n| bench.open(n, key).is_some_and(|one| one.late).into())
    });
    engine.register_fn("count", |device: &mut Sim, key: &str| {
        look(device, |bench, n| (bench.incidents(n, key).count() as INT).into())
    });
    engine.register_fn("reopened", |device: &mut Sim, key: &str| {
        look(device, |bench, n| bench.incidents(n, key).last().map_or(0, |one| INT::from(one.reopened)).into())
    });
    engine.register_fn("text_zh", |device: &mut Sim, key: &str| {
        look(device, |bench, n| bench.open(n, key).map_or(Dynamic::UNIT, |one| one.text_zh.clone().into()))
    });
    engine.register_fn("text_en", |device: &mut Sim, key: &str| {
        look(device, |bench, n| bench.open(n, key).map_or(Dynamic::UNIT, |one| one.text_en.clone().into()))
    });
    engine.register_fn("commands", |device: &mut Sim, name: &str| {
        look(device, |bench, n| (bench.commands(n, name).count() as INT).into())
    });
    engine.register_fn("commanded", |device: &mut Sim, name: &str, argument: &str| {
        look(device, |bench, n| {
            let newest = bench.commands(n, name).last();
            newest.and_then(|row| row.args.get(argument)).map_or(Dynamic::UNIT, of_json)
        })
    });
    engine.register_fn("standard", |device: &mut Sim, key: &str| {
        look(device, |bench, n| bench.case(n, key).map_or(Dynamic::UNIT, |case| case.standard.to_string().into()))
    });
}

fn of_json(value: &serde_json::Value) -> Dynamic {
    match value {
        serde_json::Value::Bool(v) => (*v).into(),
        serde_json::Value::Number(v) => {
            v.as_i64().map(Dynamic::from).or_else(|| v.as_f64().map(Dynamic::from)).unwrap_or(Dynamic::UNIT)
        }
        serde_json::Value::String(v) => v.clone().into(),
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => Dynamic::UNIT,
    }
}

fn look(device: &Sim, ask: impl FnOnce(&Bench, usize) -> Dynamic) -> Dynamic {
    device.world.borrow().bench.as_ref().map_or(Dynamic::UNIT, |bench| ask(bench, device.number))
}

/// `expect` and `expect_eq` see the source of what they were given, so that a failure can say what
/// each side was.
fn expectations(engine: &mut Engine, world: &Rc<RefCell<World>>) {
    let shared = Rc::clone(world);
    let expect = move |context: &mut EvalContext<'_, '_, '_, '_, '_, '_>, inputs: &[Expression<'_>]| {
        let Some(condition) = inputs.first() else { return Ok(Dynamic::UNIT) };
        let value = context.eval_expression_tree(condition)?;
        if value.as_bool() == Ok(true) {
            return Ok(Dynamic::UNIT);
        }
        let message = match value.as_bool() {
            Ok(_) => "expected this to be true".to_owned(),
            Err(ty) => format!("expected true or false, this is {ty}"),
        };
        // The sides are evaluated again: the test is over, so what that changes does not matter.
        let mut values = Vec::new();
        for (text, side) in sides(condition) {
            let value = context.eval_expression_tree(&Expression::from(side))?;
            values.push(format!("{text} = {}", show(&value)));
        }
        let pos = place(condition.start_position());
        shared.borrow_mut().complaint = Some(Complaint { pos, message, values });
        Err(fail("expectation"))
    };
    let shared = Rc::clone(world);
    let expect_eq = move |context: &mut EvalContext<'_, '_, '_, '_, '_, '_>, inputs: &[Expression<'_>]| {
        let (Some(a), Some(b)) = (inputs.first(), inputs.get(1)) else { return Ok(Dynamic::UNIT) };
        let (left, right) = (context.eval_expression_tree(a)?, context.eval_expression_tree(b)?);
        if same(&left, &right) {
            return Ok(Dynamic::UNIT);
        }
        let values = vec![format!("left  = {}", show(&left)), format!("right = {}", show(&right))];
        let pos = place(a.start_position());
        shared.borrow_mut().complaint =
            Some(Complaint { pos, message: "expected both to be equal".to_owned(), values });
        Err(fail("expectation"))
    };
    let symbols = "words and brackets are symbols";
    engine.register_custom_syntax(["expect", "(", "$expr$", ")"], false, expect).expect(symbols);
    engine.register_custom_syntax(["expect_eq", "(", "$expr$", ",", "$expr$", ")"], false, expect_eq).expect(symbols);
}

fn number(value: &Dynamic) -> Option<f64> {
    value.as_float().ok().or_else(|| value.as_int().ok().map(|whole| whole as f64))
}

fn same(a: &Dynamic, b: &Dynamic) -> bool {
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0);
    }
    if a.is_unit() || b.is_unit() {
        return a.is_unit() && b.is_unit();
    }
    match (a.as_bool(), b.as_bool()) {
        (Ok(a), Ok(b)) => return a == b,
        (Err(_), Err(_)) => {}
        _ => return false,
    }
    let text = |value: &Dynamic| value.clone().into_immutable_string().ok();
    text(a).zip(text(b)).is_some_and(|(a, b)| a == b)
}

fn show(value: &Dynamic) -> String {
    match value.clone().into_immutable_string() {
        Ok(text) => format!("\"{text}\""),
        Err(_) if value.is_unit() => "() (nothing is open)".to_owned(),
        Err(_) => value.to_string(),
    }
}

fn value(name: &str, given: &Dynamic) -> Result<Value, Failed> {
    if let Some(number) = number(given) {
        return Ok(Value::Number(number));
    }
    if let Ok(flag) = given.as_bool() {
        return Ok(Value::Bool(flag));
    }
    let text = given.clone().into_immutable_string();
    text.map(|text| Value::Text(Arc::from(text.as_str()))).map_err(|ty| fail(format!("`{name}` cannot be {ty}")))
}

/// A parameter's value: lengths of time are numbers of seconds.
fn parameter(given: &Dynamic) -> Result<Value, Failed> {
    match given.clone().try_cast::<Span>() {
        Some(span) => Ok(Value::Number(span.0 as f64 / 1_000.0)),
        None => value("the value", given),
    }
}

fn values(says: &Map) -> Result<BTreeMap<String, Value>, Failed> {
    let one = |(name, given): (&_, &Dynamic)| {
        let name: &rhai::Identifier = name;
        Ok((name.to_string(), value(name, given)?))
    };
    says.iter().map(one).collect()
}
