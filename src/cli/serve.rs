//! `gengfu serve`: run the gateway until told to stop.

use super::{ConfigArgument, Failure, runtime, say, start_logging};
use crate::{Gateway, StartOptions};

/// Run the gateway.
#[derive(clap::Args)]
pub(super) struct Serve {
    #[command(flatten)]
    config: ConfigArgument,
    /// Start although the clock is behind the journal or over 400 days ahead of it.
    #[arg(long)]
    accept_clock: bool,
}

impl Serve {
    /// Runs the command.
    ///
    /// # Errors
    /// When the gateway cannot start, or a stage failed.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = self.config.load()?;
        start_logging();
        runtime()?.block_on(async {
            let options = StartOptions { listeners: true, accept_clock: self.accept_clock };
            let gateway = Gateway::start(&config, options).await.map_err(Failure::failed)?;
            for line in gateway.addresses().lines() {
                say(&line);
            }
            let failed = until_stopped(&gateway).await;
            gateway.stop().await;
            failed.map_or(Ok(()), |failure| Err(Failure::Failed(failure)))
        })
    }
}

/// Waits for Ctrl-C, SIGTERM or the failure of a stage, which it gives.
pub(super) async fn until_stopped(gateway: &Gateway) -> Option<String> {
    let mut failures = gateway.failures();
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(signal) => signal,
        Err(error) => return Some(format!("cannot listen for SIGTERM: {error}")),
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => None,
        _ = terminate.recv() => None,
        failure = failures.wait_for(Option::is_some) => failure.ok().and_then(|failure| failure.clone()),
    }
}
