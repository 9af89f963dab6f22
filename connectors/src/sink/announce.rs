//! Whom the sink tells once a batch is in the database.

use std::sync::Arc;

use schemas::TicketEvent;
use topology::trace::SpanContext;
use uuid::Uuid;

use crate::live::Live;
use crate::read_model::BoxFuture;

/// What a batch has changed, once its rows can be read.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Announcement {
    /// The last sequence of each project that has events in the batch.
    pub projects: Vec<(Uuid, i64)>,
    /// The last sequence of each user that has changed.
    pub users: Vec<(Uuid, i64)>,
    /// The events of the projects, in each project's order; empty unless someone [wants](Announce::wants_events) them.
    pub events: Vec<Arc<TicketEvent>>,
    /// The spans that wrote events whose traces are gathered.
    pub traces: Vec<SpanContext>,
}

/// Someone who is told what the sink has written.
///
/// The sink may die between the database's commit and this, so whoever is told must not rely on being told everything:
/// that is what [`Announce::anew`] is for. The sink waits for the futures, so they must end soon whatever is out of reach; there is no
/// error, because nothing that is told can be wrong with the read model.
pub trait Announce: Send + Sync {
    /// Whether events are worth keeping for it.
    fn wants_events(&self) -> bool {
        true
    }

    /// The sink is about to go on from what the database has: at its start, when it has been given partitions, after a
    /// failure. Batches may have been committed of which nothing was told, by it or by another. `reached` is the last sequence of each
    /// project in the database.
    fn anew<'a>(&'a self, reached: &'a [(Uuid, i64)]) -> BoxFuture<'a, ()>;

    /// A batch is committed.
    fn committed<'a>(&'a self, batch: &'a Announcement) -> BoxFuture<'a, ()>;
}

impl Announce for Live {
    fn wants_events(&self) -> bool {
        self.has_subscribers()
    }

    fn anew<'a>(&'a self, reached: &'a [(Uuid, i64)]) -> BoxFuture<'a, ()> {
        self.advance(reached.iter().copied());
        Box::pin(std::future::ready(()))
    }

    fn committed<'a>(&'a self, batch: &'a Announcement) -> BoxFuture<'a, ()> {
        self.advance(batch.projects.iter().chain(&batch.users).copied());
        self.publish(batch.events.iter().cloned());
        Box::pin(std::future::ready(()))
    }
}
