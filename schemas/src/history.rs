//! What an event says that happened: who did what and when, and what became of it. The row of the read model is made here, as sinks write it and
//! `verify` compares it.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::event::TicketEvent;
use crate::reader::HistoryRow;
use crate::workflow::Workflow;

/// Most characters of a text that are kept.
const TEXT_MAX_CHARS: usize = 500;
/// A workflow that is longer than this as JSON is not kept whole: it stands in every row that says how a project is.
const WORKFLOW_MAX_BYTES: usize = 4_096;

impl From<&TicketEvent> for HistoryRow {
    fn from(event: &TicketEvent) -> Self {
        Self {
            project_id: event.project_id(),
            sequence: event.sequence(),
            subject: subject(event),
            kind: event.event_name().to_owned(),
            actor_id: Some(actor(event)).filter(|actor| !actor.is_nil()),
            at: event.published_at(),
            changes: Value::Array(changes(event)).to_string(),
        }
    }
}

/// Of a ticket its number, of a membership the user's id, of the project nothing.
fn subject(event: &TicketEvent) -> String {
    match event {
        TicketEvent::ProjectCreated(_) | TicketEvent::ProjectUpdated(_) => String::new(),
        TicketEvent::ProjectMemberAdded(e) => e.user_id.to_string(),
        TicketEvent::ProjectMemberUpdated(e) => e.user_id.to_string(),
        TicketEvent::ProjectMemberRemoved(e) => e.user_id.to_string(),
        TicketEvent::TicketCreated(e) => e.number.to_string(),
        TicketEvent::TicketUpdated(e) => e.number.to_string(),
        TicketEvent::TicketStatusUpdated(e) => e.number.to_string(),
        TicketEvent::TicketAssigned(e) => e.number.to_string(),
        TicketEvent::TicketUnassigned(e) => e.number.to_string(),
        TicketEvent::TicketWatchAdded(e) => e.number.to_string(),
        TicketEvent::TicketWatchRemoved(e) => e.number.to_string(),
        TicketEvent::TicketCommented(e) => e.number.to_string(),
        TicketEvent::TicketDeleted(e) => e.number.to_string(),
    }
}

/// Nil for what came about by itself.
fn actor(event: &TicketEvent) -> Uuid {
    match event {
        TicketEvent::ProjectCreated(e) => e.owner_id,
        TicketEvent::ProjectUpdated(e) => e.updated_by,
        TicketEvent::ProjectMemberAdded(e) => e.changed_by,
        TicketEvent::ProjectMemberUpdated(e) => e.changed_by,
        TicketEvent::ProjectMemberRemoved(e) => e.changed_by,
        TicketEvent::TicketCreated(e) => e.created_by,
        TicketEvent::TicketUpdated(e) => e.updated_by,
        TicketEvent::TicketStatusUpdated(e) => e.updated_by,
        TicketEvent::TicketAssigned(e) => e.assigned_by,
        TicketEvent::TicketUnassigned(e) => e.unassigned_by,
        TicketEvent::TicketCommented(e) => e.author_id,
        TicketEvent::TicketWatchAdded(e) => e.user_id,
        TicketEvent::TicketWatchRemoved(e) => e.user_id,
        TicketEvent::TicketDeleted(e) => e.deleted_by,
    }
}

/// Each as `[field, new]`, or `[field, old, new]` where the event says what was so before.
fn changes(event: &TicketEvent) -> Vec<Value> {
    match event {
        TicketEvent::TicketStatusUpdated(e) => vec![json!(["status", e.old_status, e.new_status])],
        TicketEvent::TicketAssigned(e) => vec![json!(["assigneeId", e.previous_assignee_id, e.assignee_id])],
        TicketEvent::TicketUnassigned(e) => vec![json!(["assigneeId", e.previous_assignee_id, null])],
        TicketEvent::TicketCommented(e) => vec![json!(["comment", null, text(&e.content)])],
        TicketEvent::TicketWatchAdded(e) => vec![json!(["watcher", null, e.user_id])],
        TicketEvent::TicketWatchRemoved(e) => vec![json!(["watcher", e.user_id, null])],
        TicketEvent::ProjectMemberRemoved(_) | TicketEvent::TicketDeleted(_) => Vec::new(),
        whole => said(whole).into_iter().map(|(field, new)| json!([field, new])).collect(),
    }
}

/// What an event says that its subject is from then on.
fn said(event: &TicketEvent) -> Map<String, Value> {
    let said = match event {
        TicketEvent::ProjectCreated(e) => json!({
            "key": e.key, "name": e.name, "description": text(&e.description), "viewerComments": false, "archived": false,
            "assignmentPolicy": "least_loaded", "poolId": e.project_id, "poolOpen": false,
            "workflow": workflow(Workflow::standard()),
        }),
        TicketEvent::ProjectUpdated(e) => json!({
            "name": e.name, "description": text(&e.description), "viewerComments": e.viewer_comments, "archived": e.archived,
            "assignmentPolicy": if e.assignment_policy.is_empty() { "least_loaded" } else { &e.assignment_policy },
            "poolId": e.pool_id.unwrap_or(e.project_id), "poolOpen": e.pool_open,
            "workflow": workflow(Workflow::or_standard(e.workflow.as_ref())),
        }),
        TicketEvent::ProjectMemberAdded(e) => json!({
            "role": e.role, "capacity": e.capacity, "skills": e.skills, "available": e.available,
        }),
        TicketEvent::ProjectMemberUpdated(e) => {
            let mut said = json!({
                "role": e.role, "capacity": e.capacity, "skills": e.skills, "available": e.available,
            });
            // Rows from before there was such a thing say nothing of it either.
            if let (true, Value::Object(said)) = (e.deactivated, &mut said) {
                said.insert("deactivated".to_owned(), json!(true));
            }
            said
        }
        TicketEvent::TicketCreated(e) => json!({
            "title": e.title, "description": text(&e.description), "priority": e.priority, "status": e.status,
            "labels": e.labels, "assigneeId": e.assignee_id, "dueDate": e.due_date,
        }),
        TicketEvent::TicketUpdated(e) => {
            let mut said = Map::new();
            let mut say = |field: &str, new: Option<Value>| {
                if let Some(new) = new {
                    said.insert(field.to_owned(), new);
                }
            };
            say("title", e.title.as_ref().map(|title| json!(title)));
            say("description", e.description.as_ref().map(|description| json!(text(description))));
            say("priority", e.priority.as_ref().map(|priority| json!(priority)));
            say("labels", e.labels.as_ref().map(|labels| json!(labels)));
            say("dueDate", e.clear_due_date.then_some(Value::Null));
            say("dueDate", e.due_date.map(|date| json!(date)));
            Value::Object(said)
        }
        _ => Value::Null,
    };
    match said {
        Value::Object(said) => said,
        _ => Map::new(),
    }
}

/// The beginning of a text, and how long it is.
fn text(text: &str) -> String {
    match text.char_indices().nth(TEXT_MAX_CHARS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}… ({} characters)", text.get(..end).unwrap_or_default(), text.chars().count()),
    }
}

/// A workflow; of a large one its states, and what tells it from others.
fn workflow(workflow: &Workflow) -> Value {
    let whole = json!(workflow);
    let text = whole.to_string();
    if text.len() <= WORKFLOW_MAX_BYTES {
        return whole;
    }
    let states: Vec<_> = workflow.states.iter().map(|state| &state.name).collect();
    json!({ "states": states, "digest": Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ProjectUpdated, TicketAssigned, TicketCommented, TicketUpdated};

    fn row(event: impl Into<TicketEvent>) -> HistoryRow {
        HistoryRow::from(&event.into())
    }

    #[test]
    fn should_say_what_was_so_before_where_the_event_does() {
        let (old, new) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let assigned =
            TicketAssigned { number: 7, previous_assignee_id: Some(old), assignee_id: new, ..Default::default() };
        let row = row(assigned);
        assert_eq!((row.subject.as_str(), row.actor_id), ("7", None), "nobody did it by hand");
        assert_eq!(row.changes, format!("[[\"assigneeId\",\"{old}\",\"{new}\"]]"));
    }

    #[test]
    fn should_keep_the_beginning_of_a_long_text() {
        let said = |content: String| row(TicketCommented { content, ..Default::default() }).changes;
        let expected = format!("[[\"comment\",null,\"{}… (100000 characters)\"]]", "ñ".repeat(500));
        assert_eq!(said("ñ".repeat(100_000)), expected);
        assert!(!said("ñ".repeat(500)).contains("characters"));
    }

    #[test]
    fn should_keep_of_a_large_workflow_its_states_and_what_tells_it_from_others() {
        let with_ways = |ways: usize| {
            let mut workflow = Workflow::standard().clone();
            let more = workflow.transitions.iter().cycle().take(ways).cloned().collect();
            workflow.transitions = more;
            row(ProjectUpdated { workflow: Some(workflow), ..Default::default() }).changes
        };
        let (one, other) = (with_ways(900), with_ways(901));
        assert!(one.len() < 1_000 && one.contains("IN_PROGRESS") && one != other, "{one}");
        assert!(with_ways(6).contains("requiresAssignee"));
    }

    #[test]
    fn should_name_only_what_an_edit_has_changed() {
        let edited = TicketUpdated { title: Some("A".to_owned()), clear_due_date: true, ..Default::default() };
        let mut changes: Vec<Value> = serde_json::from_str(&row(edited).changes).unwrap();
        changes.sort_by_key(ToString::to_string);
        assert_eq!(changes, [json!(["dueDate", null]), json!(["title", "A"])]);
    }
}
