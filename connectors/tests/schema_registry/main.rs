//! The schema registry's client against a real registry, directly and through a proxy that makes trouble.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

mod lookups;
mod pipeline;
mod proxy;
#[path = "../../../tests/support/services.rs"]
mod services;
mod start;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use connectors::registry::{ConfluentRegistry, RegistryConfig, RegistryError};
use serde_json::{Value, json};

use crate::proxy::Proxy;

/// How long anything may take that must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// How the registry behind `proxy` is reached, with calls that time out soon.
fn config(proxy: &Proxy) -> RegistryConfig {
    let mut config = RegistryConfig::new(proxy.url());
    config.timeout = Duration::from_secs(2);
    config
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn connect(proxy: &Proxy) -> Result<Arc<ConfluentRegistry>, RegistryError> {
    block_on(ConfluentRegistry::connect_once(&config(proxy)))
}

/// A call past the client under test; what the registry answered.
fn call(proxy: &Proxy, method: &str, path: &str, body: Option<Value>) -> Value {
    let url = format!("{}{path}", proxy.url());
    let mut request = reqwest::blocking::Client::new().request(method.parse().unwrap(), &url);
    if let Some(body) = body {
        request = request.header("Content-Type", "application/vnd.schemaregistry.v1+json").body(body.to_string());
    }
    let response = request.send().unwrap();
    let status = response.status();
    let text = response.text().unwrap();
    assert!(status.is_success(), "{method} {url}: {status} {text}");
    serde_json::from_str(&text).unwrap()
}

/// Registers a schema as another client would; its id.
fn register(proxy: &Proxy, subject: &str, avsc: &str) -> u32 {
    register_as(proxy, subject, "AVRO", avsc)
}

fn register_as(proxy: &Proxy, subject: &str, kind: &str, schema: &str) -> u32 {
    let body = json!({ "schema": schema, "schemaType": kind });
    let id = call(proxy, "POST", &format!("/subjects/{subject}/versions"), Some(body))["id"].as_u64();
    u32::try_from(id.unwrap()).unwrap()
}

/// The schema, changed, as another client might have it: same record, another text, so another id.
fn edited(avsc: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut schema: Value = serde_json::from_str(avsc).unwrap();
    change(&mut schema);
    schema.to_string()
}

/// The same record in another client's words, which no other test uses.
fn foreign(avsc: &str) -> String {
    edited(avsc, |schema| schema["doc"] = json!(services::unique("said otherwise")))
}
