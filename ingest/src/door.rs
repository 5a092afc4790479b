//! Who was turned away at the door: a table in memory, for people who look for a device that does not get in.
//!
//! Promises: never a credential, neither a right nor a wrong one; bounded, whoever knocks. Names that are not in
//! the register have a table of their own, so that one who tries names cannot push out the devices that people
//! know. Nothing is decided by it, so it is not journaled, and begins empty with the process.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use gengfu_model::{DeviceId, Timestamp, Transport};

/// How many different (name, listener, reason) of registered devices are kept, and as many of others; beyond that
/// the one that was not refused for longest leaves.
pub const MAX_DOOR_ROWS: usize = 4_096;

/// A name that a peer gave itself, without proof. Made by [`crate::Directory::claimed`] only, which keeps
/// credentials out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The name.
    pub(crate) name: DeviceId,
    /// Whether the register has a device of that name.
    pub(crate) registered: bool,
}

/// Something that was refused.
#[derive(Clone, Debug)]
pub struct TurnedAway<'a> {
    /// The listener.
    pub transport: Transport,
    /// Why, from the listener's closed list.
    pub reason: &'static str,
    /// When.
    pub at: Timestamp,
    /// The device, where its credential says who it is.
    pub device: Option<&'a DeviceId>,
    /// What the peer calls itself, where nothing proves it.
    pub claimed: Option<Claimed>,
    /// Where it came from, if the listener knows that still.
    pub from: Option<IpAddr>,
}

impl TurnedAway<'_> {
    /// Something refused of nobody in particular.
    #[must_use]
    pub fn new(transport: Transport, reason: &'static str, at: Timestamp) -> TurnedAway<'static> {
        TurnedAway { transport, reason, at, device: None, claimed: None, from: None }
    }
}

/// How often one was refused at one listener for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoorRow {
    /// Grows with each refusal, over all rows: the newest has the highest.
    pub turn: u64,
    /// The device, or what the peer called itself; `None`: only its address is known.
    pub name: Option<DeviceId>,
    /// The listener.
    pub transport: Transport,
    /// Why.
    pub reason: &'static str,
    /// How often.
    pub count: u64,
    /// When for the first time.
    pub first: Timestamp,
    /// When for the last time.
    pub last: Timestamp,
    /// Where the last one came from.
    pub from: Option<IpAddr>,
}

/// The table.
#[derive(Debug, Default)]
pub struct Door(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    registered: Rows,
    others: Rows,
    turn: u64,
    forgotten: u64,
}

/// Name, listener and reason; of the nameless, the address.
type Key = (Option<DeviceId>, Option<IpAddr>, Transport, &'static str);

#[derive(Debug, Default)]
struct Rows {
    rows: HashMap<Key, DoorRow>,
    by_turn: BTreeMap<u64, Key>,
}

impl Rows {
    fn take(&mut self, key: &Key) -> Option<DoorRow> {
        let row = self.rows.remove(key)?;
        self.by_turn.remove(&row.turn);
        Some(row)
    }

    fn put(&mut self, key: Key, row: DoorRow) {
        self.by_turn.insert(row.turn, key.clone());
        self.rows.insert(key, row);
    }

    /// Forgets the row that was not refused for longest; says whether there was one too many.
    fn forget(&mut self) -> bool {
        if self.rows.len() <= MAX_DOOR_ROWS {
            return false;
        }
        if let Some((_, key)) = self.by_turn.pop_first() {
            self.rows.remove(&key);
        }
        true
    }
}

impl Door {
    pub(crate) fn add(&self, away: &TurnedAway<'_>) {
        let name = away.device.or(away.claimed.as_ref().map(|claimed| &claimed.name)).cloned();
        let registered = away.device.is_some() || away.claimed.as_ref().is_some_and(|claimed| claimed.registered);
        let address = if name.is_none() { away.from } else { None };
        let key: Key = (name.clone(), address, away.transport, away.reason);
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tables.turn += 1;
        let turn = tables.turn;
        // One that was registered since it was refused last takes its count along.
        let known = tables.registered.take(&key).or_else(|| tables.others.take(&key));
        let row = match known {
            Some(row) => DoorRow { turn, count: row.count + 1, last: away.at, from: away.from.or(row.from), ..row },
            None => DoorRow {
                turn,
                name,
                transport: away.transport,
                reason: away.reason,
                count: 1,
                first: away.at,
                last: away.at,
                from: away.from,
            },
        };
        let rows = if registered { &mut tables.registered } else { &mut tables.others };
        rows.put(key, row);
        let forgotten = rows.forget();
        tables.forgotten += u64::from(forgotten);
    }

    /// The rows that are wanted, the one refused last first.
    #[must_use]
    pub fn rows(&self, wanted: impl Fn(&DoorRow) -> bool) -> Vec<DoorRow> {
        let tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = tables.registered.rows.values().chain(tables.others.rows.values());
        let mut rows: Vec<DoorRow> = all.filter(|row| wanted(row)).cloned().collect();
        drop(tables);
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.turn));
        rows
    }

    /// How many rows left for want of room.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimed(name: &str, registered: bool, at: i64) -> TurnedAway<'static> {
        let claimed = Some(Claimed { name: DeviceId::new(name).unwrap(), registered });
        TurnedAway { claimed, ..TurnedAway::new(Transport::Mqtt, "bad_credentials", Timestamp(at)) }
    }

    fn counts(door: &Door) -> Vec<(String, u64, i64, i64)> {
        let text = |row: &DoorRow| row.name.as_ref().map_or_else(String::new, ToString::to_string);
        door.rows(|_| true).iter().map(|row| (text(row), row.count, row.first.0, row.last.0)).collect()
    }

    #[test]
    fn refusals_are_counted_by_name_listener_and_reason() {
        let door = Door::default();
        door.add(&claimed("cover-1", true, 1));
        door.add(&claimed("cover-2", true, 2));
        door.add(&claimed("cover-1", true, 3));
        door.add(&TurnedAway { transport: Transport::Coap, ..claimed("cover-1", true, 4) });
        let expected = [("cover-1", 1, 4, 4), ("cover-1", 2, 1, 3), ("cover-2", 1, 2, 2)];
        assert_eq!(counts(&door), expected.map(|(name, count, first, last)| (name.to_owned(), count, first, last)));
        assert_eq!(door.rows(|row| row.transport == Transport::Coap).len(), 1);
    }

    #[test]
    fn the_nameless_are_told_by_their_address() {
        let door = Door::default();
        for last in [1, 1, 2] {
            let from = Some(IpAddr::from([10, 0, 0, last]));
            door.add(&TurnedAway { from, ..TurnedAway::new(Transport::Coap, "bad_credentials", Timestamp(0)) });
        }
        let rows = door.rows(|_| true);
        assert_eq!(rows.iter().map(|row| row.count).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn who_tries_names_pushes_no_registered_device_out() {
        let door = Door::default();
        door.add(&claimed("cover-1", true, 1));
        for number in 0..=MAX_DOOR_ROWS {
            door.add(&claimed(&format!("guess-{number}"), false, 2));
        }
        let rows = door.rows(|_| true);
        assert_eq!((rows.len(), door.forgotten()), (MAX_DOOR_ROWS + 1, 1));
        let has = |name: &str| rows.iter().any(|row| row.name.as_ref().is_some_and(|own| own.as_str() == name));
        assert!(has("cover-1") && has("guess-1") && !has("guess-0"), "the oldest guess has left");
    }

    #[test]
    fn one_that_is_registered_later_keeps_its_count() {
        let door = Door::default();
        door.add(&claimed("cover-1", false, 1));
        door.add(&claimed("cover-1", true, 2));
        assert_eq!(counts(&door), [("cover-1".to_owned(), 2, 1, 2)]);
    }
}
