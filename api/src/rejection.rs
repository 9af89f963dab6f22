//! The table from rejection codes (the domain's) to HTTP statuses.

use axum::http::StatusCode;

use crate::problem::Problem;

/// The status and the title of a rejection. A code that this table does not know is the newest rule about a field: 422.
fn status_of(code: &str) -> (StatusCode, &'static str) {
    match code {
        "project_not_found" => (StatusCode::NOT_FOUND, "There is no such project"),
        "ticket_not_found" => (StatusCode::NOT_FOUND, "There is no such ticket"),
        "member_unknown" | "member_not_found" => (StatusCode::NOT_FOUND, "There is no such member"),
        "not_a_member" => (StatusCode::FORBIDDEN, "Only members may do this"),
        "actor_deactivated" => (StatusCode::FORBIDDEN, "You are deactivated"),
        "insufficient_role" => (StatusCode::FORBIDDEN, "Your role does not allow this"),
        "version_conflict" | "workflow_conflict" => (StatusCode::CONFLICT, "Somebody else has changed it meanwhile"),
        "key_taken" => (StatusCode::CONFLICT, "The key is taken"),
        "email_taken" => (StatusCode::CONFLICT, "The e-mail address is taken"),
        "handle_taken" => (StatusCode::CONFLICT, "The handle is taken"),
        "already_a_member" | "already_member" => (StatusCode::CONFLICT, "Already a member"),
        "user_deactivated" => (StatusCode::CONFLICT, "The user is deactivated"),
        "already_imported" => (StatusCode::CONFLICT, "Already imported"),
        "transition_illegal" => (StatusCode::CONFLICT, "The workflow does not allow this move"),
        "transition_guarded" => (StatusCode::CONFLICT, "The workflow asks for more before this move"),
        "project_archived" => (StatusCode::CONFLICT, "The project is archived"),
        "workflow_invalid" => (StatusCode::UNPROCESSABLE_ENTITY, "The workflow is not valid"),
        "last_owner" => (StatusCode::CONFLICT, "A project must keep an owner"),
        "pool_not_open" => (StatusCode::CONFLICT, "The pool is not open to others"),
        "own_pool_open" => (StatusCode::CONFLICT, "The project's own pool is open to others"),
        "too_many_webhooks" => (StatusCode::CONFLICT, "There are too many webhooks"),
        "idempotency_key_reused" => {
            (StatusCode::UNPROCESSABLE_ENTITY, "The idempotency key belongs to another request")
        }
        "not_assigned" => (StatusCode::CONFLICT, "The ticket is not assigned"),
        _ => (StatusCode::UNPROCESSABLE_ENTITY, "The request is not valid"),
    }
}

/// The problem for a rejection. `if_match` says that the client named the version in `If-Match`: then a conflict is 412.
pub(crate) fn problem(
    code: String,
    detail: String,
    field: Option<String>,
    allowed: Vec<String>,
    if_match: bool,
) -> Problem {
    let (mut status, title) = status_of(&code);
    if if_match && ["version_conflict", "workflow_conflict"].contains(&&*code) {
        status = StatusCode::PRECONDITION_FAILED;
    }
    let mut problem = Problem::new(status, code, title).detail(detail).allowed(allowed);
    if let Some(field) = field {
        problem = problem.field(field);
    }
    problem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_map_every_known_code_to_its_status() {
        let table = [
            ("project_not_found", 404),
            ("ticket_not_found", 404),
            ("not_a_member", 403),
            ("insufficient_role", 403),
            ("actor_deactivated", 403),
            ("user_deactivated", 409),
            ("assignee_deactivated", 422),
            ("version_conflict", 409),
            ("workflow_conflict", 409),
            ("key_taken", 409),
            ("email_taken", 409),
            ("transition_illegal", 409),
            ("transition_guarded", 409),
            ("project_archived", 409),
            ("workflow_invalid", 422),
            ("already_imported", 409),
            ("last_owner", 409),
            ("pool_not_open", 409),
            ("own_pool_open", 409),
            ("too_many_webhooks", 409),
            ("idempotency_key_reused", 422),
            ("pool_unknown", 422),
            ("key_invalid", 422),
            ("title_empty", 422),
            ("title_too_long", 422),
            ("description_too_long", 422),
            ("priority_invalid", 422),
            ("too_many_labels", 422),
            ("assignee_not_a_member", 422),
            ("assignee_is_viewer", 422),
            ("status_unknown", 422),
            ("content_empty", 422),
            ("content_too_long", 422),
            ("parent_unknown", 422),
            ("user_unknown", 422),
            ("email_invalid", 422),
            ("a_rule_of_next_year", 422),
        ];
        for (code, status) in table {
            let made = problem(code.to_owned(), String::new(), None, Vec::new(), false);
            assert_eq!(made.status().as_u16(), status, "{code}");
        }
    }

    #[test]
    fn should_answer_412_to_a_conflict_only_when_the_client_named_the_version() {
        let with = |if_match| problem("version_conflict".into(), String::new(), None, Vec::new(), if_match).status();
        assert_eq!(with(true), StatusCode::PRECONDITION_FAILED);
        assert_eq!(with(false), StatusCode::CONFLICT);
    }
}
