//! The values of the state stores. Avro too, so that they can evolve under a store that exists.
//! What the keys are made of stands with each record.

use uuid::Uuid;

use crate::record::state_record;
use crate::workflow::Workflow;

state_record! {
    /// A project. Key: project id (16 bytes).
    ProjectState = 422 version 3 {
        /// Key of the project, as in the code of its tickets: 2 to 10 capital letters and digits.
        key: String,
        /// Name for people.
        name: String,
        /// Text in Markdown; empty if there is none.
        description: String,
        /// User who owns it.
        owner_id: Uuid,
        /// Whether viewers may comment.
        viewer_comments: bool,
        /// When it was made, in milliseconds since 1970-01-01T00:00Z.
        created_at: i64,
        /// Number of members.
        members: i32,
        /// Number of members with the role owner.
        owners: i32,
        /// Who is given new work: `least_loaded`, `round_robin`, `skills_only` or manual; empty: `least_loaded`.
        #[serde(default)]
        assignment_policy: String,
        /// Pool that the project shares: the id of the project that hosts it; none: its own.
        pool_id: Option<Uuid>,
        /// Whether other projects may join the pool of this one.
        #[serde(default)]
        pool_open: bool,
        /// Sequence of the event with which the project came to the pool; 0: it was there from the start.
        #[serde(default)]
        pool_since: i64,
        /// States of the project's tickets and the ways between them; none: the default.
        workflow: Option<Workflow>,
        /// Whether nothing of the project may change.
        #[serde(default)]
        archived: bool,
    }
}

state_record! {
    /// The counters of a project. Key: project id (16 bytes).
    ProjectCounters = 402 {
        /// Sequence last given to an event; 0: none yet.
        sequence: i64,
        /// Number last given to a ticket; 0: none yet.
        last_number: i64,
    }
}

state_record! {
    /// A membership. Key: project id, user id (32 bytes).
    MemberState = 444 version 2 {
        /// Name for @handle, unique in the project.
        handle: String,
        /// Role in the project: owner, maintainer, member or viewer.
        role: String,
        /// Weight of open work that the member can take.
        capacity: i32,
        /// Labels that the member can work on.
        #[serde(default)]
        skills: Vec<String>,
        /// Whether the member can be given work (false: away).
        available: bool,
        /// Whether the user may do nothing any more: is given no work, available or not.
        #[serde(default)]
        deactivated: bool,
    }
}

state_record! {
    /// Whose a handle is. Key: project id, handle.
    HandleState = 404 {
        /// Id of the user: the `UUIDv5` of the user key.
        user_id: Uuid,
    }
}

state_record! {
    /// What the rules need to know of a ticket. Key: project id, number (8 bytes, big endian).
    TicketState = 423 version 3 {
        /// Id of the ticket: a `UUIDv7` of the time and a hash of project and command.
        ticket_id: Uuid,
        /// Title, 1 to 200 characters.
        title: String,
        /// Priority: LOW, MEDIUM, HIGH or URGENT.
        priority: String,
        /// State of the project's workflow, such as OPEN.
        status: String,
        /// Labels.
        #[serde(default)]
        labels: Vec<String>,
        /// User who reported it.
        reporter_id: Uuid,
        /// User who is to do the work.
        assignee_id: Option<Uuid>,
        /// When it is due, in milliseconds since 1970-01-01T00:00Z.
        due_date: Option<i64>,
        /// `UUIDv5` of the description: tells whether it changed without keeping it.
        description_digest: Uuid,
        /// Version of the ticket, from 1; counts what people edit.
        version: i64,
        /// Number of comments.
        comments: i64,
        /// When it was made, in milliseconds since 1970-01-01T00:00Z.
        created_at: i64,
        /// When it was last changed, in milliseconds since 1970-01-01T00:00Z.
        updated_at: i64,
        /// How often the ticket was given to somebody or taken from them.
        #[serde(default)]
        round: i64,
        /// Whether nobody is to be given it automatically, as someone has said so.
        #[serde(default)]
        held: bool,
        /// Whether there is still work to do in that state; none: as the default workflow has it.
        open: Option<bool>,
    }
}

state_record! {
    /// The ticket that an external reference became. Key: project id, source, 0x00, external id.
    ExternalState = 406 {
        /// Number of the ticket in its project, from 1.
        number: i64,
        /// `UUIDv5` of the imported content: tells whether an import brings anything new.
        digest: Uuid,
    }
}

state_record! {
    /// A comment that exists. Key: project id, number (8 bytes, big endian), comment id.
    CommentState = 407 {
        /// User who wrote it.
        author_id: Uuid,
    }
}

state_record! {
    /// Somebody who watches a ticket. Key: project id, number (8 bytes, big endian), user id.
    WatcherState = 420 {
        /// Since when, in milliseconds since 1970-01-01T00:00Z.
        since: i64,
    }
}

state_record! {
    /// A user. Key: user key.
    UserState = 445 version 4 {
        /// Id of the user: the `UUIDv5` of the user key.
        user_id: Uuid,
        /// E-mail in lower case; none for a placeholder.
        email: Option<String>,
        /// Name for people.
        name: String,
        /// Role in the system: member or admin.
        role: String,
        /// Outside source of a placeholder, such as github.
        source: Option<String>,
        /// Login at the outside source, for a placeholder.
        login: Option<String>,
        /// When it was made, in milliseconds since 1970-01-01T00:00Z.
        created_at: i64,
        /// Sequence last given to an event of the user; 0: none yet.
        sequence: i64,
        /// What the user wants to hear of.
        #[serde(default)]
        preferences: crate::event::Preferences,
        /// Whether the user may do nothing any more.
        #[serde(default)]
        deactivated: bool,
    }
}

state_record! {
    /// A project in a pool. Key: pool id, project id (32 bytes).
    PoolProjectState = 411 {
        /// Who is given new work: `least_loaded`, `round_robin`, `skills_only` or manual.
        policy: String,
        /// Users who left the project and still have tickets of it.
        #[serde(default)]
        leaving: Vec<Uuid>,
        /// Sequence of the event with which the project came to the pool; 0: it was there from the start.
        since: i64,
        /// Whether the project has left: what the pool still has of it is being dropped.
        left: bool,
    }
}

state_record! {
    /// What a pool has still to do. Key: pool id (16 bytes).
    PoolState = 421 {
        /// Projects whose waiting tickets are to be tried again as soon as a proposal is answered.
        #[serde(default)]
        draining: Vec<Uuid>,
    }
}

state_record! {
    /// A membership as a pool sees it. Key: pool id, project id, user id (48 bytes).
    PoolMembershipState = 412 {
        /// Role in the project: owner, maintainer, member or viewer.
        role: String,
        /// Weight of open work that the member can take.
        capacity: i32,
        /// Labels that the member can work on, sorted.
        #[serde(default)]
        skills: Vec<String>,
        /// Whether the member can be given work (false: away).
        available: bool,
        /// Sequence of the event with which the project came to the pool; 0: it was there from the start.
        since: i64,
    }
}

state_record! {
    /// What a user carries in a pool. Key: pool id, user id (32 bytes).
    PoolLoadState = 413 {
        /// Weights of the open tickets that the user has or was proposed for.
        load: i64,
        /// When the user was last proposed for a ticket, counted by what the pool has worked through; 0: never.
        last_assigned: i64,
        /// Projects of the pool that the user is a member of.
        #[serde(default)]
        projects: Vec<Uuid>,
    }
}

state_record! {
    /// An open ticket as its pool sees it. Key: pool id, project id, number (40 bytes).
    PoolTicketState = 414 {
        /// Id of the ticket: a `UUIDv7` of the time and a hash of project and command.
        ticket_id: Uuid,
        /// Priority: LOW, MEDIUM, HIGH or URGENT.
        priority: String,
        /// Labels, sorted.
        #[serde(default)]
        labels: Vec<String>,
        /// User whose load it counts as; none: it waits.
        assignee_id: Option<Uuid>,
        /// Whether the assignee is proposed and the answer is not there yet.
        proposed: bool,
        /// How often the ticket was given to somebody or taken from them; a proposal counts only in the round it was made for.
        round: i64,
        /// When it was made, in milliseconds since 1970-01-01T00:00Z.
        created_at: i64,
        /// Sequence of the event with which the project came to the pool; 0: it was there from the start.
        since: i64,
    }
}

state_record! {
    /// Entries of an order that have the same labels, with the first of each class.
    /// Key: kind (1 byte), pool id, project id, id of the labels (49 bytes).
    PoolGroupState = 415 {
        /// Skills of the members, or labels of the waiting tickets, sorted.
        #[serde(default)]
        labels: Vec<String>,
        /// Number of entries.
        entries: i64,
        /// The first entry of each class that has one.
        #[serde(default)]
        heads: Vec<PoolHead>,
    }
}

/// The first of a class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PoolHead {
    /// The class.
    pub class: i32,
    /// What counts first.
    pub first: i64,
    /// What counts next.
    pub second: i64,
    /// What counts last.
    pub id: Uuid,
}
