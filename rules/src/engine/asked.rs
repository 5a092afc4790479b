//! Requests that a ruling answers by itself: about incidents, cases, duty, commands, settings and pauses.
//!
//! Each candidate of a trial answers them as well, about its own incidents and cases.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_cases::{At, PlatformMessage};
use gengfu_model::staff::{Accepted, Action, StaffRequest, User, Verdict};
use gengfu_model::{Device, DeviceId, DeviceLife, DutyAction, Effect, EffectSink, Refusal, Value};

use super::commands::Asked;
use super::requests::rows;
use super::ruling::Ruling;
use crate::Parameters;
use crate::paused::Pause;

/// The longest reason for a pause, in bytes.
const MAX_REASON_BYTES: usize = 400;

/// What a ruling looks up in the register.
pub(super) struct Register<'a> {
    pub(super) users: &'a BTreeMap<Arc<str>, User>,
    pub(super) device: &'a dyn Fn(&DeviceId) -> Option<Arc<Device>>,
}

impl Ruling {
    /// Answers a request; `None` if it is not for a ruling to answer. `live`: it is not in the ledger yet.
    pub(super) fn asked(
        &mut self,
        at: At,
        live: bool,
        request: &StaffRequest,
        register: &Register<'_>,
        out: &mut EffectSink,
    ) -> Option<Verdict> {
        let StaffRequest { user, roles, action } = request;
        let reducer = &mut self.reducer;
        Some(match action {
            Action::SetParameter { rule, name, scope, value } => {
                self.set_parameter(live, (rule, name, scope), value.as_ref(), out)
            }
            Action::PauseRule { rule, reason } => self.pause_rule(at, rule, user, reason),
            Action::ResumeRule { rule } => self.resume_rule(rule),
            Action::Case { .. }
            | Action::PutSilence { .. }
            | Action::EndSilence { .. }
            | Action::ReportCase { .. }
            | Action::SendCommand { .. }
            | Action::Duty { .. }
            | Action::Platform { .. }
                if !live =>
            {
                Ok(Accepted::default())
            }
            Action::Case { case, step, note } => reducer.request(at, user, roles, *case, step, note, out),
            Action::PutSilence { silence } => reducer.put_silence(at, user, roles, silence, out),
            Action::EndSilence { silence, work_order } => {
                reducer.end_silence(at, user, *silence, work_order.as_deref(), out)
            }
            Action::ReportCase { report } => reducer.report(at, user, report, out),
            Action::Platform { platform, message, case, reached, note } => {
                reducer.platform(at, PlatformMessage { platform, message, case, reached: *reached, note }, out)
            }
            Action::Duty { ask } => self.duty(at, request, ask, register, out),
            Action::SendCommand { device, name, args, expires_s } => {
                let asked = Asked { device, name, args, expires_s: *expires_s };
                self.send_command(at, user, &asked, register, out)
            }
            _ => return None,
        })
    }

    fn set_parameter(
        &mut self,
        live: bool,
        (rule, name, scope): (&Arc<str>, &Arc<str>, &Arc<str>),
        value: Option<&Value>,
        out: &mut EffectSink,
    ) -> Verdict {
        let invalid = |message: String| Refusal::new("invalid", message).hint("the setting in force stays");
        if !Parameters::is_scope(scope) {
            return Err(invalid(format!("`{scope}` is no scope")).field("scope"));
        }
        if let Some(value) = value {
            self.pack.check_parameter(rule, name, value).map_err(invalid)?;
        }
        if !self.held.has_parameter(rule, name) {
            self.parameters.set(rule, name, scope, value.cloned());
        }
        if live {
            out.push(Effect::Parameter {
                rule: Arc::clone(rule),
                name: Arc::clone(name),
                scope: Arc::clone(scope),
                value: value.cloned(),
            });
        }
        Ok(rows(1))
    }

    fn send_command(
        &mut self,
        at: At,
        by: &Arc<str>,
        asked: &Asked<'_>,
        register: &Register<'_>,
        out: &mut EffectSink,
    ) -> Verdict {
        let id = asked.device;
        let device = (register.device)(id);
        let device =
            device.ok_or_else(|| Refusal::new("not_found", format!("there is no device `{id}`")).field("device"))?;
        if device.life == DeviceLife::Retired {
            let message = format!("device `{id}` is retired and takes no commands");
            return Err(Refusal::new("wrong_state", message).hint("put it back in service first"));
        }
        self.commands.ask(at.now, by, asked, out)
    }

    fn duty(
        &mut self,
        at: At,
        request: &StaffRequest,
        ask: &DutyAction,
        register: &Register<'_>,
        out: &mut EffectSink,
    ) -> Verdict {
        if let Some(stranger) = ask.people().into_iter().find(|who| !register.users.contains_key(*who)) {
            let message = format!("there is no account `{stranger}`");
            return Err(Refusal::new("invalid", message).hint("add the account first"));
        }
        self.reducer.duty(at, &request.user, &request.roles, ask, out)
    }

    fn pause_rule(&mut self, at: At, rule: &Arc<str>, by: &Arc<str>, reason: &str) -> Verdict {
        self.knows_rule(rule)?;
        if reason.is_empty() || reason.len() > MAX_REASON_BYTES {
            let message = format!("the reason has 1 to {MAX_REASON_BYTES} bytes");
            return Err(Refusal::new("invalid", message).field("reason"));
        }
        let pause = Pause { since: at.now, by: Arc::clone(by), reason: reason.to_owned() };
        if !self.paused.pause(rule, pause) {
            return Err(Refusal::new("wrong_state", format!("rule `{rule}` is paused already")));
        }
        self.pack.show_paused(&self.paused);
        Ok(rows(1))
    }

    fn resume_rule(&mut self, rule: &Arc<str>) -> Verdict {
        self.knows_rule(rule)?;
        if !self.paused.resume(rule) {
            return Err(Refusal::new("wrong_state", format!("rule `{rule}` is not paused")));
        }
        self.pack.forget_failing(rule);
        self.pack.show_paused(&self.paused);
        Ok(rows(1))
    }
}
