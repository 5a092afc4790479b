//! The closed list of what this listener refuses, as it stands in the journal's `Refusals` records.

/// Why something was refused at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Login: no such device, no such token, or a short token without the device id.
    BadCredentials,
    /// Login: neither a user name nor a client certificate.
    NoCredentials,
    /// Login or publish: the device is retired or not in the register any more.
    Retired,
    /// Login: the client id is too long, or empty with clean session 0 (3.1.1).
    BadClientId,
    /// Login: a way of authentication that is not ours (MQTT 5).
    AuthMethod,
    /// Login: the will's topic is not the device's own events, or the will is to be retained (MQTT 5).
    BadWill,
    /// Login: as many devices are connected as may be.
    TooManyConnections,
    /// Login: the client takes only packets that are too small to greet it (MQTT 5).
    TakesTooLittle,
    /// Login: the protocol's version is neither 3.1.1 nor 5.
    Version,
    /// Publish: another device's topic.
    NotYourTopic,
    /// Publish: no topic of ours.
    UnknownTopic,
    /// Publish: the user property `message-id` is too long.
    MessageIdTooLong,
    /// A packet larger than allowed.
    PacketTooLarge,
    /// A packet that breaks the protocol.
    ProtocolError,
    /// Subscribe: anything but the own command topic.
    Subscription,
}

impl Refused {
    /// The reason's name in the journal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Refused::BadCredentials => "login_bad_credentials",
            Refused::NoCredentials => "login_no_credentials",
            Refused::Retired => "device_retired",
            Refused::BadClientId => "login_bad_client_id",
            Refused::AuthMethod => "login_auth_method",
            Refused::BadWill => "login_bad_will",
            Refused::TooManyConnections => "login_too_many_connections",
            Refused::TakesTooLittle => "login_packet_limit_too_small",
            Refused::Version => "login_protocol_version",
            Refused::NotYourTopic => "not_your_topic",
            Refused::UnknownTopic => "unknown_topic",
            Refused::MessageIdTooLong => "message_id_too_long",
            Refused::PacketTooLarge => "packet_too_large",
            Refused::ProtocolError => "protocol_error",
            Refused::Subscription => "subscription",
        }
    }
}
