//! `/search` and the lists of tickets by words.

use serde_json::json;

use super::stage::{Person, Stage};

fn codes(who: &Person<'_>, path: &str) -> Vec<String> {
    let items = who.get(path).items();
    items.iter().map(|ticket| ticket["code"].as_str().unwrap().to_owned()).collect()
}

pub(super) fn should_find_words_only_in_what_somebody_may_see(stage: &Stage<'_>) {
    let (web, ada, bob) = stage.project();
    let word = stage.own("zebra");
    ada.ticket(&web, &format!("The {word} crossing"));
    ada.ticket(&web, "Another");
    ada.post(&format!("/tickets/{web}-2/comments"), json!({ "content": format!("Like the {word}!") })).is(201);
    let search = format!("/search?text={word}");
    let both = [format!("{web}-2"), format!("{web}-1")];
    let mut found = codes(&bob, &search);
    found.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(found, both);
    assert_eq!(codes(&bob, &format!("/projects/{web}/tickets?text={word}")), both);
    assert_eq!(codes(&bob, &format!("/projects/{web}/tickets?text={word}%20CROSS&priority=MEDIUM")), [both[1].clone()]);
    assert_eq!(codes(&stage.user("eve"), &search), Vec::<String>::new());
    assert_eq!(codes(&stage.root(), &search).len(), 2);

    let first = bob.get(&format!("{search}&limit=1")).json();
    let rest = bob.get(&format!("{search}&limit=1&cursor={}", first["nextCursor"].as_str().unwrap())).json();
    assert_ne!(first["items"], rest["items"]);
    assert_eq!(rest["nextCursor"], json!(null));
}

pub(super) fn should_say_what_is_wrong_with_a_text_to_look_for(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    let long = "x".repeat(201);
    for path in ["/search".to_owned(), format!("/search?text={long}"), "/search?text=%3F%21".to_owned()] {
        assert_eq!(ada.get(&path).problem(400, "query_invalid")["field"], "text", "{path}");
    }
    ada.get(&format!("/projects/{web}/tickets?text=--")).problem(400, "query_invalid");
    ada.get("/search?text=x&cursor=n5").problem(400, "cursor_invalid");
    ada.get("/search?text=x&sort=number").problem(400, "query_unknown");
}
