//! Digests of texts: they tell whether something changed without keeping it.

use schemas::{TicketCreated, ids};
use uuid::Uuid;

/// Digest of a description.
pub(crate) fn of_description(description: &str) -> Uuid {
    ids::digest(description.as_bytes())
}

/// Digest of what an import brought: every field that the other system has a say in.
pub(crate) fn of_import(event: &TicketCreated) -> Uuid {
    let mut bytes = Vec::with_capacity(256 + event.title.len() + event.description.len());
    let mut text = |part: &str| {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    };
    text(&event.title);
    text(&event.description);
    text(&event.priority);
    text(&event.status);
    text(event.external_url.as_deref().unwrap_or_default());
    for label in &event.labels {
        text(label);
    }
    bytes.extend_from_slice(event.reporter_id.as_bytes());
    bytes.extend_from_slice(event.assignee_id.unwrap_or_default().as_bytes());
    for date in [event.due_date.unwrap_or(-1), event.created_at, event.updated_at] {
        bytes.extend_from_slice(&date.to_be_bytes());
    }
    ids::digest(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_notice_a_change_of_any_field() {
        let base = TicketCreated { labels: vec!["a".to_owned()], ..TicketCreated::default() };
        let changed = [
            TicketCreated { title: "x".to_owned(), ..base.clone() },
            TicketCreated { description: "x".to_owned(), ..base.clone() },
            TicketCreated { priority: "x".to_owned(), ..base.clone() },
            TicketCreated { status: "x".to_owned(), ..base.clone() },
            TicketCreated { external_url: Some("x".to_owned()), ..base.clone() },
            TicketCreated { labels: vec!["b".to_owned()], ..base.clone() },
            TicketCreated { labels: Vec::new(), ..base.clone() },
            TicketCreated { reporter_id: Uuid::from_u128(1), ..base.clone() },
            TicketCreated { assignee_id: Some(Uuid::from_u128(1)), ..base.clone() },
            TicketCreated { due_date: Some(1), ..base.clone() },
            TicketCreated { created_at: 1, ..base.clone() },
            TicketCreated { updated_at: 1, ..base.clone() },
        ];
        let mut digests: Vec<Uuid> = changed.iter().chain([&base]).map(of_import).collect();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), changed.len() + 1);
        let same = TicketCreated { number: 9, timestamp: 9, ..base.clone() };
        assert_eq!(of_import(&same), of_import(&base));
    }
}
