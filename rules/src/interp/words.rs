//! The forms that a printed script is made of: three-valued logic, sites of the machine, lists and maps.
//!
//! Each is a custom syntax, so that it evaluates its own arguments: `and(a, b)` looks at `b` only if `a`
//! is not false. What a form needs of the evaluation under way it gets from [`super::run::with_host`].

use rhai::{Array, Dynamic, Engine, EvalAltResult, EvalContext, Expression, Map, Position};

use super::ir::{MAX_ITEMS, Plain};
use super::run::with_host;
use super::unknown::{Owned, is_unknown, unknown};
use crate::judge::Failure;
use crate::sandbox::Meter;

/// The tag of a failure in the error that ends a script.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed(pub(super) Failure);

type Result<T> = std::result::Result<T, Box<EvalAltResult>>;
type RhaiResult = Result<Dynamic>;
type Context<'a, 's, 'ps, 'g, 'c, 't> = EvalContext<'a, 's, 'ps, 'g, 'c, 't>;

fn failed<T>(failure: Failure, at: Position) -> Result<T> {
    Err(EvalAltResult::ErrorRuntime(Dynamic::from(Failed(failure)), at).into())
}

/// Registers every form.
///
/// # Errors
/// A form that rhai does not take: a mistake of this file.
pub(super) fn register(engine: &mut Engine, meter: &Meter) -> std::result::Result<(), rhai::ParseError> {
    logic(engine)?;
    flow(engine)?;
    sites(engine, meter)?;
    lists(engine, meter)
}

fn arg(inputs: &[Expression<'_>], place: usize) -> Position {
    inputs.get(place).map_or(Position::NONE, Expression::position)
}

/// Evaluates an argument.
fn value(context: &mut Context<'_, '_, '_, '_, '_, '_>, inputs: &[Expression<'_>], place: usize) -> RhaiResult {
    match inputs.get(place) {
        Some(input) => context.eval_expression_tree(input),
        None => Ok(unknown()),
    }
}

/// A condition: `None` while it is unknown.
fn condition(
    context: &mut Context<'_, '_, '_, '_, '_, '_>,
    inputs: &[Expression<'_>],
    place: usize,
) -> Result<Option<bool>> {
    let value = value(context, inputs, place)?;
    match value.as_bool() {
        Ok(v) => Ok(Some(v)),
        Err(_) if is_unknown(&value) => Ok(None),
        Err(_) => failed(Failure::WrongType, arg(inputs, place)),
    }
}

fn number(inputs: &[Expression<'_>], place: usize) -> u16 {
    let literal = inputs.get(place).and_then(Expression::get_literal_value::<i64>);
    literal.and_then(|n| u16::try_from(n).ok()).unwrap_or(u16::MAX)
}

fn three(value: Option<bool>) -> Dynamic {
    value.map_or_else(unknown, Dynamic::from)
}

fn logic(engine: &mut Engine) -> std::result::Result<(), rhai::ParseError> {
    let two = |word| [word, "(", "$expr$", ",", "$expr$", ")"];
    let one = |word| [word, "(", "$expr$", ")"];
    // `eager`: the right side holds a slot, and is judged whatever the left side says.
    for (word, decides, eager) in
        [("and", false, false), ("both", false, true), ("or", true, false), ("either", true, true)]
    {
        engine.register_custom_syntax(two(word), false, move |context, inputs| {
            let a = condition(context, inputs, 0)?;
            if a == Some(decides) && !eager {
                return Ok(decides.into());
            }
            let b = condition(context, inputs, 1)?;
            let decided = a == Some(decides) || b == Some(decides);
            Ok(three(if decided { Some(decides) } else { a.and(b) }))
        })?;
    }
    engine.register_custom_syntax(one("not"), false, |context, inputs| {
        Ok(three(condition(context, inputs, 0)?.map(|v| !v)))
    })?;
    for (word, wanted) in [("yes", true), ("no", false)] {
        engine.register_custom_syntax(one(word), false, move |context, inputs| {
            Ok((condition(context, inputs, 0)? == Some(wanted)).into())
        })?;
    }
    engine.register_custom_syntax(one("known"), false, |context, inputs| {
        Ok((!is_unknown(&value(context, inputs, 0)?)).into())
    })?;
    engine.register_custom_syntax(two("or_else"), false, |context, inputs| {
        let x = value(context, inputs, 0)?;
        if is_unknown(&x) { value(context, inputs, 1) } else { Ok(x) }
    })?;
    engine.register_custom_syntax(one("float"), false, |context, inputs| {
        let x = value(context, inputs, 0)?;
        Ok(x.as_int().map_or(x, |v| (v as f64).into()))
    })?;
    engine.register_custom_syntax(["U"], false, |_, _| Ok(unknown()))?;
    let as_type = ["as_type", "(", "$int$", ",", "$expr$", ")"];
    engine.register_custom_syntax(as_type, false, |context, inputs| {
        let x = value(context, inputs, 1)?;
        let fits = match Plain::ALL.get(usize::from(number(inputs, 0))) {
            _ if is_unknown(&x) => true,
            Some(Plain::Bool) => x.is_bool(),
            Some(Plain::Int) => x.is_int(),
            Some(Plain::Float) => match x.as_int() {
                Ok(v) => return Ok((v as f64).into()),
                Err(_) => x.is_float(),
            },
            Some(Plain::Text) => x.is_string(),
            Some(Plain::List) => x.is_array(),
            Some(Plain::Map) => x.is_map(),
            None => false,
        };
        if fits { Ok(x) } else { failed(Failure::WrongType, arg(inputs, 0)) }
    })?;
    Ok(())
}

fn flow(engine: &mut Engine) -> std::result::Result<(), rhai::ParseError> {
    // A body that `return` ends, and nothing around it.
    engine.register_custom_syntax(["body", "$block$"], false, |context, inputs| match value(context, inputs, 0) {
        Ok(_) => Ok(Dynamic::UNIT),
        Err(error) if matches!(*error, EvalAltResult::Return(..)) => Ok(Dynamic::UNIT),
        Err(error) => Err(error),
    })?;
    let saw = ["saw", "(", "$int$", ",", "$expr$", ")"];
    engine.register_custom_syntax(saw, false, |context, inputs| {
        let x = value(context, inputs, 1)?;
        let told = Owned::of(&x);
        with_host(|host| host.saw(number(inputs, 0), &told));
        Ok(x)
    })?;
    engine.register_custom_syntax(["each", "(", "$expr$", ")"], false, |context, inputs| {
        let x = value(context, inputs, 0)?;
        Ok(if is_unknown(&x) { Dynamic::from_array(Array::new()) } else { x })
    })?;
    for (word, inclusive) in [("range", false), ("through", true)] {
        let form = [word, "(", "$expr$", ",", "$expr$", ")"];
        engine.register_custom_syntax(form, false, move |context, inputs| {
            let (from, to) = (value(context, inputs, 0)?, value(context, inputs, 1)?);
            let (Ok(from), Ok(to)) = (from.as_int(), to.as_int()) else {
                return Ok(Dynamic::from_array(Array::new()));
            };
            Ok(if inclusive { Dynamic::from(from..=to) } else { Dynamic::from(from..to) })
        })?;
    }
    Ok(())
}

fn sites(engine: &mut Engine, meter: &Meter) -> std::result::Result<(), rhai::ParseError> {
    for arguments in 0..=super::print::MAX_ARGUMENTS {
        let word = format!("site{arguments}");
        let mut form = vec![word.as_str(), "(", "$int$"];
        for _ in 0..arguments {
            form.extend([",", "$expr$"]);
        }
        form.push(")");
        let meter = meter.clone();
        engine.register_custom_syntax(form, false, move |context, inputs| {
            let mut args: [Owned; super::print::MAX_ARGUMENTS] = Default::default();
            for (place, arg) in args.iter_mut().enumerate().take(arguments) {
                *arg = Owned::of(&value(context, inputs, place + 1)?);
            }
            let (result, operations) = with_host(|host| host.site(number(inputs, 0), &args));
            meter.add(operations);
            result.or_else(|failure| failed(failure, arg(inputs, 0)))
        })?;
    }
    // Most raise without a value, and with the severity of the rule: fewer arguments are much cheaper.
    engine.register_custom_syntax(["an_incident", "(", "$int$", ",", "$expr$", ")"], false, |context, inputs| {
        match condition(context, inputs, 1)? {
            Some(true) => with_host(|host| host.raise(number(inputs, 0), None, &Owned::Unknown)),
            Some(false) => with_host(|host| host.clear(number(inputs, 0))),
            None => {}
        }
        Ok(Dynamic::UNIT)
    })?;
    let incident = ["incident", "(", "$int$", ",", "$expr$", ",", "$expr$", ",", "$expr$", ")"];
    engine.register_custom_syntax(incident, false, |context, inputs| {
        match condition(context, inputs, 1)? {
            Some(true) => raise(context, inputs, 2)?,
            Some(false) => with_host(|host| host.clear(number(inputs, 0))),
            None => {}
        }
        Ok(Dynamic::UNIT)
    })?;
    engine.register_custom_syntax(["command", "(", "$int$", ",", "$expr$", ")"], false, |context, inputs| {
        let args = value(context, inputs, 1)?;
        let args: Vec<Owned> = args.as_array_ref().map(|args| args.iter().map(Owned::of).collect()).unwrap_or_default();
        let result = with_host(|host| host.command(number(inputs, 0), &args));
        result.map(|()| Dynamic::UNIT).or_else(|failure| failed(failure, arg(inputs, 1)))
    })?;
    engine.register_custom_syntax(["sure", "(", "$expr$", ")"], false, |context, inputs| {
        let condition = value(context, inputs, 0)?;
        if is_unknown(&condition) {
            with_host(|host| host.undecided());
        }
        Ok(condition)
    })?;
    let form = ["raise", "(", "$int$", ",", "$expr$", ",", "$expr$", ")"];
    engine.register_custom_syntax(form, false, |context, inputs| {
        raise(context, inputs, 1)?;
        Ok(Dynamic::UNIT)
    })?;
    Ok(())
}

/// `first` is the place of the value; the severity follows.
fn raise(context: &mut Context<'_, '_, '_, '_, '_, '_>, inputs: &[Expression<'_>], first: usize) -> Result<()> {
    let number_value = value(context, inputs, first)?;
    let severity = value(context, inputs, first + 1)?;
    let severity = Owned::of(&severity);
    with_host(|host| host.raise(number(inputs, 0), number_value.as_float().ok(), &severity));
    Ok(())
}

/// A list or map that is in a variable, without copying it.
fn in_place<'x>(
    context: &'x mut Context<'_, '_, '_, '_, '_, '_>,
    inputs: &[Expression<'_>],
) -> Result<&'x mut Dynamic> {
    let name = inputs.first().and_then(|name| name.get_string_value()).unwrap_or_default();
    match context.scope_mut().get_mut(name) {
        Some(value) => Ok(value),
        None => failed(Failure::WrongType, arg(inputs, 0)),
    }
}

fn lists(engine: &mut Engine, meter: &Meter) -> std::result::Result<(), rhai::ParseError> {
    // By the name of a variable, and by value.
    for (word, base) in [("item", "$string$"), ("item_of", "$expr$")] {
        let by_name = base == "$string$";
        engine.register_custom_syntax([word, "(", base, ",", "$expr$", ")"], false, move |context, inputs| {
            let index = value(context, inputs, 1)?;
            if by_name {
                item(in_place(context, inputs)?, &index, arg(inputs, 0))
            } else {
                // The base is computed after its index, as the failure of either ends the script anyhow.
                let base = value(context, inputs, 0)?;
                item(&base, &index, arg(inputs, 1))
            }
        })?;
    }
    let counted = meter.clone();
    engine.register_custom_syntax(["copy", "(", "$string$", ")"], false, move |context, inputs| {
        let value = in_place(context, inputs)?;
        counted.add(size(value) as u64 / 8);
        Ok(value.clone())
    })?;
    for (word, base) in [("len", "$string$"), ("len_of", "$expr$")] {
        let by_name = base == "$string$";
        engine.register_custom_syntax([word, "(", base, ")"], false, move |context, inputs| {
            if by_name { length(in_place(context, inputs)?) } else { length(&value(context, inputs, 0)?) }
        })?;
    }
    for (word, base) in [("contains", "$string$"), ("contains_of", "$expr$")] {
        let (by_name, meter) = (base == "$string$", meter.clone());
        engine.register_custom_syntax([word, "(", base, ",", "$expr$", ")"], false, move |context, inputs| {
            let wanted = value(context, inputs, 1)?;
            if by_name {
                contains(in_place(context, inputs)?, &wanted, &meter)
            } else {
                contains(&value(context, inputs, 0)?, &wanted, &meter)
            }
        })?;
    }
    for (word, base) in [("keys", "$string$"), ("keys_of", "$expr$")] {
        let (by_name, meter) = (base == "$string$", meter.clone());
        engine.register_custom_syntax([word, "(", base, ")"], false, move |context, inputs| {
            let keys = |map: &Dynamic| match map.as_map_ref() {
                Ok(map) => map.keys().map(|key| Dynamic::from(key.as_str().to_owned())).collect(),
                Err(_) => Array::new(),
            };
            let keys = if by_name { keys(in_place(context, inputs)?) } else { keys(&value(context, inputs, 0)?) };
            meter.add(keys.len() as u64);
            Ok(keys.into())
        })?;
    }
    let counted = meter.clone();
    engine.register_custom_syntax(["push", "(", "$string$", ",", "$expr$", ")"], false, move |context, inputs| {
        let new = value(context, inputs, 1)?;
        change(context, inputs, &counted, |list| {
            if is_unknown(list) {
                return Ok(());
            }
            list.as_array_mut().map_err(|_| Failure::WrongType)?.push(new);
            Ok(())
        })
    })?;
    engine.register_custom_syntax(["pop", "(", "$string$", ")"], false, |context, inputs| {
        let list = in_place(context, inputs)?;
        Ok(list.as_array_mut().ok().and_then(|mut list| list.pop()).unwrap_or_else(unknown))
    })?;
    for depth in 1..=2_usize {
        let word = format!("put{depth}");
        let mut form = vec![word.as_str(), "(", "$string$"];
        form.extend([",", "$expr$"].repeat(depth + 1));
        form.push(")");
        let meter = meter.clone();
        engine.register_custom_syntax(form, false, move |context, inputs| {
            let mut path = Vec::with_capacity(depth);
            for place in 1..=depth {
                path.push(value(context, inputs, place)?);
            }
            let new = value(context, inputs, depth + 1)?;
            change(context, inputs, &meter, |base| put(base, &path, new))
        })?;
    }
    Ok(())
}

fn length(value: &Dynamic) -> RhaiResult {
    let length = if let Ok(list) = value.as_array_ref() {
        Some(list.len())
    } else if let Ok(map) = value.as_map_ref() {
        Some(map.len())
    } else {
        value.as_immutable_string_ref().ok().map(|text| text.chars().count())
    };
    Ok(length.map_or_else(unknown, |n| i64::try_from(n).unwrap_or(i64::MAX).into()))
}

fn contains(value: &Dynamic, wanted: &Dynamic, meter: &Meter) -> RhaiResult {
    if is_unknown(value) || is_unknown(wanted) {
        return Ok(unknown());
    }
    if let Ok(list) = value.as_array_ref() {
        meter.add(list.len() as u64 / 4);
        return Ok(list.iter().any(|item| same(item, wanted)).into());
    }
    let wanted = wanted.as_immutable_string_ref();
    let found = match (value.as_map_ref(), value.as_immutable_string_ref(), wanted) {
        (Ok(map), _, Ok(key)) => map.contains_key(key.as_str()),
        (_, Ok(text), Ok(part)) => text.contains(part.as_str()),
        _ => false,
    };
    Ok(found.into())
}

/// Equal as the language's `==` says, over items of lists.
fn same(a: &Dynamic, b: &Dynamic) -> bool {
    use crate::judge::number::compare_floats;
    use crate::script::tree::Binary;
    let float = |value: &Dynamic| value.as_float().or_else(|_| value.as_int().map(|v| v as f64));
    match (a.as_int(), b.as_int()) {
        (Ok(a), Ok(b)) => return a == b,
        _ => {
            if let (Ok(a), Ok(b)) = (float(a), float(b)) {
                return compare_floats(Binary::Equal, a, b);
            }
        }
    }
    match (a.as_immutable_string_ref(), b.as_immutable_string_ref()) {
        (Ok(a), Ok(b)) => *a == *b,
        _ => matches!((a.as_bool(), b.as_bool()), (Ok(a), Ok(b)) if a == b),
    }
}

fn item(base: &Dynamic, index: &Dynamic, at: Position) -> RhaiResult {
    if is_unknown(base) || is_unknown(index) {
        return Ok(unknown());
    }
    if let (Ok(list), Ok(index)) = (base.as_array_ref(), index.as_int()) {
        return match place(index, list.len()).and_then(|place| list.get(place)) {
            Some(item) => Ok(item.clone()),
            None => failed(Failure::Bounds, at),
        };
    }
    if let (Ok(map), Ok(key)) = (base.as_map_ref(), index.as_immutable_string_ref()) {
        return Ok(map.get(key.as_str()).cloned().unwrap_or_else(unknown));
    }
    failed(Failure::WrongType, at)
}

/// The place of an index in a list of that length; from its end if negative.
fn place(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let place = if index < 0 { length.checked_add(index)? } else { index };
    usize::try_from(place).ok()
}

fn put(base: &mut Dynamic, path: &[Dynamic], new: Dynamic) -> std::result::Result<(), Failure> {
    let Some((index, rest)) = path.split_first() else {
        *base = new;
        return Ok(());
    };
    // What is put at an unknown place is lost, and nothing is known of the rest: the evaluation fails.
    if is_unknown(base) || is_unknown(index) {
        return Err(Failure::UnknownPlace);
    }
    if let (Ok(mut list), Ok(index)) = (base.as_array_mut(), index.as_int()) {
        let length = list.len();
        let item = place(index, length).and_then(|place| list.get_mut(place)).ok_or(Failure::Bounds)?;
        return put(item, rest, new);
    }
    let key = index.as_immutable_string_ref().map_err(|_| Failure::WrongType)?;
    let mut map = base.as_map_mut().map_err(|_| Failure::WrongType)?;
    let map: &mut Map = &mut map;
    let entry = map.entry(key.as_str().into()).or_insert_with(unknown);
    put(entry, rest, new)
}

/// Changes a list or map in its variable, and sees that it stays within its limits: rhai does not
/// measure what grows by `m[k] = v`.
fn change(
    context: &mut Context<'_, '_, '_, '_, '_, '_>,
    inputs: &[Expression<'_>],
    meter: &Meter,
    act: impl FnOnce(&mut Dynamic) -> std::result::Result<(), Failure>,
) -> RhaiResult {
    let at = arg(inputs, 0);
    let value = in_place(context, inputs)?;
    act(value).or_else(|failure| failed(failure, at))?;
    let size = size(value);
    meter.add(size as u64 / 16);
    if size > MAX_ITEMS { failed(Failure::TooLarge, at) } else { Ok(Dynamic::UNIT) }
}

/// How many items a list or map has, those within them included.
fn size(value: &Dynamic) -> usize {
    if let Ok(list) = value.as_array_ref() {
        return list.len() + list.iter().map(size).sum::<usize>();
    }
    if let Ok(map) = value.as_map_ref() {
        return map.len() + map.values().map(size).sum::<usize>();
    }
    0
}
