//! The `gengfu` program: see [`gengfu::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    gengfu::cli::run()
}
