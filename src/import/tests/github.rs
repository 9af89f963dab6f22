//! Issues as they really come, each awkward shape a line.

use rstest::rstest;
use serde_json::{Value, json};

use super::super::github::{Issue, Repository};
use super::super::mapping::Mapping;
use super::super::ticket::Unusable;

fn issue(changes: &Value) -> Value {
    let mut issue = json!({
        "url": "https://api.github.com/repos/octo/hello/issues/7",
        "repository_url": "https://api.github.com/repos/octo/hello",
        "html_url": "https://github.com/octo/hello/issues/7",
        "id": 1_234_567_890_123_u64, "number": 7, "title": "A title", "body": "A text",
        "user": {"login": "Octocat", "id": 1, "type": "User"},
        "labels": [{"name": "bug", "color": "d73a4a"}], "state": "open",
        "assignee": null, "assignees": [], "milestone": null, "pull_request": null,
        "created_at": "2024-02-29T23:59:59Z", "updated_at": "2024-03-01T00:00:00Z", "closed_at": null,
    });
    for (name, value) in changes.as_object().unwrap() {
        issue[name] = value.clone();
    }
    issue
}

fn convert(issue: &Value) -> Result<Value, Unusable> {
    let issue = Issue::read(issue.to_string().as_bytes())?;
    let repository = issue.repository()?;
    let command = issue.command("HELLO", &repository, &Mapping::default())?;
    Ok(serde_json::from_slice(&command.line).unwrap())
}

#[test]
fn should_make_an_import_command_of_an_issue() {
    let mut command = convert(&issue(&json!({}))).unwrap();
    assert_ne!(command["commandId"].take(), json!("00000000-0000-0000-0000-000000000000"));
    let expected = json!({
        "commandId": null, "type": "ImportTicket", "project": "HELLO", "title": "A title", "description": "A text",
        "labels": ["bug"], "reporter": "github:octocat", "status": "OPEN",
        "createdAt": "2024-02-29T23:59:59Z", "updatedAt": "2024-03-01T00:00:00Z",
        "externalSource": "github:octo/hello", "externalId": "7",
        "externalUrl": "https://github.com/octo/hello/issues/7",
    });
    assert_eq!(command, expected);
}

#[rstest]
#[case::no_text(json!({"body": null}), "description", json!(""))]
#[case::windows_line_ends(json!({"body": "a\r\nb\u{1b}[0m\t"}), "description", json!("a\r\nb\u{1b}[0m\t"))]
#[case::deleted_account(json!({"user": null}), "reporter", json!("github:ghost"))]
#[case::bot(json!({"user": {"login": "dependabot[bot]", "type": "Bot"}}), "reporter", json!("github:dependabot[bot]"))]
#[case::closed(json!({"state": "closed"}), "status", json!("DONE"))]
#[case::pull_request(json!({"pull_request": {"merged_at": null}}), "title", json!("A title"))]
#[case::assignees(json!({"assignees": [{"login": "B"}, {"login": "A"}]}), "assignee", json!("github:b"))]
#[case::only_the_older_field(json!({"assignee": {"login": "B"}, "assignees": null}), "assignee", json!("github:b"))]
#[case::no_labels(json!({"labels": null}), "labels", json!([]))]
#[case::labels_as_text(json!({"labels": ["bug", " bug", "", {"name": null}, {"name": "ñ"}]}), "labels", json!(["bug", "ñ"]))]
#[case::other_scripts(json!({"title": "👩‍🚀 עברית <b>&amp;"}), "title", json!("👩‍🚀 עברית <b>&amp;"))]
#[case::title_over_the_limit(json!({"title": "x".repeat(280)}), "title", json!("x".repeat(280)))]
#[case::no_title(json!({"title": null}), "title", json!(""))]
#[case::no_link(json!({"html_url": null}), "externalUrl", json!(null))]
#[case::never_updated(json!({"updated_at": null}), "updatedAt", json!(null))]
#[case::enterprise(
    json!({"repository_url": "https://git.example.org/api/v3/repos/octo/hello"}),
    "externalSource",
    json!("github:git.example.org/octo/hello")
)]
#[case::repository_from_the_link(json!({"repository_url": null}), "externalSource", json!("github:octo/hello"))]
fn should_convert(#[case] changes: Value, #[case] field: &str, #[case] expected: Value) {
    assert_eq!(convert(&issue(&changes)).unwrap()[field], expected);
}

#[rstest]
#[case(json!({"number": null}), "not_an_issue", "number")]
#[case(json!({"created_at": null}), "not_an_issue", "created_at")]
#[case(json!({"repository_url": null, "html_url": null}), "not_an_issue", "repository_url")]
#[case(json!({"state": "frozen"}), "status_unknown", "frozen")]
#[case(json!({"state": null}), "status_unknown", "None")]
#[case(json!({"number": "seven"}), "malformed", "seven")]
fn should_refuse(#[case] changes: Value, #[case] code: &str, #[case] detail: &str) {
    let why = convert(&issue(&changes)).unwrap_err();
    assert_eq!(why.code, code);
    assert!(why.detail.contains(detail), "{}", why.detail);
}

#[test]
fn should_derive_the_command_id_from_source_id_content_and_project() {
    let id = |changes: Value| convert(&issue(&changes)).unwrap()["commandId"].as_str().unwrap().to_owned();
    let one = id(json!({}));
    assert_eq!(one, id(json!({"comments": 12, "id": 5})), "what is not imported does not count");
    assert_ne!(one, id(json!({"title": "Another"})));
    assert_ne!(one, id(json!({"number": 8})));
    assert_ne!(one, id(json!({"repository_url": "https://api.github.com/repos/octo/other"})));
    let read = Issue::read(issue(&json!({})).to_string().as_bytes()).unwrap();
    let repository = Repository { host: None, owner: "octo".into(), name: "hello".into() };
    assert_ne!(one, read.command("OTHER", &repository, &Mapping::default()).unwrap().id.to_string());
}
