//! `scripts/services.sh`: what it starts it starts once, what died it starts again, and it ends all of it and nothing else.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "support/services.rs"]
mod support;

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::{script, succeeded};

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
    let host = address.trim_start_matches("http://").split('/').next().unwrap();
    TcpStream::connect(host).is_ok()
}

#[test]
fn should_start_once_and_again_what_died_and_end_what_it_started() {
    let home = Home(tempfile::tempdir().unwrap());
    assert_eq!(home.run("status").status.code(), Some(3), "nothing is there yet");
    let first = home.up();
    assert_eq!(home.run("status").status.code(), Some(0));
    let (kafka, registry) = (home.pid("kafka"), home.pid("registry"));

    // Harmless when all is there.
    assert_eq!(home.up(), first);
    assert_eq!((home.pid("kafka"), home.pid("registry")), (kafka.clone(), registry.clone()));

    // What died comes back, at the same address; what lives is left alone.
    assert!(Command::new("kill").args(["-KILL", &registry]).status().unwrap().success());
    assert_eq!(home.up(), first);
    assert_ne!(home.pid("registry"), registry);
    assert_eq!(home.pid("kafka"), kafka);

    let addresses = ["SYNCROBOARD_TEST_KAFKA", "SYNCROBOARD_TEST_REGISTRY"].map(|name| &first[name]);
    assert!(addresses.iter().all(|address| is_there(address)));
    succeeded(&home.run("down"), "services.sh down");
    assert!(!addresses.iter().any(|address| is_there(address)), "both are ended");
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
    assert!(!Path::new(dir).join("node.id").exists(), "nothing was begun");
}
