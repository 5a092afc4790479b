//! `gengfu codecs check`: every device model's codec against the payloads that its maker publishes.

use super::{Failure, give, say};

/// Codecs of device models.
#[derive(clap::Args)]
pub(super) struct Codecs {
    #[command(subcommand)]
    command: CodecsCommand,
}

#[derive(clap::Subcommand)]
enum CodecsCommand {
    /// Decode every model's sample payloads, and compare with what they mean.
    Check {
        /// The models as JSON, one a line.
        #[arg(long)]
        json: bool,
    },
}

impl Codecs {
    /// Runs the command.
    ///
    /// # Errors
    /// The samples that decode to something else.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let CodecsCommand::Check { json } = &self.command;
        for codec in gengfu_codecs::MODELS {
            let kinds: Vec<&str> = codec.kinds.iter().map(|kind| kind.name()).collect();
            if *json {
                let (model, maker, samples) = (codec.model, codec.maker, codec.samples.len());
                let line = serde_json::json!({ "model": model, "maker": maker, "kinds": kinds, "samples": samples });
                give(&line.to_string());
            } else {
                let samples = codec.samples.len();
                say(&format!("{} ({}): {}, {samples} samples", codec.model, codec.maker, kinds.join(", ")));
            }
        }
        match gengfu_codecs::models::check_samples() {
            Ok(count) => {
                say(&format!("{count} samples of {} models decode to what they mean", gengfu_codecs::MODELS.len()));
                Ok(())
            }
            Err(wrong) => Err(Failure::Failed(wrong.join("\n"))),
        }
    }
}
