//! Storms by distance: what stands within so many metres of each other.
//!
//! Open incidents are kept in square buckets as wide as the rule's distance, so that those around a place are in
//! nine of them. When enough are around one, the storm is a circle around it: `radius:200m@35.02000,111.00000`.

use std::collections::BTreeSet;
use std::sync::Arc;

use gengfu_model::{EffectId, EffectSink};

use super::members::Members;
use super::state::{Membership, StormKey, TrackKey};
use super::{At, Reducer};
use crate::profile::GroupRule;

/// Metres of one degree of latitude.
const DEGREE_M: f64 = 111_320.0;
/// What begins the group of a bucket.
const NEAR: &str = "near:";
/// What begins the group of a storm.
const RADIUS: &str = "radius:";

/// The distance between two positions a few kilometres apart, in metres.
fn distance_m(a: (f64, f64), b: (f64, f64)) -> f64 {
    let north = (b.0 - a.0) * DEGREE_M;
    let east = (b.1 - a.1) * DEGREE_M * libm::cos(f64::midpoint(a.0, b.0).to_radians());
    libm::hypot(north, east)
}

/// Row and column of the bucket of a position.
fn square(metres: u32, at: (f64, f64)) -> (i64, i64) {
    let row = row_of(metres, at.0);
    (row, column_in(metres, row, at.1))
}

fn row_of(metres: u32, latitude: f64) -> i64 {
    whole(latitude * DEGREE_M / f64::from(metres))
}

/// The column of a longitude within a row. Columns of a row are equally wide, by the row's southern edge.
fn column_in(metres: u32, row: i64, longitude: f64) -> i64 {
    #[expect(clippy::cast_precision_loss, reason = "rows are few enough to be exact")]
    let south = row as f64 * f64::from(metres) / DEGREE_M;
    // Not at the poles, where a column would be as wide as the earth.
    let narrow = libm::cos(south.clamp(-89.0, 89.0).to_radians());
    whole(longitude * DEGREE_M * narrow / f64::from(metres))
}

fn whole(value: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "degrees over metres are far below 2^63")]
    let whole = libm::floor(value) as i64;
    whole
}

fn bucket_key(condition: &Arc<str>, metres: u32, (row, column): (i64, i64)) -> StormKey {
    StormKey { condition: condition.clone(), group: format!("{NEAR}{metres}m@{row},{column}").into() }
}

/// Where an incident waits until there are enough around it.
pub(super) fn bucket(condition: &Arc<str>, metres: u32, at: (f64, f64)) -> StormKey {
    bucket_key(condition, metres, square(metres, at))
}

/// The storm around a place.
pub(super) fn storm_key(condition: &Arc<str>, metres: u32, at: (f64, f64)) -> StormKey {
    StormKey { condition: condition.clone(), group: format!("{RADIUS}{metres}m@{:.5},{:.5}", at.0, at.1).into() }
}

/// Distance and centre of a storm, by its key.
fn circle(key: &StormKey) -> Option<(u32, (f64, f64))> {
    let (metres, centre) = key.group.strip_prefix(RADIUS)?.split_once("m@")?;
    let (latitude, longitude) = centre.split_once(',')?;
    Some((metres.parse().ok()?, (latitude.parse().ok()?, longitude.parse().ok()?)))
}

/// The storm under way that a place lies in; of several, the first by its key.
pub(super) fn storm_around(
    reducer: &Reducer,
    condition: &Arc<str>,
    metres: u32,
    at: (f64, f64),
) -> Option<(StormKey, EffectId)> {
    let from = StormKey { condition: condition.clone(), group: RADIUS.into() };
    let storms = reducer.storms.range(from..).take_while(|(key, _)| key.condition == *condition);
    let mut storms = storms.take_while(|(key, _)| key.group.starts_with(RADIUS));
    let around = |key: &StormKey| {
        circle(key).is_some_and(|(of, centre)| of == metres && distance_m(centre, at) <= f64::from(metres))
    };
    storms.find(|(key, _)| around(key)).map(|(key, parent)| (key.clone(), *parent))
}

/// The buckets in which whatever stands around a place is.
fn buckets_around(condition: &Arc<str>, metres: u32, at: (f64, f64)) -> Vec<StormKey> {
    let row = row_of(metres, at.0);
    let rows = row - 1..=row + 1;
    rows.flat_map(|row| {
        let column = column_in(metres, row, at.1);
        (column - 1..=column + 1).map(move |column| bucket_key(condition, metres, (row, column)))
    })
    .collect()
}

fn stands_around(reducer: &Reducer, key: &TrackKey, metres: u32, at: (f64, f64)) -> bool {
    let place = reducer.tracks.get(key).and_then(|track| track.place.as_ref()?.position());
    place.is_some_and(|place| distance_m(place, at) <= f64::from(metres))
}

/// How many assets around a place opened the condition lately and still have it.
pub(super) fn recent_assets(
    reducer: &Reducer,
    at: At,
    rule: &GroupRule,
    condition: &Arc<str>,
    metres: u32,
    place: (f64, f64),
) -> u32 {
    let mut assets: BTreeSet<&str> = BTreeSet::new();
    for bucket in buckets_around(condition, metres, place) {
        let Some(members) = reducer.members_of.get(&bucket) else { continue };
        for key in members.since(at.now.plus_ms(-rule.within_ms)) {
            if stands_around(reducer, key, metres, place) {
                assets.insert(&key.asset);
            }
            if assets.len() >= rule.distinct as usize {
                return rule.distinct;
            }
        }
    }
    u32::try_from(assets.len()).unwrap_or(u32::MAX)
}

/// What a storm would have that begins now: what waits in its group, or around the middle of its circle.
pub(super) fn waiting<'a>(reducer: &'a Reducer, storm: &StormKey) -> Box<dyn Iterator<Item = &'a TrackKey> + 'a> {
    let Some((metres, centre)) = circle(storm) else {
        return Box::new(reducer.members_of.get(storm).into_iter().flat_map(Members::keys));
    };
    let buckets = buckets_around(&storm.condition, metres, centre).into_iter();
    let members = buckets.filter_map(|bucket| reducer.members_of.get(&bucket)).flat_map(Members::keys);
    Box::new(members.filter(move |key| stands_around(reducer, key, metres, centre)))
}

/// Takes what waits around the place of a storm that begins into the storm's group.
pub(super) fn gather(reducer: &mut Reducer, storm: &StormKey, out: &mut EffectSink) {
    if circle(storm).is_none() {
        return;
    }
    let keys: Vec<TrackKey> = waiting(reducer, storm).cloned().collect();
    for key in keys {
        let Some(mut track) = reducer.tracks.get(&key).cloned() else { continue };
        if let Some(member) = &mut track.member {
            member.storm = storm.clone();
        }
        reducer.save_track(&key, Some(track), out);
    }
}

/// Whether a membership is one of a circle.
pub(super) fn is_radius(member: Option<&Membership>) -> bool {
    member.is_some_and(|member| member.storm.group.starts_with(RADIUS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_in_one_of_nine_buckets() {
        let condition: Arc<str> = "c".into();
        for latitude in [0.0, 35.02, -35.02, 52.5, 69.9] {
            let centre = (latitude, 111.003);
            let around = buckets_around(&condition, 200, centre);
            for step in 0..36 {
                let angle = f64::from(step * 10).to_radians();
                let north = 199.9 * libm::sin(angle) / DEGREE_M;
                let east = 199.9 * libm::cos(angle) / DEGREE_M / libm::cos(latitude.to_radians());
                let place = (centre.0 + north, centre.1 + east);
                assert!(distance_m(centre, place) < 200.5);
                assert!(around.contains(&bucket(&condition, 200, place)), "{latitude} {step}");
            }
        }
    }

    #[test]
    fn a_key_tells_its_circle() {
        let key = storm_key(&"c".into(), 250, (35.02, 111.0));
        assert_eq!(&*key.group, "radius:250m@35.02000,111.00000");
        assert_eq!(circle(&key), Some((250, (35.02, 111.0))));
        assert_eq!(circle(&bucket(&"c".into(), 250, (35.02, 111.0))), None);
    }
}
