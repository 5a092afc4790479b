//! What the words of places do: `inside`, `distance_m`, `off_route`, `speed_limit`, `implied_speed`.
//!
//! A position without a fix, from fewer than four satellites or with an HDOP above 5 is unknown, and so is
//! every answer; so is a question about a place that the city does not have.

use gengfu_model::places::LonLat;

use super::machine::{Machine, Watch};
use super::state::{Slot, Track};
use crate::places::between_m;
use crate::program::{Node, NodeId, PlaceWord};

/// Two positions within less than this give no speed, in milliseconds: of a terminal that reports every second, 30 m of
/// noise would be 108 km/h.
const SHORTEST_STEP_MS: i64 = 5_000;
/// Nor do two that lie further apart: on the way between them, anything may have been.
const LONGEST_STEP_MS: i64 = 600_000;

impl<W: Watch> Machine<'_, '_, W> {
    /// `inside` and `off_route`.
    pub(super) fn is_at(&mut self, word: PlaceWord, name: NodeId, at: NodeId, more: NodeId) -> Option<bool> {
        // Everything is looked at before anything is decided, as rhai does: so both tiers explain alike.
        let ((point, margin_m), name) = (self.point(at, more), self.text(name));
        let (point, name) = (point?, name?);
        let (places, cost) = (self.on.cx.city.places(), &mut self.operations);
        match word {
            PlaceWord::Inside => places.inside(point, name, cost),
            PlaceWord::OffRoute => {
                let margin_m = margin_m?;
                places.distance_m(point, name, cost).map(|distance| distance > margin_m)
            }
            PlaceWord::Distance | PlaceWord::Between | PlaceWord::SpeedLimit => None,
        }
    }

    /// `distance_m` and `speed_limit`.
    pub(super) fn measure(&mut self, word: PlaceWord, name: NodeId, at: NodeId, more: NodeId) -> Option<f64> {
        let (point, own) = self.point(at, more);
        match word {
            PlaceWord::Distance => {
                let name = self.text(name);
                let (point, name) = (point?, name?);
                self.on.cx.city.places().distance_m(point, name, &mut self.operations)
            }
            PlaceWord::Between => {
                let (lon, lat) = self.pair(name)?;
                let (lon, lat) = (self.float(lon), self.float(lat));
                Some(between_m(point?, [lon?, lat?]))
            }
            PlaceWord::SpeedLimit => {
                let limit = self.on.cx.city.places().speed_limit_kmh(point?, &mut self.operations);
                // The vehicle's own limit, where the register has one.
                limit.into_iter().chain(own.filter(|own| own.is_finite())).reduce(f64::min)
            }
            PlaceWord::Inside | PlaceWord::OffRoute => None,
        }
    }

    /// The speed from the position before to this one, in km/h, by event time. Positions without a fix are left out;
    /// poor ones are not, since it is them that the word finds.
    pub(super) fn implied_speed(&mut self, slot: u16, at: NodeId, fix: NodeId) -> Option<f64> {
        let (lon, lat) = self.pair(at)?;
        let (lon, lat, fix) = (self.float(lon), self.float(lat), self.boolean(fix));
        let known = match self.slot(slot) {
            Slot::Track(track) => Some(**track),
            _ => None,
        };
        let (Some(at), Some(true)) = (lon.zip(lat).map(|(lon, lat)| [lon, lat]), fix) else { return None };
        let Some(time) = self.brings_sample(slot) else { return known?.kmh };
        if W::REPLAY {
            // What the reading did is done; one that came too soon did nothing.
            return known.filter(|track| track.time == time)?.kmh;
        }
        let step_ms = known.map(|before| time.since_ms(before.time));
        if step_ms.is_some_and(|step_ms| step_ms < SHORTEST_STEP_MS) {
            return None;
        }
        let near = known.zip(step_ms).filter(|(_, step_ms)| *step_ms <= LONGEST_STEP_MS);
        let kmh = near.map(|(before, step_ms)| between_m(before.at, at) / step_ms as f64 * 3_600.0);
        self.write(slot, Slot::Track(Box::new(Track { time, at, kmh })));
        kmh
    }

    pub(super) fn pair(&self, id: NodeId) -> Option<(NodeId, NodeId)> {
        match self.nodes.get(usize::from(id)).copied() {
            Some(Node::Pair { a, b }) => Some((a, b)),
            _ => None,
        }
    }

    /// The position, if it is good, and the word's own number.
    fn point(&mut self, at: NodeId, more: NodeId) -> (Option<LonLat>, Option<f64>) {
        let (Some((lon, lat)), Some((good, own))) = (self.pair(at), self.pair(more)) else { return (None, None) };
        let (lon, lat, good, own) = (self.float(lon), self.float(lat), self.boolean(good), self.float(own));
        let point = lon.zip(lat).filter(|_| good == Some(true)).map(|(lon, lat)| [lon, lat]);
        (point, own)
    }
}
