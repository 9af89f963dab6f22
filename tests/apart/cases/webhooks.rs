//! `/webhooks` and `/projects/{id}/webhooks`.

use serde_json::{Value, json};
use uuid::Uuid;

use super::stage::{Person, Reply, Stage};

const URL: &str = "https://hooks.example.org/board";

/// A project's people by their roles, and those who have none.
struct Cast<'a> {
    web: String,
    maintain: [(&'static str, Person<'a>); 3],
    see: [(&'static str, Person<'a>); 2],
    eve: Person<'a>,
}

fn cast<'a>(stage: &Stage<'a>) -> Cast<'a> {
    let (web, ada, bob) = stage.project();
    let (mia, vic) = (stage.user("mia"), stage.user("vic"));
    for (who, role) in [(&mia, "maintainer"), (&vic, "viewer")] {
        ada.post(&format!("/projects/{web}/members"), json!({ "email": who.email, "role": role })).is(201);
    }
    let maintain = [("owner", ada), ("maintainer", mia), ("administrator", stage.root())];
    Cast { web, maintain, see: [("member", bob), ("viewer", vic)], eve: stage.user("eve") }
}

/// The webhook that this has made, and its secret.
fn made(reply: &Reply) -> (Value, String) {
    reply.is(201);
    let mut webhook = reply.json();
    assert_eq!(reply.header("location"), format!("/webhooks/{}", webhook["id"].as_str().unwrap()));
    let secret = webhook.as_object_mut().unwrap().remove("secret").unwrap().as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_") && secret.len() == 49, "{secret}");
    (webhook, secret)
}

fn path(webhook: &Value) -> String {
    format!("/webhooks/{}", webhook["id"].as_str().unwrap())
}

pub(super) fn should_make_change_and_delete_a_webhook_of_ones_own(stage: &Stage<'_>) {
    // Who has done nothing else yet can, too.
    let ada = stage.person("ada");
    let reply = ada.post("/webhooks", json!({ "url": URL }));
    let (webhook, secret) = made(&reply);
    let expected = [("ownerKind", json!("user")), ("ownerId", json!(ada.id())), ("createdBy", json!(ada.id()))];
    assert!(expected.iter().all(|(field, value)| webhook[field] == *value), "{webhook}");
    assert_eq!((&webhook["url"], &webhook["kinds"]), (&json!(URL), &json!([])));
    assert_eq!(webhook["createdAt"], webhook["updatedAt"]);
    let path = path(&webhook);
    assert_eq!(ada.get(&path).json(), webhook);
    assert_eq!(ada.get("/webhooks").items(), std::slice::from_ref(&webhook));

    let changed = ada.patch(&path, json!({ "kinds": ["notification", "notification"] }));
    changed.is(200);
    assert_eq!((&changed.json()["url"], &changed.json()["kinds"]), (&json!(URL), &json!(["notification"])));
    assert!(changed.json()["updatedAt"].as_str() > webhook["updatedAt"].as_str());
    let moved = ada.patch(&path, json!({ "url": "https://elsewhere.example.org" })).json();
    assert_eq!(moved["url"], "https://elsewhere.example.org/");
    assert_eq!(ada.patch(&path, json!({})).json(), moved);
    assert_eq!(ada.patch(&path, json!({ "kinds": [] })).json()["kinds"], json!([]));

    let rotated = ada.post(&format!("{path}/secret"), json!({}));
    rotated.is(200);
    let other = rotated.json()["secret"].as_str().unwrap().to_owned();
    assert!(other.starts_with("whsec_") && other != secret);
    for reply in [ada.get(&path), ada.get("/webhooks"), ada.patch(&path, json!({ "url": URL }))] {
        reply.is(200);
        assert!(!reply.text.contains("whsec_") && !reply.text.contains("secret"), "{}", reply.text);
    }

    let deleted = ada.delete(&path);
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    for reply in [ada.get(&path), ada.patch(&path, json!({})), ada.delete(&path)] {
        reply.problem(404, "webhook_not_found");
    }
    ada.post(&format!("{path}/secret"), json!({})).problem(404, "webhook_not_found");
    assert!(ada.get("/webhooks").items().is_empty());
}

pub(super) fn should_keep_ones_own_webhooks_to_oneself(stage: &Stage<'_>) {
    let ada = stage.user("ada");
    let (webhook, _) = made(&ada.post("/webhooks", json!({ "url": URL })));
    let path = path(&webhook);
    for who in [stage.user("eve"), stage.root()] {
        for reply in [who.get(&path), who.patch(&path, json!({ "url": URL })), who.delete(&path)] {
            reply.problem(404, "webhook_not_found");
        }
        who.post(&format!("{path}/secret"), json!({})).problem(404, "webhook_not_found");
        assert!(who.get("/webhooks").items().iter().all(|other| other["id"] != webhook["id"]));
    }
    let nobody = stage.nobody();
    for reply in [nobody.get("/webhooks"), nobody.get(&path), nobody.patch(&path, json!({})), nobody.delete(&path)] {
        reply.problem(401, "token_missing");
    }
    for unknown in [Uuid::nil().to_string(), "x".to_owned(), webhook["id"].as_str().unwrap().replace('-', "")] {
        ada.get(&format!("/webhooks/{unknown}")).problem(404, "webhook_not_found");
    }
    assert_eq!(ada.get(&path).json(), webhook);
}

pub(super) fn should_let_those_who_maintain_a_project_see_to_its_webhooks(stage: &Stage<'_>) {
    let Cast { web, maintain, see, eve } = cast(stage);
    let of_project = format!("/projects/{web}/webhooks");
    let project = schemas::ids::project_id(&web);
    let mut all = Vec::new();
    for (role, who) in &maintain {
        let (webhook, _) = made(&who.post(&of_project, json!({ "url": URL, "kinds": ["ticket.created"] })));
        let owner = (&webhook["ownerKind"], &webhook["ownerId"], &webhook["createdBy"]);
        assert_eq!(owner, (&json!("project"), &json!(project), &json!(who.id())), "{role}");
        all.push(webhook);
    }
    let paths: Vec<_> = all.iter().map(path).collect();
    for (number, (role, who)) in maintain.iter().enumerate() {
        assert_eq!(who.get(&of_project).items(), all, "{role}");
        assert_eq!(who.get(&format!("/projects/{project}/webhooks")).items(), all, "by id");
        assert!(who.get("/webhooks").items().iter().all(|own| own["ownerKind"] == "user"), "{role}");
        // One that another has made.
        let path = &paths[(number + 1) % 3];
        assert_eq!(who.get(path).json()["id"], all[(number + 1) % 3]["id"]);
        let changed = who.patch(path, json!({ "kinds": ["project.updated"] })).json();
        assert_eq!(changed["kinds"], json!(["project.updated"]), "{role}");
        who.post(&format!("{path}/secret"), json!({})).is(200);
        all[(number + 1) % 3] = who.get(path).json();
    }
    for (role, who) in &see {
        let refused = [who.get(&of_project), who.post(&of_project, json!({ "url": URL }))];
        let of_one = [who.get(&paths[0]), who.patch(&paths[0], json!({})), who.delete(&paths[0])];
        for reply in refused.iter().chain(&of_one).chain([&who.post(&format!("{}/secret", paths[0]), json!({}))]) {
            let detail = reply.problem(403, "insufficient_role")["detail"].to_string();
            assert!(detail.contains("maintainer") && !reply.text.contains(URL), "{role}: {detail}");
        }
    }
    // To others neither is there.
    eve.get(&of_project).problem(404, "project_not_found");
    eve.post(&of_project, json!({ "url": URL })).problem(404, "project_not_found");
    eve.get(&paths[0]).problem(404, "webhook_not_found");
    eve.patch(&paths[0], json!({ "url": URL })).problem(404, "webhook_not_found");
    eve.delete(&paths[0]).problem(404, "webhook_not_found");
    eve.post(&format!("{}/secret", paths[0]), json!({})).problem(404, "webhook_not_found");
    stage.nobody().get(&of_project).problem(401, "token_missing");
    stage.nobody().post(&of_project, json!({ "url": URL })).problem(401, "token_missing");
    maintain[0].1.get("/projects/NONE/webhooks").problem(404, "project_not_found");
    for ((_, who), path) in maintain.iter().zip(&paths) {
        assert_eq!(who.delete(path).status, 204);
    }
    // Whoever maintains it no more.
    let (webhook, _) = made(&maintain[1].1.post(&of_project, json!({ "url": URL })));
    let mia = format!("/projects/{web}/members/{}", maintain[1].1.id());
    let seen = maintain[0].1.patch(&mia, json!({ "role": "member" })).header("syncroboard-sequence").to_owned();
    let seen = [("syncroboard-sequence", seen.as_str())];
    let now = |method, path: &str| maintain[1].1.send(method, path, &Value::Null, &seen);
    now("GET", &of_project).problem(403, "insufficient_role");
    now("DELETE", &path(&webhook)).problem(403, "insufficient_role");
}

pub(super) fn should_take_no_address_that_may_not_be_called(stage: &Stage<'_>) {
    let ada = stage.user("ada");
    let (webhook, _) = made(&ada.post("/webhooks", json!({ "url": URL })));
    let long = format!("https://example.org/{}", "x".repeat(2_000));
    // Becomes too long when it is written as URLs are.
    let umlauts = format!("https://example.org/{}", "\u{fc}".repeat(700));
    for url in [
        "",
        "example.org",
        "/path",
        "https://",
        "http://example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://user@example.org/",
        "https://user:pass-of-ada@example.org/",
        "https://example.org/#part",
        "https://127.0.0.1/",
        "https://127.1:8443/",
        "https://2130706433/",
        "https://0x7f.0.0.1/",
        "https://0.0.0.0/",
        "https://10.1.2.3/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://100.64.0.1/",
        "https://[::1]/",
        "https://[::]/",
        "https://[fd00::1]/",
        "https://[fe80::1]/",
        "https://[::ffff:10.0.0.1]/",
        &long,
        &umlauts,
    ] {
        for reply in [ada.post("/webhooks", json!({ "url": url })), ada.patch(&path(&webhook), json!({ "url": url }))] {
            let problem = reply.problem(422, "url_invalid");
            assert_eq!(problem["field"], "url", "{url}");
            assert!(!reply.text.contains("pass-of-ada"), "a password is not repeated: {}", reply.text);
        }
    }
    assert_eq!(ada.get("/webhooks").items(), [webhook]);
    ada.post("/webhooks", json!({})).problem(422, "field_missing");
    ada.post("/webhooks", json!({ "url": 7 })).problem(422, "field_invalid");
    let problem = ada.post("/webhooks", json!({ "url": URL, "secret": "mine" })).problem(422, "field_unknown");
    assert_eq!(problem["field"], "secret");
}

pub(super) fn should_take_only_kinds_that_there_are(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    let of_project = format!("/projects/{web}/webhooks");
    let refused = |reply: &Reply| {
        let problem = reply.problem(422, "kind_unknown");
        assert_eq!(problem["field"], "kinds");
        problem["allowed"].clone()
    };
    let own = refused(&ada.post("/webhooks", json!({ "url": URL, "kinds": ["notification", "project.updated"] })));
    assert_eq!((own.as_array().map(Vec::len), &own[0]), (Some(8), &json!("notification")));
    assert_eq!(made(&ada.post("/webhooks", json!({ "url": URL, "kinds": own }))).0["kinds"], own);
    let kinds = refused(&ada.post(&of_project, json!({ "url": URL, "kinds": ["ticket.created", "notification"] })));
    assert_eq!(kinds.as_array().map(Vec::len), Some(14), "{kinds}");
    assert!(kinds.as_array().unwrap().contains(&json!("ticket.status.updated")), "{kinds}");
    let (webhook, _) = made(&ada.post(&of_project, json!({ "url": URL, "kinds": kinds })));
    assert_eq!(webhook["kinds"], kinds);
    refused(&ada.patch(&path(&webhook), json!({ "kinds": ["ticket.sneezed"] })));
    ada.post(&of_project, json!({ "url": URL, "kinds": "ticket.created" })).problem(422, "field_invalid");
    assert_eq!(ada.get(&of_project).items(), [webhook]);
}

pub(super) fn should_let_everybody_have_ten_webhooks(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    for path in ["/webhooks".to_owned(), format!("/projects/{web}/webhooks")] {
        for number in 0..10 {
            made(&ada.post(&path, json!({ "url": format!("{URL}/{number}") })));
        }
        let problem = ada.post(&path, json!({ "url": URL })).problem(409, "too_many_webhooks");
        assert!(problem["detail"].as_str().unwrap().contains("10 webhooks"), "{problem}");
        let urls: Vec<_> = ada.get(&path).items().iter().map(|webhook| webhook["url"].clone()).collect();
        assert_eq!(urls, (0..10).map(|number| json!(format!("{URL}/{number}"))).collect::<Vec<_>>());
    }
    made(&stage.user("eve").post("/webhooks", json!({ "url": URL })));
}

pub(super) fn should_make_one_webhook_of_what_is_sent_again(stage: &Stage<'_>) {
    let (ada, eve) = (stage.user("ada"), stage.user("eve"));
    let send = |who: &Person<'_>, url: &str| {
        who.send("POST", "/webhooks", &json!({ "url": url }), &[("idempotency-key", "first")])
    };
    let (webhook, secret) = made(&send(&ada, URL));
    for _ in 0..3 {
        assert_eq!(made(&send(&ada, URL)), (webhook.clone(), secret.clone()));
    }
    assert_eq!(ada.get("/webhooks").items(), std::slice::from_ref(&webhook));
    send(&ada, "https://example.org/").problem(422, "idempotency_key_reused");
    made(&send(&eve, URL));
    // Once it was changed, who asks is told no secret.
    ada.post(&format!("{}/secret", path(&webhook)), json!({})).is(200);
    let again = send(&ada, URL);
    again.problem(422, "idempotency_key_reused");
    assert!(!again.text.contains("whsec_"));
}
