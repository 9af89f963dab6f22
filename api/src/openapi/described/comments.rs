//! `/tickets/{id}/comments`.

use super::ENTER_TICKET;
use crate::openapi::bodies::NewComment;
use crate::openapi::examples;
use crate::openapi::operation::{Operation, Tag};

pub(crate) fn list() -> Operation {
    Operation::new("listComments", Tag::Comments, "The comments of a ticket")
        .about("Oldest first.")
        .paged()
        .gives(200, "A page of comments.", &examples::list(examples::comment()))
        .refuses(&["ticket_not_found"])
}

pub(crate) fn create() -> Operation {
    let body = NewComment { content: "@ada, can you have a look?".to_owned(), parent_id: None };
    Operation::new("createComment", Tag::Comments, "Comments on a ticket")
        .takes(&body)
        .gives(201, "The comment.", &examples::comment())
        .with(201, &["Location"])
        .refuses(&["not_found"])
        .command(&[ENTER_TICKET, &["content_empty", "content_too_long", "parent_unknown"]])
}
