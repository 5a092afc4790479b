//! What rules may know of the city: its working days, lighting hours and places.
//!
//! It comes from the city profile and from the places, which staff replace by journaled requests: a replay judges
//! every record with those of its time.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Datelike};
use chrono_tz::Tz;
use gengfu_cases::Profile;
use gengfu_model::Timestamp;
use gengfu_model::places::{LonLat, Place};
use gengfu_model::time::MINUTE_MS;
use serde::{Deserialize, Serialize};

use crate::places::Places;

/// The part of the city profile that rules see. Days are counted from the first of the Common Era, as
/// checkpoints store them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct City {
    /// Days of the week that are not worked, 0 is Monday.
    weekend: BTreeSet<u32>,
    /// Days that are not worked although their weekday is.
    holidays: BTreeSet<i32>,
    /// Days that are worked although they are a weekend's or a holiday's.
    make_up: BTreeSet<i32>,
    /// Lamps without hours of their own burn from so long after sunset ...
    on_after_sunset_ms: i64,
    /// ... to so long before sunrise.
    off_before_sunrise_ms: i64,
    /// Fences, speed zones and routes.
    places: Arc<Places>,
}

static USUAL: LazyLock<City> = LazyLock::new(|| City {
    weekend: BTreeSet::from([5, 6]),
    holidays: BTreeSet::new(),
    make_up: BTreeSet::new(),
    on_after_sunset_ms: 0,
    off_before_sunrise_ms: 0,
    places: Arc::default(),
});

impl City {
    /// What a profile says.
    #[must_use]
    pub fn of(profile: &Profile) -> City {
        let calendar = &profile.calendar;
        City {
            weekend: calendar.weekend.iter().map(chrono::Weekday::num_days_from_monday).collect(),
            holidays: calendar.holidays.iter().map(Datelike::num_days_from_ce).collect(),
            make_up: calendar.make_up.iter().map(Datelike::num_days_from_ce).collect(),
            on_after_sunset_ms: i64::from(profile.lighting.on_after_sunset_min) * MINUTE_MS,
            off_before_sunrise_ms: i64::from(profile.lighting.off_before_sunrise_min) * MINUTE_MS,
            places: Arc::default(),
        }
    }

    /// Takes a new profile; the places stay.
    pub fn set_profile(&mut self, profile: &Profile) {
        *self = City { places: Arc::clone(&self.places), ..City::of(profile) };
    }

    /// Replaces the places.
    pub fn put_places(&mut self, places: Vec<Place>) {
        self.places = Arc::new(Places::from(places));
    }

    /// The places.
    #[must_use]
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// The same city with those places alone that a question about one of the points can depend on, and those with
    /// the numbers `more`.
    pub(crate) fn near(&self, points: &[LonLat], words: &[&str], more: impl Iterator<Item = usize>) -> City {
        City { places: Arc::new(self.places.near(points, words, more)), ..self.clone() }
    }

    /// A city without holidays, where lamps burn from sunset to sunrise and Saturday and Sunday are free.
    #[must_use]
    #[inline]
    pub fn usual() -> &'static City {
        &USUAL
    }

    /// Whether the local day of a moment is worked: make-up days before holidays before weekends.
    pub(crate) fn is_working_day(&self, now: Timestamp, zone: Tz) -> Option<bool> {
        let date = DateTime::from_timestamp_millis(now.0)?.with_timezone(&zone).date_naive();
        let day = date.num_days_from_ce();
        let is_free = self.holidays.contains(&day) || self.weekend.contains(&date.weekday().num_days_from_monday());
        Some(self.make_up.contains(&day) || !is_free)
    }

    /// How long after sunset lamps go on, and how long before sunrise they go out, in milliseconds.
    pub(crate) fn lighting_ms(&self) -> (i64, i64) {
        (self.on_after_sunset_ms, self.off_before_sunrise_ms)
    }
}
