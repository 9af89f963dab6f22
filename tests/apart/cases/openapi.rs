//! `/openapi.json` and `/docs`, the page to read it.

use super::stage::Stage;

pub(super) fn should_describe_itself_to_anyone(stage: &Stage<'_>) {
    let reply = stage.nobody().get("/openapi.json");
    reply.is(200);
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(&reply.json(), api::openapi());
}

pub(super) fn should_show_every_path_and_code_on_a_page_that_loads_nothing_from_elsewhere(stage: &Stage<'_>) {
    let page = stage.nobody().get("/docs");
    page.is(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let paths = api::openapi()["paths"].as_object().unwrap();
    for (path, item) in paths {
        // As the template engine escapes it.
        let shown = path.replace('/', "&#x2f;");
        assert!(page.text.contains(&format!("<code>{shown}</code>")), "{path} is not on the page");
        for operation in item.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(page.text.contains(&format!("id=\"{id}\"")), "{id}");
        }
    }
    for named in ["transition_illegal", "rate_limited", "Idempotency-Key", "id=\"type-Ticket\"", "whsec_"] {
        assert!(page.text.contains(named), "{named}");
    }
    for elsewhere in ["<script", "src=", "http://", "@import", "url("] {
        assert!(!page.text.contains(elsewhere), "{elsewhere}");
    }
    let home = stage.person("ada").visit("/").text;
    assert!(home.contains("href=\"/docs\""), "{home}");
}
