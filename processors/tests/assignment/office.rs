//! A project with members, and short ways to have work done in it.

use processors::{Difference, Fold, POOL_LOADS, POOL_TICKETS, verify_pools, verify_pools_at_rest};
use schemas::reader::{ReadError, Stores};
use schemas::topics::TICKET_EVENTS;
use schemas::{CreateTicket, Outcome, TicketAssigned, TicketCommand, TicketEvent, ids};
use topology::TestDriver;
use uuid::Uuid;

use crate::common::driver::{driver, events, outcomes, register, send};
use crate::common::*;
use crate::oracle;

/// SYNC under the test driver. Its owner takes no work.
pub(crate) struct Office {
    pub(crate) driver: TestDriver,
    pub(crate) next_id: u128,
}

impl Office {
    pub(crate) fn new() -> Self {
        Self::with(driver())
    }

    /// Commits are left to the test.
    pub(crate) fn by_hand() -> Self {
        Self::with(driver().manual_commit())
    }

    fn with(driver: TestDriver) -> Self {
        let mut office = Self { driver, next_id: 1_000 };
        office.run(create_project(OWNER, |_| {}));
        office.run(update_member(OWNER, |c| (c.user_id, c.capacity) = (OWNER, Some(0))));
        office
    }

    /// Sends a command, and runs as far as commits allow.
    pub(crate) fn send(&mut self, command: TicketCommand) {
        self.next_id += 1;
        send(&mut self.driver, with_id(command, self.next_id), AT + i64::try_from(self.next_id).unwrap());
    }

    /// Sends a command, runs until all is at rest; it must be accepted.
    pub(crate) fn run(&mut self, command: TicketCommand) {
        self.send(command);
        self.rest();
        let outcomes = outcomes(&mut self.driver);
        assert!(outcomes.iter().all(|o| matches!(o, Outcome::Accepted(_))), "{outcomes:?}");
    }

    /// One step further: what was written becomes visible, and is worked on.
    pub(crate) fn step(&mut self) {
        self.driver.commit().unwrap();
        self.driver.run().unwrap();
    }

    /// Until nothing is written any more.
    pub(crate) fn rest(&mut self) {
        let topics =
            ["test-pool-inputs-repartition", "test-pool-moves-repartition", "ticket.assignments", TICKET_EVENTS];
        let written = |driver: &TestDriver| topics.map(|topic| driver.all(topic).len());
        for _ in 0..4 {
            self.step();
        }
        loop {
            let before = written(&self.driver);
            self.step();
            self.step();
            if written(&self.driver) == before {
                break;
            }
        }
    }

    /// A new member, with the role `member`.
    pub(crate) fn member(&mut self, name: &str, capacity: i32, skills: &[&str]) -> Uuid {
        self.member_as(name, "member", capacity, skills)
    }

    pub(crate) fn member_as(&mut self, name: &str, role: &str, capacity: i32, skills: &[&str]) -> Uuid {
        let email = format!("{name}@example.org");
        self.next_id += 1;
        register(&mut self.driver, self.next_id, &email);
        self.run(add_member(OWNER, |c| {
            c.user_key.clone_from(&email);
            role.clone_into(&mut c.role);
            c.capacity = Some(capacity);
            c.skills = owned(skills);
        }));
        ids::user_id(&email)
    }

    /// A new ticket; its number.
    pub(crate) fn ticket(&mut self, set: impl FnOnce(&mut CreateTicket)) -> i64 {
        self.run(create(OWNER, set));
        self.last_number()
    }

    /// Who is given a new ticket.
    pub(crate) fn given_to(&mut self, set: impl FnOnce(&mut CreateTicket)) -> Uuid {
        let number = self.ticket(set);
        self.assignee(number).unwrap()
    }

    pub(crate) fn last_number(&self) -> i64 {
        let created = |e| if let TicketEvent::TicketCreated(e) = e { Some(e.number) } else { None };
        events(&self.driver).into_iter().filter_map(created).max().unwrap()
    }

    /// Who has a ticket, as the log says.
    pub(crate) fn assignee(&self, number: i64) -> Option<Uuid> {
        let mut assignee = None;
        for event in events(&self.driver) {
            match event {
                TicketEvent::TicketCreated(e) if e.number == number => assignee = e.assignee_id,
                TicketEvent::TicketAssigned(e) if e.number == number => assignee = Some(e.assignee_id),
                TicketEvent::TicketUnassigned(e) if e.number == number => assignee = None,
                _ => {}
            }
        }
        assignee
    }

    /// The automatic assignments of a ticket.
    pub(crate) fn given(&self, number: i64) -> Vec<TicketAssigned> {
        let given = |event| match event {
            TicketEvent::TicketAssigned(e) if e.number == number && e.automatic => Some(e),
            _ => None,
        };
        events(&self.driver).into_iter().filter_map(given).collect()
    }

    /// All is as the oracle says it must be at rest, also when the stores are restored from their changelogs.
    pub(crate) fn is_right(&mut self) {
        self.check();
        self.driver.restart().unwrap();
        self.check();
    }

    fn check(&self) {
        let store = |name| self.driver.store_entries(name).unwrap();
        oracle::check(&events(&self.driver), &store(POOL_LOADS), &store(POOL_TICKETS)).unwrap();
        let mut contradictions = Vec::new();
        verify_pools(&Held(&self.driver), &mut |difference| contradictions.push(difference.to_string())).unwrap();
        let mut fold = Fold::default();
        events(&self.driver).into_iter().for_each(|event| fold.ticket_event(event));
        let mut note = |difference: Difference| contradictions.push(difference.to_string());
        verify_pools_at_rest(&fold, &Held(&self.driver), &mut note).unwrap();
        assert_eq!(contradictions, Vec::<String>::new());
        let internal = ["pool-inputs", "pool-moves", "pool-work", "pool-lookup-requests", "pool-lookup-replies"];
        let topics = internal.map(|name| format!("test-{name}-repartition.dlq"));
        for topic in topics.into_iter().chain(["ticket.assignments.dlq".to_owned(), "ticket.commands.dlq".to_owned()]) {
            assert!(self.driver.all(&topic).is_empty(), "{topic}");
        }
    }
}

/// The stores of a driver.
struct Held<'a>(&'a TestDriver);

impl Stores for Held<'_> {
    fn entries(&self, store: &str, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), ReadError> {
        self.0.store_entries(store).unwrap().iter().for_each(|(key, value)| each(key, value));
        Ok(())
    }
}

pub(crate) fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Moves a ticket, from OPEN to DONE, step by step.
pub(crate) fn finish(office: &mut Office, number: i64) {
    for status in ["IN_PROGRESS", "REVIEW", "DONE"] {
        office.run(move_to(OWNER, |c| (c.number, c.status) = (number, status.to_owned())));
    }
}
