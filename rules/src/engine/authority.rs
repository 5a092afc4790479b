//! Which role may ask for what, apart from the steps of a case (those are the reducer's table).

use gengfu_model::staff::{Action, Role};
use gengfu_model::{DeviceLife, Refusal};

/// The roles that may ask for an action; `None`: the reducer decides.
fn allowed(action: &Action) -> Option<&'static [Role]> {
    use Role::{Acceptor, Administrator, DutyOfficer, Engineer, ShiftLeader, Verifier};
    match action {
        Action::Case { .. } => None,
        Action::Duty { .. } => None,
        // Only the endpoint of platforms asks for it, which has checked the platform's own secret.
        Action::Platform { .. } => None,
        Action::ReportCase { .. } => Some(&[Acceptor, DutyOfficer, Verifier, ShiftLeader, Administrator]),
        Action::SetLife { life: DeviceLife::Maintenance | DeviceLife::InService, .. } => {
            Some(&[DutyOfficer, ShiftLeader, Administrator])
        }
        Action::AddDevices { .. } | Action::SetLife { .. } | Action::RotateKey { .. } => Some(&[Administrator]),
        Action::SetProfile { .. } | Action::PutUser { .. } => Some(&[Administrator]),
        Action::ActivatePack { .. }
        | Action::PublishPack { .. }
        | Action::StartShadow { .. }
        | Action::StopShadow
        | Action::RecordFindings { .. } => Some(&[Engineer, Administrator]),
        // The reducer looks closer: what is wide or long is a shift leader's.
        Action::PutSilence { .. } | Action::EndSilence { .. } => Some(&[DutyOfficer, ShiftLeader, Administrator]),
        Action::PutPlaces { .. } => Some(&[Engineer, Administrator]),
        Action::Redecode { .. } => Some(&[Engineer, Administrator]),
        Action::SendCommand { .. } => Some(&[Engineer, DutyOfficer, ShiftLeader, Administrator]),
        Action::PauseRule { .. } | Action::ResumeRule { .. } => Some(&[Engineer, ShiftLeader, Administrator]),
        Action::SetParameter { .. } => Some(&[Engineer, ShiftLeader, Administrator]),
    }
}

/// Checks that one of the roles may ask for the action.
pub(super) fn check(action: &Action, roles: &[Role]) -> Result<(), Refusal> {
    match allowed(action) {
        Some(allowed) if !roles.iter().any(|role| allowed.contains(role)) => {
            let names: Vec<String> = allowed.iter().map(|role| format!("{role:?}")).collect();
            let message = format!("`{}` needs one of the roles {}", action.name(), names.join(", "));
            Err(Refusal::new("forbidden", message).hint("ask an administrator for the role"))
        }
        _ => Ok(()),
    }
}
