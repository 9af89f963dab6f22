//! The commands about projects and who belongs to them.

use uuid::Uuid;

use crate::record::ticket_command;
use crate::workflow::Workflow;

ticket_command! {
    /// Makes a project, owned by the actor.
    CreateProject = 1 {
        /// Key of the project, as in the code of its tickets: 2 to 10 capital letters and digits.
        key: String,
        /// Name for people.
        name: String,
        /// Text in Markdown; empty if there is none.
        description: String,
        /// Handle that the owner wants in the project; none: derived from the e-mail or login.
        owner_handle: Option<String>,
    }
}

ticket_command! {
    /// Changes what a project says about itself.
    UpdateProject = 17 version 2 {
        /// Name for people; none: stays as it is.
        name: Option<String>,
        /// Text in Markdown; empty if there is none; none: stays as it is.
        description: Option<String>,
        /// Whether viewers may comment; none: stays as it is.
        viewer_comments: Option<bool>,
        /// Whether nothing of the project may change; none: stays as it is.
        archived: Option<bool>,
    }
}

ticket_command! {
    /// Gives the tickets of a project other states, or other ways between them.
    ConfigureWorkflow = 16 {
        /// States and ways; none: the default.
        workflow: Option<Workflow>,
        /// Digest of the workflow that it replaces (If-Match); none: any.
        expected: Option<Uuid>,
    }
}

ticket_command! {
    /// Changes who is given new work in a project.
    ConfigureAssignment = 15 {
        /// Who is given new work: `least_loaded`, `round_robin`, `skills_only` or manual; none: stays as it is.
        policy: Option<String>,
        /// Whether other projects may join the pool of this one; none: stays as it is.
        pool_open: Option<bool>,
        /// Pool that the project is to share: the id of the project that hosts it; its own id: its own pool; none: stays as it is.
        pool: Option<Uuid>,
    }
}

ticket_command! {
    /// Makes a known user a member of the project.
    AddMember = 3 {
        /// Who the user is: the e-mail in lower case, or source:login for a placeholder.
        user_key: String,
        /// Role in the project: owner, maintainer, member or viewer.
        role: String,
        /// Weight of open work that the member can take; none: the default.
        capacity: Option<i32>,
        /// Labels that the member can work on.
        #[serde(default)]
        skills: Vec<String>,
        /// Handle that the member is to have; none: derived from the e-mail or login.
        handle: Option<String>,
    }
}

ticket_command! {
    /// Changes a membership.
    UpdateMember = 4 {
        /// Id of the user: the `UUIDv5` of the user key.
        user_id: Uuid,
        /// Role in the project: owner, maintainer, member or viewer; none: stays as it is.
        role: Option<String>,
        /// Weight of open work that the member can take; none: stays as it is.
        capacity: Option<i32>,
        /// Labels that the member can work on; none: stays as it is.
        skills: Option<Vec<String>>,
        /// Whether the member can be given work (false: away); none: stays as it is.
        available: Option<bool>,
    }
}

ticket_command! {
    /// Ends a membership.
    RemoveMember = 5 {
        /// Id of the user: the `UUIDv5` of the user key.
        user_id: Uuid,
    }
}
