//! What requests may have in their bodies. These types only describe: handlers read field by field (`crate::fields`), whose
//! messages name the client's field; a test holds both to the same fields. `null` counts as absent.

use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

/// Something that can be seen: no blanks and control characters alone, nor characters without width.
const VISIBLE: &str = r"[^\s\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2060\ufeff]";
const KEY: &str = "^[A-Z][A-Z0-9]{1,9}$";
const HANDLE: &str = r"^[A-Za-z0-9._-]{1,64}$";
const EMAIL: &str =
    r"^[^\s@\u0000-\u001f\u007f-\u009f]+@[^\s@.\u0000-\u001f\u007f-\u009f]+(\.[^\s@.\u0000-\u001f\u007f-\u009f]+)*$";
const REFERENCE: &str = r"^[^\s:@\u0000-\u001f\u007f-\u009f]+$";
const TIME: &str = "^([01][0-9]|2[0-3]):[0-5][0-9]$|^$";
const STATE: &str = "^[A-Z][A-Z0-9_]{0,39}$";

/// Defines bodies: all of them are serialised in camelCase, without what is absent, and have no other fields.
macro_rules! bodies {
    ($($(#[$of:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            #[derive(Debug, Clone, Default, Serialize, JsonSchema)]
            $(#[$of])*
            #[serde(rename_all = "camelCase", deny_unknown_fields)]
            pub(super) struct $name {
                $(
                    $(#[$attribute])*
                    pub(super) $field: $type,
                )*
            }
        )*
    };
}

bodies! {
    /// A new project; whoever makes it owns it.
    NewProject {
        /// Unique for ever.
        #[schemars(regex(pattern = KEY))]
        key: String,
        #[schemars(length(min = 1, max = 200), regex(pattern = VISIBLE))]
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 65_536))]
        description: Option<String>,
        /// The owner's; `owner` if none is given.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(regex(pattern = HANDLE))]
        owner_handle: Option<String>,
    }

    /// What is absent stays as it is.
    ProjectChange {
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = 200), regex(pattern = VISIBLE))]
        name: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 65_536))]
        description: Option<String>,
        /// Whether viewers may comment.
        #[serde(skip_serializing_if = "Option::is_none")]
        viewer_comments: Option<bool>,
        /// Nothing of an archived project can be changed until this is false again.
        #[serde(skip_serializing_if = "Option::is_none")]
        archived: Option<bool>,
    }

    /// How a project gives its tickets to members.
    AssignmentChange {
        #[serde(skip_serializing_if = "Option::is_none")]
        policy: Option<Policy>,
        /// Whether other projects may join its own pool.
        #[serde(skip_serializing_if = "Option::is_none")]
        pool_open: Option<bool>,
        /// The project that hosts the pool, by id or key.
        #[serde(skip_serializing_if = "Option::is_none")]
        pool: Option<String>,
    }

    /// All states and ways. Without states the project has the default again.
    #[schemars(extend("anyOf" = ways_with_states()))]
    NewWorkflow {
        /// In the order of the board's columns. Tickets begin in the first, which must be open.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = 50))]
        states: Option<Vec<NewWorkflowState>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 1_000))]
        transitions: Option<Vec<NewWorkflowTransition>>,
        /// Digest of the workflow that is replaced; `If-Match` says the same.
        #[serde(skip_serializing_if = "Option::is_none")]
        expected_workflow: Option<Uuid>,
    }

    /// A state of a workflow.
    NewWorkflowState {
        #[schemars(regex(pattern = STATE))]
        name: String,
        /// Whether there is still work to do; true unless it says false.
        #[serde(skip_serializing_if = "Option::is_none")]
        open: Option<bool>,
    }

    /// A way from one state to another.
    NewWorkflowTransition {
        from: String,
        to: String,
        /// Only a ticket that somebody has may go it.
        #[serde(skip_serializing_if = "Option::is_none")]
        requires_assignee: Option<bool>,
        /// Only with a comment.
        #[serde(skip_serializing_if = "Option::is_none")]
        requires_comment: Option<bool>,
        /// Only members with one of these roles may go it.
        #[serde(skip_serializing_if = "Option::is_none")]
        only_roles: Option<Vec<Role>>,
    }

    /// A new member, named in one of three ways.
    #[schemars(extend("oneOf" = one_string_of(["userId", "email", "user"])))]
    NewMember {
        /// The user's id, an e-mail or `source:login`.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(regex(pattern = super::parameters::PERSON_PATTERN))]
        user_id: Option<String>,
        /// The same.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(regex(pattern = super::parameters::PERSON_PATTERN))]
        email: Option<String>,
        /// The same.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(regex(pattern = super::parameters::PERSON_PATTERN))]
        user: Option<String>,
        /// `member` if none is given.
        #[serde(skip_serializing_if = "Option::is_none")]
        role: Option<Role>,
        /// How much open work they can take; 10 if none is given.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 0, max = 1_000_000))]
        capacity: Option<i32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 50), inner(length(min = 1, max = 50), regex(pattern = VISIBLE)))]
        skills: Option<Vec<String>>,
        /// What `@` and this mention them by; numbered if it is taken.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(regex(pattern = HANDLE))]
        handle: Option<String>,
    }

    /// What is absent stays as it is.
    MemberChange {
        #[serde(skip_serializing_if = "Option::is_none")]
        role: Option<Role>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 0, max = 1_000_000))]
        capacity: Option<i32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 50), inner(length(min = 1, max = 50), regex(pattern = VISIBLE)))]
        skills: Option<Vec<String>>,
        /// Whether they are given work.
        #[serde(skip_serializing_if = "Option::is_none")]
        available: Option<bool>,
    }

    /// A new ticket; it begins in the workflow's first state.
    #[schemars(extend("not" = both_strings("assigneeId", "assignee")))]
    NewTicket {
        #[schemars(length(min = 1, max = 200), regex(pattern = VISIBLE))]
        title: String,
        /// Markdown.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 65_536))]
        description: Option<String>,
        /// `MEDIUM` if none is given.
        #[serde(skip_serializing_if = "Option::is_none")]
        priority: Option<Priority>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 20), inner(length(min = 1, max = 50), regex(pattern = VISIBLE)))]
        labels: Option<Vec<String>>,
        /// A member, by id, e-mail or `source:login`; without one the project's policy finds somebody.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(regex(pattern = super::parameters::PERSON_PATTERN))]
        assignee_id: Option<String>,
        /// The same under another name; one of both.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(regex(pattern = super::parameters::PERSON_PATTERN))]
        assignee: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        due_date: Option<Moment>,
    }

    /// What is absent stays as it is.
    TicketChange {
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = 200), regex(pattern = VISIBLE))]
        title: Option<String>,
        /// Markdown.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 65_536))]
        description: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        priority: Option<Priority>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 20), inner(length(min = 1, max = 50), regex(pattern = VISIBLE)))]
        labels: Option<Vec<String>>,
        /// Null takes it away.
        #[serde(skip_serializing_if = "Option::is_none")]
        due_date: Option<Moment>,
        /// Takes the date away too.
        #[serde(skip_serializing_if = "Option::is_none")]
        clear_due_date: Option<bool>,
        /// `If-Match` says the same.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = -9_007_199_254_740_991_i64, max = 9_007_199_254_740_991_i64))]
        expected_version: Option<i64>,
    }

    /// Where the ticket is to go.
    Move {
        /// A state of the project's workflow.
        status: String,
        /// Becomes a comment of the ticket.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 32_768))]
        comment: Option<String>,
        /// `If-Match` says the same.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = -9_007_199_254_740_991_i64, max = 9_007_199_254_740_991_i64))]
        expected_version: Option<i64>,
    }

    /// Who is to have the ticket, under one of two names.
    #[schemars(extend("oneOf" = one_string_of(["assigneeId", "assignee"])))]
    NewAssignee {
        /// A member, by id, e-mail or `source:login`.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(regex(pattern = super::parameters::PERSON_PATTERN))]
        assignee_id: Option<String>,
        /// The same.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(regex(pattern = super::parameters::PERSON_PATTERN))]
        assignee: Option<String>,
        /// `If-Match` says the same.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = -9_007_199_254_740_991_i64, max = 9_007_199_254_740_991_i64))]
        expected_version: Option<i64>,
    }

    /// A new comment.
    NewComment {
        /// Markdown; `@handle` mentions.
        #[schemars(length(min = 1, max = 32_768), regex(pattern = VISIBLE))]
        content: String,
        /// The comment that it answers.
        #[serde(skip_serializing_if = "Option::is_none")]
        parent_id: Option<Uuid>,
    }

    /// What is absent stays as it is.
    PreferencesChange {
        /// Events that the caller does not want to hear of.
        #[serde(skip_serializing_if = "Option::is_none")]
        muted_kinds: Option<Vec<Kind>>,
        /// Projects, by id or key.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 1_000))]
        muted_projects: Option<Vec<String>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        locale: Option<Locale>,
        #[serde(skip_serializing_if = "Option::is_none")]
        email: Option<EmailMode>,
        /// Of the day in the time zone, for daily e-mail.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 0, max = 23))]
        email_hour: Option<i32>,
        /// Name of a time zone of the IANA.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(extend("examples" = ["Europe/Madrid"]))]
        time_zone: Option<String>,
        /// `22:00`; empty, with `quietTo`: there are no quiet hours.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(regex(pattern = TIME))]
        quiet_from: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(regex(pattern = TIME))]
        quiet_to: Option<String>,
        /// Another user, by e-mail or `source:login`, for administrators. The answer still shows the caller's.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(regex(pattern = super::parameters::USER_KEY_PATTERN))]
        user: Option<String>,
    }

    /// A new user: by e-mail, or a placeholder for somebody who is known by an outside login.
    #[schemars(extend("oneOf" = email_or_login()))]
    NewUser {
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 254), regex(pattern = EMAIL))]
        email: Option<String>,
        /// Where the login is from, such as `github`.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 512), regex(pattern = REFERENCE))]
        source: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 512), regex(pattern = REFERENCE))]
        login: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 200))]
        name: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        admin: Option<bool>,
    }

    /// A new webhook.
    NewWebhook {
        /// `https`, without user and fragment; it leads into no private network.
        #[schemars(length(max = 2_000), extend("format" = "uri"))]
        url: String,
        /// What it is told of; none: all there is.
        #[serde(skip_serializing_if = "Option::is_none")]
        kinds: Option<Vec<String>>,
    }

    /// What is absent stays as it is, and so does the secret.
    WebhookChange {
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(length(max = 2_000), extend("format" = "uri"))]
        url: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        kinds: Option<Vec<String>>,
    }
}

/// Defines closed sets of words.
macro_rules! words {
    ($($(#[$of:meta])* $name:ident { $($word:ident = $text:literal,)* })*) => {
        $(
            #[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
            $(#[$of])*
            #[schemars(inline)]
            #[allow(dead_code, reason = "the examples name a part of them")]
            pub(super) enum $name {
                $(#[serde(rename = $text)] $word,)*
            }
        )*
    };
}

words! {
    Priority { Low = "LOW", Medium = "MEDIUM", High = "HIGH", Urgent = "URGENT", }
    Role { Owner = "owner", Maintainer = "maintainer", Member = "member", Viewer = "viewer", }
    Policy { LeastLoaded = "least_loaded", RoundRobin = "round_robin", SkillsOnly = "skills_only", Manual = "manual", }
    /// Empty: the default, `en`.
    Locale { English = "en", Spanish = "es", Default = "", }
    /// Empty: the default, `immediate`.
    EmailMode { Immediate = "immediate", Hourly = "hourly", Daily = "daily", None = "none", Default = "", }
    Kind {
        Created = "ticket.created",
        Updated = "ticket.updated",
        Moved = "ticket.status.updated",
        Assigned = "ticket.assigned",
        Unassigned = "ticket.unassigned",
        Commented = "ticket.commented",
        Deleted = "ticket.deleted",
    }
}

/// A moment: RFC 3339, a plain date (its first moment, UTC), or milliseconds since 1970-01-01T00:00Z; from 1970 to 9999.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
#[allow(dead_code, reason = "the examples name a part of them")]
pub(super) enum Moment {
    Time(#[schemars(extend("format" = "date-time"))] String),
    Date(#[schemars(extend("format" = "date"))] String),
    Milliseconds(#[schemars(range(min = 0, max = 253_402_300_799_999_i64))] i64),
}

/// Exactly one of these is a string.
fn one_string_of<const N: usize>(names: [&str; N]) -> serde_json::Value {
    let one = |name: &str| serde_json::json!({ "required": [name], "properties": { name: { "type": "string" } } });
    names.map(one).into()
}

/// There are no ways without states.
fn ways_with_states() -> serde_json::Value {
    serde_json::json!([
        { "properties": { "transitions": { "type": "null" } } },
        { "required": ["states"], "properties": { "states": { "type": "array" } } },
    ])
}

/// Both of these are strings.
fn both_strings(one: &str, other: &str) -> serde_json::Value {
    let text = || serde_json::json!({ "type": "string" });
    serde_json::json!({ "required": [one, other], "properties": { one: text(), other: text() } })
}

fn email_or_login() -> serde_json::Value {
    let (text, none) = (serde_json::json!({ "type": "string" }), serde_json::json!({ "type": "null" }));
    serde_json::json!([
        { "required": ["email"], "properties": { "email": text, "source": none, "login": none } },
        { "required": ["source", "login"], "properties": { "source": text, "login": text, "email": none } },
    ])
}
