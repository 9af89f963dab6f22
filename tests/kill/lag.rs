//! `syncroboard lag` on a data directory: what it prints, and its exit status.

use serde_json::Value;

use crate::support::{Home, text};

#[test]
fn should_show_the_lag_of_the_pipeline_and_tell_by_the_status_whether_all_is_well() {
    let home = Home::new();
    let mut server = home.start();
    server.kill();
    let output = home.run(&["lag", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let group = &report["groups"][0];
    assert_eq!((group["group"].as_str(), group["status"].as_str()), (Some("syncroboard"), Some("OK")), "{report}");
    let topics: Vec<_> = group["partitions"].as_array().unwrap().iter().map(|p| p["topic"].as_str().unwrap()).collect();
    for topic in ["ticket.commands", "user.commands", "syncroboard-user-lookup-requests-repartition"] {
        assert_eq!(topics.iter().filter(|t| **t == topic).count(), 4, "{topic} in {topics:?}");
    }
    let output = home.run(&["lag", "syncroboard", "nobody"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.starts_with("group nobody  NOT_FOUND"), "the worst first: {table}");
    let all = format!("{0} partitions: {0} OK", topics.len());
    assert!(topics.len() > 24 && table.contains("STATUS  TOPIC") && table.contains(&all), "{table}");
}

#[test]
fn should_tell_that_there_is_no_broker() {
    let home = Home::new();
    let output = home.run(&["lag"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("there is no log in"), "{}", text(&output));
}
