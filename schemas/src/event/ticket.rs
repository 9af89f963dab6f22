//! The events of tickets. People are named by id only: personal data stands in `user.events`.

use uuid::Uuid;

use crate::record::ticket_event;

ticket_event! {
    /// A ticket was made, or imported.
    TicketCreated = 118 version 2 {
        /// Id of the ticket: a `UUIDv7` of the time and a hash of project and command.
        ticket_id: Uuid,
        /// Number of the ticket in its project, from 1.
        number: i64,
        /// Code of the ticket for people, such as SYNC-101.
        code: String,
        /// User who reported it.
        reporter_id: Uuid,
        /// Title, 1 to 200 characters.
        title: String,
        /// Text in Markdown; empty if there is none.
        description: String,
        /// Priority: LOW, MEDIUM, HIGH or URGENT.
        priority: String,
        /// State of the project's workflow, such as OPEN.
        status: String,
        /// Labels.
        #[serde(default)]
        labels: Vec<String>,
        /// User who is to do the work.
        assignee_id: Option<Uuid>,
        /// When it is due, in milliseconds since 1970-01-01T00:00Z.
        due_date: Option<i64>,
        /// Outside system that it comes from, such as github.
        external_source: Option<String>,
        /// Id of it in the outside system.
        external_id: Option<String>,
        /// Address of it in the outside system.
        external_url: Option<String>,
        /// Whether it was imported, with dates and people of its own.
        imported: bool,
        /// User who issued the command.
        created_by: Uuid,
        /// When it was made, in milliseconds since 1970-01-01T00:00Z.
        created_at: i64,
        /// When it was last changed, in milliseconds since 1970-01-01T00:00Z.
        updated_at: i64,
        /// When it happened, in milliseconds since 1970-01-01T00:00Z.
        timestamp: i64,
        /// Whether there is still work to do in that state; none: as the default workflow has it.
        open: Option<bool>,
    }
}

ticket_event! {
    /// What a ticket says changed; the event has only what changed.
    TicketUpdated = 107 {
        /// Id of the ticket: a `UUIDv7` of the time and a hash of project and command.
        ticket_id: Uuid,
        /// Number of the ticket in its project, from 1.
        number: i64,
        /// Title, 1 to 200 characters; none: stays as it is.
        title: Option<String>,
        /// Text in Markdown; empty if there is none; none: stays as it is.
        description: Option<String>,
        /// Priority: LOW, MEDIUM, HIGH or URGENT; none: stays as it is.
        priority: Option<String>,
        /// Labels; none: stays as it is.
        labels: Option<Vec<String>>,
        /// When it is due, in milliseconds since 1970-01-01T00:00Z; none: stays as it is.
        due_date: Option<i64>,
        /// Whether the due date is taken away.
        #[serde(default)]
        clear_due_date: bool,
        /// Version of the ticket after it; counts what people edit.
        ticket_version: i64,
        /// User who made the change.
        updated_by: Uuid,
        /// When it happened, in milliseconds since 1970-01-01T00:00Z.
        timestamp: i64,
    }
}

ticket_event! {
    /// A ticket moved to another state of its project's workflow.
    TicketStatusUpdated = 119 version 2 {
        /// Id of the ticket: a `UUIDv7` of the time and a hash of project and command.
        ticket_id: Uuid,
        /// Number of the ticket in its project, from 1.
        number: i64,
        /// State before it.
        old_status: String,
        /// State after it.
        new_status: String,
        /// User who made the change.
        updated_by: Uuid,
        /// What the actor says about it.
        comment: Option<String>,
        /// Version of the ticket after it; counts what people edit.
        ticket_version: i64,
        /// When it happened, in milliseconds since 1970-01-01T00:00Z.
        timestamp: i64,
        /// Whether there was work to do in the old state; none: as the default workflow has it.
        old_open: Option<bool>,
        /// Whether there is work to do in the new state; none: as the default workflow has it.
        new_open: Option<bool>,
    }
}

ticket_event! {
    /// A ticket was given to a member.
    TicketAssigned = 115 version 2 {
        /// Id of the ticket: a `UUIDv7` of the time and a hash of project and command.
        ticket_id: Uuid,
        /// Number of the ticket in its project, from 1.
        number: i64,
        /// User who is to do the work.
        assignee_id: Uuid,
        /// User who had the work before.
        previous_assignee_id: Option<Uuid>,
        /// User who assigned it.
        assigned_by: Uuid,
        /// When it was assigned, in milliseconds since 1970-01-01T00:00Z.
        assigned_at: i64,
        /// Version of the ticket after it; counts what people edit.
        ticket_version: i64,
        /// Whether nobody did it by hand; then `assigned_by` is the nil id.
        #[serde(default)]
        automatic: bool,
        /// How often the ticket was given to somebody or taken from them, this time included; 0: not told.
        #[serde(default)]
        round: i64,
        /// Why this member, for people; none if it was done by hand.
        reason: Option<String>,
    }
}

ticket_event! {
    /// A ticket was taken from its assignee.
    TicketUnassigned = 116 version 2 {
        /// Id of the ticket: a `UUIDv7` of the time and a hash of project and command.
        ticket_id: Uuid,
        /// Number of the ticket in its project, from 1.
        number: i64,
        /// User who had the work before.
        previous_assignee_id: Uuid,
        /// User who took the assignment away.
        unassigned_by: Uuid,
        /// When the assignment was taken away, in milliseconds since 1970-01-01T00:00Z.
        unassigned_at: i64,
        /// Version of the ticket after it; counts what people edit.
        ticket_version: i64,
        /// Whether nobody did it by hand; then `unassigned_by` is the nil id, and the ticket waits for another member.
        #[serde(default)]
        automatic: bool,
        /// How often the ticket was given to somebody or taken from them, this time included; 0: not told.
        #[serde(default)]
        round: i64,
    }
}

ticket_event! {
    /// A member began to watch a ticket. Its version stays.
    TicketWatchAdded = 120 {
        /// Id of the ticket: a `UUIDv7` of the time and a hash of project and command.
        ticket_id: Uuid,
        /// Number of the ticket in its project, from 1.
        number: i64,
        /// User who watches.
        user_id: Uuid,
        /// When it happened, in milliseconds since 1970-01-01T00:00Z.
        timestamp: i64,
    }
}

ticket_event! {
    /// A member stopped watching a ticket. Its version stays.
    TicketWatchRemoved = 121 {
        /// Id of the ticket: a `UUIDv7` of the time and a hash of project and command.
        ticket_id: Uuid,
        /// Number of the ticket in its project, from 1.
        number: i64,
        /// User who watched.
        user_id: Uuid,
        /// When it happened, in milliseconds since 1970-01-01T00:00Z.
        timestamp: i64,
    }
}

ticket_event! {
    /// A comment was added to a ticket.
    TicketCommented = 111 {
        /// Id of the ticket: a `UUIDv7` of the time and a hash of project and command.
        ticket_id: Uuid,
        /// Number of the ticket in its project, from 1.
        number: i64,
        /// Id of the comment: the `UUIDv5` of the command.
        comment_id: Uuid,
        /// User who wrote it.
        author_id: Uuid,
        /// Text in Markdown, 1 byte to 32 KiB.
        content: String,
        /// Comment that this one answers.
        parent_id: Option<Uuid>,
        /// When it was made, in milliseconds since 1970-01-01T00:00Z.
        created_at: i64,
    }
}

ticket_event! {
    /// A ticket was deleted.
    TicketDeleted = 112 {
        /// Id of the ticket: a `UUIDv7` of the time and a hash of project and command.
        ticket_id: Uuid,
        /// Number of the ticket in its project, from 1.
        number: i64,
        /// User who deleted it.
        deleted_by: Uuid,
        /// When it happened, in milliseconds since 1970-01-01T00:00Z.
        timestamp: i64,
    }
}
