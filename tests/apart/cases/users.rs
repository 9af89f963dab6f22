//! `/users`.

use serde_json::json;

use super::stage::Stage;

pub(super) fn should_show_people_to_themselves_and_to_administrators(stage: &Stage<'_>) {
    let bob = stage.user("bob");
    assert_eq!(bob.get("/users/me").json()["email"], bob.email);
    let path = format!("/users/{}", bob.id());
    bob.get(&path).is(200);
    assert_eq!(stage.root().get(&path).json()["name"], "bob");
    let eve = stage.person("eve");
    eve.get(&path).problem(404, "user_unknown");
    eve.get("/users/me").problem(404, "user_unknown");
}

pub(super) fn should_register_placeholders(stage: &Stage<'_>) {
    let (root, login) = (stage.root(), stage.own("Octo"));
    let made = root.post("/users", json!({ "source": "github", "login": login, "name": "Octo Cat" }));
    made.is(201);
    let user = made.json();
    let id = schemas::ids::user_id(&format!("github:{}", login.to_lowercase()));
    assert_eq!((&user["id"], &user["name"], &user["email"]), (&json!(id), &json!("Octo Cat"), &json!(null)));
    assert_eq!(made.header("location"), format!("/users/{id}"));
    assert_eq!(root.get(&format!("/users/{id}")).json(), user);
    let eve = stage.person("eve");
    eve.post("/users", json!({ "source": "github", "login": login })).problem(409, "email_taken");
    let other = format!("{}@example.org", stage.own("other"));
    eve.post("/users", json!({ "email": other })).problem(403, "insufficient_role");
}
