//! How data comes in: the listeners, admission, and the journal that everything goes through first.
//!
//! Promises: what is acknowledged is in the journal and synced; a device publishes only as itself;
//! bytes are kept as received. Must not know: rules, cases, stores, the console.

pub mod admission;
pub mod clock;
pub mod coap;
pub mod door;
pub mod intake;
pub mod journal;
pub mod mqtt;
pub mod push;

pub use admission::{Directory, LoginError};
pub use clock::{Clock, ManualClock, SystemClock};
pub use door::{Door, DoorRow, TurnedAway};
pub use intake::{AckSink, Arrival, Intake, Settled, Submission};
