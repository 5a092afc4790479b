//! The shipped rules: the one visible list.
//!
//! They are a pack like any other: a city starts from them, tunes parameters, and replaces what it
//! knows better. Thresholds and their sources stand at the head of each file.

use std::collections::BTreeMap;

/// File name and text of every shipped rule.
pub static LIBRARY: [(&str, &str); 28] = [
    ("manhole-battery.rhai", include_str!("../library/manhole-battery.rhai")),
    ("manhole-gas.rhai", include_str!("../library/manhole-gas.rhai")),
    ("manhole-silent.rhai", include_str!("../library/manhole-silent.rhai")),
    ("manhole-tilt.rhai", include_str!("../library/manhole-tilt.rhai")),
    ("manhole-water.rhai", include_str!("../library/manhole-water.rhai")),
    ("streetlight-dark.rhai", include_str!("../library/streetlight-dark.rhai")),
    ("streetlight-day-burner.rhai", include_str!("../library/streetlight-day-burner.rhai")),
    ("streetlight-leakage.rhai", include_str!("../library/streetlight-leakage.rhai")),
    ("streetlight-pole.rhai", include_str!("../library/streetlight-pole.rhai")),
    ("streetlight-silent.rhai", include_str!("../library/streetlight-silent.rhai")),
    ("septic-battery.rhai", include_str!("../library/septic-battery.rhai")),
    ("septic-gas.rhai", include_str!("../library/septic-gas.rhai")),
    ("septic-level.rhai", include_str!("../library/septic-level.rhai")),
    ("septic-rising.rhai", include_str!("../library/septic-rising.rhai")),
    ("septic-silent.rhai", include_str!("../library/septic-silent.rhai")),
    ("toilet-leak.rhai", include_str!("../library/toilet-leak.rhai")),
    ("toilet-long-stay.rhai", include_str!("../library/toilet-long-stay.rhai")),
    ("toilet-odour.rhai", include_str!("../library/toilet-odour.rhai")),
    ("toilet-silent.rhai", include_str!("../library/toilet-silent.rhai")),
    ("toilet-sos.rhai", include_str!("../library/toilet-sos.rhai")),
    ("bin-battery.rhai", include_str!("../library/bin-battery.rhai")),
    ("bin-fire.rhai", include_str!("../library/bin-fire.rhai")),
    ("bin-full.rhai", include_str!("../library/bin-full.rhai")),
    ("bin-silent.rhai", include_str!("../library/bin-silent.rhai")),
    ("bin-tipped.rhai", include_str!("../library/bin-tipped.rhai")),
    ("truck-overspeed.rhai", include_str!("../library/truck-overspeed.rhai")),
    ("truck-silent.rhai", include_str!("../library/truck-silent.rhai")),
    ("truck-sos.rhai", include_str!("../library/truck-sos.rhai")),
];

/// The shipped rules as the files of a pack, for [`crate::Pack::compile`].
#[must_use]
pub fn files() -> BTreeMap<String, String> {
    LIBRARY.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}
