//! The commands about tickets. A ticket is named by its number in its project, not by its id.

use uuid::Uuid;

use crate::record::ticket_command;

ticket_command! {
    /// Opens a ticket, which gets the next number of its project.
    CreateTicket = 6 {
        /// Title, 1 to 200 characters.
        title: String,
        /// Text in Markdown; empty if there is none.
        description: String,
        /// Priority: LOW, MEDIUM, HIGH or URGENT; none: MEDIUM.
        priority: Option<String>,
        /// Labels.
        #[serde(default)]
        labels: Vec<String>,
        /// User who is to do the work.
        assignee_id: Option<Uuid>,
        /// When it is due, in milliseconds since 1970-01-01T00:00Z.
        due_date: Option<i64>,
    }
}

ticket_command! {
    /// Takes over a ticket of another system, with status, people and dates of its own.
    ImportTicket = 7 {
        /// Title, 1 to 200 characters.
        title: String,
        /// Text in Markdown; empty if there is none.
        description: String,
        /// Priority: LOW, MEDIUM, HIGH or URGENT; none: MEDIUM.
        priority: Option<String>,
        /// Labels.
        #[serde(default)]
        labels: Vec<String>,
        /// User who is to do the work.
        assignee_id: Option<Uuid>,
        /// When it is due, in milliseconds since 1970-01-01T00:00Z.
        due_date: Option<i64>,
        /// State of the project's workflow, such as OPEN.
        status: String,
        /// User who reported it; none: the actor.
        reporter_id: Option<Uuid>,
        /// When it was made, in milliseconds since 1970-01-01T00:00Z.
        created_at: i64,
        /// When it was last changed, in milliseconds since 1970-01-01T00:00Z; none: when it was made.
        updated_at: Option<i64>,
        /// Outside system that it comes from, such as github.
        external_source: String,
        /// Id of it in the outside system.
        external_id: String,
        /// Address of it in the outside system.
        external_url: Option<String>,
    }
}

ticket_command! {
    /// Changes what a ticket says.
    EditTicket = 8 {
        /// Number of the ticket in its project, from 1.
        number: i64,
        /// Version that the ticket must have (If-Match); none: any.
        expected_version: Option<i64>,
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
    }
}

ticket_command! {
    /// Moves a ticket to another state of its project's workflow.
    MoveTicket = 9 {
        /// Number of the ticket in its project, from 1.
        number: i64,
        /// Version that the ticket must have (If-Match); none: any.
        expected_version: Option<i64>,
        /// State to move it to, such as `IN_PROGRESS`.
        status: String,
        /// What the actor says about it.
        comment: Option<String>,
    }
}

ticket_command! {
    /// Gives a ticket to a member.
    AssignTicket = 10 {
        /// Number of the ticket in its project, from 1.
        number: i64,
        /// Version that the ticket must have (If-Match); none: any.
        expected_version: Option<i64>,
        /// User who is to do the work.
        assignee_id: Uuid,
    }
}

ticket_command! {
    /// Takes a ticket from its assignee.
    UnassignTicket = 11 {
        /// Number of the ticket in its project, from 1.
        number: i64,
        /// Version that the ticket must have (If-Match); none: any.
        expected_version: Option<i64>,
    }
}

ticket_command! {
    /// Adds a comment to a ticket.
    CommentTicket = 12 {
        /// Number of the ticket in its project, from 1.
        number: i64,
        /// Text in Markdown, 1 byte to 32 KiB.
        content: String,
        /// Comment that this one answers.
        parent_id: Option<Uuid>,
    }
}

ticket_command! {
    /// Lets the actor hear of whatever becomes of a ticket.
    WatchTicket = 20 {
        /// Number of the ticket in its project, from 1.
        number: i64,
    }
}

ticket_command! {
    /// Ends that.
    UnwatchTicket = 21 {
        /// Number of the ticket in its project, from 1.
        number: i64,
    }
}

ticket_command! {
    /// Deletes a ticket. Its number is never used again.
    DeleteTicket = 13 {
        /// Number of the ticket in its project, from 1.
        number: i64,
        /// Version that the ticket must have (If-Match); none: any.
        expected_version: Option<i64>,
    }
}
