//! `/projects/{id}/tickets` and `/tickets/{id}`, with all that is about one ticket.

use serde_json::json;

use super::{ASSIGNEE, ENTER, ENTER_TICKET, FIELDS};
use crate::openapi::bodies::{Moment, Move, NewAssignee, NewTicket, Priority, TicketChange};
use crate::openapi::examples;
use crate::openapi::operation::{NDJSON, Operation, Tag};
use crate::openapi::parameters::Query;

pub(crate) fn list() -> Operation {
    let text = || json!({ "type": "string" });
    Operation::new("listTickets", Tag::Tickets, "The tickets of a project")
        .query([
            Query::words(),
            Query::new("status", "Those in this state.", text()),
            Query::new("priority", "Those with this priority.", text()),
            Query::new("label", "Those with this label.", text()),
            Query::person("assignee", "Those that somebody has", &["me", "none"]),
            Query::person("reporter", "Those that somebody reported", &["me"]),
            Query::time("createdFrom", "Those made then or later."),
            Query::time("createdBefore", "Those made before."),
            Query::time("updatedFrom", "Those changed last then or later."),
            Query::time("updatedBefore", "Those changed last before."),
            Query::time("dueFrom", "Those due then or later."),
            Query::time("dueBefore", "Those due before."),
            Query::one_of("sort", "By number, or by last change; the highest first.", &["number", "updated"]),
        ])
        .paged()
        .gives(200, "A page of tickets.", &examples::list(examples::ticket()))
        .refuses(&["project_not_found"])
}

pub(crate) fn search() -> Operation {
    Operation::new("searchTickets", Tag::Tickets, "Tickets by their words, in all projects that the caller may see")
        .about("Those changed last come first.")
        .query([Query::words().required()])
        .paged()
        .gives(200, "A page of tickets.", &examples::list(examples::ticket()))
}

pub(crate) fn create_many() -> Operation {
    let lines = json!({
        "description": "One ticket a line, as JSON: the fields of the body that makes one, and `commandId` if it has one already.",
    });
    let example = concat!(
        r#"{"title":"The board flickers","priority":"HIGH"}"#,
        "\n",
        r#"{"title":"The basket is empty","assignee":"ada@example.org"}"#,
        "\n"
    );
    Operation::new("createTickets", Tag::Tickets, "Makes many tickets at once")
        .about(
            "One result a line, in the order of the lines, each as soon as all before it are there; blank lines get \
             none. With an `Idempotency-Key` each line is done once, known by its number. A client that sends must also read.",
        )
        .takes_text(NDJSON, lines, example)
        .gives_lines("What became of each.", &examples::bulk_line())
        .refuses(&["media_type", "registration_refused", "project_not_found"])
}

pub(crate) fn create() -> Operation {
    let body = NewTicket {
        title: "The board flickers".to_owned(),
        description: Some("On *every* reload.".to_owned()),
        priority: Some(Priority::High),
        labels: Some(vec!["frontend".to_owned()]),
        due_date: Some(Moment::Date("2026-02-01".to_owned())),
        ..NewTicket::default()
    };
    Operation::new("createTicket", Tag::Tickets, "Makes a ticket")
        .about("It gets the project's next number, and whom the project's policy finds, unless somebody is named.")
        .takes(&body)
        .gives(201, "The ticket.", &examples::ticket())
        .with(201, &["Location", "ETag"])
        .refuses(&["ticket_not_found"])
        .command(&[ENTER, FIELDS, ASSIGNEE])
}

pub(crate) fn read() -> Operation {
    Operation::new("getTicket", Tag::Tickets, "A ticket")
        .about("Its `ETag` begins with its version.")
        .gives(200, "The ticket.", &examples::ticket())
        .conditional()
        .refuses(&["ticket_not_found"])
}

pub(crate) fn update() -> Operation {
    let body = TicketChange { priority: Some(Priority::Urgent), ..TicketChange::default() };
    Operation::new("updateTicket", Tag::Tickets, "Edits a ticket")
        .takes(&body)
        .gives(200, "The ticket as it is then.", &examples::ticket())
        .with(200, &["ETag"])
        .if_match()
        .command(&[ENTER_TICKET, FIELDS])
}

pub(crate) fn delete() -> Operation {
    Operation::new("deleteTicket", Tag::Tickets, "Deletes a ticket")
        .about("Its number is never used again.")
        .gives_nothing(204, "It is gone.")
        .if_match()
        .command(&[ENTER_TICKET])
}

pub(crate) fn move_to() -> Operation {
    let body = Move { status: "IN_PROGRESS".to_owned(), ..Move::default() };
    let refusals = &["transition_illegal", "transition_guarded", "content_too_long"];
    Operation::new("moveTicket", Tag::Tickets, "Moves a ticket along the workflow")
        .takes(&body)
        .gives(200, "The ticket as it is then.", &examples::ticket())
        .with(200, &["ETag"])
        .if_match()
        .command(&[ENTER_TICKET, refusals])
}

pub(crate) fn read_assignment() -> Operation {
    Operation::new("getAssignment", Tag::Tickets, "Who has a ticket, and why")
        .gives(200, "The assignment.", &examples::assignment())
        .refuses(&["ticket_not_found"])
}

pub(crate) fn assign() -> Operation {
    let body = NewAssignee { assignee: Some("ada@example.org".to_owned()), ..NewAssignee::default() };
    Operation::new("assignTicket", Tag::Tickets, "Gives a ticket to a member")
        .takes(&body)
        .gives(200, "The ticket as it is then.", &examples::ticket())
        .with(200, &["ETag"])
        .if_match()
        .command(&[ENTER_TICKET, ASSIGNEE])
}

pub(crate) fn unassign() -> Operation {
    Operation::new("unassignTicket", Tag::Tickets, "Takes a ticket from its assignee")
        .about("It stays with nobody until somebody is assigned by hand.")
        .gives(200, "The ticket as it is then.", &examples::ticket())
        .with(200, &["ETag"])
        .if_match()
        .command(&[ENTER_TICKET])
}

pub(crate) fn list_watchers() -> Operation {
    Operation::new("listWatchers", Tag::Tickets, "Who watches a ticket")
        .paged()
        .gives(200, "A page of watchers.", &examples::list(examples::watcher()))
        .refuses(&["ticket_not_found"])
}

pub(crate) fn watch() -> Operation {
    Operation::new("watchTicket", Tag::Tickets, "The caller watches a ticket")
        .about("The ticket's version stays.")
        .gives_nothing(204, "They watch it.")
        .command(&[ENTER_TICKET])
}

pub(crate) fn unwatch() -> Operation {
    Operation::new("unwatchTicket", Tag::Tickets, "The caller watches a ticket no more")
        .about("The ticket's version stays.")
        .gives_nothing(204, "They do not watch it.")
        .command(&[ENTER_TICKET])
}
