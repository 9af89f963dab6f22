//! What a member of a project may do.

/// The role of a member; a later one may do all that an earlier one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads; comments if the project lets viewers comment.
    Viewer,
    /// Works on tickets.
    Member,
    /// Runs the project: members, imports, deletions.
    Maintainer,
    /// May also make and unmake owners.
    Owner,
}

impl Role {
    /// The names of all roles, as they are on the wire.
    pub const NAMES: [&'static str; 4] = ["owner", "maintainer", "member", "viewer"];

    /// The role of that name, if there is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "viewer" => Self::Viewer,
            "member" => Self::Member,
            "maintainer" => Self::Maintainer,
            "owner" => Self::Owner,
            _ => return None,
        })
    }

    /// The role that a stored name stands for. A name that this version does not know gives the least.
    #[must_use]
    pub fn of_stored(name: &str) -> Self {
        Self::parse(name).unwrap_or(Self::Viewer)
    }

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Maintainer => "maintainer",
            Self::Owner => "owner",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_read_back_every_name() {
        for name in Role::NAMES {
            assert_eq!(Role::parse(name).map(Role::name), Some(name));
        }
    }

    #[test]
    fn should_give_an_unknown_stored_role_the_least() {
        assert_eq!(Role::of_stored("emperor"), Role::Viewer);
        assert!(Role::Viewer < Role::Member && Role::Member < Role::Maintainer && Role::Maintainer < Role::Owner);
    }
}
