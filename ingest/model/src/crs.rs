//! Coordinate systems: WGS-84 is what the gateway stores; GCJ-02 and BD-09 are converted where data come in or
//! go out, and nowhere else.
//!
//! GCJ-02 is what maps of Amap and Tencent use, BD-09 what Baidu's use; CGCS2000 is WGS-84 for these purposes.
//! The forward formulas are the published ones (constants of the Krasovsky ellipsoid; the test's figures are those of
//! the `coordtransform-rs` tests); the inverse is found by iteration, to below a centimetre anywhere in China.
//! Trigonometry is libm's, so that every machine converts alike and a replay gives the same position.

use std::f64::consts::PI;

/// A coordinate system that positions may come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Crs {
    /// GPS and CGCS2000.
    #[default]
    Wgs84,
    /// 火星坐标: Amap, Tencent.
    Gcj02,
    /// Baidu.
    Bd09,
}

impl Crs {
    /// The system of a name as people and files write it: `wgs84`, `GCJ-02`, `bd09`, `EPSG:4490`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Crs> {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        match plain.as_str() {
            "wgs84"
            | "cgcs2000"
            | "epsg4326"
            | "epsg4490"
            | "urnogcdefcrsogc13crs84"
            | "urnogcdefcrsepsg4326"
            | "urnogcdefcrsepsg4490" => Some(Crs::Wgs84),
            "gcj02" => Some(Crs::Gcj02),
            "bd09" | "bd09ll" => Some(Crs::Bd09),
            _ => None,
        }
    }

    /// Its name: `wgs84`, `gcj02`, `bd09`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Crs::Wgs84 => "wgs84",
            Crs::Gcj02 => "gcj02",
            Crs::Bd09 => "bd09",
        }
    }

    /// A position of this system in WGS-84. Longitude, latitude, in degrees.
    #[must_use]
    pub fn to_wgs84(self, point: [f64; 2]) -> [f64; 2] {
        match self {
            Crs::Wgs84 => point,
            Crs::Gcj02 => inverse(point, gcj02),
            Crs::Bd09 => inverse(point, |wgs| bd09(gcj02(wgs))),
        }
    }

    /// A WGS-84 position in this system.
    #[must_use]
    pub fn from_wgs84(self, point: [f64; 2]) -> [f64; 2] {
        match self {
            Crs::Wgs84 => point,
            Crs::Gcj02 => gcj02(point),
            Crs::Bd09 => bd09(gcj02(point)),
        }
    }
}

/// The Krasovsky ellipsoid: half axis in metres, and eccentricity squared.
const HALF_AXIS_M: f64 = 6_378_245.0;
const ECCENTRICITY_2: f64 = 0.006_693_421_622_965_943;

/// WGS-84 to GCJ-02; outside China they are the same.
fn gcj02([lon, lat]: [f64; 2]) -> [f64; 2] {
    if !(72.004..=137.834_7).contains(&lon) || !(0.829_3..=55.827_1).contains(&lat) {
        return [lon, lat];
    }
    let (x, y) = (lon - 105.0, lat - 35.0);
    let wave = |amplitude: f64, angle: f64| amplitude * libm::sin(angle * PI) * 2.0 / 3.0;
    let common = wave(20.0, 6.0 * x) + wave(20.0, 2.0 * x);
    let north = -100.0
        + 2.0 * x
        + 3.0 * y
        + 0.2 * y * y
        + 0.1 * x * y
        + 0.2 * libm::sqrt(x.abs())
        + common
        + wave(20.0, y)
        + wave(40.0, y / 3.0)
        + wave(160.0, y / 12.0)
        + wave(320.0, y / 30.0);
    let east = 300.0
        + x
        + 2.0 * y
        + 0.1 * x * x
        + 0.1 * x * y
        + 0.1 * libm::sqrt(x.abs())
        + common
        + wave(20.0, x)
        + wave(40.0, x / 3.0)
        + wave(150.0, x / 12.0)
        + wave(300.0, x / 30.0);
    let latitude = lat.to_radians();
    let magic = 1.0 - ECCENTRICITY_2 * libm::sin(latitude) * libm::sin(latitude);
    let meridian = HALF_AXIS_M * (1.0 - ECCENTRICITY_2) / (magic * libm::sqrt(magic));
    let parallel = HALF_AXIS_M / libm::sqrt(magic) * libm::cos(latitude);
    [lon + (east / parallel).to_degrees(), lat + (north / meridian).to_degrees()]
}

/// GCJ-02 to BD-09.
fn bd09([lon, lat]: [f64; 2]) -> [f64; 2] {
    const TURN: f64 = PI * 3_000.0 / 180.0;
    let length = libm::hypot(lon, lat) + 0.000_02 * libm::sin(lat * TURN);
    let angle = libm::atan2(lat, lon) + 0.000_003 * libm::cos(lon * TURN);
    [length * libm::cos(angle) + 0.006_5, length * libm::sin(angle) + 0.006]
}

/// The point that `forward` takes to `wanted`: the shift changes so slowly that each round is some thousand times
/// nearer.
fn inverse(wanted: [f64; 2], forward: impl Fn([f64; 2]) -> [f64; 2]) -> [f64; 2] {
    const ROUNDS: usize = 8;
    let mut guess = wanted;
    for _ in 0..ROUNDS {
        let got = forward(guess);
        guess = [guess[0] + wanted[0] - got[0], guess[1] + wanted[1] - got[1]];
    }
    guess
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: [f64; 2], b: [f64; 2], degrees: f64) -> bool {
        (a[0] - b[0]).abs() < degrees && (a[1] - b[1]).abs() < degrees
    }

    #[test]
    fn the_published_points_are_met() {
        let gcj = Crs::Gcj02.from_wgs84([116.404, 39.915]);
        assert!(near(gcj, [116.410_244_499_169_38, 39.916_404_281_501_64], 1e-9), "{gcj:?}");
        let bd = bd09([116.404, 39.915]);
        assert!(near(bd, [116.410_369_493_710_29, 39.921_336_993_510_21], 1e-9), "{bd:?}");
        assert_eq!(Crs::Gcj02.from_wgs84([2.35, 48.85]), [2.35, 48.85], "outside China");
    }

    #[test]
    fn there_and_back_is_below_a_centimetre_everywhere() {
        for crs in [Crs::Wgs84, Crs::Gcj02, Crs::Bd09] {
            for lon in 74..135 {
                for lat in 18..54 {
                    let point = [f64::from(lon) + 0.37, f64::from(lat) + 0.61];
                    let back = crs.to_wgs84(crs.from_wgs84(point));
                    assert!(near(back, point, 1e-7), "{crs:?} {point:?} {back:?}");
                }
            }
        }
    }
}
