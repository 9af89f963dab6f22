//! The tables of Postgres against the log, up to the offsets that are stored with them.

use std::collections::{BTreeMap, BTreeSet};

use schemas::topics::{COMMAND_OUTCOMES, NOTIFICATIONS, TICKET_EVENTS, USER_EVENTS};
use schemas::{Notification, Outcome, TicketEvent, UserEvent};
use serde_json::{Value, json};

use super::seen::Seen;
use super::{Finding, Law, fold};
use crate::oracle::Place;
use crate::support::services::psql;

const NAMES: [&str; 13] = [
    "sink_offsets",
    "projects",
    "project_sequences",
    "members",
    "tickets",
    "ticket_labels",
    "status_counts",
    "comments",
    "history",
    "watchers",
    "users",
    "notifications",
    "outcomes",
];

/// Rows by table.
pub(super) type Tables = BTreeMap<&'static str, Vec<Value>>;

/// All of them as they were at one moment.
pub(super) fn read(url: &str) -> Tables {
    let select = |name: &&str| format!("SELECT json_build_array('{name}', row_to_json(t)) FROM {name} t;\n");
    let selects: String = NAMES.iter().map(select).collect();
    let printed = psql(
        url,
        &format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\nSET LOCAL search_path = read_model;\n{selects}COMMIT;"
        ),
    );
    let mut tables: Tables = NAMES.iter().map(|name| (*name, Vec::new())).collect();
    for line in printed.lines() {
        let Ok(Value::Array(mut pair)) = serde_json::from_str(line) else { continue };
        let (row, name) = (pair.pop().unwrap_or_default(), pair.pop().unwrap_or_default());
        if let Some(rows) = name.as_str().and_then(|name| tables.get_mut(name)) {
            rows.push(row);
        }
    }
    tables
}

/// Which offset of a topic's partition comes next.
fn reached(tables: &Tables, topic: &str) -> impl Fn(&Place) -> bool {
    let of_topic = tables["sink_offsets"].iter().filter(|row| row["topic"] == topic);
    let next: BTreeMap<i64, i64> = of_topic
        .map(|row| (row["partition"].as_i64().unwrap_or(-1), row["next_offset"].as_i64().unwrap_or_default()))
        .collect();
    move |(partition, offset)| next.get(&i64::from(*partition)).is_some_and(|next| offset < next)
}

pub(super) fn check(tables: &Tables, seen: &Seen, found: &mut Vec<Finding>) {
    let is_in = reached(tables, TICKET_EVENTS);
    let events: Vec<_> = seen.events.iter().filter(|(at, _)| is_in(at)).cloned().collect();
    let projects = fold::all(&events);
    let mut differ = |table: &str, key: &[&str], expected: Vec<Value>| {
        let differences = differences(table, key, expected, &tables[table]);
        found.extend(differences.into_iter().map(|what| Finding::new(Law::Tables, what)));
    };
    differ("projects", &["id"], projects.iter().map(|(id, p)| project(&id.to_string(), p)).collect());
    let sequence = |(id, p): (&_, &fold::Project)| json!({"project_id": id, "sequence": p.sequence});
    differ("project_sequences", &["project_id"], projects.iter().map(sequence).collect());
    let (mut members, mut tickets, mut labels, mut counts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut comments, mut watchers) = (Vec::new(), Vec::new());
    for (id, project) in &projects {
        members.extend(project.members.iter().map(|(user, m)| {
            json!({"project_id": id, "user_id": user, "handle": m.handle, "role": m.role, "capacity": m.capacity,
                "skills": m.skills, "available": m.available})
        }));
        let mut by_status: BTreeMap<&str, i64> = BTreeMap::new();
        for (number, ticket) in &project.tickets {
            *by_status.entry(&ticket.state.status).or_default() += 1;
            tickets.push(row(id, *number, ticket));
            let of_ticket: BTreeSet<_> = ticket.state.labels.iter().collect();
            labels.extend(of_ticket.iter().map(|l| json!({"project_id": id, "label": l, "number": number})));
            comments.extend(ticket.comments.iter().map(|(comment, c)| {
                json!({"id": comment, "project_id": id, "ticket_id": ticket.state.ticket_id, "author_id": c.author,
                    "content": c.content, "parent_id": c.parent, "sequence": c.sequence, "created_at": c.created_at})
            }));
            watchers.extend(
                ticket
                    .watchers
                    .iter()
                    .map(|(user, since)| json!({"project_id": id, "number": number, "user_id": user, "since": since})),
            );
        }
        counts.extend(by_status.iter().map(|(s, n)| json!({"project_id": id, "status": s, "tickets": n})));
    }
    differ("members", &["project_id", "user_id"], members);
    differ("tickets", &["id"], tickets);
    differ("ticket_labels", &["project_id", "label", "number"], labels);
    differ("status_counts", &["project_id", "status"], counts);
    differ("comments", &["id"], comments);
    differ("watchers", &["project_id", "number", "user_id"], watchers);
    differ("users", &["id"], users(seen, reached(tables, USER_EVENTS)));
    differ("notifications", &["user_id", "sequence"], notifications(seen, reached(tables, NOTIFICATIONS)));
    differ("outcomes", &["command_id"], outcomes(seen, reached(tables, COMMAND_OUTCOMES)));
    let rows = history_rows(&tables["history"], &projects);
    let differences = differences("history", &["project_id", "sequence"], history(&events), &rows);
    found.extend(differences.into_iter().map(|what| Finding::new(Law::Tables, what)));
}

fn project(id: &str, p: &fold::Project) -> Value {
    let s = &p.state;
    json!({"id": id, "key": s.key, "name": s.name, "description": s.description, "owner_id": s.owner_id,
        "viewer_comments": s.viewer_comments, "created_at": s.created_at, "updated_at": p.updated_at,
        "assignment_policy": s.assignment_policy, "pool_id": s.pool_id, "pool_open": s.pool_open,
        "workflow": s.workflow.as_ref().map(|own| serde_json::to_string(own).unwrap()), "archived": s.archived})
}

fn row(project: &uuid::Uuid, number: i64, ticket: &fold::Ticket) -> Value {
    let (s, made) = (&ticket.state, &ticket.made);
    json!({"id": s.ticket_id, "project_id": project, "number": number, "code": made.code, "title": s.title,
        "description": ticket.description, "priority": s.priority, "status": s.status, "labels": s.labels,
        "reporter_id": s.reporter_id, "assignee_id": s.assignee_id, "due_date": s.due_date,
        "external_source": made.external_source, "external_id": made.external_id, "external_url": made.external_url,
        "version": s.version, "sequence": ticket.sequence, "imported": made.imported, "created_at": s.created_at,
        "updated_at": s.updated_at, "assignment_round": s.round, "assignment_held": s.held})
}

/// Who did what and when, of every event.
fn history(events: &[(Place, TicketEvent)]) -> Vec<Value> {
    let of = |(_, event): &(Place, TicketEvent)| {
        let (subject, by) = match event {
            TicketEvent::ProjectCreated(e) => (String::new(), e.owner_id),
            TicketEvent::ProjectUpdated(e) => (String::new(), e.updated_by),
            TicketEvent::ProjectMemberAdded(e) => (e.user_id.to_string(), e.changed_by),
            TicketEvent::ProjectMemberUpdated(e) => (e.user_id.to_string(), e.changed_by),
            TicketEvent::ProjectMemberRemoved(e) => (e.user_id.to_string(), e.changed_by),
            TicketEvent::TicketCreated(e) => (e.number.to_string(), e.created_by),
            TicketEvent::TicketUpdated(e) => (e.number.to_string(), e.updated_by),
            TicketEvent::TicketStatusUpdated(e) => (e.number.to_string(), e.updated_by),
            TicketEvent::TicketAssigned(e) => (e.number.to_string(), e.assigned_by),
            TicketEvent::TicketUnassigned(e) => (e.number.to_string(), e.unassigned_by),
            TicketEvent::TicketCommented(e) => (e.number.to_string(), e.author_id),
            TicketEvent::TicketWatchAdded(e) => (e.number.to_string(), e.user_id),
            TicketEvent::TicketWatchRemoved(e) => (e.number.to_string(), e.user_id),
            TicketEvent::TicketDeleted(e) => (e.number.to_string(), e.deleted_by),
        };
        let by = (!by.is_nil()).then_some(by);
        json!({"project_id": event.project_id(), "sequence": event.sequence(), "subject": subject,
            "kind": event.event_name(), "actor_id": by, "at": event.published_at()})
    };
    events.iter().map(of).collect()
}

/// The table without what the events said, which must be gone of tickets that are.
fn history_rows(rows: &[Value], projects: &fold::Projects) -> Vec<Value> {
    let gone = |row: &Value| {
        let project = row["project_id"].as_str().and_then(|id| uuid::Uuid::try_parse(id).ok());
        let number = row["subject"].as_str().and_then(|subject| subject.parse::<i64>().ok());
        number.is_some_and(|number| !project.is_some_and(|id| projects[&id].tickets.contains_key(&number)))
    };
    let cut = |row: &Value| {
        let mut cut = row.clone();
        if let Some(fields) = cut.as_object_mut()
            && fields.get("changes").is_some_and(|said| !gone(row) || said == "[]")
        {
            fields.remove("changes");
        }
        cut
    };
    rows.iter().map(cut).collect()
}

fn users(seen: &Seen, is_in: impl Fn(&Place) -> bool) -> Vec<Value> {
    let mut users = BTreeMap::new();
    for (_, event) in seen.users.iter().filter(|(at, _)| is_in(at)) {
        let user = UserEvent::into_user(event.clone());
        let row = json!({"id": user.user_id, "email": user.email, "name": user.name, "role": user.role,
            "source": user.login_source, "login": user.login, "sequence": user.sequence, "created_at": user.created_at,
            "deactivated": user.deactivated});
        users.insert(user.user_id, row);
    }
    users.into_values().collect()
}

fn notifications(seen: &Seen, is_in: impl Fn(&Place) -> bool) -> Vec<Value> {
    let mut rows: BTreeMap<_, Value> = BTreeMap::new();
    for (_, notification) in seen.notifications.iter().filter(|(at, _)| is_in(at)) {
        let user = notification.user_id();
        match notification {
            Notification::NotificationCreated(made) => {
                let row = json!({"user_id": user, "sequence": made.sequence, "id": made.event_id, "reason": made.reason,
                    "event_id": made.about.event_id, "kind": made.about.kind, "project_id": made.about.project_id,
                    "read": false});
                rows.insert((user, made.sequence), row);
            }
            Notification::NotificationsRead(read) => {
                let of_user = rows.range_mut((user, i64::MIN)..=(user, i64::MAX));
                for ((_, sequence), row) in of_user {
                    let this = read.notification_id.is_some_and(|id| row["id"] == json!(id));
                    if this || *sequence <= read.up_to {
                        row["read"] = json!(true);
                    }
                }
            }
        }
    }
    rows.into_values().collect()
}

/// That it is there, and when it was decided; the first answer is the one that is kept.
fn outcomes(seen: &Seen, is_in: impl Fn(&Place) -> bool) -> Vec<Value> {
    let mut rows = BTreeMap::new();
    for (_, outcome) in seen.outcomes.iter().filter(|(at, _)| is_in(at)) {
        if !matches!(outcome, Outcome::Failed(_)) {
            let row = json!({"command_id": outcome.command_id(), "failed": false});
            rows.insert(outcome.command_id(), row);
        }
    }
    for (_, outcome) in seen.outcomes.iter().filter(|(at, _)| is_in(at)) {
        let row = json!({"command_id": outcome.command_id(), "failed": true});
        rows.entry(outcome.command_id()).or_insert(row);
    }
    rows.into_values().collect()
}

/// Rows by their key; of each the columns that are expected.
fn differences(table: &str, key: &[&str], expected: Vec<Value>, rows: &[Value]) -> Vec<String> {
    let key_of = |row: &Value| key.iter().map(|column| row[*column].to_string()).collect::<Vec<_>>().join(" ");
    let mut expected: BTreeMap<String, Value> = expected.into_iter().map(|row| (key_of(&row), row)).collect();
    let mut differences = Vec::new();
    for row in rows {
        let at = key_of(row);
        let Some(Value::Object(expected)) = expected.remove(&at) else {
            // A status that no ticket has any more keeps its row.
            if row["tickets"] != json!(0) {
                differences.push(format!("{table} {at}: is there, but the log says nothing of it"));
            }
            continue;
        };
        for (column, expected) in expected {
            if row[&column] != expected {
                differences.push(format!("{table} {at}: {column} is {}, but the log says {expected}", row[&column]));
            }
        }
    }
    differences.extend(expected.keys().map(|at| format!("{table} {at}: is not there, but the log says so")));
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(spoil: impl FnOnce(&mut Vec<Value>)) -> Vec<String> {
        let expected = vec![json!({"id": "a", "title": "A", "n": 1}), json!({"id": "b", "title": "B", "n": null})];
        let mut rows =
            vec![json!({"id": "b", "title": "B", "n": null, "more": 7}), json!({"id": "a", "title": "A", "n": 1})];
        spoil(&mut rows);
        differences("t", &["id"], expected, &rows)
    }

    #[test]
    fn should_find_what_is_missing_other_or_too_much_in_a_table() {
        assert_eq!(found(|_| {}), Vec::<String>::new());
        assert_eq!(found(|rows| drop(rows.pop())), ["t \"a\": is not there, but the log says so"]);
        assert_eq!(found(|rows| rows[0]["title"] = json!("C")), ["t \"b\": title is \"C\", but the log says \"B\""]);
        assert_eq!(found(|rows| rows.push(json!({"id": "c"}))), ["t \"c\": is there, but the log says nothing of it"]);
    }
}
