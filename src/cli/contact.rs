//! `gengfu users contact`: how an account is reached.

use gengfu_model::duty::{Contact, ContactChannel, DutyAction, Language, QuietHours};
use gengfu_model::staff::Action;

use super::{ConfigArgument, Failure, give, leave, reach, say};
use crate::local::{Question, Reply};

/// What the command line gave.
pub(super) struct Given<'a> {
    pub(super) channels: &'a [String],
    pub(super) language: Option<&'a str>,
    pub(super) quiet: &'a [String],
    pub(super) test: bool,
}

/// Shows or sets a contact, and sends a test if that was asked for.
///
/// # Errors
/// Why the gateway refused or cannot be asked.
pub(super) fn run(name: &str, given: &Given<'_>, config: &ConfigArgument) -> Result<(), Failure> {
    let config = config.load()?;
    let sets = !given.channels.is_empty() || given.language.is_some() || !given.quiet.is_empty();
    let contact = sets.then(|| contact(name, given)).transpose()?;
    let known = |name: &str| config.channel.iter().any(|channel| channel.name == name);
    let stranger = contact.iter().flat_map(|contact| &contact.channels).find(|channel| !known(&channel.channel));
    if let Some(stranger) = stranger {
        return Err(Failure::Failed(format!("the configuration has no channel `{}`", stranger.channel)));
    }
    let mut local = reach(&config)?;
    let outcome = (|| {
        if let Some(contact) = contact {
            let verdict =
                local.act(Action::Duty { ask: DutyAction::PutContact { contact } }).map_err(Failure::failed)?;
            verdict.map_err(|refusal| Failure::Failed(refusal.message))?;
            say(&format!("`{name}` is reached like that from now on"));
        }
        if given.test {
            let ask = DutyAction::TestContact { user: name.into() };
            let verdict = local.act(Action::Duty { ask }).map_err(Failure::failed)?;
            verdict.map_err(|refusal| Failure::Failed(refusal.message))?;
            say("a test is on its way");
        }
        match local.ask(Question::Contact(name.to_owned())).map_err(Failure::failed)? {
            Reply::Found(serde_json::Value::Null) => {
                say(&format!("nothing is set for `{name}`: the console alone"));
                Ok(())
            }
            Reply::Found(contact) => {
                give(&contact.to_string());
                Ok(())
            }
            other => Err(Failure::Failed(format!("unexpected answer: {other:?}"))),
        }
    })();
    leave(local);
    outcome
}

fn contact(name: &str, given: &Given<'_>) -> Result<Contact, Failure> {
    let language = match given.language {
        None | Some("zh") => Language::Zh,
        Some("en") => Language::En,
        Some(other) => return Err(Failure::Usage(format!("`{other}` is no language: zh or en"))),
    };
    let channels = given.channels.iter().map(|text| {
        let (channel, address) = text.split_once('=').unwrap_or((text, ""));
        ContactChannel { channel: channel.into(), address: address.into() }
    });
    let quiet = given.quiet.iter().map(|text| {
        quiet(text)
            .ok_or_else(|| Failure::Usage(format!("`{text}` is no quiet time: write it as 22:00-07:00:critical")))
    });
    Ok(Contact {
        user: name.into(),
        language,
        channels: channels.collect(),
        quiet: quiet.collect::<Result<Vec<QuietHours>, Failure>>()?,
    })
}

fn quiet(text: &str) -> Option<QuietHours> {
    let (hours, below) = text.rsplit_once(':')?;
    let (from, to) = hours.split_once('-')?;
    Some(QuietHours {
        from: from.to_owned().try_into().ok()?,
        to: to.to_owned().try_into().ok()?,
        below: serde_json::from_value(serde_json::Value::from(below)).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_times_are_read() {
        let read = quiet("22:00-07:30:critical").unwrap();
        assert_eq!((read.from.to_string(), read.to.to_string()), ("22:00".to_owned(), "07:30".to_owned()));
        for wrong in ["22:00-07:30", "22-7:critical", "22:00:critical", "22:00-07:30:bad", ""] {
            assert_eq!(quiet(wrong), None, "{wrong}");
        }
    }
}
