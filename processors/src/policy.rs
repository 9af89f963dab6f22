//! Who is given new work in a project.

use schemas::ProjectState;

use crate::rejection::Rejection;

/// How a project wants its tickets assigned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Policy {
    /// Skills first, then the lowest load for the capacity.
    #[default]
    LeastLoaded,
    /// Skills first, then whose turn is longest ago.
    RoundRobin,
    /// As the first, but a ticket waits rather than go to somebody without the skills.
    SkillsOnly,
    /// By hand only.
    Manual,
}

impl Policy {
    /// The names of all policies, as they are on the wire.
    pub const NAMES: [&'static str; 4] = ["least_loaded", "round_robin", "skills_only", "manual"];

    /// The policy that a stored name stands for; none was chosen where it is empty. A name that this version does not know
    /// assigns nothing.
    #[must_use]
    pub fn of_stored(name: &str) -> Self {
        match name {
            "" | "least_loaded" => Self::LeastLoaded,
            "round_robin" => Self::RoundRobin,
            "skills_only" => Self::SkillsOnly,
            _ => Self::Manual,
        }
    }

    /// That of a project. Nothing is given to anybody in one that is archived.
    #[must_use]
    pub fn of_project(project: &ProjectState) -> Self {
        if project.archived { Self::Manual } else { Self::of_stored(&project.assignment_policy) }
    }

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LeastLoaded => "least_loaded",
            Self::RoundRobin => "round_robin",
            Self::SkillsOnly => "skills_only",
            Self::Manual => "manual",
        }
    }

    /// policy_invalid.
    pub(crate) fn check(name: String) -> Result<String, Rejection> {
        if Self::NAMES.contains(&name.as_str()) { Ok(name) } else { Err(Rejection::PolicyInvalid { policy: name }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_read_back_every_name() {
        for name in Policy::NAMES {
            assert_eq!(Policy::of_stored(name).name(), name);
        }
        assert_eq!(Policy::of_stored(""), Policy::default());
        assert_eq!(Policy::of_stored("by_astrology"), Policy::Manual);
    }
}
