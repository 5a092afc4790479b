//! A city from a seed: streets, districts, grids, feeders, and the devices that stand in them.
//!
//! The same seed and number of devices give the same city, byte for byte, on every machine: the
//! layout uses additions and multiplications only, and tokens come from the seed and the id. A city
//! can be written as the register's CSV and read back; what is read back plays the same.

mod device;
mod generate;
mod layout;
mod names;
mod places;
mod register;

pub use device::{CityDevice, token_of};
pub(crate) use places::{STOP_EVERY_M, along_round, round_m};
pub use places::{collects, round_of, shift_of};
pub use register::{CityError, read_file, read_register, write_register};

/// A city's devices, in the order of the register.
#[derive(Clone, Debug, PartialEq)]
pub struct City {
    /// Every device.
    pub devices: Vec<CityDevice>,
}

impl City {
    /// The city of this seed with this many devices of all six kinds (a few of each, if there are at
    /// least 24; the rest in the mix of a real city).
    #[must_use]
    pub fn generate(seed: u64, devices: usize) -> City {
        generate::generate(seed, devices)
    }
}
