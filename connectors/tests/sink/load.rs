//! Events of several projects, as the pipeline would write them: tickets that are made, moved, commented on and deleted.

use schemas::{TicketDeleted, TicketEvent, ids};
use uuid::Uuid;

use crate::support::{Log, comment, member, moved, project, ticket, ticket_id};

pub(crate) const KEYS: [&str; 4] = ["WEB", "OPS", "APP", "DOC"];

/// How far each project is; all are equally far.
#[derive(Default)]
pub(crate) struct Load {
    pub(crate) sequence: i64,
    pub(crate) number: i64,
    /// Characters of a ticket's description.
    pub(crate) text: usize,
}

impl Load {
    /// Appends so many events to each project.
    pub(crate) fn append(&mut self, log: &Log, count: usize) {
        let mut events = Vec::with_capacity(count * KEYS.len());
        for _ in 0..count {
            self.sequence += 1;
            if self.sequence > 2 && self.sequence % 6 < 2 {
                self.number += 1;
            }
            events.extend(KEYS.iter().map(|key| self.event(key)));
        }
        log.events(events);
    }

    fn event(&self, key: &str) -> TicketEvent {
        let (sequence, number) = (self.sequence, self.number);
        match sequence {
            1 => return project(key).into(),
            2 => return member(key, 2, 1, "ana").into(),
            _ => {}
        }
        // Of six: two tickets are made, the second is moved, commented on and moved on, the first is deleted.
        match sequence % 6 {
            0 | 1 => {
                let mut event = ticket(key, sequence, number);
                event.labels = vec![format!("l{}", number % 7), "bug".to_owned(), "bug".to_owned()];
                event.description = "x".repeat(self.text);
                event.into()
            }
            _ if number < 2 => self.comment(key, 1),
            2 => moved(key, sequence, number, "OPEN", "IN_PROGRESS").into(),
            3 => self.comment(key, number),
            4 => moved(key, sequence, number, "IN_PROGRESS", "DONE").into(),
            _ => TicketDeleted {
                project_id: ids::project_id(key),
                sequence,
                ticket_id: ticket_id(key, number - 1),
                number: number - 1,
                ..TicketDeleted::default()
            }
            .into(),
        }
    }

    fn comment(&self, key: &str, number: i64) -> TicketEvent {
        let mut event = comment(key, self.sequence, number, "a comment");
        event.comment_id = Uuid::new_v5(&event.project_id, &self.sequence.to_be_bytes());
        event.into()
    }
}
