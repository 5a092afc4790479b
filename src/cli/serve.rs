//! `gengfu serve`: run the gateway until told to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};

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
            let mut signals = StopSignals::listen()?;
            let options = StartOptions { listeners: true, accept_clock: self.accept_clock };
            let gateway = Gateway::start(&config, options).await.map_err(Failure::failed)?;
            for line in gateway.addresses().lines() {
                say(&line);
            }
            let failed = signals.or_failure(&gateway).await;
            gateway.stop().await;
            failed.map_or(Ok(()), |failure| Err(Failure::Failed(failure)))
        })
    }
}

/// Ctrl-C and SIGTERM, listened for from before the start: one that comes during recovery is not lost.
pub(super) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// Begins to listen. Call it within a runtime.
    pub(super) fn listen() -> Result<StopSignals, Failure> {
        let interrupt = signal(SignalKind::interrupt()).map_err(Failure::failed)?;
        let terminate = signal(SignalKind::terminate()).map_err(Failure::failed)?;
        Ok(StopSignals { interrupt, terminate })
    }

    /// Waits for a signal or the failure of a stage, which it gives.
    pub(super) async fn or_failure(&mut self, gateway: &Gateway) -> Option<String> {
        let mut failures = gateway.failures();
        tokio::select! {
            _ = self.interrupt.recv() => None,
            _ = self.terminate.recv() => None,
            failure = failures.wait_for(Option::is_some) => failure.ok().and_then(|failure| failure.clone()),
        }
    }
}
