//! `syncroboard submit`: native commands into a running server, and what became of each.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use clap::Args;
use reqwest::blocking::Body;
use serde::Deserialize;
use serde_json::{StreamDeserializer, Value, de::IoRead};

use crate::config::Config;
use crate::exit::Failed;
use crate::print::{self, one_line};
use crate::server::ServerArgs;

/// What `syncroboard submit` takes.
#[derive(Debug, Args)]
pub(crate) struct SubmitArgs {
    /// A file with commands, JSON objects one after the other (docs/commands.md); `-` is standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,

    /// An `Idempotency-Key`: with it the same file can be submitted again, and each command is done once, known by its place.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,

    /// Print the server's answer to each, a JSON object a line.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    server: ServerArgs,
}

/// What the server says of a command.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    line: u64,
    status: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    duplicate: bool,
    #[serde(default)]
    result: Made,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Made {
    code: Option<String>,
    project_id: Option<String>,
    user_id: Option<String>,
}

pub(crate) fn run(args: &SubmitArgs, config: &Config) -> Result<ExitCode, Failed> {
    let server = args.server.open(config)?;
    let name = args.file.display().to_string();
    let input: Box<dyn Read + Send> = if args.file.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(&args.file).with_context(|| format!("cannot read {name}"))?)
    };
    let seen = Arc::new(Seen::default());
    let commands = Commands::new(BufReader::new(input), seen.clone());
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut read = true;
    server.pour("/commands:bulk", args.key.as_deref(), Body::new(commands), |line| {
        let answer: Answer = serde_json::from_str(line).context("the server's answer")?;
        *counts.entry(answer.status.clone()).or_default() += 1;
        read = if args.json { print::line(line)? } else { print::line(&answer.to_string())? };
        Ok(read)
    })?;
    if let Some(wrong) = seen.wrong.get() {
        return Err(Failed::new(1, format!("{name}: {wrong}; what stands before it was submitted")));
    }
    let undecided = seen.commands.load(Ordering::Relaxed) - counts.values().sum::<u64>();
    if undecided > 0 && read {
        let again = if args.key.is_some() { ": submit it again with the same --key" } else { "" };
        return Err(Failed::missing(format!("{name}: the server left {undecided} commands undecided{again}")));
    }
    if counts.is_empty() {
        return Err(Failed::new(1, format!("{name}: there is no command in it")));
    }
    let told: Vec<String> = counts.iter().map(|(status, count)| format!("{count} {status}")).collect();
    eprintln!("{}", told.join(", "));
    Ok(if counts.keys().all(|status| status == "accepted") { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>6}  {:<8}", self.line, one_line(&self.status))?;
        let Made { code, project_id, user_id } = &self.result;
        if let Some(made) = code.as_ref().or(project_id.as_ref()).or(user_id.as_ref()) {
            write!(f, "  {}", one_line(made))?;
        }
        if !self.code.is_empty() {
            write!(f, "  {}: {}", one_line(&self.code), one_line(&self.detail))?;
        }
        if self.duplicate { f.write_str("  (it was decided before)") } else { Ok(()) }
    }
}

/// What was found in the input.
#[derive(Debug, Default)]
struct Seen {
    commands: AtomicU64,
    /// Why it ended, if there was more.
    wrong: OnceLock<String>,
}

/// Commands as lines, read from JSON objects however these are laid out. It ends at the first that is none.
struct Commands<R: Read> {
    values: StreamDeserializer<'static, IoRead<R>, Value>,
    line: io::Cursor<Vec<u8>>,
    seen: Arc<Seen>,
}

impl<R: Read> Commands<R> {
    fn new(input: R, seen: Arc<Seen>) -> Self {
        let values = serde_json::Deserializer::from_reader(input).into_iter();
        Self { values, line: io::Cursor::default(), seen }
    }
}

impl<R: Read> Read for Commands<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.line.read(buffer)?;
            if read > 0 || buffer.is_empty() || self.seen.wrong.get().is_some() {
                return Ok(read);
            }
            match self.values.next() {
                Some(Ok(Value::Object(command))) => {
                    let mut line = serde_json::to_vec(&command)?;
                    line.push(b'\n');
                    self.seen.commands.fetch_add(1, Ordering::Relaxed);
                    self.line = io::Cursor::new(line);
                }
                Some(Ok(other)) => {
                    let shown: String = other.to_string().chars().take(60).collect();
                    let before = self.seen.commands.load(Ordering::Relaxed);
                    drop(self.seen.wrong.set(format!("after {before} commands: {shown} is no JSON object")));
                }
                Some(Err(error)) if error.is_io() => drop(self.seen.wrong.set(format!("cannot be read: {error}"))),
                Some(Err(error)) => drop(self.seen.wrong.set(format!("not JSON: {error}"))),
                None => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines that come of a text, and what is wrong with it.
    fn read(text: &[u8]) -> (String, Option<String>) {
        let seen = Arc::new(Seen::default());
        let mut lines = String::new();
        Commands::new(text, seen.clone()).read_to_string(&mut lines).unwrap();
        assert_eq!(seen.commands.load(Ordering::Relaxed), lines.lines().count() as u64);
        (lines, seen.wrong.get().cloned())
    }

    #[test]
    fn should_make_a_line_of_each_command_however_it_is_laid_out() {
        let (lines, wrong) =
            read(b"{\"type\": \"A\"}\n\n{\n  \"type\": \"B\",\n  \"list\": [1,\n 2]\n}{\"c\":\"\\n\"}\n");
        assert_eq!(
            (lines.as_str(), wrong),
            ("{\"type\":\"A\"}\n{\"list\":[1,2],\"type\":\"B\"}\n{\"c\":\"\\n\"}\n", None)
        );
        assert_eq!(read(b"  \n"), (String::new(), None));
    }

    #[test]
    fn should_end_at_what_is_no_command_and_say_where_that_is() {
        for (text, expected) in [
            (&b"{\"a\":1}\n{\"b\":"[..], "not JSON: EOF while parsing a value at line 2 column 5"),
            (b"{\"a\":1}\n{\"b\": \xff}", "not JSON: expected value at line 2 column 7"),
            (b"{\"a\":1}\n[1,2]\n{\"c\":1}", "after 1 commands: [1,2] is no JSON object"),
            (b"{\"a\":1} nonsense", "not JSON: expected ident at line 1 column 10"),
        ] {
            let (lines, wrong) = read(text);
            assert_eq!((lines.as_str(), wrong.as_deref()), ("{\"a\":1}\n", Some(expected)));
        }
        let nested = [b"[".repeat(10_000), b"]".repeat(10_000)].concat();
        assert!(read(&nested).1.unwrap().contains("recursion limit exceeded"));
    }
}
