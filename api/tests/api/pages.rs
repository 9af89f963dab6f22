//! The pages.

use axum::body::Body;
use axum::http::Request;
use schemas::reader::CommentRow;

use crate::support::{Reply, World, user};

async fn visit(world: &World, who: Option<&str>, path: &str) -> Reply {
    let mut request = Request::get(path);
    if let Some(who) = who {
        request = request.header("cookie", format!("theme=dark; syncroboard_session={}", world.token(who)));
    }
    world.request(request.body(Body::empty()).unwrap()).await
}

/// A world with a ticket that tries everything that people write into tickets.
fn hostile() -> World {
    let world = World::new();
    let mut row = world.ticket(1, "<script>alert(1)</script> & \"quotes\" שלום");
    row.description = String::from("</div><img src=x onerror=alert(1)>");
    row.labels = vec!["<b>bold</b>".to_owned()];
    row.external_source = Some("github:a/b".to_owned());
    row.external_url = Some("javascript:alert(1)".to_owned());
    row.assignee_id = Some(user("bob"));
    let comment = CommentRow {
        ticket_id: row.id,
        author_id: user("ada"),
        content: "<style>*{display:none}</style>".to_owned(),
        sequence: 1,
        ..CommentRow::default()
    };
    {
        let mut tables = world.model.tables();
        tables.tickets = vec![row];
        tables.comments.push(comment);
        tables.users[1].name = String::from("<i>Bob</i>");
        tables.projects[0].name = String::from("<u>Web</u>");
    }
    world
}

#[tokio::test]
async fn should_ask_for_a_token_and_show_nothing_without() {
    let world = hostile();
    for path in ["/", "/p/WEB", "/p/WEB/1"] {
        let reply = visit(&world, None, path).await;
        assert_eq!(reply.status.as_u16(), 401, "{path}");
        assert!(reply.text.contains("syncroboard token"), "{path}");
        assert!(!reply.text.contains("Web"), "{path}");
    }
}

#[tokio::test]
async fn should_exchange_the_token_in_the_address_for_a_cookie() {
    let world = World::new();
    let token = world.token("ada");
    let reply = visit(&world, None, &format!("/p/WEB?token={token}")).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/p/WEB"));
    let cookie = format!("syncroboard_session={token}; Path=/; HttpOnly; SameSite=Strict");
    assert_eq!(reply.header("set-cookie"), cookie);
    let over_tls = Request::get(format!("/?token={token}")).header("x-forwarded-proto", "https");
    let reply = world.request(over_tls.body(Body::empty()).unwrap()).await;
    assert_eq!(reply.header("set-cookie"), format!("{cookie}; Secure"));
    let reply = visit(&world, None, "/?token=junk").await;
    assert_eq!(reply.status.as_u16(), 401);
    assert_eq!(reply.header("set-cookie"), "");
}

#[tokio::test]
async fn should_escape_everything_that_people_write() {
    let world = hostile();
    for path in ["/", "/p/WEB", "/p/WEB/1"] {
        let reply = visit(&world, Some("ada"), path).await;
        assert_eq!(reply.status.as_u16(), 200, "{path}: {}", reply.text);
        for raw in ["<script", "<img", "<b>", "<i>", "<u>", "<style", "javascript:", "style=", "onerror=alert(1)>"] {
            assert!(!reply.text.contains(raw), "{path} has {raw}");
        }
    }
    let ticket = visit(&world, Some("ada"), "/p/WEB/1").await.text;
    assert!(ticket.contains("&lt;script&gt;alert(1)&lt;"), "{ticket}");
    assert!(ticket.contains("<h1 dir=\"auto\">"));
}

#[tokio::test]
async fn should_forbid_browsers_to_load_or_run_anything_else() {
    let world = hostile();
    for path in ["/", "/p/WEB", "/p/WEB/1", "/p/NONE"] {
        let reply = visit(&world, Some("ada"), path).await;
        assert_eq!(
            reply.header("content-security-policy"),
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; \
             frame-ancestors 'none'"
        );
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("referrer-policy"), "no-referrer");
        assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    }
    assert_eq!(visit(&world, None, "/assets/style.css").await.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(visit(&world, None, "/assets/icon.svg").await.header("content-type"), "image/svg+xml");
}

#[tokio::test]
async fn should_hide_projects_of_others() {
    let world = hostile();
    for path in ["/p/WEB", "/p/WEB/1", "/p/NONE", "/p/WEB/2", "/p/WEB/x"] {
        let reply = visit(&world, Some("eve"), path).await;
        assert_eq!(reply.status.as_u16(), 404, "{path}");
        assert!(!reply.text.contains("Web"), "{path}");
    }
    assert_eq!(visit(&world, Some("root"), "/p/WEB").await.status.as_u16(), 200);
}

#[tokio::test]
async fn should_lead_on_to_the_rest_of_a_long_column() {
    let world = World::new();
    for number in 1..=5 {
        world.ticket(number, &format!("title {number}"));
    }
    let board = visit(&world, Some("bob"), "/p/WEB").await.text;
    assert!(board.contains("title 5") && board.contains("title 4") && !board.contains("title 3"));
    assert!(board.contains("href=\"/p/WEB?column=OPEN&amp;cursor=n4\""), "{board}");
    let more = visit(&world, Some("bob"), "/p/WEB?column=OPEN&cursor=n4").await.text;
    assert!(more.contains("title 3") && !more.contains("title 5") && !more.contains("In progress"), "{more}");
}

#[tokio::test]
async fn should_show_titles_and_texts_as_they_were_written() {
    let world = World::new();
    world.ticket(1, "ñandú 👩‍💻 {{ 7 * 7 }} {% raw %}");
    let text = visit(&world, Some("bob"), "/p/WEB/1").await.text;
    assert!(text.contains("ñandú 👩‍💻 {{ 7 * 7 }} {% raw %}"), "{text}");
    assert!(text.contains("2026-01-31 12:00"));
}
