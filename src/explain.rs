//! `syncroboard explain`: who has a ticket, and why.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde::Deserialize;

use crate::config::Config;
use crate::exit::Failed;
use crate::print::{self, printable};
use crate::server::ServerArgs;

/// What `syncroboard explain` takes.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Code of the ticket, such as SYNC-101, or its id.
    #[arg(value_name = "TICKET")]
    ticket: String,

    #[command(flatten)]
    server: ServerArgs,
}

/// The answer of `GET /tickets/{id}/assignment`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assignment {
    code: String,
    policy: String,
    pool_id: String,
    pool_key: Option<String>,
    state: String,
    assignee_id: Option<String>,
    assignee_name: Option<String>,
    automatic: bool,
    changed_by: Option<String>,
    changed_at: Option<String>,
    round: i64,
    reason: String,
}

pub(crate) fn run(args: &ExplainArgs, config: &Config) -> Result<ExitCode, Failed> {
    let code = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if args.ticket.is_empty() || !args.ticket.bytes().all(code) {
        return Err(Failed::usage(format!("{}: a code such as SYNC-101, or an id, is needed", args.ticket)));
    }
    let found = args.server.open(config)?.get(&["tickets", &args.ticket, "assignment"], &[])?;
    let assignment: Assignment = serde_json::from_value(found).context("the server's answer")?;
    print::line(printable(&assignment.to_string()).trim_end())?;
    Ok(ExitCode::SUCCESS)
}

impl std::fmt::Display for Assignment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.assignee_name.as_ref().or(self.assignee_id.as_ref());
        match name {
            Some(name) => writeln!(f, "{} is assigned to {name}", self.code)?,
            None => writeln!(f, "{} is {}", self.code, self.state)?,
        }
        writeln!(f, "  why     {}", self.reason)?;
        if let Some(at) = &self.changed_at {
            let by = self.changed_by.as_deref().filter(|_| !self.automatic).unwrap_or("assignment");
            writeln!(f, "  since   {at}, by {by}")?;
        }
        writeln!(f, "  policy  {}", self.policy)?;
        // That a project has a pool of its own goes without saying.
        let own = self.pool_key.as_ref().is_some_and(|key| self.code.rsplit_once('-').is_some_and(|(of, _)| of == key));
        if !own {
            writeln!(f, "  pool    {}", self.pool_key.as_ref().unwrap_or(&self.pool_id))?;
        }
        writeln!(f, "  round   {}", self.round)
    }
}
