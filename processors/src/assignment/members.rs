//! Memberships and loads, and the places that follow from them in the order of members of each of the pool's projects.

use std::sync::Arc;

use schemas::{PoolLoadState, PoolMemberChanged, PoolMembershipState};
use topology::ProcessingError;
use uuid::Uuid;

use super::choice::member_place;
use super::keys::{GroupKey, Kind, Place, PoolMembershipKey, PoolUserKey, labels_id};
use super::pool::Pool;

/// A membership, if there is one.
pub(super) type Membership = Option<Arc<PoolMembershipState>>;

impl Pool<'_, '_> {
    /// A membership is other than it was.
    pub(crate) fn member_changed(&mut self, told: PoolMemberChanged) -> Result<(), ProcessingError> {
        let PoolMemberChanged { project_id, user_id, removed, role, capacity, skills, available, since, .. } = told;
        let old = self.membership(project_id, user_id)?;
        let mut skills = skills;
        skills.sort_unstable();
        skills.dedup();
        let new: Membership =
            (!removed).then(|| Arc::new(PoolMembershipState { role, capacity, skills, available, since }));
        if new.is_some() && new == old {
            return Ok(());
        }
        self.put_membership(project_id, user_id, &old, new)?;
        if !removed {
            return self.give_waiting_to(user_id);
        }
        // Of a project that has left, the pool takes nothing from anybody; that it hosts the pool is all there is to it.
        if self.project(project_id)?.left { Ok(()) } else { self.leaves(project_id, user_id) }
    }

    /// Writes a membership down, and puts the user where it belongs now. That of the host counts in all of the pool's
    /// projects.
    pub(super) fn put_membership(
        &mut self,
        project_id: Uuid,
        user_id: Uuid,
        old: &Membership,
        new: Membership,
    ) -> Result<(), ProcessingError> {
        let hosts = project_id == self.id;
        let load = self.load(user_id)?;
        let host = if hosts { (old.clone(), new.clone()) } else { both(self.membership(self.id, user_id)?) };
        self.replace(project_id, user_id, &load, (&host.0, &host.1), (old, &new))?;
        for &other in load.projects.iter().filter(|other| hosts && **other != project_id) {
            let own = both(self.membership(other, user_id)?);
            self.replace(other, user_id, &load, (&host.0, &host.1), (&own.0, &own.1))?;
        }
        let key = PoolMembershipKey(self.id, project_id, user_id);
        let mut load = (*load).clone();
        load.projects.retain(|project| *project != project_id);
        match new {
            Some(new) => {
                self.stores.memberships.put(self.ctx, &key, Arc::unwrap_or_clone(new))?;
                load.projects.push(project_id);
            }
            None => self.stores.memberships.delete(self.ctx, &key)?,
        }
        self.put_load(user_id, load)
    }

    /// Takes a user from one place among a project's members to another; `host` and `own` are the memberships before and
    /// after.
    fn replace(
        &mut self,
        project_id: Uuid,
        user_id: Uuid,
        load: &PoolLoadState,
        host: (&Membership, &Membership),
        own: (&Membership, &Membership),
    ) -> Result<(), ProcessingError> {
        let policy = self.policy(project_id)?;
        let place = |host: &Membership, own: &Membership| {
            let (host, own) = (host.as_ref()?, own.as_ref()?);
            Some((host.clone(), member_place(policy, user_id, load, host, own)?))
        };
        let (from, to) = (place(host.0, own.0), place(host.1, own.1));
        self.move_member(
            project_id,
            from.as_ref().map(|(host, place)| (&*host.skills, *place)),
            to.as_ref().map(|(host, place)| (&*host.skills, *place)),
        )
    }

    /// Moves an entry in the order of a project's members, each place with the skills that its group has.
    pub(super) fn move_member(
        &mut self,
        project_id: Uuid,
        from: Option<(&[String], Place)>,
        to: Option<(&[String], Place)>,
    ) -> Result<(), ProcessingError> {
        let pool = self.id;
        let group =
            |skills: &[String]| GroupKey { kind: Kind::Members, pool, of: project_id, labels: labels_id(skills) };
        self.shift(group, from, to)
    }

    /// Changes what a user carries, and with it the user's place in each project of the pool.
    pub(super) fn change_load(
        &mut self,
        user_id: Uuid,
        change: impl FnOnce(&mut PoolLoadState),
    ) -> Result<(), ProcessingError> {
        let old = self.load(user_id)?;
        let mut new = (*old).clone();
        change(&mut new);
        if new.load < 0 {
            let what = format!("user {user_id} would carry {} in pool {}", new.load, self.id);
            return Err(ProcessingError::record("contradiction", what));
        }
        // Who is no member of the host stands in no order.
        if let Some(host) = self.membership(self.id, user_id)? {
            for &project_id in &old.projects {
                let own =
                    if project_id == self.id { Some(host.clone()) } else { self.membership(project_id, user_id)? };
                let Some(own) = own else { continue };
                let policy = self.policy(project_id)?;
                let place = |load| Some((&*host.skills, member_place(policy, user_id, load, &host, &own)?));
                self.move_member(project_id, place(&old), place(&new))?;
            }
        }
        self.put_load(user_id, new)
    }

    pub(super) fn membership(&mut self, project_id: Uuid, user_id: Uuid) -> Result<Membership, ProcessingError> {
        self.stores.memberships.get(self.ctx, &PoolMembershipKey(self.id, project_id, user_id))
    }

    pub(super) fn load(&mut self, user_id: Uuid) -> Result<Arc<PoolLoadState>, ProcessingError> {
        let load = self.stores.loads.get(self.ctx, &PoolUserKey(self.id, user_id))?;
        Ok(load.unwrap_or_default())
    }

    fn put_load(&mut self, user_id: Uuid, load: PoolLoadState) -> Result<(), ProcessingError> {
        let key = PoolUserKey(self.id, user_id);
        if load.load == 0 && load.projects.is_empty() {
            return self.stores.loads.delete(self.ctx, &key);
        }
        self.stores.loads.put(self.ctx, &key, load)
    }
}

/// Before and after, where nothing changes.
fn both(membership: Membership) -> (Membership, Membership) {
    (membership.clone(), membership)
}
