//! The records between tickets and assignment: what a pool is told of its tickets, members and projects, and whom it
//! proposes. Each says all there is, not what changed, so that the last one counts.

use uuid::Uuid;

use crate::record::{assignment_record, internal_record, record_enum};

/// Defines a record that a pool is told, its envelope first.
macro_rules! pool_record {
    ($(#[$meta:meta])* $name:ident = $id:literal { $($body:tt)* }) => {
        internal_record! {
            $(#[$meta])*
            $name = $id {
                /// The pool: a project's own id, unless it shares one.
                pool_id: Uuid,
                /// Id of the project: the `UUIDv5` of its key.
                project_id: Uuid,
                /// Id of the command that led to it.
                causation_id: Uuid,
                /// Id that ties together everything one request caused.
                correlation_id: Uuid,
                $($body)*
            }
        }
    };
}

pool_record! {
    /// All that assignment needs to know of a ticket, after a change. Keyed by pool.
    PoolTicketChanged = 303 {
        /// Number of the ticket in its project, from 1.
        number: i64,
        /// Id of the ticket: a `UUIDv7` of the time and a hash of project and command.
        ticket_id: Uuid,
        /// Priority: LOW, MEDIUM, HIGH or URGENT.
        priority: String,
        /// Labels.
        #[serde(default)]
        labels: Vec<String>,
        /// Whether there is work to do: neither in a closed state nor deleted.
        open: bool,
        /// Whether nobody is to be given it automatically.
        held: bool,
        /// User who is to do the work.
        assignee_id: Option<Uuid>,
        /// How often the ticket was given to somebody or taken from them; a proposal counts only in the round it was made for.
        round: i64,
        /// When it was made, in milliseconds since 1970-01-01T00:00Z.
        created_at: i64,
        /// Sequence of the event with which the project came to the pool; 0: it was there from the start.
        since: i64,
    }
}

pool_record! {
    /// All that assignment needs to know of a membership, after a change. Keyed by pool.
    PoolMemberChanged = 304 {
        /// Id of the user: the `UUIDv5` of the user key.
        user_id: Uuid,
        /// Whether the membership ended.
        removed: bool,
        /// Role in the project: owner, maintainer, member or viewer.
        role: String,
        /// Weight of open work that the member can take.
        capacity: i32,
        /// Labels that the member can work on.
        #[serde(default)]
        skills: Vec<String>,
        /// Whether the member can be given work (false: away).
        available: bool,
        /// Sequence of the event with which the project came to the pool; 0: it was there from the start.
        since: i64,
    }
}

pool_record! {
    /// How a project wants its tickets assigned. Keyed by pool.
    PoolProjectChanged = 305 {
        /// Who is given new work: `least_loaded`, `round_robin`, `skills_only` or manual.
        policy: String,
        /// Sequence of the event with which the project came to the pool; 0: it was there from the start.
        since: i64,
    }
}

pool_record! {
    /// A proposal that does not fit the ticket any more. Keyed by pool.
    AssignmentDeclined = 306 {
        /// Number of the ticket in its project, from 1.
        number: i64,
        /// Round of the proposal.
        round: i64,
    }
}

pool_record! {
    /// A project has left the pool, which drops what it has of it, some at a time. Keyed by pool.
    PoolProjectLeft = 307 {
        /// What was told with this or an earlier `since` is dropped.
        since: i64,
        /// Number of the last ticket that was looked at; 0: none yet.
        number: i64,
        /// User whose membership was looked at last; none: no membership yet.
        user_id: Option<Uuid>,
    }
}

record_enum! {
    /// What a pool is told.
    PoolInput {
        /// A ticket changed.
        PoolTicketChanged(PoolTicketChanged),
        /// A membership changed.
        PoolMemberChanged(PoolMemberChanged),
        /// A project's policy changed.
        PoolProjectChanged(PoolProjectChanged),
        /// A proposal was declined.
        AssignmentDeclined(AssignmentDeclined),
        /// A project has left.
        PoolProjectLeft(PoolProjectLeft),
    }
    get {
        /// The pool.
        pool_id: Uuid,
        /// Id of the project.
        project_id: Uuid,
        /// Id of the command that led to it.
        causation_id: Uuid,
        /// Id that ties together everything one request caused.
        correlation_id: Uuid,
    }
}

assignment_record! {
    /// Who is to be given a ticket, as assignment sees it. Keyed by project, whose ticket processor has the last word.
    AssignmentProposed = 351 {
        /// The pool: a project's own id, unless it shares one.
        pool_id: Uuid,
        /// Id of the project: the `UUIDv5` of its key.
        project_id: Uuid,
        /// Id of the command that led to it.
        causation_id: Uuid,
        /// Id that ties together everything one request caused.
        correlation_id: Uuid,
        /// Number of the ticket in its project, from 1.
        number: i64,
        /// Id of the ticket: a `UUIDv7` of the time and a hash of project and command.
        ticket_id: Uuid,
        /// Round of the ticket that it is made for.
        round: i64,
        /// User who is to do the work; none: it is taken from a member who left, and waits.
        assignee_id: Option<Uuid>,
        /// Why this member, for people.
        reason: String,
        /// When it was proposed, in milliseconds since 1970-01-01T00:00Z (stream time).
        proposed_at: i64,
    }
}

record_enum! {
    /// A record of `ticket.assignments`, whose key is the id of the project.
    Assignment {
        /// A proposal.
        AssignmentProposed(AssignmentProposed),
    }
    get {
        /// Id of the project.
        project_id: Uuid,
    }
}
