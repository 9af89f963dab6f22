//! Records that sub-topologies send each other: a request carries all that the asker needs when the reply comes.

use uuid::Uuid;

use crate::command::{AddMember, ConfigureAssignment};
use crate::record::{internal_record, record_enum};

internal_record! {
    /// Asks the user sub-topology whether the user that `AddMember` names is known. Keyed by user key.
    UserLookupRequested = 301 {
        /// The command that waits for the answer.
        command: AddMember,
        /// Value of the command's reply-to header.
        reply_to: Option<String>,
        /// Partition that the command came from.
        partition: i32,
        /// Offset that the command has in its partition.
        offset: i64,
    }
}

internal_record! {
    /// Answers [`UserLookupRequested`]. Keyed by project.
    UserLookupReplied = 312 version 2 {
        /// The command that waits for the answer.
        command: AddMember,
        /// Value of the command's reply-to header.
        reply_to: Option<String>,
        /// Id of the user; none: unknown.
        user_id: Option<Uuid>,
        /// Handle that the e-mail's local part or the login suggests.
        suggested_handle: Option<String>,
        /// Whether the user may do nothing any more, and so cannot become a member.
        #[serde(default)]
        deactivated: bool,
    }
}

internal_record! {
    /// A user was deactivated or reactivated, or is said to be so again. One for each partition of projects, keyed by any id that lies there.
    UserActivityTold = 311 {
        /// Id that ties together everything one request caused.
        correlation_id: Uuid,
        /// Id of the command that led to it.
        causation_id: Uuid,
        /// Id of the user: the `UUIDv5` of the user key.
        user_id: Uuid,
        /// User who made the change.
        changed_by: Uuid,
        /// Whether the user may do nothing any more.
        deactivated: bool,
    }
}

record_enum! {
    /// What the user sub-topology tells that of tickets, in one order for each user and partition of projects.
    UserTold {
        /// The answer to a question.
        UserLookupReplied(UserLookupReplied),
        /// A user was deactivated or reactivated.
        UserActivityTold(UserActivityTold),
    }
    get {}
}

internal_record! {
    /// Asks the project that hosts the pool which `ConfigureAssignment` names whether others may join. Keyed by pool.
    PoolLookupRequested = 308 {
        /// The command that waits for the answer.
        command: ConfigureAssignment,
        /// Value of the command's reply-to header.
        reply_to: Option<String>,
    }
}

internal_record! {
    /// Answers [`PoolLookupRequested`]. Keyed by project.
    PoolLookupReplied = 309 {
        /// The command that waits for the answer.
        command: ConfigureAssignment,
        /// Value of the command's reply-to header.
        reply_to: Option<String>,
        /// Whether there is such a project.
        known: bool,
        /// Whether other projects may join its pool.
        open: bool,
    }
}

internal_record! {
    /// A project has come to another pool, which is to be told of its members and open tickets, some at a time. Keyed by
    /// project.
    PoolMoved = 310 {
        /// Id of the project: the `UUIDv5` of its key.
        project_id: Uuid,
        /// Id of the command that led to it.
        causation_id: Uuid,
        /// Id that ties together everything one request caused.
        correlation_id: Uuid,
        /// Sequence of the event with which the project came to the pool; if it is not the project's any more, there is
        /// nothing to do.
        since: i64,
        /// User whose membership was told last; none: no membership yet.
        user_id: Option<Uuid>,
        /// Whether all memberships are told.
        members_told: bool,
        /// Number of the last ticket that was looked at; 0: none yet.
        number: i64,
    }
}
