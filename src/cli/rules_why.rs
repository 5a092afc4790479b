//! `gengfu rules why`: one evaluation of a rule for a device with everything shown, now or at a moment that is over.

use std::sync::Arc;

use gengfu_dashboards::time_text::to_local_text;
use gengfu_ingest::journal::{FolderLock, ReadLimit, RealDisk};
use gengfu_ingest::{Clock, SystemClock};
use gengfu_model::DeviceId;
use serde_json::Value;

use super::{ConfigArgument, Failure, city_zone, give, leave, reach, say};
use crate::local::{Question, Reply};
use crate::trial::ask::moment;
use crate::trial::backtest::{Source, Unwatched};
use crate::trial::{past, priority};

/// Runs the command.
pub(super) fn run(
    device: &str,
    rule: &str,
    at: Option<&str>,
    json: bool,
    config: &ConfigArgument,
) -> Result<(), Failure> {
    let device = DeviceId::new(device).map_err(Failure::failed)?;
    let found = match at {
        Some(at) => of_the_past(&device, rule, at, config)?,
        None => of_now(&device, rule, config)?,
    };
    if json {
        give(&found.to_string());
    } else {
        show(&device, rule, &found);
    }
    Ok(())
}

fn of_now(device: &DeviceId, rule: &str, config: &ConfigArgument) -> Result<Value, Failure> {
    let mut local = reach(&config.load()?)?;
    let asked = local.ask(Question::Why { device: device.clone(), rule: rule.to_owned() }).map_err(Failure::failed);
    leave(local);
    let Reply::Why(Some(why)) = asked? else {
        return Err(Failure::Failed(format!("there is no device `{device}`, or no rule `{rule}` for its kind")));
    };
    Ok(why)
}

/// Reads archive and journal itself, beside a gateway that may run.
fn of_the_past(device: &DeviceId, rule: &str, at: &str, config: &ConfigArgument) -> Result<Value, Failure> {
    let config = config.load()?;
    let data = &config.data.folder;
    let zone = city_zone(&config)?;
    let now = SystemClock.now();
    let at = moment(at, zone, now).map_err(Failure::Usage)?;
    if at > now {
        return Err(Failure::Usage(format!("{} is still to come", to_local_text(at, zone))));
    }
    let disk = RealDisk::open(data.join("journal")).map_err(Failure::failed)?;
    let is_running = FolderLock::acquire(data).is_err();
    let limit = if is_running { ReadLimit::Verified } else { ReadLimit::Everything };
    priority::lower();
    let source = Source { data, disk: Arc::new(disk), limit };
    let found = past::why(&source, device, rule, at, &Unwatched).map_err(Failure::failed)?;
    let Some(why) = &found.why else {
        let when = to_local_text(at, zone);
        return Err(Failure::Failed(format!(
            "at {when} there was no device `{device}`, or no rule `{rule}` for its kind"
        )));
    };
    say(&format!(
        "as of {}, from {} and {} messages of the device since",
        to_local_text(at, zone),
        found.from,
        found.messages
    ));
    serde_json::to_value(why).map_err(Failure::failed)
}

fn show(device: &DeviceId, rule: &str, why: &Value) {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let list = |name: &str| why[name].as_array().cloned().unwrap_or_default();
    give(&format!("{rule} for {device}, {} tier, pack {}", text(&why["tier"]), text(&why["version"])));
    for reason in list("kept_from") {
        give(&format!("  kept from judging: {}", text(&reason)));
    }
    for key in list("keys") {
        give(&format!("  key {}: is {}, the rule says {}", text(&key["key"]), text(&key["is"]), text(&key["says"])));
    }
    for reading in list("readings") {
        let value = if reading["value"].is_null() { "-".to_owned() } else { text(&reading["value"]) };
        give(&format!("  msg.{} = {value} ({})", text(&reading["field"]), text(&reading["state"])));
    }
    for step in list("steps") {
        let because = text(&step["because"]);
        let because = if because.is_empty() { because } else { format!("  ({because})") };
        let place = format!("{}:{}", step["line"], step["column"]);
        give(&format!("  {place:>7}  {} = {}{because}", text(&step["text"]), text(&step["value"])));
    }
    for slot in list("slots") {
        let due = slot["due"].as_i64().map(|due| format!(", due {due}")).unwrap_or_default();
        give(&format!("  memory {}: {}{due}", text(&slot["id"]), text(&slot["holds"])));
    }
    if let Some(fault) = why["fault"].as_array() {
        give(&format!("  it fails: {}", fault.iter().map(text).collect::<Vec<_>>().join(":")));
    }
}
