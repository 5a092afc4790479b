//! Who is told outside, from the configuration: signed webhooks fed from the ledger's outbox.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gengfu_connectors::delivery::WebhookConfig as Settings;
use gengfu_connectors::delivery::{Deliverer, DeliveryConfig, StartAt, Target, Webhook};
use gengfu_ingest::Clock;

use crate::config::{Config, WebhookConfig};
use crate::gateway::{StartError, ledger_reader};

/// How long one attempt may take in all.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Starts a deliverer for the webhooks of the configuration; `None` if there are none.
///
/// # Errors
/// When a webhook cannot be set up as configured, or the record of deliveries cannot be opened.
pub(crate) fn start(config: &Config, clock: &Arc<dyn Clock>) -> Result<Option<Deliverer>, StartError> {
    if config.webhook.is_empty() {
        return Ok(None);
    }
    let data = &config.data.folder;
    let targets = config.webhook.iter().map(target).collect::<Result<Vec<_>, _>>()?;
    let clock = Arc::clone(clock);
    let clock: gengfu_connectors::delivery::Clock = Arc::new(move || clock.now());
    let record = data.join("delivery.db");
    Deliverer::start(&ledger_reader(data)?, &record, targets, DeliveryConfig::default(), &clock)
        .map(Some)
        .map_err(|error| StartError::new("webhooks", error))
}

fn target(hook: &WebhookConfig) -> Result<Target, StartError> {
    let cannot = |error: &dyn std::fmt::Display| StartError::new(format!("webhook `{}`", hook.name), error);
    let read = |file: &Path| std::fs::read(file).map_err(|error| cannot(&format!("{}: {error}", file.display())));
    let secret = read(&hook.secret_file)?.trim_ascii().to_vec();
    let roots_pem = hook.roots_file.as_deref().map(read).transpose()?.unwrap_or_default();
    let settings = Settings { url: hook.url.clone(), secret, timeout: TIMEOUT, roots_pem };
    let webhook = Webhook::new(settings).map_err(|error| cannot(&error))?;
    Ok(Target {
        name: hook.name.clone(),
        topics: hook.topics.clone(),
        start: StartAt::Newest,
        channel: Box::new(webhook),
    })
}
