//! What the rules answer when they do not refuse: events, and what the sender is told.

use schemas::{AddMember, ConfigureAssignment, TicketEvent, ids};
use uuid::Uuid;

use crate::view::{Fault, ProjectView};

/// What becomes of a command that is not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Accepted.
    Accepted(Accepted),
    /// Good so far, but only the user sub-topology knows whether the user exists. Nothing has changed;
    /// [`crate::decide_added_member`] decides when the answer is there.
    LookUpUser(Box<AddMember>),
    /// Good so far, but only the project that hosts the pool knows whether it is open. Nothing has changed;
    /// [`crate::decide_joined_pool`] decides when the answer is there.
    LookUpPool(Box<ConfigureAssignment>),
}

/// An accepted command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// What happened, in order; none if the command asks for what is so already.
    pub events: Vec<TicketEvent>,
    /// The ticket that was made or changed.
    pub ticket: Option<TicketRef>,
    /// The comment that was made.
    pub comment_id: Option<Uuid>,
    /// The user whose membership was made or changed.
    pub user_id: Option<Uuid>,
}

/// The names of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRef {
    /// Its id.
    pub id: Uuid,
    /// Its number in the project.
    pub number: i64,
    /// Its code, such as `SYNC-101`.
    pub code: String,
    /// Its version after the command.
    pub version: i64,
}

/// The code of a ticket, for people.
pub(crate) fn code(project_key: &str, number: i64) -> String {
    format!("{project_key}-{number}")
}

/// What the envelopes of a command's events are made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    /// What the ids of the events are made of: the command's, where one makes them.
    pub(crate) seed: Uuid,
    pub(crate) command_id: Uuid,
    pub(crate) correlation_id: Uuid,
    pub(crate) project_id: Uuid,
    /// Timestamp of the command's record, in milliseconds since the Unix epoch.
    pub(crate) at: i64,
    /// The project's sequence before the command.
    pub(crate) sequence: i64,
}

impl Stamp {
    pub(crate) fn new(
        view: &impl ProjectView,
        command_id: Uuid,
        correlation_id: Uuid,
        project_id: Uuid,
        at: i64,
    ) -> Result<Self, Fault> {
        Ok(Self { seed: command_id, command_id, correlation_id, project_id, at, sequence: view.counters()?.sequence })
    }

    pub(crate) fn event_id(&self, index: u32) -> Uuid {
        ids::event_id(self.seed, index)
    }

    pub(crate) fn sequence(&self, index: u32) -> i64 {
        self.sequence + 1 + i64::from(index)
    }
}

/// The event at `index` among those of a command, its envelope filled in from the stamp.
macro_rules! event {
    ($stamp:expr, $index:literal, $record:ident { $($body:tt)* }) => {{
        let stamp: &$crate::decision::Stamp = $stamp;
        schemas::TicketEvent::from(schemas::$record {
            event_id: stamp.event_id($index),
            correlation_id: stamp.correlation_id,
            causation_id: stamp.command_id,
            published_at: stamp.at,
            version: <schemas::$record as schemas::Record>::VERSION,
            source: schemas::event::SOURCE.to_owned(),
            project_id: stamp.project_id,
            sequence: stamp.sequence($index),
            $($body)*
        })
    }};
}

pub(crate) use event;
