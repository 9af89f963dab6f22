//! Commands: what users and systems ask for. Each ends in exactly one [`Outcome`](crate::Outcome).

mod project;
mod ticket;
mod user;

pub use project::{
    AddMember, ConfigureAssignment, ConfigureWorkflow, CreateProject, RemoveMember, UpdateMember, UpdateProject,
};
pub use ticket::{
    AssignTicket, CommentTicket, CreateTicket, DeleteTicket, EditTicket, ImportTicket, MoveTicket, UnassignTicket,
    UnwatchTicket, WatchTicket,
};
pub use user::{DeactivateUser, ReactivateUser, ReadNotifications, RegisterUser, UpdatePreferences, UserCommand};

use uuid::Uuid;

use crate::record::record_enum;

record_enum! {
    /// A record of `ticket.commands`, whose key is the id of the project.
    TicketCommand {
        /// Makes a project.
        CreateProject(CreateProject),
        /// Changes a project.
        UpdateProject(UpdateProject),
        /// Changes who is given new work in a project.
        ConfigureAssignment(ConfigureAssignment),
        /// Changes the states of a project's tickets.
        ConfigureWorkflow(ConfigureWorkflow),
        /// Adds a member.
        AddMember(AddMember),
        /// Changes a membership.
        UpdateMember(UpdateMember),
        /// Ends a membership.
        RemoveMember(RemoveMember),
        /// Opens a ticket.
        CreateTicket(CreateTicket),
        /// Takes over a ticket of another system.
        ImportTicket(ImportTicket),
        /// Changes what a ticket says.
        EditTicket(EditTicket),
        /// Moves a ticket in the workflow.
        MoveTicket(MoveTicket),
        /// Gives a ticket to a member.
        AssignTicket(AssignTicket),
        /// Takes a ticket from its assignee.
        UnassignTicket(UnassignTicket),
        /// Comments on a ticket.
        CommentTicket(CommentTicket),
        /// Lets the actor hear of whatever becomes of a ticket.
        WatchTicket(WatchTicket),
        /// Ends that.
        UnwatchTicket(UnwatchTicket),
        /// Deletes a ticket.
        DeleteTicket(DeleteTicket),
    }
    get {
        /// Id of the command, and its idempotency key.
        command_id: Uuid,
        /// Id of the user who issues the command.
        actor_id: Uuid,
        /// Whether the actor is an administrator.
        actor_admin: bool,
        /// When the sender issued it, by the sender's clock, in milliseconds since 1970-01-01T00:00Z.
        issued_at: i64,
        /// Id that ties together everything one request caused.
        correlation_id: Uuid,
        /// Id of the project.
        project_id: Uuid,
    }
}
