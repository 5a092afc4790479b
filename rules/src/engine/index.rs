//! Where a device stands in the engine's list, by its id.
//!
//! Every message looks its device up, so the hash is a quick one. It need not withstand an attacker: ids come into
//! the map from the register alone, by staff, and a message is looked up by who its sender logged in as. The map is
//! never iterated.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use gengfu_model::DeviceId;

/// Places by id.
pub(super) type Index = HashMap<DeviceId, u32, BuildHasherDefault<IdHasher>>;

/// Takes eight bytes at a time and multiplies.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct IdHasher(u64);

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
    use std::hash::{BuildHasher, BuildHasherDefault};

    use super::*;

    #[test]
    fn neighbouring_ids_are_spread() {
        let hasher = BuildHasherDefault::<IdHasher>::default();
        let hashes: Vec<u64> = (0..100_000).map(|n| hasher.hash_one(format!("cover-{n:05}"))).collect();
        assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), hashes.len(), "no two are the same");
        // A table of 2^17 places takes the low bits, and tells those of a place apart by the high ones.
        let places: HashSet<u64> = hashes.iter().map(|hash| hash & 0x1_ffff).collect();
        assert!(places.len() > 65_000, "100,000 by chance take some 69,900 of 131,072 places, not {}", places.len());
        let tags: HashSet<u64> = hashes.iter().map(|hash| hash >> 57).collect();
        assert_eq!(tags.len(), 128);
    }
}
