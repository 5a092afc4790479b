//! Which roles a route needs: the named groups that the route list (`api/mod.rs`) uses. The steps of a
//! case have their own list in the cases crate, since there the case's state decides as well.
//!
//! The engine judges every request again with the roles in it; this table refuses earlier, and tells
//! the console what to show.

use gengfu_model::Role;
use gengfu_model::Role::{Acceptor, Administrator, DutyOfficer, Engineer, Evaluator, ShiftLeader, Verifier};

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody, without a login.
    Open,
    /// Whoever is logged in.
    Login,
    /// Whoever is logged in and has one of these roles.
    Roles(&'static [Role]),
    /// A city platform with its own token, which the handler checks.
    Platform,
    /// As `Roles(READ_METRICS)`, or without a login from the addresses of `Options::metrics_open_to`.
    Metrics,
}

/// Change the register: add, import, give another credential, retire.
pub const WRITE_REGISTER: &[Role] = &[Engineer, Administrator];
/// Put a device into maintenance and back to service: night work, so the duty officer as well.
pub const SET_DEVICE_LIFE: &[Role] = &[DutyOfficer, ShiftLeader, Engineer, Administrator];
/// Send a command to a device.
pub const SEND_COMMANDS: &[Role] = &[DutyOfficer, ShiftLeader, Engineer, Administrator];
/// Change rosters and escalation chains.
pub const MANAGE_DUTY: &[Role] = &[ShiftLeader, Administrator];
/// Hand a shift over.
pub const HAND_OVER: &[Role] = &[DutyOfficer, ShiftLeader, Administrator];
/// Silence an asset; what is wide or long, the engine leaves to the shift leader.
pub const SILENCE: &[Role] = &[DutyOfficer, ShiftLeader, Administrator];
/// Put a rule pack to work, or an earlier one back to work.
pub const PUBLISH_RULES: &[Role] = &[Engineer, Administrator];
/// Pause a rule, or let it judge again.
pub const PAUSE_RULES: &[Role] = &[ShiftLeader, Engineer, Administrator];
/// Set a rule's parameters, for a kind, a district, a group or a device.
pub const SET_PARAMETERS: &[Role] = &[ShiftLeader, Engineer, Administrator];
/// Report a case that no sensor found.
pub const REPORT_CASES: &[Role] = &[Acceptor, DutyOfficer, Verifier, ShiftLeader, Administrator];
/// Run a draft over the archive.
pub const TRY_RULES: &[Role] = &[ShiftLeader, Engineer, Administrator];
/// See what became of messages, and their bytes.
pub const READ_MESSAGES: &[Role] = &[DutyOfficer, ShiftLeader, Evaluator, Engineer, Administrator];
/// Decode what is in quarantine again.
pub const REDECODE: &[Role] = &[Engineer, Administrator];
/// See how departments, districts, classes and rules did.
pub const READ_EVALUATION: &[Role] = &[DutyOfficer, ShiftLeader, Evaluator, Engineer, Administrator];
/// Replace the city's places.
pub const PUT_PLACES: &[Role] = &[Engineer, Administrator];
/// Put another city profile to work.
pub const SET_PROFILE: &[Role] = &[Administrator];
/// See who did what.
pub const READ_AUDIT: &[Role] = &[ShiftLeader, Evaluator, Administrator];
/// See and change accounts.
pub const MANAGE_USERS: &[Role] = &[Administrator];
/// Read the metrics.
pub const READ_METRICS: &[Role] = &[DutyOfficer, Engineer, Administrator];

/// Whether one of `held` is in `needed`.
#[must_use]
pub fn any_of(held: &[Role], needed: &[Role]) -> bool {
    held.iter().any(|role| needed.contains(role))
}
