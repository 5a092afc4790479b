//! What the words of time do: `at`, `workday`, `sun`, `night`, `civil_night`, `since_sunset`, `scheduled_on`.
//!
//! All are functions of `now` (for a timer its due), the city and the device's registered position;
//! none has memory or a timer of its own.

use super::Context;
use super::clock::{clock_minutes, minute_of_day};
use super::machine::{Machine, Watch};
use super::quick::during;
use super::sun::{self, CIVIL, HORIZON, Position};
use crate::program::{DURING_COST, NodeId, Quick, SunWord};

/// Whether the local time of day is from the one to the other; `None` if one is no time of day.
pub(crate) fn time_of_day(cx: &Context<'_>, from: &str, to: &str) -> Option<bool> {
    let (from, to) = clock_minutes(from).zip(clock_minutes(to))?;
    let minute = minute_of_day(cx.now, cx.zone)?;
    Some(if from <= to { (from..to).contains(&minute) } else { minute >= from || minute < to })
}

/// Whether today is worked in the city.
pub(crate) fn workday(cx: &Context<'_>) -> Option<bool> {
    cx.city.is_working_day(cx.now, cx.zone)
}

/// A question about the sun; `margin_ms` is for [`SunWord::Night`] alone.
pub(crate) fn sun(cx: &Context<'_>, word: SunWord, margin_ms: i64) -> Option<bool> {
    let place = position(cx)?;
    match word {
        SunWord::Up => sun::is_up(place, cx.now),
        SunWord::Night => sun::in_night(place, cx.now, HORIZON, margin_ms, margin_ms),
        SunWord::CivilNight => sun::in_night(place, cx.now, CIVIL, 0, 0),
    }
}

/// Milliseconds since the last sunset or sunrise.
pub(crate) fn since(cx: &Context<'_>, sunset: bool) -> Option<i64> {
    sun::since(position(cx)?, cx.now, sunset)
}

/// Whether a lamp should burn: by its own hours if both are registered, else by the sun and the city's
/// offsets.
pub(crate) fn scheduled_on(cx: &Context<'_>, hours: Option<(&str, &str)>) -> Option<bool> {
    match hours {
        Some((on, off)) => time_of_day(cx, on, off),
        None => {
            let (after_ms, before_ms) = cx.city.lighting_ms();
            sun::in_night(position(cx)?, cx.now, HORIZON, after_ms, before_ms)
        }
    }
}

/// Where the register says that the device is.
fn position(cx: &Context<'_>) -> Option<Position> {
    let (latitude, longitude) = cx.device.latitude.zip(cx.device.longitude)?;
    Some(Position { latitude, longitude })
}

impl<W: Watch> Machine<'_, '_, W> {
    pub(super) fn at(&mut self, id: NodeId, from: NodeId, to: NodeId) -> Option<bool> {
        if !W::LOOKS
            && let Some(Quick::During { from, to }) = self.quick.get(usize::from(id))
        {
            // Its own operation is counted already.
            self.operations += DURING_COST - 1;
            return during(self.on, *from, *to);
        }
        let (from, to) = (self.text(from), self.text(to));
        let (from, to) = from.zip(to)?;
        time_of_day(self.on.cx, from, to)
    }

    pub(super) fn lit(&mut self, from: NodeId, to: NodeId) -> Option<bool> {
        let (from, to) = (self.text(from), self.text(to));
        scheduled_on(self.on.cx, from.zip(to))
    }

    pub(super) fn sun(&mut self, word: SunWord, margin: NodeId) -> Option<bool> {
        let margin_ms = self.int(margin)?;
        sun(self.on.cx, word, margin_ms)
    }
}
