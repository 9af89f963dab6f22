//! What the fan-out keeps of the events, and what an event is about.

use std::sync::Arc;

use schemas::{FanOutTicketState, FanOutWatcherState, HandleState, MemberState, TicketEvent};
use topology::{Context, ProcessingError};
use uuid::Uuid;

use super::mentions;
use super::stores::FanOutHandles;
use crate::keys::{HandleKey, MemberKey, TicketKey, TicketPartKey};

/// The ticket that an event is about.
pub(super) struct Subject {
    pub(super) number: i64,
    /// As it is after the event; as it was, if the event deletes it.
    pub(super) ticket: Arc<FanOutTicketState>,
    /// Members whom the event's text mentions and that of before did not.
    pub(super) mentioned: Vec<Uuid>,
}

impl FanOutHandles {
    /// Takes in an event; the ticket that it is about, if somebody may have to be told.
    ///
    /// # Errors
    /// The event is about a ticket or member that is not known, or a store fails.
    pub(super) fn apply(&self, ctx: &mut Context<'_>, event: &TicketEvent) -> Result<Option<Subject>, ProcessingError> {
        let project_id = event.project_id();
        let subject = match event {
            // Of a change to a membership: neither who it is nor the handle changes.
            TicketEvent::ProjectCreated(_) | TicketEvent::ProjectUpdated(_) | TicketEvent::ProjectMemberUpdated(_) => {
                return Ok(None);
            }
            TicketEvent::ProjectMemberAdded(e) => {
                let (handle, role, skills) = (e.handle.clone(), e.role.clone(), e.skills.clone());
                let (capacity, available) = (e.capacity, e.available);
                let member = MemberState { handle, role, capacity, skills, available, deactivated: false };
                let key = HandleKey(project_id, e.handle.clone());
                self.handles.put(ctx, &key, HandleState { user_id: e.user_id })?;
                self.members.put(ctx, &MemberKey(project_id, e.user_id), member)?;
                return Ok(None);
            }
            TicketEvent::ProjectMemberRemoved(e) => {
                let key = MemberKey(project_id, e.user_id);
                let member = self.members.get(ctx, &key)?.ok_or_else(|| unknown(event))?;
                self.handles.delete(ctx, &HandleKey(project_id, member.handle.clone()))?;
                self.members.delete(ctx, &key)?;
                return Ok(None);
            }
            TicketEvent::TicketCreated(e) => {
                let mentioned = self.mentioned(ctx, project_id, &e.description)?;
                let ticket = FanOutTicketState {
                    ticket_id: e.ticket_id,
                    code: e.code.clone(),
                    title: e.title.clone(),
                    reporter_id: e.reporter_id,
                    assignee_id: e.assignee_id,
                    mentioned: mentioned.clone(),
                    watchers: 0,
                };
                self.tickets.put(ctx, &TicketKey(project_id, e.number), ticket.clone())?;
                Subject { number: e.number, ticket: Arc::new(ticket), mentioned }
            }
            TicketEvent::TicketUpdated(e) => {
                let old = self.ticket(ctx, event, e.number)?;
                let mentioned = match &e.description {
                    Some(description) => self.mentioned(ctx, project_id, description)?,
                    None => old.mentioned.clone(),
                };
                let new = mentioned.iter().filter(|user_id| !old.mentioned.contains(user_id)).copied().collect();
                let ticket = self.change(ctx, event, e.number, |ticket| {
                    ticket.mentioned = mentioned;
                    if let Some(title) = &e.title {
                        ticket.title.clone_from(title);
                    }
                })?;
                Subject { number: e.number, ticket, mentioned: new }
            }
            TicketEvent::TicketStatusUpdated(e) => self.subject(ctx, event, e.number)?,
            TicketEvent::TicketAssigned(e) => {
                let ticket = self.change(ctx, event, e.number, |ticket| ticket.assignee_id = Some(e.assignee_id))?;
                Subject { number: e.number, ticket, mentioned: Vec::new() }
            }
            TicketEvent::TicketUnassigned(e) => {
                let ticket = self.change(ctx, event, e.number, |ticket| ticket.assignee_id = None)?;
                Subject { number: e.number, ticket, mentioned: Vec::new() }
            }
            TicketEvent::TicketCommented(e) => {
                let mentioned = self.mentioned(ctx, project_id, &e.content)?;
                Subject { mentioned, ..self.subject(ctx, event, e.number)? }
            }
            TicketEvent::TicketWatchAdded(e) => {
                let key = TicketPartKey(project_id, e.number, e.user_id);
                self.watchers.put(ctx, &key, FanOutWatcherState { sequence: e.sequence })?;
                self.change(ctx, event, e.number, |ticket| ticket.watchers += 1)?;
                return Ok(None);
            }
            TicketEvent::TicketWatchRemoved(e) => {
                self.watchers.delete(ctx, &TicketPartKey(project_id, e.number, e.user_id))?;
                self.change(ctx, event, e.number, |ticket| ticket.watchers -= 1)?;
                return Ok(None);
            }
            TicketEvent::TicketDeleted(e) => {
                let subject = self.subject(ctx, event, e.number)?;
                // Those who watch go when they have been told.
                self.tickets.delete(ctx, &TicketKey(project_id, e.number))?;
                subject
            }
        };
        Ok(Some(subject))
    }

    /// Whether a user is a member of a project.
    pub(super) fn is_member(
        &self,
        ctx: &mut Context<'_>,
        project_id: Uuid,
        user_id: Uuid,
    ) -> Result<bool, ProcessingError> {
        self.members.contains(ctx, &MemberKey(project_id, user_id))
    }

    /// A member's handle; empty for whoever is none.
    pub(super) fn handle(
        &self,
        ctx: &mut Context<'_>,
        project_id: Uuid,
        user_id: Uuid,
    ) -> Result<String, ProcessingError> {
        let member = self.members.get(ctx, &MemberKey(project_id, user_id))?;
        Ok(member.map(|member| member.handle.clone()).unwrap_or_default())
    }

    fn subject(&self, ctx: &mut Context<'_>, event: &TicketEvent, number: i64) -> Result<Subject, ProcessingError> {
        Ok(Subject { number, ticket: self.ticket(ctx, event, number)?, mentioned: Vec::new() })
    }

    fn ticket(
        &self,
        ctx: &mut Context<'_>,
        event: &TicketEvent,
        number: i64,
    ) -> Result<Arc<FanOutTicketState>, ProcessingError> {
        self.tickets.get(ctx, &TicketKey(event.project_id(), number))?.ok_or_else(|| unknown(event))
    }

    /// Changes a ticket, and writes it only if that makes it another.
    fn change(
        &self,
        ctx: &mut Context<'_>,
        event: &TicketEvent,
        number: i64,
        change: impl FnOnce(&mut FanOutTicketState),
    ) -> Result<Arc<FanOutTicketState>, ProcessingError> {
        let old = self.ticket(ctx, event, number)?;
        let mut new = (*old).clone();
        change(&mut new);
        if new == *old {
            return Ok(old);
        }
        self.tickets.put(ctx, &TicketKey(event.project_id(), number), new.clone())?;
        Ok(Arc::new(new))
    }

    /// The members whom a text mentions.
    fn mentioned(&self, ctx: &mut Context<'_>, project_id: Uuid, text: &str) -> Result<Vec<Uuid>, ProcessingError> {
        let mut users = Vec::new();
        for handle in mentions::handles(text) {
            users.extend(self.handles.get(ctx, &HandleKey(project_id, handle))?.map(|state| state.user_id));
        }
        Ok(users)
    }
}

fn unknown(event: &TicketEvent) -> ProcessingError {
    let what = format!("{} {} is about something that is not known", event.event_name(), event.event_id());
    ProcessingError::record("contradiction", what)
}
