//! From the profile's file to the checked value: every check, each with its field and hint.

use std::collections::BTreeMap;
use std::sync::Arc;

use gengfu_model::Severity;
use gengfu_model::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use toml::Spanned;

use super::error::{Problems, ProfileError};
use super::file::{FlappingFile, LightingFile, OutboxFile, ProfileFile};
use super::text::{Template, TextPair, default_texts};
use super::{CasePolicy, Flapping, Lighting, OutboxPolicy, Profile, TOPICS, days, policy, storms, tables};
use crate::number::NumberPattern;

/// The most openings that the flapping guard may remember per incident.
const MAX_FLAPPING_TIMES: u32 = 100;
/// The largest offset of the lighting hours from sunset and sunrise.
const MAX_LIGHTING_MIN: i16 = 120;
/// The longest duration in a profile.
const MAX_DURATION_MS: i64 = 30 * DAY_MS;
/// The longest id, code or prefix, in bytes.
const MAX_WORD_BYTES: usize = 64;

/// Checks a profile's file and makes it the value.
pub(super) fn check(text: &str, file: ProfileFile) -> Result<Profile, Vec<ProfileError>> {
    let mut problems = Problems::new(text);
    let calendar = days::calendar(&file, &mut problems);
    let (classes, standards) = tables::classes(&file.class, &mut problems);
    let mappings = tables::mappings(&file.mapping, &file.incident, &classes, &standards, &mut problems);
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
        lighting: lighting(&file.lighting, &mut problems),
        standards,
        mappings,
        number,
        number_prefix,
        cases: CasePolicy { auto_close: file.case.auto_close, restart_on_redispatch: file.case.restart_on_redispatch },
        clocks: policy::clocks(&file.case.clocks, &mut problems),
        ladder: policy::ladder(&file.case.ladder, &mut problems),
        sources: policy::sources(&file.source, &mut problems),
        dispatch: policy::dispatch(&file.dispatch, &classes, &mut problems),
        classes,
        outlast_ms: storms::outlast(file.incident.outlast.as_ref(), &mut problems),
        groups: storms::groups(&file.group, &file.incident.incident_only, &mut problems),
        inhibitions: storms::inhibitions(&file.inhibition, &mut problems),
        verifications: storms::verifications(&file.verification, &mut problems),
        flapping: flapping(file.incident.flapping.as_ref(), &mut problems),
        outbox: outbox(&file.outbox, &mut problems),
        calls: super::calls::calls(&file.call, &mut problems),
    };
    problems.finish(profile)
}

/// When lamps burn that have no hours of their own.
fn lighting(file: &LightingFile, problems: &mut Problems<'_>) -> Lighting {
    let mut offset = |value: &Option<Spanned<i64>>, field: &str| {
        let Some(value) = value else { return 0 };
        i16::try_from(*value.get_ref()).ok().filter(|minutes| minutes.abs() <= MAX_LIGHTING_MIN).unwrap_or_else(|| {
            let message = format!("{} is not between -{MAX_LIGHTING_MIN} and {MAX_LIGHTING_MIN}", value.get_ref());
            problems.add(value.span().start, field, message, "minutes, such as 10; negative to go the other way");
            0
        })
    };
    Lighting {
        on_after_sunset_min: offset(&file.on_after_sunset_min, "lighting.on_after_sunset_min"),
        off_before_sunrise_min: offset(&file.off_before_sunrise_min, "lighting.off_before_sunrise_min"),
    }
}

pub(super) fn severity(name: &Spanned<String>, field: &str, problems: &mut Problems<'_>) -> Severity {
    Severity::from_name(name.get_ref()).unwrap_or_else(|| {
        let message = format!("`{}` is no severity", name.get_ref());
        problems.add(name.span().start, field, message, "info, minor, major or critical");
        Severity::Critical
    })
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
pub(super) fn duration(text: &Spanned<String>, field: &str, problems: &mut Problems<'_>) -> i64 {
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
    let incident_from = file.incident_from.as_ref();
    let incident_from =
        incident_from.map_or(Severity::Critical, |name| severity(name, "outbox.incident_from", problems));
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
pub(super) fn word(text: &Spanned<String>, field: &str, problems: &mut Problems<'_>) -> Arc<str> {
    let word = text.get_ref().as_str();
    if word.is_empty() || word.len() > MAX_WORD_BYTES || word.contains(char::is_whitespace) {
        let message = format!("`{word}` is no word of 1 to {MAX_WORD_BYTES} bytes without spaces");
        problems.add(text.span().start, field, message, "");
    }
    Arc::from(word)
}
