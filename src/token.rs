//! `syncroboard token`: makes a token with the configured secret or that of a data directory; servers may run meanwhile.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use api::auth::{Identity, issue_token};
use clap::Args;

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::exit::Failed;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What `syncroboard token` takes.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// E-mail of the person; registered at their first command.
    #[arg(long, value_name = "EMAIL")]
    user: String,

    /// Name for people [default: what stands before the @].
    #[arg(long)]
    name: Option<String>,

    /// An administrator may do in any project what its owner may.
    #[arg(long)]
    admin: bool,

    /// How many days the token is good for.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,

    /// The server's data directory [default: data.dir of the configuration, ./data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

pub(crate) fn run(args: &TokenArgs, config: &Config) -> Result<ExitCode, Failed> {
    let email = args.user.trim();
    let Some((local, domain)) = email.split_once('@') else {
        return Err(Failed::usage(format!("--user {email}: an e-mail such as ana@example.org is needed")));
    };
    if local.is_empty() || domain.is_empty() {
        return Err(Failed::usage(format!("--user {email}: an e-mail such as ana@example.org is needed")));
    }
    let secret = match &args.data_dir {
        Some(dir) => DataDir::new(dir).secret()?,
        None => DataDir::new(&config.data.dir).secret_of(config)?,
    };
    let identity = Identity::new(email, args.name.as_deref().unwrap_or(local), args.admin);
    println!("{}", issue_token(&secret, &identity, DAY * args.days)?);
    Ok(ExitCode::SUCCESS)
}

/// A short-lived administrator's token, if a secret is configured or lies in the data directory: whoever can read that may
/// make one anyway.
pub(crate) fn local_admin(config: &Config) -> Option<String> {
    let data = DataDir::new(&config.data.dir);
    let secret =
        if config.api.secret.is_empty() { data.existing_secret().ok()?? } else { data.secret_of(config).ok()? };
    issue_token(&secret, &Identity::new("admin@localhost.local", "Administrator", true), DAY).ok()
}
