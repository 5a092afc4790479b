//! The one place that builds a rhai engine: raw, without a way out, every limit set.
//!
//! What rhai 1.27 leaves open is closed here: its own count of operations starts anew inside a closure
//! that a native function calls, so a [`Meter`] counts beside it; `sleep`, `eval`, `import`, `print` and
//! the like are not there at all; a map that grows by `m[k] = v` is not measured by rhai, so what one
//! operation can add is kept small enough that the operations bound it. Limits count operations, bytes
//! and items, never time: the same script fails at the same place on every machine.

use std::cell::Cell;
use std::rc::Rc;

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicIteratorPackage, BasicMapPackage, BasicMathPackage, LogicPackage,
    MoreStringPackage, Package,
};
use rhai::{Dynamic, Engine, OptimizationLevel, Token};

/// What no script may say: code from texts or files, output, and functions that were put together.
const FORBIDDEN: [&str; 11] =
    ["eval", "import", "export", "print", "debug", "Fn", "call", "curry", "sleep", "exit", "parse_json"];

/// What a script may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Operations of one run: about one for each expression and statement that is evaluated.
    pub(crate) operations: u64,
    /// How deep functions call each other.
    pub(crate) call_depth: usize,
    /// How deep expressions and blocks nest in the text.
    pub(crate) nesting: usize,
    /// Bytes of one text.
    pub(crate) text_bytes: usize,
    /// Items of one array, those of arrays within it included.
    pub(crate) array_items: usize,
    /// Entries of one map, where rhai measures it.
    pub(crate) map_entries: usize,
    /// Variables at once.
    pub(crate) variables: usize,
    /// Functions of a script.
    pub(crate) functions: usize,
}

/// The limits of one evaluation of a rule in the interpreter.
pub(crate) const RULE: Limits = Limits {
    operations: 100_000,
    call_depth: 24,
    nesting: 64,
    text_bytes: 1_024,
    array_items: 1_024,
    map_entries: 256,
    variables: 256,
    functions: 64,
};

/// The limits of one `test_*` function: it plays through days of messages.
pub(crate) const TEST: Limits = Limits {
    operations: 1_000_000,
    call_depth: 24,
    nesting: 64,
    text_bytes: 1_024,
    array_items: 256,
    map_entries: 256,
    variables: 256,
    functions: 128,
};

/// Counts operations, those inside closures that a native function calls included.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Rc<Cell<u64>>);

impl Meter {
    /// Begins to count anew: before each run.
    pub(crate) fn reset(&self) {
        self.0.set(0);
    }

    /// The operations since [`Meter::reset`].
    pub(crate) fn used(&self) -> u64 {
        self.0.get()
    }

    /// Counts what a native function did beside its call, such as looking through a window.
    pub(crate) fn add(&self, operations: u64) {
        self.0.set(self.0.get().saturating_add(operations));
    }
}

/// An engine with operators and nothing else, its limits, and the meter that its runs are counted by.
///
/// A run over [`Limits::operations`] ends with `ErrorTerminated`, which no script can catch.
pub(crate) fn bare(limits: &Limits) -> (Engine, Meter) {
    let mut engine = Engine::new_raw();
    engine.set_optimization_level(OptimizationLevel::None);
    for word in FORBIDDEN {
        engine.disable_symbol(word);
    }
    engine.set_allow_anonymous_fn(false);
    engine.set_fail_on_invalid_map_property(true);
    engine.set_max_operations(limits.operations);
    engine.set_max_call_levels(limits.call_depth);
    engine.set_max_expr_depths(limits.nesting, limits.nesting);
    engine.set_max_string_size(limits.text_bytes);
    engine.set_max_array_size(limits.array_items);
    engine.set_max_map_size(limits.map_entries);
    engine.set_max_variables(limits.variables);
    engine.set_max_functions(limits.functions);
    engine.set_max_modules(0);
    let meter = Meter::default();
    let (counted, most) = (meter.clone(), limits.operations);
    engine.on_progress(move |_| {
        counted.add(1);
        // Nearly every time there is nothing to give: no value is made to be dropped.
        if counted.used() > most { Some(Dynamic::UNIT) } else { None }
    });
    (engine, meter)
}

/// [`bare`] with rhai's functions over numbers, texts, arrays, maps and ranges; no `print`, no clock.
pub(crate) fn standard(limits: &Limits) -> (Engine, Meter) {
    let (mut engine, meter) = bare(limits);
    ArithmeticPackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicMathPackage::new().register_into_engine(&mut engine);
    BasicIteratorPackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    MoreStringPackage::new().register_into_engine(&mut engine);
    (engine, meter)
}

/// An engine that only parses, with that nesting at most. `default` is a word of `parameters`, and
/// reserved in rhai.
pub(crate) fn parser(nesting: usize) -> Engine {
    let mut engine = Engine::new_raw();
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_max_expr_depths(nesting, nesting);
    take_default_as_a_name(&mut engine);
    engine
}

/// `default` is a word of `parameters`, and reserved in rhai.
pub(crate) fn take_default_as_a_name(engine: &mut Engine) {
    #[expect(deprecated, reason = "not deprecated but volatile, says rhai; its version is pinned")]
    engine.on_parse_token(|token, _, _| match token {
        Token::Reserved(word) if word.as_str() == "default" => Token::Identifier(Box::new(word.as_str().into())),
        other => other,
    });
}

#[cfg(test)]
mod tests {
    use rhai::EvalAltResult;

    use super::*;

    /// The error of a script, as text; panics if it ran to its end.
    fn error(limits: &Limits, script: &str) -> String {
        let (engine, meter) = standard(limits);
        let said = match engine.compile(script) {
            Err(error) => return error.to_string(),
            Ok(ast) => engine.run_ast(&ast).expect_err(script).to_string(),
        };
        assert!(meter.used() <= limits.operations + 1, "{script}: {}", meter.used());
        said
    }

    #[test]
    fn endless_scripts_end() {
        for script in [
            "loop { }",
            "while true { let x = 1; }",
            "let n = 0; do { n += 1; } while n >= 0;",
            "for i in 0..9223372036854775807 { }",
            "fn f(n) { if n > 0 { f(n - 1); f(n - 1); } } f(20);",
        ] {
            let said = error(&TEST, script);
            assert!(said.contains("terminated") || said.contains("operations"), "{script}: {said}");
        }
    }

    #[test]
    fn nothing_catches_the_end_of_the_budget() {
        let (engine, _) = standard(&TEST);
        let error = engine.run("loop { try { loop { } } catch { } }").expect_err("it ends");
        assert!(matches!(*error, EvalAltResult::ErrorTerminated(..) | EvalAltResult::ErrorTooManyOperations(..)));
    }

    #[test]
    fn operations_in_functions_that_natives_call_count() {
        // rhai's own count begins anew in each call that `map` makes: a million steps for a thousand.
        let limits = Limits { operations: 5_000, ..TEST };
        let (mut engine, meter) = standard(&limits);
        engine.register_fn(
            "twice",
            |context: rhai::NativeCallContext<'_>, name: &str| -> Result<i64, Box<EvalAltResult>> {
                for _ in 0..1_000 {
                    context.call_fn::<i64>(name, ())?;
                }
                Ok(1)
            },
        );
        let script = "fn busy() { let n = 0; for i in 0..100 { n += i; } n } twice(\"busy\");";
        let error = engine.run(script).expect_err("a hundred thousand steps are too many");
        assert!(error.to_string().contains("terminated"), "{error}");
        assert!(meter.used() <= limits.operations + 1, "{}", meter.used());
        meter.reset();
        assert_eq!(meter.used(), 0);
    }

    #[test]
    fn there_is_no_way_out() {
        for script in [
            "eval(\"1\")",
            "import \"x\" as x;",
            "print(1);",
            "debug(1);",
            "sleep(1);",
            "sleep(1.0);",
            "exit(1);",
            "let f = Fn(\"x\"); f.call();",
            "let f = |x| x + 1; f.call(1);",
            "parse_json(\"{}\")",
            "timestamp()",
            "let t = now();",
            "rand()",
            "open_file(\"/etc/passwd\")",
            "[1].for_each(|x| loop { });",
        ] {
            error(&TEST, script);
        }
    }

    #[test]
    fn texts_arrays_and_maps_do_not_grow_without_end() {
        for (script, what) in [
            ("let s = \"x\"; loop { s += s; }", "Length of string"),
            ("let s = \"x\"; loop { s = s + s; }", "Length of string"),
            ("let a = [1]; loop { a += a; }", "Size of array"),
            ("let a = []; loop { a.push(1); }", "Size of array"),
            ("let a = []; loop { a = [a, a]; }", "Size of array"),
            ("let a = [1]; loop { a.append(a); }", "Size of array"),
            ("let a = []; a.pad(100000000, 0);", "Size of array"),
            ("let s = \"x\"; s.pad(100000000, \"y\");", "Length of string"),
            (
                "let m = #{ a: 1 }; let n = 0; loop { n += 1; let o = #{}; o[\"k\" + n] = n; m = m + o; }",
                "Size of object map",
            ),
        ] {
            let said = error(&TEST, script);
            assert!(said.contains(what), "{script}: {said}");
        }
    }

    #[test]
    fn what_rhai_does_not_measure_ends_with_the_operations() {
        // `m[k] = v` is not measured. An entry takes some operations and adds one array at most.
        let script = "let big = []; big.pad(256, 0); let m = #{}; let n = 0; loop { n += 1; m[\"k\" + n] = big; }";
        let said = error(&TEST, script);
        assert!(said.contains("terminated") || said.contains("operations"), "{said}");
    }

    #[test]
    fn depth_is_bounded_in_text_and_in_calls() {
        assert!(error(&TEST, "fn f() { f(); } f();").contains("Stack overflow"));
        assert!(error(&TEST, "fn f() { g(); } fn g() { f(); } f();").contains("Stack overflow"));
        let deep = format!("{}1{}", "(".repeat(5_000), ")".repeat(5_000));
        assert!(error(&TEST, &deep).contains("maximum complexity"));
        let blocks = format!("{}{}", "if true { ".repeat(5_000), "}".repeat(5_000));
        assert!(error(&TEST, &blocks).contains("maximum complexity"));
        let calls = format!("{}1{}", "abs(".repeat(5_000), ")".repeat(5_000));
        assert!(error(&TEST, &calls).contains("maximum complexity"));
        let variables: String = (0..300).map(|n| format!("let x{n} = 1;\n")).collect();
        assert!(error(&TEST, &variables).contains("many variables"), "{}", error(&TEST, &variables));
        let functions: String = (0..200).map(|n| format!("fn f{n}() {{ }}\n")).collect();
        assert!(error(&TEST, &functions).contains("functions"), "{}", error(&TEST, &functions));
    }
}
