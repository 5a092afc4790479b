//! Every thread of the pipeline is started here, named, and waited for.
//!
//! Ending unasked, with an error or a panic, is fatal to the process: nothing downstream may go on as
//! if the missing stage had done its work. Recovery from the journal puts everything right.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{Builder, JoinHandle};

use tokio::sync::watch;

/// The threads of one gateway.
pub struct Supervisor {
    threads: Vec<(&'static str, JoinHandle<()>)>,
    failed: watch::Sender<Option<String>>,
}

impl Default for Supervisor {
    fn default() -> Self {
        Supervisor { threads: Vec::new(), failed: watch::Sender::new(None) }
    }
}

impl Supervisor {
    /// Starts a stage. It ends well when its input is closed.
    ///
    /// # Errors
    /// When the machine has no thread left.
    pub fn spawn(
        &mut self,
        name: &'static str,
        stage: impl FnOnce() -> Result<(), String> + Send + 'static,
    ) -> std::io::Result<()> {
        let failed = self.failed.clone();
        let body = move || {
            let result = catch_unwind(AssertUnwindSafe(stage)).unwrap_or_else(|panic| {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                Err(format!("panicked: {}", text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message")))
            });
            if let Err(error) = result {
                tracing::error!(stage = name, error, "stage failed, the process stops and recovers at its next start");
                failed.send_if_modified(|first| {
                    let is_first = first.is_none();
                    if is_first {
                        *first = Some(format!("{name}: {error}"));
                    }
                    is_first
                });
            }
        };
        let thread = Builder::new().name(format!("gengfu-{name}")).stack_size(8 << 20).spawn(body)?;
        self.threads.push((name, thread));
        Ok(())
    }

    /// The first failure of a stage, when there is one.
    #[must_use]
    pub fn failures(&self) -> watch::Receiver<Option<String>> {
        self.failed.subscribe()
    }

    /// Where a part that is no thread of its own tells its failure; the first one counts.
    #[must_use]
    pub fn failure_sender(&self) -> watch::Sender<Option<String>> {
        self.failed.clone()
    }

    /// Waits for every stage to end.
    pub fn join(self) {
        for (name, thread) in self.threads {
            if thread.join().is_err() {
                tracing::error!(stage = name, "stage could not be joined");
            }
        }
    }
}
