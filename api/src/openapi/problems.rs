//! Each code that a problem may have: what it means, and its status, which is that of the problem as it is made.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::operation;
use crate::problem::Problem;
use crate::rejection;

/// `version_conflict` where the request named the version in `If-Match`: 412.
pub(super) const IF_MATCH_FAILED: &str = "version_conflict, If-Match";
/// The same of a workflow.
pub(super) const IF_MATCH_FAILED_FOR_WORKFLOW: &str = "workflow_conflict, If-Match";

/// What is refused by the rules about tickets, projects, people and webhooks.
const RULES: [(&str, &str); 62] = [
    ("actor_deactivated", "The caller is deactivated, and may do nothing."),
    ("already_imported", "The external reference was imported before."),
    ("already_member", "The user is a member already."),
    ("assignee_deactivated", "The assignee is deactivated, and is given no work."),
    ("assignee_is_viewer", "The assignee is a viewer, who does not work on tickets."),
    ("assignee_not_a_member", "The assignee is no member of the project."),
    ("capacity_invalid", "A capacity is 0 to 1,000,000."),
    ("content_empty", "The comment has nothing to be seen."),
    ("content_too_long", "A comment has at most 32 KiB."),
    ("date_invalid", "A date is from 1970 to 9999."),
    ("description_too_long", "A description has at most 64 KiB."),
    ("email_hour_invalid", "No day has that hour."),
    ("email_invalid", "The e-mail address has a wrong form."),
    ("email_mode_unknown", "E-mail is not sent at such times."),
    ("email_taken", "A user has that e-mail address, or that source and login, already."),
    ("external_reference_invalid", "An external reference lacks its source or id, or is too long."),
    ("handle_invalid", "A handle is 1 to 64 letters, digits, dots, hyphens and underscores."),
    ("idempotency_key_reused", "The `Idempotency-Key` belongs to another request."),
    ("insufficient_role", "The caller's role is not enough."),
    ("key_invalid", "A key is 2 to 10 capital letters and digits, a letter first."),
    ("key_taken", "Another project has the key."),
    ("kind_unknown", "There is no such event that one can be told of."),
    ("label_invalid", "A label is 1 to 50 characters."),
    ("last_owner", "The project would be left without an owner."),
    ("locale_unknown", "There are no texts in that language."),
    ("login_invalid", "Source or login of a placeholder has a wrong form."),
    ("member_not_found", "The user is no member of the project."),
    ("name_empty", "The name has nothing to be seen."),
    ("name_too_long", "A name has at most 200 characters."),
    ("not_a_member", "The caller is no member of the project."),
    ("own_pool_open", "A project that opens its own pool to others uses it itself."),
    ("parent_unknown", "The comment answered to is not one of the ticket."),
    ("policy_invalid", "There is no such assignment policy."),
    ("pool_not_open", "The project that hosts the pool lets nobody join it."),
    ("pool_unknown", "There is no project that would host the pool."),
    ("priority_invalid", "There is no such priority."),
    ("project_archived", "Nothing of an archived project may change."),
    ("project_not_found", "There is no such project, or the caller may not see it."),
    ("quiet_hours_invalid", "Quiet hours are from one time of the day to another."),
    ("role_invalid", "There is no such role."),
    ("skill_invalid", "A skill is 1 to 50 characters, and there are 50 at most."),
    ("status_unknown", "The workflow has no such state."),
    ("ticket_not_found", "There is no such ticket, or the caller may not see it."),
    ("time_zone_unknown", "There is no such time zone."),
    ("title_empty", "The title has nothing to be seen."),
    ("title_too_long", "A title has at most 200 characters."),
    ("too_many_labels", "A ticket has at most 20 labels."),
    ("too_many_projects", "At most 1,000 projects can be muted."),
    ("too_many_webhooks", "A user or a project has at most 10 webhooks."),
    ("transition_guarded", "The workflow has the way, but not for this ticket, this member, or without a comment."),
    (
        "transition_illegal",
        "The workflow has no such way from the ticket's state; `allowed` names those that there are.",
    ),
    ("url_invalid", "The address is not one that is delivered to."),
    ("user_deactivated", "The user is deactivated, and cannot become a member."),
    ("user_unknown", "There is no such user, or the caller may not see them."),
    ("version_conflict", "The ticket has another version by now."),
    ("workflow_conflict", "The workflow is another one by now."),
    ("workflow_invalid", "The workflow contradicts itself, or the tickets that there are."),
    // Of what is looked up.
    ("member_unknown", "There is no such member."),
    ("notification_not_found", "There is no such notification of the caller."),
    ("webhook_not_found", "There is no such webhook, or the caller may not see it."),
    ("delivery_not_found", "There is no such delivery to the webhook, or it was not tried yet."),
    ("command_not_found", "There is no such command, or it has no outcome yet and another process took it."),
];

/// The problem that this code stands for, as it is made; none if there is no such code.
fn problem(code: &str) -> Option<Problem> {
    let not_found = |kind| Problem::not_found(kind, "x");
    Some(match code {
        "token_missing" => Problem::unauthorized("token_missing", "Send `Authorization: Bearer <token>`."),
        "token_invalid" => Problem::unauthorized("token_invalid", "The token is not valid, or is no more."),
        "rate_limited" => Problem::rate_limited(1),
        "unavailable" => Problem::unavailable(""),
        "internal" => Problem::internal(""),
        "timeout" => Problem::timeout(),
        "version_unknown" => Problem::version_unknown("application/vnd.syncroboard.v1+json"),
        "path_invalid" => Problem::bad_request("path_invalid", "The path is no percent-encoded UTF-8."),
        "query_invalid" => Problem::bad_request("query_invalid", "A parameter cannot be understood."),
        "query_unknown" => Problem::bad_request("query_unknown", "There is no such parameter."),
        "cursor_invalid" => Problem::bad_request("cursor_invalid", "The cursor is none of this list."),
        "header_invalid" => Problem::bad_request("header_invalid", "A header cannot be understood."),
        "json_invalid" => Problem::bad_request("json_invalid", "The body is no JSON object."),
        "body_unreadable" => Problem::bad_request("body_unreadable", "The body could not be read to its end."),
        "body_too_large" => Problem::too_large(1024 * 1024),
        "media_type" => Problem::media_type("send `Content-Type: application/json`"),
        "request_in_flight" => Problem::in_flight(),
        "precondition_required" => Problem::precondition_required(),
        "forbidden" => Problem::forbidden("forbidden", "This is for administrators."),
        "registration_refused" => Problem::forbidden("registration_refused", "The caller cannot be registered."),
        "command_failed" => Problem::command_failed(),
        "not_ready" => Problem::not_ready("A part is still missing; `detail` says which."),
        "field_missing" => field(code, "A field is required."),
        "field_invalid" => field(code, "A field has a wrong form."),
        "field_unknown" => field(code, "There is no such field."),
        "member_unknown" => not_found("member"),
        "notification_not_found" => not_found("notification"),
        "webhook_not_found" => not_found("webhook"),
        "delivery_not_found" => not_found("delivery"),
        "command_not_found" => not_found("command"),
        IF_MATCH_FAILED => rule("version_conflict", true),
        IF_MATCH_FAILED_FOR_WORKFLOW => rule("workflow_conflict", true),
        // A user who is looked up; of the rules it is about the body.
        "user_not_found" => not_found("user"),
        "not_found" => Problem::no_route(),
        other if RULES.iter().any(|(code, _)| *code == other) => rule(other, false),
        _ => return None,
    })
}

fn rule(code: &str, if_match: bool) -> Problem {
    rejection::problem(code.to_owned(), String::new(), None, Vec::new(), if_match)
}

fn field(code: &str, detail: &str) -> Problem {
    let title = "The request is not valid";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code.to_owned(), title).field("title").detail(detail)
}

/// What a code means, for people.
pub(crate) fn meaning(code: &str) -> String {
    let rule = RULES.iter().find(|(known, _)| *known == code).map(|(_, meaning)| (*meaning).to_owned());
    rule.or_else(|| problem(code).map(|problem| problem.detail_text().to_owned())).unwrap_or_default()
}

/// These codes by their status. What is no code has none.
pub(super) fn by_status(codes: &BTreeSet<&'static str>) -> BTreeMap<u16, Vec<&'static str>> {
    let mut all: BTreeMap<u16, Vec<&'static str>> = BTreeMap::new();
    for code in codes {
        if let Some(problem) = problem(code) {
            all.entry(problem.status().as_u16()).or_default().push(code);
        }
    }
    all
}

/// Sets of codes that many operations have, and their names among the components.
const SHARED: [(&str, u16, &[&str]); 9] = [
    ("Unauthorized", 401, &["token_invalid", "token_missing"]),
    ("NotAcceptable", 406, &["version_unknown"]),
    ("BodyTooLarge", 413, &["body_too_large"]),
    ("UnsupportedMediaType", 415, &["media_type"]),
    ("TooManyRequests", 429, &["rate_limited"]),
    ("InternalError", 500, &["internal"]),
    ("CommandFailed", 500, &["command_failed", "internal"]),
    ("Unavailable", 503, &["unavailable"]),
    ("Timeout", 504, &["timeout"]),
];

/// The answer with one of these codes.
pub(super) fn response(status: u16, codes: &[&'static str], secured: bool) -> Value {
    let shared = SHARED.iter().find(|(_, at, of)| *at == status && *of == codes);
    match shared {
        Some((name, ..)) => json!({ "$ref": format!("#/components/responses/{name}") }),
        None => whole(status, codes, secured),
    }
}

/// `components/responses`.
pub(super) fn responses() -> Map<String, Value> {
    let each = SHARED.iter().map(|(name, status, codes)| ((*name).to_owned(), whole(*status, codes, true)));
    each.collect()
}

fn whole(status: u16, codes: &[&'static str], secured: bool) -> Value {
    let mut names: Vec<String> = Vec::new();
    let mut examples = Map::new();
    let (mut title, mut headers) = (String::new(), BTreeSet::new());
    for made in codes.iter().filter_map(|code| problem(code)) {
        let code = made.code().to_owned();
        made.title().clone_into(&mut title);
        headers.extend(made.header_names());
        examples.insert(code.clone(), json!({ "$ref": format!("#/components/examples/{}", example_name(&made)) }));
        names.push(code);
    }
    let told = ["retry-after", "www-authenticate"].into_iter().filter(|name| headers.contains(*name));
    let told: Vec<&'static str> =
        told.map(|name| if name == "retry-after" { "Retry-After" } else { "WWW-Authenticate" }).collect();
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
    let description = if codes.len() == 1 { title } else { reason.to_owned() };
    json!({
        "description": description,
        "headers": operation::headers(secured, &told),
        "content": { "application/problem+json": {
            "schema": { "allOf": [
                { "$ref": "#/components/schemas/Problem" },
                { "properties": { "code": { "enum": names }, "status": { "const": status } } },
            ] },
            "examples": examples,
        } },
    })
}

/// `components/examples`: each of these problems, as it is made.
pub(super) fn examples<'a>(codes: impl Iterator<Item = &'a str>) -> Map<String, Value> {
    let made = codes.filter_map(problem).map(|made| {
        let (mut document, meaning) = (made.document(), meaning(made.code()));
        if document["detail"].as_str() == Some("") {
            document["detail"] = meaning.as_str().into();
        }
        (example_name(&made), json!({ "summary": meaning, "value": document }))
    });
    made.collect()
}

/// One code can have two statuses.
fn example_name(made: &Problem) -> String {
    format!("{}-{}", made.code(), made.status().as_u16())
}

/// `components/schemas` of problems.
pub(super) fn schemas() -> Map<String, Value> {
    let problem = json!({
        "type": "object",
        "description": "What went wrong (RFC 9457).",
        "required": ["type", "title", "status", "code"],
        "additionalProperties": false,
        "properties": {
            "type": { "type": "string", "format": "uri", "description": "`urn:syncroboard:problem:` and the code." },
            "title": { "type": "string", "description": "For people; the same for every problem of one code." },
            "status": { "type": "integer", "description": "That of HTTP." },
            "detail": { "type": "string", "description": "What happened this time, for people." },
            "code": { "type": "string", "description": "For programs; does not change." },
            "field": { "type": "string", "description": "The field or parameter that is at fault." },
            "allowed": {
                "type": "array", "items": { "type": "string" }, "description": "What would have been accepted.",
            },
        },
    });
    Map::from_iter([("Problem".to_owned(), problem)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_know_every_code_that_an_operation_names() {
        let routes = crate::router::api();
        for described in routes.described() {
            let operation = described.operation();
            for code in operation.refusals() {
                assert!(problem(code).is_some(), "{}: {code} is no code", operation.id);
                assert!(!meaning(problem(code).unwrap().code()).is_empty(), "{code} means nothing");
            }
        }
    }

    #[test]
    fn should_have_each_rule_once_and_those_of_a_status_in_their_order() {
        let codes: BTreeSet<_> = RULES.iter().map(|(code, _)| code).collect();
        assert_eq!(codes.len(), RULES.len());
        let by_status = by_status(&BTreeSet::from(["version_conflict", IF_MATCH_FAILED, "title_empty"]));
        assert_eq!(by_status.into_keys().collect::<Vec<_>>(), [409, 412, 422]);
    }
}
