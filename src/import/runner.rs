//! The run of an import, from its arguments to its exit.

use std::io::Write;
use std::path::PathBuf;

use tokio::runtime::Runtime;

use super::answer::{Verdict, may_have_changed};
use super::args::ImportArgs;
use super::batch::{Batch, Item, Origin};
use super::client::{Client, Patience};
use super::command_id;
use super::error::{Exit, ImportError};
use super::format::Format;
use super::input::{Inputs, Record, Source};
use super::plan::{GithubPlan, NativePlan, Planned};
use super::progress::Progress;
use super::rejects::Rejects;
use super::report::Report;

/// Records that are held at a time: enough to fill the server's commits, few enough to hold.
const WINDOW_RECORDS: usize = 5_000;
/// A window is closed once its records hold this many bytes.
const WINDOW_BYTES: usize = 8 * 1024 * 1024;
/// A line whose rejection the server remembers is asked again under so many further ids.
const MAX_ASKED_AGAIN: usize = 32;

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
        Inputs::open(&args.files).map_err(|(path, error)| unreadable(&path, &error))?
    };
    let token = args.token.clone().or(default_token).filter(|token| !token.trim().is_empty()).ok_or_else(|| {
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

fn unreadable(path: &std::path::Path, error: &std::io::Error) -> ImportError {
    ImportError::Usage(format!("cannot read {}: {error}", path.display()))
}

enum Plan {
    Github(GithubPlan),
    Commands(NativePlan),
}

/// One import under way.
pub(super) struct Run {
    inputs: Inputs,
    format: Option<Format>,
    project: Option<String>,
    plan: Option<Plan>,
    runtime: Runtime,
    client: Client,
    rejects: Rejects,
    report: Report,
    progress: Progress,
}

impl Run {
    pub(super) fn start(
        args: &ImportArgs,
        inputs: Inputs,
        token: String,
        patience: Patience,
    ) -> Result<Self, ImportError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| ImportError::Server(format!("no runtime for the network: {error}")))?;
        Ok(Self {
            format: if args.sample { Some(Format::Commands) } else { args.from },
            project: args.project.clone(),
            plan: None,
            runtime,
            client: Client::new(&args.server, token, patience)?,
            rejects: Rejects::new(args.rejects_path(), args.rejects.is_some()),
            report: Report::new(inputs.names()),
            progress: Progress::new(inputs.total_bytes()),
            inputs,
        })
    }

    /// Window after window; then the report.
    pub(super) fn finish(mut self) -> Result<(String, Exit), ImportError> {
        let done = self.all_windows();
        self.progress.finish();
        let took = self.progress.elapsed();
        match done {
            Ok(()) => {
                let path: Option<PathBuf> = self.rejects.finish()?;
                Ok((self.report.text(took, path.as_deref()), self.report.exit()))
            }
            Err(error) if self.report.records() > 0 => {
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
            for reject in planned.rejects {
                self.rejects.keep(&reject.position, &reject.original, &reject.code, &reject.detail)?;
                self.report.rejected(&reject.position, &reject.code, &reject.detail);
                self.progress.answered();
            }
            for batch in planned.batches {
                self.send(batch)?;
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
        }
        window
    }

    fn plan_window(&mut self, window: Vec<Record>) -> Result<Planned, ImportError> {
        let plan = match self.plan.take() {
            Some(plan) => plan,
            None => self.choose_plan(&window)?,
        };
        if matches!(plan, Plan::Commands(_)) {
            self.report.of_commands();
        }
        let (client, runtime) = (&self.client, &self.runtime);
        match self.plan.insert(plan) {
            Plan::Github(plan) => plan.window(window, &mut |key| runtime.block_on(client.project(key))),
            Plan::Commands(plan) => Ok(plan.window(window)),
        }
    }

    fn choose_plan(&self, window: &[Record]) -> Result<Plan, ImportError> {
        let format = self.format.or_else(|| window.iter().find_map(|record| Format::recognise(&record.bytes)));
        match format {
            Some(Format::Github) => Ok(Plan::Github(GithubPlan::new(self.project.clone()))),
            Some(Format::Commands) => Ok(Plan::Commands(NativePlan::new(self.project.clone()))),
            None => {
                let name = self.inputs.names().first().map_or("the input", String::as_str);
                Err(ImportError::Usage(format!(
                    "{name} holds neither GitHub issues nor native commands, as far as can be told: give --from"
                )))
            }
        }
    }

    /// Sends a batch, and again what the server rejected in an earlier run for reasons that may be gone.
    fn send(&mut self, mut batch: Batch) -> Result<(), ImportError> {
        for round in 0..=MAX_ASKED_AGAIN {
            let mut verdicts: Vec<Option<Verdict>> = vec![None; batch.items.len()];
            let progress = &mut self.progress;
            let told = |index: usize, verdict: Verdict| {
                if round == 0 && matches!(batch.items[index].origin, Origin::Record { .. }) {
                    progress.answered();
                }
                verdicts[index] = Some(verdict);
            };
            self.runtime.block_on(self.client.send(&batch, told))?;
            let mut again = Batch::default();
            for (mut item, verdict) in std::mem::take(&mut batch.items).into_iter().zip(verdicts) {
                let Some(verdict) = verdict else { continue };
                if round < MAX_ASKED_AGAIN && is_worth_asking_again(&item, &verdict) && renew(&mut item) {
                    again.push(item);
                } else {
                    self.settle(&item, verdict)?;
                }
            }
            if again.is_empty() {
                break;
            }
            batch = again;
        }
        Ok(())
    }

    fn settle(&mut self, item: &Item, verdict: Verdict) -> Result<(), ImportError> {
        match (&item.origin, verdict) {
            (Origin::Record { .. }, Verdict::Applied) => self.report.created(),
            (Origin::Record { .. }, Verdict::Unchanged) => self.report.unchanged(),
            (Origin::Record { position, original }, Verdict::Rejected { code, detail, .. }) => {
                self.rejects.keep(position, original, &code, &detail)?;
                self.report.rejected(position, &code, &detail);
            }
            (Origin::Setup(kind), Verdict::Applied) => self.report.made(*kind),
            (Origin::Setup(kind), Verdict::Rejected { code, detail, .. }) if code != kind.there_already() => {
                self.report.not_made(*kind, &code, &detail);
            }
            _ => {}
        }
        Ok(())
    }
}

fn is_worth_asking_again(item: &Item, verdict: &Verdict) -> bool {
    item.own_id && matches!(verdict, Verdict::Rejected { code, remembered: true, .. } if may_have_changed(code))
}

/// Gives the line the next id of its chain.
fn renew(item: &mut Item) -> bool {
    item.command_id = command_id::again(item.command_id);
    command_id::stamp(&mut item.line, item.command_id)
}
