//! Parameters and headers, each described once; operations refer to them by name.

use serde_json::{Map, Value, json};

use crate::fields::PERSON;

/// Names of headers of requests, as `components/parameters` has them.
pub(crate) const SEQUENCE: &str = "Syncroboard-Sequence";
pub(crate) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
pub(crate) const PREFER: &str = "Prefer";
pub(crate) const IF_MATCH: &str = "If-Match";
/// The same, where there must be one.
pub(crate) const IF_MATCH_REQUIRED: &str = "If-Match-Required";
pub(crate) const IF_NONE_MATCH: &str = "If-None-Match";
pub(crate) const REQUEST_ID: &str = "X-Request-Id";

/// A user's id, an e-mail or `source:login`, as a regular expression.
pub(super) const PERSON_PATTERN: &str = concat!(
    r"^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    r"|[^\s:\u0000-\u001f\u007f-\u009f]*@[^\s:\u0000-\u001f\u007f-\u009f]*",
    r"|[^\s:\u0000-\u001f\u007f-\u009f]+:[^\s\u0000-\u001f\u007f-\u009f]+)$"
);

/// The same without the id.
pub(super) const USER_KEY_PATTERN: &str = concat!(
    r"^([^\s:\u0000-\u001f\u007f-\u009f]*@[^\s:\u0000-\u001f\u007f-\u009f]*",
    r"|[^\s:\u0000-\u001f\u007f-\u009f]+:[^\s\u0000-\u001f\u007f-\u009f]+)$"
);

/// A parameter of a query.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    name: &'static str,
    description: String,
    schema: Value,
    required: bool,
}

impl Query {
    pub(crate) fn new(name: &'static str, description: impl Into<String>, schema: Value) -> Self {
        Self { name, description: description.into(), schema, required: false }
    }

    /// Words to look for.
    pub(crate) fn words() -> Self {
        let about = "Words, each of which, or one that begins with it, must be in title and description together, or in one comment. \
                     Neither case nor accents make a difference; whatever stands between words makes none either.";
        Self::new("text", about, json!({ "type": "string", "pattern": "[^\\W_]", "maxLength": 200 }))
    }

    /// There must be one.
    pub(crate) fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// How many, from 1 to 200.
    pub(crate) fn limit() -> Self {
        let schema = json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 });
        Self::new("limit", "How many items a page may have.", schema)
    }

    pub(crate) fn cursor() -> Self {
        let about = "Where the page begins: the `nextCursor` of the page before it, of the same list.";
        Self::new("cursor", about, json!({ "type": "string" }))
    }

    /// One of these words.
    pub(crate) fn one_of(name: &'static str, description: &'static str, words: &[&str]) -> Self {
        Self::new(name, description, json!({ "type": "string", "enum": words }))
    }

    /// A moment.
    pub(crate) fn time(name: &'static str, description: &'static str) -> Self {
        let schema = json!({ "anyOf": [
            { "type": "string", "format": "date-time" },
            { "type": "string", "format": "date" },
            { "type": "integer", "format": "int64", "description": "Milliseconds since 1970-01-01T00:00Z." },
        ] });
        Self::new(name, description, schema)
    }

    /// A person, or one of these words.
    pub(crate) fn person(name: &'static str, description: &str, words: &[&str]) -> Self {
        let schema = json!({ "anyOf": [
            { "type": "string", "enum": words },
            { "type": "string", "pattern": PERSON_PATTERN },
        ] });
        Self::new(name, format!("{description}: {}, {PERSON}.", words.join(", ")), schema)
    }

    pub(super) fn is_cursor(&self) -> bool {
        self.name == "cursor"
    }

    pub(super) fn json(self) -> Value {
        let Self { name, description, schema, required } = self;
        if required {
            return json!({ "name": name, "in": "query", "required": true, "description": description, "schema": schema });
        }
        // Whoever sends a parameter without a value gets what they get without the parameter.
        let takes_any = schema == json!({ "type": "string" });
        let schema = if takes_any { schema } else { json!({ "anyOf": [schema, { "const": "" }] }) };
        json!({ "name": name, "in": "query", "description": description, "schema": schema })
    }
}

/// `components/parameters`: headers of requests.
pub(super) fn components() -> Map<String, Value> {
    let header = |component: &str, name: &str, required: bool, about: &str, schema: Value, example: &str| {
        let mut header = json!({
            "name": name, "in": "header", "required": required, "description": about, "schema": schema,
            "example": example,
        });
        if !required && let Some(header) = header.as_object_mut() {
            header.remove("required");
        }
        (component.to_owned(), header)
    };
    let tag = || {
        json!({ "anyOf": [
            { "type": "string", "const": "*" },
            { "type": "string", "pattern": "^\"[0-9]{1,18}(-[0-9a-fA-F]*)?\"$" },
            { "type": "string", "pattern": "^\"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\"$" },
        ] })
    };
    Map::from_iter([
        header(
            SEQUENCE,
            SEQUENCE,
            false,
            "The answer shows at least what the write that gave this token has done. A read that sends one waits until \
             the read model has got that far.",
            json!({
                "type": "string",
                "pattern": "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}:[0-9]{1,18}$",
            }),
            "8bb9de83-6415-527a-9d37-c286ac5e9d28:1",
        ),
        header(
            IDEMPOTENCY_KEY,
            IDEMPOTENCY_KEY,
            false,
            "The same key of the same caller gets the first answer again, for seven days, and changes nothing. It is for \
             one request: with another method, path, `If-Match` or body it is refused.",
            json!({ "type": "string", "pattern": "^[!-~]([\\t -~]{0,253}[!-~])?$" }),
            "5b0d6f7e-import-17",
        ),
        header(
            PREFER,
            PREFER,
            false,
            "`respond-async`: 202 at once. `wait=2`: 202 after two seconds, if there is no outcome by then. Others are \
             left alone.",
            json!({ "type": "string" }),
            "wait=2",
        ),
        header(
            IF_MATCH,
            IF_MATCH,
            false,
            "The `ETag` that you have seen, or the version in it, such as `\"7\"`. If the ticket has another version by \
             now, the answer is 412. `*` is any.",
            tag(),
            "\"7\"",
        ),
        header(
            IF_MATCH_REQUIRED,
            IF_MATCH,
            true,
            "The `ETag` that you have seen, or `*` for any. If it is another one by now, the answer is 412; without the \
             header it is 428.",
            tag(),
            "*",
        ),
        header(
            IF_NONE_MATCH,
            IF_NONE_MATCH,
            false,
            "`ETag`s that you have. If it still is one of these the answer is 304, without a body.",
            json!({ "type": "string" }),
            "\"7-1f0c5a9e77d0b3c2\"",
        ),
        header(
            REQUEST_ID,
            REQUEST_ID,
            false,
            "Comes back with the answer. A UUID becomes the correlation id of what the request causes.",
            json!({ "type": "string" }),
            "0192f7a4-30d5-7c1e-8f7b-9f6c2f1f8a11",
        ),
    ])
}

/// `components/headers`: headers of answers.
pub(super) fn headers() -> Map<String, Value> {
    let header = |name: &str, about: &str, schema: Value, example: Value| {
        (name.to_owned(), json!({ "description": about, "schema": schema, "example": example }))
    };
    let text = || json!({ "type": "string" });
    let count = || json!({ "type": "integer", "minimum": 0 });
    Map::from_iter([
        header(
            "ETag",
            "Which state of the resource this is, for `If-Match` and `If-None-Match`.",
            json!({ "type": "string", "pattern": "^\".+\"$" }),
            "\"7-1f0c5a9e77d0b3c2\"".into(),
        ),
        header(
            "Location",
            "Where it is.",
            json!({ "type": "string", "format": "uri-reference" }),
            "/tickets/WEB-1".into(),
        ),
        header("Retry-After", "In how many seconds to try again.", count(), 1.into()),
        header("Allow", "The methods that there are.", text(), "GET,HEAD".into()),
        header("WWW-Authenticate", "What is asked for (RFC 6750).", text(), "Bearer".into()),
        header(
            SEQUENCE,
            "The consistency token: a read that sends it back shows what this write has done.",
            text(),
            "8bb9de83-6415-527a-9d37-c286ac5e9d28:1".into(),
        ),
        header("Preference-Applied", "What was followed of `Prefer`.", text(), "wait=2".into()),
        header(REQUEST_ID, "Your own, or one that was made; the log has it too.", text(), "build-42".into()),
        header("RateLimit-Limit", "How many requests you can make at once, if they are limited.", count(), 100.into()),
        header("RateLimit-Remaining", "How many of them are left.", count(), 99.into()),
        header("RateLimit-Reset", "In how many seconds it is all of them again.", count(), 1.into()),
    ])
}

/// The parameter in a path's braces.
pub(super) fn of_path(path: &str, name: &str) -> Value {
    let uuid = || json!({ "type": "string", "format": "uuid" });
    let person = || json!({ "type": "string", "minLength": 1 });
    let word = |pattern: &str| json!({ "anyOf": [{ "type": "string", "format": "uuid" }, { "type": "string", "pattern": pattern }] });
    let id = "0192f7a4-30d5-7c1e-8f7b-9f6c2f1f8a11";
    let (about, schema, example) = match (path.split('/').nth(1).unwrap_or_default(), name) {
        (_, "userId") | ("users", _) => ("The user's id, e-mail or `source:login`.", person(), "ada@example.org"),
        ("projects", _) => ("The project's id or key.", word("^[A-Z][A-Z0-9]{1,9}$"), "WEB"),
        ("tickets", _) => ("The ticket's id or code.", word("^[A-Z][A-Z0-9]{1,9}-[1-9][0-9]{0,17}$"), "WEB-1"),
        (_, "deliveryId") => ("The delivery's id.", uuid(), id),
        _ => ("The id.", uuid(), id),
    };
    json!({
        "name": name, "in": "path", "required": true, "description": about, "schema": schema, "example": example,
    })
}
