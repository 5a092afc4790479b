//! rhai's parser in, our syntax tree out: the only module that uses rhai's `internals`.
//!
//! What a rule cannot have (closures, `switch`, `try`, imports, texts that are put together) is refused
//! here, with its place. This engine only parses; what runs in the interpreter is printed anew from the
//! checked tree (see `interp`).

use rhai::{AST, ASTNode, ParseErrorType, Position, ScriptFuncDef};
use rhai::{Expr as RhaiExpr, FnCallExpr, Stmt as RhaiStmt, StmtBlock};

use super::tests::TEST_PREFIX;
use super::tree::{
    Binary, Block, Constant, Expr, ExprKind, File, Function, If, LoopForm, MapEntry, Pos, Stmt, StmtKind, Unary,
};
use crate::diagnostic::Problem;
use crate::sandbox;

/// The longest rule file, in bytes.
const MAX_FILE_BYTES: usize = 64 * 1024;
/// The deepest nesting of expressions and blocks.
pub(super) const MAX_DEPTH: usize = 48;

type Converted<T> = Result<T, Problem>;

/// Parses a file. Every construct that a rule cannot have is a problem of its own.
pub(crate) fn parse(text: &str) -> Result<File, Vec<Problem>> {
    if text.len() > MAX_FILE_BYTES {
        let message = format!("the file has {} bytes, a rule file has at most {MAX_FILE_BYTES}", text.len());
        return Err(vec![Problem::error(Pos::default(), message)]);
    }
    let ast = sandbox::parser(MAX_DEPTH).compile(without_doc_comments(text)).map_err(|error| {
        vec![Problem::error(place(error.position()), lower_first(&error.err_type().to_string())).hint(hint(&error.0))]
    })?;
    convert_file(&ast, text)
}

/// rhai takes `///` before functions only; ours stand at the head of the file. Same length, so that
/// places stay.
pub(super) fn without_doc_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with("///") {
            out.push_str(&line.replacen("///", "// ", 1));
        } else {
            out.push_str(line);
        }
    }
    out
}

fn doc(text: &str) -> String {
    let head = text.lines().map(str::trim).skip_while(|line| line.is_empty());
    let lines = head.map_while(|line| line.strip_prefix("///")).map(|line| line.strip_prefix(' ').unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

fn convert_file(ast: &AST, text: &str) -> Result<File, Vec<Problem>> {
    let mut file = File { doc: doc(text), ..File::default() };
    let mut problems = Vec::new();
    for statement in ast.statements() {
        match statement {
            RhaiStmt::Var(var, flags, _) if flags.intersects(rhai::ASTFlags::CONSTANT) => match expr(&var.1) {
                Ok(value) => {
                    file.constants.push(Constant { name: var.0.name.to_string(), pos: place(var.0.pos), value });
                }
                Err(problem) => problems.push(problem),
            },
            RhaiStmt::Noop(_) => {}
            other => problems.push(
                Problem::error(place(other.position()), "only `const` and `fn` stand at the top of a rule file")
                    .hint("a rule has no variables of its own: state lives in `held`, `band`, `rate` and the like"),
            ),
        }
    }
    for (_, _, name, _, def) in ast.shared_lib().iter_script_fn_info() {
        if name.starts_with(TEST_PREFIX) {
            continue;
        }
        match body(ast, def) {
            Ok(body) => file.functions.push(Function {
                name: name.to_owned(),
                pos: place(def.body.start_position()),
                parameters: def.params.iter().map(ToString::to_string).collect(),
                body,
            }),
            Err(problem) => problems.push(problem),
        }
    }
    // rhai keeps functions in an unordered map.
    file.functions.sort_by(|a, b| (a.pos, &a.name).cmp(&(b.pos, &b.name)));
    if problems.is_empty() { Ok(file) } else { Err(problems) }
}

/// The statements of a function. rhai exports no name for a body's type, but walks it: a path of one
/// node is a statement of the body itself.
fn body(ast: &AST, def: &ScriptFuncDef) -> Converted<Block> {
    let mut only = ast.clone_functions_only();
    only.retain_functions(|_, _, name, parameters| name == def.name.as_str() && parameters == def.params.len());
    let mut statements = Vec::new();
    let mut problem = None;
    only.walk(&mut |path: &[ASTNode<'_>]| {
        if let [ASTNode::Stmt(statement)] = path {
            match stmt(statement) {
                Ok(converted) => statements.extend(converted),
                Err(first) => problem = problem.take().or(Some(first)),
            }
        }
        true
    });
    problem.map_or(Ok(Block { statements }), Err)
}

pub(crate) fn place(pos: Position) -> Pos {
    let number = |n: Option<usize>| n.and_then(|n| u32::try_from(n).ok()).unwrap_or_default();
    Pos { line: number(pos.line()), column: number(pos.position()) }
}

fn refuse<T>(pos: Position, what: &str, hint: &str) -> Converted<T> {
    Err(Problem::error(place(pos), format!("{what} cannot be used in a rule")).hint(hint))
}

fn block(block: &StmtBlock) -> Converted<Block> {
    let mut statements = Vec::new();
    for statement in block.statements() {
        if let Some(statement) = stmt(statement)? {
            statements.push(statement);
        }
    }
    Ok(Block { statements })
}

fn stmt(statement: &RhaiStmt) -> Converted<Option<Stmt>> {
    let pos = statement.position();
    let kind = match statement {
        RhaiStmt::Noop(_) => return Ok(None),
        RhaiStmt::Var(var, _, _) => StmtKind::Let { name: var.0.name.to_string(), value: expr(&var.1)? },
        RhaiStmt::Assignment(assignment) => {
            let (op, sides) = &**assignment;
            let op = match op.get_op_assignment_info() {
                Some((.., symbol)) => Some(binary(symbol).ok_or_else(|| unknown_operator(symbol, pos))?),
                None => None,
            };
            let value = expr(&sides.rhs)?;
            match &sides.lhs {
                RhaiExpr::Variable(variable, ..) => StmtKind::Assign { name: variable.1.to_string(), op, value },
                RhaiExpr::Index(..) | RhaiExpr::Dot(..) => StmtKind::Put { place: expr(&sides.lhs)?, op, value },
                other => {
                    return refuse(
                        other.position(),
                        "assigning to anything but a variable",
                        "only `let` variables change",
                    );
                }
            }
        }
        RhaiStmt::FnCall(call, pos) => StmtKind::Expr(fn_call(call, *pos)?),
        RhaiStmt::Expr(value) => StmtKind::Expr(expr(value)?),
        RhaiStmt::Return(value, flags, _) if !flags.intersects(rhai::ASTFlags::BREAK) => {
            StmtKind::Return(value.as_deref().map(expr).transpose()?)
        }
        RhaiStmt::If(flow, _) => {
            let otherwise = if flow.branch.is_empty() { None } else { Some(block(&flow.branch)?) };
            let branch = If { condition: expr(&flow.expr)?, then: block(&flow.body)?, otherwise };
            StmtKind::Expr(Expr { pos: place(pos), kind: ExprKind::If(Box::new(branch)) })
        }
        RhaiStmt::Block(inner) => StmtKind::Expr(Expr { pos: place(pos), kind: ExprKind::Block(block(inner)?) }),
        RhaiStmt::While(flow, _) => {
            let condition = if let RhaiExpr::Unit(_) = flow.expr { None } else { Some(expr(&flow.expr)?) };
            StmtKind::Loop { form: LoopForm::While, condition, body: block(&flow.body)? }
        }
        RhaiStmt::Do(flow, flags, _) => {
            let until = flags.intersects(rhai::ASTFlags::NEGATED);
            let form = if until { LoopForm::DoUntil } else { LoopForm::DoWhile };
            StmtKind::Loop { form, condition: Some(expr(&flow.expr)?), body: block(&flow.body)? }
        }
        RhaiStmt::For(parts, _) => {
            let (name, counter, flow) = &**parts;
            let counter = counter.as_ref().map(|counter| counter.name.to_string());
            StmtKind::For { name: name.name.to_string(), counter, over: expr(&flow.expr)?, body: block(&flow.body)? }
        }
        RhaiStmt::BreakLoop(Some(value), ..) => {
            return refuse(value.position(), "`break` with a value", "give the value to a variable, then break");
        }
        RhaiStmt::BreakLoop(None, flags, _) => {
            if flags.intersects(rhai::ASTFlags::BREAK) {
                StmtKind::Break
            } else {
                StmtKind::Continue
            }
        }
        RhaiStmt::Switch(..) => return refuse(pos, "`switch`", "write `if .. else if .. else`"),
        RhaiStmt::TryCatch(..) => return refuse(pos, "`try`", "a failed evaluation has no effect at all"),
        RhaiStmt::Return(..) => return refuse(pos, "`throw`", "`return` ends the evaluation"),
        RhaiStmt::Import(..) | RhaiStmt::Export(..) => return refuse(pos, "`import`", "a rule is one file"),
        _ => return refuse(pos, "this", "see the rule language's reference"),
    };
    Ok(Some(Stmt { pos: place(pos), kind }))
}

pub(super) fn expr(value: &RhaiExpr) -> Converted<Expr> {
    let pos = value.position();
    let kind = match value {
        RhaiExpr::Unit(_) => ExprKind::Unit,
        RhaiExpr::BoolConstant(v, _) => ExprKind::Bool(*v),
        RhaiExpr::IntegerConstant(v, _) => ExprKind::Int(*v),
        RhaiExpr::FloatConstant(v, _) => ExprKind::Float(**v),
        RhaiExpr::StringConstant(v, _) => ExprKind::Text(v.to_string()),
        RhaiExpr::CharConstant(v, _) => ExprKind::Text(v.to_string()),
        RhaiExpr::Map(map, _) => {
            let entry = |(key, value): &(rhai::Ident, RhaiExpr)| {
                Ok(MapEntry { key: key.name.to_string(), key_pos: place(key.pos), value: expr(value)? })
            };
            ExprKind::Map(map.0.iter().map(entry).collect::<Converted<_>>()?)
        }
        RhaiExpr::Variable(variable, ..) => ExprKind::Name(variable.1.to_string()),
        RhaiExpr::FnCall(call, pos) => return fn_call(call, *pos),
        RhaiExpr::Dot(sides, flags, _) => {
            if flags.intersects(rhai::ASTFlags::NEGATED) {
                return refuse(pos, "`?.`", "unknown is carried on by itself; see `known` and `or_else`");
            }
            return chain(expr(&sides.lhs)?, &sides.rhs);
        }
        RhaiExpr::And(terms, _) => return logic(terms, ExprKind::And),
        RhaiExpr::Or(terms, _) => return logic(terms, ExprKind::Or),
        RhaiExpr::Stmt(inner) => {
            let mut inner_block = block(inner)?;
            // `let x = if .. {}`: rhai wraps the `if` into a block of one statement.
            match (inner_block.statements.len(), inner_block.statements.pop()) {
                (1, Some(Stmt { kind: StmtKind::Expr(only), .. })) => return Ok(only),
                (_, last) => inner_block.statements.extend(last),
            }
            ExprKind::Block(inner_block)
        }
        RhaiExpr::Array(items, _) => ExprKind::List(items.iter().map(expr).collect::<Converted<_>>()?),
        RhaiExpr::Index(sides, flags, _) => return indexed(expr(&sides.lhs)?, &sides.rhs, *flags),
        RhaiExpr::InterpolatedString(..) => {
            return refuse(pos, "a text with `${}`", "texts are templates: \"tilt {tilt_deg}°\", filled when it opens");
        }
        RhaiExpr::DynamicConstant(..) => return refuse(pos, "a function without a name", "write a `fn` of the file"),
        RhaiExpr::Coalesce(..) => return refuse(pos, "`??`", "write `or_else(x, value)`"),
        _ => return refuse(pos, "this", "see the rule language's reference"),
    };
    Ok(Expr { pos: place(pos), kind })
}

fn logic(terms: &[RhaiExpr], kind: fn(Vec<Expr>) -> ExprKind) -> Converted<Expr> {
    let terms = terms.iter().map(expr).collect::<Converted<Vec<_>>>()?;
    let pos = terms.first().map(|term| term.pos).unwrap_or_default();
    Ok(Expr { pos, kind: kind(terms) })
}

/// `of[rest]`: rest is the index, and what follows it unless the chain ends there.
fn indexed(of: Expr, rest: &RhaiExpr, flags: rhai::ASTFlags) -> Converted<Expr> {
    if flags.intersects(rhai::ASTFlags::NEGATED) {
        return refuse(rest.position(), "`?[`", "unknown is carried on by itself; see `known` and `or_else`");
    }
    let item = |of: Expr, index: &RhaiExpr| {
        let (pos, of, index) = (of.pos, Box::new(of), Box::new(expr(index)?));
        Ok(Expr { pos, kind: ExprKind::Index { of, index } })
    };
    match rest {
        RhaiExpr::Index(sides, inner, _) if !flags.intersects(rhai::ASTFlags::BREAK) => {
            indexed(item(of, &sides.lhs)?, &sides.rhs, *inner)
        }
        RhaiExpr::Dot(sides, _, _) if !flags.intersects(rhai::ASTFlags::BREAK) => {
            chain(item(of, &sides.lhs)?, &sides.rhs)
        }
        index => item(of, index),
    }
}

/// `of.rest`, where rest is a property, a call, or a longer chain.
fn chain(of: Expr, rest: &RhaiExpr) -> Converted<Expr> {
    let start = of.pos;
    match rest {
        RhaiExpr::Index(sides, flags, _) => indexed(chain(of, &sides.lhs)?, &sides.rhs, *flags),
        RhaiExpr::Property(names, pos) => {
            let kind = ExprKind::Property { of: Box::new(of), name: names.2.to_string(), name_pos: place(*pos) };
            Ok(Expr { pos: start, kind })
        }
        RhaiExpr::MethodCall(call, pos) => {
            let mut args = vec![of];
            for arg in &call.args {
                args.push(expr(arg)?);
            }
            Ok(Expr { pos: place(*pos), kind: ExprKind::Call { name: call.name.to_string(), args } })
        }
        RhaiExpr::Dot(sides, _, _) => chain(chain(of, &sides.lhs)?, &sides.rhs),
        other => refuse(other.position(), "this", "after a dot stands a name"),
    }
}

fn fn_call(call: &FnCallExpr, pos: Position) -> Converted<Expr> {
    if call.is_qualified() {
        return refuse(pos, "a name with `::`", "constants of the file are read by their plain name");
    }
    let mut args = call.args.iter().map(expr).collect::<Converted<Vec<_>>>()?;
    if !call.is_operator_call() {
        return Ok(Expr { pos: place(pos), kind: ExprKind::Call { name: call.name.to_string(), args } });
    }
    let last = args.pop();
    match (args.pop(), last) {
        (None, Some(x)) => match call.name.as_str() {
            "!" => Ok(Expr { pos: place(pos), kind: ExprKind::Unary(Unary::Not, Box::new(x)) }),
            "-" => Ok(Expr { pos: place(pos), kind: ExprKind::Unary(Unary::Minus, Box::new(x)) }),
            "+" => Ok(x),
            other => Err(unknown_operator(other, pos)),
        },
        (Some(a), Some(b)) if call.name == ".." || call.name == "..=" => {
            let (inclusive, from, to) = (call.name == "..=", Box::new(a), Box::new(b));
            Ok(Expr { pos: from.pos, kind: ExprKind::Range { from, to, inclusive } })
        }
        (Some(a), Some(b)) => {
            let op = binary(&call.name).ok_or_else(|| unknown_operator(&call.name, pos))?;
            Ok(Expr { pos: a.pos, kind: ExprKind::Binary(op, Box::new(a), Box::new(b)) })
        }
        _ => Err(unknown_operator(&call.name, pos)),
    }
}

fn binary(symbol: &str) -> Option<Binary> {
    Binary::ALL.into_iter().find(|op| op.symbol() == symbol)
}

fn unknown_operator(symbol: &str, pos: Position) -> Problem {
    let hint = match symbol {
        "&" => "write `&&`",
        "|" => "write `||`",
        _ => "there are + - * / % ** == != < <= > >= && || !",
    };
    Problem::error(place(pos), format!("operator `{symbol}` cannot be used in a rule")).hint(hint)
}

fn hint(error: &ParseErrorType) -> &'static str {
    match error {
        ParseErrorType::ExprTooDeep => "nest less deeply, or name parts with `let`",
        ParseErrorType::Reserved(_) => "the word is reserved by the language; take another name",
        ParseErrorType::MissingToken(token, _) if token == ";" => "the statement before it ends with `;`",
        _ => "",
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
