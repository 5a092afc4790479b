//! The lowered form of a rule (being written).
use crate::judge::SlotKind;
use std::sync::Arc;
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: Arc<str>,
    pub(crate) slots: Vec<SlotDef>,
}
#[derive(Debug)]
pub(crate) struct SlotDef {
    pub(crate) id: String,
    pub(crate) kind: SlotKind,
}
