//! What the city's platform says of a case, taken once however often it comes.
//!
//! A platform tells stages, not steps: when it says `handled` of a case that is only filed here, the steps between
//! are taken in its name. A case that is further than that already gets a line of history and stays.

use std::sync::Arc;

use gengfu_model::staff::{Accepted, CaseStep, PlatformStage};
use gengfu_model::{CaseState, EffectId, EffectSink, Refusal, Role, Verdict};

use super::request::{self, Asked};
use super::{At, Reducer};
use crate::roster::is_name;

/// What a platform's account may do: take a case through its own stages, and say something of it.
const ROLES: [Role; 3] = [Role::Acceptor, Role::Dispatcher, Role::Handler];

/// One message of a platform.
#[derive(Clone, Copy, Debug)]
pub struct PlatformMessage<'a> {
    /// The platform's name.
    pub platform: &'a Arc<str>,
    /// Its id of the message.
    pub message: &'a Arc<str>,
    /// The case, by id or number.
    pub case: &'a str,
    /// How far the case is there.
    pub reached: PlatformStage,
    /// What was said.
    pub note: &'a str,
}

/// Takes a message. A repeat is accepted with 0 rows and changes nothing.
pub(super) fn status(reducer: &mut Reducer, at: At, said: PlatformMessage<'_>, out: &mut EffectSink) -> Verdict {
    if !is_name(said.platform) || !is_name(said.message) {
        return Err(Refusal::new("invalid", "a message has a name and an id of 1 to 200 bytes").field("message"));
    }
    let key: Arc<str> = format!("{}/{}", said.platform, said.message).into();
    if reducer.duty.messages.contains_key(&key) {
        return Ok(Accepted::default());
    }
    let id = find(reducer, said.case)?;
    let user = format!("platform:{}", said.platform);
    let mut taken = 0;
    let mut last = Ok(());
    while let Some(step) = next_step(reducer, id, said.reached) {
        let asked = Asked { user: &user, roles: &ROLES, case: id, step: &step, note: note(&step, said.note) };
        if let Err(refusal) = request::request(reducer, at, asked, out) {
            last = Err(refusal);
            break;
        }
        taken += 1;
    }
    if taken == 0 {
        last?;
        let said_note = if said.note.trim().is_empty() { stage_name(said.reached) } else { said.note };
        let step = CaseStep::Comment;
        let asked = Asked { user: &user, roles: &ROLES, case: id, step: &step, note: said_note };
        request::request(reducer, at, asked, out)?;
    }
    reducer.save_message(key, at.now, out);
    Ok(Accepted { id: Some(id), rows: 1, ..Accepted::default() })
}

/// The open case of that id or number.
fn find(reducer: &Reducer, case: &str) -> Result<EffectId, Refusal> {
    let by_id = case.parse().ok().filter(|id| reducer.cases.contains_key(id));
    let by_number = || reducer.cases.values().find(|open| *open.case.number == *case).map(|open| open.case.id);
    by_id.or_else(by_number).ok_or_else(|| {
        Refusal::new("not_found", format!("there is no open case `{case}`"))
            .field("case")
            .hint("a case that is in a final state takes no more messages")
    })
}

/// The next step on the way from where the case is to where the platform says that it is.
fn next_step(reducer: &Reducer, id: EffectId, reached: PlatformStage) -> Option<CaseStep> {
    let case = &reducer.cases.get(&id)?.case;
    let wanted = |stage: PlatformStage| reached >= stage && reached != PlatformStage::Returned;
    match case.state {
        CaseState::Reported | CaseState::PendingVerify if wanted(PlatformStage::Filed) => Some(CaseStep::File),
        CaseState::Filed | CaseState::Returned if wanted(PlatformStage::Dispatched) => {
            let none = case.department.is_empty();
            let department = if none { "-".into() } else { case.department.clone() };
            Some(CaseStep::Dispatch { department })
        }
        CaseState::Dispatched if wanted(PlatformStage::Handling) => Some(CaseStep::Receive),
        CaseState::Handling if wanted(PlatformStage::Handled) => Some(CaseStep::Handle),
        CaseState::Dispatched | CaseState::Handling if reached == PlatformStage::Returned => Some(CaseStep::Return),
        _ => None,
    }
}

/// A step that needs a reason has one.
fn note<'a>(step: &CaseStep, note: &'a str) -> &'a str {
    if matches!(step, CaseStep::Return) && note.trim().is_empty() { "sent back by the platform" } else { note }
}

fn stage_name(stage: PlatformStage) -> &'static str {
    match stage {
        PlatformStage::Noted => "noted",
        PlatformStage::Filed => "filed",
        PlatformStage::Dispatched => "dispatched",
        PlatformStage::Handling => "handling",
        PlatformStage::Handled => "handled",
        PlatformStage::Returned => "returned",
    }
}
