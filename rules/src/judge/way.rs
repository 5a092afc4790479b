//! The way of a truck from position to position, and the stops that it served on it.
//!
//! A stop counts as served when the truck was within its radius for the dwell. Terminals report every 10 to 60 s, so
//! the time there is reckoned between good positions, for each step whose straight way touches the stop: either the
//! share of the step that the way lies within the radius, as if it was driven evenly, or what is left of the step after
//! driving the way at [`DRIVING_KMH`], as if the rest was the halt; whichever is longer. So a halt is found that lies
//! between two positions, and a truck that drives on is not taken to have stopped. Where it cannot be told, rather a
//! stop too many counts as served than a crew is blamed for what the terminal did not tell.

use gengfu_model::Timestamp;
use gengfu_model::places::LonLat;
use serde::{Deserialize, Serialize};

use crate::places::{Stop, between_m, share_within};

/// Between stops a truck is taken to drive at this speed, in km/h.
const DRIVING_KMH: f64 = 30.0;
/// No truck gets to a position this fast: it has drifted, and is left out.
const DRIFT_KMH: f64 = 120.0;
/// Positions that lie further apart in time tell only that a truck stood, if both are at the stop.
pub(super) const LONGEST_WAY_MS: i64 = 120_000;
/// After a longer time without a good position nothing is known of the way; time at a stop begins anew.
const LONGEST_STEP_MS: i64 = 600_000;

/// Positions in the order of their times, as far as the stops have to know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Way {
    /// The newest position.
    pub(super) last: Option<(Timestamp, LonLat)>,
    /// The stops that it lies in, with the milliseconds so far.
    pub(super) at: Vec<(u64, u32)>,
}

impl Way {
    /// Goes on to a position, and puts what was served on the way among `served`.
    pub(super) fn go(
        &mut self,
        (time, here): (Timestamp, LonLat),
        dwell_ms: u32,
        stops: &[Stop],
        served: &mut Vec<u64>,
    ) {
        let Some((before, there)) = self.last.filter(|(last, _)| time.since_ms(*last) <= LONGEST_STEP_MS) else {
            return self.begin((time, here), dwell_ms, stops, served);
        };
        let step_ms = time.since_ms(before);
        let way_ms = |kmh: f64| between_m(there, here) / kmh * 3_600.0;
        if way_ms(DRIFT_KMH) > step_ms as f64 {
            return;
        }
        let left_ms = (step_ms as f64 - way_ms(DRIVING_KMH)).max(0.0);
        let mut at = Vec::new();
        for stop in stops {
            let Err(place) = served.binary_search(&stop.id) else { continue };
            let share = share_within(there, here, stop.at, stop.radius_m);
            if share <= 0.0 {
                continue;
            }
            let is_known = step_ms <= LONGEST_WAY_MS || share >= 1.0;
            let is_there = between_m(here, stop.at) <= stop.radius_m;
            let ms = if is_known {
                let so_far = self.at.iter().find(|(id, _)| *id == stop.id).map_or(0, |(_, ms)| *ms);
                so_far.saturating_add((share * step_ms as f64).max(left_ms) as u32)
            } else if is_there {
                0
            } else {
                continue;
            };
            if ms >= dwell_ms {
                served.insert(place, stop.id);
            } else if is_there {
                at.push((stop.id, ms));
            }
        }
        *self = Way { last: Some((time, here)), at };
    }

    /// The first position, or the first after a long time: no way leads to it.
    pub(super) fn begin(
        &mut self,
        (time, here): (Timestamp, LonLat),
        dwell_ms: u32,
        stops: &[Stop],
        served: &mut Vec<u64>,
    ) {
        *self = Way { last: Some((time, here)), at: Vec::new() };
        for stop in stops.iter().filter(|stop| between_m(here, stop.at) <= stop.radius_m) {
            let Err(place) = served.binary_search(&stop.id) else { continue };
            if dwell_ms == 0 {
                served.insert(place, stop.id);
            } else {
                self.at.push((stop.id, 0));
            }
        }
    }

    pub(super) fn is_before(&self, time: Timestamp) -> bool {
        self.last.is_some_and(|(last, _)| last < time)
    }
}
