//! `decide`: what becomes of a command. Pure: a function of the project's state, the command and its record's timestamp.
//!
//! The order of the guards is their precedence, so a command that breaks several rules is refused for the first:
//!
//! | command | guards, in order |
//! |---|---|
//! | CreateProject | key_invalid, key_taken, name_*, description_too_long, handle_invalid |
//! | all others first | project_not_found, not_a_member, actor_deactivated, insufficient_role (an admin counts as an owner), project_archived |
//! | UpdateProject | name_*, description_too_long, then project_archived unless it is to be no more |
//! | ConfigureWorkflow | workflow_invalid (in itself), workflow_conflict, workflow_invalid (for the tickets that there are) |
//! | ConfigureAssignment | policy_invalid, own_pool_open, then, if another pool is to be joined, with its answer all again and pool_unknown, pool_not_open |
//! | AddMember | role_invalid, insufficient_role (owners are made by owners), capacity_invalid, skill_invalid, handle_invalid, then, with the answer, all again and user_unknown, already_member, user_deactivated |
//! | UpdateMember | member_not_found, role_invalid, insufficient_role (only owners change owners), capacity_invalid, skill_invalid, last_owner |
//! | RemoveMember | member_not_found, insufficient_role (only owners remove owners), last_owner |
//! | CreateTicket | title_*, description_too_long, priority_invalid, too_many_labels, label_invalid, assignee_not_a_member, assignee_is_viewer, assignee_deactivated, date_invalid |
//! | ImportTicket | as CreateTicket (but for assignee_deactivated), status_unknown, date_invalid (createdAt, updatedAt), external_reference_invalid, already_imported |
//! | EditTicket | ticket_not_found, version_conflict, then the fields as in CreateTicket |
//! | MoveTicket | ticket_not_found, transition_illegal, content_too_long, transition_guarded (roles, assignee, comment), version_conflict |
//! | AssignTicket | ticket_not_found, assignee_not_a_member, assignee_is_viewer, assignee_deactivated, version_conflict |
//! | UnassignTicket, DeleteTicket | ticket_not_found, version_conflict |
//! | CommentTicket | (a viewer: insufficient_role unless the project lets viewers comment) ticket_not_found, content_empty, content_too_long, parent_unknown |
//! | WatchTicket, UnwatchTicket | not_a_member (administrators too), ticket_not_found |
//!
//! A command that asks for what is so already is accepted without an event.

mod assign_ticket;
mod comment_ticket;
mod configure_assignment;
mod configure_workflow;
mod create_project;
mod create_ticket;
mod delete_ticket;
mod edit_ticket;
mod import_ticket;
mod member;
mod move_ticket;
mod proposal;
mod update_project;
mod watch_ticket;

pub use configure_assignment::decide_joined_pool;
pub use member::{LookedUp, decide_added_member};
pub use proposal::decide_proposal;

use schemas::TicketCommand;

use crate::decision::{Accepted, Decision};
use crate::guard::Issue;
use crate::view::{ProjectView, Refused};

/// Decides about a command. `at` is the timestamp of its record, in milliseconds since the Unix epoch.
///
/// # Errors
/// The rules refuse the command, or the state cannot be read.
pub fn decide(view: &impl ProjectView, command: TicketCommand, at: i64) -> Result<Decision, Refused> {
    let issue = Issue::of(&command, at);
    let accepted: Result<Accepted, Refused> = match command {
        TicketCommand::CreateProject(command) => create_project::decide(view, &issue, command),
        TicketCommand::UpdateProject(command) => update_project::decide(view, &issue, command),
        TicketCommand::ConfigureWorkflow(command) => configure_workflow::decide(view, &issue, command),
        TicketCommand::ConfigureAssignment(command) => match configure_assignment::decide(view, &issue, &command)? {
            Some(accepted) => Ok(accepted),
            None => return Ok(Decision::LookUpPool(Box::new(command))),
        },
        TicketCommand::AddMember(command) => {
            member::check_add(view, &issue, &command)?;
            return Ok(Decision::LookUpUser(Box::new(command)));
        }
        TicketCommand::UpdateMember(command) => member::decide_update(view, &issue, command),
        TicketCommand::RemoveMember(command) => member::decide_remove(view, &issue, &command),
        TicketCommand::CreateTicket(command) => create_ticket::decide(view, &issue, command),
        TicketCommand::ImportTicket(command) => import_ticket::decide(view, &issue, command),
        TicketCommand::EditTicket(command) => edit_ticket::decide(view, &issue, command),
        TicketCommand::MoveTicket(command) => move_ticket::decide(view, &issue, command),
        TicketCommand::AssignTicket(command) => assign_ticket::decide(view, &issue, &command),
        TicketCommand::UnassignTicket(command) => assign_ticket::decide_unassign(view, &issue, &command),
        TicketCommand::CommentTicket(command) => comment_ticket::decide(view, &issue, command),
        TicketCommand::WatchTicket(command) => watch_ticket::decide(view, &issue, command.number, true),
        TicketCommand::UnwatchTicket(command) => watch_ticket::decide(view, &issue, command.number, false),
        TicketCommand::DeleteTicket(command) => delete_ticket::decide(view, &issue, &command),
    };
    accepted.map(Decision::Accepted)
}
