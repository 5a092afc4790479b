//! Where things stand: a grid of streets 500 m apart around each district's centre.

use std::sync::Arc;

use super::names::{DISTRICTS, District, SECTIONS, STREETS};

/// Distance between parallel streets, in metres.
pub(super) const BLOCK_M: f64 = 500.0;
/// Length of a street, in metres.
pub(super) const STREET_M: f64 = 2_340.0;
/// Degrees of latitude in a metre.
const LATITUDE_PER_M: f64 = 1.0 / 111_320.0;
/// Degrees of longitude in a metre at 35 degrees north; the error over the city is below 1 %.
const LONGITUDE_PER_M: f64 = 1.0 / 91_190.0;
/// Side of a drainage catchment and of a carrier's cell, in metres.
const CATCHMENT_M: f64 = 1_500.0;
const CELL_M: f64 = 1_100.0;

/// A street of one district.
pub(super) struct Street {
    pub(super) district: usize,
    pub(super) name: Arc<str>,
    /// Its number within its district.
    index: usize,
    /// Where it begins, in metres east and north of the district's centre.
    east_m: f64,
    north_m: f64,
    runs_north: bool,
}

/// A place on a street with everything that follows from where it is.
pub(super) struct Place {
    pub(super) latitude: f64,
    pub(super) longitude: f64,
    pub(super) grid: Arc<str>,
    pub(super) catchment: Arc<str>,
    pub(super) carrier_cell: Arc<str>,
}

impl Street {
    /// The street number `index` of a district: every second one runs north, and they go outwards
    /// from the centre, first one side, then the other.
    pub(super) fn new(district: usize, index: usize) -> Street {
        let runs_north = index % 2 == 1;
        let rank = index / 2;
        let side = if rank.is_multiple_of(2) { 1.0 } else { -1.0 };
        let across_m = side * rank.div_ceil(2) as f64 * BLOCK_M;
        // Streets beyond the first 20 pairs lie further along, so that none grows endlessly away.
        let along_m = (rank / 20) as f64 * (STREET_M + BLOCK_M) - STREET_M / 2.0;
        let across_m = across_m - (rank / 20) as f64 * side * 10.0 * BLOCK_M;
        let names = &STREETS[usize::from(runs_north)];
        let section = rank / names.len();
        let suffix = match SECTIONS.get(section) {
            Some(suffix) => (*suffix).to_owned(),
            None => format!("{}段", section + 1),
        };
        let name = Arc::from(format!("{}{suffix}", names[rank % names.len()]));
        let (east_m, north_m) = if runs_north { (across_m, along_m) } else { (along_m, across_m) };
        Street { district, name, index, east_m, north_m, runs_north }
    }

    pub(super) fn district(&self) -> &'static District {
        &DISTRICTS[self.district]
    }

    /// The place `along_m` metres from the street's beginning, `beside_m` metres off its middle.
    pub(super) fn place(&self, along_m: f64, beside_m: f64) -> Place {
        let (east_m, north_m) = if self.runs_north {
            (self.east_m + beside_m, self.north_m + along_m)
        } else {
            (self.east_m + along_m, self.north_m + beside_m)
        };
        let district = self.district();
        let cell = |side: f64| {
            // Far enough from everything that both numbers are positive; the centre is in the middle of a cell.
            let number = |m: f64| (m / side + 200.5).floor() as i64;
            (number(east_m), number(north_m))
        };
        let (catchment_east, catchment_north) = cell(CATCHMENT_M);
        let (cell_east, cell_north) = cell(CELL_M);
        Place {
            latitude: round6(district.latitude + north_m * LATITUDE_PER_M),
            longitude: round6(district.longitude + east_m * LONGITUDE_PER_M),
            grid: Arc::from(format!(
                "{}{:03}{:03}{:03}",
                district.code,
                1 + self.index / 12,
                1 + self.index % 12,
                101 + (along_m / 200.0) as i64
            )),
            catchment: Arc::from(format!("{}-P{catchment_east:03}{catchment_north:03}", district.short)),
            carrier_cell: Arc::from(format!("460-00-{}-{cell_east:03}{cell_north:03}", district.short)),
        }
    }
}

/// Six decimals: a tenth of a metre, as the city's survey writes it.
pub(super) fn round6(degrees: f64) -> f64 {
    (degrees * 1e6).round() / 1e6
}
