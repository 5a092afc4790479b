//! What a silence would have hidden: looked up in the ledger, live and of the past seven days.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gengfu_cases::{Calendar, windows};
use gengfu_connectors::ledger::{IncidentFilter, Page};
use gengfu_connectors::{LedgerError, LedgerReader};
use gengfu_model::silence::{Matched, Matcher, Weekly};
use gengfu_model::time::DAY_MS;
use gengfu_model::{Device, DeviceId, Incident, IncidentState};

use crate::views::{PreviewRow, PreviewView};

/// How far it looks back.
const BACK_MS: i64 = 7 * DAY_MS;
/// The most pages of 1,000 incidents that are looked at, of each of the two lists.
const MAX_PAGES: usize = 20;
/// The most examples.
const MAX_EXAMPLES: usize = 20;

/// What is to be looked for.
pub(super) struct Wanted {
    pub(super) matches: Matcher,
    pub(super) weekly: Option<Weekly>,
    pub(super) zone: chrono_tz::Tz,
    /// Districts that the asker is limited to; empty: all.
    pub(super) districts: Vec<Arc<str>>,
}

/// Counts what the silence would have held back.
pub(super) fn preview(ledger: &LedgerReader, wanted: &Wanted) -> Result<PreviewView, LedgerError> {
    let since = ledger.position()?.1.plus_ms(-BACK_MS);
    let narrow = |filter: IncidentFilter| IncidentFilter {
        rule: wanted.matches.rule.as_deref().map(str::to_owned),
        key: wanted.matches.key.as_deref().map(str::to_owned),
        condition: wanted.matches.condition.as_deref().map(str::to_owned),
        device: wanted.matches.device.as_deref().map(str::to_owned),
        ..filter
    };
    let mut search = Search { wanted, calendar: Calendar::usual(wanted.zone), devices: BTreeMap::new() };
    let mut found: Vec<Incident> = Vec::new();
    let recent = narrow(IncidentFilter { from: Some(since), ..IncidentFilter::default() });
    let mut truncated = search.collect(ledger, &recent, &mut found)?;
    let older =
        narrow(IncidentFilter { state: Some(IncidentState::Open), to: Some(since), ..IncidentFilter::default() });
    truncated |= search.collect(ledger, &older, &mut found)?;
    Ok(summary(found, since, truncated))
}

fn summary(found: Vec<Incident>, since: gengfu_model::Timestamp, truncated: bool) -> PreviewView {
    let count = |wanted: &dyn Fn(&Incident) -> bool| {
        u32::try_from(found.iter().filter(|row| wanted(row)).count()).unwrap_or(u32::MAX)
    };
    let mut kinds: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for row in &found {
        *kinds.entry((&row.condition, row.worst.name())).or_default() += 1;
    }
    let mut by_condition: Vec<PreviewRow> = kinds
        .into_iter()
        .map(|((condition, severity), count)| PreviewRow {
            condition: condition.to_owned(),
            severity: severity.to_owned(),
            count,
        })
        .collect();
    by_condition.sort_by_key(|row| std::cmp::Reverse(row.count));
    let assets: BTreeSet<&str> = found.iter().map(|row| &*row.asset).collect();
    PreviewView {
        live: count(&|row| row.state == IncidentState::Open),
        week: count(&|row| row.opened >= since),
        with_case: count(&|row| row.case.is_some()),
        assets: u32::try_from(assets.len()).unwrap_or(u32::MAX),
        by_condition,
        examples: found.iter().take(MAX_EXAMPLES).cloned().map(Into::into).collect(),
        truncated,
    }
}

struct Search<'a> {
    wanted: &'a Wanted,
    calendar: Calendar,
    /// Register entries that were looked up.
    devices: BTreeMap<DeviceId, Option<Device>>,
}

impl Search<'_> {
    /// Adds what fits of a list; says whether it was longer than is looked at.
    fn collect(
        &mut self,
        ledger: &LedgerReader,
        filter: &IncidentFilter,
        found: &mut Vec<Incident>,
    ) -> Result<bool, LedgerError> {
        let mut page = Page { limit: 1_000, cursor: None };
        for _ in 0..MAX_PAGES {
            let listed = ledger.incidents(filter, &page)?;
            for incident in listed.items {
                if self.fits(ledger, &incident)? {
                    found.push(incident);
                }
            }
            match listed.next {
                None => return Ok(false),
                next => page.cursor = next,
            }
        }
        Ok(true)
    }

    fn fits(&mut self, ledger: &LedgerReader, incident: &Incident) -> Result<bool, LedgerError> {
        // A storm's parent would not be without its members, and these are counted.
        if incident.key.starts_with("group:") {
            return Ok(false);
        }
        let seen = self.wanted.districts.is_empty() || self.wanted.districts.contains(&incident.district);
        let in_hours = incident.state == IncidentState::Open
            || self
                .wanted
                .weekly
                .as_ref()
                .is_none_or(|hours| windows::in_hours(&self.calendar, hours, incident.opened));
        if !seen || !in_hours {
            return Ok(false);
        }
        if !self.devices.contains_key(&incident.device) {
            let device = ledger.device(&incident.device)?;
            self.devices.insert(incident.device.clone(), device);
        }
        let Some(Some(device)) = self.devices.get(&incident.device) else { return Ok(false) };
        let matched = Matched { device, rule: &incident.rule, key: &incident.key, condition: &incident.condition };
        Ok(self.wanted.matches.covers(matched))
    }
}
