//! Webhooks as they are registered: whose they are, and what of.

use uuid::Uuid;

use crate::webhook::Hook;

/// How many webhooks one user or project can have.
pub const MOST_WEBHOOKS: u32 = 10;

/// What a user's webhook can be told of: of any notification, or of those about such an event.
const OF_USERS: [&str; 8] = [
    "notification",
    "ticket.created",
    "ticket.updated",
    "ticket.status.updated",
    "ticket.assigned",
    "ticket.unassigned",
    "ticket.commented",
    "ticket.deleted",
];

/// Whose a webhook is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A user's: told of what the user is told of.
    User(Uuid),
    /// A project's: told of what happens in it.
    Project(Uuid),
}

impl Owner {
    /// `user` or `project`.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Project(_) => "project",
        }
    }

    /// The id of the user or project.
    #[must_use]
    pub const fn id(self) -> Uuid {
        match self {
            Self::User(id) | Self::Project(id) => id,
        }
    }

    /// What a webhook of theirs can be told of.
    #[must_use]
    pub const fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::User(_) => &OF_USERS,
            Self::Project(_) => &schemas::EVENT_NAMES,
        }
    }

    pub(super) fn stored(kind: &str, id: Uuid) -> Option<Self> {
        [Self::User(id), Self::Project(id)].into_iter().find(|owner| owner.kind() == kind)
    }
}

/// A webhook.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Id.
    pub id: Uuid,
    /// Whose it is.
    pub owner: Owner,
    /// Where to send it.
    pub url: String,
    /// What deliveries are signed with; never printed, and shown to no one but whoever made it.
    pub secret: String,
    /// Names of what is to be told; empty: all there is.
    pub kinds: Vec<String>,
    /// Who made it.
    pub created_by: Uuid,
    /// When it was made, in milliseconds since 1970-01-01T00:00Z.
    pub created_at: i64,
    /// When it was last changed; each change is later than the one before.
    pub updated_at: i64,
}

/// Without the secret; people put others into addresses.
impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("id", &self.id).field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl From<Webhook> for Hook {
    fn from(webhook: Webhook) -> Self {
        let Webhook { id, owner, url, secret, kinds, created_at, .. } = webhook;
        Self { id, owner_id: owner.id(), url, secret, kinds, created_at }
    }
}

/// A webhook that is to be made. Its secret is drawn when it is.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    /// Id: the same one again makes no second one.
    pub id: Uuid,
    /// Whose it is to be.
    pub owner: Owner,
    /// Where to send it; checked by whoever asks.
    pub url: String,
    /// Names of what is to be told; empty: all there is.
    pub kinds: Vec<String>,
    /// Who makes it.
    pub created_by: Uuid,
    /// Now.
    pub at: i64,
}

/// What of a webhook is to be changed; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct WebhookChange {
    /// Where to send it; checked by whoever asks.
    pub url: Option<String>,
    /// Names of what is to be told; empty: all there is.
    pub kinds: Option<Vec<String>>,
}
