//! What `docs/commands.md` says of each command, from here: the tests hold it to what [`parse_line`](super::parse_line) reads, and the page to it.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Map, Value};

use super::build::TYPES;
use super::{Command, LineError, LineKind, parse_line};
use crate::auth::Identity;

/// How much a command needs a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
    /// Another way to say what the field before it says.
    Or,
}

struct Documented {
    name: &'static str,
    who: &'static str,
    fields: &'static [(Need, &'static str, &'static str)],
    examples: &'static [&'static str],
}

use Need::{Optional, Or, Required};

const PROJECT: (Need, &str, &str) = (Required, "project", "id or key");
const TICKET: (Need, &str, &str) =
    (Required, "ticket", "a code such as `\"WEB-12\"`, or a number together with `project`");
const NUMBER: (Need, &str, &str) = (Or, "number", "");
const OF_PROJECT: (Need, &str, &str) = (Optional, "project", "id or key; needed where `ticket` is a number");
const EXPECTED: (Need, &str, &str) =
    (Optional, "expectedVersion", "the version of the ticket that the sender has seen");
const TITLE: &str = "1 to 200 characters";
const DESCRIPTION: (Need, &str, &str) = (Optional, "description", "Markdown, up to 64 KiB");
const PRIORITY: (Need, &str, &str) = (Optional, "priority", "`LOW`, `MEDIUM`, `HIGH` or `URGENT`");
const LABELS: (Need, &str, &str) = (Optional, "labels", "list of texts");
const DUE: (Need, &str, &str) = (Optional, "dueDate", "a time");

const COMMANDS: [Documented; 22] = [
    Documented {
        name: "RegisterUser",
        who: "oneself, administrators",
        fields: &[
            (Required, "email", "the address, of somebody who can sign in"),
            (Or, "source", "where a placeholder comes from, such as `github`; with `login`"),
            (Optional, "login", "the placeholder's name there"),
            (Optional, "name", "what people are shown"),
            (Optional, "admin", "whether the user is an administrator"),
        ],
        examples: &[
            r#"{"type": "RegisterUser", "email": "ana@example.org", "name": "Ana"}"#,
            r#"{"type": "RegisterUser", "source": "github", "login": "octocat"}"#,
        ],
    },
    Documented {
        name: "CreateProject",
        who: "any user",
        fields: &[
            (Required, "key", "2 to 10 characters, `A` to `Z` and digits, the first a letter; for ever"),
            (Required, "name", "what people are shown"),
            (Optional, "description", "a text"),
            (Optional, "ownerHandle", "the sender's `@handle` in it"),
        ],
        examples: &[
            r#"{"type": "CreateProject", "key": "WEB", "name": "Web shop", "description": "Lamps."}"#,
            r#"{"type": "CreateProject", "key": "SHOP", "name": "The shop in town"}"#,
        ],
    },
    Documented {
        name: "UpdateProject",
        who: "maintainer",
        fields: &[
            PROJECT,
            (Optional, "name", "what people are shown"),
            (Optional, "description", "a text"),
            (Optional, "viewerComments", "whether viewers may comment"),
            (Optional, "archived", "if so, nothing else of the project can change"),
        ],
        examples: &[r#"{"type": "UpdateProject", "project": "WEB", "viewerComments": true, "archived": false}"#],
    },
    Documented {
        name: "ConfigureAssignment",
        who: "maintainer",
        fields: &[
            PROJECT,
            (
                Optional,
                "policy",
                "`least_loaded`, `round_robin`, `skills_only` or `manual` ([assignment](assignment.md))",
            ),
            (Optional, "poolOpen", "whether other projects may join the project's pool"),
            (Optional, "pool", "id or key of the project whose pool is joined; its own: it leaves"),
        ],
        examples: &[
            r#"{"type": "ConfigureAssignment", "project": "WEB", "policy": "least_loaded", "poolOpen": true}"#,
            r#"{"type": "ConfigureAssignment", "project": "SHOP", "pool": "WEB"}"#,
        ],
    },
    Documented {
        name: "AddMember",
        who: "maintainer",
        fields: &[
            PROJECT,
            (Required, "user", "an e-mail address or `source:login`"),
            (Optional, "role", "`owner`, `maintainer`, `member` or `viewer`; `member` if missing"),
            (Optional, "capacity", "weight of open work that they can take; 10 if missing"),
            (Optional, "skills", "list of texts, as labels are"),
            (Optional, "handle", "`@handle` in the project; made of the address or login if missing"),
        ],
        examples: &[
            r#"{"type": "AddMember", "project": "WEB", "user": "ana@example.org", "role": "member", "capacity": 10, "skills": ["seo"]}"#,
        ],
    },
    Documented {
        name: "UpdateMember",
        who: "maintainer",
        fields: &[
            PROJECT,
            (Required, "user", "a person"),
            (Or, "userId", "a person"),
            (Optional, "role", "as above"),
            (Optional, "capacity", "as above"),
            (Optional, "skills", "as above"),
            (Optional, "available", "whether they are given work"),
        ],
        examples: &[
            r#"{"type": "UpdateMember", "project": "WEB", "user": "ana@example.org", "role": "maintainer", "available": false}"#,
        ],
    },
    Documented {
        name: "CreateTicket",
        who: "member",
        fields: &[
            PROJECT,
            (Required, "title", TITLE),
            DESCRIPTION,
            PRIORITY,
            LABELS,
            (Optional, "assignee", "a person; somebody is found if missing"),
            (Or, "assigneeId", "a person"),
            DUE,
        ],
        examples: &[
            r#"{"type": "CreateTicket", "project": "WEB", "title": "The basket is empty", "priority": "HIGH", "labels": ["bug"]}"#,
        ],
    },
    Documented {
        name: "ImportTicket",
        who: "maintainer",
        fields: &[
            PROJECT,
            (Required, "title", TITLE),
            (Required, "status", "a state of the project's workflow"),
            (Required, "createdAt", "a time"),
            (Required, "externalSource", "where it comes from, such as `jira`"),
            (Required, "externalId", "its id there; imported once"),
            (Optional, "externalUrl", "its address there"),
            DESCRIPTION,
            PRIORITY,
            LABELS,
            (Optional, "assignee", "a person; nobody if missing"),
            (Or, "assigneeId", "a person"),
            (Optional, "reporter", "a person; the actor if missing"),
            (Or, "reporterId", "a person"),
            DUE,
            (Optional, "updatedAt", "a time"),
        ],
        examples: &[
            r#"{"type": "ImportTicket", "project": "WEB", "title": "Old one", "status": "DONE", "createdAt": "2020-01-31", "externalSource": "jira", "externalId": "X-1"}"#,
        ],
    },
    Documented {
        name: "EditTicket",
        who: "member",
        fields: &[
            TICKET,
            NUMBER,
            OF_PROJECT,
            (Optional, "title", TITLE),
            DESCRIPTION,
            PRIORITY,
            LABELS,
            DUE,
            (Optional, "clearDueDate", "takes the due date away"),
            EXPECTED,
        ],
        examples: &[
            r#"{"type": "EditTicket", "ticket": "WEB-1", "title": "The basket is always empty", "expectedVersion": 1}"#,
        ],
    },
    Documented {
        name: "MoveTicket",
        who: "member",
        fields: &[
            TICKET,
            NUMBER,
            OF_PROJECT,
            (Required, "status", "the new state ([workflows](api.md#workflows))"),
            (Optional, "comment", "a comment that goes with it"),
            EXPECTED,
        ],
        examples: &[r#"{"type": "MoveTicket", "ticket": "WEB-1", "status": "IN_PROGRESS", "comment": "on it"}"#],
    },
    Documented {
        name: "AssignTicket",
        who: "member",
        fields: &[
            TICKET,
            NUMBER,
            OF_PROJECT,
            (Required, "assignee", "a person"),
            (Or, "assigneeId", "a person"),
            EXPECTED,
        ],
        examples: &[r#"{"type": "AssignTicket", "ticket": "WEB-1", "assignee": "ana@example.org"}"#],
    },
    Documented {
        name: "UnassignTicket",
        who: "member",
        fields: &[TICKET, NUMBER, OF_PROJECT, EXPECTED],
        examples: &[r#"{"type": "UnassignTicket", "ticket": "WEB-1"}"#],
    },
    Documented {
        name: "CommentTicket",
        who: "member; viewer if the project says so",
        fields: &[
            TICKET,
            NUMBER,
            OF_PROJECT,
            (Required, "content", "Markdown, up to 32 KiB; `@handle` tells somebody"),
            (Optional, "parentId", "id of the comment that it answers"),
        ],
        examples: &[
            r#"{"type": "CommentTicket", "ticket": "WEB-1", "content": "Seen on two phones."}"#,
            r#"{"type": "CommentTicket", "project": "WEB", "ticket": 1, "content": "And on a tablet."}"#,
        ],
    },
    Documented {
        name: "WatchTicket",
        who: "any member, for themselves",
        fields: &[TICKET, NUMBER, OF_PROJECT],
        examples: &[r#"{"type": "WatchTicket", "ticket": "WEB-1"}"#],
    },
    Documented {
        name: "UnwatchTicket",
        who: "any member, for themselves",
        fields: &[TICKET, NUMBER, OF_PROJECT],
        examples: &[r#"{"type": "UnwatchTicket", "ticket": "WEB-1"}"#],
    },
    Documented {
        name: "DeleteTicket",
        who: "maintainer",
        fields: &[TICKET, NUMBER, OF_PROJECT, EXPECTED],
        examples: &[r#"{"type": "DeleteTicket", "ticket": "WEB-1"}"#],
    },
    Documented {
        name: "ConfigureWorkflow",
        who: "maintainer",
        fields: &[
            PROJECT,
            (Optional, "states", "list of `{ name, open? }`; missing: the workflow is the default again"),
            (Optional, "transitions", "list of `{ from, to, requiresAssignee?, requiresComment?, onlyRoles? }`"),
            (Optional, "expectedWorkflow", "the `ETag` of the one that is replaced ([workflows](api.md#workflows))"),
        ],
        examples: &[
            r#"{"type": "ConfigureWorkflow", "project": "WEB", "states": [{"name": "NEW"}, {"name": "DONE", "open": false}], "transitions": [{"from": "NEW", "to": "DONE", "requiresAssignee": true, "onlyRoles": ["maintainer", "owner"]}]}"#,
        ],
    },
    Documented {
        name: "RemoveMember",
        who: "maintainer",
        fields: &[PROJECT, (Required, "user", "a person"), (Or, "userId", "a person")],
        examples: &[r#"{"type": "RemoveMember", "project": "WEB", "user": "ana@example.org"}"#],
    },
    Documented {
        name: "UpdatePreferences",
        who: "oneself, administrators",
        fields: &[
            (Optional, "user", "an e-mail address or `source:login`; the sender if missing"),
            (Optional, "mutedKinds", "list of names of events"),
            (Optional, "mutedProjects", "list of ids or keys"),
            (Optional, "locale", "`en` or `es`"),
            (Optional, "email", "`immediate`, `hourly`, `daily` or `none` ([notifications](notifications.md#e-mail))"),
            (Optional, "emailHour", "0 to 23"),
            (Optional, "timeZone", "such as `Europe/Madrid`"),
            (Optional, "quietFrom", "such as `22:00`"),
            (Optional, "quietTo", "such as `07:00`"),
        ],
        examples: &[
            r#"{"type": "UpdatePreferences", "mutedKinds": ["ticket.updated"], "mutedProjects": ["WEB"], "email": "daily", "emailHour": 8}"#,
        ],
    },
    Documented {
        name: "ReadNotifications",
        who: "oneself, administrators",
        fields: &[
            (Optional, "user", "an e-mail address or `source:login`; the sender if missing"),
            (Required, "upTo", "the sequence of the last one that was read"),
            (Or, "notificationId", "the one that was read"),
        ],
        examples: &[r#"{"type": "ReadNotifications", "upTo": 0}"#],
    },
    Documented {
        name: "DeactivateUser",
        who: "oneself, administrators",
        fields: &[(Optional, "user", "an e-mail address or `source:login`; the sender if missing")],
        examples: &[r#"{"type": "DeactivateUser", "user": "github:octocat"}"#],
    },
    Documented {
        name: "ReactivateUser",
        who: "administrators",
        fields: &[(Optional, "user", "an e-mail address or `source:login`; the sender if missing")],
        examples: &[r#"{"type": "ReactivateUser", "user": "github:octocat"}"#],
    },
];

/// What every command may have, besides `type`.
const COMMON: [&str; 5] = ["type", "commandId", "actor", "issuedAt", "correlationId"];

/// The part of the page that stands between these.
const BEGIN: &str = "<!-- Made by `api/src/native/reference.rs`; its test says how to make it anew. -->\n";
const END: &str = "<!-- Up to here. -->\n";

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/commands.md");

fn markdown() -> String {
    let mut text = String::new();
    for command in &COMMANDS {
        let _ = write!(text, "\n### {}\n\nWho may: {}.\n\n| field | |\n|---|---|\n", command.name, command.who);
        let mut rows: Vec<(Vec<String>, &str, Need)> = Vec::new();
        for (need, field, meaning) in command.fields {
            match rows.last_mut() {
                Some((names, ..)) if *need == Or && meaning.is_empty() => names.push(format!("`{field}`")),
                _ => rows.push((vec![format!("`{field}`")], meaning, *need)),
            }
        }
        for (names, meaning, need) in rows {
            let need = match need {
                Required => "",
                Optional => "optional: ",
                Or => "or, in the place of the one before: ",
            };
            let _ = writeln!(text, "| {} | {need}{meaning} |", names.join(", "));
        }
        let _ = write!(text, "\n```json\n{}\n```\n", command.examples.join("\n"));
    }
    text + "\n"
}

fn read(object: &Map<String, Value>) -> Result<Command, LineError> {
    let line = serde_json::to_vec(object).unwrap();
    parse_line(&line, LineKind::Command, None, &Identity::new("root@example.org", "Root", true), 1_000)
}

fn example(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn should_document_every_command_once() {
    let names: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
    let (documented, known): (BTreeSet<&str>, BTreeSet<&str>) =
        (names.iter().copied().collect(), TYPES.split(", ").collect());
    assert_eq!((documented.len(), &documented), (names.len(), &known));
}

#[test]
fn should_document_the_fields_that_are_read_and_no_others() {
    for command in &COMMANDS {
        for text in command.examples {
            let mut object = example(text);
            assert_eq!(object["type"], command.name);
            read(&object).unwrap_or_else(|error| panic!("{text}: {error:?}"));
            object.insert("zzz".to_owned(), Value::from(1));
            let error = read(&object).unwrap_err();
            assert_eq!(error.code, "field_unknown", "{text}");
            let (_, known) = error.detail.split_once("known are ").unwrap();
            let known: BTreeSet<&str> = known.split(", ").filter(|name| !COMMON.contains(name)).collect();
            let all: BTreeSet<&str> = command.fields.iter().map(|(_, name, _)| *name).collect();
            assert!(known.is_subset(&all), "{}: {known:?} are read, {all:?} documented", command.name);
            // Of several names for one thing those behind the one that is there are not looked for.
            let must = command.fields.iter().filter(|(need, ..)| *need == Optional).map(|(_, name, _)| *name);
            let unread: Vec<&str> = must.filter(|name| !known.contains(name)).collect();
            let alternatives = ["assignee", "reporter"];
            assert!(unread.iter().all(|name| alternatives.contains(name)), "{}: {unread:?}", command.name);
        }
    }
}

#[test]
fn should_say_which_fields_are_required() {
    for command in &COMMANDS {
        let object = example(command.examples[0]);
        // Without states there can be no transitions.
        let there = |name: &str| object.contains_key(name) && name != "states";
        for (need, name, _) in command.fields.iter().filter(|(_, name, _)| there(name)) {
            let mut without = object.clone();
            without.remove(*name);
            let missing = read(&without).err().map(|error| error.code);
            let expected = (*need == Required).then_some("field_missing");
            assert_eq!(missing, expected, "{} without {name}", command.name);
        }
    }
}

#[test]
fn should_have_made_the_page_of_the_commands() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has a mark where the commands begin");
    let (found, after) = rest.split_once(END).expect("the page has a mark where the commands end");
    let made = markdown();
    if std::env::var_os("SYNCROBOARD_MAKE_DOCS").is_some() {
        std::fs::write(PAGE, format!("{before}{BEGIN}{made}{END}{after}")).unwrap();
        return;
    }
    assert!(
        found == made,
        "docs/commands.md is not as the code says; SYNCROBOARD_MAKE_DOCS=1 cargo test -p syncroboard-api makes it anew"
    );
}
