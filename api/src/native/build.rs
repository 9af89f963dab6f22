//! Builds the record of a command from its fields; which fields a command takes stands here, and only here.

use schemas::{
    AddMember, AssignTicket, CommentTicket, ConfigureAssignment, ConfigureWorkflow, CreateProject, CreateTicket,
    DeactivateUser, DeleteTicket, EditTicket, ImportTicket, MoveTicket, ReactivateUser, ReadNotifications,
    RegisterUser, RemoveMember, TicketCommand, UnassignTicket, UnwatchTicket, UpdateMember, UpdatePreferences,
    UpdateProject, UserCommand, WatchTicket, Workflow, WorkflowState, WorkflowTransition, ids,
};
use uuid::Uuid;

use super::{Envelope, project_id};
use crate::fields::{FieldError, Fields, user_key};

/// What a command is about, as far as it does not stand in its fields.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    /// The project; nil for `CreateProject`, whose key gives it.
    pub(crate) project_id: Uuid,
    /// The ticket's number; 0 for commands that are about no ticket.
    pub(crate) number: i64,
    /// The member, where the path names them.
    pub(crate) user_id: Option<Uuid>,
    /// The key of the user to be added, where it had to be looked up.
    pub(crate) user_key: Option<String>,
}

/// Makes a command of `$kind` with the envelope's fields and those given.
macro_rules! command {
    ($kind:ident, $envelope:ident, $name:ident { $($field:ident $(: $value:expr)?),* $(,)? }) => {
        $kind::from($name {
            command_id: $envelope.command_id,
            actor_id: $envelope.actor_id,
            actor_admin: $envelope.actor_admin,
            issued_at: $envelope.issued_at,
            correlation_id: $envelope.correlation_id,
            traceparent: $envelope.traceparent,
            $($field $(: $value)?,)*
        })
    };
}

/// Makes a command of a project.
macro_rules! record {
    ($envelope:ident, $project_id:expr, $name:ident { $($fields:tt)* }) => {
        command!(TicketCommand, $envelope, $name { project_id: $project_id, $($fields)* })
    };
}

/// Makes a command about a user.
macro_rules! user_record {
    ($envelope:ident, $user_key:expr, $name:ident { $($fields:tt)* }) => {
        command!(UserCommand, $envelope, $name { user_key: $user_key, $($fields)* })
    };
}

/// The names of the commands about users.
pub(super) const USER_TYPES: [&str; 5] =
    ["RegisterUser", "UpdatePreferences", "ReadNotifications", "DeactivateUser", "ReactivateUser"];

/// The names of all commands, for messages.
pub(super) const TYPES: &str = "CreateProject, UpdateProject, ConfigureWorkflow, ConfigureAssignment, AddMember, UpdateMember, RemoveMember, CreateTicket, ImportTicket, \
     EditTicket, MoveTicket, AssignTicket, UnassignTicket, CommentTicket, WatchTicket, UnwatchTicket, DeleteTicket, RegisterUser, \
     UpdatePreferences, ReadNotifications, DeactivateUser, ReactivateUser";

/// Builds a command of `ticket.commands`.
pub(crate) fn ticket_command(
    kind: &str,
    mut fields: Fields,
    to: Target,
    by: Envelope,
) -> Result<TicketCommand, FieldError> {
    let from = &mut fields;
    let command = match kind {
        "CreateProject" => create_project(from, by)?,
        "UpdateProject" => update_project(from, &to, by)?,
        "ConfigureWorkflow" => {
            let (workflow, expected) = (workflow(from)?, from.opt_uuid("expectedWorkflow")?);
            record!(by, to.project_id, ConfigureWorkflow { workflow, expected: by.expected_workflow.or(expected) })
        }
        "ConfigureAssignment" => {
            let (policy, pool_open) = (from.opt_string("policy")?, from.opt_bool("poolOpen")?);
            // The id of a project is the pool's that it hosts.
            let pool = from.opt_string("pool")?.map(|host| project_id(&host));
            record!(by, to.project_id, ConfigureAssignment { policy, pool_open, pool })
        }
        "AddMember" => add_member(from, to, by)?,
        "UpdateMember" => update_member(from, &to, by)?,
        "RemoveMember" => record!(by, to.project_id, RemoveMember { user_id: member(from, &to)? }),
        "CreateTicket" => create_ticket(from, &to, by)?,
        "ImportTicket" => import_ticket(from, &to, by)?,
        "EditTicket" => edit_ticket(from, &to, by)?,
        "MoveTicket" => move_ticket(from, &to, by)?,
        "AssignTicket" => assign_ticket(from, &to, by)?,
        "UnassignTicket" => {
            let expected_version = expected(from, &by)?;
            record!(by, to.project_id, UnassignTicket { number: to.number, expected_version })
        }
        "CommentTicket" => {
            let (content, parent_id) = (from.string("content")?, from.opt_uuid("parentId")?);
            record!(by, to.project_id, CommentTicket { number: to.number, content, parent_id })
        }
        "WatchTicket" => record!(by, to.project_id, WatchTicket { number: to.number }),
        "UnwatchTicket" => record!(by, to.project_id, UnwatchTicket { number: to.number }),
        "DeleteTicket" => {
            let expected_version = expected(from, &by)?;
            record!(by, to.project_id, DeleteTicket { number: to.number, expected_version })
        }
        _ => return Err(FieldError::invalid("type", &format!("one of {TYPES}"))),
    };
    fields.finish()?;
    Ok(command)
}

/// Builds a command of `user.commands`; where no user is named it is about the one with `own_key`.
pub(crate) fn user_command(
    kind: &str,
    mut fields: Fields,
    own_key: &str,
    by: Envelope,
) -> Result<UserCommand, FieldError> {
    if kind == "RegisterUser" {
        return register_user(fields, by);
    }
    let from = &mut fields;
    let named = from
        .opt_string("user")?
        .map(|text| user_key(&text).ok_or_else(|| FieldError::invalid("user", "an e-mail address or source:login")));
    let key = named.transpose()?.unwrap_or_else(|| own_key.to_owned());
    let command = match kind {
        "DeactivateUser" => user_record!(by, key, DeactivateUser {}),
        "ReactivateUser" => user_record!(by, key, ReactivateUser {}),
        "UpdatePreferences" => {
            let muted_kinds = from.opt_strings("mutedKinds")?;
            let muted_projects = from.opt_strings("mutedProjects")?;
            let muted_projects = muted_projects.map(|texts| texts.iter().map(|text| project_id(text)).collect());
            let (locale, email) = (from.opt_string("locale")?, from.opt_string("email")?);
            let (email_hour, time_zone) = (from.opt_i32("emailHour")?, from.opt_string("timeZone")?);
            let (quiet_from, quiet_to) = (from.opt_string("quietFrom")?, from.opt_string("quietTo")?);
            user_record!(
                by,
                key,
                UpdatePreferences {
                    muted_kinds,
                    muted_projects,
                    locale,
                    email,
                    email_hour,
                    time_zone,
                    quiet_from,
                    quiet_to
                }
            )
        }
        _ => {
            let (notification_id, up_to) = (from.opt_uuid("notificationId")?, from.opt_i64("upTo")?);
            match (notification_id, up_to) {
                (None, None) => return Err(FieldError::missing("notificationId")),
                (Some(_), Some(_)) => {
                    return Err(FieldError::invalid("upTo", "alone, or `notificationId` in its place"));
                }
                _ => {}
            }
            user_record!(by, key, ReadNotifications { notification_id, up_to })
        }
    };
    fields.finish()?;
    Ok(command)
}

/// Builds the registration of a user: by e-mail, or a placeholder by `source` and `login`.
fn register_user(mut fields: Fields, by: Envelope) -> Result<UserCommand, FieldError> {
    let from = &mut fields;
    let email = from.opt_string("email")?.map(|email| email.trim().to_lowercase());
    let (source, login) = (from.opt_string("source")?, from.opt_string("login")?);
    let name = from.opt_string("name")?;
    let admin = from.opt_bool("admin")?.unwrap_or_default();
    let user_key = match (&email, &source, &login) {
        (Some(email), None, None) => email.clone(),
        (None, Some(source), Some(login)) => ids::placeholder_key(source, login),
        (None, Some(_), None) => return Err(FieldError::missing("login")),
        (None, None, _) => return Err(FieldError::missing("email")),
        (Some(_), ..) => return Err(FieldError::invalid("email", "alone, or `source` and `login` in its place")),
    };
    let name = name.or_else(|| login.clone()).unwrap_or_default();
    fields.finish()?;
    Ok(user_record!(by, user_key, RegisterUser { email, name, source, login, admin }))
}

fn create_project(from: &mut Fields, by: Envelope) -> Result<TicketCommand, FieldError> {
    let (key, name) = (from.string("key")?, from.string("name")?);
    let description = from.text("description")?;
    let owner_handle = from.opt_string("ownerHandle")?;
    Ok(record!(by, ids::project_id(&key), CreateProject { key, name, description, owner_handle }))
}

fn update_project(from: &mut Fields, to: &Target, by: Envelope) -> Result<TicketCommand, FieldError> {
    let (name, description) = (from.opt_string("name")?, from.opt_string("description")?);
    let (viewer_comments, archived) = (from.opt_bool("viewerComments")?, from.opt_bool("archived")?);
    Ok(record!(by, to.project_id, UpdateProject { name, description, viewer_comments, archived }))
}

/// None, which is the default, where no states are named.
fn workflow(from: &mut Fields) -> Result<Option<Workflow>, FieldError> {
    let states = from.opt_objects("states", |state| {
        Ok(WorkflowState { name: state.string("name")?, open: state.opt_bool("open")?.unwrap_or(true) })
    })?;
    let transitions = from.opt_objects("transitions", |way| {
        Ok(WorkflowTransition {
            from: way.string("from")?,
            to: way.string("to")?,
            requires_assignee: way.opt_bool("requiresAssignee")?.unwrap_or(false),
            requires_comment: way.opt_bool("requiresComment")?.unwrap_or(false),
            only_roles: way.strings("onlyRoles")?,
        })
    })?;
    if states.is_none() && transitions.is_some() {
        return Err(FieldError::missing("states"));
    }
    Ok(states.map(|states| Workflow { states, transitions: transitions.unwrap_or_default() }))
}

fn add_member(from: &mut Fields, to: Target, by: Envelope) -> Result<TicketCommand, FieldError> {
    let user_key = if let Some(key) = to.user_key {
        key
    } else {
        let text = from.string("user")?;
        user_key(&text).ok_or_else(|| FieldError::invalid("user", "an e-mail address or source:login"))?
    };
    let role = from.opt_string("role")?.unwrap_or_else(|| "member".to_owned());
    let (capacity, skills) = (from.opt_i32("capacity")?, from.strings("skills")?);
    let handle = from.opt_string("handle")?;
    Ok(record!(by, to.project_id, AddMember { user_key, role, capacity, skills, handle }))
}

fn update_member(from: &mut Fields, to: &Target, by: Envelope) -> Result<TicketCommand, FieldError> {
    let user_id = member(from, to)?;
    let (role, capacity) = (from.opt_string("role")?, from.opt_i32("capacity")?);
    let (skills, available) = (from.opt_strings("skills")?, from.opt_bool("available")?);
    Ok(record!(by, to.project_id, UpdateMember { user_id, role, capacity, skills, available }))
}

fn member(from: &mut Fields, to: &Target) -> Result<Uuid, FieldError> {
    match to.user_id {
        Some(id) => Ok(id),
        None => from.opt_person("user", "userId")?.ok_or_else(|| FieldError::missing("user")),
    }
}

fn create_ticket(from: &mut Fields, to: &Target, by: Envelope) -> Result<TicketCommand, FieldError> {
    let (title, description) = (from.string("title")?, from.text("description")?);
    let (priority, labels) = (from.opt_string("priority")?, from.strings("labels")?);
    let (assignee_id, due_date) = (from.opt_person("assignee", "assigneeId")?, from.opt_time("dueDate")?);
    Ok(record!(by, to.project_id, CreateTicket { title, description, priority, labels, assignee_id, due_date }))
}

fn import_ticket(from: &mut Fields, to: &Target, by: Envelope) -> Result<TicketCommand, FieldError> {
    let (title, description) = (from.string("title")?, from.text("description")?);
    let (priority, labels) = (from.opt_string("priority")?, from.strings("labels")?);
    let (assignee_id, due_date) = (from.opt_person("assignee", "assigneeId")?, from.opt_time("dueDate")?);
    let (status, reporter_id) = (from.string("status")?, from.opt_person("reporter", "reporterId")?);
    let (created_at, updated_at) = (from.time("createdAt")?, from.opt_time("updatedAt")?);
    let (external_source, external_id) = (from.string("externalSource")?, from.string("externalId")?);
    let external_url = from.opt_string("externalUrl")?;
    Ok(record!(
        by,
        to.project_id,
        ImportTicket {
            title,
            description,
            priority,
            labels,
            assignee_id,
            due_date,
            status,
            reporter_id,
            created_at,
            updated_at,
            external_source,
            external_id,
            external_url,
        }
    ))
}

fn edit_ticket(from: &mut Fields, to: &Target, by: Envelope) -> Result<TicketCommand, FieldError> {
    let expected_version = expected(from, &by)?;
    let (title, description) = (from.opt_string("title")?, from.opt_string("description")?);
    let (priority, labels) = (from.opt_string("priority")?, from.opt_strings("labels")?);
    // In a PATCH `"dueDate": null` takes the date away; a native command may also say so by name.
    let null_date = from.is_null("dueDate");
    let due_date = from.opt_time("dueDate")?;
    let clear_due_date = from.opt_bool("clearDueDate")?.unwrap_or(null_date);
    let number = to.number;
    Ok(record!(
        by,
        to.project_id,
        EditTicket { number, expected_version, title, description, priority, labels, due_date, clear_due_date }
    ))
}

fn move_ticket(from: &mut Fields, to: &Target, by: Envelope) -> Result<TicketCommand, FieldError> {
    let expected_version = expected(from, &by)?;
    let (status, comment) = (from.string("status")?, from.opt_string("comment")?);
    Ok(record!(by, to.project_id, MoveTicket { number: to.number, expected_version, status, comment }))
}

fn assign_ticket(from: &mut Fields, to: &Target, by: Envelope) -> Result<TicketCommand, FieldError> {
    let expected_version = expected(from, &by)?;
    let assignee = from.opt_person("assignee", "assigneeId")?;
    let assignee_id = assignee.ok_or_else(|| FieldError::missing("assigneeId"))?;
    Ok(record!(by, to.project_id, AssignTicket { number: to.number, expected_version, assignee_id }))
}

/// The version the sender has seen: from `If-Match`, or the field.
fn expected(from: &mut Fields, by: &Envelope) -> Result<Option<i64>, FieldError> {
    let field = from.opt_i64("expectedVersion")?;
    Ok(by.expected_version.or(field))
}
