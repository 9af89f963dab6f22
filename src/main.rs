//! `syncroboard`: the composition root and the command line. No rules live here: each command is one thin file.

mod api_command;
mod bench;
mod broker;
mod config;
mod config_command;
mod content;
mod data_dir;
mod dev;
mod dlq;
mod exit;
mod explain;
mod get;
mod import;
#[cfg(feature = "injected-bugs")]
mod injected_bugs;
mod instance;
#[cfg(feature = "kill-points")]
mod kill_points;
mod lag;
mod late_gateway;
mod log;
mod mailer;
mod metrics;
mod postgres;
mod print;
mod probe;
mod redis;
mod registry;
mod sample;
mod server;
mod shell;
mod signals;
mod sink;
mod stage;
mod submit;
mod table;
mod tail;
mod token;
mod topics;
mod topology_command;
mod trace;
mod unsubscribe_key;
mod verify;
mod webhooks;
mod when;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::Config;
use crate::exit::Failed;

/// For librdkafka and RocksDB too, whose `malloc` this is. A record that is produced is allocated on the stream thread and freed on
/// another, which glibc's allocator is slow at (docs/performance.md).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A ticket system on a Kafka-Streams-style pipeline.
///
/// Exit status: 0 done; 1 the work found something wrong (rejected lines, differences); 2 wrong use; 3 a part that is
/// needed is not there, or could not be checked.
#[derive(Debug, Parser)]
#[command(name = "syncroboard", version)]
struct Cli {
    /// Configuration (TOML); every key can be overridden by `SYNCROBOARD__SECTION__KEY`.
    #[arg(long, global = true, value_name = "FILE", env = "SYNCROBOARD_CONFIG")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything in one process: embedded broker, pipeline, SQLite, API and pages.
    Dev(dev::DevArgs),
    /// Run the pipeline on Apache Kafka, in as many processes as one likes.
    Worker(worker::WorkerArgs),
    /// Fill the read model in Postgres from Apache Kafka, in as many processes as one likes.
    Sink(sink::SinkArgs),
    /// Send mails that are asked for on Apache Kafka, in as many processes as one likes.
    Mailer(mailer::MailerArgs),
    /// Tell receivers of webhooks what happens on Apache Kafka, in as many processes as one likes.
    Webhooks(webhooks::WebhooksArgs),
    /// Serve REST and pages on Apache Kafka, Postgres and Redis, in as many processes as one likes.
    Api(api_command::ApiArgs),
    /// Pour issues of GitHub or Jira, tables or native commands into a running server.
    Import(import::ImportArgs),
    /// Submit native commands to a running server, and say what became of each.
    Submit(submit::SubmitArgs),
    /// Show a ticket or a project of a running server.
    Get(get::GetArgs),
    /// List projects or tickets of a running server.
    List(get::ListArgs),
    /// Make a token; it is printed alone on the last line.
    Token(token::TokenArgs),
    /// Tell who has a ticket, and why.
    Explain(explain::ExplainArgs),
    /// Recompute stores and read model from the event log and print every difference.
    Verify(verify::VerifyArgs),
    /// Show how far consumer groups are behind, and whether that is bad.
    Lag(lag::LagArgs),
    /// Look at dead letters, and put them back into the topics that they came from.
    #[command(subcommand)]
    Dlq(dlq::DlqCommand),
    /// Compare the topics with what the pipeline needs; make and alter them.
    Topics(topics::TopicsArgs),
    /// Print the records of a topic, decoded, a JSON object a line.
    Tail(tail::TailArgs),
    /// Print the topology.
    Topology(topology_command::TopologyArgs),
    /// Measure the pipeline on the embedded broker.
    Bench(bench::BenchArgs),
    /// Show the configuration in force, and where each value comes from; secrets are left out.
    Config(config_command::ConfigArgs),
    /// Print what a shell needs to complete commands.
    Completions(shell::CompletionsArgs),
    /// Print the manual page, or write one of each command into a directory.
    Man(shell::ManArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Whatever is configured: a shell asks for these as it starts.
    let asked = match &cli.command {
        Command::Completions(args) => Some(shell::completions(args, Cli::command())),
        Command::Man(args) => Some(shell::man(args, Cli::command())),
        _ => None,
    };
    if let Some(done) = asked {
        return done.unwrap_or_else(Failed::report);
    }
    let config = match Config::load(cli.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return Failed::usage(error.to_string()).report(),
    };
    log::init(&config.log);
    #[cfg(feature = "injected-bugs")]
    if let Err(failed) = injected_bugs::switch_on() {
        return failed.report();
    }
    let done = match cli.command {
        Command::Dev(args) => dev::run(&args, &config),
        Command::Worker(args) => worker::run(&args, &config),
        Command::Sink(args) => sink::run(&args, &config),
        Command::Mailer(args) => mailer::run(&args, &config),
        Command::Webhooks(args) => webhooks::run(&args, &config),
        Command::Api(args) => api_command::run(&args, &config),
        Command::Import(args) => import(&args, &config),
        Command::Submit(args) => submit::run(&args, &config),
        Command::Get(args) => get::get(&args, &config),
        Command::List(args) => get::list(&args, &config),
        Command::Token(args) => token::run(&args, &config),
        Command::Explain(args) => explain::run(&args, &config),
        Command::Verify(args) => verify::run(&args, &config),
        Command::Lag(args) => lag::run(&args, &config),
        Command::Dlq(command) => dlq::run(&command, &config),
        Command::Topics(args) => topics::run(&args, &config),
        Command::Tail(args) => tail::run(&args, &config),
        Command::Topology(args) => topology_command::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Config(args) => config_command::run(&args, &config, cli.config.as_deref()),
        Command::Completions(_) | Command::Man(_) => Ok(ExitCode::SUCCESS),
    };
    match done {
        Ok(code) => code,
        Err(failed) => failed.report(),
    }
}

fn import(args: &import::ImportArgs, config: &Config) -> Result<ExitCode, Failed> {
    // On the server's own machine a token can be had from its data directory.
    let token = token::local_admin(config);
    match import::run(args, token) {
        Ok(exit) => Ok(ExitCode::from(exit.code())),
        Err(error) => Err(Failed::new(error.code(), error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn should_complete_and_describe_every_command() {
        let names: Vec<String> =
            Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
        let mut script = Vec::new();
        clap_complete::generate(clap_complete::Shell::Bash, &mut Cli::command(), "syncroboard", &mut script);
        let script = String::from_utf8(script).unwrap();
        let dir = tempfile::tempdir().unwrap();
        clap_mangen::generate_to(Cli::command(), dir.path()).unwrap();
        let page = std::fs::read_to_string(dir.path().join("syncroboard.1")).unwrap();
        assert!(names.len() > 20, "{names:?}");
        for name in names {
            assert!(script.contains(&format!("syncroboard,{name})")), "{name} is not completed");
            assert!(page.contains(&format!("syncroboard\\-{name}(1)")), "{name} is not on the first page");
            assert!(dir.path().join(format!("syncroboard-{name}.1")).exists(), "{name} has no page");
        }
    }
}
