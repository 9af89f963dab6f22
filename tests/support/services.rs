//! The real servers: those that `make services-up` started, and servers of a test's own.
//!
//! Shared with `connectors/tests/support`. Topics, groups and ids of the shared broker, databases and keys of the shared
//! Postgres and Redis are a test's own by their names ([`unique`]); a test that restarts, kills or reconfigures a server
//! starts one ([`OwnKafka`], [`OwnRegistry`], [`OwnPostgres`], [`OwnRedis`]).

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

/// Where the shared servers are.
#[derive(Debug)]
pub(crate) struct Services {
    /// `host:port` of Apache Kafka, in plain text.
    pub(crate) kafka: String,
    /// Base address of the registry's REST API, Confluent's.
    pub(crate) registry: String,
    /// `postgres://...` of a superuser, and of the database `postgres`, in which no test makes anything.
    pub(crate) postgres: String,
    /// `redis://host:port`.
    pub(crate) redis: String,
    /// Where a mail server takes mails, `smtp://host:port`, in plain text.
    pub(crate) smtp: String,
    /// Where its REST API shows what it took, below `/api`.
    pub(crate) maildev: String,
}

/// The shared servers; panics with what to do if they are not there.
pub(crate) fn services() -> &'static Services {
    static SERVICES: OnceLock<Services> = OnceLock::new();
    SERVICES.get_or_init(|| {
        let env = std::fs::read_to_string(clone().join(".services/env")).unwrap_or_default();
        let setting = |name: &str| {
            let written = || env.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix('=')?.to_owned()));
            std::env::var(name).ok().or_else(written)
        };
        let there = |what: &str, name: &str| {
            let address = setting(name).filter(|address| answers(address));
            address.unwrap_or_else(|| panic!("{what} is not there: run `make services-up`"))
        };
        Services {
            kafka: there("Apache Kafka", "SYNCROBOARD_TEST_KAFKA"),
            registry: there("the schema registry", "SYNCROBOARD_TEST_REGISTRY"),
            postgres: there("PostgreSQL", "SYNCROBOARD_TEST_POSTGRES"),
            redis: there("Redis", "SYNCROBOARD_TEST_REDIS"),
            smtp: there("MailDev", "SYNCROBOARD_TEST_SMTP"),
            maildev: there("MailDev", "SYNCROBOARD_TEST_MAILDEV"),
        }
    })
}

/// A name that no other test and no other run has: for topics, groups, applications on the shared broker, databases and
/// keys on the shared Postgres and Redis. It has dashes: a name in SQL wants quotes around it.
pub(crate) fn unique(what: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    format!("{what}-{now:x}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Runs one of Kafka's own programs, named by its class, with this standard input; what it wrote to standard output. One
/// that is not done within two minutes is ended, and has failed: they wait for a broker without end.
pub(crate) fn kafka_tool(class: &str, arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("timeout");
    command.arg("120").arg(clone().join("scripts/kafka.sh")).args(["tool", class]).args(arguments);
    fed(&mut command, class, input)
}

/// Runs SQL, one statement or several, by Postgres' own `psql` against the database of this address; what it printed,
/// without headings, columns separated by `|`.
pub(crate) fn psql(url: &str, sql: &str) -> String {
    let mut command = Command::new(postgres_program("psql"));
    command.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", "-"]);
    fed(&mut command, sql, sql).trim_end().to_owned()
}

/// Where one of Postgres' own programs is, such as `psql` and `pgbench`.
pub(crate) fn postgres_program(name: &str) -> PathBuf {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    let programs = || {
        let output = script("postgres.sh").arg("programs").output().unwrap();
        PathBuf::from(succeeded(&output, "postgres.sh programs").trim())
    };
    PROGRAMS.get_or_init(programs).join(name)
}

/// How Java is to run what does not live long enough for its best code to be worth making.
const SHORT_LIVED: &str = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1";

/// An Apache Kafka of a test's own, which ends with it. What it keeps survives [`Own::kill`] and [`Own::start`].
pub(crate) struct OwnKafka {
    own: Own,
    /// `NAME=host:port`, of each listener by its name and of the plain one as `bootstrap`.
    addresses: BTreeMap<String, String>,
}

impl OwnKafka {
    /// Starts a broker with settings over those of `scripts/services/kafka.properties`.
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        Self::with(&[], settings)
    }

    /// As [`Self::new`], with one more listener: `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.
    pub(crate) fn with_listener(name: &str, settings: &[(&str, &str)]) -> Self {
        Self::with(&["--listener", name], settings)
    }

    /// One more broker of the same cluster. It cannot do without the first, which is the controller.
    pub(crate) fn join(&self, settings: &[(&str, &str)]) -> Self {
        Self::with(&["--join", path(self.dir())], settings)
    }

    fn with(options: &[&str], settings: &[(&str, &str)]) -> Self {
        let own = Own::new("kafka");
        let addresses = own.begin(options, settings);
        Self { own, addresses }
    }

    /// `host:port`, in plain text.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.addresses["bootstrap"]
    }

    /// `host:port` of the further listener of this name.
    pub(crate) fn listener(&self, name: &str) -> &str {
        &self.addresses[name]
    }

    /// Runs one of Kafka's own programs against it: [`kafka_tool`] with `--bootstrap-server`.
    pub(crate) fn tool(&self, class: &str, arguments: &[&str]) -> String {
        kafka_tool(class, &[&["--bootstrap-server", self.bootstrap()], arguments].concat(), "")
    }
}

/// A schema registry of a test's own, which ends with it. Its schemas survive [`Own::kill`] and [`Own::start`].
pub(crate) struct OwnRegistry {
    own: Own,
    url: String,
}

impl OwnRegistry {
    /// Starts an empty one.
    pub(crate) fn new() -> Self {
        let own = Own::new("registry");
        let url = own.run("start", &[]).remove("url").unwrap();
        Self { own, url }
    }

    /// Base address of its REST API, Confluent's.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// A PostgreSQL of a test's own, which ends with it. What it keeps survives [`Own::kill`] and [`Own::start`].
pub(crate) struct OwnPostgres {
    own: Own,
    url: String,
}

impl OwnPostgres {
    /// Starts an empty one with settings over those of `scripts/services/postgres.conf`.
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        let own = Own::new("postgres");
        let url = own.begin(&[], settings).remove("url").unwrap();
        Self { own, url }
    }

    /// As [`Own::start`], with settings over those that it had.
    pub(crate) fn start_with(&self, settings: &[(&str, &str)]) {
        self.own.begin(&[], settings);
    }

    /// `postgres://...` of a superuser, and of the database `postgres`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// A Redis of a test's own, which ends with it. What it keeps survives only if its settings say so.
pub(crate) struct OwnRedis {
    own: Own,
    url: String,
}

impl OwnRedis {
    /// Starts an empty one with settings over those of `scripts/services/redis.conf`: with `save` `3600 1` it writes
    /// what it has when it is stopped, with `appendonly` `yes` what it does as it does it.
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        let own = Own::new("redis");
        let url = own.begin(&[], settings).remove("url").unwrap();
        Self { own, url }
    }

    /// `redis://host:port`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Nothing more fits in, and what is there stays: whatever needs memory is refused (OOM).
    pub(crate) fn fill_up(&self) {
        self.set("maxmemory", "1");
    }

    /// There is room again.
    pub(crate) fn make_room(&self) {
        self.set("maxmemory", "0");
    }

    /// Changes a setting while it runs.
    fn set(&self, name: &str, value: &str) {
        let mut connection = TcpStream::connect(self.url.rsplit('/').next().unwrap()).unwrap();
        connection.write_all(format!("CONFIG SET {name} {value}\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(connection).read_line(&mut answer).unwrap();
        assert_eq!(answer.trim(), "+OK");
    }
}

macro_rules! servers {
    ($($server:ident)+) => {
        $(impl std::ops::Deref for $server {
            type Target = Own;

            fn deref(&self) -> &Own {
                &self.own
            }
        })+
    };
}

servers! { OwnKafka OwnRegistry OwnPostgres OwnRedis }

/// What all servers of a test's own have: a directory, and the script that knows what to do with it.
pub(crate) struct Own {
    dir: TempDir,
    name: &'static str,
}

impl Own {
    fn new(name: &'static str) -> Self {
        let all = clone().join(".services/own");
        std::fs::create_dir_all(&all).unwrap();
        let dir = tempfile::Builder::new().prefix(name).tempdir_in(all).unwrap();
        // So that `services-up` and `services-down` find what a test left that was killed.
        std::fs::write(dir.path().join("owner"), std::process::id().to_string()).unwrap();
        Self { dir, name }
    }

    /// Starts it again, at the same address with the same settings and what it kept, and waits until it answers.
    pub(crate) fn start(&self) {
        self.run("start", &[]);
    }

    /// In order, and waits until it is gone.
    pub(crate) fn stop(&self) {
        self.run("stop", &[]);
    }

    /// SIGKILL to each of its processes, and waits until they are gone.
    pub(crate) fn kill(&self) {
        self.run("kill", &[]);
    }

    /// Sends a signal by its name, such as `STOP` and `CONT`, to each of its processes; does not wait.
    pub(crate) fn signal(&self, name: &str) {
        self.run("signal", &[name]);
    }

    /// Where its data, its log and its settings are.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Runs a verb of the script; the `NAME=VALUE` lines that it printed.
    fn run(&self, verb: &str, arguments: &[&str]) -> BTreeMap<String, String> {
        let printed = succeeded(&self.script(verb).args(arguments).output().unwrap(), verb);
        let pairs = printed.lines().filter_map(|line| line.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn begin(&self, options: &[&str], settings: &[(&str, &str)]) -> BTreeMap<String, String> {
        let settings: Vec<String> = settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let arguments: Vec<&str> = options.iter().copied().chain(settings.iter().map(String::as_str)).collect();
        self.run("start", &arguments)
    }

    fn script(&self, verb: &str) -> Command {
        let mut command = script(&format!("{}.sh", self.name));
        // It has little to keep in memory, and there may be several.
        command.args([verb, path(self.dir.path())]).stdin(Stdio::null());
        command.env("SYNCROBOARD_KAFKA_HEAP", "512m").env("SYNCROBOARD_KAFKA_JAVA", SHORT_LIVED);
        command
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // Its directory is deleted right after.
        let _ = self.script("kill").status();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.dir.path().join(format!("{}.log", self.name))).unwrap_or_default();
            keep_log(self.name, &log);
        }
    }
}

/// Keeps the log of what ran in a test that failed, and shows its end: the whole would hide why the test failed.
pub(crate) fn keep_log(what: &str, log: &str) {
    static KEPT: AtomicU64 = AtomicU64::new(0);
    let test = std::thread::current().name().unwrap_or_default().replace("::", "-");
    let file = format!("{test}-{what}-{}.log", KEPT.fetch_add(1, Ordering::Relaxed));
    let directory = std::env::temp_dir().join("syncroboard-failed-tests");
    let path = directory.join(file);
    let kept = std::fs::create_dir_all(directory).and_then(|()| std::fs::write(&path, log));
    let lines: Vec<&str> = log.lines().collect();
    let end = lines[lines.len().saturating_sub(6)..].join("\n");
    eprintln!("the {what}'s log ends as follows; all of it: {} ({kept:?})\n{end}", path.display());
}

/// Keeps where each thread of a process stands that does not do what it should, if there is a debugger on this machine.
pub(crate) fn keep_stacks(process: u32) {
    let pid = process.to_string();
    let mut gdb = Command::new("gdb");
    gdb.args(["-p", &pid, "-batch", "-nx", "-ex", "set pagination off", "-ex", "thread apply all bt 40"]);
    if let Ok(seen) = gdb.stdin(Stdio::null()).output() {
        keep_log("stacks", &String::from_utf8_lossy(&seen.stdout));
    }
}

/// The clone that this test belongs to: the directory, from the crate's upwards, that has the scripts.
pub(crate) fn clone() -> &'static Path {
    // Cargo runs tests where their crate is; and does not compile them anew for a clone at another place.
    static CLONE: LazyLock<PathBuf> = LazyLock::new(|| {
        let crate_dir = std::env::current_dir().unwrap();
        crate_dir.ancestors().find(|dir| dir.join("scripts/kafka.sh").is_file()).unwrap().to_owned()
    });
    &CLONE
}

/// One of the clone's scripts, without what `services()` is told by the environment.
pub(crate) fn script(name: &str) -> Command {
    let mut command = Command::new(clone().join("scripts").join(name));
    command.env_remove("SYNCROBOARD_LOG_DIR");
    command
}

/// The standard output of a command that must have succeeded.
pub(crate) fn succeeded(output: &Output, what: &str) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}: {}\n{out}{err}", output.status);
    out.into_owned()
}

/// The standard output of a command that must succeed, with this standard input.
fn fed(command: &mut Command, what: &str, input: &str) -> String {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // A program that ends before it has read everything says why by its status.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    succeeded(&output, what)
}

fn answers(address: &str) -> bool {
    let place = address.rsplit("://").next().unwrap_or_default().rsplit('@').next().unwrap_or_default();
    let host = place.split('/').next().unwrap_or_default();
    host.split(',').any(|host| TcpStream::connect(host).is_ok())
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
