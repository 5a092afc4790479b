//! The attributes of a register entry: a few names with values, kept by the million.

use std::fmt;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Value;

/// Attributes in the order of their names, stored and written as a map.
///
/// A sorted slice and not a [`std::collections::BTreeMap`]: a device has two to five of them, and the smallest node
/// of a map takes 450 bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes(Box<[(Arc<str>, Value)]>);

impl Attributes {
    /// No attributes at all.
    #[must_use]
    pub fn new() -> Attributes {
        Attributes::default()
    }

    /// The value of an attribute, if the device has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.place(name).ok().map(|place| &self.0[place].1)
    }

    /// Sets an attribute; gives the value that it had.
    pub fn insert(&mut self, name: Arc<str>, value: Value) -> Option<Value> {
        match self.place(&name) {
            Ok(place) => Some(std::mem::replace(&mut self.0[place].1, value)),
            Err(place) => {
                let mut all = std::mem::take(&mut self.0).into_vec();
                all.insert(place, (name, value));
                self.0 = all.into_boxed_slice();
                None
            }
        }
    }

    /// The attributes in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Value)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// Every text that stands here, names and values, for whoever keeps one copy of those that repeat.
    pub fn texts_mut(&mut self) -> impl Iterator<Item = &mut Arc<str>> {
        self.0.iter_mut().flat_map(|(name, value)| {
            let text = if let Value::Text(text) = value { Some(text) } else { None };
            std::iter::once(name).chain(text)
        })
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(name))
    }
}

impl FromIterator<(Arc<str>, Value)> for Attributes {
    /// Of an attribute that comes twice, the last value stays.
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Value)>>(all: I) -> Attributes {
        let mut attributes = Attributes::new();
        for (name, value) in all {
            attributes.insert(name, value);
        }
        attributes
    }
}

impl IntoIterator for Attributes {
    type Item = (Arc<str>, Value);
    type IntoIter = std::vec::IntoIter<(Arc<str>, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_vec().into_iter()
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Attributes, D::Error> {
        struct Map;

        impl<'de> Visitor<'de> for Map {
            type Value = Attributes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of attributes")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes, A::Error> {
                let mut attributes = Attributes::new();
                while let Some((name, value)) = map.next_entry()? {
                    attributes.insert(name, value);
                }
                Ok(attributes)
            }
        }

        deserializer.deserialize_map(Map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Attributes {
        [("road", Value::Text("Ring Road".into())), ("lit", Value::Bool(true)), ("power_w", Value::Number(150.0))]
            .map(|(name, value)| (Arc::from(name), value))
            .into_iter()
            .collect()
    }

    #[test]
    fn they_are_found_by_name_and_stand_in_order() {
        let mut some = some();
        assert_eq!(some.insert("power_w".into(), Value::Number(70.0)), Some(Value::Number(150.0)));
        assert_eq!(some.insert("area".into(), Value::Bool(false)), None);
        assert_eq!(some.get("power_w"), Some(&Value::Number(70.0)));
        assert_eq!(some.get("colour"), None);
        let names: Vec<&str> = some.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["area", "lit", "power_w", "road"]);
        let texts: Vec<String> = some.texts_mut().map(|text| text.to_string()).collect();
        assert_eq!(texts, ["area", "lit", "power_w", "road", "Ring Road"]);
    }

    #[test]
    fn they_are_written_as_the_map_that_they_are() {
        let map: std::collections::BTreeMap<Arc<str>, Value> = some().into_iter().collect();
        let json = serde_json::to_string(&map).unwrap();
        assert_eq!(serde_json::to_string(&some()).unwrap(), json);
        assert_eq!(serde_json::from_str::<Attributes>(&json).unwrap(), some());
        let bytes = postcard::to_stdvec(&map).unwrap();
        assert_eq!(postcard::to_stdvec(&some()).unwrap(), bytes);
        assert_eq!(postcard::from_bytes::<Attributes>(&bytes).unwrap(), some());
    }
}
