//! What is wrong with a configuration though each key by itself can be read.

use super::{ChannelKind, Config, PlatformForm};

impl Config {
    /// What is wrong though each key by itself can be read: (key, message, hint).
    pub(super) fn check(&self) -> Vec<(String, String, String)> {
        let mut wrong = Vec::new();
        let mut must = |good: bool, key: &str, message: &str, hint: &str| {
            if !good {
                wrong.push((key.to_owned(), message.to_owned(), hint.to_owned()));
            }
        };
        let zone: Result<chrono_tz::Tz, _> = self.city.time_zone.parse();
        must(zone.is_ok(), "city.time_zone", "no IANA time zone", "such as \"Asia/Shanghai\"");
        let tls = (self.mqtt.tls_certificate.is_some(), self.mqtt.tls_key.is_some());
        must(
            self.mqtt.listen_tls.is_none() || tls == (true, true),
            "mqtt.listen_tls",
            "needs `tls_certificate` and `tls_key`",
            "name two PEM files",
        );
        must((1..=64).contains(&self.engine.decoders), "engine.decoders", "must be 1 to 64", "1 does on two cores");
        must(self.engine.checkpoint_records >= 1_000, "engine.checkpoint_records", "must be at least 1000", "");
        must(self.engine.checkpoint_every.0 >= 1_000, "engine.checkpoint_every", "must be at least 1s", "");
        let segment = self.journal.segment.0;
        must((1 << 20..=1 << 30).contains(&segment), "journal.segment", "must be 1MiB to 1GiB", "");
        must(self.journal.queue >= 16, "journal.queue", "must be at least 16", "");
        let packet = self.mqtt.max_packet.0;
        must((1_024..=1 << 20).contains(&packet), "mqtt.max_packet", "must be 1KiB to 1MiB", "");
        must(packet * 2 <= segment, "mqtt.max_packet", "must be at most half of `journal.segment`", "");
        must((1..=100_000).contains(&self.mqtt.rate), "mqtt.rate", "must be 1 to 100000", "");
        must(self.days.hour < 24, "days.hour", "must be 0 to 23", "0 is midnight");
        if let Some(influx) = &self.influx {
            let url = crate::remote_series::address(influx);
            must(url.is_ok(), "influx.url", &url.err().unwrap_or_default(), "such as \"http://127.0.0.1:8086\"");
            must(!influx.bucket.is_empty(), "influx.bucket", "is empty", "name the bucket to write to");
            let roots = !influx.url.starts_with("https") || influx.roots_file.is_some();
            must(roots, "influx.roots_file", "is missing", "an https address needs the certificates to trust");
            must((100..=300_000).contains(&influx.timeout.0), "influx.timeout", "must be 100ms to 5m", "");
            let confirm = (1_000..=600_000).contains(&influx.confirm_after.0);
            must(confirm, "influx.confirm_after", "must be 1s to 10m", "");
        }
        for hook in &self.webhook {
            let http = hook.url.starts_with("http://") || hook.url.starts_with("https://");
            must(http, "webhook.url", "must begin with http:// or https://", "");
            must(!hook.name.is_empty(), "webhook.name", "is empty", "it stands in receipts");
            let source = hook.cloudevents_source.as_deref().is_none_or(gengfu_connectors::city::cloudevents::is_source);
            must(source, "webhook.cloudevents_source", "is no URI reference", "such as \"/gengfu/yuncheng\"");
        }
        for channel in &self.channel {
            let name = &channel.name;
            let good = !name.is_empty() && name != "console" && !name.contains(char::is_whitespace);
            must(good, "channel.name", "is empty, has spaces or is `console`", "contacts name the channel by it");
            let address = channel.url.is_empty() == channel.url_file.is_some();
            must(address, "channel.url", "either `url` or `url_file`", "");
            let mail = channel.kind == ChannelKind::Smtp;
            must(!mail || !channel.from.is_empty(), "channel.from", "is missing", "mail needs its sender");
            let body = channel.kind != ChannelKind::Sms || !channel.body.is_empty();
            must(body, "channel.body", "is missing", "such as '{\"mobile\":\"{phone}\",\"content\":\"{text}\"}'");
        }
        for platform in &self.platform {
            let name = &platform.name;
            let good =
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
            must(good, "platform.name", "is no word of letters, digits, `-` and `_`", "it stands in a path");
            let mapped = platform.form != PlatformForm::Mapped || platform.mapping_file.is_some();
            must(mapped, "platform.mapping_file", "is missing", "the form `mapped` needs it");
            let source = gengfu_connectors::city::cloudevents::is_source(&platform.source);
            must(source, "platform.source", "is no URI reference", "such as \"/gengfu/yuncheng\"");
            must((1_000..=86_400_000).contains(&platform.poll_every.0), "platform.poll_every", "must be 1s to 1d", "");
        }
        wrong
    }
}
