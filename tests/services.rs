//! `scripts/services.sh`: what it starts it starts once, what died it starts again, and it ends all of it and nothing else.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "support/services.rs"]
mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::{OwnPostgres, OwnRedis, psql, script, succeeded};

const PARTS: [&str; 5] = ["kafka", "registry", "postgres", "redis", "maildev"];

/// Servers of this test's own, apart from those that `make test` runs.
struct Home(tempfile::TempDir);

impl Home {
    fn dir(&self) -> PathBuf {
        self.0.path().join("services")
    }

    fn run(&self, verb: &str) -> Output {
        script("services.sh").arg(verb).env("SYNCROBOARD_SERVICES_DIR", self.dir()).output().unwrap()
    }

    fn up(&self) -> BTreeMap<String, String> {
        succeeded(&self.run("up"), "services.sh up");
        let env = std::fs::read_to_string(self.dir().join("env")).unwrap();
        env.lines().filter_map(|line| line.split_once('=')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
    }

    fn pid(&self, of: &str) -> String {
        std::fs::read_to_string(self.dir().join(of).join("pid")).unwrap().trim().to_owned()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = self.run("down");
    }
}

fn is_there(address: &str) -> bool {
    let place = address.rsplit("://").next().unwrap().rsplit('@').next().unwrap();
    TcpStream::connect(place.split('/').next().unwrap()).is_ok()
}

#[test]
fn should_start_once_and_again_what_died_and_end_what_it_started() {
    let home = Home(tempfile::tempdir().unwrap());
    assert_eq!(home.run("status").status.code(), Some(3), "nothing is there yet");
    let first = home.up();
    assert_eq!(home.run("status").status.code(), Some(0));
    let pids = || PARTS.map(|part| home.pid(part));
    let before = pids();

    // Harmless when all is there.
    assert_eq!(home.up(), first);
    assert_eq!(pids(), before);

    // What died comes back, at the same address; what lives is left alone.
    let died = ["registry", "postgres", "redis", "maildev"];
    for part in died {
        assert!(Command::new("kill").args(["-KILL", &home.pid(part)]).status().unwrap().success());
    }
    assert_eq!(home.up(), first);
    for ((part, before), after) in PARTS.iter().zip(before).zip(pids()) {
        assert_eq!(after != before, died.contains(part), "{part}");
    }

    let addresses = PARTS.map(|part| &first[&format!("SYNCROBOARD_TEST_{}", part.to_uppercase())]);
    assert!(addresses.iter().all(|address| is_there(address)));
    succeeded(&home.run("down"), "services.sh down");
    assert!(!addresses.iter().any(|address| is_there(address)), "all are ended");
    assert!(!home.dir().exists(), "nothing is left");
    succeeded(&home.run("down"), "services.sh down, with nothing there");
}

#[test]
fn should_leave_alone_a_process_that_has_a_dead_servers_number() {
    let home = Home(tempfile::tempdir().unwrap());
    let mut other = Command::new("sleep").arg("600").spawn().unwrap();
    let kafka = home.dir().join("kafka");
    std::fs::create_dir_all(&kafka).unwrap();
    std::fs::write(kafka.join("pid"), other.id().to_string()).unwrap();
    succeeded(&home.run("down"), "services.sh down");
    assert!(other.try_wait().unwrap().is_none(), "a stranger was ended");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn should_say_how_a_script_is_used_when_it_is_used_wrongly() {
    let used = |name: &str, arguments: &[&str]| {
        let output = script(name).args(arguments).output().unwrap();
        assert!(String::from_utf8_lossy(&output.stderr).contains(name), "{output:?}");
        output.status.code()
    };
    let somewhere = tempfile::tempdir().unwrap();
    let dir = somewhere.path().to_str().unwrap();
    assert_eq!(used("services.sh", &["upwards"]), Some(2));
    assert_eq!(used("kafka.sh", &[]), Some(2));
    assert_eq!(used("kafka.sh", &["start", dir, "not a setting"]), Some(2));
    assert_eq!(used("kafka.sh", &["start", dir, "--listener", "GOSSIP"]), Some(2));
    assert_eq!(used("kafka.sh", &["start", dir, "--join", "/nowhere"]), Some(2));
    assert_eq!(used("registry.sh", &["start"]), Some(2));
    assert_eq!(used("postgres.sh", &["start", dir, "not a setting"]), Some(2));
    assert_eq!(used("postgres.sh", &["signal", dir]), Some(2));
    assert_eq!(used("redis.sh", &["restart", dir]), Some(2));
    assert_eq!(used("redis.sh", &["start", dir, "not a setting"]), Some(2));
    assert_eq!(used("maildev.sh", &["start", dir, "port=1"]), Some(2));
    assert_eq!(std::fs::read_dir(Path::new(dir)).unwrap().count(), 0, "nothing was begun");
}

#[test]
fn should_keep_what_postgres_had_committed_when_each_of_its_processes_is_killed() {
    let postgres = OwnPostgres::new(&[("work_mem", "7MB"), ("application_name", "it's")]);
    let settings = |sql: &str| psql(postgres.url(), sql);
    assert_eq!(settings("SHOW work_mem"), "7MB");
    settings("CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)");
    postgres.kill();
    assert!(!is_there(postgres.url()));
    postgres.start();
    assert_eq!(settings("SELECT n FROM kept; SHOW work_mem"), "42\n7MB");
    postgres.stop();
    postgres.start_with(&[("work_mem", "9MB")]);
    assert_eq!(settings("SHOW work_mem"), "9MB", "the later setting counts");
}

#[test]
fn should_freeze_and_wake_each_process_of_postgres() {
    let postgres = OwnPostgres::new(&[]);
    let states = || {
        let pid = std::fs::read_to_string(postgres.dir().join("pid")).unwrap();
        let output = Command::new("ps").args(["-A", "-o", "ppid=,pid=,state="]).output().unwrap();
        let lines = succeeded(&output, "ps");
        let lines = lines.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let own = lines.filter(|line| line[..2].contains(&pid.trim()));
        own.map(|line| line[2].starts_with('T')).collect::<Vec<bool>>()
    };
    postgres.signal("STOP");
    let frozen = states();
    assert!(frozen.len() > 3 && frozen.iter().all(|frozen| *frozen), "{frozen:?}");
    postgres.signal("CONT");
    assert!(!states().contains(&true));
    assert_eq!(psql(postgres.url(), "SELECT 1"), "1");
}

#[test]
fn should_keep_in_redis_what_its_settings_say() {
    let said = |redis: &OwnRedis, command: &str| {
        let mut stream = TcpStream::connect(redis.url().trim_start_matches("redis://")).unwrap();
        stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let cache = OwnRedis::new(&[]);
    let kept = OwnRedis::new(&[("save", "3600 1")]);
    for (redis, after) in [(&cache, ":0"), (&kept, ":1")] {
        assert_eq!(said(redis, "SET key value"), "+OK");
        redis.stop();
        assert!(!is_there(redis.url()));
        redis.start();
        assert_eq!(said(redis, "EXISTS key"), after);
    }
    kept.kill();
    kept.start();
    assert_eq!(said(&kept, "EXISTS key"), ":1", "as it was stopped before");
}
