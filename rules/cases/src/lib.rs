//! The pure reducer: signals and staff requests in, effects out.
//!
//! It turns what rules say (signals) into incidents, incidents into cases, and carries the case
//! workflow of a city-management bureau: classes, limits on four clocks, states, roles, deadlines.
//!
//! Promises: a function of (state, input, now). No clock, no randomness, no I/O, no iteration over
//! unordered maps. Every piece of state can be put together again from the effects
//! ([`Reducer::restore`]). It must not know a store, a transport, a rule's language or a thread.
//!
//! # Incidents
//! - At most one open incident per (rule, asset, key). Opening, updating (severity up and down, `worst`
//!   kept) and clearing happen on transitions; a signal that changes nothing has no effect.
//! - **Two devices on one asset** share the incident. Each device holds it on its own; the incident shows
//!   the worst of them (of equals, the one that raised last) and clears when the last one lets go. A clear
//!   from a device that does not hold it is ignored, so a second sensor's first "all is well" does not hide
//!   what the first one sees. A swapped sensor takes over what the old one holds by [`Reducer::hand_over`].
//! - **Cooldown**: a condition that comes back less than `cooldown_ms` after it cleared opens the same
//!   incident again (`reopened` + 1). What was withdrawn or retired has no cooldown.
//! - **Flapping guard**: an incident that opened `times` times within `within` clears only after the
//!   condition stayed away for `quiet` (see [`profile::Flapping`]); until then it stays open and silent.
//! - **Storms**: when enough assets of a group (feeder, cabinet, catchment, carrier cell, metres around) have the
//!   same condition within the time that the profile says, one parent incident opens and has the case. Members that
//!   open while it lasts get no case and no message; cases of earlier members that nobody dispatched are folded into
//!   the parent's, whose message says what it replaces. It ends when no more than half of that number still hold;
//!   what is left splits off and gets cases of its own. A member whose own case is dispatched splits off as well; such
//!   ones count when a storm begins, but it begins only if the others are more than end it. Its texts and its case's
//!   title say how many members there are now (once it is over: how many at most); it lies in the district of most of
//!   them, and its case goes along while nobody was sent out.
//! - **Rules' groups**: a rule may say which of its devices are members of something that is wrong with a group
//!   ([`RuleGroup`], `Assertion::Member`). Members are counted whether or not they have incidents of their own; the
//!   group's incident is like a storm's, and takes in what its members hold by the same rule. It counts who became a
//!   member lately; what a rule has held against an asset for longer is not news. It ends when no more than half of
//!   the number that was needed are left. A silence or a cause holds it back like any other incident.
//! - **Silences**: what an active silence covers is recorded, and opens no case and tells nobody. When it ends (by
//!   time, by the condition, by request, with its work order), one message says what happened, and what still holds
//!   is raised at once.
//! - **Inhibition**: while an incident of a cause is open, what it explains by the profile's table is recorded and
//!   calls nobody; what opened within the table's time before the cause goes under it as well, and its case into the
//!   cause's. When the cause is over, what still holds is raised.
//! - **Decisions**: each of these is one row of the decision log, with its reason.
//! - **Maintenance**: signals of a device in maintenance are recorded as incidents, but open no case and
//!   tell nobody. When the device leaves maintenance ([`Reducer::register`]), what still holds gets its case.
//!
//! # Cases
//! - The profile maps (asset type, condition) to class and standard row. One open case per (class, asset),
//!   or per (class, road, cabinet, ...) where the mapping says `group_by`. A further incident joins; when its
//!   row leaves less time, the case takes over that row and its deadline.
//! - The row's limit is counted from the opening until the first dispatch, and from then on from the
//!   dispatch. It runs until the work is reported as handled, and stands still only while suspended.
//!   While a case is suspended, its deadline shows the due time of before; resuming moves it.
//! - **Verification by sensor**: a case that is handled, all of whose conditions the profile lists for it, gets a
//!   window. Once nothing holds, further readings of each of its sensors confirm the repair (`verified_by_sensor`, to
//!   `CheckPassed`; closing stays with people unless the table says `auto_close`). A reading that shows it to hold
//!   still, or to be back, sends the case to rework at once when the table's `grace` is over; a silent sensor leaves
//!   the check to a person (`verification_inconclusive`). A person may check at once, which ends the window. The
//!   caller gives what devices that [`Reducer::awaits`] names have said, with what the rules of
//!   [`Reducer::asked_of`] make of it, to [`Reducer::heard`].
//! - A case whose incidents all cleared stays open for staff, unless the profile says `auto_close`. It cannot
//!   be closed while its condition holds, other than by force.
//! - What staff ended while it still held comes back as a case when it gets worse than it ever was, or clears
//!   and opens again.
//! - Final cases leave the reducer's memory: a later request about one is answered `not_found`.
//!
//! # Duty
//! - A **roster** says who watches a district; it is data of shift leaders, looked at with the city's calendar
//!   ([`roster`]). Who leaves a shift without a hand-over note stays on duty beside the next one until it is made.
//! - **Escalation**: a case calls the officer on duty, then again, then the leader, until somebody acknowledges;
//!   an acknowledgement that is not followed by progress comes back. Where it stands is part of the case.
//! - **Notifications** are outbox rows, one for each person and channel, at most ten for a person in any ten
//!   minutes, of which the last is a digest of what was too much. Each that was sent, or was not, is a row of the
//!   decision log. For what a storm may take in, nobody is called before the group's `wait` is over; rows about a
//!   case that is folded are withdrawn, and whoever has not had them is told of the other case instead.

pub mod calendar;
pub mod deadline;
pub mod group;
pub mod number;
pub mod profile;
mod reducer;
pub mod roster;
pub mod transitions;
pub mod windows;

pub use calendar::Calendar;
pub use group::RuleGroup;
pub use profile::{Profile, ProfileError};
pub use reducer::{
    At, CONSOLE_TOPIC, DIGEST_WAIT_MS, DUTY_OFFICER_MS, DutyNow, FEEDBACK, FOLDED_TOPIC, Heard, MAX_CALLS,
    MAX_INCIDENTS_PER_CASE, MAX_NAME_BYTES, MAX_NOTE_BYTES, MAX_SILENCE_MS, MAX_SILENCES, PlatformMessage, Reducer,
    RestoreError, WINDOW_MS,
};
