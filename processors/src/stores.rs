//! The stores of the ticket sub-topology, and the state of a project as it stands in them.

use std::cell::RefCell;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use schemas::{
    CommentState, ExternalState, HandleState, MemberState, ProjectCounters, ProjectState, TicketState, WatcherState,
};
use topology::serde::RawBytes;
use topology::{Context, InitContext, ProcessingError, Store, StoreBuilder, StoreKey, TopologyBuilder, TopologyError};
use uuid::Uuid;

use crate::keys::{ExternalKey, HandleKey, KeyBytes, MemberKey, StoreKeySerde, TicketKey, TicketPartKey};
use crate::memory::PENDING_COMMANDS;
use crate::serdes::Framed;
use crate::view::{Fault, ProjectStateMut, ProjectView};

/// Projects by id.
pub const PROJECTS: &str = "projects";
/// Counters by project.
pub const COUNTERS: &str = "project-counters";
/// Memberships by project and user.
pub const MEMBERS: &str = "members";
/// Users by project and handle.
pub const HANDLES: &str = "handles";
/// Tickets by project and number.
pub const TICKETS: &str = "tickets";
/// Tickets by project and external reference.
pub const EXTERNALS: &str = "external-references";
/// Comments by project, ticket and id.
pub const COMMENTS: &str = "comments";
/// Who watches, by project, ticket and user.
pub const WATCHERS: &str = "watchers";

/// Every store that holds a project's state.
pub const PROJECT_STORES: [&str; 8] = [PROJECTS, COUNTERS, MEMBERS, HANDLES, TICKETS, EXTERNALS, COMMENTS, WATCHERS];

/// Decoded values that each task keeps of a store whose entries are asked for again and again.
const CACHED_PROJECTS: usize = 2_048;
const CACHED_MEMBERS: usize = 4_096;
const CACHED_TICKETS: usize = 4_096;

/// What they share.
const CHANGELOG: &str = "project-state";

/// Declares the stores.
pub(crate) fn declare(builder: TopologyBuilder) -> TopologyBuilder {
    builder
        .store::<Uuid, ProjectState>(
            StoreBuilder::persistent(PROJECTS, StoreKeySerde, Framed).changelog(CHANGELOG).cached(CACHED_PROJECTS),
        )
        .store::<Uuid, ProjectCounters>(
            StoreBuilder::persistent(COUNTERS, StoreKeySerde, Framed).changelog(CHANGELOG).cached(CACHED_PROJECTS),
        )
        .store::<MemberKey, MemberState>(
            StoreBuilder::persistent(MEMBERS, StoreKeySerde, Framed).changelog(CHANGELOG).cached(CACHED_MEMBERS),
        )
        .store::<HandleKey, HandleState>(StoreBuilder::persistent(HANDLES, StoreKeySerde, Framed).changelog(CHANGELOG))
        .store::<TicketKey, TicketState>(
            StoreBuilder::persistent(TICKETS, StoreKeySerde, Framed).changelog(CHANGELOG).cached(CACHED_TICKETS),
        )
        .store::<ExternalKey, ExternalState>(
            StoreBuilder::persistent(EXTERNALS, StoreKeySerde, Framed).changelog(CHANGELOG),
        )
        .store::<TicketPartKey, CommentState>(
            StoreBuilder::persistent(COMMENTS, StoreKeySerde, Framed).changelog(CHANGELOG),
        )
        .store::<TicketPartKey, WatcherState>(
            StoreBuilder::persistent(WATCHERS, StoreKeySerde, Framed).changelog(CHANGELOG),
        )
        .store::<Uuid, Vec<u8>>(
            StoreBuilder::persistent(PENDING_COMMANDS, StoreKeySerde, RawBytes).changelog(CHANGELOG),
        )
}

/// A processor's handles on the stores.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProjectHandles {
    projects: Store<Uuid, ProjectState>,
    counters: Store<Uuid, ProjectCounters>,
    members: Store<MemberKey, MemberState>,
    handles: Store<HandleKey, HandleState>,
    tickets: Store<TicketKey, TicketState>,
    externals: Store<ExternalKey, ExternalState>,
    comments: Store<TicketPartKey, CommentState>,
    watchers: Store<TicketPartKey, WatcherState>,
}

impl ProjectHandles {
    pub(crate) fn new(ctx: &InitContext<'_>) -> Result<Self, TopologyError> {
        Ok(Self {
            projects: ctx.store(PROJECTS)?,
            counters: ctx.store(COUNTERS)?,
            members: ctx.store(MEMBERS)?,
            handles: ctx.store(HANDLES)?,
            tickets: ctx.store(TICKETS)?,
            externals: ctx.store(EXTERNALS)?,
            comments: ctx.store(COMMENTS)?,
            watchers: ctx.store(WATCHERS)?,
        })
    }

    /// Every project of the task that a user is a member of. Looks through all memberships.
    pub(crate) fn projects_of(&self, ctx: &mut Context<'_>, user: Uuid) -> Result<Vec<Uuid>, ProcessingError> {
        let mut projects = Vec::new();
        self.members.prefix_scan(ctx, &[], |key, _| {
            let own = MemberKey::read(key).filter(|MemberKey(_, member)| *member == user);
            projects.extend(own.map(|MemberKey(project, _)| project));
            ControlFlow::Continue(())
        })?;
        Ok(projects)
    }
}

/// The state of one project in the stores of the task at hand.
pub(crate) struct ProjectStores<'c, 'x> {
    stores: ProjectHandles,
    /// Reading moves the stores' caches, so it takes the context mutably; nothing is borrowed beyond a call.
    ctx: RefCell<&'c mut Context<'x>>,
    project_id: Uuid,
}

impl<'c, 'x> ProjectStores<'c, 'x> {
    pub(crate) fn new(stores: ProjectHandles, ctx: &'c mut Context<'x>, project_id: Uuid) -> Self {
        Self { stores, ctx: RefCell::new(ctx), project_id }
    }

    /// Memberships in the order of users, those after a user, `most` at the most.
    pub(crate) fn members_after(
        &self,
        user_id: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<(Uuid, MemberState)>, ProcessingError> {
        let mut after = Vec::with_capacity(32);
        self.project_id.write(&mut after);
        let after = user_id.map_or(Bound::Included(after.clone()), |user_id| {
            user_id.write(&mut after);
            Bound::Excluded(after)
        });
        let mut members = Vec::new();
        self.scan_after(&self.stores.members, &after, most, |key, member| {
            members.extend(MemberKey::read(key).map(|MemberKey(_, user_id)| (user_id, member)));
        })?;
        Ok(members)
    }

    /// Tickets in the order of their numbers, those after a number, `most` at the most.
    pub(crate) fn tickets_after(&self, number: i64, most: usize) -> Result<Vec<(i64, TicketState)>, ProcessingError> {
        let mut after = Vec::with_capacity(24);
        TicketKey(self.project_id, number).write(&mut after);
        let mut tickets = Vec::new();
        self.scan_after(&self.stores.tickets, &Bound::Excluded(after), most, |key, ticket| {
            tickets.extend(TicketKey::read(key).map(|TicketKey(_, number)| (number, ticket)));
        })?;
        Ok(tickets)
    }

    /// Hands over the entries of the project from a key on, `most` at the most.
    fn scan_after<K: StoreKey, V: Send + Sync + 'static>(
        &self,
        store: &Store<K, V>,
        from: &Bound<Vec<u8>>,
        most: usize,
        mut each: impl FnMut(&[u8], V),
    ) -> Result<(), ProcessingError> {
        let from = from.as_ref().map(Vec::as_slice);
        let mut left = most;
        store.prefix_scan_after(&mut self.ctx.borrow_mut(), self.project_id.as_bytes(), from, |key, value| {
            each(key, value);
            left -= 1;
            if left > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
    }
}

impl ProjectView for ProjectStores<'_, '_> {
    fn project(&self) -> Result<Option<Arc<ProjectState>>, Fault> {
        Ok(self.stores.projects.get(&mut self.ctx.borrow_mut(), &self.project_id)?)
    }

    fn counters(&self) -> Result<ProjectCounters, Fault> {
        let counters = self.stores.counters.get(&mut self.ctx.borrow_mut(), &self.project_id)?;
        Ok(counters.as_deref().cloned().unwrap_or_default())
    }

    fn member(&self, user_id: Uuid) -> Result<Option<Arc<MemberState>>, Fault> {
        Ok(self.stores.members.get(&mut self.ctx.borrow_mut(), &MemberKey(self.project_id, user_id))?)
    }

    fn handle_taken(&self, handle: &str) -> Result<bool, Fault> {
        let key = HandleKey(self.project_id, handle.to_owned());
        Ok(self.stores.handles.contains(&mut self.ctx.borrow_mut(), &key)?)
    }

    fn ticket(&self, number: i64) -> Result<Option<Arc<TicketState>>, Fault> {
        Ok(self.stores.tickets.get(&mut self.ctx.borrow_mut(), &TicketKey(self.project_id, number))?)
    }

    fn first_ticket_in(&self, statuses: &[&str]) -> Result<Option<(i64, String)>, Fault> {
        let mut first = None;
        self.stores.tickets.prefix_scan(&mut self.ctx.borrow_mut(), self.project_id.as_bytes(), |key, ticket| {
            if !statuses.contains(&ticket.status.as_str()) {
                return ControlFlow::Continue(());
            }
            first = TicketKey::read(key).map(|TicketKey(_, number)| (number, ticket.status));
            ControlFlow::Break(())
        })?;
        Ok(first)
    }

    fn external(&self, source: &str, id: &str) -> Result<Option<ExternalState>, Fault> {
        let key = ExternalKey(self.project_id, source.to_owned(), id.to_owned());
        Ok(self.stores.externals.get(&mut self.ctx.borrow_mut(), &key)?.map(Arc::unwrap_or_clone))
    }

    fn comment(&self, number: i64, comment_id: Uuid) -> Result<Option<CommentState>, Fault> {
        let key = TicketPartKey(self.project_id, number, comment_id);
        Ok(self.stores.comments.get(&mut self.ctx.borrow_mut(), &key)?.map(Arc::unwrap_or_clone))
    }

    fn watcher(&self, number: i64, user_id: Uuid) -> Result<Option<WatcherState>, Fault> {
        let key = TicketPartKey(self.project_id, number, user_id);
        Ok(self.stores.watchers.get(&mut self.ctx.borrow_mut(), &key)?.map(Arc::unwrap_or_clone))
    }
}

impl ProjectStateMut for ProjectStores<'_, '_> {
    fn take_project(&mut self) -> Result<Option<ProjectState>, Fault> {
        Ok(self.project()?.map(Arc::unwrap_or_clone))
    }

    fn put_project(&mut self, project: ProjectState) -> Result<(), Fault> {
        Ok(self.stores.projects.put(self.ctx.get_mut(), &self.project_id, project)?)
    }

    fn put_counters(&mut self, counters: ProjectCounters) -> Result<(), Fault> {
        Ok(self.stores.counters.put(self.ctx.get_mut(), &self.project_id, counters)?)
    }

    fn put_member(&mut self, user_id: Uuid, member: MemberState) -> Result<(), Fault> {
        Ok(self.stores.members.put(self.ctx.get_mut(), &MemberKey(self.project_id, user_id), member)?)
    }

    fn remove_member(&mut self, user_id: Uuid) -> Result<(), Fault> {
        Ok(self.stores.members.delete(self.ctx.get_mut(), &MemberKey(self.project_id, user_id))?)
    }

    fn put_handle(&mut self, handle: &str, user_id: Uuid) -> Result<(), Fault> {
        let key = HandleKey(self.project_id, handle.to_owned());
        Ok(self.stores.handles.put(self.ctx.get_mut(), &key, HandleState { user_id })?)
    }

    fn remove_handle(&mut self, handle: &str) -> Result<(), Fault> {
        let key = HandleKey(self.project_id, handle.to_owned());
        Ok(self.stores.handles.delete(self.ctx.get_mut(), &key)?)
    }

    fn take_ticket(&mut self, number: i64) -> Result<Option<TicketState>, Fault> {
        Ok(self.ticket(number)?.map(Arc::unwrap_or_clone))
    }

    fn put_ticket(&mut self, number: i64, ticket: TicketState) -> Result<(), Fault> {
        Ok(self.stores.tickets.put(self.ctx.get_mut(), &TicketKey(self.project_id, number), ticket)?)
    }

    fn remove_ticket(&mut self, number: i64) -> Result<(), Fault> {
        let ticket = TicketKey(self.project_id, number);
        let mut prefix = Vec::with_capacity(24);
        ticket.write(&mut prefix);
        let ctx = self.ctx.get_mut();
        remove_parts(ctx, &self.stores.comments, &prefix)?;
        remove_parts(ctx, &self.stores.watchers, &prefix)?;
        Ok(self.stores.tickets.delete(ctx, &ticket)?)
    }

    fn put_external(&mut self, source: &str, id: &str, external: ExternalState) -> Result<(), Fault> {
        let key = ExternalKey(self.project_id, source.to_owned(), id.to_owned());
        Ok(self.stores.externals.put(self.ctx.get_mut(), &key, external)?)
    }

    fn put_comment(&mut self, number: i64, comment_id: Uuid, comment: CommentState) -> Result<(), Fault> {
        let key = TicketPartKey(self.project_id, number, comment_id);
        Ok(self.stores.comments.put(self.ctx.get_mut(), &key, comment)?)
    }

    fn put_watcher(&mut self, number: i64, user_id: Uuid, watcher: WatcherState) -> Result<(), Fault> {
        let key = TicketPartKey(self.project_id, number, user_id);
        Ok(self.stores.watchers.put(self.ctx.get_mut(), &key, watcher)?)
    }

    fn remove_watcher(&mut self, number: i64, user_id: Uuid) -> Result<(), Fault> {
        let key = TicketPartKey(self.project_id, number, user_id);
        Ok(self.stores.watchers.delete(self.ctx.get_mut(), &key)?)
    }
}

/// Deletes all whose keys begin with that of their ticket.
fn remove_parts<V: Send + Sync + 'static>(
    ctx: &mut Context<'_>,
    store: &Store<TicketPartKey, V>,
    ticket: &[u8],
) -> Result<(), ProcessingError> {
    let mut parts = Vec::new();
    store.prefix_scan(ctx, ticket, |key, _| {
        parts.extend(TicketPartKey::read(key));
        ControlFlow::Continue(())
    })?;
    parts.iter().try_for_each(|part| store.delete(ctx, part))
}
