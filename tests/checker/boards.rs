//! Boards in Redis: not newer than the tables, and what they say at rest.

use std::collections::BTreeMap;

use redis::Commands as _;
use serde_json::Value;
use uuid::Uuid;

use super::fold::Projects;
use super::tables::Tables;
use super::{Finding, Law};

/// What is held of a project.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    pub(super) sequence: i64,
    /// None: only that older boards do not count is known.
    pub(super) body: Option<Vec<u8>>,
}

pub(super) type Boards = BTreeMap<Uuid, Held>;

/// Those that count: of the present epoch, which is one of this run of the server.
pub(super) fn read(url: &str) -> Result<Boards, String> {
    let said = |error: redis::RedisError| error.to_string();
    let mut connection = redis::Client::open(url).and_then(|client| client.get_connection()).map_err(said)?;
    let about: String = redis::cmd("INFO").arg("server").query(&mut connection).map_err(said)?;
    let run = about.lines().find_map(|line| line.strip_prefix("run_id:")).unwrap_or_default().trim().to_owned();
    let keys: Vec<String> = connection.keys("project:tickets:*").map_err(said)?;
    let mut boards = Boards::new();
    for key in keys {
        let Some(project) = key.rsplit(':').next().and_then(|id| Uuid::try_parse(id).ok()) else { continue };
        let (sequence, epoch, body): (Option<i64>, Option<String>, Option<Vec<u8>>) = redis::cmd("HMGET")
            .arg(&key)
            .arg("sequence")
            .arg("epoch")
            .arg("body")
            .query(&mut connection)
            .map_err(said)?;
        let present: Option<String> = connection.get("project:tickets:epoch").map_err(said)?;
        let counts = epoch == present && epoch.is_some_and(|epoch| epoch.starts_with(&run));
        if let Some(sequence) = sequence.filter(|_| counts) {
            boards.insert(project, Held { sequence, body });
        }
    }
    Ok(boards)
}

pub(super) fn check(
    boards: &Result<Boards, String>,
    tables: &Tables,
    at_rest: Option<&Projects>,
    found: &mut Vec<Finding>,
) {
    let boards = match boards {
        Ok(boards) => boards,
        Err(why) => return found.push(Finding::new(Law::Readable, format!("Redis: {why}"))),
    };
    let sequence = |row: &Value| Some((row["project_id"].as_str()?.parse().ok()?, row["sequence"].as_i64()?));
    let reached: BTreeMap<Uuid, i64> = tables["project_sequences"].iter().filter_map(sequence).collect();
    for (id, held) in boards {
        let reached = reached.get(id).copied().unwrap_or_default();
        if held.sequence > reached {
            let what = format!("{id}: the board is of event {}, the tables of {reached}", held.sequence);
            found.push(Finding::new(Law::Boards, what));
        }
        if let (Some(body), Some(projects)) = (&held.body, at_rest) {
            found.extend(differences(*id, held.sequence, body, projects).map(|what| Finding::new(Law::Boards, what)));
        }
    }
}

/// The first thing in which a board is not what the events say.
fn differences(id: Uuid, sequence: i64, body: &[u8], projects: &Projects) -> Option<String> {
    let Some(project) = projects.get(&id) else { return Some(format!("{id}: a board of no project")) };
    if sequence != project.sequence {
        return Some(format!("{id}: the board is of event {sequence}, the last is {}", project.sequence));
    }
    let board: Value = match serde_json::from_slice(body) {
        Ok(board) => board,
        Err(error) => return Some(format!("{id}: {error}")),
    };
    let mut expected: BTreeMap<&str, i64> = BTreeMap::new();
    for ticket in project.tickets.values() {
        *expected.entry(&ticket.state.status).or_default() += 1;
    }
    for column in board["columns"].as_array().into_iter().flatten() {
        let status = column["status"].as_str().unwrap_or_default();
        let count = expected.remove(status).unwrap_or_default();
        if column["count"].as_i64() != Some(count) {
            return Some(format!("{id}: {} tickets are {status}, not {count}", column["count"]));
        }
        for card in column["tickets"].as_array().into_iter().flatten() {
            let ticket = card["number"].as_i64().and_then(|number| project.tickets.get(&number));
            let is_so = ticket.is_some_and(|t| card["title"] == t.state.title.as_str() && t.state.status == status);
            if !is_so {
                return Some(format!(
                    "{id}: {} in {status} is {card}, not {:?}",
                    card["number"],
                    ticket.map(|t| &t.state)
                ));
            }
        }
    }
    expected.into_iter().next().map(|(status, count)| format!("{id}: no column for {count} tickets that are {status}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::checker::fold::{Project, Ticket};

    const ID: Uuid = Uuid::from_u128(7);

    fn found(sequence: i64, reached: i64, board: &Value) -> Vec<String> {
        let mut ticket = Ticket::default();
        "OPEN".clone_into(&mut ticket.state.status);
        "T".clone_into(&mut ticket.state.title);
        let project = Project { sequence: 4, tickets: [(1, ticket)].into(), ..Project::default() };
        let held = Held { sequence, body: Some(board.to_string().into_bytes()) };
        let row = json!({"project_id": ID, "sequence": reached});
        let tables = [("project_sequences", vec![row])].into();
        let mut found = Vec::new();
        check(&Ok([(ID, held)].into()), &tables, Some(&[(ID, project)].into()), &mut found);
        found.into_iter().map(|finding| finding.what).collect()
    }

    fn board(count: i64, title: &str) -> Value {
        let card = json!({"number": 1, "title": title});
        json!({"columns": [{"status": "OPEN", "count": count, "tickets": [card]}, {"status": "DONE", "count": 0}]})
    }

    #[test]
    fn should_find_a_board_that_is_newer_than_the_tables_or_other_than_the_log() {
        assert_eq!(found(4, 4, &board(1, "T")), Vec::<String>::new());
        assert!(found(4, 3, &board(1, "T"))[0].contains("the tables of 3"));
        assert!(found(3, 4, &board(1, "T"))[0].contains("the last is 4"));
        assert!(found(4, 4, &board(2, "T"))[0].contains("are OPEN, not 1"));
        assert!(found(4, 4, &board(1, "U"))[0].contains("1 in OPEN is"));
        assert!(found(4, 4, &json!({"columns": []}))[0].contains("no column for 1"));
    }
}
