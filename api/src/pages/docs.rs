//! `/docs`: the description of the API, to be read. Rendered once, from the very document that `/openapi.json` is.

use std::sync::OnceLock;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use minijinja::{Value as View, context};
use serde_json::{Map, Value};

use crate::openapi::{meaning, openapi};
use crate::state::AppState;

/// The verbs, in the order in which they are read.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

pub(crate) async fn read(State(state): State<AppState>) -> Response {
    static VIEW: OnceLock<View> = OnceLock::new();
    let view = VIEW.get_or_init(|| Document(openapi()).view());
    state.templates().render(StatusCode::OK, "docs.html", view.clone())
}

/// The document, with everything that refers to a part of it resolved.
struct Document<'a>(&'a Value);

impl<'a> Document<'a> {
    fn view(&self) -> View {
        let tags = list(&self.0["tags"]).iter().map(|tag| {
            let operations: Vec<View> = self.operations(text(&tag["name"])).collect();
            context! { name => text(&tag["name"]), about => text(&tag["description"]), operations }
        });
        let schemas = object(&self.0["components"]["schemas"]).map(|(name, schema)| {
            context! { name, about => text(&schema["description"]), fields => fields(schema), forms => forms(schema) }
        });
        context! {
            visitor => "",
            version => text(&self.0["info"]["version"]),
            about => text(&self.0["info"]["description"]),
            tags => tags.collect::<Vec<_>>(),
            schemas => schemas.collect::<Vec<_>>(),
        }
    }

    fn operations(&self, tag: &'a str) -> impl Iterator<Item = View> {
        object(&self.0["paths"]).flat_map(move |(path, item)| {
            let there = METHODS.iter().filter_map(move |method| Some((*method, item.get(method)?)));
            let tagged = there.filter(move |(_, operation)| operation["tags"][0].as_str() == Some(tag));
            tagged.map(move |(method, operation)| self.operation(path, method, operation))
        })
    }

    fn operation(&self, path: &str, method: &str, operation: &'a Value) -> View {
        let parameters = list(&operation["parameters"]).iter().map(|parameter| {
            let parameter = self.resolved(parameter);
            context! {
                name => text(&parameter["name"]), place => text(&parameter["in"]),
                about => text(&parameter["description"]), kind => kind(&parameter["schema"]),
                required => parameter["required"].as_bool().unwrap_or_default(),
            }
        });
        let answers = object(&operation["responses"]).map(|(status, answer)| self.answer(status, answer));
        context! {
            id => text(&operation["operationId"]), path, method => method.to_uppercase(),
            summary => text(&operation["summary"]), about => text(&operation["description"]),
            open => list(&operation["security"]).is_empty(),
            parameters => parameters.collect::<Vec<_>>(),
            body => content(&operation["requestBody"]),
            answers => answers.collect::<Vec<_>>(),
        }
    }

    fn answer(&self, status: &str, answer: &'a Value) -> View {
        let answer = self.resolved(answer);
        let headers: Vec<&str> = object(&answer["headers"]).map(|(name, _)| name).collect();
        let codes = object(&answer["content"]["application/problem+json"]["examples"]).map(|(code, _)| {
            context! { code, meaning => meaning(code) }
        });
        let codes: Vec<View> = codes.collect();
        let body = if codes.is_empty() { content(answer) } else { View::from(()) };
        context! { status, about => text(&answer["description"]), headers => headers.join(", "), codes, body }
    }

    fn resolved(&self, value: &'a Value) -> &'a Value {
        let path = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        path.and_then(|path| self.0.pointer(path)).unwrap_or(value)
    }
}

/// The first media type of a body, its type and its example.
fn content(of: &Value) -> View {
    let Some((media_type, content)) = object(&of["content"]).next() else { return View::from(()) };
    let example = match &content["example"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        json => serde_json::to_string_pretty(json).unwrap_or_default(),
    };
    context! { media_type, kind => kind(&content["schema"]), name => name(&content["schema"]), example }
}

/// The fields of a type.
fn fields(schema: &Value) -> Vec<View> {
    let required = list(&schema["required"]);
    let fields = object(&schema["properties"]).map(|(name, field)| {
        let needed = required.iter().any(|required| required.as_str() == Some(name));
        context! { name, kind => kind(field), about => text(&field["description"]), required => needed }
    });
    fields.collect()
}

/// The forms that a type has, if it has several.
fn forms(schema: &Value) -> Vec<View> {
    let forms = ["oneOf", "anyOf"].into_iter().flat_map(|of| list(&schema[of]));
    let forms = forms.filter(|form| form.get("properties").is_some() && form.get("type").is_some());
    forms.map(|form| context! { about => text(&form["description"]), fields => fields(form) }).collect()
}

/// What a schema takes, in a few words.
fn kind(schema: &Value) -> String {
    if let Some(name) = name(schema) {
        return name.to_owned();
    }
    if let Some(word) = schema.get("const") {
        return shown(word);
    }
    let words = list(&schema["enum"]);
    if !words.is_empty() {
        return words.iter().map(shown).collect::<Vec<_>>().join(" | ");
    }
    for of in ["anyOf", "oneOf", "allOf"] {
        let kinds: Vec<String> = list(&schema[of]).iter().map(kind).filter(|kind| !kind.is_empty()).collect();
        if !kinds.is_empty() {
            return kinds.join(" | ");
        }
    }
    let types = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        several => list(several).iter().filter_map(Value::as_str).collect(),
    };
    let named = types.iter().map(|one| match *one {
        "array" => format!("array of {}", kind(&schema["items"])),
        "string" => schema["format"].as_str().unwrap_or("string").to_owned(),
        other => other.to_owned(),
    });
    named.collect::<Vec<_>>().join(" | ")
}

/// The name of the type that a schema refers to.
fn name(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/components/schemas/")
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| format!("\"{text}\""))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn object(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter).map(|(name, value)| (name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn should_say_in_a_few_words_what_a_schema_takes() {
        for (schema, words) in [
            (json!({ "type": "string" }), "string"),
            (json!({ "type": ["string", "null"], "format": "date-time" }), "date-time | null"),
            (json!({ "type": "array", "items": { "$ref": "#/components/schemas/Ticket" } }), "array of Ticket"),
            (json!({ "enum": ["a", null] }), "\"a\" | null"),
            (json!({ "anyOf": [{ "type": "integer" }, { "type": "null" }] }), "integer | null"),
            (json!(true), ""),
        ] {
            assert_eq!(kind(&schema), words);
        }
    }
}
