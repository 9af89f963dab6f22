//! For whoever runs it, and this document.

use serde_json::json;

use crate::openapi::examples;
use crate::openapi::operation::{Operation, Tag};

pub(crate) fn verify() -> Operation {
    Operation::new("verify", Tag::Operation, "Compares stores and read model with the event log")
        .about("For administrators. Stream threads are held meanwhile; the answer ends when the work has.")
        .gives(200, "What was found, or why it could not be done.", &examples::verified())
        .refuses(&["forbidden"])
}

pub(crate) fn alive() -> Operation {
    let ok = json!({ "type": "string", "const": "ok\n" });
    Operation::new("isAlive", Tag::Operation, "Whether the process is alive").gives_text(
        "It is.",
        "text/plain",
        ok,
        "ok\n",
    )
}

pub(crate) fn ready() -> Operation {
    let ready = json!({ "type": "string", "const": "ready\n" });
    Operation::new("isReady", Tag::Operation, "Whether requests can be served")
        .gives_text("They can.", "text/plain", ready, "ready\n")
        .refuses(&["not_ready"])
}

pub(crate) fn metrics() -> Operation {
    let text = json!({ "type": "string" });
    let example = "# TYPE syncroboard_http_requests_total counter\nsyncroboard_http_requests_total 1\n";
    Operation::new("getMetrics", Tag::Operation, "Metrics, in Prometheus' text format").gives_text(
        "All of them.",
        "text/plain",
        text,
        example,
    )
}

pub(crate) fn document() -> Operation {
    Operation::new("getDescription", Tag::Operation, "This document").gives_text(
        "OpenAPI 3.1.",
        "application/json",
        json!({ "type": "object", "required": ["openapi", "info", "paths"] }),
        "",
    )
}
