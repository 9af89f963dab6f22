//! `/commands:bulk`.

use serde_json::json;
use uuid::Uuid;

use super::stage::Stage;

fn create(project: &str, title: &str) -> String {
    json!({ "type": "CreateTicket", "project": project, "title": title }).to_string()
}

pub(super) fn should_number_tickets_in_the_order_of_their_lines(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    ada.tickets(&web, 200);
    assert_eq!(ada.ticket(&web, "after all of them")["number"], 201);
    assert_eq!(ada.get(&format!("/projects/{web}/board")).json()["columns"][0]["count"], 201);
    assert_eq!(ada.get(&format!("/tickets/{web}-117")).json()["title"], "title 117");
}

pub(super) fn should_answer_each_line_in_order_with_what_became_of_it(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    let twice = json!({ "type": "CreateTicket", "commandId": Uuid::new_v4(), "project": web, "title": "twice" });
    let (good, bad) = (create(&web, "good"), create(&web, &"x".repeat(201)));
    let results = ada.pour(&format!("{good}\n\n{bad}\nnot json\n{twice}\n{twice}"));
    let seen: Vec<_> =
        results.iter().map(|one| (one["line"].as_i64().unwrap(), one["status"].as_str().unwrap())).collect();
    assert_eq!(seen, [(1, "accepted"), (3, "rejected"), (4, "invalid"), (5, "accepted"), (6, "accepted")]);
    assert_eq!(results[0]["result"]["code"], format!("{web}-1"));
    assert_eq!((&results[1]["code"], &results[2]["code"]), (&json!("title_too_long"), &json!("json_invalid")));
    assert!(results[..4].iter().all(|one| one.get("duplicate").is_none()), "{results:?}");
    assert_eq!((&results[4]["duplicate"], &results[4]["result"]), (&json!(true), &results[3]["result"]));
}

pub(super) fn should_settle_people_and_memberships_before_what_needs_them(stage: &Stage<'_>) {
    let (web, ..) = stage.project();
    let login = stage.own("octo");
    let person = format!("github:{login}");
    let lines = [
        json!({ "type": "RegisterUser", "source": "github", "login": login }),
        json!({ "type": "AddMember", "project": web, "user": person }),
        json!({ "type": "CreateTicket", "project": web, "title": "x", "assignee": person }),
    ];
    let results = stage.root().pour(&lines.map(|line| line.to_string()).join("\n"));
    assert_eq!(results.len(), 3);
    assert!(results.iter().all(|one| one["status"] == "accepted"), "{results:?}");
}

pub(super) fn should_let_only_administrators_speak_for_others(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let line = json!({ "type": "CreateTicket", "project": web, "title": "x", "actor": bob.email }).to_string();
    let results = ada.pour(&line);
    assert_eq!((&results[0]["status"], &results[0]["code"]), (&json!("invalid"), &json!("actor_forbidden")));
    assert_eq!(stage.root().pour(&line)[0]["status"], "accepted");
    ada.patch(&format!("/projects/{web}"), json!({})).is(200);
    assert_eq!(ada.get(&format!("/tickets/{web}-1")).json()["reporterId"], json!(bob.id()));
}

pub(super) fn should_leave_out_a_line_over_the_limit_and_go_on(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    let long = create(&web, &"x".repeat(1024 * 1024));
    let results = ada.pour(&format!("{long}\n{}", create(&web, "ok")));
    assert_eq!((&results[0]["code"], &results[1]["status"]), (&json!("line_too_long"), &json!("accepted")));
}

pub(super) fn should_make_tickets_of_the_project_in_the_path(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let path = format!("/projects/{web}/tickets:bulk");
    let (id, name) = (Uuid::new_v4(), stage.own("carl"));
    let lines = [
        json!({ "title": "first", "labels": ["bug"], "assigneeId": bob.id(), "dueDate": "2026-01-31" }),
        json!({ "title": "" }),
        json!({ "title": "elsewhere", "project": "OTHER" }),
        json!({ "title": "second", "commandId": id }),
        json!({ "title": "third", "assignee": format!("{name}@example.org") }),
    ];
    let results = ada.pour_into(&path, &lines.map(|line| line.to_string()).join("\n"), &[]);
    let seen: Vec<_> = results.iter().map(|one| (one["status"].as_str().unwrap(), one["code"].as_str())).collect();
    assert_eq!(
        seen,
        [
            ("accepted", None),
            ("rejected", Some("title_empty")),
            ("invalid", Some("field_unknown")),
            ("accepted", None),
            ("rejected", Some("assignee_not_a_member"))
        ]
    );
    assert_eq!((&results[3]["commandId"], &results[3]["result"]["number"]), (&json!(id), &json!(2)));
    ada.patch(&format!("/projects/{web}"), json!({})).is(200);
    let first = ada.get(&format!("/tickets/{web}-1")).json();
    assert_eq!(
        (&first["assigneeId"], &first["labels"], &first["title"]),
        (&json!(bob.id()), &json!(["bug"]), &json!("first"))
    );
    let strangers = stage.user("eve").pour_into(&path, "{\"title\":\"x\"}", &[]);
    assert_eq!(strangers[0]["status"], "rejected");
}

pub(super) fn should_do_a_line_once_however_often_its_key_comes(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    let path = format!("/projects/{web}/tickets:bulk");
    let key = &[("idempotency-key", "the very same")];
    let first = ada.pour_into(&path, "{\"title\":\"a\"}\n{\"title\":\"b\"}", key);
    let again = ada.pour_into(&path, "{\"title\":\"a\"}\n{\"title\":\"c\"}\n{\"title\":\"d\"}", key);
    assert_eq!((&again[0]["result"], &again[0]["duplicate"]), (&first[0]["result"], &json!(true)));
    assert_eq!((&again[1]["status"], &again[1]["code"]), (&json!("rejected"), &json!("idempotency_key_reused")));
    assert_eq!((&again[2]["result"]["number"], again[2].get("duplicate")), (&json!(3), None));
    ada.patch(&format!("/projects/{web}"), json!({})).is(200);
    assert_eq!(ada.get(&format!("/projects/{web}/tickets")).items().len(), 3);
}
