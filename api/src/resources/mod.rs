//! One file per resource, with the same verbs in each: `list`, `read`, `create`, `update`, `delete`.

pub(crate) mod assignee;
pub(crate) mod assignment;
pub(crate) mod board;
pub(crate) mod bulk;
pub(crate) mod commands;
pub(crate) mod comments;
pub(crate) mod deliveries;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod mails;
pub(crate) mod members;
pub(crate) mod notifications;
pub(crate) mod openapi;
pub(crate) mod projects;
pub(crate) mod search;
pub(crate) mod status;
pub(crate) mod tickets;
pub(crate) mod users;
pub(crate) mod verify;
pub(crate) mod watchers;
pub(crate) mod webhooks;
pub(crate) mod workflow;
