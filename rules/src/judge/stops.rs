//! `missed_stops`: which stops of its route a truck has not served today.
//!
//! What counts as served is said in [`way`](super::way); here is what is remembered of it, for the day and the route.

use gengfu_model::Timestamp;
use gengfu_model::places::{LonLat, MAX_STOPS};
use serde::{Deserialize, Serialize};

use super::Context;
use super::clock::{clock_minutes, latest_clock};
use super::machine::{Machine, Watch};
use super::state::Slot;
use super::way::{LONGEST_WAY_MS, Way};
use crate::places::{Places, Stop};
use crate::program::NodeId;

/// So many stops that were looked at count as one operation of a rule.
const STOPS_TO_AN_OPERATION: u32 = 8;
/// The names in a text for duty staff.
const NAMES_IN_A_TEXT: usize = 5;
/// The names in an explanation.
const NAMES_IN_A_STEP: usize = 20;

/// What is remembered of a truck's round. Bounded by the stops of one route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stops {
    /// The route whose stops these are.
    route: String,
    /// When the day began.
    opens: Timestamp,
    /// The day has been seen from its beginning: what is not here was not served.
    is_whole: bool,
    /// The good positions, each newer than those before.
    way: Way,
    /// Those that came after a newer one.
    again: Way,
    /// The ids of the stops that were served, in order.
    served: Vec<u64>,
}

/// Why it is not said how many stops are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Untold {
    /// Not since the day began, or of another route.
    NoPosition,
    /// The day was not seen from its beginning.
    PartOfADay,
}

impl Stops {
    fn new(route: &str, opens: Timestamp) -> Stops {
        let (way, again) = (Way::default(), Way::default());
        Stops { route: route.to_owned(), opens, is_whole: false, way, again, served: Vec::new() }
    }

    /// Takes a good position. One that is older than the newest is of what a terminal sends again after it was out of
    /// reach: such positions come in an order of their own.
    fn take(&mut self, opens: Timestamp, (time, here): (Timestamp, LonLat), dwell_ms: i64, stops: &[Stop]) {
        let dwell_ms = u32::try_from(dwell_ms.max(0)).unwrap_or(u32::MAX);
        if self.way.last.is_some_and(|(last, _)| time <= last) {
            if opens == self.opens && self.again.is_before(time) {
                self.again.go((time, here), dwell_ms, stops, &mut self.served);
            } else if opens == self.opens {
                self.again.begin((time, here), dwell_ms, stops, &mut self.served);
            }
            return;
        }
        if self.opens != opens {
            // The last position tells that the truck was known before the day began. If it was not before it, the day's
            // hour has been changed, and what was served since is not known.
            let is_whole = self.way.last.is_some_and(|(last, _)| last < opens);
            *self = Stops { is_whole, ..Stops::new(&self.route, opens) };
        }
        if self.served.len() > MAX_STOPS {
            // Of places that are there no more.
            self.served.retain(|id| stops.iter().any(|stop| stop.id == *id));
        }
        self.way.go((time, here), dwell_ms, stops, &mut self.served);
    }

    /// Another route: what was served before on the stops of the new one is not known.
    fn change_route(&mut self, route: &str, stops: &[Stop]) {
        route.clone_into(&mut self.route);
        self.is_whole = false;
        (self.way.at, self.again) = (Vec::new(), Way::default());
        self.served.retain(|id| stops.iter().any(|stop| stop.id == *id));
    }

    /// Nobody kept time: stops may have been served meanwhile.
    pub(super) fn shift(&mut self, gap_ms: i64) {
        if gap_ms > LONGEST_WAY_MS {
            self.is_whole = false;
        }
    }

    fn is_served(&self, stop: &Stop) -> bool {
        self.served.binary_search(&stop.id).is_ok()
    }

    /// The stops of its route that were not served.
    fn missing<'a>(&'a self, places: &'a Places) -> impl Iterator<Item = &'a Stop> + 'a {
        places.stops(&self.route).iter().filter(|stop| !self.is_served(stop))
    }

    /// Why a rule is not told a number for that day.
    pub(super) fn untold(&self, route: &str, opens: Timestamp) -> Option<Untold> {
        match (self.route == route && self.opens >= opens, self.is_whole) {
            (false, _) => Some(Untold::NoPosition),
            (true, false) => Some(Untold::PartOfADay),
            (true, true) => None,
        }
    }

    /// What an explanation has to keep of the city's stops: those that are missing, and one at least, since a route
    /// without stops is another answer.
    pub(super) fn kept<'a>(&'a self, places: &'a Places) -> impl Iterator<Item = usize> + 'a {
        let first = places.stops(&self.route).first();
        first.into_iter().chain(self.missing(places)).map(|stop| stop.place)
    }

    pub(super) fn describe(&self) -> String {
        let served = self.served.len();
        let part = if self.is_whole { "" } else { ", the day was not seen from its beginning" };
        format!("{served} stops of {} served since {}{part}", self.route, self.opens.0)
    }

    /// The bytes that it keeps beside its own.
    pub(super) fn bytes(&self) -> usize {
        self.route.capacity()
            + (self.way.at.capacity() + self.again.at.capacity()) * size_of::<(u64, u32)>()
            + self.served.capacity() * size_of::<u64>()
    }
}

/// The names of the stops that are missing, as far as there is room for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missed<'a> {
    names: Vec<&'a str>,
    all: usize,
}

impl<'a> Missed<'a> {
    /// What the first of a rule's slots says that misses any. `None`: nothing is missing, or nothing is known.
    pub(super) fn of(slots: &'a [Slot], places: &'a Places) -> Option<Missed<'a>> {
        slots.iter().find_map(|slot| Missed::of_slot(slot, places, NAMES_IN_A_TEXT))
    }

    fn of_slot(slot: &'a Slot, places: &'a Places, most: usize) -> Option<Missed<'a>> {
        let Slot::Stops(stops) = slot else { return None };
        if !stops.is_whole {
            return None;
        }
        let mut names: Vec<&str> = stops.missing(places).map(|stop| places.name(stop.place)).collect();
        let all = names.len();
        names.truncate(most);
        (all > 0).then_some(Missed { names, all })
    }

    pub(super) fn zh(&self) -> String {
        let names = self.names.join("、");
        if self.all > self.names.len() { format!("{names}等 {} 处", self.all) } else { names }
    }

    pub(super) fn en(&self) -> String {
        let names = self.names.join(", ");
        let more = self.all - self.names.len();
        if more > 0 { format!("{names} and {more} more") } else { names }
    }
}

/// A number of missing stops with their names, as an explanation shows it.
pub(super) fn shown(value: &str, slot: Option<&Slot>, places: &Places) -> String {
    let missed = slot.and_then(|slot| Missed::of_slot(slot, places, NAMES_IN_A_STEP));
    match missed.filter(|missed| missed.all.to_string() == value) {
        Some(missed) => format!("{value}: {}", missed.en()),
        None => value.to_owned(),
    }
}

/// Why it is not known how many stops of a route are missing.
pub(super) fn why_untold(cx: &Context<'_>, slot: Option<&Slot>, route: &str, from: &str) -> String {
    if cx.city.places().stops(route).is_empty() {
        return format!("the city has no stops of the route `{route}`");
    }
    let Some(opens) = clock_minutes(from).and_then(|from| latest_clock(cx.now, cx.zone, from)) else {
        return format!("`{from}` is no time of day");
    };
    match slot {
        Some(Slot::Stops(stops)) if stops.untold(route, opens) == Some(Untold::PartOfADay) => {
            "the day was not seen from its beginning: stops may have been served before".to_owned()
        }
        _ => "no good position of the truck is known since the day began".to_owned(),
    }
}

impl<W: Watch> Machine<'_, '_, W> {
    /// How many stops of a route were not served since the day began. `more`: whether the position is good; when the day
    /// begins and the dwell.
    pub(super) fn missed_stops(&mut self, slot: u16, route: NodeId, at: NodeId, more: NodeId) -> Option<i64> {
        let (lon, lat) = self.pair(at)?;
        let (good, day) = self.pair(more)?;
        let (from, dwell) = self.pair(day)?;
        // Everything is looked at before anything is decided, as rhai does.
        let (route, lon, lat, good) = (self.text(route), self.float(lon), self.float(lat), self.boolean(good));
        let (from, dwell) = (self.text(from), self.int(dwell));
        let (route, from, dwell_ms) = (route?, clock_minutes(from?)?, dwell?);
        let cx = self.on.cx;
        let stops = cx.city.places().stops(route);
        if stops.is_empty() {
            return None;
        }
        self.operations += 1 + u32::try_from(stops.len()).unwrap_or(u32::MAX) / STOPS_TO_AN_OPERATION;
        let here = lon.zip(lat).filter(|_| good == Some(true)).map(|(lon, lat)| [lon, lat]);
        if let (Some(here), Some(time), false) = (here, self.brings_sample(slot), W::REPLAY) {
            let opens = latest_clock(time, cx.zone, from)?;
            self.remember(slot, |memory| {
                let memory = memory.get_or_insert_with(|| Box::new(Stops::new(route, opens)));
                if memory.route != route {
                    memory.change_route(route, stops);
                }
                memory.take(opens, (time, here), dwell_ms, stops);
            });
        }
        let opens = latest_clock(self.window_end(), cx.zone, from)?;
        let Slot::Stops(memory) = self.slot(slot) else { return None };
        let is_told = memory.untold(route, opens).is_none();
        let missing = stops.iter().filter(|stop| !memory.is_served(stop)).count();
        is_told.then(|| i64::try_from(missing).unwrap_or(i64::MAX))
    }

    fn remember(&mut self, slot: u16, change: impl FnOnce(&mut Option<Box<Stops>>)) {
        let can_fail = self.rule.can_fail;
        let Some(place) = self.slots.get_mut(usize::from(slot)) else { return };
        if can_fail {
            // Only a rule that can fail pays for a copy.
            self.before.push((slot, place.clone()));
        }
        let mut memory = match std::mem::take(place) {
            Slot::Stops(stops) => Some(stops),
            _ => None,
        };
        change(&mut memory);
        *place = memory.map_or(Slot::Empty, Slot::Stops);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gengfu_model::places::{Place, Shape};

    const DWELL_MS: i64 = 20_000;
    /// Degrees of longitude in a metre, at the equator.
    const METRE: f64 = 1.0 / 111_194.93;

    /// Stops of the route `R` at these metres along a street, with 30 m around each.
    fn street(along_m: &[f64]) -> Places {
        let stop = |(n, m): (usize, &f64)| Place {
            name: format!("s{n}").into(),
            kind: "stop".into(),
            shape: Shape::Point { at: [m * METRE, 0.0], radius_m: 30.0 },
            speed_limit_kmh: None,
            routes: vec!["R".into()],
        };
        Places::from(along_m.iter().enumerate().map(stop).collect::<Vec<_>>())
    }

    /// What is missing after positions given as seconds and metres along and beside the street.
    fn missing(stops_m: &[f64], positions: &[(i64, f64, f64)], dwell_ms: i64) -> Vec<String> {
        let places = street(stops_m);
        let mut stops = Stops::new("R", Timestamp(0));
        for (s, along, beside) in positions {
            let here = [along * METRE, beside * METRE];
            stops.take(Timestamp(0), (Timestamp(s * 1_000), here), dwell_ms, places.stops("R"));
        }
        stops.missing(&places).map(|stop| places.name(stop.place).to_owned()).collect()
    }

    /// A truck that drives at a speed and stands so long at 500 m, seen every so many seconds from `phase_s` on.
    fn drive(kmh: f64, stand_s: f64, every_s: i64, phase_s: i64) -> Vec<(i64, f64, f64)> {
        let arrives_s = 500.0 / (kmh / 3.6);
        let along = |s: f64| (s.min(arrives_s) + (s - arrives_s - stand_s).max(0.0)) * kmh / 3.6;
        (0..)
            .map(|n| phase_s + n * every_s)
            .map(|s| (s, along(s as f64), 3.0))
            .take_while(|(_, m, _)| *m < 1_000.0)
            .collect()
    }

    #[test]
    fn a_halt_is_seen_however_often_the_terminal_reports() {
        for every_s in [1, 5, 10, 15, 20, 30, 45, 60] {
            for phase_s in 0..every_s {
                for (kmh, stand_s) in [(30.0, 25.0), (20.0, 25.0), (12.0, 21.0)] {
                    let positions = drive(kmh, stand_s, every_s, phase_s);
                    let found = missing(&[500.0], &positions, DWELL_MS);
                    assert_eq!(found, [""; 0], "{kmh} km/h, {stand_s} s, every {every_s} s from {phase_s}");
                }
            }
        }
    }

    #[test]
    fn driving_past_is_no_service() {
        // The rarer the reports, the faster it must be to be seen to have driven past.
        for (every_s, kmh) in [(1, 15.0), (5, 15.0), (10, 20.0), (20, 20.0), (30, 21.0), (60, 26.0), (120, 28.0)] {
            for phase_s in 0..every_s {
                let positions = drive(kmh, 0.0, every_s, phase_s);
                assert_eq!(
                    missing(&[500.0], &positions, DWELL_MS),
                    ["s0"],
                    "{kmh} km/h every {every_s} s from {phase_s}"
                );
            }
        }
        // With no dwell, passing is enough; on the next street it is not.
        assert_eq!(missing(&[500.0], &drive(30.0, 0.0, 30, 0), 0), [""; 0]);
        assert_eq!(missing(&[500.0], &[(0, 500.0, 0.0)], 0), [""; 0]);
        assert_eq!(missing(&[500.0], &[(0, 0.0, 0.0), (300, 500.0, 0.0)], 0), [""; 0]);
        let beside: Vec<_> = drive(30.0, 60.0, 30, 0).into_iter().map(|(s, m, _)| (s, m, 40.0)).collect();
        assert_eq!(missing(&[500.0], &beside, 0), ["s0"]);
    }

    #[test]
    fn noise_drift_and_gaps_do_not_end_a_halt() {
        let noisy = [(0, 480.0, 0.0), (10, 512.0, 8.0), (15, 3_000.0, 0.0), (25, 495.0, -9.0)];
        assert_eq!(missing(&[500.0], &noisy, DWELL_MS), [""; 0], "the third is a kilometre off");
        // Parked: a sleeping terminal reports every five minutes.
        assert_eq!(missing(&[500.0], &[(0, 500.0, 0.0), (300, 505.0, 0.0)], DWELL_MS), [""; 0]);
        assert_eq!(missing(&[500.0], &[(0, 500.0, 0.0), (700, 505.0, 0.0)], DWELL_MS), ["s0"], "too long ago");
        assert_eq!(missing(&[500.0], &[(0, 0.0, 0.0), (300, 900.0, 0.0)], DWELL_MS), ["s0"], "the way is not known");
        // What comes twice is no time.
        let twice = [(0, 500.0, 0.0), (0, 500.0, 0.0), (15, 500.0, 0.0), (15, 500.0, 0.0)];
        assert_eq!(missing(&[500.0], &twice, DWELL_MS), ["s0"]);
    }

    #[test]
    fn what_a_terminal_sends_again_counts_in_its_own_order() {
        // Back in reach at 300 s, then what it kept: a halt at 500 m.
        let kept = [(0, 0.0, 0.0), (300, 900.0, 0.0), (60, 480.0, 0.0), (90, 505.0, 0.0), (120, 600.0, 0.0)];
        assert_eq!(missing(&[500.0], &kept, DWELL_MS), [""; 0]);
        // Driven past; and in a disorder that proves nothing.
        let past = [(300, 900.0, 0.0), (60, 400.0, 0.0), (90, 650.0, 0.0), (120, 900.0, 0.0)];
        assert_eq!(missing(&[500.0], &past, DWELL_MS), ["s0"]);
        let mixed = [(300, 900.0, 0.0), (120, 500.0, 0.0), (90, 500.0, 0.0), (60, 500.0, 0.0)];
        assert_eq!(missing(&[500.0], &mixed, DWELL_MS), ["s0"]);
        // Of yesterday: nothing to do with today.
        let places = street(&[500.0]);
        let mut stops = Stops::new("R", Timestamp(100_000));
        let here = [500.0 * METRE, 0.0];
        for (opens, s) in [(100_000, 110), (0, 10), (0, 40)] {
            stops.take(Timestamp(opens), (Timestamp(s * 1_000), here), DWELL_MS, places.stops("R"));
        }
        assert_eq!(stops.served.len(), 0);
    }

    #[test]
    fn each_stop_is_its_own() {
        let stops: Vec<f64> = (0..8).map(|n| f64::from(n) * 100.0).collect();
        // It stands 30 s at each but the third and the sixth, and drives at 15 km/h between them, seen every 10 s.
        let mut positions = Vec::new();
        let mut s = 0;
        for (n, m) in stops.iter().enumerate() {
            for _ in 0..if n == 2 || n == 5 { 0 } else { 3 } {
                positions.push((s, *m, 1.0));
                s += 10;
            }
            positions.extend([(s, m + 8.0, 0.0), (s + 10, m + 50.0, 0.0)]);
            s += 20;
        }
        assert_eq!(missing(&stops, &positions, DWELL_MS), ["s2", "s5"]);
    }

    #[test]
    fn a_day_counts_from_its_beginning() {
        let places = street(&[0.0]);
        let stops = places.stops("R");
        let mut memory = Stops::new("R", Timestamp(0));
        let stand = |memory: &mut Stops, opens: i64, s: i64| {
            memory.take(Timestamp(opens), (Timestamp(s * 1_000), [0.0, 0.0]), DWELL_MS, stops);
            (memory.served.len(), memory.untold("R", Timestamp(opens)))
        };
        stand(&mut memory, 0, 10);
        assert_eq!(stand(&mut memory, 0, 40), (1, Some(Untold::PartOfADay)));
        assert_eq!(memory.untold("R", Timestamp(100_000)), Some(Untold::NoPosition));
        assert_eq!(stand(&mut memory, 100_000, 110), (0, None), "a new day, and the truck was known before it");
        assert_eq!(stand(&mut memory, 100_000, 130), (1, None));
        memory.shift(60_000);
        assert_eq!(memory.untold("R", Timestamp(100_000)), None);
        memory.shift(600_000);
        assert_eq!(memory.untold("R", Timestamp(100_000)), Some(Untold::PartOfADay));
        assert_eq!(stand(&mut memory, 200_000, 210), (0, None));
        // The hour at which the day begins is moved: what was done since is not known.
        assert_eq!(stand(&mut memory, 205_000, 220), (0, Some(Untold::PartOfADay)));
        memory.change_route("S", stops);
        assert_eq!(memory.untold("R", Timestamp(205_000)), Some(Untold::NoPosition));
        assert_eq!(memory.untold("S", Timestamp(205_000)), Some(Untold::PartOfADay));
    }

    #[test]
    fn names_are_few_in_a_text_and_more_in_a_step() {
        let places = street(&[0.0; 7]);
        let stops = Stops { is_whole: true, ..Stops::new("R", Timestamp(0)) };
        let part = Slot::Stops(Box::new(Stops::new("R", Timestamp(0))));
        let slots = [Slot::Empty, part, Slot::Stops(Box::new(stops))];
        let missed = Missed::of(&slots, &places).unwrap();
        assert_eq!(missed.zh(), "s0、s1、s2、s3、s4等 7 处");
        assert_eq!(missed.en(), "s0, s1, s2, s3, s4 and 2 more");
        assert_eq!(shown("7", slots.last(), &places), "7: s0, s1, s2, s3, s4, s5, s6");
        assert_eq!(shown("unknown", slots.last(), &places), "unknown");
        let few = street(&[0.0; 2]);
        assert_eq!(
            Missed::of(&slots, &few).map(|missed| (missed.zh(), missed.en())),
            Some(("s0、s1".into(), "s0, s1".into()))
        );
        assert_eq!(Missed::of(&slots, &Places::default()), None);
    }
}
