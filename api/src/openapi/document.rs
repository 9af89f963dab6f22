//! The document: all operations, and what they share.

use std::collections::BTreeSet;

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::operation::Tag;
use super::routes::Routes;
use super::{parameters, problems};

const ABOUT: &str = "\
Projects, tickets, members and what happens to them. A write becomes a command on the log and waits, up to five seconds, \
for its outcome and until its effect can be read; then it is answered with what it made, or with the problem that it was \
refused with. JSON in camelCase, times in RFC 3339 (UTC, milliseconds). Fields may be added to answers and are never taken \
away; codes of problems do not change. This is version 1: whoever names `application/vnd.syncroboard.v1+json` in `Accept` is \
answered with that in the place of `application/json`, which is the same. What you may not see is answered with 404, so that names do not leak.";

/// Everything under `components/schemas`, as it is asked for.
pub(super) struct Schemas {
    /// In requests what can be left out is not required; in answers it is there, if only as null.
    requests: SchemaGenerator,
    answers: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
            })
        };
        Self {
            requests: settings().for_deserialize().into_generator(),
            answers: settings().for_serialize().into_generator(),
        }
    }

    /// The schema of a request, and whether it asks for anything.
    pub(super) fn of_request(&mut self, make: fn(&mut SchemaGenerator) -> Schema) -> (Value, bool) {
        let reference = make(&mut self.requests).to_value();
        let name = reference["$ref"].as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        let schema = self.requests.definitions().get(name).unwrap_or(&reference);
        let asks = schema["required"].as_array().is_some_and(|required| !required.is_empty());
        (reference.clone(), asks || schema.get("oneOf").is_some())
    }

    pub(super) fn of_answer(&mut self, make: fn(&mut SchemaGenerator) -> Schema) -> Value {
        make(&mut self.answers).to_value()
    }

    fn json(mut self) -> Map<String, Value> {
        let mut all = self.requests.take_definitions(true);
        all.extend(self.answers.take_definitions(true));
        all.extend(problems::schemas());
        all
    }
}

/// The document, as JSON.
pub(super) fn document(routes: &Routes) -> Value {
    let mut schemas = Schemas::new();
    let mut paths: Map<String, Value> = Map::new();
    let mut codes = BTreeSet::new();
    for described in routes.described() {
        let operation = described.operation();
        codes.extend(operation.refusals().iter().copied());
        let operation = operation.json(described.path, &mut schemas);
        let item = paths.entry(described.path).or_insert_with(|| json!({}));
        item[described.method] = operation;
    }
    let tags = Tag::ALL.map(|(_, name, description)| json!({ "name": name, "description": description }));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "SyncroBoard",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "A token, such as `syncroboard token --user ada@example.org` makes.",
                },
            },
            "parameters": parameters::components(),
            "headers": parameters::headers(),
            "responses": problems::responses(),
            "examples": problems::examples(codes.into_iter()),
            "schemas": schemas.json(),
        },
    })
}
