//! The terms of random rules: what a rule may be made of, with the type in the name. Fields are numbers, which mean
//! another field for each kind.

use proptest::prelude::*;

use super::subject::SUBJECTS;

/// A number.
#[derive(Clone, Debug)]
pub enum Num {
    Const(i32),
    Whole(i64),
    Field(usize),
    Visits,
    Param,
    IntervalS,
    Var(usize),
    Op(&'static str, Box<Num>, Box<Num>),
    Negate(Box<Num>),
    Call(&'static str, Box<Num>),
    Two(&'static str, Box<Num>, Box<Num>),
    Clamp(Box<Num>, i32),
    OrElse(Box<Num>, i32),
    Choose(Box<Cond>, Box<Num>, Box<Num>),
    Window(&'static str, Box<Num>, i64),
    Previous(usize),
    PreviousVisits,
    /// Divides whole numbers, at times by zero.
    Risky(i64),
    /// Overflows at times.
    Large(i64),
    Count(Box<Cond>),
    /// An own function with an early `return`.
    Own(Box<Num>),
    /// An own function that remembers; it has one memory, so a rule calls it once.
    OwnMemory,
    /// What the kind alone has, and places; without memory, and with.
    Special(usize),
    SpecialMemory(usize),
    /// Plainly a sum of terms; roundabout a loop over a list.
    Sum(Vec<Num>),
    /// Plainly the largest of terms; roundabout a loop over the keys of a map.
    Largest(Vec<Num>),
    /// Plainly four times; roundabout a function that calls itself.
    FourTimes(Box<Num>),
}

/// A condition.
#[derive(Clone, Debug)]
pub enum Cond {
    Field(usize),
    Compare(&'static str, Box<Num>, Box<Num>),
    And(Box<Cond>, Box<Cond>),
    Or(Box<Cond>, Box<Cond>),
    Not(Box<Cond>),
    Same(&'static str, Box<Cond>, Box<Cond>),
    Known(Box<Num>),
    KnownToBe(Box<Cond>),
    OrElse(Box<Cond>, bool),
    Held(Box<Cond>, i64),
    /// Held for as long as a parameter says.
    HeldByParam(Box<Cond>),
    Band(Box<Num>, i32),
    /// Trips below, resets above.
    LowBand(Box<Num>, i32),
    Flapping(Box<Cond>, i64, i64),
    Changed(usize),
    ChangedNumber(usize),
    PreviousFlag(usize),
    Choose(Box<Cond>, Box<Cond>, Box<Cond>),
    Between(Box<Num>, i32),
    Time(usize),
    Silent,
    District,
    Param,
    Own(Box<Cond>),
    /// Held for so many reporting intervals.
    HeldIntervals(Box<Cond>),
    /// What the kind alone has, and places; without memory, and with.
    Special(usize),
    SpecialMemory(usize),
    /// Plainly one of three fields or the other; roundabout a loop that ends early.
    AnyOf([usize; 3]),
    /// Plainly comparisons with small numbers; roundabout a list that contains one.
    OneOf(Vec<i64>),
}

/// A statement.
#[derive(Clone, Debug)]
pub enum Stmt {
    Let(Num),
    Assign(usize, Num),
    If(Cond, usize, Num, Num),
    Incident(Cond, Num, Cond),
    RaiseOrClear(Cond, Num),
    /// An own function that raises or clears, and returns early.
    Report(Cond, Num),
    Leave(Cond),
    After(Cond),
    /// A wish: while the condition holds, or another one while it does not. Number and condition are its arguments.
    Command(usize, Cond, Num, Cond, bool),
    /// One of two statements.
    Branch(Cond, Box<Stmt>, Box<Stmt>),
}

/// What makes a device a member of its group.
#[derive(Clone, Debug)]
pub struct Member {
    /// With this, the second condition counts; without it, the third, or nothing is said.
    pub first: Cond,
    pub second: Cond,
    pub third: Option<Cond>,
    /// Silence is asked for.
    pub by_silence: bool,
}

/// A whole rule.
#[derive(Clone, Debug)]
pub struct RandomRule {
    /// The kind, by its number among the subjects.
    pub subject: usize,
    pub member: Option<Member>,
    pub message: Vec<Stmt>,
    /// Without memory, which works in `on_message` alone.
    pub timer: Vec<Stmt>,
    pub silent: (Cond, Num),
    pub every_min: i64,
    /// Minutes; `None`: two and a half intervals.
    pub silent_min: Option<i64>,
}

/// How many fields of a sort a kind has.
const FIELDS: usize = 4;
/// Conditions of time and place in the calendar.
pub const TIMES: [&str; 8] = [
    "at(\"10:05\", \"10:20\")",
    "at(\"21:00\", \"10:30\")",
    "workday()",
    "sun(dev)",
    "night(dev, 20.min)",
    "civil_night(dev)",
    "(since_sunset(dev) > 9.h)",
    "(since_sunrise(dev) <= 330.min)",
];

pub fn number() -> impl Strategy<Value = Num> {
    let leaf = prop_oneof![
        3 => (-40..120).prop_map(Num::Const),
        3 => prop_oneof![Just(0), Just(1), Just(2), Just(7), Just(i64::MAX)].prop_map(Num::Whole),
        4 => (0..FIELDS).prop_map(Num::Field),
        2 => Just(Num::Visits),
        2 => Just(Num::Param),
        1 => Just(Num::IntervalS),
        2 => (0..4_usize).prop_map(Num::Var),
        2 => (0..FIELDS).prop_map(Num::Previous),
        1 => Just(Num::PreviousVisits),
        2 => (0..12_i64).prop_map(Num::Risky),
        2 => (0..3_i64).prop_map(Num::Large),
        1 => Just(Num::OwnMemory),
        3 => (0..6_usize).prop_map(Num::Special),
        2 => (0..6_usize).prop_map(Num::SpecialMemory),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        let cond = (inner.clone(), inner.clone(), comparison())
            .prop_map(|(a, b, op)| Cond::Compare(op, Box::new(a), Box::new(b)));
        let operator = prop_oneof![Just("+"), Just("-"), Just("*"), Just("/"), Just("%"), Just("**")];
        let function = prop_oneof![
            1 => Just("abs"),
            1 => Just("floor"),
            1 => Just("ceil"),
            1 => Just("round"),
            2 => Just("sqrt"),
            1 => Just("to_int"),
            1 => Just("to_float")
        ];
        let window = prop_oneof![
            1 => Just("avg"),
            1 => Just("sum"),
            1 => Just("min"),
            1 => Just("max"),
            2 => Just("rate"),
            2 => Just("slope"),
            1 => Just("count")
        ];
        prop_oneof![
            2 => (operator, boxed.clone(), boxed.clone()).prop_map(|(op, a, b)| Num::Op(op, a, b)),
            1 => boxed.clone().prop_map(Num::Negate),
            1 => (function, boxed.clone()).prop_map(|(f, x)| Num::Call(f, x)),
            1 => (prop_oneof![Just("min"), Just("max")], boxed.clone(), boxed.clone())
                .prop_map(|(f, a, b)| Num::Two(f, a, b)),
            1 => (boxed.clone(), -20..80).prop_map(|(x, low)| Num::Clamp(x, low)),
            1 => (boxed.clone(), -40..120).prop_map(|(x, y)| Num::OrElse(x, y)),
            1 => (cond.clone().prop_map(Box::new), boxed.clone(), boxed.clone())
                .prop_map(|(c, a, b)| Num::Choose(c, a, b)),
            2 => (window, boxed.clone(), 1..5_i64).prop_map(|(f, x, hours)| Num::Window(f, x, hours)),
            1 => cond.prop_map(|c| Num::Count(Box::new(c))),
            1 => boxed.clone().prop_map(Num::Own),
            1 => proptest::collection::vec(inner.clone(), 2..4).prop_map(Num::Sum),
            1 => proptest::collection::vec(inner, 2..4).prop_map(Num::Largest),
            1 => boxed.prop_map(Num::FourTimes),
        ]
    })
}

fn comparison() -> impl Strategy<Value = &'static str> + Clone {
    prop_oneof![Just(">"), Just("<"), Just(">="), Just("<="), Just("=="), Just("!=")]
}

pub fn condition() -> impl Strategy<Value = Cond> {
    let boxed_number = || number().prop_map(Box::new);
    let leaf = prop_oneof![
        2 => (0..FIELDS).prop_map(Cond::Field),
        3 => (comparison(), boxed_number(), boxed_number()).prop_map(|(op, a, b)| Cond::Compare(op, a, b)),
        1 => boxed_number().prop_map(Cond::Known),
        1 => (boxed_number(), 5..60).prop_map(|(x, trip)| Cond::Band(x, trip)),
        1 => (boxed_number(), 5..60).prop_map(|(x, trip)| Cond::LowBand(x, trip)),
        1 => (boxed_number(), 5..60).prop_map(|(x, low)| Cond::Between(x, low)),
        1 => (0..FIELDS).prop_map(Cond::Changed),
        1 => (0..FIELDS).prop_map(Cond::ChangedNumber),
        1 => (0..FIELDS).prop_map(Cond::PreviousFlag),
        1 => (0..TIMES.len()).prop_map(Cond::Time),
        1 => Just(Cond::Silent),
        1 => Just(Cond::District),
        1 => Just(Cond::Param),
        3 => (0..8_usize).prop_map(Cond::Special),
        2 => (0..6_usize).prop_map(Cond::SpecialMemory),
        1 => [0..FIELDS, 0..FIELDS, 0..FIELDS].prop_map(Cond::AnyOf),
        1 => proptest::collection::vec(0..12_i64, 1..4).prop_map(Cond::OneOf),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let boxed = inner.prop_map(Box::new);
        prop_oneof![
            (boxed.clone(), boxed.clone()).prop_map(|(a, b)| Cond::And(a, b)),
            (boxed.clone(), boxed.clone()).prop_map(|(a, b)| Cond::Or(a, b)),
            boxed.clone().prop_map(Cond::Not),
            (prop_oneof![Just("=="), Just("!=")], boxed.clone(), boxed.clone())
                .prop_map(|(op, a, b)| Cond::Same(op, a, b)),
            boxed.clone().prop_map(Cond::KnownToBe),
            (boxed.clone(), any::<bool>()).prop_map(|(x, y)| Cond::OrElse(x, y)),
            (boxed.clone(), 1..600_i64).prop_map(|(x, seconds)| Cond::Held(x, seconds)),
            boxed.clone().prop_map(Cond::HeldByParam),
            boxed.clone().prop_map(Cond::HeldIntervals),
            (boxed.clone(), 2..4_i64, 1..90_i64).prop_map(|(x, times, minutes)| Cond::Flapping(x, times, minutes)),
            (boxed.clone(), boxed.clone(), boxed.clone()).prop_map(|(c, a, b)| Cond::Choose(c, a, b)),
            boxed.prop_map(Cond::Own),
        ]
    })
}

pub fn statement() -> impl Strategy<Value = Stmt> {
    prop_oneof![
        9 => number().prop_map(Stmt::Let),
        3 => (0..4_usize, number()).prop_map(|(v, x)| Stmt::Assign(v, x)),
        3 => (condition(), 0..4_usize, number(), number()).prop_map(|(c, v, a, b)| Stmt::If(c, v, a, b)),
        15 => verdict(),
        1 => (condition(), verdict(), verdict()).prop_map(|(c, a, b)| Stmt::Branch(c, Box::new(a), Box::new(b))),
    ]
}

/// A statement that says something, and makes no variable.
fn verdict() -> impl Strategy<Value = Stmt> {
    prop_oneof![
        3 => (condition(), number(), condition()).prop_map(|(c, v, s)| Stmt::Incident(c, v, s)),
        1 => (condition(), number()).prop_map(|(c, v)| Stmt::RaiseOrClear(c, v)),
        1 => (condition(), number()).prop_map(|(c, v)| Stmt::Report(c, v)),
        1 => condition().prop_map(Stmt::Leave),
        1 => condition().prop_map(Stmt::After),
        4 => (0..4_usize, condition(), number(), condition(), any::<bool>())
            .prop_map(|(which, c, n, arg, both)| Stmt::Command(which, c, n, arg, both)),
    ]
}

fn member() -> impl Strategy<Value = Member> {
    (condition(), condition(), proptest::option::of(condition()), any::<bool>())
        .prop_map(|(first, second, third, by_silence)| Member { first, second, third, by_silence })
}

/// A rule of one to six statements for a message, and some for timers, silence and its group.
pub fn random_rule() -> impl Strategy<Value = RandomRule> {
    let message = proptest::collection::vec(statement(), 1..7);
    let timer = proptest::collection::vec(statement(), 0..3);
    let silent = (condition(), number());
    let periods = (1..40_i64, proptest::option::of(20..90_i64));
    (0..SUBJECTS.len(), message, timer, silent, proptest::option::of(member()), periods).prop_map(
        |(subject, message, timer, silent, member, (every_min, silent_min))| RandomRule {
            subject,
            member,
            message,
            timer,
            silent,
            every_min,
            silent_min,
        },
    )
}
