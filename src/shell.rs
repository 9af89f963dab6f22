//! `syncroboard completions` and `syncroboard man`: what shells and `man` want to know of the command line.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Command};
use clap_complete::Shell;

use crate::exit::Failed;

/// What `syncroboard completions` takes.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell that is to complete commands.
    #[arg(value_enum)]
    shell: Shell,
}

/// What `syncroboard man` takes.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// A directory for a page of each command; it is made if it is not there [default: the first page, to standard output].
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn completions(args: &CompletionsArgs, mut command: Command) -> Result<ExitCode, Failed> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "syncroboard", &mut script);
    written(&script)
}

pub(crate) fn man(args: &ManArgs, command: Command) -> Result<ExitCode, Failed> {
    match &args.dir {
        Some(dir) => {
            std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
            clap_mangen::generate_to(command, dir).with_context(|| format!("cannot write to {}", dir.display()))?;
            Ok(ExitCode::SUCCESS)
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            written(&page)
        }
    }
}

/// Whoever reads may close the pipe at any time.
fn written(text: &[u8]) -> Result<ExitCode, Failed> {
    match io::stdout().lock().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}
