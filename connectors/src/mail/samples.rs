//! Letters about everything that can happen, with which templates are tried.

use uuid::Uuid;

use super::{Content, Letter, Notice};

const KINDS: [&str; 8] = [
    "ticket.created",
    "ticket.updated",
    "ticket.status.updated",
    "ticket.assigned",
    "ticket.unassigned",
    "ticket.commented",
    "ticket.deleted",
    "ticket.changed",
];

const REASONS: [&str; 5] = ["mentioned", "assignee", "reporter", "watcher", "member"];

/// Every other recipient has a name, and every other thing was done by somebody.
pub(super) fn letters() -> impl Iterator<Item = Letter> {
    ["en", "es"].into_iter().flat_map(|locale| {
        let all: Vec<Notice> = notices().collect();
        let welcomes = [Content::Welcome, Content::Welcome];
        let digests = [(all[..1].to_vec(), 0), (all.clone(), 1), (all.clone(), 2)];
        let digests = digests.map(|(notices, more)| Content::Digest { notices, more });
        let contents = all.into_iter().map(Content::Notice).chain(digests).chain(welcomes);
        contents.zip(["Ada", ""].into_iter().cycle()).map(move |(content, name)| letter(locale, name, content))
    })
}

fn letter(locale: &str, name: &str, content: Content) -> Letter {
    Letter {
        id: Uuid::nil(),
        to: "ada@sample.example".to_owned(),
        name: name.to_owned(),
        locale: locale.to_owned(),
        user_id: Uuid::nil(),
        at: 0,
        content,
    }
}

fn notices() -> impl Iterator<Item = Notice> {
    KINDS.into_iter().flat_map(|kind| {
        REASONS.into_iter().flat_map(move |reason| ["ben", ""].map(|handle| notice(kind, reason, handle)))
    })
}

/// Of what applies to a kind only now and then, one half has it.
fn notice(kind: &str, reason: &str, handle: &str) -> Notice {
    let detail = match kind {
        "ticket.status.updated" => "IN_PROGRESS",
        "ticket.commented" if !handle.is_empty() => "Looks **good**.",
        _ => "",
    };
    Notice {
        kind: kind.to_owned(),
        reason: reason.to_owned(),
        ticket_id: Uuid::nil(),
        number: 1,
        code: "SYNC-1".to_owned(),
        title: "A sample".to_owned(),
        actor: handle.to_owned(),
        assignee: if kind == "ticket.assigned" { handle.to_owned() } else { String::new() },
        to_recipient: kind == "ticket.assigned" && reason == "assignee",
        detail: detail.to_owned(),
        at: 0,
    }
}
