//! EditTicket: the event has only what changes.

use schemas::{EditTicket, TicketState};

use crate::decision::{Accepted, event};
use crate::digest;
use crate::fields;
use crate::guard::{self, Issue};
use crate::rejection::Rejection;
use crate::role::Role;
use crate::view::{ProjectView, Refused};

pub(super) fn decide(view: &impl ProjectView, issue: &Issue, command: EditTicket) -> Result<Accepted, Refused> {
    let entry = guard::enter(view, issue, Role::Member)?;
    let number = command.number;
    let ticket = guard::ticket(view, number)?;
    guard::version(&ticket, command.expected_version)?;
    let changes = Changes::of(&ticket, command)?;
    if changes == Changes::default() {
        return Ok(entry.unchanged(&ticket, number));
    }
    let ticket_version = ticket.version + 1;
    let stamp = issue.stamp(view)?;
    let events = vec![event!(
        &stamp,
        0,
        TicketUpdated {
            ticket_id: ticket.ticket_id,
            number,
            title: changes.title,
            description: changes.description,
            priority: changes.priority,
            labels: changes.labels,
            due_date: changes.due_date,
            clear_due_date: changes.clear_due_date,
            ticket_version,
            updated_by: issue.actor_id,
            timestamp: issue.at,
        }
    )];
    let ticket = Some(entry.ticket_ref(ticket.ticket_id, number, ticket_version));
    Ok(Accepted { events, ticket, ..Accepted::default() })
}

/// What is other than it was.
#[derive(Debug, Default, PartialEq, Eq)]
struct Changes {
    title: Option<String>,
    description: Option<String>,
    priority: Option<String>,
    labels: Option<Vec<String>>,
    due_date: Option<i64>,
    clear_due_date: bool,
}

impl Changes {
    fn of(ticket: &TicketState, command: EditTicket) -> Result<Self, Rejection> {
        let title = command.title.map(fields::title).transpose()?;
        let description = command.description.map(fields::description).transpose()?;
        let priority = command.priority.map(|priority| fields::priority(Some(priority))).transpose()?;
        let labels = command.labels.map(fields::labels).transpose()?;
        let due_date = command.due_date.map(|date| fields::date("dueDate", date)).transpose()?;
        Ok(Self {
            title: title.filter(|title| *title != ticket.title),
            description: description.filter(|text| digest::of_description(text) != ticket.description_digest),
            priority: priority.filter(|priority| *priority != ticket.priority),
            labels: labels.filter(|labels| *labels != ticket.labels),
            // A date that is given wins over taking it away.
            clear_due_date: command.clear_due_date && due_date.is_none() && ticket.due_date.is_some(),
            due_date: due_date.filter(|date| Some(*date) != ticket.due_date),
        })
    }
}
