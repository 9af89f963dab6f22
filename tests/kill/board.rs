//! Holds what can be read over HTTP to what the log says.

use std::collections::BTreeMap;

use schemas::ids;
use uuid::Uuid;

use crate::oracle::Log;
use crate::support::Server;

/// Every project's board and list of tickets have the tickets of the log, and no others.
pub(crate) fn equals(server: &Server, token: &str, projects: &[String], log: &Log) {
    let mut expected: BTreeMap<Uuid, (i64, Vec<i64>)> = BTreeMap::new();
    for event in &log.events {
        let (sequence, numbers) = expected.entry(event.project).or_default();
        *sequence = event.sequence;
        numbers.extend(event.created);
    }
    assert_eq!(expected.len(), projects.len());
    for key in projects {
        let (sequence, numbers) = &expected[&ids::project_id(key)];
        let path = format!("/projects/{key}/board");
        let board = server.get_since(token, &path, ids::project_id(key), *sequence);
        assert_eq!(board["project"]["sequence"].as_i64(), Some(*sequence), "{key}");
        let columns = server.columns(token, key);
        let counts: u64 = columns.iter().map(|(_, count)| count).sum();
        assert_eq!(counts, numbers.len() as u64, "{key}");
        assert_eq!(&listed(server, token, key), numbers, "{key}");
    }
}

/// The numbers of all tickets that are listed, in order.
fn listed(server: &Server, token: &str, key: &str) -> Vec<i64> {
    let mut numbers = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(token, &format!("/projects/{key}/tickets?limit=200&cursor={cursor}"));
        for ticket in page["items"].as_array().unwrap() {
            let number = ticket["number"].as_i64().unwrap();
            assert_eq!(ticket["code"], format!("{key}-{number}"));
            numbers.push(number);
        }
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    numbers.sort_unstable();
    numbers
}
