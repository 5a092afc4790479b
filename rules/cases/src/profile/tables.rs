//! The classes, standard rows and mappings of a profile's file, checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::{CaseState, LimitKind};
use toml::Spanned;

use super::check::word;
use super::error::Problems;
use super::file::{ClassFile, IncidentFile, MappingFile};
use super::{AssetTypes, CaseTarget, Class, DEVICE_SILENT, GroupBy, Mapping, Standard, Target};
use crate::deadline::Limit;

/// The largest amount of a limit, in its units.
const MAX_LIMIT: u32 = 365;

/// Classes by their id.
pub(super) type Classes = BTreeMap<Arc<str>, Class>;

/// Rows by their id.
pub(super) type Standards = BTreeMap<Arc<str>, Standard>;

/// Classes and their rows.
pub(super) fn classes(list: &[ClassFile], problems: &mut Problems<'_>) -> (Classes, Standards) {
    let mut classes = Classes::new();
    let mut standards = Standards::new();
    for entry in list {
        let id = word(&entry.id, "class.id", problems);
        if !matches!(entry.kind.get_ref().as_str(), "component" | "event") {
            let message = format!("`{}` is no kind of class", entry.kind.get_ref());
            problems.add(entry.kind.span().start, "class.kind", message, "write component or event");
        }
        let class = Class {
            id: id.clone(),
            kind: entry.kind.get_ref().as_str().into(),
            code: word(&entry.code, "class.code", problems),
            name: entry.name.get_ref().as_str().into(),
            big_name: entry.big_name.as_str().into(),
        };
        if classes.values().any(|other: &Class| other.kind == class.kind && other.code == class.code) {
            let message = format!("there is another {} with code `{}`", class.kind, class.code);
            problems.add(
                entry.code.span().start,
                "class.code",
                message,
                "a code stands once for parts, once for events",
            );
        }
        if classes.insert(id.clone(), class).is_some() {
            problems.add(entry.id.span().start, "class.id", format!("`{id}` is there twice"), "ids are unique");
        }
        for row in &entry.standards {
            let standard = Standard {
                id: word(&row.id, "class.standards.id", problems),
                class: id.clone(),
                filing: row.filing.as_str().into(),
                closing: row.closing.as_str().into(),
                limit: limit_of(&row.limit, "class.standards.limit", problems),
            };
            let row_id = standard.id.clone();
            if standards.insert(row_id.clone(), standard).is_some() {
                let message = format!("`{row_id}` is there twice");
                problems.add(row.id.span().start, "class.standards.id", message, "ids of rows are unique");
            }
        }
    }
    (classes, standards)
}

/// A limit such as `2 urgent_hour`.
pub(super) fn limit_of(text: &Spanned<String>, field: &str, problems: &mut Problems<'_>) -> Limit {
    let parsed = text.get_ref().split_once(' ').and_then(|(amount, kind)| {
        let amount = amount.parse().ok().filter(|amount| (1..=MAX_LIMIT).contains(amount))?;
        let kind = match kind {
            "urgent_minute" => LimitKind::UrgentMinute,
            "urgent_hour" => LimitKind::UrgentHour,
            "work_hour" => LimitKind::WorkHour,
            "work_day" => LimitKind::WorkDay,
            "natural_day" => LimitKind::NaturalDay,
            _ => return None,
        };
        Some(Limit { kind, amount })
    });
    parsed.unwrap_or_else(|| {
        let message = format!("`{}` is no limit", text.get_ref());
        let hint =
            "1 to 365, then urgent_minute, urgent_hour, work_hour, work_day or natural_day, such as \"2 urgent_hour\"";
        problems.add(text.span().start, field, message, hint);
        Limit { kind: LimitKind::WorkDay, amount: 1 }
    })
}

/// Mappings of each condition, the narrowest asset type first.
pub(super) fn mappings(
    list: &[MappingFile],
    incident: &IncidentFile,
    classes: &Classes,
    standards: &Standards,
    problems: &mut Problems<'_>,
) -> BTreeMap<Arc<str>, Vec<Mapping>> {
    let mut mappings: BTreeMap<Arc<str>, Vec<Mapping>> = BTreeMap::new();
    for condition in &incident.incident_only {
        let name = word(condition, "incident.incident_only", problems);
        let mapping = Mapping { rule: None, asset_type: AssetTypes::All, target: Target::IncidentOnly };
        mappings.entry(name).or_default().push(mapping);
    }
    for entry in list {
        let condition = word(&entry.condition, "mapping.condition", problems);
        let place = entry.condition.span().start;
        if &*condition == DEVICE_SILENT && !entry.incident_only {
            let message = "a silent device is no city case";
            problems.add(place, "mapping.condition", message, "take the mapping away or say incident_only = true");
        }
        let every = Spanned::new(place..place, "*".to_owned());
        let rule = entry.rule.as_ref().map(|rule| word(rule, "mapping.rule", problems));
        let codes = entry.asset_type.as_ref().map_or(std::slice::from_ref(&every), |list| list.get_ref().as_slice());
        if codes.is_empty() {
            problems.add(place, "mapping.asset_type", "the list is empty", "leave the key out for all asset types");
        }
        for code in codes {
            let asset_type = asset_types_of(code, "mapping.asset_type", problems);
            let target = target(entry, &asset_type, classes, standards, problems);
            let of_condition = mappings.entry(condition.clone()).or_default();
            if of_condition.iter().any(|other| other.asset_type == asset_type && other.rule == rule) {
                let message = format!("`{condition}` is mapped twice for asset type `{}`", code.get_ref());
                problems.add(code.span().start, "mapping.asset_type", message, "keep one of the two");
            }
            of_condition.extend(target.map(|target| Mapping { rule: rule.clone(), asset_type, target }));
        }
    }
    for of_condition in mappings.values_mut() {
        of_condition
            .sort_by_key(|mapping| std::cmp::Reverse((mapping.rule.is_some(), mapping.asset_type.narrowness())));
    }
    mappings
}

/// A code, a prefix with a star, or a star.
pub(super) fn asset_types_of(code: &Spanned<String>, field: &str, problems: &mut Problems<'_>) -> AssetTypes {
    let text = word(code, field, problems);
    match text.strip_suffix('*') {
        Some("") => AssetTypes::All,
        Some(prefix) if !prefix.contains('*') => AssetTypes::Prefix(prefix.into()),
        None if !text.contains('*') => AssetTypes::Exact(text),
        _ => {
            let message = format!("`{text}` has a star that is not at its end");
            problems.add(code.span().start, field, message, "write 01-37, 01-* or *");
            AssetTypes::All
        }
    }
}

fn target(
    entry: &MappingFile,
    asset_type: &AssetTypes,
    classes: &Classes,
    standards: &Standards,
    problems: &mut Problems<'_>,
) -> Option<Target> {
    let place = entry.condition.span().start;
    let given = [entry.standard.is_some(), entry.class.is_some(), entry.incident_only];
    if given.iter().filter(|given| **given).count() != 1 {
        let message = "it must say exactly one of standard, class, incident_only";
        problems.add(place, "mapping", message, "standard gives class and limit, class gives a case without limit");
        return None;
    }
    if entry.incident_only {
        return Some(Target::IncidentOnly);
    }
    let (class, standard) = if let Some(name) = &entry.standard {
        let row = mapped_row(name, asset_type, standards, problems)?;
        (row.class.clone(), Some(row.id.clone()))
    } else {
        let name = entry.class.as_ref()?;
        let Some(class) = classes.get(name.get_ref().as_str()) else {
            let message = format!("there is no class `{}`", name.get_ref());
            problems.add(name.span().start, "mapping.class", message, "name the id of a [[class]]");
            return None;
        };
        (class.id.clone(), None)
    };
    let group_by = entry.group_by.as_ref().map(|name| group_by(name, "mapping.group_by", problems));
    let start = entry.start.as_ref().map_or(CaseState::Reported, |name| start(name, "mapping.start", problems));
    Some(Target::Case(CaseTarget { class, standard, group_by, start }))
}

fn mapped_row<'a>(
    name: &Spanned<String>,
    asset_type: &AssetTypes,
    standards: &'a Standards,
    problems: &mut Problems<'_>,
) -> Option<&'a Standard> {
    const FIELD: &str = "mapping.standard";
    let id = match asset_type {
        AssetTypes::Exact(code) => name.get_ref().replace("{asset_type}", code),
        AssetTypes::Prefix(_) | AssetTypes::All => name.get_ref().clone(),
    };
    let row = standards.get(id.as_str());
    if row.is_none() {
        let hint = if id.contains('{') {
            "`{asset_type}` needs asset types without a star"
        } else {
            "name the id of a row in a class's standards"
        };
        problems.add(name.span().start, FIELD, format!("there is no standard row `{id}`"), hint);
    }
    row
}

pub(super) fn group_by(name: &Spanned<String>, field: &str, problems: &mut Problems<'_>) -> GroupBy {
    match name.get_ref().as_str() {
        "feeder" => GroupBy::Feeder,
        "cabinet" => GroupBy::Cabinet,
        "catchment" => GroupBy::Catchment,
        "carrier_cell" => GroupBy::CarrierCell,
        "grid" => GroupBy::Grid,
        "district" => GroupBy::District,
        attribute => {
            let known = gengfu_model::catalogue::KINDS.iter().flat_map(|kind| kind.attributes);
            if !known.clone().any(|def| def.name == attribute) {
                let message = format!("`{attribute}` is no attribute of any kind of device");
                let hint = "feeder, cabinet, catchment, carrier_cell, grid, district, or an attribute such as road";
                problems.add(name.span().start, field, message, hint);
            }
            GroupBy::Attribute(attribute.into())
        }
    }
}

/// The state in which a case opens.
pub(super) fn start(name: &Spanned<String>, field: &str, problems: &mut Problems<'_>) -> CaseState {
    match name.get_ref().as_str() {
        "reported" => CaseState::Reported,
        "pending_verify" => CaseState::PendingVerify,
        "filed" => CaseState::Filed,
        other => {
            let message = format!("a case cannot open in state `{other}`");
            problems.add(name.span().start, field, message, "write reported, pending_verify or filed");
            CaseState::Reported
        }
    }
}
