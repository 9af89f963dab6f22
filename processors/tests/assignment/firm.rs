//! Several projects, and short ways to have work done in them.

use std::collections::BTreeSet;

use schemas::{CreateTicket, Outcome, TicketCommand, TicketEvent, ids};
use uuid::Uuid;

use crate::common::driver::{events, outcomes, register};
use crate::common::*;
use crate::office::{Office, owned};

/// Projects that OWNER owns, who takes no work in any.
pub(crate) struct Firm {
    pub(crate) office: Office,
    known: BTreeSet<String>,
}

impl Firm {
    pub(crate) fn new(keys: &[&str]) -> Self {
        Self::with(Office::new(), keys)
    }

    /// Commits are left to the test.
    pub(crate) fn by_hand(keys: &[&str]) -> Self {
        Self::with(Office::by_hand(), keys)
    }

    fn with(office: Office, keys: &[&str]) -> Self {
        let mut firm = Self { office, known: BTreeSet::new() };
        for key in keys {
            let project = ids::project_id(key);
            firm.run(project, create_project(OWNER, |c| (*key).clone_into(&mut c.key)));
            firm.run(project, update_member(OWNER, |c| (c.user_id, c.capacity) = (OWNER, Some(0))));
        }
        firm
    }

    /// Sends a command about a project, runs until all is at rest; it must be accepted.
    pub(crate) fn run(&mut self, project: Uuid, command: TicketCommand) {
        self.office.run(about(project, command));
    }

    /// The same, and it must be refused with this code.
    pub(crate) fn refuses(&mut self, project: Uuid, command: TicketCommand, code: &str) {
        self.office.send(about(project, command));
        self.office.rest();
        let outcomes = outcomes(&mut self.office.driver);
        assert!(matches!(&outcomes[..], [Outcome::Rejected(rejected)] if rejected.rejection == code), "{outcomes:?}");
    }

    pub(crate) fn member(&mut self, project: Uuid, name: &str, capacity: i32, skills: &[&str]) -> Uuid {
        let id = self.register(name);
        self.run(project, adding(name, capacity, skills));
        id
    }

    /// Makes somebody known who is a member of nothing.
    pub(crate) fn register(&mut self, name: &str) -> Uuid {
        let email = format!("{name}@example.org");
        if self.known.insert(email.clone()) {
            self.office.next_id += 1;
            register(&mut self.office.driver, self.office.next_id, &email);
        }
        ids::user_id(&email)
    }

    pub(crate) fn opens(&mut self, project: Uuid) {
        self.run(project, opening(true));
    }

    pub(crate) fn joins(&mut self, project: Uuid, pool: Uuid) {
        self.run(project, joining(pool));
    }

    /// A new ticket; its number.
    pub(crate) fn ticket(&mut self, project: Uuid, set: impl FnOnce(&mut CreateTicket)) -> i64 {
        self.run(project, create(OWNER, set));
        self.last_number(project)
    }

    pub(crate) fn last_number(&self, project: Uuid) -> i64 {
        let created = |e| match e {
            TicketEvent::TicketCreated(e) if e.project_id == project => Some(e.number),
            _ => None,
        };
        events(&self.office.driver).into_iter().filter_map(created).max().unwrap_or_default()
    }

    /// Who has a ticket, as the log says.
    pub(crate) fn assignee(&self, project: Uuid, number: i64) -> Option<Uuid> {
        let mut assignee = None;
        for event in events(&self.office.driver).into_iter().filter(|e| e.project_id() == project) {
            match event {
                TicketEvent::TicketCreated(e) if e.number == number => assignee = e.assignee_id,
                TicketEvent::TicketAssigned(e) if e.number == number => assignee = Some(e.assignee_id),
                TicketEvent::TicketUnassigned(e) if e.number == number => assignee = None,
                _ => {}
            }
        }
        assignee
    }

    /// The pool that a project is in, as the log says.
    pub(crate) fn pool(&self, project: Uuid) -> Uuid {
        let mut pool = project;
        for event in events(&self.office.driver) {
            if let TicketEvent::ProjectUpdated(e) = event
                && e.project_id == project
            {
                pool = e.pool_id.unwrap_or(project);
            }
        }
        pool
    }
}

pub(crate) fn adding(name: &str, capacity: i32, skills: &[&str]) -> TicketCommand {
    add_member(OWNER, |c| {
        (c.user_key, c.capacity, c.skills) = (format!("{name}@example.org"), Some(capacity), owned(skills));
    })
}

pub(crate) fn opening(open: bool) -> TicketCommand {
    configure_assignment(OWNER, |c| c.pool_open = Some(open))
}

pub(crate) fn joining(pool: Uuid) -> TicketCommand {
    configure_assignment(OWNER, |c| c.pool = Some(pool))
}
