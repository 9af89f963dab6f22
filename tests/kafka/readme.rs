//! What the README shows under "On Apache Kafka", done.

use crate::site::{Site, settings};
use crate::support::{services, text};

/// The section's commands, each of which is run below.
const SHOWN: [&str; 5] = [
    "make services-up && . .services/env",
    "syncroboard dev --kafka $SYNCROBOARD_TEST_KAFKA",
    "syncroboard worker --kafka $SYNCROBOARD_TEST_KAFKA",
    "syncroboard import --sample",
    "syncroboard lag --kafka $SYNCROBOARD_TEST_KAFKA",
];

#[test]
fn should_share_the_sample_between_two_processes_as_the_readme_shows() {
    let readme = std::fs::read_to_string(services::clone().join("README.md")).unwrap();
    let section = readme.split("\n## ").find(|section| section.starts_with("On Apache Kafka")).unwrap();
    let block = section.split("```").nth(1).unwrap().lines().skip(1);
    let commands: Vec<&str> = block.map(|line| line.split('#').next().unwrap().trim()).collect();
    assert_eq!(commands, SHOWN);
    // The first one is how the servers of these tests came up; here is one of the test's own in their place.
    let site = Site::new(settings("classic"));
    let server = site.dev();
    let mut worker = site.worker(&[]);
    worker.wait_until_running();
    site.wait_for_members(2);
    let token = site.home.token();
    let run = |arguments: &[&str]| {
        let mut command = site.home.command(arguments);
        command.env("SYNCROBOARD_TOKEN", &token).env("SYNCROBOARD_URL", &server.url).output().unwrap()
    };
    let imported = run(&["import", "--sample"]);
    assert_eq!(imported.status.code(), Some(0), "{}", text(&imported));
    assert!(text(&imported).contains(" 0 rejected"), "{}", text(&imported));
    server.settle(&token, "WEB");
    let tickets: u64 = server.columns(&token, "WEB").iter().map(|(_, count)| count).sum();
    assert!(tickets > 100, "{tickets}");
    // Both have worked: each holds partitions, and all have been consumed.
    let lag = run(&["lag", "--kafka", site.kafka.bootstrap()]);
    assert_eq!(lag.status.code(), Some(0), "{}", text(&lag));
    let early = run(&["verify", "--server", &server.url]);
    assert_eq!(early.status.code(), Some(3), "{}", text(&early));
    assert!(text(&early).contains("stop the other workers"), "{}", text(&early));
    worker.stop();
    let verified = server.verified(&site.home, &token);
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified));
}
