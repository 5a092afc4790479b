//! Where a device stands in the engine's list, by its id.
//!
//! Every message looks its device up, so the hash is a quick one. It need not withstand an attacker: ids come into
//! the map from the register alone, by staff, and a message is looked up by who its sender logged in as. The map is
//! never iterated. It has the hashes alone, and the id is compared with the device's own: so a look ahead can go on
//! from the hash, without waiting for the id.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hash, Hasher};

use gengfu_model::DeviceId;

use super::device::DeviceState;

/// Places by id.
#[derive(Clone, Default)]
pub(super) struct Index {
    places: HashMap<u64, u32, BuildHasherDefault<AsItIs>>,
    /// Ids whose hash is another's: none, in all likelihood.
    others: BTreeMap<DeviceId, u32>,
}

impl Index {
    /// The place of a device among `devices`.
    #[inline]
    pub(super) fn get(&self, id: &str, devices: &[DeviceState]) -> Option<u32> {
        let place = self.peek(id)?;
        match devices.get(place as usize) {
            Some(state) if state.device.id.as_str() == id => Some(place),
            _ => self.others.get(id).copied(),
        }
    }

    /// Where the device should be, by its hash alone.
    #[inline]
    pub(super) fn peek(&self, id: &str) -> Option<u32> {
        self.places.get(&hash(id)).copied()
    }

    /// Takes a device that is to be at `place`; none of `devices` has its id.
    pub(super) fn insert(&mut self, id: &DeviceId, place: u32) {
        let first = *self.places.entry(hash(id.as_str())).or_insert(place);
        if first != place {
            self.others.insert(id.clone(), place);
        }
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = IdHasher::default();
    id.hash(&mut hasher);
    hasher.finish()
}

/// For what is a hash already.
#[derive(Clone, Copy, Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0 << 8 | u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Takes eight bytes at a time and multiplies.
#[derive(Clone, Copy, Debug, Default)]
struct IdHasher(u64);

/// 2^64 by the golden ratio, odd: spreads neighbours over all bits.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl IdHasher {
    fn take(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(SPREAD);
        self.0 = mixed ^ (mixed >> 32);
    }
}

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.take(u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.take(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.take(u64::from(byte));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn neighbouring_ids_are_spread() {
        let hashes: Vec<u64> = (0..100_000).map(|n| hash(&format!("cover-{n:05}"))).collect();
        assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), hashes.len(), "no two are the same");
        // A table of 2^17 places takes the low bits, and tells those of a place apart by the high ones.
        let places: HashSet<u64> = hashes.iter().map(|hash| hash & 0x1_ffff).collect();
        assert!(places.len() > 65_000, "100,000 by chance take some 69,900 of 131,072 places, not {}", places.len());
        let tags: HashSet<u64> = hashes.iter().map(|hash| hash >> 57).collect();
        assert_eq!(tags.len(), 128);
    }

    #[test]
    fn ids_of_the_same_hash_are_told_apart() {
        let id = |id: &str| DeviceId::new(id).unwrap();
        let device = |id: &DeviceId| {
            let text: Arc<str> = Arc::from("");
            DeviceState::new(Arc::new(gengfu_model::Device {
                id: id.clone(),
                kind: gengfu_model::Kind::Bin,
                model: Arc::clone(&text),
                asset_code: Arc::clone(&text),
                name: Arc::clone(&text),
                latitude: None,
                longitude: None,
                district: Arc::clone(&text),
                grid: Arc::clone(&text),
                feeder: Arc::clone(&text),
                cabinet: Arc::clone(&text),
                catchment: Arc::clone(&text),
                carrier_cell: Arc::clone(&text),
                department: Arc::clone(&text),
                asset_type: text,
                interval_s: 60,
                token_hash: None,
                attributes: gengfu_model::Attributes::default(),
                life: gengfu_model::DeviceLife::Registered,
            }))
        };
        let ids = [id("a"), id("b")];
        let devices: Vec<DeviceState> = ids.iter().map(device).collect();
        let mut index = Index::default();
        index.insert(&ids[0], 0);
        // As if both had this hash: none is known that have.
        index.places.insert(hash("b"), 0);
        index.insert(&ids[1], 1);
        assert_eq!(index.get("a", &devices), Some(0));
        assert_eq!(index.get("b", &devices), Some(1));
        assert_eq!(index.get("c", &devices), None);
        index.places.insert(hash("c"), 0);
        assert_eq!(index.get("c", &devices), None);
    }
}
