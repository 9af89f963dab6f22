//! What is said of each operation: one file per resource, with the verbs of `resources` in each.

pub(crate) mod commands;
pub(crate) mod comments;
pub(crate) mod history;
pub(crate) mod members;
pub(crate) mod notifications;
pub(crate) mod operation;
pub(crate) mod projects;
pub(crate) mod tickets;
pub(crate) mod users;
pub(crate) mod webhooks;

/// The first guards of every command about a project, see `processors`.
const ENTER: &[&str] = &["project_not_found", "not_a_member", "insufficient_role", "project_archived"];

/// And of those about a ticket.
const ENTER_TICKET: &[&str] =
    &["project_not_found", "not_a_member", "insufficient_role", "project_archived", "ticket_not_found"];

/// Refusals of the name and the description of a project.
const ABOUT_PROJECT: &[&str] = &["name_empty", "name_too_long", "description_too_long"];

/// Refusals of the fields of a ticket.
const FIELDS: &[&str] = &[
    "title_empty",
    "title_too_long",
    "description_too_long",
    "priority_invalid",
    "too_many_labels",
    "label_invalid",
    "date_invalid",
];

/// Refusals of an assignee.
const ASSIGNEE: &[&str] = &["assignee_not_a_member", "assignee_is_viewer", "assignee_deactivated"];
