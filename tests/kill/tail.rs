//! `syncroboard tail` on a data directory: records as lines of JSON, and where they begin.

use serde_json::{Value, json};

use crate::support::{Home, text};

fn tail(home: &Home, more: &[&str]) -> Vec<Value> {
    let output = home.run(&[&["tail", "ticket.events"], more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn should_show_what_a_topic_has_from_where_it_is_told_on() {
    let home = Home::new();
    let mut server = home.start();
    let token = home.token();
    server.post(&token, "/projects", &json!({ "key": "WEB", "name": "The site" }));
    server.post(&token, "/projects/WEB/tickets", &json!({ "title": "It flickers" }));
    server.kill();

    let all = tail(&home, &[]);
    let titles: Vec<_> = all.iter().filter_map(|line| line["value"]["fields"]["title"].as_str()).collect();
    assert_eq!(titles, ["It flickers"], "{all:?}");
    let created = all.iter().find(|line| line["value"]["record"] == "TicketCreated").unwrap();
    assert_eq!(created["key"]["text"], created["value"]["fields"]["projectId"]);
    let (partition, offset) = (created["partition"].to_string(), created["offset"].to_string());
    assert_eq!(tail(&home, &["--partition", &partition, "--from", &offset])[0], *created);
    assert!(tail(&home, &["--from", created["time"].as_str().unwrap()]).contains(created));
    assert_eq!(tail(&home, &["--from", "1h"]), all);
    assert_eq!(tail(&home, &["--from", "end"]), [Value::Null; 0]);

    let unknown = home.run(&["tail", "ticket.evnts"]);
    assert_eq!(unknown.status.code(), Some(3), "{}", text(&unknown));
    assert!(text(&unknown).contains("there is no topic ticket.evnts"), "{}", text(&unknown));
    assert_eq!(home.run(&["tail", "ticket.events", "--partition", "4"]).status.code(), Some(2));
}
