//! `/projects/{id}/members`.

use super::ENTER;
use crate::openapi::bodies::{MemberChange, NewMember, Role};
use crate::openapi::examples;
use crate::openapi::operation::{Operation, Tag};

pub(crate) fn list() -> Operation {
    Operation::new("listMembers", Tag::Members, "The members of a project")
        .about("All of them at once.")
        .gives(200, "The members.", &examples::list(examples::member()))
        .refuses(&["project_not_found"])
}

pub(crate) fn create() -> Operation {
    let body = NewMember {
        email: Some("ada@example.org".to_owned()),
        role: Some(Role::Maintainer),
        skills: Some(vec!["frontend".to_owned()]),
        ..NewMember::default()
    };
    let refusals =
        &["role_invalid", "capacity_invalid", "skill_invalid", "handle_invalid", "user_deactivated", "already_member"];
    Operation::new("addMember", Tag::Members, "Makes a user a member")
        .takes(&body)
        .gives(201, "The member.", &examples::member())
        .with(201, &["Location"])
        .refuses(&["user_unknown", "user_not_found", "member_unknown"])
        .command(&[ENTER, refusals])
}

pub(crate) fn update() -> Operation {
    let body = MemberChange { available: Some(false), ..MemberChange::default() };
    let refusals = &["member_not_found", "role_invalid", "capacity_invalid", "skill_invalid", "last_owner"];
    Operation::new("updateMember", Tag::Members, "Changes a member")
        .takes(&body)
        .gives(200, "The member as they are then.", &examples::member())
        .refuses(&["member_unknown"])
        .command(&[ENTER, refusals])
}

pub(crate) fn delete() -> Operation {
    Operation::new("removeMember", Tag::Members, "Takes a member out of the project")
        .about("Their open tickets are assigned anew.")
        .gives_nothing(204, "They are no member any more.")
        .refuses(&["member_unknown"])
        .command(&[ENTER, &["member_not_found", "last_owner"]])
}
