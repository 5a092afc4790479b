//! A decision: what the gateway made of something, and why. The rows answer "why was I not told".

use std::sync::Arc;

use crate::{DeviceId, EffectId, Incident, Timestamp};

/// The longest note of a decision that is kept, in bytes.
pub const MAX_DECISION_NOTE_BYTES: usize = 500;
/// The most references of one decision that are kept.
pub const MAX_DECISION_REFS: usize = 20;

/// One decision. A transition of an incident gives one, with the word that says most: what opens as a
/// storm's member is `grouped` and has no second row that says `raised`.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// When.
    pub time: Timestamp,
    /// The incident that it is about, if one.
    pub incident: Option<EffectId>,
    /// The case that it is about, or that it led to, if one.
    pub case: Option<EffectId>,
    /// The rule; empty if none is concerned.
    pub rule: Arc<str>,
    /// The asset; empty if none is concerned.
    pub asset: Arc<str>,
    /// The device, if one is concerned.
    pub device: Option<DeviceId>,
    /// The district; empty if none is concerned.
    pub district: Arc<str>,
    /// What was decided.
    pub what: DecisionKind,
    /// Whom it concerned, if somebody: an account or a channel.
    pub who: Option<Arc<str>>,
    /// Why.
    pub why: Why,
    /// What else there is to say, in at most [`MAX_DECISION_NOTE_BYTES`].
    pub note: String,
    /// What stood behind it: a silence, a parent or causing incident, another case, an outbox row.
    pub refs: Vec<EffectId>,
}

/// A list of variants, each with its stored word.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Every one, in the order of the list.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The word in the ledger and the API.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }

            /// The one with that word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|found| found.word() == word)
            }
        }
    };
}

words! {
    /// What was decided.
    DecisionKind {
        /// An incident opened.
        Raised = "raised",
        /// It opened again within its cooldown.
        Reopened = "reopened",
        /// It changed.
        Updated = "updated",
        /// It cleared.
        Cleared = "cleared",
        /// It became a member of a storm.
        Grouped = "grouped",
        /// It stands for itself again.
        SplitOff = "split_off",
        /// A silence covers it: recorded, no case, no message.
        Silenced = "silenced",
        /// Another incident explains it: recorded, no case, no message.
        Inhibited = "inhibited",
        /// Its device is in maintenance: recorded, no case, no message.
        HeldByMaintenance = "held_by_maintenance",
        /// What held it back is over.
        Released = "released",
        /// It flaps: its clear waits for quiet.
        FlappingHeld = "flapping_held",
        /// A case was folded into another.
        Folded = "folded",
        /// A case's handling was verified or contradicted by the sensor, or the sensor could not say.
        Verified = "verified",
        /// Somebody was told.
        Notified = "notified",
        /// Somebody was not told.
        NotNotified = "not_notified",
        /// It went to the next step of an escalation.
        Escalated = "escalated",
    }
}

/// The list of reasons: variant, word, Chinese, English.
macro_rules! reasons {
    ($($variant:ident = $word:literal, $zh:literal, $en:literal;)*) => {
        words! {
            /// Why something was decided.
            Why { $(#[doc = $en] $variant = $word,)* }
        }

        impl Why {
            /// The reason for people, in Chinese.
            #[must_use]
            pub fn zh(self) -> &'static str {
                match self { $(Why::$variant => $zh,)* }
            }

            /// The reason for people, in English.
            #[must_use]
            pub fn en(self) -> &'static str {
                match self { $(Why::$variant => $en,)* }
            }
        }
    };
}

reasons! {
    CaseOpened = "case_opened", "已开立案卷", "a case opened for it";
    CaseJoined = "case_joined", "并入已有案卷", "it joined an open case";
    IncidentOnly = "incident_only", "该情况按城市配置不立案", "by the city profile its condition opens no case";
    SeverityUp = "severity_up", "级别上升", "it got worse";
    SeverityDown = "severity_down", "级别下降", "it got milder";
    ConditionChanged = "condition_changed", "情况类别改变", "what is wrong changed";
    DetailsChanged = "details_changed", "数值或说明改变", "its number, text or sensor changed";
    ConditionGone = "condition_gone", "情况已消失", "its condition is gone";
    RuleWithdrawn = "rule_withdrawn", "规则或键已撤下", "its rule or key is gone";
    DeviceRetired = "device_retired", "设备已退役或移走", "its device was retired or moved";
    StormBegan = "storm_began", "同组多处同时告警，合并为一起", "with it, enough of its group had the same condition";
    StormMember = "storm_member", "已归入正在进行的合并告警", "its group has a parent incident already";
    StormOver = "storm_over", "合并告警已结束", "few of the group still hold";
    OwnCaseDispatched = "own_case_dispatched", "自有案卷已派遣", "its own case was dispatched";
    Flapping = "flapping", "反复抖动，等待平静后解除", "it opens again and again: it clears after a quiet time";
    DeviceInMaintenance = "device_in_maintenance", "设备在维护中", "its device is in maintenance";
    MaintenanceOver = "maintenance_over", "设备维护结束，情况仍在", "maintenance ended and it still holds";
    SilenceCovers = "silence_covers", "在静默期内", "a silence covers it";
    SilenceOver = "silence_over", "静默结束，情况仍在", "the silence ended and it still holds";
    CauseCovers = "cause_covers", "由已知原因引起", "an open incident explains it";
    CauseOver = "cause_over", "原因已解除，情况仍在", "what explained it is over and it still holds";
    SensorConfirms = "sensor_confirms", "传感器确认已恢复", "the sensor confirms the repair";
    SensorContradicts = "sensor_contradicts", "传感器显示情况仍在", "the sensor says that it still holds";
    OnDuty = "on_duty", "当班人员", "is on duty";
    CalledAgain = "called_again", "无人签收，再次通知", "nobody had acknowledged: called again";
    NextLevel = "next_level", "无人签收，升级通知", "nobody had acknowledged: the next level";
    CameBack = "came_back", "签收后无进展，重新通知", "it was acknowledged and did not get on its way";
    SentBack = "sent_back", "处置部门退回，需重新派遣", "the department sent it back";
    PastDue = "past_due", "案卷超期", "its limit has run out";
    RateLimited = "rate_limited", "短时间通知过多，汇总发送", "too many within a short time: in the digest";
    QuietTime = "quiet_time", "免打扰时段，汇总发送", "quiet hours: in the digest when they end";
    InDigest = "in_digest", "汇总通知", "the digest of what was held back";
    NobodyOnDuty = "nobody_on_duty", "无人值班", "nobody is on duty";
    NoChain = "no_chain", "无适用的升级链", "no escalation chain calls anybody for it";
    HandOverOwed = "hand_over_owed", "交接班未完成", "the hand-over is missing";
    TestAsked = "test_asked", "测试通知", "a test was asked for";
    SensorSilent = "sensor_silent", "传感器未上报，需人工核查", "the sensor said nothing: somebody must check";
}

impl Decision {
    /// A decision about an incident, with nobody concerned, no note and no references.
    #[must_use]
    pub fn about(incident: &Incident, time: Timestamp, what: DecisionKind, why: Why) -> Decision {
        Decision {
            time,
            incident: Some(incident.id),
            case: incident.case,
            rule: incident.rule.clone(),
            asset: incident.asset.clone(),
            device: Some(incident.device.clone()),
            district: incident.district.clone(),
            what,
            who: None,
            why,
            note: String::new(),
            refs: Vec::new(),
        }
    }

    /// The same decision with what stood behind it.
    #[must_use]
    pub fn because_of(mut self, reference: EffectId) -> Decision {
        if self.refs.len() < MAX_DECISION_REFS {
            self.refs.push(reference);
        }
        self
    }

    /// The same decision with a note, cut to what is kept.
    #[must_use]
    pub fn noting(mut self, note: impl Into<String>) -> Decision {
        self.note = note.into();
        if self.note.len() > MAX_DECISION_NOTE_BYTES {
            let end = (0..=MAX_DECISION_NOTE_BYTES).rev().find(|end| self.note.is_char_boundary(*end)).unwrap_or(0);
            self.note.truncate(end);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn words_are_unique_and_read_back() {
        let words: BTreeSet<&str> = Why::ALL.iter().map(|why| why.word()).collect();
        assert_eq!(words.len(), Why::ALL.len());
        for why in Why::ALL {
            assert_eq!(Why::from_word(why.word()), Some(*why));
            assert!(!why.zh().is_empty() && !why.en().is_empty());
        }
        for what in DecisionKind::ALL {
            assert_eq!(DecisionKind::from_word(what.word()), Some(*what));
        }
        assert_eq!(DecisionKind::from_word("forgotten"), None);
    }
}
