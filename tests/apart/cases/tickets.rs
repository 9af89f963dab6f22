//! `/projects/{id}/tickets`, `/tickets/{id}` and what is below it.

use std::time::Instant;

use serde_json::{Value, json};
use uuid::Uuid;

use super::PATIENCE;
use super::stage::{Person, Stage};

pub(super) fn should_number_tickets_without_gaps(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    let numbers: Vec<_> = (0..20).map(|n| ada.ticket(&web, &format!("{n}"))["number"].as_i64()).collect();
    assert_eq!(numbers, (1..=20).map(Some).collect::<Vec<_>>());
}

pub(super) fn should_create_a_ticket_and_answer_with_it(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let body = json!({ "title": "The board flickers", "priority": "HIGH", "labels": ["ui"], "description": "Often.",
                       "assigneeId": bob.id(), "dueDate": "2026-01-31" });
    let reply = ada.post(&format!("/projects/{web}/tickets"), body);
    reply.is(201);
    assert_eq!(reply.header("location"), format!("/tickets/{web}-1"));
    assert!(reply.header("etag").starts_with("\"1-"), "{reply:?}");
    let ticket = reply.json();
    for (field, value) in [
        ("projectId", json!(schemas::ids::project_id(&web))),
        ("number", json!(1)),
        ("code", json!(format!("{web}-1"))),
        ("title", json!("The board flickers")),
        ("description", json!("Often.")),
        ("priority", json!("HIGH")),
        ("labels", json!(["ui"])),
        ("status", json!("OPEN")),
        ("reporterId", json!(ada.id())),
        ("assigneeId", json!(bob.id())),
        ("dueDate", json!("2026-01-31T00:00:00.000Z")),
        ("external", Value::Null),
        ("imported", json!(false)),
        ("version", json!(1)),
    ] {
        assert_eq!(ticket[field], value, "{field}");
    }
    assert_eq!(ticket["createdAt"], ticket["updatedAt"]);
    assert_eq!(bob.get(&format!("/tickets/{web}-1")).json(), ticket);
}

pub(super) fn should_name_the_allowed_states_when_a_move_is_illegal(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    ada.ticket(&web, "x");
    let refused = bob.patch(&format!("/tickets/{web}-1/status"), json!({ "status": "DONE" }));
    assert_eq!(refused.problem(409, "transition_illegal")["allowed"], json!(["IN_PROGRESS"]));
}

pub(super) fn should_answer_412_only_to_those_who_named_the_version_in_the_header(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    ada.ticket(&web, "x");
    let path = format!("/tickets/{web}-1");
    let seen = bob.get(&path).header("etag").to_owned();
    let update =
        |title: &str, version: &str| bob.send("PATCH", &path, &json!({ "title": title }), &[("if-match", version)]);
    update("first", &seen).is(200);
    update("second", &seen).problem(412, "version_conflict");
    update("third", &format!("W/{seen}")).problem(400, "header_invalid");
    bob.patch(&path, json!({ "title": "fourth", "expectedVersion": 1 })).problem(409, "version_conflict");
    assert_eq!(ada.get(&path).json()["title"], "first");
}

pub(super) fn should_take_the_due_date_away_with_null(stage: &Stage<'_>) {
    let (web, _, bob) = stage.project();
    bob.ticket(&web, "x");
    let path = format!("/tickets/{web}-1");
    for (body, due) in [
        (json!({ "dueDate": "2026-01-31" }), json!("2026-01-31T00:00:00.000Z")),
        (json!({ "title": "y" }), json!("2026-01-31T00:00:00.000Z")),
        (json!({ "dueDate": null }), Value::Null),
    ] {
        let reply = bob.patch(&path, body);
        reply.is(200);
        assert_eq!((&reply.json()["dueDate"], &bob.get(&path).json()["dueDate"]), (&due, &due));
    }
}

pub(super) fn should_find_a_ticket_by_id_and_by_code_for_reading_and_writing(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let eve = stage.person("eve");
    let id = ada.ticket(&web, "one")["id"].as_str().unwrap().to_owned();
    for id in [id, format!("{web}-1")] {
        assert_eq!(bob.get(&format!("/tickets/{id}")).json()["title"], "one");
        eve.get(&format!("/tickets/{id}")).problem(404, "ticket_not_found");
        let path = format!("/tickets/{id}/assignee");
        let assigned = bob.send("PUT", &path, &json!({ "assigneeId": ada.id() }), &[]);
        assert_eq!((assigned.status, &assigned.json()["assigneeId"]), (200, &json!(ada.id())));
        let unassigned = bob.delete(&path);
        assert_eq!((unassigned.status, &unassigned.json()["assigneeId"]), (200, &Value::Null));
    }
    let (lower, zero, next) = (format!("{}-1", web.to_lowercase()), format!("{web}-0"), format!("{web}-2"));
    for id in ["%00", &lower, &web, &zero, &next, &Uuid::nil().to_string()] {
        bob.get(&format!("/tickets/{id}")).problem(404, "ticket_not_found");
    }
}

pub(super) fn should_give_a_ticket_to_whoever_has_room_and_say_why(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let path = format!("/tickets/{web}-1/assignment");
    let assignment = || {
        let told = bob.get(&path).json();
        ["state", "assigneeId", "automatic", "changedBy", "round", "reason"].map(|field| told[field].clone())
    };
    let nobody = |why: &str, state: &str, round: i64| {
        [json!(state), Value::Null, json!(false), Value::Null, json!(round), json!(why)]
    };
    let waiting = ada.ticket(&web, "one");
    assert_eq!((&waiting["assigneeId"], &waiting["version"]), (&Value::Null, &json!(1)));
    assert_eq!(assignment(), nobody("the project assigns by hand only", "unassigned", 0));
    ada.patch(&format!("/projects/{web}/members/{}", ada.id()), json!({ "capacity": 1 })).is(200);
    ada.patch(&format!("/projects/{web}/members/{}", bob.id()), json!({ "capacity": 0 })).is(200);
    ada.assigns(&web, "least_loaded");
    assert_eq!(assignment(), nobody("it waits for a member with room", "waiting", 0));
    ada.patch(&format!("/projects/{web}/members/{}", bob.id()), json!({ "capacity": 4 })).is(200);
    let end = Instant::now() + PATIENCE;
    let given = loop {
        let ticket = ada.get(&format!("/tickets/{web}-1")).json();
        if ticket["assigneeId"] != Value::Null {
            break ticket;
        }
        assert!(Instant::now() < end, "nobody is given {ticket}");
    };
    assert_eq!((&given["assigneeId"], &given["version"]), (&json!(bob.id()), &json!(1)));
    let why = "with the lowest share of those with room: load 0 of 4, 2 with this ticket";
    assert_eq!(assignment(), [json!("assigned"), json!(bob.id()), json!(true), Value::Null, json!(1), json!(why)]);
    let explained = String::from_utf8(bob.explanation(&format!("{web}-1")).stdout).unwrap();
    let lines = [&*format!("{web}-1 is assigned to bob"), why, "by assignment", "least_loaded", "1"];
    assert_eq!(explained.lines().count(), lines.len());
    assert!(explained.lines().zip(lines).all(|(said, line)| said.ends_with(line)), "{explained}");
    let assignee = format!("/tickets/{web}-1/assignee");
    bob.send("PUT", &assignee, &json!({ "assigneeId": ada.id() }), &[]).is(200);
    let by_hand =
        [json!("assigned"), json!(ada.id()), json!(false), json!(bob.id()), json!(2), json!("assigned by hand")];
    assert_eq!(assignment(), by_hand);
    bob.delete(&assignee).is(200);
    let taken = [json!("unassigned"), Value::Null, json!(false), json!(bob.id()), json!(3)];
    assert_eq!((&assignment()[..5], &assignment()[5]), (&taken[..], &json!("it was taken away by hand")));
    // Neither who may not see the ticket nor who may not configure the project.
    let eve = stage.person("eve");
    eve.get(&path).problem(404, "ticket_not_found");
    assert_eq!(eve.explanation(&format!("{web}-1")).status.code(), Some(3));
    assert_eq!(bob.explanation("../projects").status.code(), Some(2));
    let to_manual =
        |who: &Person<'_>| who.send("PUT", &format!("/projects/{web}/assignment"), &json!({ "policy": "manual" }), &[]);
    to_manual(&eve).problem(403, "not_a_member");
    to_manual(&bob).problem(403, "insufficient_role");
    let refused = ada.send("PUT", &format!("/projects/{web}/assignment"), &json!({ "policy": "fair" }), &[]);
    let allowed = json!(["least_loaded", "round_robin", "skills_only", "manual"]);
    assert_eq!(refused.problem(422, "policy_invalid")["allowed"], allowed);
}

pub(super) fn should_share_a_pool_with_a_project_that_asks_for_it(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let shop = stage.own("S");
    ada.post("/projects", json!({ "key": shop, "name": "The shop" })).is(201);
    ada.post(&format!("/projects/{shop}/members"), json!({ "email": bob.email })).is(201);
    let configure =
        |project: &str, body: Value| ada.send("PUT", &format!("/projects/{project}/assignment"), &body, &[]);
    configure(&shop, json!({ "policy": "manual", "pool": "N0NE" })).problem(422, "pool_unknown");
    configure(&shop, json!({ "pool": web })).problem(409, "pool_not_open");
    let opened = configure(&web, json!({ "poolOpen": true })).json();
    assert_eq!((&opened["poolOpen"], &opened["poolId"]), (&json!(true), &opened["id"]));
    let joined = configure(&shop, json!({ "policy": "manual", "pool": web })).json();
    assert_eq!((&joined["poolId"], &joined["poolOpen"]), (&opened["id"], &json!(false)));
    configure(&shop, json!({ "poolOpen": true })).problem(409, "own_pool_open");
    ada.ticket(&shop, "one");
    let told = bob.get(&format!("/tickets/{shop}-1/assignment")).json();
    assert_eq!((&told["poolId"], &told["poolKey"]), (&opened["id"], &json!(web)));
    let explained = String::from_utf8(bob.explanation(&format!("{shop}-1")).stdout).unwrap();
    assert!(explained.lines().any(|line| line.trim_start() == format!("pool    {web}")), "{explained}");
    let back = configure(&shop, json!({ "pool": shop })).json();
    assert_eq!(back["poolId"], back["id"]);
}

pub(super) fn should_let_members_watch_a_ticket_and_nobody_else(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let before = ada.ticket(&web, "one");
    let (watch, watchers) = (format!("/tickets/{web}-1/watch"), format!("/tickets/{web}-1/watchers"));
    let watching = || ada.get(&watchers).items().iter().map(|item| item["name"].clone()).collect::<Vec<_>>();
    assert_eq!(watching(), [Value::Null; 0]);
    for _ in 0..2 {
        bob.send("PUT", &watch, &json!({}), &[]).is(204);
        assert_eq!(watching(), [json!("bob")]);
    }
    ada.send("PUT", &watch, &json!({}), &[]).is(204);
    let first = ada.get(&format!("{watchers}?limit=1")).json();
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = ada.get(&format!("{watchers}?limit=1&cursor={cursor}")).json();
    let mut names = [&first, &second].map(|page| page["items"][0]["name"].as_str().unwrap());
    names.sort_unstable();
    assert_eq!((names, &second["nextCursor"]), (["ada", "bob"], &Value::Null));
    for _ in 0..2 {
        ada.delete(&watch).is(204);
        assert_eq!(watching(), [json!("bob")]);
    }
    assert_eq!(ada.get(&format!("/tickets/{web}-1")).json(), before, "nobody has edited it");
    let eve = stage.person("eve");
    eve.send("PUT", &watch, &json!({}), &[]).problem(403, "not_a_member");
    stage.root().send("PUT", &watch, &json!({}), &[]).problem(403, "not_a_member");
    eve.get(&watchers).problem(404, "ticket_not_found");
    bob.send("PUT", &format!("/tickets/{web}-2/watch"), &json!({}), &[]).problem(404, "ticket_not_found");
    ada.delete(&format!("/tickets/{web}-1")).is(204);
    bob.get(&watchers).problem(404, "ticket_not_found");
}

pub(super) fn should_page_through_tickets_and_refuse_what_is_no_filter(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    ada.tickets(&web, 7);
    let mut seen = Vec::new();
    let mut path = format!("/projects/{web}/tickets?limit=3");
    loop {
        let page = bob.get(&path);
        seen.extend(page.items().iter().filter_map(|ticket| ticket["number"].as_i64()));
        let page = page.json();
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/projects/{web}/tickets?limit=3&cursor={cursor}");
    }
    assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
    bob.patch(&format!("/tickets/{web}-3/status"), json!({ "status": "IN_PROGRESS" })).is(200);
    for (number, due) in [(2, "2030-01-01"), (4, "2030-01-02T12:00:00Z"), (5, "2030-01-03")] {
        bob.patch(&format!("/tickets/{web}-{number}"), json!({ "dueDate": due })).is(200);
    }
    let fourth = bob.get(&format!("/tickets/{web}-4")).json();
    let since_changed = format!("updatedFrom={}&sort=updated", fourth["updatedAt"].as_str().unwrap());
    for (query, numbers) in [
        ("dueFrom=2030-01-01&dueBefore=2030-01-03", vec![4, 2]),
        ("dueFrom=2030-01-02T12:00:00.001Z", vec![5]),
        ("dueFrom=1893456000000&dueBefore=1893456000001", vec![2]),
        ("createdBefore=2020-01-01", vec![]),
        ("createdFrom=2020-01-01&limit=2", vec![7, 6]),
        (&since_changed, vec![5, 4]),
        ("updatedBefore=2020-01-01&sort=updated", vec![]),
        ("reporter=me", vec![]),
        ("reporter=me&status=OPEN&assignee=none&dueFrom=2030-01-01", vec![]),
        ("status=IN_PROGRESS", vec![3]),
        ("assignee=none&limit=2", vec![7, 6]),
        ("assignee=me", vec![]),
        ("priority=HIGH", vec![]),
        ("sort=updated&limit=2", vec![5, 4]),
    ] {
        let found = bob.get(&format!("/projects/{web}/tickets?{query}")).items();
        let found: Vec<_> = found.iter().filter_map(|ticket| ticket["number"].as_i64()).collect();
        assert_eq!(found, numbers, "{query}");
    }
    for (query, code) in [
        ("limit=0", "query_invalid"),
        ("limit=many", "query_invalid"),
        ("sort=age", "query_invalid"),
        ("assignee=bob", "query_invalid"),
        ("reporter=bob", "query_invalid"),
        ("dueFrom=soon", "query_invalid"),
        ("cursor=s5", "cursor_invalid"),
        ("colour=red", "query_unknown"),
        ("label=a%00b", "query_invalid"),
        ("cursor=%00", "query_invalid"),
    ] {
        bob.get(&format!("/projects/{web}/tickets?{query}")).problem(400, code);
    }
    let reported = ada.get(&format!("/projects/{web}/tickets?reporter={}&dueFrom=2030-01-02", ada.email)).items();
    let reported: Vec<_> = reported.iter().filter_map(|ticket| ticket["number"].as_i64()).collect();
    assert_eq!(reported, [5, 4]);
    // What is added between two pages is on neither.
    let first = bob.get(&format!("/projects/{web}/tickets?limit=3")).json();
    ada.ticket(&web, "between");
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = bob.get(&format!("/projects/{web}/tickets?limit=9&cursor={cursor}")).items();
    assert_eq!(rest.iter().filter_map(|ticket| ticket["number"].as_i64()).collect::<Vec<_>>(), [4, 3, 2, 1]);
}

pub(super) fn should_comment_and_list_comments(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    ada.ticket(&web, "one");
    let path = format!("/tickets/{web}-1/comments");
    let first = bob.post(&path, json!({ "content": "0" }));
    assert_eq!((first.status, &first.json()["content"]), (201, &json!("0")));
    for n in 1..5 {
        let body = json!({ "content": n.to_string(), "parentId": first.json()["id"] });
        assert_eq!(bob.post(&path, body).json()["parentId"], first.json()["id"]);
    }
    let list = ada.get(&path).items();
    let said: Vec<_> = list.iter().map(|comment| comment["content"].clone()).collect();
    assert_eq!(said, ["0", "1", "2", "3", "4"]);
    assert!(list.iter().all(|comment| comment["authorId"] == json!(bob.id())), "{list:?}");
    stage.person("eve").get(&path).problem(404, "ticket_not_found");
}

pub(super) fn should_delete_for_maintainers_and_never_give_the_number_again(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    ada.ticket(&web, "x");
    let path = format!("/tickets/{web}-1");
    bob.delete(&path).problem(403, "insufficient_role");
    ada.delete(&path).is(204);
    ada.get(&path).problem(404, "ticket_not_found");
    assert_eq!(ada.get(&format!("/projects/{web}/board")).json()["columns"][0]["count"], 0);
    assert_eq!(ada.ticket(&web, "next")["number"], 2);
}
