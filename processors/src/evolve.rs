//! `evolve`: what an event does to a project's state. The only way state changes, so replaying the events of a project
//! gives the same state.

use schemas::{
    CommentState, ExternalState, MemberState, ProjectState, TicketCreated, TicketEvent, TicketState, TicketUpdated,
    WatcherState,
};

use crate::digest;
use crate::policy::Policy;
use crate::role::Role;
use crate::view::{Fault, ProjectStateMut};

/// Applies the project's next event.
///
/// # Errors
/// The event does not follow the one before it, or is about something that is not there: then log and state contradict
/// each other. Or a store fails.
pub fn evolve<S: ProjectStateMut>(state: &mut S, event: &TicketEvent) -> Result<(), Fault> {
    count(state, event)?;
    match event {
        TicketEvent::ProjectCreated(e) => state.put_project(ProjectState {
            key: e.key.clone(),
            name: e.name.clone(),
            description: e.description.clone(),
            owner_id: e.owner_id,
            viewer_comments: false,
            created_at: e.created_at,
            members: 0,
            owners: 0,
            assignment_policy: Policy::default().name().to_owned(),
            pool_id: None,
            pool_open: false,
            pool_since: 0,
            workflow: None,
            archived: false,
        }),
        TicketEvent::ProjectUpdated(e) => change_project(state, event, |project| {
            project.name.clone_from(&e.name);
            project.description.clone_from(&e.description);
            project.viewer_comments = e.viewer_comments;
            if !e.assignment_policy.is_empty() {
                project.assignment_policy.clone_from(&e.assignment_policy);
            }
            if project.pool_id != e.pool_id {
                (project.pool_id, project.pool_since) = (e.pool_id, e.sequence);
            }
            project.pool_open = e.pool_open;
            project.workflow.clone_from(&e.workflow);
            project.archived = e.archived;
        }),
        TicketEvent::ProjectMemberAdded(e) => {
            change_project(state, event, |project| {
                project.members += 1;
                project.owners += owners(&e.role);
            })?;
            state.put_handle(&e.handle, e.user_id)?;
            let (handle, role, skills) = (e.handle.clone(), e.role.clone(), e.skills.clone());
            state.put_member(
                e.user_id,
                MemberState { handle, role, capacity: e.capacity, skills, available: e.available, deactivated: false },
            )
        }
        TicketEvent::ProjectMemberUpdated(e) => {
            let old = state.member(e.user_id)?.ok_or_else(|| missing(event))?;
            change_project(state, event, |project| project.owners += owners(&e.role) - owners(&old.role))?;
            let (handle, role, skills) = (e.handle.clone(), e.role.clone(), e.skills.clone());
            state.put_member(
                e.user_id,
                MemberState {
                    handle,
                    role,
                    capacity: e.capacity,
                    skills,
                    available: e.available,
                    deactivated: e.deactivated,
                },
            )
        }
        TicketEvent::ProjectMemberRemoved(e) => {
            let old = state.member(e.user_id)?.ok_or_else(|| missing(event))?;
            change_project(state, event, |project| {
                project.members -= 1;
                project.owners -= owners(&old.role);
            })?;
            state.remove_handle(&old.handle)?;
            state.remove_member(e.user_id)
        }
        TicketEvent::TicketCreated(e) => create_ticket(state, e),
        TicketEvent::TicketUpdated(e) => change_ticket(state, event, e.number, |ticket| update_ticket(ticket, e)),
        TicketEvent::TicketStatusUpdated(e) => change_ticket(state, event, e.number, |ticket| {
            // Whoever opens a ticket again that nobody has wants it to be done.
            ticket.held &= e.was_open() || !e.is_open();
            ticket.open = e.new_open;
            ticket.status.clone_from(&e.new_status);
            ticket.version = e.ticket_version;
            ticket.updated_at = e.timestamp;
        }),
        TicketEvent::TicketAssigned(e) => change_ticket(state, event, e.number, |ticket| {
            ticket.assignee_id = Some(e.assignee_id);
            ticket.round += 1;
            ticket.held = false;
            ticket.version = e.ticket_version;
            ticket.updated_at = e.assigned_at;
        }),
        TicketEvent::TicketUnassigned(e) => change_ticket(state, event, e.number, |ticket| {
            ticket.assignee_id = None;
            ticket.round += 1;
            ticket.held = !e.automatic;
            ticket.version = e.ticket_version;
            ticket.updated_at = e.unassigned_at;
        }),
        TicketEvent::TicketCommented(e) => {
            change_ticket(state, event, e.number, |ticket| ticket.comments += 1)?;
            state.put_comment(e.number, e.comment_id, CommentState { author_id: e.author_id })
        }
        TicketEvent::TicketWatchAdded(e) => {
            state.ticket(e.number)?.ok_or_else(|| missing(event))?;
            state.put_watcher(e.number, e.user_id, WatcherState { since: e.timestamp })
        }
        TicketEvent::TicketWatchRemoved(e) => {
            state.watcher(e.number, e.user_id)?.ok_or_else(|| missing(event))?;
            state.remove_watcher(e.number, e.user_id)
        }
        TicketEvent::TicketDeleted(e) => {
            state.ticket(e.number)?.ok_or_else(|| missing(event))?;
            state.remove_ticket(e.number)
        }
    }
}

/// Moves the counters on, and holds that neither sequence nor numbers have a gap.
fn count(state: &mut impl ProjectStateMut, event: &TicketEvent) -> Result<(), Fault> {
    let mut counters = state.counters()?;
    if event.sequence() != counters.sequence + 1 {
        return Err(Fault::Contradiction(format!(
            "event {} of project {} has sequence {}, but {} is next",
            event.event_id(),
            event.project_id(),
            event.sequence(),
            counters.sequence + 1
        )));
    }
    counters.sequence = event.sequence();
    if let TicketEvent::TicketCreated(created) = event {
        if created.number != counters.last_number + 1 {
            return Err(Fault::Contradiction(format!(
                "ticket {} of project {} has number {}, but {} is next",
                created.ticket_id,
                created.project_id,
                created.number,
                counters.last_number + 1
            )));
        }
        counters.last_number = created.number;
    }
    state.put_counters(counters)
}

fn create_ticket(state: &mut impl ProjectStateMut, e: &TicketCreated) -> Result<(), Fault> {
    if let (Some(source), Some(id)) = (&e.external_source, &e.external_id) {
        state.put_external(source, id, ExternalState { number: e.number, digest: digest::of_import(e) })?;
    }
    let ticket = TicketState {
        ticket_id: e.ticket_id,
        title: e.title.clone(),
        priority: e.priority.clone(),
        status: e.status.clone(),
        labels: e.labels.clone(),
        reporter_id: e.reporter_id,
        assignee_id: e.assignee_id,
        due_date: e.due_date,
        description_digest: digest::of_description(&e.description),
        version: 1,
        comments: 0,
        created_at: e.created_at,
        updated_at: e.updated_at,
        round: 0,
        // What another system gave to nobody stays with nobody.
        held: e.imported && e.assignee_id.is_none(),
        open: e.open,
    };
    state.put_ticket(e.number, ticket)
}

fn update_ticket(ticket: &mut TicketState, e: &TicketUpdated) {
    if let Some(title) = &e.title {
        ticket.title.clone_from(title);
    }
    if let Some(description) = &e.description {
        ticket.description_digest = digest::of_description(description);
    }
    if let Some(priority) = &e.priority {
        ticket.priority.clone_from(priority);
    }
    if let Some(labels) = &e.labels {
        ticket.labels.clone_from(labels);
    }
    if e.clear_due_date {
        ticket.due_date = None;
    }
    if e.due_date.is_some() {
        ticket.due_date = e.due_date;
    }
    ticket.version = e.ticket_version;
    ticket.updated_at = e.timestamp;
}

fn change_project(
    state: &mut impl ProjectStateMut,
    event: &TicketEvent,
    change: impl FnOnce(&mut ProjectState),
) -> Result<(), Fault> {
    let mut project = state.take_project()?.ok_or_else(|| missing(event))?;
    change(&mut project);
    state.put_project(project)
}

fn change_ticket(
    state: &mut impl ProjectStateMut,
    event: &TicketEvent,
    number: i64,
    change: impl FnOnce(&mut TicketState),
) -> Result<(), Fault> {
    let mut ticket = state.take_ticket(number)?.ok_or_else(|| missing(event))?;
    change(&mut ticket);
    state.put_ticket(number, ticket)
}

fn owners(role: &str) -> i32 {
    i32::from(Role::of_stored(role) == Role::Owner)
}

fn missing(event: &TicketEvent) -> Fault {
    Fault::Contradiction(format!(
        "event {} ({}, project {}, sequence {}) is about something that is not there",
        event.event_id(),
        event.event_name(),
        event.project_id(),
        event.sequence()
    ))
}
