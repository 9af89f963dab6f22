//! What the events of each project come to, by plain code of its own.

use std::collections::BTreeMap;

use schemas::{MemberState, ProjectState, TicketCreated, TicketEvent, TicketState, ids};
use uuid::Uuid;

use crate::oracle::Place;

/// Projects by id.
pub(super) type Projects = BTreeMap<Uuid, Project>;

#[derive(Debug, Clone, Default)]
pub(super) struct Project {
    pub(super) state: ProjectState,
    pub(super) updated_at: i64,
    pub(super) sequence: i64,
    pub(super) last_number: i64,
    pub(super) members: BTreeMap<Uuid, MemberState>,
    pub(super) tickets: BTreeMap<i64, Ticket>,
    /// Numbers by source and id; of tickets that are deleted as well.
    pub(super) externals: BTreeMap<(String, String), i64>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Ticket {
    pub(super) state: TicketState,
    pub(super) made: TicketCreated,
    pub(super) description: String,
    /// Of the last event that changed it; a comment does not.
    pub(super) sequence: i64,
    pub(super) comments: BTreeMap<Uuid, Comment>,
    /// Since when, by user.
    pub(super) watchers: BTreeMap<Uuid, i64>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Comment {
    pub(super) author: Uuid,
    pub(super) content: String,
    pub(super) parent: Option<Uuid>,
    pub(super) sequence: i64,
    pub(super) created_at: i64,
}

/// All of them, of events that lie in the order of their partitions.
pub(super) fn all(events: &[(Place, TicketEvent)]) -> Projects {
    let mut projects = Projects::new();
    for (_, event) in events {
        projects.entry(event.project_id()).or_default().take(event);
    }
    projects
}

impl Project {
    fn take(&mut self, event: &TicketEvent) {
        self.sequence = event.sequence();
        match event {
            TicketEvent::ProjectCreated(e) => {
                let state = &mut self.state;
                (state.key, state.name, state.description) = (e.key.clone(), e.name.clone(), e.description.clone());
                (state.owner_id, state.created_at, self.updated_at) = (e.owner_id, e.created_at, e.created_at);
                "least_loaded".clone_into(&mut state.assignment_policy);
            }
            TicketEvent::ProjectUpdated(e) => {
                let state = &mut self.state;
                (state.name, state.description) = (e.name.clone(), e.description.clone());
                (state.viewer_comments, state.pool_open, self.updated_at) =
                    (e.viewer_comments, e.pool_open, e.updated_at);
                if !e.assignment_policy.is_empty() {
                    state.assignment_policy.clone_from(&e.assignment_policy);
                }
                (state.workflow, state.archived) = (e.workflow.clone(), e.archived);
                if state.pool_id != e.pool_id {
                    (state.pool_id, state.pool_since) = (e.pool_id, e.sequence);
                }
            }
            TicketEvent::ProjectMemberAdded(e) => {
                let (handle, role, skills) = (e.handle.clone(), e.role.clone(), e.skills.clone());
                let (capacity, available) = (e.capacity, e.available);
                let deactivated = false;
                self.members.insert(e.user_id, MemberState { handle, role, capacity, skills, available, deactivated });
                self.count();
            }
            TicketEvent::ProjectMemberUpdated(e) => {
                let (handle, role, skills) = (e.handle.clone(), e.role.clone(), e.skills.clone());
                let (capacity, available) = (e.capacity, e.available);
                let deactivated = e.deactivated;
                self.members.insert(e.user_id, MemberState { handle, role, capacity, skills, available, deactivated });
                self.count();
            }
            TicketEvent::ProjectMemberRemoved(e) => {
                self.members.remove(&e.user_id);
                self.count();
            }
            TicketEvent::TicketCreated(e) => self.create(e),
            TicketEvent::TicketDeleted(e) => drop(self.tickets.remove(&e.number)),
            TicketEvent::TicketCommented(e) => {
                let ticket = self.tickets.entry(e.number).or_default();
                ticket.state.comments += 1;
                let (author, content, parent) = (e.author_id, e.content.clone(), e.parent_id);
                let (sequence, created_at) = (e.sequence, e.created_at);
                ticket.comments.insert(e.comment_id, Comment { author, content, parent, sequence, created_at });
            }
            TicketEvent::TicketWatchAdded(e) => {
                self.tickets.entry(e.number).or_default().watchers.insert(e.user_id, e.timestamp);
            }
            TicketEvent::TicketWatchRemoved(e) => {
                self.tickets.entry(e.number).or_default().watchers.remove(&e.user_id);
            }
            TicketEvent::TicketUpdated(_)
            | TicketEvent::TicketStatusUpdated(_)
            | TicketEvent::TicketAssigned(_)
            | TicketEvent::TicketUnassigned(_) => self.change(event),
        }
    }

    /// The states in which there is no work to do.
    fn closed(&self) -> Vec<String> {
        let Some(own) = &self.state.workflow else { return vec!["DONE".to_owned()] };
        own.states.iter().filter(|state| !state.open).map(|state| state.name.clone()).collect()
    }

    fn count(&mut self) {
        let owners = self.members.values().filter(|member| member.role == "owner").count();
        self.state.members = i32::try_from(self.members.len()).unwrap_or(i32::MAX);
        self.state.owners = i32::try_from(owners).unwrap_or(i32::MAX);
    }

    fn create(&mut self, e: &TicketCreated) {
        self.last_number = e.number;
        if let (Some(source), Some(id)) = (&e.external_source, &e.external_id) {
            self.externals.insert((source.clone(), id.clone()), e.number);
        }
        let state = TicketState {
            ticket_id: e.ticket_id,
            title: e.title.clone(),
            priority: e.priority.clone(),
            status: e.status.clone(),
            labels: e.labels.clone(),
            reporter_id: e.reporter_id,
            assignee_id: e.assignee_id,
            due_date: e.due_date,
            description_digest: ids::digest(e.description.as_bytes()),
            version: 1,
            comments: 0,
            created_at: e.created_at,
            updated_at: e.updated_at,
            round: 0,
            held: e.imported && e.assignee_id.is_none(),
            open: Some(!self.closed().contains(&e.status)),
        };
        let (made, description, sequence) = (e.clone(), e.description.clone(), e.sequence);
        self.tickets.insert(e.number, Ticket { state, made, description, sequence, ..Ticket::default() });
    }

    fn change(&mut self, event: &TicketEvent) {
        let (number, version, at) = match event {
            TicketEvent::TicketUpdated(e) => (e.number, e.ticket_version, e.timestamp),
            TicketEvent::TicketStatusUpdated(e) => (e.number, e.ticket_version, e.timestamp),
            TicketEvent::TicketAssigned(e) => (e.number, e.ticket_version, e.assigned_at),
            TicketEvent::TicketUnassigned(e) => (e.number, e.ticket_version, e.unassigned_at),
            _ => return,
        };
        let closed = self.closed();
        let ticket = self.tickets.entry(number).or_default();
        let state = &mut ticket.state;
        (state.version, state.updated_at, ticket.sequence) = (version, at, event.sequence());
        match event {
            TicketEvent::TicketUpdated(e) => {
                state.title = e.title.clone().unwrap_or_else(|| std::mem::take(&mut state.title));
                state.priority = e.priority.clone().unwrap_or_else(|| std::mem::take(&mut state.priority));
                state.labels = e.labels.clone().unwrap_or_else(|| std::mem::take(&mut state.labels));
                state.due_date = e.due_date.or(if e.clear_due_date { None } else { state.due_date });
                if let Some(description) = &e.description {
                    state.description_digest = ids::digest(description.as_bytes());
                    ticket.description.clone_from(description);
                }
            }
            TicketEvent::TicketStatusUpdated(e) => {
                state.held &= !closed.contains(&state.status) || closed.contains(&e.new_status);
                state.open = Some(!closed.contains(&e.new_status));
                state.status.clone_from(&e.new_status);
            }
            TicketEvent::TicketAssigned(e) => {
                (state.assignee_id, state.held) = (Some(e.assignee_id), false);
                state.round += 1;
            }
            TicketEvent::TicketUnassigned(e) => {
                (state.assignee_id, state.held) = (None, !e.automatic);
                state.round += 1;
            }
            _ => {}
        }
    }
}
