//! What the values of an entry are.

use gengfu_model::{FieldId, FieldType, Value};

use super::super::{BlockId, DeviceProperty, Node, NodeId, Op};
use super::writer::{Type, Writer};
use crate::judge::{is_boolean, is_int};

impl Writer<'_> {
    pub(super) fn field_type(&self, field: FieldId) -> Option<Type> {
        type_of(&self.rule.kind.field_def(field)?.ty)
    }

    pub(super) fn type_of(&self, id: NodeId) -> Option<Type> {
        let node = self.node(id)?;
        match node {
            Node::Field(field) => self.field_type(field),
            Node::Attribute(name) => {
                let name = self.rule.attributes.get(usize::from(name))?;
                let known = self.rule.kind.def().attributes.iter().find(|def| def.name == &**name)?;
                type_of(&known.ty)
            }
            Node::Parameter(index) => {
                let parameter = self.rule.parameters.get(usize::from(index))?;
                match parameter.default {
                    Value::Number(_) if parameter.is_duration => Some(Type::Int),
                    Value::Number(_) => Some(Type::Float),
                    Value::Bool(_) => Some(Type::Bool),
                    Value::Text(_) => None,
                }
            }
            Node::Device(property) => match property {
                DeviceProperty::IntervalS | DeviceProperty::IntervalMs => Some(Type::Int),
                DeviceProperty::Latitude | DeviceProperty::Longitude => Some(Type::Float),
                DeviceProperty::Silent => Some(Type::Bool),
                _ => Some(Type::Text),
            },
            Node::Local(local) => self.types.get(usize::from(local)).copied().flatten(),
            Node::Text(_) => Some(Type::Text),
            Node::Choose { yes, no, .. } => self.type_of(yes).or_else(|| self.type_of(no)),
            Node::Do { value, .. } => self.type_of(value),
            Node::Call { result, .. } => self.types.get(usize::from(result)).copied().flatten(),
            Node::OrElse { x, otherwise } => self.type_of(x).or_else(|| self.type_of(otherwise)),
            Node::Previous { x, .. } => self.type_of(x),
            Node::Pair { .. } | Node::Script(_) => None,
            node if is_boolean(node) => Some(Type::Bool),
            node if is_int(node) => Some(Type::Int),
            _ => Some(Type::Float),
        }
    }

    /// The types of the variables; none if one has two.
    pub(super) fn find_types(&mut self, block: BlockId) -> Option<()> {
        let mut sets = Vec::new();
        self.sets_of(block, &mut sets);
        loop {
            let mut found = false;
            for (local, value) in &sets {
                let (Some(ty), place) = (self.type_of(*value), usize::from(*local)) else { continue };
                match self.types.get(place)? {
                    None => {
                        *self.types.get_mut(place)? = Some(ty);
                        found = true;
                    }
                    Some(known) if *known == ty => {}
                    Some(_) => return None,
                }
            }
            if !found {
                return Some(());
            }
        }
    }

    /// Every value that a variable is given in a block and what is in it.
    pub(super) fn sets_of(&self, block: BlockId, sets: &mut Vec<(u8, NodeId)>) {
        for op in self.rule.blocks.get(usize::from(block)).map_or(&[][..], Vec::as_slice) {
            if let Op::Set { local, value, .. } = op {
                sets.push((*local, *value));
            }
            match op {
                Op::If { then, otherwise, .. } => {
                    self.sets_of(*then, sets);
                    self.sets_of(*otherwise, sets);
                }
                Op::Call(block) => self.sets_of(*block, sets),
                _ => {}
            }
            op.map(&mut |node| {
                self.sets_in(node, sets);
                node
            });
        }
    }

    pub(super) fn sets_in(&self, id: NodeId, sets: &mut Vec<(u8, NodeId)>) {
        let Some(node) = self.node(id) else { return };
        if let Node::Do { block, .. } | Node::Call { block, .. } = node {
            self.sets_of(block, sets);
        }
        node.map(&mut |child| {
            self.sets_in(child, sets);
            child
        });
    }

    /// Whether an expression reads a variable.
    pub(super) fn reads(&self, id: NodeId, local: u8) -> bool {
        let Some(node) = self.node(id) else { return false };
        let mut found = node == Node::Local(local);
        if let Node::Do { block, .. } | Node::Call { block, .. } = node {
            let mut sets = Vec::new();
            self.sets_of(block, &mut sets);
            found |= sets.iter().any(|(_, value)| self.reads(*value, local));
        }
        node.map(&mut |child| {
            found |= self.reads(child, local);
            child
        });
        found
    }
}

fn type_of(ty: &FieldType) -> Option<Type> {
    match ty {
        FieldType::Number { .. } => Some(Type::Float),
        FieldType::Integer { .. } => Some(Type::Int),
        FieldType::Bool => Some(Type::Bool),
        FieldType::Text { .. } => None,
    }
}
