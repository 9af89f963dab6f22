//! Why a command is refused: data, a closed set, with a code for programs and a sentence for people.

use uuid::Uuid;

use crate::fields::{
    CAPACITY_MAX, CONTENT_MAX_BYTES, DATE_MAX_MS, DESCRIPTION_MAX_BYTES, EXTERNAL_MAX_BYTES, HANDLE_MAX_CHARS,
    LABEL_MAX_CHARS, LABELS_MAX, MUTED_PROJECTS_MAX, NAME_MAX_CHARS, PRIORITIES, SKILLS_MAX, TITLE_MAX_CHARS,
};
use crate::notifications::{EMAIL_MODES, KINDS, LOCALES};
use crate::policy::Policy;
use crate::role::Role;

/// Why a command is refused. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// There is no such project.
    ProjectNotFound,
    /// The project's key has a wrong form, or the command's project id is not that of the key.
    KeyInvalid {
        /// The key.
        key: String,
    },
    /// Another project has the key.
    KeyTaken {
        /// The key.
        key: String,
    },
    /// The actor is no member of the project.
    NotAMember,
    /// The actor may do nothing any more.
    ActorDeactivated,
    /// The actor's role is not enough.
    InsufficientRole {
        /// What is enough.
        needed: Needed,
    },
    /// No user has that key.
    UserUnknown {
        /// E-mail, or `source:login`.
        user_key: String,
    },
    /// The user may do nothing any more, and so cannot become a member.
    UserDeactivated {
        /// E-mail, or `source:login`.
        user_key: String,
    },
    /// The user is a member already.
    AlreadyMember,
    /// The user whose membership is to change is no member.
    MemberNotFound {
        /// The user.
        user_id: Uuid,
    },
    /// The project would be left without an owner.
    LastOwner,
    /// There is no such role.
    RoleInvalid {
        /// What was asked for.
        role: String,
    },
    /// The capacity is out of range.
    CapacityInvalid {
        /// What was asked for.
        capacity: i32,
    },
    /// A skill is empty or too long, or there are too many.
    SkillInvalid,
    /// A handle has a wrong form.
    HandleInvalid {
        /// The handle.
        handle: String,
    },
    /// A name is empty.
    NameEmpty,
    /// A name is too long.
    NameTooLong {
        /// Its length in characters.
        chars: usize,
    },
    /// There is no such ticket.
    TicketNotFound {
        /// The number asked for.
        number: i64,
    },
    /// The title has nothing to be seen.
    TitleEmpty,
    /// The title is too long.
    TitleTooLong {
        /// Its length in characters.
        chars: usize,
    },
    /// The description is too long.
    DescriptionTooLong {
        /// Its length in bytes of UTF-8.
        bytes: usize,
    },
    /// There is no such assignment policy.
    PolicyInvalid {
        /// What was asked for.
        policy: String,
    },
    /// There is no project that would host the pool.
    PoolUnknown {
        /// The pool asked for.
        pool: Uuid,
    },
    /// The project that hosts the pool lets nobody join it.
    PoolNotOpen {
        /// The pool asked for.
        pool: Uuid,
    },
    /// A project would share another's pool while others may join its own.
    OwnPoolOpen,
    /// There is no such priority.
    PriorityInvalid {
        /// What was asked for.
        priority: String,
    },
    /// There are too many labels.
    TooManyLabels {
        /// How many there are.
        count: usize,
    },
    /// A label is empty or too long.
    LabelInvalid {
        /// The label.
        label: String,
    },
    /// A date is before 1970 or after 9999.
    DateInvalid {
        /// The field.
        field: &'static str,
        /// Its value, in milliseconds since the Unix epoch.
        value: i64,
    },
    /// The assignee is no member of the project.
    AssigneeNotAMember {
        /// The assignee.
        user_id: Uuid,
    },
    /// The assignee is a viewer, who does not work on tickets.
    AssigneeIsViewer {
        /// The assignee.
        user_id: Uuid,
    },
    /// The assignee may do nothing any more.
    AssigneeDeactivated {
        /// The assignee.
        user_id: Uuid,
    },
    /// The workflow has no such state.
    StatusUnknown {
        /// What was asked for.
        status: String,
        /// The states that there are.
        allowed: Vec<String>,
    },
    /// An external reference lacks its source or id, or is too long.
    ExternalReferenceInvalid,
    /// The external reference was imported before.
    AlreadyImported {
        /// True if the content is what was imported then.
        unchanged: bool,
        /// Source of the reference.
        source: String,
        /// Id at the source.
        id: String,
        /// The ticket's code.
        code: String,
    },
    /// The ticket has moved on since the version that the command expects.
    VersionConflict {
        /// What the command expects.
        expected: i64,
        /// What the ticket has.
        actual: i64,
    },
    /// The workflow has no way from the ticket's state to the one asked for.
    TransitionIllegal {
        /// The ticket's state.
        from: String,
        /// The one asked for.
        to: String,
        /// Those that would do.
        allowed: Vec<String>,
    },
    /// The workflow has the way, but not for this ticket, this member, or in silence.
    TransitionGuarded {
        /// The ticket's state.
        from: String,
        /// The one asked for.
        to: String,
        /// What is missing.
        unmet: Unmet,
    },
    /// A workflow contradicts itself, or the tickets that there are.
    WorkflowInvalid {
        /// The field.
        field: &'static str,
        /// How.
        why: String,
    },
    /// The workflow is another one by now than the command expects.
    WorkflowConflict,
    /// Nothing of the project may change.
    ProjectArchived,
    /// The comment has nothing to be seen.
    ContentEmpty,
    /// The comment is too long.
    ContentTooLong {
        /// Its length in bytes of UTF-8.
        bytes: usize,
    },
    /// The comment answered to is not one of the ticket.
    ParentUnknown {
        /// The parent comment.
        parent_id: Uuid,
    },
    /// The e-mail has a wrong form.
    EmailInvalid {
        /// The e-mail.
        email: String,
    },
    /// A user has that key already.
    EmailTaken {
        /// E-mail, or `source:login`.
        user_key: String,
    },
    /// Source or login of a placeholder has a wrong form.
    LoginInvalid,
    /// There is no such event that users are told of.
    KindUnknown {
        /// What was asked for.
        kind: String,
    },
    /// Too many projects are muted.
    TooManyProjects {
        /// How many there are.
        count: usize,
    },
    /// There are no texts in that language.
    LocaleUnknown {
        /// What was asked for.
        locale: String,
    },
    /// E-mail is not sent at such times.
    EmailModeUnknown {
        /// What was asked for.
        mode: String,
    },
    /// No day has that hour.
    EmailHourInvalid {
        /// What was asked for.
        hour: i32,
    },
    /// There is no such time zone.
    TimeZoneUnknown {
        /// What was asked for.
        time_zone: String,
    },
    /// Quiet hours are from one time of the day to another.
    QuietHoursInvalid {
        /// When they begin.
        from: String,
        /// When they end.
        to: String,
    },
}

/// What would have been enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// A role in the project, or a higher one.
    Role(Role),
    /// To be the user in question, or an admin.
    SelfOrAdmin,
    /// To be an admin.
    Admin,
}

/// What a way of the workflow takes that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmet {
    /// Somebody who has the ticket.
    RequiresAssignee,
    /// A comment.
    RequiresComment,
    /// One of these roles.
    OnlyRoles(Vec<String>),
}

impl Rejection {
    /// The code: stable, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ProjectNotFound => "project_not_found",
            Self::KeyInvalid { .. } => "key_invalid",
            Self::KeyTaken { .. } => "key_taken",
            Self::NotAMember => "not_a_member",
            Self::InsufficientRole { .. } => "insufficient_role",
            Self::UserUnknown { .. } => "user_unknown",
            Self::UserDeactivated { .. } => "user_deactivated",
            Self::ActorDeactivated => "actor_deactivated",
            Self::AlreadyMember => "already_member",
            Self::MemberNotFound { .. } => "member_not_found",
            Self::LastOwner => "last_owner",
            Self::RoleInvalid { .. } => "role_invalid",
            Self::CapacityInvalid { .. } => "capacity_invalid",
            Self::SkillInvalid => "skill_invalid",
            Self::HandleInvalid { .. } => "handle_invalid",
            Self::NameEmpty => "name_empty",
            Self::NameTooLong { .. } => "name_too_long",
            Self::TicketNotFound { .. } => "ticket_not_found",
            Self::TitleEmpty => "title_empty",
            Self::TitleTooLong { .. } => "title_too_long",
            Self::DescriptionTooLong { .. } => "description_too_long",
            Self::PolicyInvalid { .. } => "policy_invalid",
            Self::PoolUnknown { .. } => "pool_unknown",
            Self::PoolNotOpen { .. } => "pool_not_open",
            Self::OwnPoolOpen => "own_pool_open",
            Self::PriorityInvalid { .. } => "priority_invalid",
            Self::TooManyLabels { .. } => "too_many_labels",
            Self::LabelInvalid { .. } => "label_invalid",
            Self::DateInvalid { .. } => "date_invalid",
            Self::AssigneeNotAMember { .. } => "assignee_not_a_member",
            Self::AssigneeIsViewer { .. } => "assignee_is_viewer",
            Self::AssigneeDeactivated { .. } => "assignee_deactivated",
            Self::StatusUnknown { .. } => "status_unknown",
            Self::ExternalReferenceInvalid => "external_reference_invalid",
            Self::AlreadyImported { .. } => "already_imported",
            Self::VersionConflict { .. } => "version_conflict",
            Self::TransitionIllegal { .. } => "transition_illegal",
            Self::TransitionGuarded { .. } => "transition_guarded",
            Self::WorkflowInvalid { .. } => "workflow_invalid",
            Self::WorkflowConflict => "workflow_conflict",
            Self::ProjectArchived => "project_archived",
            Self::ContentEmpty => "content_empty",
            Self::ContentTooLong { .. } => "content_too_long",
            Self::ParentUnknown { .. } => "parent_unknown",
            Self::EmailInvalid { .. } => "email_invalid",
            Self::EmailTaken { .. } => "email_taken",
            Self::LoginInvalid => "login_invalid",
            Self::KindUnknown { .. } => "kind_unknown",
            Self::TooManyProjects { .. } => "too_many_projects",
            Self::LocaleUnknown { .. } => "locale_unknown",
            Self::EmailModeUnknown { .. } => "email_mode_unknown",
            Self::EmailHourInvalid { .. } => "email_hour_invalid",
            Self::TimeZoneUnknown { .. } => "time_zone_unknown",
            Self::QuietHoursInvalid { .. } => "quiet_hours_invalid",
        }
    }

    /// The command's field that is to blame, in camelCase, if one is.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        Some(match self {
            Self::KeyInvalid { .. } | Self::KeyTaken { .. } => "key",
            Self::UserUnknown { .. } | Self::UserDeactivated { .. } => "userKey",
            Self::MemberNotFound { .. } => "userId",
            Self::RoleInvalid { .. } => "role",
            Self::CapacityInvalid { .. } => "capacity",
            Self::SkillInvalid => "skills",
            Self::HandleInvalid { .. } => "handle",
            Self::NameEmpty | Self::NameTooLong { .. } => "name",
            Self::TicketNotFound { .. } => "number",
            Self::TitleEmpty | Self::TitleTooLong { .. } => "title",
            Self::DescriptionTooLong { .. } => "description",
            Self::PolicyInvalid { .. } => "policy",
            Self::PoolUnknown { .. } | Self::PoolNotOpen { .. } => "pool",
            Self::OwnPoolOpen => "poolOpen",
            Self::PriorityInvalid { .. } => "priority",
            Self::TooManyLabels { .. } | Self::LabelInvalid { .. } => "labels",
            Self::DateInvalid { field, .. } | Self::WorkflowInvalid { field, .. } => field,
            Self::AssigneeNotAMember { .. } | Self::AssigneeIsViewer { .. } | Self::AssigneeDeactivated { .. } => {
                "assigneeId"
            }
            Self::StatusUnknown { .. } | Self::TransitionIllegal { .. } => "status",
            Self::TransitionGuarded { unmet: Unmet::RequiresComment, .. } => "comment",
            Self::ExternalReferenceInvalid | Self::AlreadyImported { .. } => "externalId",
            Self::VersionConflict { .. } => "expectedVersion",
            Self::ContentEmpty | Self::ContentTooLong { .. } => "content",
            Self::ParentUnknown { .. } => "parentId",
            Self::EmailInvalid { .. } | Self::EmailTaken { .. } | Self::EmailModeUnknown { .. } => "email",
            Self::LoginInvalid => "login",
            Self::KindUnknown { .. } => "mutedKinds",
            Self::TooManyProjects { .. } => "mutedProjects",
            Self::LocaleUnknown { .. } => "locale",
            Self::EmailHourInvalid { .. } => "emailHour",
            Self::TimeZoneUnknown { .. } => "timeZone",
            Self::QuietHoursInvalid { .. } => "quietFrom",
            Self::ProjectNotFound
            | Self::NotAMember
            | Self::ActorDeactivated
            | Self::InsufficientRole { .. }
            | Self::AlreadyMember
            | Self::LastOwner
            | Self::TransitionGuarded { .. }
            | Self::WorkflowConflict
            | Self::ProjectArchived => return None,
        })
    }

    /// What would be allowed instead, where that is a short list.
    #[must_use]
    pub fn allowed(&self) -> Vec<String> {
        let names: &[&str] = match self {
            Self::TransitionIllegal { allowed, .. } | Self::StatusUnknown { allowed, .. } => return allowed.clone(),
            Self::PolicyInvalid { .. } => &Policy::NAMES,
            Self::PriorityInvalid { .. } => &PRIORITIES,
            Self::RoleInvalid { .. } => &Role::NAMES,
            Self::KindUnknown { .. } => &KINDS,
            Self::LocaleUnknown { .. } => &LOCALES,
            Self::EmailModeUnknown { .. } => &EMAIL_MODES,
            _ => &[],
        };
        names.iter().map(|name| (*name).to_owned()).collect()
    }
}

impl std::fmt::Display for Rejection {
    /// The sentence for people: names the field, the limit and what was found.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ProjectNotFound => f.write_str("there is no such project"),
            Self::KeyInvalid { key } => write!(
                f,
                "key {:?} is not 2 to 10 capital letters and digits beginning with a letter, or is not that of the project id",
                Short(key)
            ),
            Self::KeyTaken { key } => write!(f, "another project has the key {key}"),
            Self::NotAMember => f.write_str("you are not a member of this project"),
            Self::InsufficientRole { needed: Needed::Role(role) } => {
                write!(f, "this takes the role {} or a higher one", role.name())
            }
            Self::InsufficientRole { needed: Needed::SelfOrAdmin } => {
                f.write_str("only the user in question or an admin may do this")
            }
            Self::InsufficientRole { needed: Needed::Admin } => f.write_str("only an admin may do this"),
            Self::UserUnknown { user_key } => write!(f, "there is no user {:?}", Short(user_key)),
            Self::UserDeactivated { user_key } => write!(f, "user {:?} is deactivated", Short(user_key)),
            Self::ActorDeactivated => f.write_str("you are deactivated: only an admin can reactivate you"),
            Self::AlreadyMember => f.write_str("the user is a member of this project already"),
            Self::MemberNotFound { user_id } => write!(f, "user {user_id} is not a member of this project"),
            Self::LastOwner => f.write_str("the last owner of a project can neither go nor give the role up"),
            Self::RoleInvalid { role } => write!(f, "there is no role {:?}", Short(role)),
            Self::CapacityInvalid { capacity } => write!(f, "capacity {capacity} is not within 0..={CAPACITY_MAX}"),
            Self::SkillInvalid => {
                write!(f, "at most {SKILLS_MAX} skills, each of 1 to {LABEL_MAX_CHARS} characters, are possible")
            }
            Self::HandleInvalid { handle } => write!(
                f,
                "handle {:?} is not 1 to {HANDLE_MAX_CHARS} letters, digits, dots, hyphens and underscores",
                Short(handle)
            ),
            Self::NameEmpty => f.write_str("the name is empty"),
            Self::NameTooLong { chars } => write!(f, "the name has {chars} characters, {NAME_MAX_CHARS} are possible"),
            Self::TicketNotFound { number } => write!(f, "the project has no ticket {number}"),
            Self::TitleEmpty => f.write_str("the title is empty"),
            Self::TitleTooLong { chars } => {
                write!(f, "the title has {chars} characters, {TITLE_MAX_CHARS} are possible")
            }
            Self::DescriptionTooLong { bytes } => {
                write!(f, "the description has {bytes} bytes, {DESCRIPTION_MAX_BYTES} are possible")
            }
            Self::PolicyInvalid { policy } => write!(f, "there is no assignment policy {:?}", Short(policy)),
            Self::PoolUnknown { pool } => write!(f, "there is no project {pool} whose pool could be shared"),
            Self::PoolNotOpen { pool } => write!(f, "project {pool} has not opened its pool to others"),
            Self::OwnPoolOpen => f.write_str(
                "a project whose own pool is open to others cannot share another's: close it first, or leave the other",
            ),
            Self::PriorityInvalid { priority } => write!(f, "there is no priority {:?}", Short(priority)),
            Self::TooManyLabels { count } => write!(f, "there are {count} labels, {LABELS_MAX} are possible"),
            Self::LabelInvalid { label } => {
                write!(f, "label {:?} has not 1 to {LABEL_MAX_CHARS} characters", Short(label))
            }
            Self::DateInvalid { field, value } => {
                write!(f, "{field} {value} is not within 0..={DATE_MAX_MS} milliseconds (1970 to 9999)")
            }
            Self::AssigneeNotAMember { user_id } => write!(f, "assignee {user_id} is not a member of this project"),
            Self::AssigneeIsViewer { user_id } => write!(f, "assignee {user_id} is a viewer and takes no tickets"),
            Self::AssigneeDeactivated { user_id } => write!(f, "assignee {user_id} is deactivated"),
            Self::StatusUnknown { status, .. } => write!(f, "the workflow has no status {:?}", Short(status)),
            Self::ExternalReferenceInvalid => {
                write!(f, "an external reference needs a source and an id of 1 to {EXTERNAL_MAX_BYTES} bytes each")
            }
            Self::AlreadyImported { unchanged, source, id, code } => {
                let what = if *unchanged { "unchanged" } else { "differs" };
                write!(f, "{what}: {source} {id} was imported before, as {code}")
            }
            Self::VersionConflict { expected, actual } => {
                write!(f, "version {expected} is expected, but the ticket is at version {actual}")
            }
            Self::TransitionIllegal { from, to, .. } => {
                write!(f, "a ticket cannot go from {from} to {:?}", Short(to))
            }
            Self::TransitionGuarded { from, to, unmet } => {
                write!(f, "a ticket goes from {from} to {to} only ")?;
                match unmet {
                    Unmet::RequiresAssignee => f.write_str("if somebody has it"),
                    Unmet::RequiresComment => f.write_str("with a comment"),
                    Unmet::OnlyRoles(roles) => write!(f, "by members with the role {}", roles.join(" or ")),
                }
            }
            Self::WorkflowInvalid { why, .. } => f.write_str(why),
            Self::WorkflowConflict => f.write_str("somebody has changed the workflow meanwhile"),
            Self::ProjectArchived => f.write_str("the project is archived: nothing of it can change"),
            Self::ContentEmpty => f.write_str("the comment is empty"),
            Self::ContentTooLong { bytes } => {
                write!(f, "the comment has {bytes} bytes, {CONTENT_MAX_BYTES} are possible")
            }
            Self::ParentUnknown { parent_id } => write!(f, "the ticket has no comment {parent_id} to answer to"),
            Self::EmailInvalid { email } => write!(f, "{:?} is not an e-mail address", Short(email)),
            Self::EmailTaken { user_key } => write!(f, "there is a user {:?} already", Short(user_key)),
            Self::KindUnknown { kind } => write!(f, "there is no event {:?} that anybody is told of", Short(kind)),
            Self::TooManyProjects { count } => {
                write!(f, "{count} projects are muted, {MUTED_PROJECTS_MAX} are possible")
            }
            Self::LocaleUnknown { locale } => write!(f, "there are no texts in {:?}", Short(locale)),
            Self::EmailModeUnknown { mode } => write!(f, "e-mail is not sent {:?}", Short(mode)),
            Self::EmailHourInvalid { hour } => write!(f, "no day has an hour {hour}: 0 to 23"),
            Self::TimeZoneUnknown { time_zone } => {
                write!(f, "there is no time zone {:?}: they have names such as Europe/Madrid", Short(time_zone))
            }
            Self::QuietHoursInvalid { from, to } => write!(
                f,
                "quiet hours are from one time of the day to another, as HH:MM, or both are empty: not from {:?} to {:?}",
                Short(from),
                Short(to)
            ),
            Self::LoginInvalid => {
                f.write_str("a user without e-mail needs a source and a login without blanks or colons in the source")
            }
        }
    }
}

/// The beginning of a text that somebody sent, so that an answer stays short however long it was.
pub(crate) struct Short<'a>(pub(crate) &'a str);

impl std::fmt::Debug for Short<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const SHOWN_CHARS: usize = 80;
        match self.0.char_indices().nth(SHOWN_CHARS) {
            None => write!(f, "{:?}", self.0),
            Some((end, _)) => write!(f, "{:?}…", self.0.get(..end).unwrap_or_default()),
        }
    }
}
