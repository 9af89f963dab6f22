//! `/projects/{id}/tickets`, `/tickets/{id}` and what is below it.

use axum::http::Method;
use schemas::reader::CommentRow;
use schemas::{CommandAccepted, Outcome, TicketCommand};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, World, accepted, rejected, user, web};

#[tokio::test]
async fn should_create_a_ticket_and_answer_with_it() {
    let world = World::new();
    let row = world.ticket(12, "The board flickers");
    world.log.decide(|command| Answer::Outcome(accepted(command, 12)));
    let body = json!({ "title": "The board flickers", "priority": "HIGH", "labels": ["ui"],
                       "assigneeId": user("bob"), "dueDate": "2026-01-31" });
    let reply = world.send("ada", Method::POST, "/projects/WEB/tickets", body).await;
    assert_eq!(reply.status.as_u16(), 201, "{}", reply.text);
    assert_eq!((reply.header("location"), reply.header("etag")), ("/tickets/WEB-12", "\"3\""));
    let ticket = reply.json();
    for (field, value) in [
        ("id", json!(row.id)),
        ("projectId", json!(web())),
        ("number", json!(12)),
        ("code", json!("WEB-12")),
        ("status", json!("OPEN")),
        ("reporterId", json!(user("bob"))),
        ("assigneeId", Value::Null),
        ("version", json!(3)),
        ("createdAt", json!("2026-01-31T12:00:00.123Z")),
    ] {
        assert_eq!(ticket[field], value, "{field}");
    }
    let TicketCommand::CreateTicket(command) = world.log.only() else { panic!("another command") };
    assert_eq!((command.priority.as_deref(), command.assignee_id), (Some("HIGH"), Some(user("bob"))));
}

#[tokio::test]
async fn should_name_the_allowed_states_when_a_move_is_illegal() {
    let world = World::new();
    world.log.decide(|command| Answer::Outcome(rejected(command, "transition_illegal", &["IN_PROGRESS"])));
    let reply = world.send("bob", Method::PATCH, "/tickets/WEB-1/status", json!({ "status": "DONE" })).await;
    assert_eq!(reply.problem(409, "transition_illegal")["allowed"], json!(["IN_PROGRESS"]));
}

#[tokio::test]
async fn should_answer_412_only_to_those_who_named_the_version() {
    let world = World::new();
    world.log.decide(|command| Answer::Outcome(rejected(command, "version_conflict", &[])));
    let body = json!({ "title": "x" });
    let headers = [("if-match", "\"3\"")];
    let reply = world.send_with("bob", Method::PATCH, "/tickets/WEB-1", body.clone(), &headers).await;
    reply.problem(412, "version_conflict");
    assert!(matches!(world.log.only(), TicketCommand::EditTicket(command) if command.expected_version == Some(3)));
    world.send("bob", Method::PATCH, "/tickets/WEB-1", body.clone()).await.problem(409, "version_conflict");
    let weak = [("if-match", "W/\"3\"")];
    let reply = world.send_with("bob", Method::PATCH, "/tickets/WEB-1", body, &weak).await;
    reply.problem(400, "header_invalid");
}

#[tokio::test]
async fn should_take_the_due_date_away_with_null() {
    let world = World::new();
    world.log.decide(|command| Answer::Outcome(rejected(command, "ticket_not_found", &[])));
    world.send("bob", Method::PATCH, "/tickets/WEB-1", json!({ "dueDate": null })).await;
    world.send("bob", Method::PATCH, "/tickets/WEB-1", json!({ "title": "x" })).await;
    let sent = world.log.sent();
    assert!(matches!(&sent[0], TicketCommand::EditTicket(c) if c.clear_due_date && c.due_date.is_none()));
    assert!(matches!(&sent[1], TicketCommand::EditTicket(c) if !c.clear_due_date));
}

#[tokio::test]
async fn should_find_a_ticket_by_id_and_by_code_for_reading_and_writing() {
    let world = World::new();
    let row = world.ticket(4, "four");
    world.log.decide(|command| Answer::Outcome(accepted(command, 4)));
    for id in [row.id.to_string(), "WEB-4".to_owned()] {
        assert_eq!(world.get("bob", &format!("/tickets/{id}")).await.json()["title"], "four");
        world.get("eve", &format!("/tickets/{id}")).await.problem(404, "ticket_not_found");
        let path = format!("/tickets/{id}/assignee");
        let reply = world.send("bob", Method::PUT, &path, json!({ "assigneeId": user("ada") })).await;
        assert_eq!(reply.status.as_u16(), 200, "{}", reply.text);
        let reply = world.send("bob", Method::DELETE, &path, Value::Null).await;
        assert_eq!(reply.status.as_u16(), 200, "{}", reply.text);
    }
    for command in world.log.sent().iter() {
        let number = match command {
            TicketCommand::AssignTicket(command) => command.number,
            TicketCommand::UnassignTicket(command) => command.number,
            other => panic!("{other:?}"),
        };
        assert_eq!((number, command.project_id()), (4, web()));
    }
    for id in ["web-4", "WEB", "WEB-0", "%00", &Uuid::nil().to_string()] {
        world.get("bob", &format!("/tickets/{id}")).await.problem(404, "ticket_not_found");
    }
}

#[tokio::test]
async fn should_page_through_tickets_and_refuse_what_is_no_filter() {
    let world = World::new();
    for number in 1..=5 {
        world.ticket(number, "t");
    }
    let mut numbers = Vec::new();
    let mut path = "/projects/WEB/tickets?limit=2".to_owned();
    loop {
        let page = world.get("bob", &path).await.json();
        numbers.extend(page["items"].as_array().unwrap().iter().map(|item| item["number"].as_i64().unwrap()));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/projects/WEB/tickets?limit=2&cursor={cursor}");
    }
    assert_eq!(numbers, [5, 4, 3, 2, 1]);
    for (query, code) in [
        ("limit=0", "query_invalid"),
        ("limit=many", "query_invalid"),
        ("sort=age", "query_invalid"),
        ("assignee=bob", "query_invalid"),
        ("cursor=s5", "cursor_invalid"),
        ("colour=red", "query_unknown"),
    ] {
        world.get("bob", &format!("/projects/WEB/tickets?{query}")).await.problem(400, code);
    }
}

#[tokio::test]
async fn should_comment_and_list_comments() {
    let world = World::new();
    let row = world.ticket(1, "one");
    let comment = Uuid::from_u128(77);
    world.model.tables().comments.push(CommentRow {
        id: comment,
        ticket_id: row.id,
        author_id: user("bob"),
        content: "well".to_owned(),
        sequence: 8,
        ..CommentRow::default()
    });
    let ticket_id = Some(row.id);
    world.log.decide(move |command| {
        Answer::Outcome(Outcome::Accepted(CommandAccepted {
            command_type: command.type_name().to_owned(),
            project_id: Some(web()),
            comment_id: Some(comment),
            ticket_id,
            ..CommandAccepted::default()
        }))
    });
    let reply = world.send("bob", Method::POST, "/tickets/WEB-1/comments", json!({ "content": "well" })).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["content"]), (201, &json!("well")));
    let list = world.get("ada", "/tickets/WEB-1/comments").await.json();
    assert_eq!(list["items"][0]["authorId"], json!(user("bob")));
}
