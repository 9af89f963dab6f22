//! ImportTicket: a ticket of another system, with status, people, dates and a reference of its own.
//! A reference is taken for ever, also when the ticket is deleted: importing again never brings anything twice.

use schemas::{ImportTicket, TicketEvent, ids};

use super::create_ticket::{Checked, TicketFields};
use crate::decision::{Accepted, code, event};
use crate::digest;
use crate::fields;
use crate::guard::{self, Issue};
use crate::rejection::Rejection;
use crate::role::Role;
use crate::view::{ProjectView, Refused};

pub(super) fn decide(view: &impl ProjectView, issue: &Issue, command: ImportTicket) -> Result<Accepted, Refused> {
    let entry = guard::enter(view, issue, Role::Maintainer)?;
    let fields = TicketFields {
        title: command.title,
        description: command.description,
        priority: command.priority,
        labels: command.labels,
        assignee_id: command.assignee_id,
        due_date: command.due_date,
        imported: true,
    };
    let Checked { title, description, priority, labels, assignee_id, due_date } = fields.check(view)?;
    let workflow = entry.project.workflow();
    let Some(state) = workflow.state(&command.status) else {
        let allowed = workflow.states.iter().map(|state| state.name.clone()).collect();
        return Err(Rejection::StatusUnknown { status: command.status, allowed }.into());
    };
    let open = Some(state.open);
    let created_at = fields::date("createdAt", command.created_at)?;
    let updated_at = fields::date("updatedAt", command.updated_at.unwrap_or(created_at))?;
    let (source, id) = (command.external_source, command.external_id);
    if !fields::is_reference(&source) || !fields::is_reference(&id) || !fields::is_url(command.external_url.as_deref())
    {
        return Err(Rejection::ExternalReferenceInvalid.into());
    }
    let known = view.external(&source, &id)?;
    let stamp = issue.stamp(view)?;
    let number = known.as_ref().map_or(view.counters()?.last_number + 1, |known| known.number);
    let code = code(&entry.project.key, number);
    let ticket_id = ids::ticket_id(issue.at, issue.project_id, issue.command_id);
    let event = event!(
        &stamp,
        0,
        TicketCreated {
            ticket_id,
            number,
            code: code.clone(),
            reporter_id: command.reporter_id.unwrap_or(issue.actor_id),
            title,
            description,
            priority,
            status: command.status,
            labels,
            assignee_id,
            due_date,
            external_source: Some(source),
            external_id: Some(id),
            external_url: command.external_url,
            imported: true,
            created_by: issue.actor_id,
            created_at,
            updated_at,
            timestamp: issue.at,
            open,
        }
    );
    if let (Some(known), TicketEvent::TicketCreated(event)) = (known, &event) {
        return Err(Rejection::AlreadyImported {
            unchanged: known.digest == digest::of_import(event),
            source: event.external_source.clone().unwrap_or_default(),
            id: event.external_id.clone().unwrap_or_default(),
            code,
        }
        .into());
    }
    Ok(Accepted { events: vec![event], ticket: Some(entry.ticket_ref(ticket_id, number, 1)), ..Accepted::default() })
}
