//! Imports that send nothing.

use serde_json::json;

use super::super::args::ImportArgs;
use super::super::error::Exit;
use super::desk::{Desk, run};

/// Runs dry, and shows that nobody heard of it.
fn dry(desk: &Desk, content: &str, changes: ImportArgs) -> (String, Exit) {
    let file = desk.file(content);
    let args = ImportArgs { dry_run: true, server: "http://127.0.0.1:1".into(), ..desk.args(&file) };
    let done = run(&ImportArgs { project: changes.project, mapping: changes.mapping, ..args }).unwrap();
    assert!(!desk.rejects().exists());
    done
}

#[test]
fn should_count_what_would_be_made_without_a_server() {
    let desk = Desk::new();
    let issue = |number: u32| {
        json!({"key": format!("WEB-{number}"), "fields": {
            "summary": "x", "created": "2024-01-01", "assignee": {"name": "ana"}, "reporter": {"name": "bob"},
            "comment": {"total": 3, "comments": [{"author": {"name": "ana"}, "body": "a"}, {"body": "b"}]},
        }})
        .to_string()
    };
    let (text, exit) = dry(&desk, &[issue(1), issue(2), "{\"cut".into()].join("\n"), ImportArgs::default());
    assert_eq!(exit, Exit::Rejected);
    let sum = "Dry run, nothing was sent: 3 users, 1 project, 1 member, 2 tickets, 4 comments; 1 rejected\n";
    assert!(text.contains(sum), "{text}");
    assert!(text.contains("  line 3: malformed: ") && text.contains("  malformed: 1\n"), "{text}");
    assert!(text.contains("2 comments of these issues are not in the input"), "{text}");
}

#[test]
fn should_count_native_commands_by_their_type() {
    let desk = Desk::new();
    let content = r#"{"type":"CreateProject","key":"WEB","name":"Web"}
{"type":"CreateTicket","project":"WEB","title":"x"}
{"type":"CreateTicket","project":"WEB","title":"y"}
"#;
    let (text, exit) = dry(&desk, content, ImportArgs::default());
    assert_eq!(exit, Exit::Done);
    assert!(
        text.contains("nothing was sent: 3 commands, 0 rejected\n  CreateProject: 1\n  CreateTicket: 2\n"),
        "{text}"
    );
}

#[test]
fn should_tell_what_a_table_would_become() {
    let desk = Desk::new();
    let project = ImportArgs { project: Some("WEB".into()), ..ImportArgs::default() };
    let (text, exit) = dry(&desk, "Summary,Created,Status\na,2024-01-01,Odd\nb,2024-01-01,Odd\n", project);
    assert_eq!(exit, Exit::Done);
    assert!(text.contains("0 users, 1 project, 0 members, 2 tickets, 0 comments; 0 rejected\n"), "{text}");
    assert!(text.contains("  state \"Odd\" is taken as ODD (2 times)\n"), "{text}");
}
