//! A worker that may do on Kafka what docs/kafka.md lists, and nothing else.

use crate::site::Site;
use crate::support::STOPPED;
use crate::support::services::clone;
use crate::workload::{decides_each_command_once, workers_settings};

const OPERATIONS: [&str; 7] = ["Read", "Write", "Describe", "DescribeConfigs", "Create", "Delete", "IdempotentWrite"];
const PASSWORD: &str = "of-the-test";

/// One row of the table.
#[derive(Debug)]
struct Grant {
    /// The tool's options for what it is about.
    resources: Vec<String>,
    operations: Vec<&'static str>,
}

/// The rows of the table of ACLs, for the application `syncroboard`.
fn documented() -> Vec<Grant> {
    let text = std::fs::read_to_string(clone().join("docs/kafka.md")).unwrap();
    let (_, table) = text.split_once("| resource | operations |\n|---|---|\n").unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let rows: Vec<(&str, &str)> = rows.map(|row| row.trim_matches(['|', ' ']).split_once(" | ").unwrap()).collect();
    let names = |text: &str| {
        let quoted = text.split('`').skip(1).step_by(2);
        quoted.map(|name| name.replace("<app>", "syncroboard")).collect::<Vec<_>>()
    };
    let topics = |text: &str| text.starts_with("topics");
    let every_topic: Vec<String> =
        rows.iter().filter(|(what, _)| topics(what)).flat_map(|(what, _)| names(what)).collect();
    let grant = |(what, may): &(&str, &str)| {
        let option = match what.split(' ').next().unwrap() {
            "cluster" => return Grant { resources: vec!["--cluster".to_owned()], operations: operations(may) },
            "topics" | "all" => "--topic",
            "group" | "groups" => "--group",
            "transactional" => "--transactional-id",
            other => panic!("what is meant by {other}?"),
        };
        let names = if what.starts_with("all") { every_topic.clone() } else { names(what) };
        let mut resources: Vec<String> = names.into_iter().flat_map(|name| [option.to_owned(), name]).collect();
        if what.contains("with prefix") {
            resources.extend(["--resource-pattern-type".to_owned(), "prefixed".to_owned()]);
        }
        Grant { resources, operations: operations(may) }
    };
    rows.iter().map(grant).collect()
}

fn operations(text: &str) -> Vec<&'static str> {
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
    OPERATIONS.into_iter().filter(|operation| words.contains(operation)).collect()
}

#[test]
fn should_work_with_the_acls_that_are_documented_and_say_what_is_missing_without() {
    let login = "org.apache.kafka.common.security.plain.PlainLoginModule required";
    let users = format!("{login} user_worker=\"{PASSWORD}\";");
    let broker = [
        ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
        ("super.users", "User:ANONYMOUS"),
        ("sasl.enabled.mechanisms", "PLAIN"),
        ("listener.name.sasl_plaintext.plain.sasl.jaas.config", &users),
    ];
    let mut settings = workers_settings();
    for (key, value) in [
        ("SYNCROBOARD__KAFKA__PROPERTIES__SECURITY.PROTOCOL", "sasl_plaintext"),
        ("SYNCROBOARD__KAFKA__PROPERTIES__SASL.MECHANISM", "PLAIN"),
        ("SYNCROBOARD__KAFKA__PROPERTIES__SASL.USERNAME", "worker"),
        ("SYNCROBOARD__KAFKA__PROPERTIES__SASL.PASSWORD", PASSWORD),
    ] {
        settings.insert(key, value.to_owned());
    }
    let site = Site::guarded(settings, &broker);
    let mut stranger = site.worker(&[]);
    let status = stranger.wait_until_ended(STOPPED);
    let said = stranger.logged().join("\n");
    assert_eq!(status.code(), Some(3), "{said}");
    assert!(said.contains("authorization failed"), "{said}");
    let grants = documented();
    assert!(grants.len() > 8, "{grants:?}");
    for Grant { resources, operations } in &grants {
        assert!(!resources.is_empty() && !operations.is_empty(), "{grants:?}");
        let resources = resources.iter().map(String::as_str);
        let operations = operations.iter().flat_map(|operation| ["--operation", operation]);
        let who = ["--add", "--allow-principal", "User:worker"].into_iter();
        let arguments: Vec<&str> = who.chain(resources).chain(operations).collect();
        site.kafka.tool("org.apache.kafka.tools.AclCommand", &arguments);
    }
    decides_each_command_once(&site, 1);
}
