//! ConfigureAssignment: who is given new work.

use schemas::ConfigureAssignment;

use super::update_project::updated;
use crate::decision::Accepted;
use crate::guard::{self, Issue};
use crate::policy::Policy;
use crate::role::Role;
use crate::view::{ProjectView, Refused};

pub(super) fn decide(
    view: &impl ProjectView,
    issue: &Issue,
    command: ConfigureAssignment,
) -> Result<Accepted, Refused> {
    let entry = guard::enter(view, issue, Role::Maintainer)?;
    let mut new = (*entry.project).clone();
    if let Some(policy) = command.policy {
        new.assignment_policy = Policy::check(policy)?;
    }
    updated(view, issue, &entry, new)
}
