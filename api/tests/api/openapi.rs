//! The description of the API against the router: it takes what is described and nothing else, and asks for a token where it says so.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::support::World;

struct Operation {
    method: Method,
    path: String,
    /// With the examples of its parameters in it.
    target: String,
    says: &'static Value,
}

fn operations() -> Vec<Operation> {
    let paths = api::openapi()["paths"].as_object().unwrap().iter();
    let each = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, says)| {
            let in_path = says["parameters"].as_array().unwrap().iter().filter(|one| one["in"] == "path");
            let target = in_path.fold(path.clone(), |target, one| {
                let name = format!("{{{}}}", one["name"].as_str().unwrap());
                target.replace(&name, one["example"].as_str().unwrap())
            });
            let method = method.to_uppercase().parse().unwrap();
            Operation { method, path: path.clone(), target, says }
        })
    });
    each.collect()
}

/// What a problem names as known.
fn known(problem: &Value) -> BTreeSet<String> {
    let detail = problem["detail"].as_str().unwrap();
    let (_, known) = detail.split_once("known are ").unwrap_or_else(|| panic!("{detail}"));
    known.split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn world() -> World {
    let world = World::new();
    world.ticket(1, "one");
    world
}

#[tokio::test]
async fn should_have_the_methods_that_are_described_and_no_others() {
    let (world, operations) = (world(), operations());
    for one in &operations {
        let described = operations.iter().filter(|other| other.path == one.path);
        let mut methods: BTreeSet<String> = described.map(|other| other.method.to_string()).collect();
        if methods.contains("GET") {
            methods.insert("HEAD".to_owned());
        }
        let reply = world.send("ada", Method::TRACE, &one.target, Value::Null).await;
        reply.problem(405, "method_not_allowed");
        let allowed: BTreeSet<String> = reply.header("allow").split(',').map(|name| name.trim().to_owned()).collect();
        assert_eq!(allowed, methods, "{}", one.path);
    }
    assert!(world.log.sent().is_empty());
}

#[tokio::test]
async fn should_ask_for_a_token_where_it_is_described() {
    let world = world();
    for one in operations() {
        let asks = !one.says["security"].as_array().unwrap().is_empty();
        let request = Request::builder().method(one.method.clone()).uri(&one.target).body(Body::empty()).unwrap();
        let reply = world.request(request).await;
        assert_eq!(reply.status.as_u16() == 401, asks, "{} {}: {}", one.method, one.path, reply.text);
    }
    assert!(world.log.sent().is_empty());
}

#[tokio::test]
async fn should_read_the_query_parameters_that_are_described_and_no_others() {
    let (world, mut seen) = (world(), 0);
    for one in operations() {
        let parameters =
            one.says["parameters"].as_array().unwrap().iter().filter(|parameter| parameter["in"] == "query");
        let described: BTreeSet<String> =
            parameters.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect();
        if described.is_empty() {
            continue;
        }
        let reply = world.send("ada", one.method, &format!("{}?unheard=of", one.target), Value::Null).await;
        assert_eq!(known(&reply.problem(400, "query_unknown")), described, "{}", one.path);
        seen += 1;
    }
    assert!(seen > 8 && world.log.sent().is_empty(), "{seen} lists");
}

#[tokio::test]
async fn should_read_the_fields_that_are_described_and_no_others() {
    let (world, mut seen) = (world(), 0);
    for one in operations() {
        // A webhook is looked up before its change is read, and here there is none.
        let content = &one.says["requestBody"]["content"]["application/json"];
        if content.is_null() || one.says["operationId"] == "updateWebhook" {
            continue;
        }
        let mut body = content["example"].clone();
        body["unheardOf"] = json!(1);
        let headers = [("if-match", "*")];
        let reply = world.send_with("ada", one.method, &one.target, body, &headers).await;
        let name = content["schema"]["$ref"].as_str().unwrap().strip_prefix('#').unwrap();
        let described = api::openapi().pointer(name).unwrap()["properties"].as_object().unwrap();
        let described: BTreeSet<String> = described.keys().cloned().collect();
        assert_eq!(known(&reply.problem(422, "field_unknown")), described, "{} {}", one.path, reply.text);
        seen += 1;
    }
    assert!(seen > 12 && world.log.sent().is_empty(), "{seen} bodies");
}
