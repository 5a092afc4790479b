//! The syntax tree that checking and lowering read: rhai's, without what a rule cannot have.

/// A place in a file; line and column count from 1, 0 is "nowhere".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pos {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// An expression; `pos` is where it starts.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub(crate) pos: Pos,
    pub(crate) kind: ExprKind,
}

#[derive(Clone, Debug)]
pub(crate) enum ExprKind {
    Unit,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// `#{ key: value }`, in the order of the source.
    Map(Vec<MapEntry>),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `of[index]`
    Index {
        of: Box<Expr>,
        index: Box<Expr>,
    },
    /// `from..to`, or `from..=to`
    Range {
        from: Box<Expr>,
        to: Box<Expr>,
        inclusive: bool,
    },
    /// A variable or constant.
    Name(String),
    /// `of.name`
    Property {
        of: Box<Expr>,
        name: String,
        name_pos: Pos,
    },
    /// `name(args)`; `x.name(y)` is `name(x, y)`.
    Call {
        name: String,
        args: Vec<Expr>,
    },
    Unary(Unary, Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    If(Box<If>),
    Block(Block),
}

#[derive(Clone, Debug)]
pub(crate) struct MapEntry {
    pub(crate) key: String,
    pub(crate) key_pos: Pos,
    pub(crate) value: Expr,
}

#[derive(Clone, Debug)]
pub(crate) struct If {
    pub(crate) condition: Expr,
    pub(crate) then: Block,
    pub(crate) otherwise: Option<Block>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    pub(crate) statements: Vec<Stmt>,
}

#[derive(Clone, Debug)]
pub(crate) struct Stmt {
    pub(crate) pos: Pos,
    pub(crate) kind: StmtKind,
}

#[derive(Clone, Debug)]
pub(crate) enum StmtKind {
    /// `let name = value` and, inside a function, `const name = value`.
    Let {
        name: String,
        value: Expr,
    },
    /// `name = value`, `name += value`
    Assign {
        name: String,
        op: Option<Binary>,
        value: Expr,
    },
    /// `name[index] = value`, `name.entry = value`, `name[index] += value`
    Put {
        place: Expr,
        op: Option<Binary>,
        value: Expr,
    },
    Expr(Expr),
    Return(Option<Expr>),
    /// `loop`, `while c`, `do .. while c`, `do .. until c`
    Loop {
        form: LoopForm,
        /// `None` for `loop`.
        condition: Option<Expr>,
        body: Block,
    },
    /// `for name in over`, `for (name, counter) in over`
    For {
        name: String,
        counter: Option<String>,
        over: Expr,
        body: Block,
    },
    Break,
    Continue,
}

/// Where a loop looks at its condition, and what it does then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoopForm {
    /// Before each turn; goes on while it is true.
    While,
    /// After each turn; goes on while it is true.
    DoWhile,
    /// After each turn; goes on until it is true.
    DoUntil,
}

impl StmtKind {
    /// The expressions and blocks of the statement itself.
    pub(crate) fn parts(&self) -> (Vec<&Expr>, Option<&Block>) {
        match self {
            StmtKind::Let { value, .. } | StmtKind::Assign { value, .. } | StmtKind::Expr(value) => (vec![value], None),
            StmtKind::Put { place, value, .. } => (vec![place, value], None),
            StmtKind::Return(value) => (value.iter().collect(), None),
            StmtKind::Loop { condition, body, .. } => (condition.iter().collect(), Some(body)),
            StmtKind::For { over, body, .. } => (vec![over], Some(body)),
            StmtKind::Break | StmtKind::Continue => (Vec::new(), None),
        }
    }
}

impl Block {
    /// Calls `visit` for every statement and every expression within, at any depth.
    pub(crate) fn walk<'a>(&'a self, visit: &mut impl FnMut(Part<'a>)) {
        for statement in &self.statements {
            visit(Part::Stmt(statement));
            let (exprs, body) = statement.kind.parts();
            exprs.into_iter().for_each(|expr| expr.walk(visit));
            if let Some(body) = body {
                body.walk(visit);
            }
        }
    }
}

/// A piece of a block, for [`Block::walk`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'a> {
    Stmt(&'a Stmt),
    Expr(&'a Expr),
}

impl Expr {
    pub(crate) fn walk<'a>(&'a self, visit: &mut impl FnMut(Part<'a>)) {
        visit(Part::Expr(self));
        match &self.kind {
            ExprKind::Unit
            | ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Text(_)
            | ExprKind::Name(_) => {}
            ExprKind::Map(entries) => entries.iter().for_each(|entry| entry.value.walk(visit)),
            ExprKind::Property { of: x, .. } | ExprKind::Unary(_, x) => x.walk(visit),
            ExprKind::Call { args: many, .. } | ExprKind::List(many) | ExprKind::And(many) | ExprKind::Or(many) => {
                many.iter().for_each(|one| one.walk(visit));
            }
            ExprKind::Index { of: a, index: b }
            | ExprKind::Range { from: a, to: b, .. }
            | ExprKind::Binary(_, a, b) => {
                a.walk(visit);
                b.walk(visit);
            }
            ExprKind::If(branch) => {
                branch.condition.walk(visit);
                branch.then.walk(visit);
                if let Some(otherwise) = &branch.otherwise {
                    otherwise.walk(visit);
                }
            }
            ExprKind::Block(block) => block.walk(visit),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Not,
    Minus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Binary {
    /// The comparison that says the same with its sides exchanged; everything else stays.
    pub(crate) fn mirrored(self) -> Binary {
        match self {
            Binary::Less => Binary::Greater,
            Binary::LessOrEqual => Binary::GreaterOrEqual,
            Binary::Greater => Binary::Less,
            Binary::GreaterOrEqual => Binary::LessOrEqual,
            same => same,
        }
    }

    pub(crate) const ALL: [Binary; 12] = [
        Binary::Add,
        Binary::Subtract,
        Binary::Multiply,
        Binary::Divide,
        Binary::Modulo,
        Binary::Power,
        Binary::Equal,
        Binary::NotEqual,
        Binary::Less,
        Binary::LessOrEqual,
        Binary::Greater,
        Binary::GreaterOrEqual,
    ];

    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Binary::Add => "+",
            Binary::Subtract => "-",
            Binary::Multiply => "*",
            Binary::Divide => "/",
            Binary::Modulo => "%",
            Binary::Power => "**",
            Binary::Equal => "==",
            Binary::NotEqual => "!=",
            Binary::Less => "<",
            Binary::LessOrEqual => "<=",
            Binary::Greater => ">",
            Binary::GreaterOrEqual => ">=",
        }
    }

    pub(crate) fn is_comparison(self) -> bool {
        self.strength() == 3
    }

    /// How strongly it binds, for putting parentheses.
    pub(crate) fn strength(self) -> u8 {
        match self {
            Binary::Equal
            | Binary::NotEqual
            | Binary::Less
            | Binary::LessOrEqual
            | Binary::Greater
            | Binary::GreaterOrEqual => 3,
            Binary::Add | Binary::Subtract => 4,
            Binary::Multiply | Binary::Divide | Binary::Modulo => 5,
            Binary::Power => 6,
        }
    }
}

/// A constant of the file.
#[derive(Clone, Debug)]
pub(crate) struct Constant {
    pub(crate) name: String,
    pub(crate) pos: Pos,
    pub(crate) value: Expr,
}

/// A function of the file.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) pos: Pos,
    pub(crate) parameters: Vec<String>,
    pub(crate) body: Block,
}

/// A whole file, in the order of the source.
#[derive(Clone, Debug, Default)]
pub(crate) struct File {
    pub(crate) constants: Vec<Constant>,
    /// `test_*` functions are not here: they run in the interpreter, never in the engine.
    pub(crate) functions: Vec<Function>,
    /// The `///` lines at the head of the file, without their slashes.
    pub(crate) doc: String,
}
