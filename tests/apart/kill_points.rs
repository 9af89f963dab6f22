//! Processes killed with SIGKILL exactly where they are named to stay (`src/kill_points.rs`), and started again: nothing is
//! there twice, nothing is missing. The binary must have the feature `kill-points`.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use serde_json::{Value, json};
use topology::Step;
use uuid::Uuid;

use crate::faults::reached;
use crate::load::make_projects;
use crate::oracle::Acknowledged;
use crate::site::{Parts, Site};
use crate::support::{Server, http};
use crate::{board, log};

/// Tickets that are made at once.
const BATCH: usize = 100;

/// How long a process may take for a batch before it gets another one.
const MOMENT: Duration = Duration::from_millis(200);

/// A client of one API process, and what it was told.
struct Writer<'a> {
    api: &'a Server,
    token: String,
    projects: Vec<String>,
    told: Vec<Acknowledged>,
}

impl<'a> Writer<'a> {
    fn new(site: &Site, api: &'a Server) -> Self {
        let (token, projects) = (site.token(), (0..8).map(|n| format!("P{n}")).collect::<Vec<_>>());
        make_projects(api, &token, &projects);
        Self { api, token, projects, told: Vec::new() }
    }

    fn pour(&mut self) {
        self.told.extend(pour(&self.api.url, &self.token, &self.projects));
    }

    /// As [`Self::pour`], while something is done that it has to wait for.
    fn pour_through<T>(&mut self, meanwhile: impl FnOnce() -> T) -> T {
        let (url, token, projects) = (&self.api.url, &self.token, &self.projects);
        let (told, done) = std::thread::scope(|scope| {
            let pouring = scope.spawn(|| pour(url, token, projects));
            let done = meanwhile();
            (pouring.join().unwrap(), done)
        });
        self.told.extend(told);
        done
    }

    /// Waits until all of it can be read, and has every board in the cache.
    fn settle(&self) {
        for project in &self.projects {
            self.api.settle(&self.token, project);
            self.api.columns(&self.token, project);
        }
    }

    /// The log is sound, and boards and tables are what it says.
    fn is_whole(&self, site: &Site) {
        let log = log::read(&*site.broker());
        log.is_sound(&self.told, self.told.len());
        board::equals(self.api, &self.token, &self.projects, &log);
        site.verifies();
    }
}

/// Makes tickets in all projects, and waits until they are decided.
fn pour(url: &str, token: &str, projects: &[String]) -> Vec<Acknowledged> {
    let line = |n: usize| {
        let project = &projects[n % projects.len()];
        format!("{}\n", json!({ "type": "CreateTicket", "project": project, "title": n.to_string() }))
    };
    let request = http().post(format!("{url}/commands:bulk")).bearer_auth(token);
    let body: String = (0..BATCH).map(line).collect();
    let answers = request.header("content-type", "application/x-ndjson").body(body).send().unwrap().text().unwrap();
    let acknowledged = |line: &str| {
        let answer: Value = serde_json::from_str(line).unwrap();
        let id = |value: &Value| value.as_str().and_then(|text| Uuid::parse_str(text).ok());
        let told = || {
            let (project, command) = (id(&answer["result"]["projectId"])?, id(&answer["commandId"])?);
            Some(Acknowledged { project, command, number: answer["result"]["number"].as_i64()? })
        };
        told().unwrap_or_else(|| panic!("not accepted: {answer}"))
    };
    answers.lines().map(acknowledged).collect()
}

/// Kills a process that stays at a point.
fn kill_held(held: &mut Server, point: &str) {
    assert!(held.is_alive(), "{point}");
    assert_eq!(held.kill().signal(), Some(9), "{point}");
    println!("killed at {point}");
}

#[test]
fn should_write_each_record_once_though_a_sink_is_killed_at_each_of_its_points() {
    let site = Site::new();
    let Parts { worker: _worker, sinks: [mut sink, mut other], apis } = site.start();
    other.stop();
    let mut writer = Writer::new(&site, &apis[0]);
    let mut killed = 0;
    for (point, committed) in
        [("AfterOffsets", false), ("BeforeCommit", false), ("AfterCommit", true), ("BeforeGroup", true)]
    {
        for times in 1..=2 {
            writer.settle();
            sink.stop();
            let (before, _) = reached(&site);
            let point = format!("sink:{point}:{times}");
            let mut held = site.launch_with(&["sink"], &[("SYNCROBOARD_KILL_POINT", &point)]);
            held.wait_until_running();
            while !held.says("state=HELD", MOMENT) {
                writer.pour();
            }
            let (database, group) = reached(&site);
            if committed {
                assert!(database > before && database > group, "{point}: {before}, {database}, {group}");
            } else if times == 1 {
                assert_eq!(database, before, "{point}: what is not committed can be read");
            }
            kill_held(&mut held, &point);
            killed += 1;
            sink = site.sink();
        }
    }
    assert_eq!(killed, 8);
    writer.settle();
    writer.is_whole(&site);
}

#[test]
fn should_write_each_record_once_though_postgres_dies_in_mid_commit_and_the_sink_and_a_worker_with_it() {
    let site = Site::new();
    let Parts { mut worker, sinks: [mut sink, mut other], apis } = site.start();
    other.stop();
    let mut writer = Writer::new(&site, &apis[0]);
    for point in ["BeforeCommit", "AfterCommit"] {
        writer.settle();
        sink.stop();
        let point = format!("sink:{point}:1");
        let mut held = site.launch_with(&["sink"], &[("SYNCROBOARD_KILL_POINT", &point)]);
        held.wait_until_running();
        while !held.says("state=HELD", MOMENT) {
            writer.pour();
        }
        site.postgres.kill();
        worker.kill();
        kill_held(&mut held, &point);
        site.postgres.start();
        worker = site.launch(&["worker"]);
        worker.wait_until_running();
        sink = site.sink();
    }
    writer.settle();
    writer.is_whole(&site);
}

#[test]
fn should_do_each_command_once_though_a_worker_is_killed_at_each_of_its_steps() {
    let site = Site::new();
    let Parts { mut worker, sinks: _sinks, apis } = site.start();
    let mut writer = Writer::new(&site, &apis[0]);
    writer.pour();
    for step in Step::ALL {
        worker.stop();
        if matches!(step, Step::BeforeRestore | Step::AfterRestore) {
            std::fs::remove_dir_all(site.home.data().join("workers")).unwrap();
        }
        let point = format!("worker:{step:?}");
        let mut held = site.launch_with(&["worker"], &[("SYNCROBOARD_KILL_POINT", &point)]);
        // Answered once another worker has taken over.
        worker = writer.pour_through(|| {
            held.wait_for_output("state=HELD");
            kill_held(&mut held, &point);
            let mut next = site.launch(&["worker"]);
            next.wait_until_running();
            next
        });
    }
    writer.settle();
    writer.is_whole(&site);
}
