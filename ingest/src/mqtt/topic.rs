//! The topics of a device: where it may publish, and what it may subscribe to.
//!
//! A device has four topics to publish to and one to hear on, all under its own id (or `me`). There
//! is nothing else: this listener routes nothing between clients.

use gengfu_model::PayloadFormat;

const PREFIX: &str = "v1/devices/";
/// The word that stands for the device that is logged in.
const ME: &str = "me";

/// Why a publish's topic is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TopicRefusal {
    /// Another device's topic.
    NotYours,
    /// No topic of ours.
    Unknown,
}

/// What bytes published to this topic are.
pub(crate) fn publish_format(topic: &str, device: &str) -> Result<PayloadFormat, TopicRefusal> {
    let (id, leaf) = split(topic).ok_or(TopicRefusal::Unknown)?;
    let format = match leaf {
        "telemetry" => PayloadFormat::Json,
        "up" => PayloadFormat::Bytes,
        "events" => PayloadFormat::Event,
        "replies" => PayloadFormat::Reply,
        _ => return Err(TopicRefusal::Unknown),
    };
    if id == ME || id == device { Ok(format) } else { Err(TopicRefusal::NotYours) }
}

/// Which of its two names a device used for its command topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandTopic {
    /// `v1/devices/{id}/commands`.
    ById,
    /// `v1/devices/me/commands`.
    Me,
}

impl CommandTopic {
    /// The topic that this filter is, if it is the device's own command topic.
    pub(crate) fn from_filter(filter: &str, device: &str) -> Option<CommandTopic> {
        match split(filter)? {
            (ME, "commands") => Some(CommandTopic::Me),
            (id, "commands") if id == device => Some(CommandTopic::ById),
            _ => None,
        }
    }

    /// The topic's name.
    pub(crate) fn name(self, device: &str) -> String {
        let id = if self == CommandTopic::Me { ME } else { device };
        format!("{PREFIX}{id}/commands")
    }
}

fn split(topic: &str) -> Option<(&str, &str)> {
    topic.strip_prefix(PREFIX)?.split_once('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_publishes_only_as_itself() {
        assert_eq!(publish_format("v1/devices/a/telemetry", "a"), Ok(PayloadFormat::Json));
        assert_eq!(publish_format("v1/devices/me/up", "a"), Ok(PayloadFormat::Bytes));
        assert_eq!(publish_format("v1/devices/a/events", "a"), Ok(PayloadFormat::Event));
        assert_eq!(publish_format("v1/devices/a/replies", "a"), Ok(PayloadFormat::Reply));
        assert_eq!(publish_format("v1/devices/b/telemetry", "a"), Err(TopicRefusal::NotYours));
        let unknown = [
            "",
            "v1/devices/a",
            "v1/devices/a/commands",
            "v1/devices/a/telemetry/",
            "/v1/devices/a/up",
            "V1/devices/a/up",
        ];
        for topic in unknown {
            assert_eq!(publish_format(topic, "a"), Err(TopicRefusal::Unknown), "{topic}");
        }
    }

    #[test]
    fn only_the_own_command_topic_can_be_heard() {
        assert_eq!(CommandTopic::from_filter("v1/devices/a/commands", "a"), Some(CommandTopic::ById));
        assert_eq!(CommandTopic::from_filter("v1/devices/me/commands", "a"), Some(CommandTopic::Me));
        for filter in
            ["#", "v1/devices/+/commands", "v1/devices/b/commands", "v1/devices/a/#", "v1/devices/a/telemetry"]
        {
            assert_eq!(CommandTopic::from_filter(filter, "a"), None, "{filter}");
        }
        assert_eq!(CommandTopic::ById.name("a"), "v1/devices/a/commands");
    }
}
