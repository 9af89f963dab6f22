//! The events of projects and memberships.

use uuid::Uuid;

use crate::record::ticket_event;
use crate::workflow::Workflow;

ticket_event! {
    /// A project was made. The membership of its owner is the next event.
    ProjectCreated = 101 {
        /// Key of the project, as in the code of its tickets: 2 to 10 capital letters and digits.
        key: String,
        /// Name for people.
        name: String,
        /// Text in Markdown; empty if there is none.
        description: String,
        /// User who owns it.
        owner_id: Uuid,
        /// When it was made, in milliseconds since 1970-01-01T00:00Z.
        created_at: i64,
    }
}

ticket_event! {
    /// A project changed; the event has its whole new state.
    ProjectUpdated = 117 version 3 {
        /// Name for people.
        name: String,
        /// Text in Markdown; empty if there is none.
        description: String,
        /// Whether viewers may comment.
        viewer_comments: bool,
        /// User who made the change.
        updated_by: Uuid,
        /// When it was last changed, in milliseconds since 1970-01-01T00:00Z.
        updated_at: i64,
        /// Who is given new work: `least_loaded`, `round_robin`, `skills_only` or manual; empty: `least_loaded`.
        #[serde(default)]
        assignment_policy: String,
        /// Pool that the project shares: the id of the project that hosts it; none: its own.
        pool_id: Option<Uuid>,
        /// Whether other projects may join the pool of this one.
        #[serde(default)]
        pool_open: bool,
        /// States of the project's tickets and the ways between them; none: the default.
        workflow: Option<Workflow>,
        /// Whether nothing of the project may change.
        #[serde(default)]
        archived: bool,
    }
}

ticket_event! {
    /// A user became a member.
    ProjectMemberAdded = 103 {
        /// Id of the user: the `UUIDv5` of the user key.
        user_id: Uuid,
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
        /// User who made the change.
        changed_by: Uuid,
        /// When it was changed, in milliseconds since 1970-01-01T00:00Z.
        changed_at: i64,
    }
}

ticket_event! {
    /// A membership changed; the event has its whole new state.
    ProjectMemberUpdated = 124 version 2 {
        /// Id of the user: the `UUIDv5` of the user key.
        user_id: Uuid,
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
        /// User who made the change.
        changed_by: Uuid,
        /// When it was changed, in milliseconds since 1970-01-01T00:00Z.
        changed_at: i64,
        /// Whether the user may do nothing any more: is given no work, available or not.
        #[serde(default)]
        deactivated: bool,
    }
}

ticket_event! {
    /// A membership ended.
    ProjectMemberRemoved = 105 {
        /// Id of the user: the `UUIDv5` of the user key.
        user_id: Uuid,
        /// User who made the change.
        changed_by: Uuid,
        /// When it was changed, in milliseconds since 1970-01-01T00:00Z.
        changed_at: i64,
    }
}
