//! `syncroboard dlq` on a data directory: from a dead letter to its record, and the exit statuses.

use std::path::Path;

use connectors::embedded::{EmbeddedBroker, EmbeddedConfig};
use schemas::topics::TICKET_COMMANDS;
use schemas::{CreateProject, TicketCommand, ids};
use serde_json::{Value, json};
use topology::Headers;
use topology::broker::{Broker, NewRecord, TopicPartition, partition_for_key};

use crate::support::{Home, text};

/// Sends a command to a partition that is not its key's.
fn misroute(data: &Path) {
    let broker = EmbeddedBroker::open(EmbeddedConfig::new(data.join("log"))).unwrap();
    let project_id = ids::project_id("LOST");
    let key = project_id.to_string();
    let wrong = (partition_for_key(key.as_bytes(), 4) + 1) % 4;
    let command = CreateProject { project_id, key: "LOST".to_owned(), name: "Lost".into(), ..CreateProject::default() };
    let mut value = Vec::new();
    TicketCommand::from(command).encode(&mut value).unwrap();
    let record = NewRecord { timestamp: 1, key: Some(key.as_bytes()), value: Some(&value), headers: &Headers::new() };
    let (tell, told) = std::sync::mpsc::channel();
    let delivery = Box::new(move |written: Result<_, _>| tell.send(written.is_ok()).unwrap());
    broker.producer().unwrap().send(&TopicPartition::new(TICKET_COMMANDS, wrong), record, delivery).unwrap();
    assert!(told.recv().unwrap());
}

fn json_lines(output: &std::process::Output) -> Vec<Value> {
    assert_eq!(output.status.code(), Some(0), "{}", text(output));
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn should_list_show_and_put_back_a_dead_letter() {
    let home = Home::new();
    home.start().kill();
    misroute(&home.data());
    let mut server = home.start();
    server.wait_for_log("misrouted");
    server.terminate();
    server.wait_until_ended(std::time::Duration::from_secs(60));

    let listed = json_lines(&home.run(&["dlq", "list", "--json"]));
    let [row] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!(
        (&row["topic"], &row["reason"], &row["letters"]),
        (&json!("ticket.commands"), &json!("misrouted"), &json!(1))
    );
    let shown = json_lines(&home.run(&["dlq", "show", "ticket.commands.dlq", "--json"]));
    assert_eq!(
        (&shown[0]["value"]["record"], &shown[0]["value"]["fields"]["name"]),
        (&json!("CreateProject"), &json!("Lost"))
    );
    let place = shown[0]["letter"]["partition"].to_string();
    let printed = home.run(&["dlq", "show", "ticket.commands", &place, "0"]);
    assert!(printed.status.success() && text(&printed).contains("reason     misrouted"), "{}", text(&printed));
    assert_eq!(
        home.run(&["dlq", "show", "ticket.commands", &place, "7"]).status.code(),
        Some(1),
        "there is no such letter"
    );

    let planned = home.run(&["dlq", "redrive", "ticket.commands", "--dry-run"]);
    assert!(planned.status.success() && text(&planned).contains("1 would be redriven, 0 stay"), "{}", text(&planned));
    let limited = home.run(&["dlq", "redrive", "ticket.commands", "--max-replays", "0"]);
    assert_eq!(limited.status.code(), Some(1), "letters at the limit stay: {}", text(&limited));
    let done = home.run(&["dlq", "redrive", "ticket.commands", "--reason", "misrouted", "--since", "1h"]);
    assert!(done.status.success() && text(&done).contains("1 redriven, 0 stay"), "{}", text(&done));
    let again = home.run(&["dlq", "redrive", "ticket.commands"]);
    assert!(again.status.success() && text(&again).contains("0 redriven, 0 stay"), "{}", text(&again));
    assert_eq!(json_lines(&home.run(&["dlq", "list", "--json"]))[0]["redriven"], 1);

    let server = home.start();
    // The project, and its owner's membership, are its first two events.
    let project = server.get_since(&home.token(), "/projects/LOST", ids::project_id("LOST"), 2);
    assert_eq!(project["name"], "Lost", "the command was decided");
}

#[test]
fn should_refuse_a_topic_without_dead_letters_and_name_those_that_have_some() {
    let home = Home::new();
    home.start().kill();
    let output = home.run(&["dlq", "redrive", "ticket.comands"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("ticket.comands") && text(&output).contains("user.commands"), "{}", text(&output));
    assert_eq!(home.run(&["dlq", "list", "--since", "yesterday"]).status.code(), Some(2));
}
