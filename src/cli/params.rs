//! `gengfu rules params`: show, set and unset the rules' parameters, of a running gateway or a stopped one.

use clap::Subcommand;
use gengfu_model::staff::Action;
use gengfu_model::{DeviceId, Value};

use super::{ConfigArgument, Failure, give, leave, reach, say};
use crate::local::{Local, Question, Reply};

/// Parameters of rules.
#[derive(Subcommand)]
pub(super) enum Params {
    /// Show a rule's parameters with every setting; with a device, what it gets and which scope gave it.
    Show {
        /// The rule's id.
        rule: String,
        /// The device's id.
        #[arg(long)]
        device: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// Set a parameter. It counts from each device's next evaluation on; what rules remember stays.
    Set {
        /// The rule's id.
        rule: String,
        /// The parameter's name.
        name: String,
        /// A number, `true` or `false`, or a time such as `10min`, `30s`, `2h`.
        #[arg(allow_negative_numbers = true)]
        value: String,
        /// Where: `kind`, `district:NAME`, `group:NAME` (feeder, cabinet, catchment, grid, carrier cell), `device:ID`.
        #[arg(long, default_value = "kind")]
        scope: String,
        /// Set it although no device is within the scope yet.
        #[arg(long)]
        ahead: bool,
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// Take a setting away: the next wider one counts again.
    Unset {
        /// The rule's id.
        rule: String,
        /// The parameter's name.
        name: String,
        /// Where it was set.
        #[arg(long, default_value = "kind")]
        scope: String,
        #[command(flatten)]
        config: ConfigArgument,
    },
}

impl Params {
    /// Runs the command.
    ///
    /// # Errors
    /// Why the gateway cannot be asked, or its refusal.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let (Params::Show { config, .. } | Params::Set { config, .. } | Params::Unset { config, .. }) = self;
        let mut local = reach(&config.load()?)?;
        let done = self.with(&mut local);
        leave(local);
        done
    }

    fn with(&self, local: &mut Local) -> Result<(), Failure> {
        match self {
            Params::Show { rule, device, json, .. } => show(local, rule, device.as_deref(), *json),
            Params::Set { rule, name, value, scope, ahead, .. } => {
                let found = views(local, rule, Some(name), None)?;
                let is_duration = found.iter().any(|view| view["is_duration"] == true);
                let value = parse(value, is_duration).map_err(Failure::Usage)?;
                let within = local.ask(Question::DevicesWithin { rule: rule.clone(), scope: scope.clone() });
                let Reply::Found(within) = within.map_err(Failure::failed)? else { return Err(unexpected()) };
                if within == 0 && !ahead {
                    let hint = "look for a misspelt name, or say --ahead";
                    return Err(Failure::Failed(format!("no device that `{rule}` judges is within `{scope}`: {hint}")));
                }
                change(local, rule, name, scope, Some(value))?;
                say(&format!("{rule}.{name} is set for {scope}: {within} devices are within it"));
                Ok(())
            }
            Params::Unset { rule, name, scope, .. } => {
                let found = views(local, rule, Some(name), None)?;
                let settings = found.iter().filter_map(|view| view["settings"].as_array()).flatten();
                if !settings.into_iter().any(|setting| setting["scope"] == scope.as_str()) {
                    return Err(Failure::Failed(format!("{rule}.{name} is not set for {scope}")));
                }
                change(local, rule, name, scope, None)?;
                say(&format!("{rule}.{name} is not set for {scope} any more"));
                Ok(())
            }
        }
    }
}

fn unexpected() -> Failure {
    Failure::Failed("the gateway gave an answer to something else".to_owned())
}

fn views(
    local: &mut Local,
    rule: &str,
    name: Option<&str>,
    device: Option<DeviceId>,
) -> Result<Vec<serde_json::Value>, Failure> {
    let about = match (&device, name) {
        (Some(device), _) => format!("there is no device `{device}`, or no rule `{rule}` for its kind"),
        (None, Some(name)) => format!("there is no rule `{rule}`, or it has no parameter `{name}`"),
        (None, None) => format!("there is no rule `{rule}`"),
    };
    let question = Question::Parameters { rule: rule.to_owned(), name: name.map(str::to_owned), device };
    let Reply::Found(found) = local.ask(question).map_err(Failure::failed)? else { return Err(unexpected()) };
    found.as_array().cloned().ok_or(Failure::Failed(about))
}

fn change(local: &mut Local, rule: &str, name: &str, scope: &str, value: Option<Value>) -> Result<(), Failure> {
    let action = Action::SetParameter { rule: rule.into(), name: name.into(), scope: scope.into(), value };
    match local.act(action).map_err(Failure::failed)? {
        Ok(_) => Ok(()),
        Err(refusal) => Err(Failure::Failed(refusal.message)),
    }
}

fn show(local: &mut Local, rule: &str, device: Option<&str>, json: bool) -> Result<(), Failure> {
    let device = device.map(DeviceId::new).transpose().map_err(Failure::failed)?;
    let found = views(local, rule, None, device)?;
    if json {
        give(&serde_json::Value::Array(found).to_string());
        return Ok(());
    }
    if found.is_empty() {
        say(&format!("rule {rule} declares no parameters"));
    }
    for view in &found {
        let unit = view["unit"].as_str().unwrap_or_default();
        let limit = |name: &str| view[name].as_f64().map_or_else(|| "-".to_owned(), |limit| limit.to_string());
        let (name, kind) = (text(&view["name"]), text(&view["kind"]));
        let (default, min, max) = (text(&view["default"]), limit("min"), limit("max"));
        give(&format!("{rule}.{name} ({kind}): default {default} {unit}, {min} to {max}"));
        for setting in view["settings"].as_array().into_iter().flatten() {
            let unusable = setting["unusable"].as_str().map(|why| format!(", passed over: {why}")).unwrap_or_default();
            let (scope, value) = (text(&setting["scope"]), text(&setting["value"]));
            give(&format!("  {scope} = {value} {unit} ({} devices{unusable})", setting["devices"]));
        }
        let effective = &view["effective"];
        if effective.is_null() {
            continue;
        }
        let (value, from) = (text(&effective["value"]), text(&effective["from"]));
        give(&format!("  for {}: {value} {unit}, from {from}", text(&effective["device"])));
        for step in effective["chain"].as_array().into_iter().flatten() {
            let value = if step["value"].is_null() { "-".to_owned() } else { text(&step["value"]) };
            let mark = if step["counts"] == true { "->" } else { "  " };
            let unusable = step["unusable"].as_str().map(|why| format!("  (passed over: {why})")).unwrap_or_default();
            give(&format!("    {mark} {:<12} {:<24} {value}{unusable}", text(&step["of"]), text(&step["scope"])));
        }
    }
    Ok(())
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A value as people write it; lengths of time become seconds.
fn parse(written: &str, is_duration: bool) -> Result<Value, String> {
    match written {
        "true" => return Ok(Value::Bool(true)),
        "false" => return Ok(Value::Bool(false)),
        _ => {}
    }
    if let Ok(number) = written.parse::<f64>() {
        return Ok(Value::Number(number));
    }
    let unit =
        UNITS.iter().filter(|_| is_duration).find_map(|(unit, seconds)| Some((written.strip_suffix(unit)?, seconds)));
    match unit.map(|(number, seconds)| (number.trim().parse::<f64>(), seconds)) {
        Some((Ok(number), seconds)) => Ok(Value::Number(number * seconds)),
        _ if is_duration => Err(format!("`{written}` is no length of time: write 30s, 10min, 2h or 7d")),
        _ => Err(format!("`{written}` is neither a number nor true or false")),
    }
}

/// Units of time in seconds; a longer name comes before one that it ends with.
const UNITS: [(&str, f64); 5] = [("min", 60.0), ("m", 60.0), ("s", 1.0), ("h", 3_600.0), ("d", 86_400.0)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_people_write_them() {
        assert_eq!(parse("12.5", false), Ok(Value::Number(12.5)));
        assert_eq!(parse("false", false), Ok(Value::Bool(false)));
        for ten_minutes in ["10min", "10m", "600s", "600"] {
            assert_eq!(parse(ten_minutes, true), Ok(Value::Number(600.0)), "{ten_minutes}");
        }
        assert!(parse("10m", false).is_err() && parse("soon", true).is_err());
    }
}
