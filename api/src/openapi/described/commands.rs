//! `/commands/{id}` and `/commands:bulk`.

use serde_json::json;

use crate::openapi::examples;
use crate::openapi::operation::{NDJSON, Operation, Tag};

pub(crate) fn read() -> Operation {
    Operation::new("getCommand", Tag::Commands, "What became of a write that was answered with 202")
        .gives(200, "What is known of it.", &examples::accepted())
        .refuses(&["command_not_found"])
}

pub(crate) fn bulk() -> Operation {
    let lines = json!({
        "description": "One native command a line, as JSON: `type`, what it is about (`project`, or `ticket`), and the \
                        fields that the body of the like request has.",
    });
    let example = concat!(
        r#"{"type":"CreateTicket","project":"WEB","title":"The board flickers","assignee":"ada@example.org"}"#,
        "\n",
        r#"{"type":"MoveTicket","ticket":"WEB-12","status":"IN_PROGRESS"}"#,
        "\n"
    );
    Operation::new("runCommands", Tag::Commands, "Many commands at once")
        .about(
            "One result a line, in the order of the lines, each as soon as all before it are there; blank lines get \
             none. A client that sends must also read.",
        )
        .takes_text(NDJSON, lines, example)
        .gives_lines("What became of each.", &examples::bulk_line())
        .refuses(&["media_type", "registration_refused"])
}
