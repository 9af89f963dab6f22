//! `/users`.

use crate::openapi::bodies::NewUser;
use crate::openapi::examples;
use crate::openapi::operation::{Operation, Tag};

pub(crate) fn create() -> Operation {
    let body = NewUser {
        email: Some("ada@example.org".to_owned()),
        name: Some("Ada Lovelace".to_owned()),
        ..NewUser::default()
    };
    let refusals =
        &["email_invalid", "login_invalid", "insufficient_role", "name_empty", "name_too_long", "email_taken"];
    Operation::new("createUser", Tag::Users, "Registers somebody")
        .about("By e-mail: oneself, or for administrators anybody. Or a placeholder for somebody known by an outside login.")
        .takes(&body)
        .gives(201, "The user.", &examples::user())
        .with(201, &["Location"])
        .refuses(&["user_not_found"])
        .command(&[refusals])
}

pub(crate) fn deactivate() -> Operation {
    Operation::new("deactivateUser", Tag::Users, "Takes everything from somebody that they may do")
        .about(
            "Oneself, or anybody by administrators. Their requests are refused, they are told nothing, become members of no project and are given no \
             tickets; those that they have they keep until somebody moves them. Whoever is deactivated already stays so.",
        )
        .gives(200, "The user.", &examples::user())
        .refuses(&["user_not_found"])
        .command(&[&["insufficient_role", "user_unknown"]])
}

pub(crate) fn reactivate() -> Operation {
    Operation::new("reactivateUser", Tag::Users, "Gives somebody back what deactivating them took")
        .about("For administrators. They are members where they were, and available where they were.")
        .gives(200, "The user.", &examples::user())
        .refuses(&["user_not_found"])
        .command(&[&["insufficient_role", "user_unknown"]])
}

pub(crate) fn read_me() -> Operation {
    Operation::new("getMe", Tag::Users, "The caller")
        .about("Whoever has not written yet is not known yet.")
        .gives(200, "The caller.", &examples::user())
        .refuses(&["user_not_found"])
}

pub(crate) fn read() -> Operation {
    Operation::new("getUser", Tag::Users, "A user")
        .about("Others are for administrators only.")
        .gives(200, "The user.", &examples::user())
        .refuses(&["user_not_found"])
}
