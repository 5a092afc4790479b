//! A silence or maintenance window: while it is active, what it covers is recorded and calls nobody.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Device, EffectId, Timestamp};

/// What is silenced: everything that is named must fit. Empty matches nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Matcher {
    /// The asset's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset: Option<Arc<str>>,
    /// The device's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Arc<str>>,
    /// The rule's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
    /// The rule's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Arc<str>>,
    /// The condition, in the city's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Arc<str>>,
    /// The district.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub district: Option<Arc<str>>,
    /// The grid cell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grid: Option<Arc<str>>,
    /// The electric feeder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feeder: Option<Arc<str>>,
    /// The street-light cabinet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cabinet: Option<Arc<str>>,
    /// The drainage catchment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catchment: Option<Arc<str>>,
    /// The cell of the carrier's network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier_cell: Option<Arc<str>>,
}

/// What of an incident a [`Matcher`] looks at.
#[derive(Clone, Copy, Debug)]
pub struct Matched<'a> {
    /// The register's entry of its device.
    pub device: &'a Device,
    /// The rule's id.
    pub rule: &'a str,
    /// The rule's key.
    pub key: &'a str,
    /// The condition.
    pub condition: &'a str,
}

/// Hours of the week, in the city's time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weekly {
    /// Days on which a window begins: 1 is Monday, 7 is Sunday.
    pub days: Vec<u8>,
    /// First minute after midnight.
    pub from_min: u16,
    /// First minute after the window. At or before `from_min`: of the next day.
    pub to_min: u16,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSilence {
    /// What it covers.
    pub matches: Matcher,
    /// When it begins; `None`: at once.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// When it is over at the latest.
    pub to: Timestamp,
    /// Only in these hours of the week.
    #[serde(default)]
    pub weekly: Option<Weekly>,
    /// An asset is covered until what it held back there has cleared: the cover is closed again.
    #[serde(default)]
    pub until_clear: bool,
    /// The work order or permit that it belongs to; it ends with it.
    #[serde(default)]
    pub work_order: Option<Arc<str>>,
    /// Why, in a few words.
    pub reason: Arc<str>,
    /// What else there is to say.
    #[serde(default)]
    pub comment: String,
}

/// Where a silence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SilenceState {
    /// It has not begun.
    Planned,
    /// It covers.
    Active,
    /// Between two of its hours of the week.
    Resting,
    /// It is over.
    Ended,
}

impl SilenceState {
    /// The word in the ledger and the API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            SilenceState::Planned => "planned",
            SilenceState::Active => "active",
            SilenceState::Resting => "resting",
            SilenceState::Ended => "ended",
        }
    }
}

/// A silence as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Silence {
    /// Its id: the record that brought it.
    pub id: EffectId,
    /// Who asked for it.
    pub author: Arc<str>,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it begins.
    pub from: Timestamp,
    /// What was asked for.
    pub asked: NewSilence,
    /// Where it stands.
    pub state: SilenceState,
    /// Openings that it held back in the window that runs or ran last.
    pub held: u32,
    /// Of these, how many cleared meanwhile.
    pub cleared: u32,
    /// Assets that it does not cover any more, since what it held back there has cleared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rearmed: Vec<Arc<str>>,
    /// When it ended.
    #[serde(default)]
    pub ended: Option<Timestamp>,
    /// Who ended it; `system` for time and condition.
    #[serde(default)]
    pub ended_by: Option<Arc<str>>,
    /// By what it ended: `time`, `condition`, `request`, `work_order`.
    #[serde(default)]
    pub ended_why: Option<Arc<str>>,
}

impl Matcher {
    /// Whether it names nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Matcher::default()
    }

    /// Whether it names one asset or device, rather than an area or a rule.
    #[must_use]
    pub fn names_one(&self) -> bool {
        self.asset.is_some() || self.device.is_some()
    }

    /// Whether it covers something.
    #[must_use]
    pub fn covers(&self, what: Matched<'_>) -> bool {
        let Matcher { asset, device, rule, key, condition, district, grid, feeder, cabinet, catchment, carrier_cell } =
            self;
        let of = what.device;
        [
            (asset, &*of.asset_code),
            (device, of.id.as_str()),
            (rule, what.rule),
            (key, what.key),
            (condition, what.condition),
            (district, &*of.district),
            (grid, &*of.grid),
            (feeder, &*of.feeder),
            (cabinet, &*of.cabinet),
            (catchment, &*of.catchment),
            (carrier_cell, &*of.carrier_cell),
        ]
        .into_iter()
        .all(|(wanted, found)| wanted.as_ref().is_none_or(|wanted| **wanted == *found))
            && !self.is_empty()
    }

    /// The words that it names, for checks: field and text.
    pub fn words(&self) -> impl Iterator<Item = (&'static str, &Arc<str>)> {
        let words = [
            ("asset", &self.asset),
            ("device", &self.device),
            ("rule", &self.rule),
            ("key", &self.key),
            ("condition", &self.condition),
            ("district", &self.district),
            ("grid", &self.grid),
            ("feeder", &self.feeder),
            ("cabinet", &self.cabinet),
            ("catchment", &self.catchment),
            ("carrier_cell", &self.carrier_cell),
        ];
        words.into_iter().filter_map(|(name, word)| Some((name, word.as_ref()?)))
    }
}
