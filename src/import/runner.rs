//! The run of an import, from its arguments to its exit.

use std::cell::RefCell;
use std::collections::HashSet;
use std::convert::Infallible;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::de::IgnoredAny;
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::answer::{KnownTicket, Verdict, may_have_changed};
use super::args::ImportArgs;
use super::batch::{Batch, Item, Origin, Position};
use super::client::{Client, Patience};
use super::columns::ColumnMap;
use super::command_id;
use super::dates;
use super::error::{Exit, ImportError};
use super::format::Format;
use super::input::{Inputs, Record, Source};
use super::keys::KeyUse;
use super::mapping::Mapping;
use super::plan::{GithubPlan, JiraPlan, NativePlan, Planned, TablePlan, unreadable};
use super::progress::Progress;
use super::rejects::Rejects;
use super::report::Report;
use super::ticket::{Comment, Unusable};

/// Records that are held at a time: enough to fill the server's commits, few enough to hold.
const WINDOW_RECORDS: usize = 5_000;
/// A window is closed once its records hold this many bytes.
const WINDOW_BYTES: usize = 8 * 1024 * 1024;
/// A line whose rejection the server remembers is asked again under so many further ids.
const MAX_ASKED_AGAIN: usize = 32;
/// How often progress is looked at while a request is under way.
const TICK: Duration = Duration::from_secs(1);

/// Imports, and prints the report. `default_token` is used if the command line and the environment give none.
/// Runs on a thread of its own, so that it may be called from anywhere.
///
/// # Errors
/// [`ImportError`] if the import could not be carried out; rejected records are no error but [`Exit::Rejected`].
pub(crate) fn run(args: &ImportArgs, default_token: Option<String>) -> Result<Exit, ImportError> {
    args.check()?;
    let inputs = if args.sample {
        Inputs::new(vec![Source::memory("the sample", crate::sample::ndjson())])
    } else {
        Inputs::open(&args.files)
            .map_err(|(path, error)| ImportError::Usage(format!("cannot read {}: {error}", path.display())))?
    };
    let given = args.token.clone().or(default_token).filter(|token| !token.trim().is_empty());
    let token = if args.dry_run { Some(String::new()) } else { given }.ok_or_else(|| {
        ImportError::Usage(
            "no token: give --token or SYNCROBOARD_TOKEN (`syncroboard token --user EMAIL --admin`)".into(),
        )
    })?;
    let finished = std::thread::scope(|scope| {
        scope.spawn(|| Run::start(args, inputs, token, Patience::default())?.finish()).join()
    });
    let (report, exit) = finished.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    // Whoever closed our output does not want the report.
    let _ = std::io::stdout().write_all(report.as_bytes());
    Ok(exit)
}

enum Plan {
    Github(GithubPlan),
    Jira(JiraPlan),
    Table(TablePlan),
    Commands(NativePlan),
}

/// Comments of a ticket that is there.
struct Commented {
    position: Position,
    original: Arc<[u8]>,
    comments: Vec<Comment>,
    ticket: KnownTicket,
}

/// One import under way.
pub(super) struct Run {
    inputs: Inputs,
    format: Option<Format>,
    project: Option<String>,
    map: ColumnMap,
    created: Option<String>,
    has_mapping: bool,
    mapping: Mapping,
    dry: bool,
    plan: Option<Plan>,
    runtime: Runtime,
    client: Client,
    rejects: Rejects,
    /// Records of the batch under way that are in the rejects file already.
    kept: HashSet<Position>,
    report: Report,
    progress: Progress,
}

impl Run {
    pub(super) fn start(
        args: &ImportArgs,
        mut inputs: Inputs,
        token: String,
        patience: Patience,
    ) -> Result<Self, ImportError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| ImportError::Server(format!("no runtime for the network: {error}")))?;
        let format = if args.sample { Some(Format::Commands) } else { args.format() };
        inputs.expect(format);
        let created = args.created.as_deref().map(|text| dates::moment("--created", text)).transpose();
        Ok(Self {
            format,
            project: args.project.clone(),
            map: ColumnMap::parse(&args.map)?,
            created: created.map_err(|why| ImportError::Usage(why.detail))?,
            has_mapping: args.mapping.is_some(),
            mapping: args.mapping.as_deref().map(Mapping::open).transpose()?.unwrap_or_default(),
            dry: args.dry_run,
            plan: None,
            runtime,
            client: Client::new(&args.server, token, patience)?,
            rejects: Rejects::new(args.rejects_path(), args.rejects.is_some()),
            kept: HashSet::new(),
            report: Report::new(inputs.names()),
            progress: Progress::new(inputs.total_bytes()),
            inputs,
        })
    }

    /// Window after window; then the report.
    pub(super) fn finish(mut self) -> Result<(String, Exit), ImportError> {
        let done = self.all_windows();
        self.progress.finish();
        self.report.guessed(self.mapping.take_guesses());
        let took = self.progress.elapsed();
        match done {
            Ok(()) if self.dry => Ok((self.report.dry_text(), self.report.exit())),
            Ok(()) => {
                let path: Option<PathBuf> = self.rejects.finish()?;
                Ok((self.report.text(took, path.as_deref()), self.report.exit()))
            }
            Err(error) if self.report.records() > 0 && !self.dry => {
                // What is in is in: running the same import again continues.
                eprintln!("{}", self.report.text(took, None).trim_end());
                eprintln!("Not finished. Run the same import again: what is in already stays as it is.");
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    fn all_windows(&mut self) -> Result<(), ImportError> {
        loop {
            let window = self.read_window();
            if window.is_empty() {
                return Ok(());
            }
            self.progress.window(window.len(), self.inputs.read_bytes());
            let planned = self.plan_window(window)?;
            self.report.comments_missing(planned.missing_comments);
            for reject in planned.rejects {
                if !self.dry {
                    self.rejects.keep(&reject.position, &reject.original, &reject.code, &reject.detail)?;
                }
                self.report.rejected(&reject.position, &reject.code, &reject.detail);
                self.progress.answered();
            }
            for batch in planned.batches {
                if self.dry {
                    for item in &batch.items {
                        self.report.would_send(item);
                        if matches!(item.origin, Origin::Record { .. }) {
                            self.progress.answered();
                        }
                    }
                    continue;
                }
                self.kept.clear();
                let commented = self.send(batch)?;
                self.send_comments(commented)?;
            }
        }
    }

    fn read_window(&mut self) -> Vec<Record> {
        let mut window = Vec::new();
        let mut bytes = 0;
        while window.len() < WINDOW_RECORDS && bytes < WINDOW_BYTES {
            let Some(record) = self.inputs.next() else { break };
            bytes += record.bytes.len();
            window.push(record);
            self.progress.tick();
        }
        window
    }

    fn plan_window(&mut self, window: Vec<Record>) -> Result<Planned, ImportError> {
        let plan = match self.plan.take() {
            Some(plan) => plan,
            None if window.iter().all(|record| record.damage.is_some()) => return Ok(unreadable(window)),
            None => self.choose_plan(&window)?,
        };
        if matches!(plan, Plan::Commands(_)) {
            self.report.of_commands();
        }
        let (client, runtime, dry) = (&self.client, &self.runtime, self.dry);
        let mut look_up = |key: &str| if dry { Ok(KeyUse::Free) } else { runtime.block_on(client.project(key)) };
        match self.plan.insert(plan) {
            Plan::Github(plan) => plan.window(window, &self.mapping, &mut look_up),
            Plan::Jira(plan) => plan.window(window, &mut self.mapping, &mut look_up),
            Plan::Table(plan) => plan.window(window, &mut self.mapping, self.inputs.names()),
            Plan::Commands(plan) => Ok(plan.window(window)),
        }
    }

    fn choose_plan(&mut self, window: &[Record]) -> Result<Plan, ImportError> {
        let found = |record: &Record| if record.is_row { Some(Format::Csv) } else { Format::recognise(&record.bytes) };
        match self.format.or_else(|| window.iter().find_map(found)) {
            Some(Format::Github) => Ok(Plan::Github(GithubPlan::new(self.project.clone()))),
            Some(Format::Jira) => Ok(Plan::Jira(JiraPlan::new(self.project.clone()))),
            Some(Format::Csv) => match self.project.clone() {
                Some(project) => {
                    self.rejects.of_table();
                    Ok(Plan::Table(TablePlan::new(project, self.map.clone(), self.created.clone())))
                }
                None => Err(ImportError::Usage("a table names no project: give --project KEY".into())),
            },
            Some(Format::Commands) if self.has_mapping => {
                Err(ImportError::Usage("--mapping is not for native commands: they say what they mean".into()))
            }
            Some(Format::Commands) => Ok(Plan::Commands(NativePlan::new(self.project.clone()))),
            None => Err(self.unrecognised(window)),
        }
    }

    /// Says what was looked for, and what is wrong with the first record.
    fn unrecognised(&self, window: &[Record]) -> ImportError {
        let first = window.iter().find(|record| record.damage.is_none());
        let name = first.and_then(|record| self.inputs.names().get(record.position.file));
        let name = name.map_or("the input", String::as_str);
        let fault = first.and_then(|record| {
            let error = serde_json::from_slice::<IgnoredAny>(&record.bytes).err()?;
            Some(format!(" ({}: {})", record.position.place, Unusable::json(&error).detail))
        });
        ImportError::Usage(format!(
            "{name} holds neither issues of GitHub or Jira, nor native commands, nor a table with a column of titles, as far \
             as can be told{}: give --from, and for a table --map title=COLUMN",
            fault.unwrap_or_default()
        ))
    }

    /// Sends a batch, and again what the server rejected in an earlier run for reasons that may be gone. The comments of
    /// tickets that are there are given back.
    fn send(&mut self, mut batch: Batch) -> Result<Vec<Commented>, ImportError> {
        let mut commented = Vec::new();
        for round in 0..=MAX_ASKED_AGAIN {
            let answers = self.ask(&batch, round == 0)?;
            let mut again = Batch::default();
            for (mut item, answer) in std::mem::take(&mut batch.items).into_iter().zip(answers) {
                let Some((verdict, ticket)) = answer else { continue };
                if round < MAX_ASKED_AGAIN && is_worth_asking_again(&item, &verdict) && renew(&mut item) {
                    again.push(item);
                    continue;
                }
                self.settle(&item, verdict)?;
                if let (Origin::Record { position, original }, Some(ticket)) = (item.origin, ticket)
                    && !item.comments.is_empty()
                {
                    commented.push(Commented { position, original, comments: item.comments, ticket });
                }
            }
            if again.is_empty() {
                break;
            }
            batch = again;
        }
        Ok(commented)
    }

    /// One request; what was answered to each line.
    fn ask(
        &mut self,
        batch: &Batch,
        is_first: bool,
    ) -> Result<Vec<Option<(Verdict, Option<KnownTicket>)>>, ImportError> {
        let mut answers = vec![None; batch.items.len()];
        let progress = RefCell::new(&mut self.progress);
        let told = |index: usize, verdict: Verdict, ticket: Option<KnownTicket>| {
            if is_first && matches!(batch.items[index].origin, Origin::Record { .. }) {
                progress.borrow_mut().answered();
            }
            answers[index] = Some((verdict, ticket));
        };
        self.runtime.block_on(async {
            tokio::select! {
                done = self.client.send(batch, told) => done,
                never = tick_for_ever(&progress) => match never {},
            }
        })?;
        Ok(answers)
    }

    /// Sends the comments that the server has not yet. It remembers commands for some days only: where it knew a ticket by
    /// its reference, its comments are looked up by the ids that they would get.
    fn send_comments(&mut self, commented: Vec<Commented>) -> Result<(), ImportError> {
        let mut batch = Batch::default();
        for Commented { position, original, comments, ticket } in commented {
            let known = if ticket.is_old {
                self.runtime.block_on(self.client.comments(&ticket.code))?
            } else {
                Some(HashSet::new())
            };
            let Some(known) = known else {
                self.report.comments_unseen(comments.len() as u64);
                continue;
            };
            for comment in comments {
                let mut ids = std::iter::successors(Some(comment.id), |&id| Some(command_id::again(id)));
                if !known.is_empty() && ids.by_ref().take(MAX_ASKED_AGAIN + 1).any(|id| known.contains(&comment_of(id)))
                {
                    self.report.comment_unchanged();
                    continue;
                }
                let origin = Origin::Comment { position: position.clone(), original: Arc::clone(&original) };
                let (command_id, line) = (comment.id, comment.line(&ticket.code));
                batch.push(Item { command_id, line, own_id: true, origin, comments: Vec::new() });
            }
        }
        if !batch.is_empty() {
            self.send(batch)?;
        }
        Ok(())
    }

    fn settle(&mut self, item: &Item, verdict: Verdict) -> Result<(), ImportError> {
        match (&item.origin, verdict) {
            (Origin::Record { .. }, Verdict::Applied) => self.report.created(),
            (Origin::Record { .. }, Verdict::Unchanged) => self.report.unchanged(),
            (Origin::Record { position, original }, Verdict::Rejected { code, detail, .. }) => {
                self.keep(position, original, &code, &detail)?;
                self.report.rejected(position, &code, &detail);
            }
            (Origin::Comment { .. }, Verdict::Applied) => self.report.comment_made(),
            (Origin::Comment { .. }, Verdict::Unchanged) => self.report.comment_unchanged(),
            (Origin::Comment { position, original }, Verdict::Rejected { code, detail, .. }) => {
                self.keep(position, original, &code, &detail)?;
                self.report.comment_rejected(position, &code, &detail);
            }
            (Origin::Setup(kind), Verdict::Applied) => self.report.made(*kind),
            (Origin::Setup(kind), Verdict::Rejected { code, detail, .. }) if code != kind.there_already() => {
                self.report.not_made(*kind, &code, &detail);
            }
            _ => {}
        }
        Ok(())
    }

    /// Keeps a record for the rejects file, once, however much of it is rejected.
    fn keep(&mut self, position: &Position, original: &[u8], code: &str, detail: &str) -> Result<(), ImportError> {
        if self.kept.insert(position.clone()) {
            self.rejects.keep(position, original, code, detail)?;
        }
        Ok(())
    }
}

async fn tick_for_ever(progress: &RefCell<&mut Progress>) -> Infallible {
    loop {
        tokio::time::sleep(TICK).await;
        progress.borrow_mut().tick();
    }
}

/// The id of the comment that a command makes.
fn comment_of(command_id: Uuid) -> Uuid {
    schemas::ids::comment_id(command_id)
}

/// A comment's id says nothing of its words, which may be others now.
fn is_worth_asking_again(item: &Item, verdict: &Verdict) -> bool {
    let Verdict::Rejected { code, remembered: true, .. } = verdict else { return false };
    item.own_id && (may_have_changed(code) || matches!(item.origin, Origin::Comment { .. }))
}

/// Gives the line the next id of its chain.
fn renew(item: &mut Item) -> bool {
    item.command_id = command_id::again(item.command_id);
    command_id::stamp(&mut item.line, item.command_id)
}
