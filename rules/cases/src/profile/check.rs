//! From the profile's file to the checked value: every check, each with its field and hint.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{NaiveDate, Weekday};
use gengfu_model::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use gengfu_model::{CaseState, LimitKind, Severity};
use toml::Spanned;

use super::error::{Problems, ProfileError};
use super::file::{CalendarFile, ClassFile, FlappingFile, IncidentFile, MappingFile, OutboxFile, ProfileFile};
use super::text::{Template, TextPair, default_texts};
use super::{
    AssetTypes, CasePolicy, CaseTarget, Class, DEVICE_SILENT, Flapping, GroupBy, Mapping, OutboxPolicy, Profile,
    Standard, TOPICS, Target,
};
use crate::calendar::{Calendar, Span, WorkDayRule};
use crate::deadline::Limit;
use crate::number::NumberPattern;

/// The largest amount of a limit, in its units.
const MAX_LIMIT: u32 = 365;
/// The longest stretch of holidays given as a range, in days.
const MAX_RANGE_DAYS: i64 = 366;
/// The most openings that the flapping guard may remember per incident.
const MAX_FLAPPING_TIMES: u32 = 100;
/// The longest duration in a profile.
const MAX_DURATION_MS: i64 = 30 * DAY_MS;
/// The longest id, code or prefix, in bytes.
const MAX_WORD_BYTES: usize = 64;

/// Checks a profile's file and makes it the value.
pub(super) fn check(text: &str, file: ProfileFile) -> Result<Profile, Vec<ProfileError>> {
    let mut problems = Problems::new(text);
    let calendar = calendar(&file, &mut problems);
    let (classes, standards) = classes(&file.class, &mut problems);
    let mappings = mappings(&file.mapping, &file.incident, &classes, &standards, &mut problems);
    let pattern = file.case.number.unwrap_or_else(|| Spanned::new(0..0, "{prefix}{yyyymmdd}{seq:5}".to_owned()));
    let number = NumberPattern::parse(pattern.get_ref()).unwrap_or_else(|message| {
        let hint = "for example {prefix}{yyyymmdd}{seq:5}";
        problems.add(pattern.span().start, "case.number", message, hint);
        NumberPattern::plain()
    });
    let number_prefix =
        file.case.prefix.map_or_else(|| Arc::from(""), |prefix| word(&prefix, "case.prefix", &mut problems));
    let profile = Profile {
        name: file.name.into(),
        calendar,
        classes,
        standards,
        mappings,
        number,
        number_prefix,
        cases: CasePolicy { auto_close: file.case.auto_close, restart_on_redispatch: file.case.restart_on_redispatch },
        flapping: flapping(file.incident.flapping.as_ref(), &mut problems),
        outbox: outbox(&file.outbox, &mut problems),
    };
    problems.finish(profile)
}

fn calendar(file: &ProfileFile, problems: &mut Problems<'_>) -> Calendar {
    let zone = file.time_zone.get_ref().parse().unwrap_or_else(|_| {
        let message = format!("`{}` is no time zone", file.time_zone.get_ref());
        problems.add(file.time_zone.span().start, "time_zone", message, "an IANA name such as Asia/Shanghai");
        chrono_tz::UTC
    });
    let mut calendar = Calendar::usual(zone);
    let CalendarFile { spans, weekend, work_day, holidays, make_up } = &file.calendar;
    if let Some(list) = spans {
        calendar.spans = working_spans(list, problems);
    }
    if let Some(list) = weekend {
        calendar.weekend = weekend_days(list, problems);
    }
    if let Some(rule) = work_day {
        calendar.work_day = work_day_rule(rule, problems);
    }
    calendar.holidays = dates(holidays, "calendar.holidays", problems);
    calendar.make_up = dates(make_up, "calendar.make_up", problems);
    calendar
}

fn working_spans(list: &Spanned<Vec<Spanned<String>>>, problems: &mut Problems<'_>) -> Vec<Span> {
    const FIELD: &str = "calendar.spans";
    let mut spans: Vec<Span> = Vec::new();
    for entry in list.get_ref() {
        let Some(span) = entry.get_ref().split_once('-').and_then(|(from, to)| {
            Some(Span { start_min: minute(from)?, end_min: minute(to)? }).filter(|span| span.start_min < span.end_min)
        }) else {
            let message = format!("`{}` is no stretch of a day", entry.get_ref());
            problems.add(entry.span().start, FIELD, message, "write it as 08:00-12:00, from the earlier to the later");
            continue;
        };
        if spans.last().is_some_and(|last| last.end_min > span.start_min) {
            let message = format!("`{}` begins before the one in front of it ends", entry.get_ref());
            problems.add(entry.span().start, FIELD, message, "put the stretches in order, without overlap");
        }
        spans.push(span);
    }
    let minutes: u32 = spans.iter().map(|span| u32::from(span.end_min.saturating_sub(span.start_min))).sum();
    if minutes < 60 {
        problems.add(list.span().start, FIELD, "a working day has less than an hour of working time", "");
    }
    spans
}

/// Minutes after midnight of `HH:MM`, up to `24:00`.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !two_digits(hour) || !two_digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= 1_440).then_some(total)
}

fn weekend_days(list: &Spanned<Vec<Spanned<String>>>, problems: &mut Problems<'_>) -> Vec<Weekday> {
    const FIELD: &str = "calendar.weekend";
    let mut days = Vec::new();
    for entry in list.get_ref() {
        match entry.get_ref().parse::<Weekday>() {
            Ok(day) if !days.contains(&day) => days.push(day),
            Ok(_) => {}
            Err(_) => {
                let message = format!("`{}` is no day of the week", entry.get_ref());
                problems.add(entry.span().start, FIELD, message, "write mon, tue, wed, thu, fri, sat or sun");
            }
        }
    }
    if days.len() >= 7 {
        problems.add(list.span().start, FIELD, "no day of the week is left to work", "leave at least one out");
    }
    days
}

fn work_day_rule(rule: &Spanned<String>, problems: &mut Problems<'_>) -> WorkDayRule {
    if rule.get_ref() == "end_of_day" {
        return WorkDayRule::EndOfDay;
    }
    let hours = rule.get_ref().strip_suffix("hours").and_then(|hours| hours.trim().parse().ok());
    hours.filter(|hours| (1..=24).contains(hours)).map(WorkDayRule::Hours).unwrap_or_else(|| {
        let message = format!("`{}` says not what a working day is", rule.get_ref());
        problems.add(rule.span().start, "calendar.work_day", message, "write \"8 hours\" or \"end_of_day\"");
        WorkDayRule::Hours(8)
    })
}

fn dates(list: &[Spanned<String>], field: &str, problems: &mut Problems<'_>) -> BTreeSet<NaiveDate> {
    let mut dates = BTreeSet::new();
    for entry in list {
        let (first, last) = entry.get_ref().split_once("..").unwrap_or((entry.get_ref(), entry.get_ref()));
        let parse = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        match parse(first).zip(parse(last)) {
            Some((first, last)) if (0..MAX_RANGE_DAYS).contains(&last.signed_duration_since(first).num_days()) => {
                dates.extend(first.iter_days().take_while(|date| *date <= last));
            }
            _ => {
                let message = format!("`{}` is neither a day nor a range of days", entry.get_ref());
                problems.add(entry.span().start, field, message, "write 2026-10-01 or 2026-10-01..2026-10-07");
            }
        }
    }
    dates
}

type Classes = BTreeMap<Arc<str>, Class>;
type Standards = BTreeMap<Arc<str>, Standard>;

fn classes(list: &[ClassFile], problems: &mut Problems<'_>) -> (Classes, Standards) {
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
                limit: limit(&row.limit, problems),
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

fn limit(text: &Spanned<String>, problems: &mut Problems<'_>) -> Limit {
    let parsed = text.get_ref().split_once(' ').and_then(|(amount, kind)| {
        let amount = amount.parse().ok().filter(|amount| (1..=MAX_LIMIT).contains(amount))?;
        let kind = match kind {
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
        let hint = "1 to 365, then urgent_hour, work_hour, work_day or natural_day, such as \"2 urgent_hour\"";
        problems.add(text.span().start, "class.standards.limit", message, hint);
        Limit { kind: LimitKind::WorkDay, amount: 1 }
    })
}

fn mappings(
    list: &[MappingFile],
    incident: &IncidentFile,
    classes: &Classes,
    standards: &Standards,
    problems: &mut Problems<'_>,
) -> BTreeMap<Arc<str>, Vec<Mapping>> {
    let mut mappings: BTreeMap<Arc<str>, Vec<Mapping>> = BTreeMap::new();
    for condition in &incident.incident_only {
        let name = word(condition, "incident.incident_only", problems);
        let mapping = Mapping { asset_type: AssetTypes::All, target: Target::IncidentOnly };
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
        let codes = entry.asset_type.as_ref().map_or(std::slice::from_ref(&every), |list| list.get_ref().as_slice());
        if codes.is_empty() {
            problems.add(place, "mapping.asset_type", "the list is empty", "leave the key out for all asset types");
        }
        for code in codes {
            let asset_type = asset_types(code, problems);
            let target = target(entry, &asset_type, classes, standards, problems);
            let of_condition = mappings.entry(condition.clone()).or_default();
            if of_condition.iter().any(|other| other.asset_type == asset_type) {
                let message = format!("`{condition}` is mapped twice for asset type `{}`", code.get_ref());
                problems.add(code.span().start, "mapping.asset_type", message, "keep one of the two");
            }
            of_condition.extend(target.map(|target| Mapping { asset_type, target }));
        }
    }
    for of_condition in mappings.values_mut() {
        of_condition.sort_by_key(|mapping| std::cmp::Reverse(mapping.asset_type.narrowness()));
    }
    mappings
}

fn asset_types(code: &Spanned<String>, problems: &mut Problems<'_>) -> AssetTypes {
    let text = word(code, "mapping.asset_type", problems);
    match text.strip_suffix('*') {
        Some("") => AssetTypes::All,
        Some(prefix) if !prefix.contains('*') => AssetTypes::Prefix(prefix.into()),
        None if !text.contains('*') => AssetTypes::Exact(text),
        _ => {
            let message = format!("`{text}` has a star that is not at its end");
            problems.add(code.span().start, "mapping.asset_type", message, "write 01-37, 01-* or *");
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
    let group_by = entry.group_by.as_ref().map(|name| group_by(name, problems));
    let start = entry.start.as_ref().map_or(CaseState::Reported, |name| start(name, problems));
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

fn group_by(name: &Spanned<String>, problems: &mut Problems<'_>) -> GroupBy {
    match name.get_ref().as_str() {
        "feeder" => GroupBy::Feeder,
        "cabinet" => GroupBy::Cabinet,
        "catchment" => GroupBy::Catchment,
        "grid" => GroupBy::Grid,
        "district" => GroupBy::District,
        attribute => {
            let known = gengfu_model::catalogue::KINDS.iter().flat_map(|kind| kind.attributes);
            if !known.clone().any(|def| def.name == attribute) {
                let message = format!("`{attribute}` is no attribute of any kind of device");
                let hint = "feeder, cabinet, catchment, grid, district, or an attribute such as road";
                problems.add(name.span().start, "mapping.group_by", message, hint);
            }
            GroupBy::Attribute(attribute.into())
        }
    }
}

fn start(name: &Spanned<String>, problems: &mut Problems<'_>) -> CaseState {
    match name.get_ref().as_str() {
        "reported" => CaseState::Reported,
        "pending_verify" => CaseState::PendingVerify,
        "filed" => CaseState::Filed,
        other => {
            let message = format!("a case cannot open in state `{other}`");
            problems.add(name.span().start, "mapping.start", message, "write reported, pending_verify or filed");
            CaseState::Reported
        }
    }
}

fn flapping(file: Option<&FlappingFile>, problems: &mut Problems<'_>) -> Option<Flapping> {
    let file = file?;
    let times = *file.times.get_ref();
    if !(2..=MAX_FLAPPING_TIMES).contains(&times) {
        let message = format!("{times} is not between 2 and {MAX_FLAPPING_TIMES}");
        problems.add(file.times.span().start, "incident.flapping.times", message, "6 is usual");
    }
    Some(Flapping {
        times,
        within_ms: duration(&file.within, "incident.flapping.within", problems),
        quiet_ms: duration(&file.quiet, "incident.flapping.quiet", problems),
    })
}

/// Milliseconds of a duration such as `90s`, `15m`, `1h`, `7d`.
fn duration(text: &Spanned<String>, field: &str, problems: &mut Problems<'_>) -> i64 {
    let parsed = text.get_ref().char_indices().last().and_then(|(last, unit)| {
        let unit_ms = match unit {
            's' => SECOND_MS,
            'm' => MINUTE_MS,
            'h' => HOUR_MS,
            'd' => DAY_MS,
            _ => return None,
        };
        let amount: i64 = text.get_ref()[..last].trim().parse().ok()?;
        amount.checked_mul(unit_ms).filter(|ms| (SECOND_MS..=MAX_DURATION_MS).contains(ms))
    });
    parsed.unwrap_or_else(|| {
        let message = format!("`{}` is no duration of a second to 30 days", text.get_ref());
        problems.add(text.span().start, field, message, "write 90s, 15m, 1h or 7d");
        HOUR_MS
    })
}

fn outbox(file: &OutboxFile, problems: &mut Problems<'_>) -> OutboxPolicy {
    let known = |name: &Spanned<String>, field: &str, problems: &mut Problems<'_>| {
        let found = TOPICS.contains(&name.get_ref().as_str());
        if !found {
            let message = format!("`{}` is no topic", name.get_ref());
            problems.add(name.span().start, field, message, &TOPICS.join(", "));
        }
        found
    };
    let mut topics = BTreeMap::new();
    let chosen: Vec<&str> = match &file.topics {
        None => TOPICS.to_vec(),
        Some(list) => {
            let good = list.iter().filter(|name| known(name, "outbox.topics", problems));
            good.map(|name| name.get_ref().as_str()).collect()
        }
    };
    for topic in chosen {
        let own = file.text.iter().find(|text| text.topic.get_ref() == topic);
        let (zh, en) = default_texts(topic);
        let zh = template(topic, own.and_then(|text| text.zh.as_ref()), zh, problems);
        let en = template(topic, own.and_then(|text| text.en.as_ref()), en, problems);
        topics.insert(Arc::from(topic), TextPair { zh, en });
    }
    for text in &file.text {
        known(&text.topic, "outbox.text.topic", problems);
    }
    let incident_from = file.incident_from.as_ref().map_or(Severity::Critical, |name| {
        Severity::from_name(name.get_ref()).unwrap_or_else(|| {
            let message = format!("`{}` is no severity", name.get_ref());
            problems.add(name.span().start, "outbox.incident_from", message, "info, minor, major or critical");
            Severity::Critical
        })
    });
    OutboxPolicy { topics, incident_from }
}

fn template(topic: &str, own: Option<&Spanned<String>>, default: &str, problems: &mut Problems<'_>) -> Template {
    let text = own.map_or(default, |own| own.get_ref().as_str());
    Template::parse(topic, text).unwrap_or_else(|message| {
        let place = own.map_or(0, |own| own.span().start);
        problems.add(place, "outbox.text", message, "");
        Template::literal(text)
    })
}

/// A word of 1 to 64 bytes without white space.
fn word(text: &Spanned<String>, field: &str, problems: &mut Problems<'_>) -> Arc<str> {
    let word = text.get_ref().as_str();
    if word.is_empty() || word.len() > MAX_WORD_BYTES || word.contains(char::is_whitespace) {
        let message = format!("`{word}` is no word of 1 to {MAX_WORD_BYTES} bytes without spaces");
        problems.add(text.span().start, field, message, "");
    }
    Arc::from(word)
}
