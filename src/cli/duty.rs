//! `gengfu duty`: who watches now and next.

use serde_json::Value;

use super::{ConfigArgument, Failure, give, leave, reach};
use crate::local::{Question, Reply};

/// Duty: who watches now and next.
#[derive(clap::Args)]
pub(super) struct Duty {
    #[command(subcommand)]
    command: DutyCommand,
}

#[derive(clap::Subcommand)]
enum DutyCommand {
    /// Who is on duty in a district, and who comes next.
    Show {
        /// The district; without it, the roster of all others.
        #[arg(default_value = "")]
        district: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        config: ConfigArgument,
    },
}

impl Duty {
    /// Runs the command.
    ///
    /// # Errors
    /// When no roster watches the district, or the gateway cannot be asked.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let DutyCommand::Show { district, json, config } = &self.command;
        let mut local = reach(&config.load()?)?;
        let reply = local.ask(Question::Duty(district.clone()));
        leave(local);
        match reply.map_err(Failure::failed)? {
            Reply::Found(Value::Null) => Err(Failure::Failed(format!("no roster watches `{district}`"))),
            Reply::Found(duty) if *json => {
                give(&duty.to_string());
                Ok(())
            }
            Reply::Found(duty) => {
                lines(&duty).iter().for_each(|line| give(line));
                Ok(())
            }
            other => Err(Failure::Failed(format!("unexpected answer: {other:?}"))),
        }
    }
}

/// For people: a line for each watch, the next one, and what is missing.
fn lines(duty: &Value) -> Vec<String> {
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or("-").to_owned();
    let watch = |word: &str, watch: &Value| {
        let [shift, from, to] = ["shift", "from", "to"].map(|name| text(watch, name));
        format!("{word}\t{shift}\t{from}\t{to}\t{}\t{}", text(watch, "officer"), text(watch, "leader"))
    };
    let mut lines: Vec<String> = duty["now"].as_array().into_iter().flatten().map(|now| watch("now", now)).collect();
    if duty["next"].is_object() {
        lines.push(watch("next", &duty["next"]));
    }
    let owed = &duty["hand_over_owed"];
    if owed.is_object() {
        lines.push(format!("owed\t{}\t{}\t{}", text(owed, "shift"), text(owed, "since"), text(owed, "by")));
    }
    lines.push(format!("open cases\t{}", duty["open_cases"]));
    lines
}
