//! `syncroboard get` and `syncroboard list`: what a running server has, for people and for scripts.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use console::style;
use serde_json::Value;

use crate::config::Config;
use crate::exit::Failed;
use crate::print::{self, one_line, printable};
use crate::server::{Server, ServerArgs};
use crate::table::Table;

/// Most items of a page.
const PAGE: u32 = 200;

/// What `syncroboard get` takes.
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    #[command(subcommand)]
    what: One,

    /// Print what the server answers, as JSON.
    #[arg(long, global = true)]
    json: bool,

    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum One {
    /// A ticket.
    Ticket {
        /// Its code, such as SYNC-101, or its id.
        #[arg(value_name = "TICKET")]
        id: String,
    },
    /// A project.
    Project {
        /// Its key or id.
        #[arg(value_name = "PROJECT")]
        id: String,
    },
}

/// What `syncroboard list` takes.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(subcommand)]
    what: Many,

    /// Most of them.
    #[arg(long, global = true, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,

    /// Print each as the server has it, a JSON object a line.
    #[arg(long, global = true)]
    json: bool,

    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum Many {
    /// Projects, by key.
    Projects,
    /// Tickets of a project, the newest first, or of all with `--text` alone.
    Tickets(TicketFilter),
}

#[derive(Debug, Args)]
struct TicketFilter {
    /// Key or id of the project.
    #[arg(value_name = "PROJECT", required_unless_present = "text")]
    project: Option<String>,

    /// Words that they have.
    #[arg(long, value_name = "WORDS")]
    text: Option<String>,

    /// State.
    #[arg(long, requires = "project")]
    status: Option<String>,

    /// LOW, MEDIUM, HIGH or URGENT.
    #[arg(long, requires = "project")]
    priority: Option<String>,

    /// A label that they have.
    #[arg(long, requires = "project")]
    label: Option<String>,

    /// Who has them: an e-mail, an id, `me` or `none`.
    #[arg(long, value_name = "WHO", requires = "project")]
    assignee: Option<String>,

    /// `number` or `updated`.
    #[arg(long, value_name = "ORDER", requires = "project")]
    sort: Option<String>,
}

pub(crate) fn get(args: &GetArgs, config: &Config) -> Result<ExitCode, Failed> {
    let server = args.server.open(config)?;
    let (path, text): (&[&str], fn(&Value) -> String) = match &args.what {
        One::Ticket { id } => (&["tickets", id], ticket),
        One::Project { id } => (&["projects", id], project),
    };
    let found = server.get(path, &[])?;
    if args.json {
        print::json(&found)?;
    } else {
        print::line(text(&found).trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn list(args: &ListArgs, config: &Config) -> Result<ExitCode, Failed> {
    let server = args.server.open(config)?;
    match &args.what {
        Many::Projects => {
            let mut table = Table::new(["KEY", "NAME"]);
            let row = |item: &Value| [text(item, "key"), text(item, "name")];
            each(&server, args, &["projects"], &[], |item| table.row(row(item)))?;
            shown(args, &table.to_string())
        }
        Many::Tickets(filter) => {
            let mut table = Table::new(["CODE", "STATUS", "PRIORITY", "UPDATED", "TITLE"]);
            let row = |item: &Value| {
                [text(item, "code"), text(item, "status"), priority(item), day(item, "updatedAt"), text(item, "title")]
            };
            let path: Vec<&str> = match &filter.project {
                Some(project) => vec!["projects", project, "tickets"],
                None => vec!["search"],
            };
            each(&server, args, &path, &filter.query(), |item| table.row(row(item)))?;
            shown(args, &table.to_string())
        }
    }
}

impl TicketFilter {
    fn query(&self) -> Vec<(&'static str, String)> {
        let all = [
            ("text", &self.text),
            ("status", &self.status),
            ("priority", &self.priority),
            ("label", &self.label),
            ("assignee", &self.assignee),
            ("sort", &self.sort),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
    }
}

/// Goes through a list, page by page; prints each item as it comes if that is wanted, and hands it on otherwise.
fn each(
    server: &Server,
    args: &ListArgs,
    path: &[&str],
    filter: &[(&'static str, String)],
    mut told: impl FnMut(&Value),
) -> Result<(), Failed> {
    let (mut left, mut cursor) = (args.limit, None);
    loop {
        let mut query = filter.to_vec();
        query.push(("limit", left.min(PAGE).to_string()));
        query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
        let page = server.get(path, &query)?;
        for item in page["items"].as_array().into_iter().flatten() {
            if !args.json {
                told(item);
            } else if !print::json(item)? {
                return Ok(());
            }
            left = left.saturating_sub(1);
        }
        cursor = page["nextCursor"].as_str().map(str::to_owned);
        if cursor.is_some() && left == 0 {
            eprintln!("syncroboard: there are more; --limit shows them");
        }
        if cursor.is_none() || left == 0 {
            return Ok(());
        }
    }
}

fn shown(args: &ListArgs, table: &str) -> Result<ExitCode, Failed> {
    if !args.json {
        print::line(table.trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A text, on one line; what is not there is a dash.
fn text(item: &Value, field: &str) -> String {
    item[field].as_str().map_or_else(|| "-".to_owned(), one_line)
}

/// The day of a time.
fn day(item: &Value, field: &str) -> String {
    text(item, field).chars().take(10).collect()
}

/// Coloured on a terminal, unless `NO_COLOR` is set.
fn priority(item: &Value) -> String {
    let text = text(item, "priority");
    match text.as_str() {
        "URGENT" => style(text).red().bold().to_string(),
        "HIGH" => style(text).yellow().to_string(),
        _ => text,
    }
}

fn words(item: &Value, field: &str) -> String {
    let words: Vec<String> =
        item[field].as_array().into_iter().flatten().filter_map(Value::as_str).map(one_line).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}

fn ticket(item: &Value) -> String {
    let fields = [
        ("status", text(item, "status")),
        ("priority", priority(item)),
        ("labels", words(item, "labels")),
        ("assignee", text(item, "assigneeId")),
        ("reporter", text(item, "reporterId")),
        ("due", day(item, "dueDate")),
        ("created", text(item, "createdAt")),
        ("updated", text(item, "updatedAt")),
        ("version", item["version"].to_string()),
    ];
    described(&text(item, "code"), &text(item, "title"), &fields, item)
}

fn project(item: &Value) -> String {
    let fields = [
        ("owner", text(item, "ownerId")),
        ("policy", text(item, "assignmentPolicy")),
        ("archived", item["archived"].to_string()),
        ("created", text(item, "createdAt")),
        ("updated", text(item, "updatedAt")),
    ];
    described(&text(item, "key"), &text(item, "name"), &fields, item)
}

/// A name and a title, fields, and the description if there is one.
fn described(name: &str, title: &str, fields: &[(&str, String)], item: &Value) -> String {
    let mut out = format!("{}  {title}\n", style(name).bold());
    for (name, value) in fields {
        let _ = writeln!(out, "  {name:<9} {value}");
    }
    if let Some(text) = item["description"].as_str().filter(|text| !text.is_empty()) {
        let _ = write!(out, "\n{}", printable(text));
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn should_let_nothing_steer_the_terminal() {
        let item = json!({ "code": "A-1", "title": "red \u{1b}[31m\nline", "labels": ["x\u{7}"], "description": "a\n\u{1b}]0;b" });
        let shown = ticket(&item);
        assert!(!shown.contains(['\u{1b}', '\u{7}']), "{shown:?}");
        assert!(shown.starts_with("A-1  red \\u{1b}[31m\\nline\n  status    -\n"), "{shown}");
        assert!(shown.ends_with("\n\na\n\\u{1b}]0;b"), "{shown}");
    }
}
