//! A webhook as whoever delivers knows it.

use uuid::Uuid;

/// Where somebody wants to be told by HTTP.
#[derive(Clone, PartialEq, Eq)]
pub struct Hook {
    /// Id.
    pub id: Uuid,
    /// The user or the project that it belongs to.
    pub owner_id: Uuid,
    /// Where to send it.
    pub url: String,
    /// What deliveries are signed with; never printed.
    pub secret: String,
    /// Names of what is to be told; empty: all there is.
    pub kinds: Vec<String>,
    /// When it was made, in milliseconds since 1970-01-01T00:00Z.
    pub created_at: i64,
}

/// Without the secret; people put others into addresses.
impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hook").field("id", &self.id).field("owner_id", &self.owner_id).finish_non_exhaustive()
    }
}
