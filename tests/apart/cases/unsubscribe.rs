//! `/unsubscribe`.

use serde_json::json;

use super::stage::Stage;

pub(super) fn should_unsubscribe_whoever_presses_the_button_and_nobody_who_only_looks(stage: &Stage<'_>) {
    let (bob, nobody) = (stage.user("bob"), stage.nobody());
    let link = stage.unsubscribe_path(&bob);
    let mode = || bob.get("/preferences").json()["email"].clone();
    nobody.get(&link).is(200);
    assert_eq!(mode(), json!("immediate"));
    // By a mail program, and by the button of the page, also once it is done.
    for body in ["List-Unsubscribe=One-Click", ""] {
        let done = nobody.text(&link, "application/x-www-form-urlencoded", body);
        done.is(200);
        assert!(done.text.contains("no more e-mails"), "{}", done.text);
        assert_eq!(done.header("set-cookie"), "");
        assert_eq!(mode(), json!("none"));
    }
    bob.patch("/preferences", json!({ "locale": "es", "email": "immediate" })).is(200);
    let spanish = nobody.get(&link);
    assert!(spanish.text.contains("lang=\"es\"") && spanish.text.contains("Darme de baja"), "{}", spanish.text);
    // Somebody who was never registered, or is erased.
    nobody.text(&stage.unsubscribe_path(&stage.person("eve")), "text/plain", "").is(200);
    for wrong in [link[..link.len() - 2].to_owned(), "/unsubscribe".to_owned()] {
        nobody.get(&wrong).is(404);
        nobody.text(&wrong, "text/plain", "").is(404);
    }
    assert_eq!(mode(), json!("immediate"));
}
