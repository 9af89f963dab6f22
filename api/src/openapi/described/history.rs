//! `/tickets/{id}/history` and `/projects/{id}/history`.

use crate::openapi::examples;
use crate::openapi::operation::{Operation, Tag};
use crate::views::List;

const ABOUT: &str = "The newest first. `old` is left out where it is not known. Of a ticket that is deleted it says who did \
     what and when, and nothing of what it said.";

pub(crate) fn of_ticket() -> Operation {
    page(Operation::new("getTicketHistory", Tag::History, "What happened to a ticket"), "ticket_not_found")
}

pub(crate) fn of_project() -> Operation {
    let operation =
        Operation::new("getProjectHistory", Tag::History, "What happened in a project, to its members and tickets too");
    page(operation, "project_not_found")
}

fn page(operation: Operation, not_found: &'static str) -> Operation {
    let page = List { items: examples::history(), next_cursor: None };
    operation.about(ABOUT).paged().gives(200, "A page of what happened.", &page).refuses(&[not_found])
}
