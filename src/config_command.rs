//! `syncroboard config`: what is in force, and where each value comes from.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use crate::config::{Config, Source};
use crate::exit::Failed;
use crate::print::{self, one_line};
use crate::table::Table;

/// What `syncroboard config` takes.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Print a JSON object for each key.
    #[arg(long)]
    json: bool,

    /// Leave out what nobody has set.
    #[arg(long)]
    set: bool,
}

pub(crate) fn run(args: &ConfigArgs, config: &Config, file: Option<&Path>) -> Result<ExitCode, Failed> {
    let mut settings = config.in_force(file)?;
    settings.retain(|setting| !args.set || setting.source != Source::Default);
    if args.json {
        for setting in &settings {
            if !print::json(setting)? {
                break;
            }
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(["KEY", "VALUE", "FROM"]);
    for setting in &settings {
        table.row([setting.key.clone(), one_line(&setting.value), one_line(&setting.source.to_string())]);
    }
    print::line(table.to_string().trim_end())?;
    Ok(ExitCode::SUCCESS)
}
