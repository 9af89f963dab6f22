//! The state of a project in memory: for tests, and for the fold that `verify` compares with.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::{CommentState, ExternalState, MemberState, ProjectCounters, ProjectState, TicketState, WatcherState};
use uuid::Uuid;

use crate::view::{Fault, ProjectStateMut, ProjectView};

/// All that the stores hold of one project, in the order of their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectModel {
    /// The project.
    pub project: Option<Arc<ProjectState>>,
    /// Its counters.
    pub counters: ProjectCounters,
    /// Memberships by user.
    pub members: BTreeMap<Uuid, Arc<MemberState>>,
    /// Users by handle.
    pub handles: BTreeMap<String, Uuid>,
    /// Tickets by number.
    pub tickets: BTreeMap<i64, Arc<TicketState>>,
    /// External references by source and id.
    pub externals: BTreeMap<(String, String), ExternalState>,
    /// Comments by number of the ticket and id.
    pub comments: BTreeMap<(i64, Uuid), CommentState>,
    /// Who watches, by number of the ticket and user.
    pub watchers: BTreeMap<(i64, Uuid), WatcherState>,
}

impl ProjectView for ProjectModel {
    fn project(&self) -> Result<Option<Arc<ProjectState>>, Fault> {
        Ok(self.project.clone())
    }

    fn counters(&self) -> Result<ProjectCounters, Fault> {
        Ok(self.counters.clone())
    }

    fn member(&self, user_id: Uuid) -> Result<Option<Arc<MemberState>>, Fault> {
        Ok(self.members.get(&user_id).cloned())
    }

    fn handle_taken(&self, handle: &str) -> Result<bool, Fault> {
        Ok(self.handles.contains_key(handle))
    }

    fn ticket(&self, number: i64) -> Result<Option<Arc<TicketState>>, Fault> {
        Ok(self.tickets.get(&number).cloned())
    }

    fn first_ticket_in(&self, statuses: &[&str]) -> Result<Option<(i64, String)>, Fault> {
        let first = self.tickets.iter().find(|(_, ticket)| statuses.contains(&ticket.status.as_str()));
        Ok(first.map(|(number, ticket)| (*number, ticket.status.clone())))
    }

    fn external(&self, source: &str, id: &str) -> Result<Option<ExternalState>, Fault> {
        Ok(self.externals.get(&(source.to_owned(), id.to_owned())).cloned())
    }

    fn comment(&self, number: i64, comment_id: Uuid) -> Result<Option<CommentState>, Fault> {
        Ok(self.comments.get(&(number, comment_id)).cloned())
    }

    fn watcher(&self, number: i64, user_id: Uuid) -> Result<Option<WatcherState>, Fault> {
        Ok(self.watchers.get(&(number, user_id)).cloned())
    }
}

impl ProjectStateMut for ProjectModel {
    fn take_project(&mut self) -> Result<Option<ProjectState>, Fault> {
        Ok(self.project.take().map(Arc::unwrap_or_clone))
    }

    fn put_project(&mut self, project: ProjectState) -> Result<(), Fault> {
        self.project = Some(Arc::new(project));
        Ok(())
    }

    fn put_counters(&mut self, counters: ProjectCounters) -> Result<(), Fault> {
        self.counters = counters;
        Ok(())
    }

    fn put_member(&mut self, user_id: Uuid, member: MemberState) -> Result<(), Fault> {
        self.members.insert(user_id, Arc::new(member));
        Ok(())
    }

    fn remove_member(&mut self, user_id: Uuid) -> Result<(), Fault> {
        self.members.remove(&user_id);
        Ok(())
    }

    fn put_handle(&mut self, handle: &str, user_id: Uuid) -> Result<(), Fault> {
        self.handles.insert(handle.to_owned(), user_id);
        Ok(())
    }

    fn remove_handle(&mut self, handle: &str) -> Result<(), Fault> {
        self.handles.remove(handle);
        Ok(())
    }

    fn take_ticket(&mut self, number: i64) -> Result<Option<TicketState>, Fault> {
        Ok(self.tickets.remove(&number).map(Arc::unwrap_or_clone))
    }

    fn put_ticket(&mut self, number: i64, ticket: TicketState) -> Result<(), Fault> {
        self.tickets.insert(number, Arc::new(ticket));
        Ok(())
    }

    fn remove_ticket(&mut self, number: i64) -> Result<(), Fault> {
        self.tickets.remove(&number);
        self.comments.retain(|(of, _), _| *of != number);
        self.watchers.retain(|(of, _), _| *of != number);
        Ok(())
    }

    fn put_external(&mut self, source: &str, id: &str, external: ExternalState) -> Result<(), Fault> {
        self.externals.insert((source.to_owned(), id.to_owned()), external);
        Ok(())
    }

    fn put_comment(&mut self, number: i64, comment_id: Uuid, comment: CommentState) -> Result<(), Fault> {
        self.comments.insert((number, comment_id), comment);
        Ok(())
    }

    fn put_watcher(&mut self, number: i64, user_id: Uuid, watcher: WatcherState) -> Result<(), Fault> {
        self.watchers.insert((number, user_id), watcher);
        Ok(())
    }

    fn remove_watcher(&mut self, number: i64, user_id: Uuid) -> Result<(), Fault> {
        self.watchers.remove(&(number, user_id));
        Ok(())
    }
}
