//! What the templates see of a letter.

use minijinja::{Value, context};
use time::OffsetDateTime;
use time::macros::format_description;

use super::markdown;
use super::{Content, Letter, Notice};

/// Where a mail leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Links {
    /// Where the site is, without a slash at the end.
    pub base_url: String,
    /// Where the recipient can unsubscribe, if they can.
    pub unsubscribe: Option<String>,
}

/// Everything a template can name, but for `subject`, which the subject itself has not.
pub(super) fn of(letter: &Letter, locale: &str, links: &Links) -> Value {
    let (name, base_url) = (one_line(&letter.name), &links.base_url);
    let unsubscribe = links.unsubscribe.as_deref().unwrap_or_default();
    let common = context! { name, locale, base_url, unsubscribe };
    match &letter.content {
        Content::Welcome => common,
        Content::Notice(notice) => context! { notice => one(notice, links), ..common },
        Content::Digest { notices, more } => {
            let mut sorted: Vec<&Notice> = notices.iter().collect();
            sorted.sort_by_key(|notice| notice.at);
            let notices: Vec<Value> = sorted.into_iter().map(|notice| one(notice, links)).collect();
            let count = notices.len().saturating_add(usize::try_from(*more).unwrap_or_default());
            context! { count, more, notices, ..common }
        }
    }
}

fn one(notice: &Notice, links: &Links) -> Value {
    let is = |kind| notice.kind == kind;
    // There is nothing left to see of a ticket that is gone.
    let url =
        if is("ticket.deleted") { String::new() } else { format!("{}/tickets/{}", links.base_url, notice.ticket_id) };
    let comment = if is("ticket.commented") { notice.detail.trim() } else { "" };
    context! {
        kind => notice.kind.as_str(),
        reason => notice.reason.as_str(),
        number => notice.number,
        code => one_line(&notice.code),
        title => one_line(&notice.title),
        actor => one_line(&notice.actor),
        assignee => one_line(&notice.assignee),
        to_recipient => notice.to_recipient,
        status => if is("ticket.status.updated") { one_line(&notice.detail) } else { String::new() },
        comment,
        comment_html => Value::from_safe_string(markdown::to_html(comment)),
        at => utc(notice.at),
        url,
    }
}

/// `2026-03-01 14:05 UTC`; empty for times that no calendar has.
fn utc(at: i64) -> String {
    OffsetDateTime::from_unix_timestamp(at.div_euclid(1000))
        .ok()
        .and_then(|at| at.format(format_description!("[year]-[month]-[day] [hour]:[minute] UTC")).ok())
        .unwrap_or_default()
}

/// On one line: each run of white space and control characters becomes one space, and none is left at the ends.
pub(super) fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}
