//! Arithmetic with rhai's own meaning: the lowered tier must compute what the interpreter would.
//!
//! Integers fail on overflow and on division by zero. Floats are compared by relative epsilon, and
//! never fail. (A power of floats goes through `libm`, so that every platform computes the same.) rhai
//! takes 0 and "not a number" for equal; that is copied too, and [`root`] keeps square roots out of it.

use crate::program::Math;
use crate::script::tree::Binary;

/// Why an evaluation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error("integer overflow")]
    Overflow,
    #[error("integer division by zero")]
    DivisionByZero,
    #[error("integer raised to a negative power")]
    NegativePower,
    #[error("more operations than an evaluation may take")]
    Budget,
    #[error("functions call each other too deeply")]
    TooDeep,
    #[error("a list, a map or a text grows too large")]
    TooLarge,
    #[error("the list has no such item")]
    Bounds,
    #[error("an item of a list or map is of another type than it is used as")]
    WrongType,
    #[error("an item is put at an unknown place")]
    UnknownPlace,
    #[error("an argument of a command is out of its range")]
    Argument,
    #[error("the interpreter cannot run this")]
    Script,
}

pub(crate) fn int_op(op: Binary, a: i64, b: i64) -> Result<i64, Failure> {
    let result = match op {
        Binary::Add => a.checked_add(b),
        Binary::Subtract => a.checked_sub(b),
        Binary::Multiply => a.checked_mul(b),
        Binary::Divide | Binary::Modulo if b == 0 => return Err(Failure::DivisionByZero),
        Binary::Divide => a.checked_div(b),
        Binary::Modulo => a.checked_rem(b),
        Binary::Power if b < 0 => return Err(Failure::NegativePower),
        Binary::Power => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
        _ => None,
    };
    result.ok_or(Failure::Overflow)
}

pub(crate) fn float_op(op: Binary, a: f64, b: f64) -> f64 {
    match op {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide => a / b,
        Binary::Modulo => a % b,
        Binary::Power => libm::pow(a, b),
        _ => f64::NAN,
    }
}

pub(crate) fn compare_ints(op: Binary, a: i64, b: i64) -> bool {
    match op {
        Binary::Equal => a == b,
        Binary::NotEqual => a != b,
        Binary::Less => a < b,
        Binary::LessOrEqual => a <= b,
        Binary::Greater => a > b,
        _ => a >= b,
    }
}

/// A function of a number; `None` where it has no value.
pub(crate) fn math(f: Math, x: f64) -> Option<f64> {
    match f {
        Math::Abs => Some(x.abs()),
        Math::Floor => Some(libm::floor(x)),
        Math::Ceil => Some(libm::ceil(x)),
        Math::Round => Some(libm::round(x)),
        Math::Sqrt => root(x),
    }
}

/// The square root; a negative number has none.
pub(crate) fn root(x: f64) -> Option<f64> {
    Some(libm::sqrt(x)).filter(|root| !root.is_nan())
}

#[inline]
pub(crate) fn compare_floats(op: Binary, a: f64, b: f64) -> bool {
    // The scale is 1 where either side is zero, as in rhai.
    let scale = if a * b == 0.0 { 1.0 } else { a.abs().max(b.abs()) };
    if scale == 0.0 {
        // Zero beside "not a number": their product is none either, and the larger of the two is zero.
        return matches!(op, Binary::Equal | Binary::LessOrEqual | Binary::GreaterOrEqual);
    }
    // rhai divides the difference of either order; that changes the sign alone.
    let difference = (a - b) / scale;
    match op {
        Binary::Greater => difference > f64::EPSILON,
        Binary::Less => -difference > f64::EPSILON,
        Binary::LessOrEqual => -difference > -f64::EPSILON,
        Binary::Equal => difference.abs() <= f64::EPSILON,
        Binary::NotEqual => difference.abs() > f64::EPSILON,
        _ => difference > -f64::EPSILON,
    }
}

#[cfg(test)]
mod tests {
    use rhai::{Engine, Scope};

    use super::*;

    /// rhai itself, with its arithmetic and nothing else.
    fn rhai(expression: &str, a: rhai::Dynamic, b: rhai::Dynamic) -> Result<rhai::Dynamic, String> {
        let engine = Engine::new_raw();
        let mut scope = Scope::new();
        scope.push_dynamic("a", a).push_dynamic("b", b);
        engine.eval_expression_with_scope(&mut scope, expression).map_err(|error| error.to_string())
    }

    #[test]
    fn floats_compare_as_in_rhai() {
        let samples = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.1 + 0.2,
            0.3,
            1e-20,
            1e300,
            1e308,
            30.0,
            30.000000000000004,
            30.00001,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
        ];
        for op in Binary::ALL.into_iter().filter(|op| op.is_comparison()) {
            for a in samples {
                for b in samples {
                    let theirs = rhai(&format!("a {} b", op.symbol()), a.into(), b.into()).unwrap().as_bool().unwrap();
                    assert_eq!(compare_floats(op, a, b), theirs, "{a} {} {b}", op.symbol());
                }
            }
        }
    }

    #[test]
    fn integers_compute_and_fail_as_in_rhai() {
        let samples = [0, 1, -1, 2, 7, -7, 63, 64, i64::MAX, i64::MIN];
        for op in Binary::ALL.into_iter().filter(|op| !op.is_comparison()) {
            for a in samples {
                for b in samples {
                    let theirs = rhai(&format!("a {} b", op.symbol()), a.into(), b.into());
                    let theirs = theirs.ok().map(|n| n.as_int().unwrap());
                    assert_eq!(int_op(op, a, b).ok(), theirs, "{a} {} {b}", op.symbol());
                }
            }
        }
    }

    #[test]
    fn floats_compute_as_in_rhai() {
        for op in [Binary::Add, Binary::Subtract, Binary::Multiply, Binary::Divide, Binary::Modulo] {
            for (a, b) in [(1.5, 2.0), (7.0, -2.0), (1.0, 0.0), (0.0, 3.0), (1e308, 10.0), (0.0, 0.0)] {
                let theirs = rhai(&format!("a {} b", op.symbol()), a.into(), b.into()).unwrap().as_float().unwrap();
                let (ours, name) = (float_op(op, a, b), op.symbol());
                assert!(ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan(), "{a} {name} {b}");
            }
        }
    }

    #[test]
    fn a_negative_number_has_no_root() {
        assert_eq!((root(9.0), root(0.0), root(-1e-9), root(f64::NAN)), (Some(3.0), Some(0.0), None, None));
    }
}
