//! `syncroboard topology`: prints the pipeline.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use processors::{PipelineConfig, pipeline};

use crate::exit::Failed;

/// What `syncroboard topology` takes.
#[derive(Debug, Args)]
pub(crate) struct TopologyArgs {
    /// How to print it.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Mermaid,
    Json,
}

pub(crate) fn run(args: &TopologyArgs) -> Result<ExitCode, Failed> {
    let description = pipeline(&PipelineConfig::default())?.describe();
    let out = match args.format {
        Format::Text => description.to_text(),
        Format::Mermaid => description.to_mermaid(),
        Format::Json => description.to_json(),
    };
    println!("{}", out.trim_end());
    Ok(ExitCode::SUCCESS)
}
