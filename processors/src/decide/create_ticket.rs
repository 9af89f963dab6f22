//! CreateTicket: the project's next number goes to it.

use schemas::{CreateTicket, ids};
use uuid::Uuid;

use crate::decision::{Accepted, code, event};
use crate::fields;
use crate::guard::{self, Issue};
use crate::role::Role;
use crate::view::{ProjectView, Refused};

pub(super) fn decide(view: &impl ProjectView, issue: &Issue, command: CreateTicket) -> Result<Accepted, Refused> {
    let entry = guard::enter(view, issue, Role::Member)?;
    let fields = TicketFields {
        title: command.title,
        description: command.description,
        priority: command.priority,
        labels: command.labels,
        assignee_id: command.assignee_id,
        due_date: command.due_date,
        imported: false,
    };
    let Checked { title, description, priority, labels, assignee_id, due_date } = fields.check(view)?;
    let stamp = issue.stamp(view)?;
    let number = view.counters()?.last_number + 1;
    let ticket_id = ids::ticket_id(issue.at, issue.project_id, issue.command_id);
    let events = vec![event!(
        &stamp,
        0,
        TicketCreated {
            ticket_id,
            number,
            code: code(&entry.project.key, number),
            reporter_id: issue.actor_id,
            title,
            description,
            priority,
            status: entry.project.workflow().initial().to_owned(),
            labels,
            assignee_id,
            due_date,
            external_source: None,
            external_id: None,
            external_url: None,
            imported: false,
            created_by: issue.actor_id,
            created_at: issue.at,
            updated_at: issue.at,
            timestamp: issue.at,
            open: Some(true),
        }
    )];
    Ok(Accepted { events, ticket: Some(entry.ticket_ref(ticket_id, number, 1)), ..Accepted::default() })
}

/// The fields that new and imported tickets share, as sent.
pub(super) struct TicketFields {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) priority: Option<String>,
    pub(super) labels: Vec<String>,
    pub(super) assignee_id: Option<Uuid>,
    pub(super) due_date: Option<i64>,
    /// Whether another system says so, of what may be long ago.
    pub(super) imported: bool,
}

/// The same, found good and as they are kept.
pub(super) struct Checked {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) priority: String,
    pub(super) labels: Vec<String>,
    pub(super) assignee_id: Option<Uuid>,
    pub(super) due_date: Option<i64>,
}

impl TicketFields {
    pub(super) fn check(self, view: &impl ProjectView) -> Result<Checked, Refused> {
        let title = fields::title(self.title)?;
        let description = fields::description(self.description)?;
        let priority = fields::priority(self.priority)?;
        let labels = fields::labels(self.labels)?;
        if let Some(assignee_id) = self.assignee_id {
            if self.imported {
                guard::former_assignee(view, assignee_id)?;
            } else {
                guard::assignee(view, assignee_id)?;
            }
        }
        let due_date = self.due_date.map(|date| fields::date("dueDate", date)).transpose()?;
        Ok(Checked { title, description, priority, labels, assignee_id: self.assignee_id, due_date })
    }
}
