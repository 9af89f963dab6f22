//! CommentTicket: by members, and by viewers where the project says so.

use schemas::{CommentTicket, ids};

use crate::decision::{Accepted, event};
use crate::fields;
use crate::guard::{self, Issue};
use crate::rejection::Rejection;
use crate::role::Role;
use crate::view::{ProjectView, Refused};

pub(super) fn decide(view: &impl ProjectView, issue: &Issue, command: CommentTicket) -> Result<Accepted, Refused> {
    let entry = guard::enter(view, issue, Role::Viewer)?;
    if !entry.project.viewer_comments {
        entry.needs(Role::Member)?;
    }
    let CommentTicket { number, content, parent_id, .. } = command;
    let ticket = guard::ticket(view, number)?;
    let content = fields::content(content)?;
    if let Some(parent_id) = parent_id
        && view.comment(number, parent_id)?.is_none()
    {
        return Err(Rejection::ParentUnknown { parent_id }.into());
    }
    let comment_id = ids::comment_id(issue.command_id);
    let stamp = issue.stamp(view)?;
    let events = vec![event!(
        &stamp,
        0,
        TicketCommented {
            ticket_id: ticket.ticket_id,
            number,
            comment_id,
            author_id: issue.actor_id,
            content,
            parent_id,
            created_at: issue.at,
        }
    )];
    let ticket = Some(entry.ticket_ref(ticket.ticket_id, number, ticket.version));
    Ok(Accepted { events, ticket, comment_id: Some(comment_id), user_id: None })
}
