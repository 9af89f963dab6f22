//! The pages.

use serde_json::{Value, json};

use super::stage::{Person, Stage};

/// A project with a ticket that tries everything that people write into tickets, and its owner.
fn hostile<'a>(stage: &Stage<'a>) -> (String, Person<'a>) {
    let (web, ada, bob) = stage.project();
    let eve = stage.person("eve");
    stage.root().post("/users", json!({ "email": eve.email, "name": "<i>Eve</i>" })).is(201);
    ada.post(&format!("/projects/{web}/members"), json!({ "email": eve.email })).is(201);
    let name = json!({ "name": "<u>Web</u>", "description": "<img src=x>" });
    ada.patch(&format!("/projects/{web}"), name).is(200);
    let ticket = json!({
        "type": "ImportTicket", "project": web, "status": "OPEN", "createdAt": "2026-01-31T12:00:00Z",
        "title": "<script>alert(1)</script> & \"quotes\" שלום", "description": "</div><img src=x onerror=alert(1)>",
        "labels": ["<b>bold</b>"], "assignee": eve.email, "reporter": bob.email,
        "externalSource": "github:a/b", "externalId": "<b>1</b>", "externalUrl": "javascript:alert(1)",
    });
    let imported = ada.pour(&ticket.to_string());
    assert_eq!(imported[0]["status"], "accepted", "{imported:?}");
    let comment = json!({ "content": "<style>*{display:none}</style>" });
    ada.post(&format!("/tickets/{web}-1/comments"), comment).is(201);
    (web, ada)
}

fn paths(project: &str) -> [String; 3] {
    ["/".to_owned(), format!("/p/{project}"), format!("/p/{project}/1")]
}

pub(super) fn should_ask_for_a_token_and_show_nothing_without(stage: &Stage<'_>) {
    let (web, ..) = stage.project();
    for path in paths(&web) {
        let reply = stage.nobody().visit(&path);
        reply.is(401);
        assert!(reply.text.contains("syncroboard token"), "{path}");
        assert!(!reply.text.contains("The web site"), "{path}");
    }
}

pub(super) fn should_exchange_the_token_in_the_address_for_a_cookie(stage: &Stage<'_>) {
    let (ada, nobody) = (stage.person("ada"), stage.nobody());
    let token = ada.token();
    let reply = nobody.get(&format!("/p/WEB?token={token}"));
    assert_eq!((reply.status, reply.header("location")), (303, "/p/WEB"));
    let cookie = format!("syncroboard_session={token}; Path=/; HttpOnly; SameSite=Strict");
    assert_eq!(reply.header("set-cookie"), cookie);
    let over_tls = [("x-forwarded-proto", "https")];
    let reply = nobody.send("GET", &format!("/?token={token}"), &Value::Null, &over_tls);
    assert_eq!(reply.header("set-cookie"), format!("{cookie}; Secure"));
    let reply = nobody.get("/?token=junk");
    assert_eq!((reply.status, reply.header("set-cookie")), (401, ""));
    let gone = ada.visit("/sign-out");
    gone.is(200);
    assert!(gone.header("set-cookie").ends_with("Max-Age=0"), "{gone:?}");
}

pub(super) fn should_escape_everything_that_people_write(stage: &Stage<'_>) {
    let (web, ada) = hostile(stage);
    for path in paths(&web) {
        let reply = ada.visit(&path);
        reply.is(200);
        for raw in ["<script", "<img", "<b>", "<i>", "<u>", "<style", "javascript:", "style=", "onerror=alert(1)>"] {
            assert!(!reply.text.contains(raw), "{path} has {raw}");
        }
    }
    let ticket = ada.visit(&format!("/p/{web}/1")).text;
    for shown in ["&lt;script&gt;alert(1)&lt;", "&lt;i&gt;Eve", "&lt;b&gt;bold", "&lt;style&gt;", "<h1 dir=\"auto\">"] {
        assert!(ticket.contains(shown), "{shown}: {ticket}");
    }
}

pub(super) fn should_forbid_browsers_to_load_or_run_anything_else(stage: &Stage<'_>) {
    let (web, ada) = hostile(stage);
    for path in paths(&web).iter().map(String::as_str).chain(["/p/NOSUCH"]) {
        let reply = ada.visit(path);
        assert_eq!(
            reply.header("content-security-policy"),
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; \
             frame-ancestors 'none'"
        );
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("referrer-policy"), "no-referrer");
        assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    }
    let kind = |path: &str| stage.nobody().get(path).header("content-type").to_owned();
    assert_eq!(kind("/assets/style.css"), "text/css; charset=utf-8");
    assert_eq!(kind("/assets/icon.svg"), "image/svg+xml");
}

pub(super) fn should_hide_projects_of_others(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    ada.ticket(&web, "one");
    let eve = stage.person("eve");
    let [_, board, ticket] = paths(&web);
    for path in ["/p/NOSUCH", &board, &ticket, &format!("/p/{web}/2"), &format!("/p/{web}/x")] {
        let reply = eve.visit(path);
        reply.is(404);
        assert!(!reply.text.contains("The web site"), "{path}");
    }
    stage.root().visit(&board).is(200);
}

pub(super) fn should_lead_on_to_the_rest_of_a_long_column(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    ada.tickets(&web, 102);
    let board = bob.visit(&format!("/p/{web}")).text;
    let has = |text: &str, n: usize| text.contains(&format!("title {n}<"));
    assert!(has(&board, 102) && has(&board, 3) && !has(&board, 2), "{board}");
    assert!(board.contains(&format!("href=\"/p/{web}?column=OPEN&amp;cursor=n3\"")), "{board}");
    let more = bob.visit(&format!("/p/{web}?column=OPEN&cursor=n3")).text;
    assert!(has(&more, 2) && has(&more, 1) && !has(&more, 3) && !more.contains("In progress"), "{more}");
}

pub(super) fn should_show_titles_and_texts_as_they_were_written(stage: &Stage<'_>) {
    let (web, _, bob) = stage.project();
    let title = "ñandú 👩‍💻 {{ 7 * 7 }} {% raw %}";
    let made = bob.ticket(&web, title)["createdAt"].as_str().unwrap().to_owned();
    let text = bob.visit(&format!("/p/{web}/1")).text;
    assert!(text.contains(title), "{text}");
    // 2026-01-31T12:00:00.123Z, to the minute.
    assert!(text.contains(&format!("{} {}", &made[..10], &made[11..16])), "{made}: {text}");
}
