//! `gengfu-sim`: the simulated city's command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    gengfu_sim::cli::main()
}
