//! Unknown as a value of its own type, and values on their way between script and machine.

use rhai::{Dynamic, Engine, ImmutableString};

use crate::judge::Scalar;

/// The third value. rhai's own `()` will not do: it compares with everything, and is false.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unknown;

/// An operator over something unknown gives unknown. rhai asks registered functions first where a type
/// is not its own.
pub(super) fn register(engine: &mut Engine) {
    for op in ["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">="] {
        engine.register_fn(op, |_: Unknown, _: Unknown| Unknown);
        with::<i64>(engine, op);
        with::<f64>(engine, op);
        with::<bool>(engine, op);
        with::<ImmutableString>(engine, op);
    }
    engine.register_fn("**", |_: Unknown, _: Unknown| Unknown);
    with::<i64>(engine, "**");
    engine.register_fn("-", |_: Unknown| Unknown);
}

fn with<T: Clone + 'static>(engine: &mut Engine, op: &str) {
    engine.register_fn(op, |_: Unknown, _: T| Unknown);
    engine.register_fn(op, |_: T, _: Unknown| Unknown);
}

pub(super) fn unknown() -> Dynamic {
    Dynamic::from(Unknown)
}

pub(super) fn is_unknown(value: &Dynamic) -> bool {
    value.is::<Unknown>()
}

pub(crate) fn dynamic(value: Scalar<'_>) -> Dynamic {
    match value {
        Scalar::Unknown => unknown(),
        Scalar::Bool(v) => v.into(),
        Scalar::Int(v) => v.into(),
        Scalar::Float(v) => v.into(),
        Scalar::Text(v) => v.into(),
    }
}

/// Puts a value into a place; a text that is there already is not copied again.
pub(super) fn put(place: &mut Dynamic, value: Scalar<'_>) {
    if let Scalar::Text(text) = value
        && place.is_string()
        && place.as_immutable_string_ref().is_ok_and(|old| old.as_str() == text)
    {
        return;
    }
    *place = dynamic(value);
}

/// A value that a site or an explanation can hold on to.
#[derive(Clone, Debug, Default)]
pub(crate) enum Owned {
    #[default]
    Unknown,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(ImmutableString),
    /// A list or map, as text.
    Other(String),
}

/// The most characters of a list or map in an explanation.
const SHOWN: usize = 120;

impl Owned {
    pub(super) fn of(value: &Dynamic) -> Owned {
        if let Ok(v) = value.as_float() {
            Owned::Float(v)
        } else if let Ok(v) = value.as_bool() {
            Owned::Bool(v)
        } else if let Ok(v) = value.as_int() {
            Owned::Int(v)
        } else if let Ok(v) = value.as_immutable_string_ref() {
            Owned::Text(v.clone())
        } else if is_unknown(value) {
            Owned::Unknown
        } else {
            Owned::Other(shown(value))
        }
    }

    /// A list or map is no scalar: nothing takes it.
    pub(crate) fn scalar(&self) -> Scalar<'_> {
        match self {
            Owned::Unknown | Owned::Other(_) => Scalar::Unknown,
            Owned::Bool(v) => Scalar::Bool(*v),
            Owned::Int(v) => Scalar::Int(*v),
            Owned::Float(v) => Scalar::Float(*v),
            Owned::Text(v) => Scalar::Text(v),
        }
    }
}

fn shown(value: &Dynamic) -> String {
    let text = value.to_string().replace("gengfu_rules::interp::unknown::Unknown", "unknown");
    if text.chars().count() <= SHOWN {
        return text;
    }
    let start: String = text.chars().take(SHOWN).collect();
    format!("{start}..")
}
