//! Who must know of an event, and why.
//!
//! | event | who, the first reason counts |
//! |---|---|
//! | `ticket.created` | the mentioned, the assignee |
//! | `ticket.updated` | the newly mentioned, the assignee, the reporter, those who watch |
//! | `ticket.status.updated` | the assignee, the reporter, those who watch |
//! | `ticket.assigned` | the new assignee, the one before, the reporter, those who watch |
//! | `ticket.unassigned` | the one before, the reporter, those who watch |
//! | `ticket.commented` | the mentioned, the assignee, the reporter, those who watch |
//! | `ticket.deleted` | the assignee, the reporter, those who watch |
//!
//! Never whoever did it, nor anybody who is no member of the project at that moment. Imported tickets are old news: nobody is told.

use schemas::{FanOutTicketState, NotificationIntended, Occasion, TicketEvent};
use uuid::Uuid;

/// The events that somebody is told of.
pub const KINDS: [&str; 7] = [
    "ticket.created",
    "ticket.updated",
    "ticket.status.updated",
    "ticket.assigned",
    "ticket.unassigned",
    "ticket.commented",
    "ticket.deleted",
];

/// Most characters of a comment that a notification repeats.
const EXCERPT_CHARS: usize = 200;

/// Why somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The text names them.
    Mentioned,
    /// The ticket is theirs to work on, or was until then.
    Assignee,
    /// They reported it.
    Reporter,
    /// They watch it.
    Watcher,
}

impl Reason {
    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mentioned => "mentioned",
            Self::Assignee => "assignee",
            Self::Reporter => "reporter",
            Self::Watcher => "watcher",
        }
    }
}

/// What is to be told, and to whom besides those who watch.
#[derive(Debug)]
pub(crate) struct News {
    /// Who did it; the nil id if nobody did it by hand.
    pub(crate) actor_id: Uuid,
    /// What a line about it has to say.
    pub(crate) detail: String,
    /// Those concerned, the first reason of each first. May hold users who are no members.
    pub(crate) concerned: Vec<(Uuid, Reason)>,
    /// Whether those who watch are told too.
    pub(crate) watchers: bool,
}

/// What is to be told of an event; none: nothing. `ticket` is the ticket with the event applied (before it, if it is deleted), and
/// `mentioned` whom the event's text mentions anew.
pub(crate) fn news(event: &TicketEvent, ticket: &FanOutTicketState, mentioned: &[Uuid]) -> Option<News> {
    let (actor_id, detail, before, watchers) = match event {
        TicketEvent::TicketCreated(e) if e.imported => return None,
        TicketEvent::TicketCreated(e) => (e.created_by, String::new(), None, false),
        TicketEvent::TicketUpdated(e) => (e.updated_by, String::new(), None, true),
        TicketEvent::TicketStatusUpdated(e) => (e.updated_by, e.new_status.clone(), None, true),
        TicketEvent::TicketAssigned(e) => (e.assigned_by, e.assignee_id.to_string(), e.previous_assignee_id, true),
        TicketEvent::TicketUnassigned(e) => (e.unassigned_by, String::new(), Some(e.previous_assignee_id), true),
        TicketEvent::TicketCommented(e) => (e.author_id, excerpt(&e.content), None, true),
        TicketEvent::TicketDeleted(e) => (e.deleted_by, String::new(), None, true),
        TicketEvent::ProjectCreated(_)
        | TicketEvent::ProjectUpdated(_)
        | TicketEvent::ProjectMemberAdded(_)
        | TicketEvent::ProjectMemberUpdated(_)
        | TicketEvent::ProjectMemberRemoved(_)
        | TicketEvent::TicketWatchAdded(_)
        | TicketEvent::TicketWatchRemoved(_) => return None,
    };
    let reporter = (!matches!(event, TicketEvent::TicketCreated(_))).then_some(ticket.reporter_id);
    let with = |ids: Option<Uuid>, reason| ids.map(|id| (id, reason));
    let all = mentioned.iter().map(|id| (*id, Reason::Mentioned));
    let all = all.chain(with(ticket.assignee_id, Reason::Assignee));
    let all = all.chain(with(before, Reason::Assignee)).chain(with(reporter, Reason::Reporter));
    let mut concerned: Vec<(Uuid, Reason)> = Vec::new();
    for (user_id, reason) in all {
        if user_id != actor_id && concerned.iter().all(|(known, _)| *known != user_id) {
            concerned.push((user_id, reason));
        }
    }
    Some(News { actor_id, detail, concerned, watchers })
}

/// The event as those need to know it who are told, without handles.
pub(crate) fn occasion(
    event: &TicketEvent,
    number: i64,
    ticket: &FanOutTicketState,
    actor_id: Uuid,
    detail: String,
) -> Occasion {
    Occasion {
        event_id: event.event_id(),
        kind: event.event_name().to_owned(),
        project_id: event.project_id(),
        sequence: event.sequence(),
        ticket_id: ticket.ticket_id,
        number,
        code: ticket.code.clone(),
        title: ticket.title.clone(),
        actor_id,
        detail,
        at: event.published_at(),
        ..Occasion::default()
    }
}

/// The record that tells one user.
pub(crate) fn intended(
    (correlation_id, causation_id): (Uuid, Uuid),
    about: &Occasion,
    user_id: Uuid,
    reason: Reason,
) -> NotificationIntended {
    let reason = reason.name().to_owned();
    NotificationIntended { correlation_id, causation_id, user_id, reason, about: about.clone() }
}

/// The beginning of a text, on one line.
fn excerpt(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(EXCERPT_CHARS));
    let mut chars = text.split_whitespace().enumerate().flat_map(|(index, word)| {
        let space = (index > 0).then_some(' ');
        space.into_iter().chain(word.chars())
    });
    line.extend(chars.by_ref().take(EXCERPT_CHARS));
    if chars.next().is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_begin_a_comment_on_one_line() {
        assert_eq!(excerpt("  two\nlines \n\n here"), "two lines here");
        let long = excerpt(&"word ".repeat(100));
        assert_eq!((long.chars().count(), long.ends_with('…')), (EXCERPT_CHARS + 1, true));
    }
}
