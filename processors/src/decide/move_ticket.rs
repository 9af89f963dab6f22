//! MoveTicket: along the workflow, with or without a comment, which is then a comment of the ticket too.

use schemas::{MoveTicket, ids};

use crate::decision::{Accepted, event};
use crate::fields;
use crate::guard::{self, Issue};
use crate::rejection::Rejection;
use crate::role::Role;
use crate::view::{ProjectView, Refused};
use crate::workflow;

pub(super) fn decide(view: &impl ProjectView, issue: &Issue, command: MoveTicket) -> Result<Accepted, Refused> {
    let entry = guard::enter(view, issue, Role::Member)?;
    let MoveTicket { number, expected_version, status: new_status, comment, .. } = command;
    let ticket = guard::ticket(view, number)?;
    let workflow = entry.project.workflow();
    let Some(way) = workflow.ways_from(&ticket.status).find(|way| way.to == new_status) else {
        let (from, allowed) = (ticket.status.clone(), workflow::allowed_from(workflow, &ticket.status));
        return Err(Rejection::TransitionIllegal { from, to: new_status, allowed }.into());
    };
    // An empty comment is none.
    let comment = match comment.map(fields::content) {
        None | Some(Err(Rejection::ContentEmpty)) => None,
        Some(comment) => Some(comment?),
    };
    if let Some(unmet) = workflow::unmet(way, &ticket, comment.is_some(), entry.role) {
        return Err(Rejection::TransitionGuarded { from: ticket.status.clone(), to: new_status, unmet }.into());
    }
    guard::version(&ticket, expected_version)?;
    let new_open = Some(workflow.is_open(&new_status));

    let (ticket_id, ticket_version) = (ticket.ticket_id, ticket.version + 1);
    let stamp = issue.stamp(view)?;
    let mut events = Vec::with_capacity(1 + usize::from(comment.is_some()));
    events.push(event!(
        &stamp,
        0,
        TicketStatusUpdated {
            ticket_id,
            number,
            old_status: ticket.status.clone(),
            new_status,
            updated_by: issue.actor_id,
            comment: comment.clone(),
            ticket_version,
            timestamp: issue.at,
            old_open: Some(ticket.is_open()),
            new_open,
        }
    ));
    let comment_id = comment.is_some().then(|| ids::comment_id(issue.command_id));
    if let (Some(content), Some(comment_id)) = (comment, comment_id) {
        events.push(event!(
            &stamp,
            1,
            TicketCommented {
                ticket_id,
                number,
                comment_id,
                author_id: issue.actor_id,
                content,
                parent_id: None,
                created_at: issue.at,
            }
        ));
    }
    let ticket = Some(entry.ticket_ref(ticket_id, number, ticket_version));
    Ok(Accepted { events, ticket, comment_id, user_id: None })
}
