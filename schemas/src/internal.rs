//! Records that sub-topologies send each other: a request carries all that the asker needs when the reply comes.

use uuid::Uuid;

use crate::command::AddMember;
use crate::record::internal_record;

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
    UserLookupReplied = 302 {
        /// The command that waits for the answer.
        command: AddMember,
        /// Value of the command's reply-to header.
        reply_to: Option<String>,
        /// Id of the user; none: unknown.
        user_id: Option<Uuid>,
        /// Handle that the e-mail's local part or the login suggests.
        suggested_handle: Option<String>,
    }
}
