//! Where a device stands in the engine's list, by its id.
//!
//! Every message looks its device up, so both hash and table are quick ones. The table holds places and a part of the
//! ids' hashes; the ids themselves stand with the devices, and are compared there. It need not withstand an attacker:
//! ids come into it from the register alone, by staff, and a message is looked up by who its sender logged in as.
//! Devices stay in the register, so nothing is ever taken out.

use gengfu_model::DeviceId;

/// Places by id.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// At most half of them are taken; as many as a power of two.
    buckets: Vec<Bucket>,
    taken: usize,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tag: Tag,
    /// [`FREE`], or the device's place.
    place: u32,
}

/// No device's place.
const FREE: u32 = u32::MAX;
/// So many buckets there are at least.
const FEWEST: usize = 16;

/// What the table knows of an id. Its high bits say where the search begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(u32);

impl Tag {
    /// Of an id.
    pub(super) fn of(id: &str) -> Tag {
        Tag((super::payload_hash(id.as_bytes()) >> 32) as u32)
    }
}

impl Index {
    /// The place of a device; `id_of` gives the id of the one at a place.
    pub(super) fn get<'a>(&self, id: &str, id_of: impl Fn(u32) -> Option<&'a DeviceId>) -> Option<u32> {
        let tag = Tag::of(id);
        self.alike(tag).find(|place| id_of(*place).is_some_and(|other| other.as_str() == id))
    }

    /// The place of a device with such an id: mostly the one.
    pub(super) fn guess(&self, tag: Tag) -> Option<u32> {
        self.alike(tag).next()
    }

    /// Reads where the search begins, for [`Engine::foresee`](super::Engine::foresee).
    pub(super) fn look(&self, tag: Tag) -> u64 {
        self.buckets.get(self.begin(tag)).map_or(0, |bucket| bucket.place.into())
    }

    /// Adds a device that is not there yet.
    pub(super) fn insert(&mut self, id: &DeviceId, place: u32) {
        if 2 * (self.taken + 1) > self.buckets.len() {
            let more = vec![Bucket { tag: Tag(0), place: FREE }; (2 * self.buckets.len()).max(FEWEST)];
            let old = std::mem::replace(&mut self.buckets, more);
            old.into_iter().filter(|bucket| bucket.place != FREE).for_each(|bucket| self.put(bucket));
        }
        self.put(Bucket { tag: Tag::of(id.as_str()), place });
        self.taken += 1;
    }

    fn put(&mut self, new: Bucket) {
        let begin = self.begin(new.tag);
        let (before, after) = self.buckets.split_at_mut(begin);
        if let Some(free) = after.iter_mut().chain(before).find(|bucket| bucket.place == FREE) {
            *free = new;
        }
    }

    /// Where the search for a tag begins.
    fn begin(&self, tag: Tag) -> usize {
        let bits = self.buckets.len().trailing_zeros();
        (u64::from(tag.0) >> (32 - bits.min(32))) as usize
    }

    /// The places of the devices with that tag.
    fn alike(&self, tag: Tag) -> impl Iterator<Item = u32> {
        let (before, after) = self.buckets.split_at(self.begin(tag).min(self.buckets.len()));
        let taken = after.iter().chain(before).take_while(|bucket| bucket.place != FREE);
        taken.filter(move |bucket| bucket.tag == tag).map(|bucket| bucket.place)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn ids(count: usize) -> Vec<DeviceId> {
        (0..count).map(|n| DeviceId::new(&format!("cover-{n:05}")).unwrap()).collect()
    }

    #[test]
    fn neighbouring_ids_are_spread() {
        let tags: HashSet<u32> = ids(100_000).iter().map(|id| Tag::of(id.as_str()).0).collect();
        assert!(tags.len() > 99_990, "by chance 1.2 pairs of 100,000 have the same 32 bits: {}", tags.len());
        let begins: HashSet<u32> = tags.iter().map(|tag| tag >> 15).collect();
        assert!(begins.len() > 65_000, "by chance they begin at some 69,900 of 131,072 places, not {}", begins.len());
        assert_ne!(Tag::of("a"), Tag::of("a\0"));
    }

    #[test]
    fn finds_who_is_there_and_nobody_else() {
        let (ids, mut index) = (ids(2_000), Index::default());
        assert_eq!((index.get("cover-00000", |place| ids.get(place as usize)), index.guess(Tag(7))), (None, None));
        for (place, id) in ids.iter().enumerate() {
            assert_eq!(index.get(id.as_str(), |place| ids.get(place as usize)), None);
            index.insert(id, place as u32);
        }
        for (place, id) in ids.iter().enumerate() {
            assert_eq!(index.get(id.as_str(), |place| ids.get(place as usize)), Some(place as u32));
        }
        assert!(index.buckets.len() <= 4 * ids.len());
    }

    #[test]
    fn ids_with_the_same_tag_are_told_apart() {
        let (ids, mut index) = (ids(3), Index::default());
        // Their search begins at the last bucket and goes on at the first.
        index.buckets = vec![Bucket { tag: Tag(0), place: FREE }; FEWEST];
        let tag = Tag(u32::MAX);
        (0..3).for_each(|place| index.put(Bucket { tag, place }));
        assert_eq!(index.alike(tag).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(index.guess(Tag(u32::MAX - 1)), None);
        let found = index.alike(tag).find(|place| ids[*place as usize] == ids[1]);
        assert_eq!(found, Some(1));
    }
}
