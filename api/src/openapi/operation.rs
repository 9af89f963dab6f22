//! One operation: what it takes and what it answers. Made by the functions of `described`; the types of the handler's
//! arguments add what they read and refuse.

use std::collections::{BTreeMap, BTreeSet};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::parameters::{self, Query};
use super::{parameters as names, problems};

/// Where an operation stands among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    Projects,
    Members,
    Tickets,
    Comments,
    History,
    Notifications,
    Webhooks,
    Users,
    Commands,
    Operation,
}

impl Tag {
    pub(super) const ALL: [(Self, &'static str, &'static str); 10] = [
        (Self::Projects, "Projects", "Projects, their boards, workflows and how they assign tickets."),
        (Self::Members, "Members", "Who belongs to a project, and what they may do in it."),
        (Self::Tickets, "Tickets", "Tickets, their states, assignees and watchers."),
        (Self::Comments, "Comments", "What is said about a ticket."),
        (Self::History, "History", "What happened."),
        (Self::Notifications, "Notifications", "What the caller is told of, and how."),
        (Self::Webhooks, "Webhooks", "Where notifications and events are delivered to, and what became of that."),
        (Self::Users, "Users", "People."),
        (Self::Commands, "Commands", "What became of a write, and many writes at once."),
        (Self::Operation, "Operation", "For whoever runs it, and this document."),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(tag, ..)| *tag == self).map_or("", |(_, name, _)| name)
    }
}

/// Lines of JSON.
pub(crate) const NDJSON: &str = "application/x-ndjson";

type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// A body, with an example that was made by its type.
#[derive(Debug, Clone)]
struct Content {
    media_type: &'static str,
    schema: Shape,
    example: Value,
}

#[derive(Debug, Clone)]
enum Shape {
    /// Of a type.
    Of(MakeSchema),
    /// Written down.
    Is(Value),
    /// Lines, each of them JSON of a type.
    Lines(MakeSchema),
}

/// An answer that is no problem.
#[derive(Debug, Clone)]
struct Answer {
    description: &'static str,
    content: Option<Content>,
    headers: Vec<&'static str>,
}

/// An operation as far as it is described.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(super) id: &'static str,
    tag: Tag,
    summary: &'static str,
    description: &'static str,
    secured: bool,
    parameters: Vec<&'static str>,
    query: Vec<Query>,
    body: Option<Content>,
    answers: BTreeMap<u16, Answer>,
    refusals: BTreeSet<&'static str>,
}

impl Operation {
    pub(crate) fn new(id: &'static str, tag: Tag, summary: &'static str) -> Self {
        Self {
            id,
            tag,
            summary,
            description: "",
            secured: false,
            parameters: vec![names::REQUEST_ID],
            query: Vec::new(),
            body: None,
            answers: BTreeMap::new(),
            // Whatever is asked.
            refusals: BTreeSet::from(["internal", "timeout", "version_unknown"]),
        }
    }

    /// More than the summary.
    pub(crate) fn about(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    /// Parameters of the query.
    pub(crate) fn query(mut self, parameters: impl IntoIterator<Item = Query>) -> Self {
        self.query.extend(parameters);
        if self.query.iter().any(Query::is_cursor) {
            self.refuse(&["cursor_invalid"]);
        }
        self
    }

    /// A page of a list.
    pub(crate) fn paged(self) -> Self {
        self.query([Query::limit(), Query::cursor()])
    }

    /// A JSON body.
    pub(crate) fn takes<T: JsonSchema + Serialize>(mut self, example: &T) -> Self {
        self.body = Some(json_of(example));
        self.refuse(&["field_missing"]);
        self
    }

    /// A body that is no JSON, and may be empty.
    pub(crate) fn takes_text(mut self, media_type: &'static str, schema: Value, example: &str) -> Self {
        self.body = Some(Content { media_type, schema: Shape::Is(schema), example: example.into() });
        self
    }

    /// A JSON answer.
    pub(crate) fn gives<T: JsonSchema + Serialize>(
        mut self,
        status: u16,
        description: &'static str,
        example: &T,
    ) -> Self {
        let content = Some(json_of(example));
        self.answers.insert(status, Answer { description, content, headers: Vec::new() });
        self
    }

    /// An answer that is no JSON.
    pub(crate) fn gives_text(
        mut self,
        description: &'static str,
        media_type: &'static str,
        schema: Value,
        example: &str,
    ) -> Self {
        let content = Some(Content { media_type, schema: Shape::Is(schema), example: example.into() });
        self.answers.insert(200, Answer { description, content, headers: Vec::new() });
        self
    }

    /// An answer of lines, each of them JSON.
    pub(crate) fn gives_lines<T: JsonSchema + Serialize>(mut self, description: &'static str, example: &T) -> Self {
        let Content { example, .. } = json_of(example);
        let schema = Shape::Lines(SchemaGenerator::subschema_for::<T>);
        let content = Some(Content { media_type: NDJSON, schema, example: format!("{example}\n").into() });
        self.answers.insert(200, Answer { description, content, headers: Vec::new() });
        self
    }

    /// An answer without a body.
    pub(crate) fn gives_nothing(mut self, status: u16, description: &'static str) -> Self {
        self.answers.insert(status, Answer { description, content: None, headers: Vec::new() });
        self
    }

    /// Headers of an answer that was given before.
    pub(crate) fn with(mut self, status: u16, headers: &[&'static str]) -> Self {
        if let Some(answer) = self.answers.get_mut(&status) {
            answer.headers.extend(headers);
        }
        self
    }

    /// GET with `If-None-Match`.
    pub(crate) fn conditional(mut self) -> Self {
        self.parameter(names::IF_NONE_MATCH);
        self.gives_nothing(304, "It still is what you have.").with(200, &["ETag"]).with(304, &["ETag"])
    }

    /// A write that becomes a command, which may be refused with these codes.
    pub(crate) fn command(mut self, refusals: &[&[&'static str]]) -> Self {
        self.parameter(names::PREFER);
        for codes in refusals {
            self.refuse(codes);
        }
        self.refuse(&["idempotency_key_reused", "registration_refused", "command_failed", "body_too_large"]);
        let given: Vec<u16> = self.answers.keys().copied().collect();
        let description = "There is no outcome yet, or it cannot be read yet: ask `Location` for it.";
        self = self.gives(202, description, &super::examples::accepted_later());
        self = self.with(202, &["Location", "Preference-Applied", names::SEQUENCE]);
        given.into_iter().fold(self, |this, status| this.with(status, &["Preference-Applied", names::SEQUENCE]))
    }

    /// A write of a ticket, which may be of one version only.
    pub(crate) fn if_match(mut self) -> Self {
        self.parameter(names::IF_MATCH);
        self.refuse(&["version_conflict", problems::IF_MATCH_FAILED]);
        self
    }

    /// A write that must say what it replaces.
    pub(crate) fn needs_if_match(mut self) -> Self {
        self.parameter(names::IF_MATCH_REQUIRED);
        self.refuse(&["workflow_conflict", problems::IF_MATCH_FAILED_FOR_WORKFLOW, "precondition_required"]);
        self
    }

    /// Codes of problems.
    pub(crate) fn refuses(mut self, codes: &[&'static str]) -> Self {
        self.refuse(codes);
        self
    }

    pub(super) fn refusals(&self) -> &BTreeSet<&'static str> {
        &self.refusals
    }

    pub(super) fn refuse(&mut self, codes: &[&'static str]) {
        self.refusals.extend(codes);
    }

    pub(super) fn parameter(&mut self, name: &'static str) {
        if !self.parameters.contains(&name) {
            self.parameters.push(name);
        }
    }

    /// It needs a token.
    pub(super) fn secure(&mut self) {
        self.secured = true;
        self.refuse(&["token_missing", "token_invalid", "actor_deactivated", "rate_limited", "unavailable"]);
    }

    /// As the document has it.
    pub(super) fn json(self, path: &str, schemas: &mut super::document::Schemas) -> Value {
        let in_path = path.split(['{', '}']).skip(1).step_by(2).map(|name| parameters::of_path(path, name));
        let named = self.parameters.iter().map(|name| json!({ "$ref": format!("#/components/parameters/{name}") }));
        let query = self.query.into_iter().map(Query::json);
        let parameters: Vec<Value> = in_path.chain(query).chain(named).collect();
        let mut operation = json!({
            "operationId": self.id, "tags": [self.tag.name()], "summary": self.summary, "parameters": parameters,
        });
        if !self.description.is_empty() {
            operation["description"] = self.description.into();
        }
        operation["security"] = if self.secured { json!([{ "bearer": [] }]) } else { json!([]) };
        if let Some(body) = self.body {
            let (content, required) = schemas.request(&body.schema, body.media_type, &body.example);
            operation["requestBody"] = json!({ "content": content, "required": required });
        }
        let mut responses = Map::new();
        for (status, answer) in self.answers {
            let mut response = json!({ "description": answer.description });
            if let Some(Content { media_type, schema, example }) = answer.content {
                let schema = schemas.answer(&schema);
                response["content"] = json!({ media_type: { "schema": schema, "example": example } });
            }
            response["headers"] = headers(self.secured, &answer.headers);
            responses.insert(status.to_string(), response);
        }
        for (status, codes) in problems::by_status(&self.refusals) {
            responses.insert(status.to_string(), problems::response(status, &codes, self.secured));
        }
        operation["responses"] = Value::Object(responses);
        operation
    }
}

fn json_of<T: JsonSchema + Serialize>(example: &T) -> Content {
    Content {
        media_type: "application/json",
        schema: Shape::Of(SchemaGenerator::subschema_for::<T>),
        // What has no JSON would be found by the test that holds examples against their schemas.
        example: serde_json::to_value(example).unwrap_or_default(),
    }
}

impl super::document::Schemas {
    fn request(&mut self, shape: &Shape, media_type: &str, example: &Value) -> (Value, bool) {
        let (schema, required) = match shape {
            Shape::Is(schema) => (schema.clone(), false),
            Shape::Of(make) | Shape::Lines(make) => self.of_request(*make),
        };
        (json!({ media_type: { "schema": schema, "example": example } }), required)
    }

    fn answer(&mut self, shape: &Shape) -> Value {
        match shape {
            Shape::Is(schema) => schema.clone(),
            Shape::Of(make) => self.of_answer(*make),
            Shape::Lines(make) => json!({
                "type": "string", "description": "One JSON object a line.", "x-line": self.of_answer(*make),
            }),
        }
    }
}

/// References to what every answer has, and to these.
pub(super) fn headers(secured: bool, own: &[&'static str]) -> Value {
    let limits = ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"];
    let limits = limits.into_iter().filter(|_| secured);
    let all = own.iter().copied().chain([names::REQUEST_ID]).chain(limits);
    all.map(|name| (name.to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }))).collect()
}
