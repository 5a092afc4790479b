//! Lowers the priority of the thread that calls: trials yield to the live line.

use std::process::{Command, Stdio};

/// How nice a trial is, of 0 to 19.
const NICENESS: &str = "15";

/// Lowers the priority of this thread alone. Where that cannot be done (no `/proc`, no `renice`), it is said in
/// the log, and the trial runs as it is.
pub fn lower() {
    // `PID/task/TID`: to Linux a thread's id is as good as a process's.
    let thread = std::fs::read_link("/proc/thread-self").ok();
    let id = thread.as_deref().and_then(std::path::Path::file_name).and_then(|id| id.to_str());
    let Some(id) = id else {
        tracing::info!("trial: the thread's priority cannot be lowered here");
        return;
    };
    // No crate for one call of the system, which `unsafe` would be needed for: every machine has `renice`.
    let mut renice = Command::new("renice");
    renice.args(["-n", NICENESS, "-p", id]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match renice.status() {
        Ok(status) if status.success() => {}
        Ok(status) => tracing::info!(%status, "trial: `renice` did not lower the thread's priority"),
        Err(error) => tracing::info!(%error, "trial: the thread's priority is not lowered"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_thread_is_nicer_and_its_neighbours_are_not() {
        // Field 19 of `stat`, counted behind the name in brackets.
        let nice = || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            stat.rsplit(')').next().unwrap().split_whitespace().nth(16).unwrap().to_owned()
        };
        let before = nice();
        let lowered = std::thread::spawn(move || {
            super::lower();
            nice()
        });
        assert_eq!(lowered.join().unwrap(), super::NICENESS);
        assert_eq!(nice(), before);
    }
}
