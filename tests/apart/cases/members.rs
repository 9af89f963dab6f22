//! `/projects/{id}/members`.

use serde_json::{Value, json};
use uuid::Uuid;

use super::stage::Stage;

pub(super) fn should_list_members_with_their_names(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let mut list = bob.get(&format!("/projects/{web}/members")).items();
    list.sort_by_key(|member| member["name"].to_string());
    let said = |field: &str| list.iter().map(|member| member[field].clone()).collect::<Vec<_>>();
    assert_eq!((said("name"), said("role")), (vec!["ada".into(), "bob".into()], vec!["owner".into(), "member".into()]));
    assert_eq!(said("userId"), [json!(ada.id()), json!(bob.id())]);
    stage.person("eve").get(&format!("/projects/{web}/members")).problem(404, "project_not_found");
}

pub(super) fn should_take_a_new_member_by_id_mail_or_login(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    let (cid, dan, login) = (stage.user("cid"), stage.user("dan"), stage.own("OctoCat"));
    stage.root().post("/users", json!({ "source": "github", "login": login })).is(201);
    for (body, user, role) in [
        (json!({ "userId": cid.id() }), cid.id(), "member"),
        (json!({ "email": dan.email.to_uppercase(), "role": "viewer" }), dan.id(), "viewer"),
        (
            json!({ "user": format!("github:{login}") }),
            schemas::ids::user_id(&format!("github:{login}").to_lowercase()),
            "member",
        ),
    ] {
        let made = ada.post(&format!("/projects/{web}/members"), body);
        made.is(201);
        assert_eq!((&made.json()["userId"], &made.json()["role"]), (&json!(user), &json!(role)));
        assert!(made.header("location").ends_with(&format!("/members/{user}")), "{made:?}");
    }
    assert_eq!(ada.get(&format!("/projects/{web}/members")).items().len(), 5);
    let again = ada.post(&format!("/projects/{web}/members"), json!({ "email": dan.email }));
    again.problem(409, "already_member");
}

pub(super) fn should_say_what_is_wrong_with_the_name_of_a_new_member(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let path = format!("/projects/{web}/members");
    for (body, code) in [
        (json!({}), "field_missing"),
        (json!({ "user": "bob" }), "field_invalid"),
        (json!({ "userId": bob.id(), "email": bob.email }), "field_invalid"),
        (json!({ "email": "no-one-knows-them@example.org" }), "user_unknown"),
    ] {
        ada.post(&path, body).problem(422, code);
    }
    ada.post(&path, json!({ "userId": Uuid::nil() })).problem(404, "user_unknown");
    bob.post(&path, json!({ "email": bob.email })).problem(403, "insufficient_role");
}

pub(super) fn should_change_the_member_in_the_path(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let path = format!("/projects/{web}/members/{}", bob.id());
    let changed = ada.patch(&path, json!({ "available": false, "skills": ["seo"] }));
    changed.is(200);
    let member = changed.json();
    let expected = [("available", json!(false)), ("skills", json!(["seo"])), ("handle", json!(stage.own("bob")))];
    assert!(expected.iter().all(|(field, value)| member[field] == *value), "{member}");
    let owner = format!("/projects/{web}/members/{}", ada.id());
    ada.delete(&owner).problem(409, "last_owner");
    ada.patch(&format!("/projects/{web}/members/{}", Uuid::nil()), json!({})).problem(404, "member_not_found");
}

pub(super) fn should_let_in_whoever_has_become_a_member_and_no_one_who_was_removed(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    let eve = stage.user("eve");
    let (board, tickets) = (format!("/projects/{web}/board"), format!("/projects/{web}/tickets"));
    eve.get(&board).problem(404, "project_not_found");
    eve.post(&tickets, json!({ "title": "mine" })).problem(403, "not_a_member");
    ada.post(&format!("/projects/{web}/members"), json!({ "userId": eve.id() })).is(201);
    eve.get(&board).is(200);
    eve.post(&tickets, json!({ "title": "mine" })).is(201);
    let removed = ada.delete(&format!("/projects/{web}/members/{}", eve.id()));
    assert_eq!((removed.status, removed.text.as_str()), (204, ""));
    let seen = [("syncroboard-sequence", removed.header("syncroboard-sequence"))];
    for _ in 0..4 {
        eve.send("GET", &board, &Value::Null, &seen).problem(404, "project_not_found");
    }
}
