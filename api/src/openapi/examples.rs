//! Examples of answers: rows as the read model has them, made into what is answered by the very types that answer.

use std::sync::LazyLock;

use connectors::accounts::{self, Owner};
use connectors::read_model::{Board, BoardColumn, Page, TicketCard};
use schemas::reader::{
    AssignmentRow, CommentRow, DeliveryRow, HistoryRow, MailRow, MemberRow, NotificationRow, ProjectRow, TicketRow,
    UserRow, WatcherRow,
};
use schemas::{CommandAccepted, Occasion, Outcome, ids};
use uuid::Uuid;

use crate::boards::BoardView;
use crate::history;
use crate::outcome_view::{CommandStatus, Replay, Unread, Verified};
use crate::resources::bulk::ResultLine;
use crate::views;
use crate::workflow_view::Workflow;

/// 2026-01-31T12:00:00Z, and a day later.
const MONDAY: i64 = 1_769_860_800_000;
const TUESDAY: i64 = MONDAY + 24 * 60 * 60 * 1_000;

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const TICKET: Uuid = Uuid::from_u128(0x019c_1402_6c00_7d3a_8f51_2f6d_8b1e_4a77);
const COMMAND: Uuid = Uuid::from_u128(0x5c1f_3c5e_8a0d_4d5e_9a51_6f2b_7c1d_0e99);
const COMMENT: Uuid = Uuid::from_u128(0x8f14_e45f_ceea_5671_a5a3_6dd4_bea2_543f);
const NOTIFICATION: Uuid = Uuid::from_u128(0xc9f0_f895_fb98_5b91_9f5f_1d03_e5b8_f9e1);
const WEBHOOK: Uuid = Uuid::from_u128(0x4529_0cdb_5a3c_4a7d_8e2a_6f5d_2b1c_9a08);
const DELIVERY: Uuid = Uuid::from_u128(0xd3d9_4468_02a4_5259_b55d_38e6_d163_e820);

fn project_row() -> ProjectRow {
    ProjectRow {
        id: ids::project_id("WEB"),
        key: "WEB".to_owned(),
        name: "The web site".to_owned(),
        description: "What people see of us.".to_owned(),
        owner_id: ids::user_id(ADA),
        assignment_policy: "least_loaded".to_owned(),
        sequence: 42,
        created_at: MONDAY,
        updated_at: TUESDAY,
        ..ProjectRow::default()
    }
}

fn user_row() -> UserRow {
    UserRow {
        id: ids::user_id(ADA),
        email: Some(ADA.to_owned()),
        name: "Ada Lovelace".to_owned(),
        role: "member".to_owned(),
        created_at: MONDAY,
        ..UserRow::default()
    }
}

fn ticket_row() -> TicketRow {
    TicketRow {
        id: TICKET,
        project_id: ids::project_id("WEB"),
        number: 1,
        code: "WEB-1".to_owned(),
        title: "The board flickers".to_owned(),
        description: "On *every* reload.".to_owned(),
        priority: "HIGH".to_owned(),
        status: "OPEN".to_owned(),
        labels: vec!["frontend".to_owned()],
        reporter_id: ids::user_id(BOB),
        assignee_id: Some(ids::user_id(ADA)),
        due_date: Some(TUESDAY),
        version: 7,
        sequence: 42,
        created_at: MONDAY,
        updated_at: TUESDAY,
        assignment: AssignmentRow {
            by: Some(Uuid::nil()),
            at: Some(MONDAY),
            round: 1,
            reason: Some("has the skill frontend, and the least load of those who have".to_owned()),
            held: false,
        },
        ..TicketRow::default()
    }
}

pub(super) fn project() -> views::Project {
    project_row().into()
}

pub(super) fn workflow() -> Workflow {
    schemas::Workflow::standard().clone().into()
}

pub(super) fn board() -> BoardView {
    let ticket = ticket_row();
    let card = TicketCard {
        id: ticket.id,
        project_id: ticket.project_id,
        number: ticket.number,
        code: ticket.code,
        title: ticket.title,
        priority: ticket.priority,
        status: ticket.status,
        labels: ticket.labels,
        reporter_id: ticket.reporter_id,
        assignee_id: ticket.assignee_id,
        due_date: ticket.due_date,
        version: ticket.version,
        created_at: ticket.created_at,
        updated_at: ticket.updated_at,
    };
    let column = |status: &str, items: Vec<TicketCard>| BoardColumn {
        status: status.to_owned(),
        count: i64::try_from(items.len()).unwrap_or_default(),
        tickets: Page { items, next: None },
    };
    let empty = ["IN_PROGRESS", "REVIEW", "DONE"].map(|status| column(status, Vec::new()));
    let columns = std::iter::once(column("OPEN", vec![card])).chain(empty).collect();
    BoardView::from(Board { project: project_row(), columns })
}

pub(super) fn member() -> views::Member {
    let row = MemberRow {
        project_id: ids::project_id("WEB"),
        user_id: ids::user_id(ADA),
        handle: "ada".to_owned(),
        role: "maintainer".to_owned(),
        capacity: 10,
        skills: vec!["frontend".to_owned()],
        available: true,
    };
    views::Member::new(row, Some(&user_row()))
}

pub(super) fn ticket() -> views::Ticket {
    ticket_row().into()
}

pub(super) fn assignment() -> views::Assignment {
    views::Assignment::new(ticket_row(), project_row(), Some("WEB".to_owned()), Some(user_row()))
}

pub(super) fn watcher() -> views::Watcher {
    let row = WatcherRow { project_id: ids::project_id("WEB"), number: 1, user_id: ids::user_id(ADA), since: MONDAY };
    views::Watcher::new(&row, Some(&user_row()))
}

pub(super) fn comment() -> views::Comment {
    let row = CommentRow {
        id: COMMENT,
        project_id: ids::project_id("WEB"),
        ticket_id: TICKET,
        author_id: ids::user_id(BOB),
        content: "@ada, can you have a look?".to_owned(),
        parent_id: None,
        sequence: 41,
        created_at: TUESDAY,
    };
    row.into()
}

pub(super) fn history() -> Vec<history::Entry> {
    let row = HistoryRow {
        project_id: ids::project_id("WEB"),
        sequence: 42,
        subject: "1".to_owned(),
        kind: "ticket.status.updated".to_owned(),
        actor_id: Some(ids::user_id(ADA)),
        at: TUESDAY,
        changes: r#"[["status", "IN_PROGRESS", "OPEN"]]"#.to_owned(),
    };
    // It would be found missing by the test of the examples.
    history::entries(&[row], history::Changes::new()).unwrap_or_default()
}

pub(super) fn notification() -> views::Notification {
    let row = NotificationRow {
        id: NOTIFICATION,
        user_id: ids::user_id(ADA),
        sequence: 7,
        reason: "mentioned".to_owned(),
        about: Occasion {
            kind: "ticket.commented".to_owned(),
            project_id: ids::project_id("WEB"),
            ticket_id: TICKET,
            code: "WEB-1".to_owned(),
            title: "The board flickers".to_owned(),
            actor_id: ids::user_id(BOB),
            at: TUESDAY,
            detail: "@ada, can you have a look?".to_owned(),
            ..Occasion::default()
        },
        read: false,
    };
    let bob = UserRow { id: ids::user_id(BOB), name: "Bob".to_owned(), ..UserRow::default() };
    views::Notification::new(row, Some(&bob))
}

pub(super) fn inbox() -> views::Inbox {
    views::Inbox { items: vec![notification()], next_cursor: None, unread: 1 }
}

pub(super) fn unread() -> Unread {
    Unread { unread: 0 }
}

pub(super) fn mail() -> views::Mail {
    let row = MailRow {
        id: Uuid::from_u128(7),
        user_id: ids::user_id(ADA),
        kind: "notification".to_owned(),
        requested_at: TUESDAY,
        state: "sent".to_owned(),
        attempts: 1,
        why: String::new(),
        decided_at: Some(TUESDAY + 1_200),
    };
    row.into()
}

pub(super) fn preferences() -> views::Preferences {
    schemas::Preferences::default().into()
}

fn webhook_row() -> accounts::Webhook {
    accounts::Webhook {
        id: WEBHOOK,
        owner: Owner::Project(ids::project_id("WEB")),
        url: "https://example.org/hook".to_owned(),
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw0123456789A".to_owned(),
        kinds: vec!["ticket.created".to_owned()],
        created_by: ids::user_id(ADA),
        created_at: MONDAY,
        updated_at: MONDAY,
    }
}

pub(super) fn webhook() -> views::Webhook {
    webhook_row().into()
}

pub(super) fn webhook_with_secret() -> views::Webhook {
    views::Webhook::with_secret(webhook_row())
}

pub(super) fn delivery() -> views::Delivery {
    let row = DeliveryRow {
        id: DELIVERY,
        hook_id: WEBHOOK,
        owner_id: ids::project_id("WEB"),
        subject_id: TICKET,
        kind: "ticket.created".to_owned(),
        state: "delivered".to_owned(),
        attempts: 1,
        status: 204,
        why: String::new(),
        first_at: TUESDAY,
        last_at: TUESDAY + 80,
    };
    row.into()
}

pub(super) fn replay() -> Replay {
    Replay { delivery_id: DELIVERY }
}

pub(super) fn user() -> views::User {
    user_row().into()
}

pub(super) fn accepted_later() -> CommandStatus<'static> {
    CommandStatus::Pending { command_id: COMMAND }
}

static OUTCOME: LazyLock<Outcome> = LazyLock::new(|| {
    Outcome::Accepted(CommandAccepted {
        command_id: COMMAND,
        command_type: "CreateTicket".to_owned(),
        project_id: Some(ids::project_id("WEB")),
        ticket_id: Some(TICKET),
        number: Some(1),
        code: Some("WEB-1".to_owned()),
        ticket_version: Some(1),
        sequence: 42,
        ..CommandAccepted::default()
    })
});

pub(super) fn accepted() -> CommandStatus<'static> {
    match &*OUTCOME {
        Outcome::Accepted(accepted) => accepted.into(),
        _ => accepted_later(),
    }
}

pub(super) fn bulk_line() -> ResultLine<'static> {
    ResultLine::of(1, &OUTCOME)
}

pub(super) fn verified() -> Verified {
    Verified::Differences(Vec::new())
}

/// A page of one item.
pub(super) fn list<T>(item: T) -> views::List<T> {
    views::List { items: vec![item], next_cursor: None }
}
