//! The statements that look for words, by the functions that the migrations make.

use crate::sql::{CARD, TICKET_REST};

/// The ids of tickets with words, in themselves or in a comment; those more than once that have them more than once. The words are the value
/// in this place, the projects an array.
pub(super) fn found(projects: &str, words: usize) -> String {
    let query = format!("search_query({projects}, ${words})");
    format!(
        "SELECT f.id FROM tickets f WHERE f.words @@ {query} UNION ALL SELECT c.ticket_id FROM comments c WHERE c.words @@ {query}"
    )
}

/// A page of those of all projects.
pub(super) fn in_all() -> String {
    page("NULL::uuid[]")
}

/// A page of those of a member's projects.
pub(super) fn of_member() -> String {
    page("ARRAY(SELECT project_id FROM members WHERE user_id = $5)")
}

fn page(projects: &str) -> String {
    format!(
        "SELECT {CARD}, {TICKET_REST} FROM tickets t WHERE t.id IN ({}) AND (t.updated_at, t.id) < ($2, $3) \
         ORDER BY t.updated_at DESC, t.id DESC LIMIT $4",
        found(projects, 1)
    )
}
