//! Lowering (being written).
use crate::{diagnostic::Problem, pack::RuleInfo, program::Rule, script::Pos};
pub(crate) struct Lowered {
    pub(crate) info: RuleInfo,
    pub(crate) rule: Rule,
    pub(crate) id_pos: Pos,
}
pub(crate) fn lower_file(_name: &str, _text: &str, _problems: &mut Vec<Problem>) -> Option<Lowered> {
    None
}
