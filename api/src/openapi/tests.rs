//! The document holds together: references lead somewhere, ids are unique, and examples are what their schemas say.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::openapi;

/// Every operation with its method and path.
fn operations() -> impl Iterator<Item = (String, &'static Value)> {
    let paths = openapi()["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| {
        let item = item.as_object().unwrap().iter();
        item.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    })
}

fn visit<'a>(value: &'a Value, each: &mut impl FnMut(&'a Value)) {
    each(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| visit(item, each)),
        Value::Object(fields) => fields.values().for_each(|field| visit(field, each)),
        _ => {}
    }
}

fn resolved(value: &'static Value) -> &'static Value {
    value["$ref"].as_str().map_or(value, |reference| openapi().pointer(&reference[1..]).unwrap())
}

/// Whether the value is what the schema says, with the document's components at hand.
fn violations(schema: &Value, value: &Value) -> Vec<String> {
    let root = json!({ "allOf": [schema], "components": { "schemas": openapi()["components"]["schemas"] } });
    let validator = jsonschema::options().should_validate_formats(true).build(&root).unwrap();
    validator.iter_errors(value).map(|error| format!("{error} at {}", error.instance_path())).collect()
}

#[test]
fn should_refer_to_nothing_that_is_not_there() {
    let mut seen = 0;
    visit(openapi(), &mut |value| {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return };
        assert!(openapi().pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
        seen += 1;
    });
    assert!(seen > 100, "{seen} references");
}

#[test]
fn should_name_every_operation_once_and_say_what_it_is() {
    let mut ids = BTreeSet::new();
    for (name, operation) in operations() {
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{name}");
        assert!(!operation["summary"].as_str().unwrap().ends_with('.'), "{name}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{name}");
    }
    assert!(ids.len() > 50, "{} operations", ids.len());
}

#[test]
fn should_give_examples_that_are_what_their_schemas_say() {
    let mut seen = 0;
    let mut hold = |name: &str, content: &'static Value| {
        for (media_type, of) in content.as_object().into_iter().flatten() {
            let several = of["examples"].as_object().into_iter().flatten();
            let examples = several.map(|(_, example)| &resolved(example)["value"]).chain(of.get("example"));
            let mut any = false;
            for example in examples {
                if media_type == "application/json" && example == "" {
                    continue;
                }
                let violations = violations(&of["schema"], example);
                assert!(violations.is_empty(), "{name}: {violations:?}\n{example:#}");
                any = true;
            }
            assert!(any || name.contains("openapi.json"), "{name} has no example");
            seen += 1;
        }
    };
    for (name, operation) in operations() {
        hold(&name, &operation["requestBody"]["content"]);
        for (status, response) in operation["responses"].as_object().unwrap() {
            hold(&format!("{name} {status}"), &response["content"]);
        }
    }
    for (name, response) in openapi()["components"]["responses"].as_object().unwrap() {
        hold(name, &response["content"]);
    }
    assert!(seen > 150, "{seen} bodies");
}

#[test]
fn should_give_examples_of_parameters_and_headers_that_are_what_their_schemas_say() {
    let components = &openapi()["components"];
    let shared = [&components["parameters"], &components["headers"]];
    let shared = shared.into_iter().flat_map(|all| all.as_object().unwrap().values());
    let own = operations().flat_map(|(_, operation)| operation["parameters"].as_array().unwrap());
    for one in shared.chain(own.filter(|parameter| parameter["in"] == "path")) {
        let violations = violations(&one["schema"], &one["example"]);
        assert!(violations.is_empty(), "{one:#}: {violations:?}");
    }
}

#[test]
fn should_find_an_example_that_is_not_what_its_schema_says() {
    let ticket = json!({ "$ref": "#/components/schemas/Ticket" });
    let mut example =
        openapi()["paths"]["/tickets/{id}"]["get"]["responses"]["200"]["content"]["application/json"]["example"]
            .clone();
    assert_eq!(violations(&ticket, &example), [""; 0]);
    example.as_object_mut().unwrap().remove("assigneeId");
    assert_eq!(violations(&ticket, &example).len(), 1, "null, but there");
    example["createdAt"] = "yesterday".into();
    assert_eq!(violations(&ticket, &example).len(), 2);
    let body = json!({ "$ref": "#/components/schemas/NewTicket" });
    assert_eq!(violations(&body, &json!({ "title": "x", "dueDate": null })), [""; 0]);
    assert_eq!(violations(&body, &json!({ "title": "\u{200b}", "titel": "x" })).len(), 2);
}
