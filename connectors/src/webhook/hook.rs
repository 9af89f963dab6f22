//! Where somebody wants to be told of what happens.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use uuid::Uuid;

/// What a user is told of by a webhook of their own is called so.
pub(super) const NOTIFICATION: &str = "notification";

/// Where somebody wants to be told of what happens.
#[derive(Clone, PartialEq, Eq)]
pub struct Hook {
    /// Its id.
    pub id: Uuid,
    /// The user whose notifications it is told of, or the project whose events.
    pub owner_id: Uuid,
    /// Where it is.
    pub url: String,
    /// What is signed with: `whsec_` and base64url. It is on no topic and in no log.
    pub secret: String,
    /// Names of the events that it is told of, such as `ticket.created`; empty: all.
    pub kinds: Vec<String>,
    /// When it was made, in milliseconds since 1970-01-01T00:00Z: it is told of nothing that was before.
    pub created_at: i64,
}

impl Hook {
    /// True if it wants to be told of an event of that name, that happened then.
    pub(super) fn wants(&self, kind: &str, at: i64) -> bool {
        self.created_at <= at && (self.kinds.is_empty() || self.kinds.iter().any(|wanted| wanted == kind))
    }
}

/// Without the secret, and without the address, which may have one in it.
impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hook").field("id", &self.id).field("owner_id", &self.owner_id).finish_non_exhaustive()
    }
}

/// Knows the webhooks. It is asked for each event, so it answers at once, from what is known already.
pub trait Hooks: Send + Sync {
    /// The webhooks of a user or project.
    fn of(&self, owner_id: Uuid) -> Vec<Arc<Hook>>;
}

/// The webhooks as they were when somebody last said.
#[derive(Debug, Default)]
pub struct HookBook(RwLock<Arc<HashMap<Uuid, Vec<Arc<Hook>>>>>);

impl HookBook {
    /// There are these, and no others.
    pub fn replace(&self, hooks: Vec<Hook>) {
        let mut book: HashMap<Uuid, Vec<Arc<Hook>>> = HashMap::new();
        for hook in hooks {
            book.entry(hook.owner_id).or_default().push(Arc::new(hook));
        }
        *self.0.write() = Arc::new(book);
    }
}

impl Hooks for HookBook {
    fn of(&self, owner_id: Uuid) -> Vec<Arc<Hook>> {
        let book = Arc::clone(&self.0.read());
        book.get(&owner_id).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(id: u128, owner: u128) -> Hook {
        Hook {
            id: Uuid::from_u128(id),
            owner_id: Uuid::from_u128(owner),
            url: "https://example.org/token-in-the-path".to_owned(),
            secret: "whsec_geheim".to_owned(),
            kinds: vec!["ticket.created".to_owned()],
            created_at: 10,
        }
    }

    #[test]
    fn a_hook_shows_neither_its_secret_nor_its_address() {
        let shown = format!("{:?}", hook(1, 2));
        assert!(!shown.contains("geheim") && !shown.contains("token"), "{shown}");
    }

    #[test]
    fn a_hook_wants_what_it_asked_for_from_when_it_was_made() {
        let mut hook = hook(1, 2);
        assert!(
            hook.wants("ticket.created", 10) && !hook.wants("ticket.created", 9) && !hook.wants("ticket.deleted", 10)
        );
        hook.kinds.clear();
        assert!(hook.wants("ticket.deleted", 10));
    }

    #[test]
    fn a_book_has_what_it_was_told_last() {
        let book = HookBook::default();
        book.replace(vec![hook(1, 2), hook(3, 2), hook(4, 5)]);
        let ids = |owner| book.of(Uuid::from_u128(owner)).iter().map(|hook| hook.id.as_u128()).collect::<Vec<_>>();
        assert_eq!((ids(2), ids(5), ids(6)), (vec![1, 3], vec![4], vec![]));
        book.replace(vec![hook(4, 5)]);
        assert_eq!((ids(2), ids(5)), (vec![], vec![4]));
    }
}
