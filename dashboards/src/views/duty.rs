//! Duty: who watches, who is called next, and what people were told.

use gengfu_cases::DutyNow;
use gengfu_cases::roster::Watch;
use gengfu_connectors::delivery::Delivery;
use gengfu_model::OutboxItem;
use gengfu_model::duty::{Escalation, HandOverNote};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::time_text::Time;
use crate::views::name_of;

/// Duty in a district now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DutyView {
    /// The district that was asked for.
    pub district: String,
    /// The district of the roster; empty for the one of all others.
    pub roster: String,
    /// Who is on duty, in the order of the roster's shifts.
    pub now: Vec<WatchView>,
    /// Who comes next.
    pub next: Option<WatchView>,
    /// The plan of the next eight days: every watch that has not ended, by when it begins, at most 100.
    pub ahead: Vec<WatchView>,
    /// A hand-over that is missing: who owes it stays on duty until it is made.
    pub hand_over_owed: Option<OwedView>,
    /// Open cases that the roster watches.
    pub open_cases: u32,
    /// The last hand-over.
    pub last_hand_over: Option<HandOverView>,
}

/// A stretch of duty.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WatchView {
    /// The shift's name.
    pub shift: String,
    /// When it begins.
    pub from: Time,
    /// When it ends.
    pub to: Time,
    /// The officer's account.
    pub officer: Option<String>,
    /// The shift leader's account.
    pub leader: Option<String>,
}

/// A hand-over that is missing.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OwedView {
    /// Who owes it.
    pub by: String,
    /// Of which shift.
    pub shift: String,
    /// Since when.
    pub since: Time,
}

/// What was said when a shift was handed over.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HandOverView {
    /// Its id.
    pub id: String,
    /// When.
    pub time: Time,
    /// Who handed over.
    pub from: String,
    /// The shift.
    pub shift: String,
    /// What was said.
    pub note: String,
    /// Cases that were open then, at most 100.
    pub items: Vec<HandOverItemView>,
    /// How many were open in all.
    pub open: u32,
}

/// A case in a hand-over.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HandOverItemView {
    /// The case's id.
    pub case: String,
    /// What was said of it.
    pub remark: String,
}

/// Who is called about a case next.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct EscalationView {
    /// The chain's name.
    pub chain: String,
    /// The level that was called last.
    pub level: u8,
    /// What stops the next call: `acknowledgement`, `progress`; `nothing`: there is none.
    pub waits_for: String,
    /// When the next call is.
    pub next_at: Option<Time>,
    /// Who is called then, as the roster stands.
    pub next_who: Vec<String>,
    /// Who was told so far.
    pub told: Vec<String>,
}

/// A notification to one person.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NotificationView {
    /// Its id.
    pub id: String,
    /// When.
    pub time: Time,
    /// Whether it was read.
    pub read: bool,
    /// The case whose notification stands in its place, since its own was folded into it.
    pub withdrawn: Option<String>,
    /// What happened, the case and the texts: `kind`, `case`, `number`, `district`, `severity`, `level`, `text_zh`,
    /// `text_en`, `replaces`, `counts`.
    #[schema(value_type = Object)]
    pub body: Value,
}

/// Notifications of whoever asks.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NotificationsView {
    /// The newest first.
    pub items: Vec<NotificationView>,
    /// How many are unread in all.
    pub unread: u64,
    /// Give it as `cursor` to get the next page; `null` on the last.
    pub cursor: Option<String>,
}

/// What became of a notification in one channel.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    /// The channel.
    pub channel: String,
    /// `pending`, `delivered`, `failed`, `withdrawn`; of the console `sent` and `read`.
    pub state: String,
    /// How many attempts were made.
    pub attempts: u32,
    /// When the last was made.
    pub last_try: Option<Time>,
    /// When the next is due.
    pub next_try: Option<Time>,
    /// The last answer or failure.
    pub answer: String,
}

impl DutyView {
    /// Duty as the engine knows it.
    #[must_use]
    pub fn new(district: String, duty: DutyNow) -> DutyView {
        DutyView {
            district,
            roster: duty.roster.to_string(),
            now: duty.now.into_iter().map(WatchView::from).collect(),
            next: duty.next.map(WatchView::from),
            ahead: duty.ahead.into_iter().map(WatchView::from).collect(),
            hand_over_owed: duty.owed.map(|(by, shift, since)| OwedView {
                by: by.to_string(),
                shift: shift.to_string(),
                since: since.into(),
            }),
            open_cases: duty.open,
            last_hand_over: duty.notes.into_iter().next_back().map(HandOverView::from),
        }
    }
}

impl From<Watch> for WatchView {
    fn from(watch: Watch) -> WatchView {
        WatchView {
            shift: watch.shift.to_string(),
            from: watch.from.into(),
            to: watch.to.into(),
            officer: watch.officer.map(|who| who.to_string()),
            leader: watch.leader.map(|who| who.to_string()),
        }
    }
}

impl From<HandOverNote> for HandOverView {
    fn from(note: HandOverNote) -> HandOverView {
        let item = |item: gengfu_model::duty::HandOverItem| HandOverItemView {
            case: item.case.to_string(),
            remark: item.remark,
        };
        HandOverView {
            id: note.id.to_string(),
            time: note.time.into(),
            from: note.from.to_string(),
            shift: note.shift.to_string(),
            note: note.note,
            items: note.items.into_iter().map(item).collect(),
            open: note.open,
        }
    }
}

impl From<Escalation> for EscalationView {
    fn from(escalation: Escalation) -> EscalationView {
        EscalationView {
            chain: escalation.chain.to_string(),
            level: escalation.level,
            waits_for: name_of(&escalation.waits_for),
            next_at: escalation.next_at.map(Time),
            next_who: escalation.next_who.iter().map(ToString::to_string).collect(),
            told: escalation.told.iter().map(|told| told.who.to_string()).collect(),
        }
    }
}

impl NotificationView {
    /// A row of the outbox, read or not.
    #[must_use]
    pub fn new(item: OutboxItem, read: bool) -> NotificationView {
        NotificationView {
            id: item.id.to_string(),
            time: item.time.into(),
            read,
            withdrawn: item.withdrawn.map(|case| case.to_string()),
            body: serde_json::from_str(&item.body).unwrap_or_default(),
        }
    }
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> DeliveryView {
        DeliveryView {
            channel: delivery.target,
            state: delivery.state.name().to_owned(),
            attempts: delivery.attempts,
            last_try: delivery.last_try.map(Time),
            next_try: delivery.next_try.map(Time),
            answer: delivery.answer,
        }
    }
}
