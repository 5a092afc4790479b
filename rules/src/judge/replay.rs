//! What an evaluation read, kept with its explanation, and the same evaluation from that alone.

use std::sync::Arc;

use chrono_tz::Tz;
use gengfu_model::places::LonLat;
use gengfu_model::{Device, Evidence, Timestamp, Value};
use serde::{Deserialize, Serialize};

use super::evidence::{Replay, explain};
use super::occasion::{Occasion, Trigger};
use super::state::Slot;
use super::{City, Context, Latest, Parameters};
use crate::pack::Pack;
use crate::program::{Node, Rule};

/// Everything that an evaluation depends on beside the rule: fields, register entry, parameters, memory.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inputs {
    /// The pack's version.
    version: Arc<str>,
    /// Which function ran: `on_message`, `on_silent`, `on_timer`, `member`.
    entry: usize,
    /// The name that `on_timer` got.
    timer: Option<String>,
    trigger: Trigger,
    heard: Option<Timestamp>,
    /// The call that is explained.
    effect: u16,
    zone: String,
    city: City,
    device: Device,
    latest: Latest,
    /// The settings in force, by name.
    parameters: Vec<(Arc<str>, Value)>,
    /// The rule's slots as the evaluation left them: it is replayed on these.
    slots: Vec<Slot>,
}

/// The inputs of an evaluation as text.
pub(super) fn inputs(replay: &Replay<'_>, version: &Arc<str>, effect: u16, slots: &[Slot]) -> String {
    let (rule, cx) = (&replay.placed.rule, replay.on.cx);
    let is_it = |entry: &Option<&crate::program::Entry>| entry.is_some_and(|entry| std::ptr::eq(entry, replay.entry));
    let set = rule.parameters.iter().filter_map(|parameter| {
        let usable = |value: &Value| parameter.check(value).is_ok();
        let (_, value) = cx.parameters.nearest(&rule.id, &parameter.name, cx.device, usable)?;
        Some((Arc::clone(&parameter.name), value.clone()))
    });
    let inputs = Inputs {
        version: Arc::clone(version),
        entry: rule.entry_places().iter().position(is_it).unwrap_or_default(),
        timer: replay.timer.map(str::to_owned),
        trigger: replay.on.trigger,
        heard: replay.on.heard,
        effect,
        zone: cx.zone.name().to_owned(),
        city: city(rule, cx, slots),
        // The credential's hash decides nothing here, and is nobody's to read.
        device: Device { token_hash: None, ..cx.device.clone() },
        latest: cx.latest.clone(),
        parameters: set.collect(),
        slots: slots.to_vec(),
    };
    serde_json::to_string(&inputs).unwrap_or_default()
}

/// The inputs as an evaluation by the same rule of another version would have written them.
pub(crate) fn explained_as(inputs: &str, version: &Arc<str>) -> String {
    // The version stands first; a whole reading and writing again would cost more than the evaluation.
    let rest = inputs.strip_prefix(r#"{"version":""#).and_then(|rest| rest.split_once('"'));
    match (rest, serde_json::to_string(version)) {
        (Some((_, rest)), Ok(version)) => format!(r#"{{"version":{version}{rest}"#),
        _ => inputs.to_owned(),
    }
}

/// The city as far as the rule can have asked about it: an explanation does not keep every fence.
fn city(rule: &Rule, cx: &Context<'_>, slots: &[Slot]) -> City {
    let asks = rule.nodes.iter().any(|node| matches!(node, Node::Place { .. } | Node::MissedStops { .. }));
    let mut points: Vec<LonLat> = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    if asks {
        let field = |name: &str| cx.latest.get(rule.kind.field(name)?)?.value.as_number();
        points.extend(field("longitude").zip(field("latitude")).map(|(lon, lat)| [lon, lat]));
        points.extend(cx.device.longitude.zip(cx.device.latitude).map(|(lon, lat)| [lon, lat]));
        words.extend(rule.texts.iter().map(AsRef::as_ref));
        words.extend(cx.device.attributes.iter().filter_map(|(_, value)| match value {
            Value::Text(text) => Some(&**text),
            Value::Bool(_) | Value::Number(_) => None,
        }));
    }
    let stops = slots.iter().filter_map(|slot| match slot {
        Slot::Stops(stops) => Some(stops.kept(cx.city.places())),
        _ => None,
    });
    cx.city.near(&points, &words, stops.flatten())
}

/// The pack that an explanation was made with; `None` if it keeps no inputs.
#[must_use]
pub fn explained_by(evidence: &Evidence) -> Option<Arc<str>> {
    serde_json::from_str::<Inputs>(&evidence.inputs).ok().map(|inputs| inputs.version)
}

impl Pack {
    /// Evaluates an explanation's stored inputs again, and nothing else: whether every sub-expression and
    /// every reading has the value that was stored.
    ///
    /// # Errors
    /// A sentence that says why it cannot be evaluated: no inputs were kept, or this pack has another rule.
    pub fn replays(&self, rule: &str, evidence: &Evidence) -> Result<bool, String> {
        if evidence.inputs.is_empty() {
            return Err("no inputs were kept: nothing was evaluated".to_owned());
        }
        let inputs: Inputs = serde_json::from_str(&evidence.inputs)
            .map_err(|error| format!("the stored inputs cannot be read: {error}"))?;
        let missing = || format!("pack {} has no such rule `{rule}`", self.version());
        let set = self.sets.get(inputs.device.kind as usize).ok_or_else(missing)?;
        let placed = set.rules.iter().find(|placed| &*placed.rule.id == rule).ok_or_else(missing)?;
        let entry = placed.rule.entry_places().get(inputs.entry).copied().flatten().ok_or_else(missing)?;
        let effect = placed.rule.effects.get(usize::from(inputs.effect)).ok_or_else(missing)?;
        if inputs.slots.len() != placed.rule.slots.len() {
            return Err(missing());
        }
        let mut parameters = Parameters::default();
        for (name, value) in &inputs.parameters {
            parameters.set(&placed.rule.id, name, &Arc::from("kind"), Some(value.clone()));
        }
        let zone: Tz = inputs.zone.parse().map_err(|_| format!("there is no time zone `{}`", inputs.zone))?;
        let cx = Context {
            zone,
            city: &inputs.city,
            ..Context::new(&inputs.device, &inputs.latest, &parameters, evidence.now, evidence.seq)
        };
        let on = Occasion::new(&cx, inputs.trigger, inputs.heard);
        let replay = Replay { placed, entry, on: &on, timer: inputs.timer.as_deref(), before: &[] };
        let again = explain(&replay, effect, &inputs.slots);
        Ok(again.steps == evidence.steps && again.readings == evidence.readings)
    }
}
