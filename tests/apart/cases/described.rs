//! Every answer that a case gets is held against the description of the API: its status, its headers and its body.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use jsonschema::Validator;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

/// Headers of answers that not every answer has.
const TOLD: [&str; 7] = [
    "etag",
    "location",
    "retry-after",
    "www-authenticate",
    "syncroboard-sequence",
    "preference-applied",
    "ratelimit-limit",
];

/// Schemas of bodies that were asked for, by where they stand.
static VALIDATORS: LazyLock<Mutex<HashMap<String, &'static Validator>>> = LazyLock::new(Mutex::default);

/// An answer to a request.
pub(super) struct Answered<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) status: u16,
    pub(super) headers: &'a HeaderMap,
    pub(super) text: &'a str,
}

impl Answered<'_> {
    /// Fails unless the description has such an answer. What is no part of it, as pages are not, is left alone.
    pub(super) fn hold(&self) {
        let Some((template, operation)) = self.operation() else { return };
        let name = format!("{} {template} {}", self.method, self.status);
        let response = &operation["responses"][self.status.to_string()];
        assert!(!response.is_null(), "{name} is not described: {}", self.text);
        let response = resolved(response);
        let header = |name: &str| self.headers.get(name).map(|value| value.to_str().unwrap());
        for told in TOLD.into_iter().filter(|told| header(told).is_some()) {
            let mut described = response["headers"].as_object().unwrap().keys();
            assert!(described.any(|name| name.eq_ignore_ascii_case(told)), "{name}: {told} is not described");
        }
        let Some(media_type) = header("content-type") else {
            assert!(response["content"].is_null() && self.text.is_empty(), "{name} has no body");
            return;
        };
        let media_type = media_type.split(';').next().unwrap().trim();
        // The same by the version's name.
        let media_type = if media_type.starts_with("application/vnd.") { "application/json" } else { media_type };
        let content = &response["content"][media_type];
        assert!(!content.is_null(), "{name}: {media_type} is not described");
        if header("content-encoding").is_some() || !media_type.ends_with("json") || media_type.ends_with("ndjson") {
            return;
        }
        let body: Value = serde_json::from_str(self.text).unwrap();
        let violations: Vec<String> =
            validator(&name, &content["schema"]).iter_errors(&body).map(|e| e.to_string()).collect();
        assert!(violations.is_empty(), "{name}: {violations:?}\n{body:#}");
    }

    /// The template of the path and the operation.
    fn operation(&self) -> Option<(&'static str, &'static Value)> {
        let paths = api::openapi()["paths"].as_object().unwrap();
        let path = self.path.split('?').next().unwrap();
        // One that is written as it is goes before one with a parameter.
        let fitting = paths.iter().filter(|(template, _)| fits(template, path));
        let (template, item) = fitting.min_by_key(|(template, _)| template.matches('{').count())?;
        Some((template, item.get(self.method.to_lowercase())?))
    }
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(&path).all(|(part, given)| part == given || (part.starts_with('{') && !given.is_empty()))
}

fn resolved(value: &'static Value) -> &'static Value {
    value["$ref"].as_str().map_or(value, |reference| api::openapi().pointer(&reference[1..]).unwrap())
}

fn validator(name: &str, schema: &Value) -> &'static Validator {
    VALIDATORS.lock().unwrap().entry(name.to_owned()).or_insert_with(|| {
        let root = json!({ "allOf": [schema], "components": { "schemas": api::openapi()["components"]["schemas"] } });
        Box::leak(Box::new(jsonschema::options().should_validate_formats(true).build(&root).unwrap()))
    })
}

#[test]
fn should_find_an_answer_that_is_not_described() {
    let user = json!({
        "id": "6ee401cd-8aac-5f8f-a910-b089b4c080b4", "email": null, "name": "Ada", "role": "member", "source": "github",
        "login": "ada", "createdAt": "2026-01-31T12:00:00.000Z", "active": true,
    });
    let found = |path: &str, status: u16, told: &[(&'static str, &str)], body: &Value| {
        let mut headers = HeaderMap::new();
        let all = [("content-type", "application/json")].iter().chain(told);
        all.for_each(|(name, value)| drop(headers.insert(*name, value.parse().unwrap())));
        let text = body.to_string();
        let answered = Answered { method: "GET", path, status, headers: &headers, text: &text };
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| answered.hold())).is_err()
    };
    assert!(!found("/users/me", 200, &[], &user));
    assert!(!found("/p/WEB", 200, &[], &user), "a page");
    assert!(found("/users/me", 201, &[], &user), "the status");
    assert!(found("/users/me", 200, &[("location", "/")], &user), "a header");
    assert!(found("/users/me", 200, &[("content-type", "text/html")], &user), "the kind of body");
    let mut without = user.clone();
    without.as_object_mut().unwrap().remove("login");
    assert!(found("/users/me", 200, &[], &without), "a field");
    assert!(
        found("/users/me", 404, &[("content-type", "application/problem+json")], &json!({ "code": "new" })),
        "a code"
    );
}
