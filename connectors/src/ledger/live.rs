//! What both ledgers derive from effects: the live stream's event names.

use gengfu_model::IncidentState;

/// Rows of the live stream that are kept: the newest.
pub const STREAM_KEPT: u64 = 100_000;

/// The live stream's event for a notification on the console.
pub(crate) const NOTIFICATION: &str = "notification";

/// Whether an outbox row of that topic is an event of the live stream as well.
pub(crate) fn is_notification(topic: &str) -> bool {
    topic == gengfu_cases::CONSOLE_TOPIC
}

/// The live stream's event for an incident that stood like `before` and stands like `after`.
///
/// Opening again within the cooldown is `incident.opened` as well: whoever lists open incidents
/// must put it back.
pub(crate) fn incident_event(before: Option<IncidentState>, after: IncidentState) -> &'static str {
    match (before, after) {
        (None | Some(IncidentState::Cleared), IncidentState::Open) => "incident.opened",
        (None | Some(IncidentState::Open), IncidentState::Cleared) => "incident.cleared",
        (Some(IncidentState::Open), IncidentState::Open) | (Some(IncidentState::Cleared), IncidentState::Cleared) => {
            "incident.updated"
        }
    }
}

/// The live stream's event for a case.
pub(crate) fn case_event(known: bool) -> &'static str {
    if known { "case.updated" } else { "case.opened" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_that_opens_again_is_opened() {
        use IncidentState::{Cleared, Open};
        assert_eq!(incident_event(None, Open), "incident.opened");
        assert_eq!(incident_event(Some(Cleared), Open), "incident.opened");
        assert_eq!(incident_event(Some(Open), Open), "incident.updated");
        assert_eq!(incident_event(Some(Open), Cleared), "incident.cleared");
        assert_eq!(incident_event(Some(Cleared), Cleared), "incident.updated");
    }
}
