//! Jira's issues as they really come, each awkward shape a line.

use rstest::rstest;
use serde_json::{Value, json};

use super::super::jira::Issue;
use super::super::mapping::Mapping;
use super::super::people::{Account, Person};
use super::super::ticket::{ForeignTicket, Unusable};

fn ana() -> Value {
    json!({"accountId": "5b10", "emailAddress": "Ana@example.org", "displayName": "Ana Ruiz", "active": true})
}

/// An issue with these fields put over the usual ones.
fn issue(changes: &Value) -> Value {
    let mut issue = json!({
        "expand": "operations", "id": "10002", "key": "WEB-7",
        "self": "https://Example.atlassian.net/rest/api/3/issue/10002",
        "fields": {
            "summary": "A title", "description": null, "issuetype": {"name": "Bug"},
            "status": {"name": "To Do", "statusCategory": {"key": "new"}}, "priority": {"name": "High", "id": "2"},
            "assignee": null, "reporter": ana(), "labels": ["a", "b", "a"], "resolution": null,
            "project": {"key": "WEB", "name": "Web shop"},
            "created": "2024-02-29T23:59:59.000+0100", "updated": "2024-03-01T00:00:00.000+0000", "duedate": "2024-05-01",
            "comment": {"comments": [], "maxResults": 0, "total": 0, "startAt": 0},
        },
    });
    for (name, value) in changes.as_object().unwrap() {
        if name == "key" || name == "self" || name == "fields" {
            issue[name] = value.clone();
        } else {
            issue["fields"][name] = value.clone();
        }
    }
    issue
}

fn read(changes: &Value) -> Result<Issue, Unusable> {
    Issue::read(issue(changes).to_string().as_bytes())
}

fn ticket(changes: &Value) -> Result<ForeignTicket, Unusable> {
    read(changes)?.ticket(&mut Mapping::default())
}

fn command(changes: &Value) -> Result<Value, Unusable> {
    Ok(serde_json::from_slice(&ticket(changes)?.command("WEB")?.line).unwrap())
}

#[test]
fn should_make_an_import_command_of_an_issue() {
    let mut command = command(&json!({})).unwrap();
    assert_ne!(command["commandId"].take(), json!("00000000-0000-0000-0000-000000000000"));
    let expected = json!({
        "commandId": null, "type": "ImportTicket", "project": "WEB", "title": "A title", "description": "",
        "labels": ["a", "b"], "reporter": "ana@example.org", "status": "OPEN", "priority": "HIGH",
        "createdAt": "2024-02-29T23:59:59.000+01:00", "updatedAt": "2024-03-01T00:00:00.000+00:00", "dueDate": "2024-05-01",
        "externalSource": "jira:example.atlassian.net", "externalId": "WEB-7",
        "externalUrl": "https://Example.atlassian.net/browse/WEB-7",
    });
    assert_eq!(command, expected);
}

#[rstest]
#[case::document(
    json!({"description": {"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "x"}]}]}}),
    "description", json!("x")
)]
#[case::wiki_text(json!({"description": "h1. x\r\ny"}), "description", json!("h1. x\r\ny"))]
#[case::nul(json!({"summary": "a\u{0}b"}), "title", json!("a\u{0}b"))]
#[case::no_title(json!({"summary": null}), "title", json!(""))]
#[case::category(json!({"status": {"name": "QA", "statusCategory": {"key": "indeterminate"}}}), "status", json!("IN_PROGRESS"))]
#[case::no_category(json!({"status": {"name": "Ready to go"}}), "status", json!("READY_TO_GO"))]
#[case::no_status(json!({"status": null}), "status", json!("OPEN"))]
#[case::no_priority(json!({"priority": null}), "priority", json!(null))]
#[case::other_priority(json!({"priority": {"name": "P9"}}), "priority", json!("MEDIUM"))]
#[case::no_reporter(json!({"reporter": null}), "reporter", json!("jira:anonymous"))]
#[case::creator(json!({"reporter": null, "creator": ana()}), "reporter", json!("ana@example.org"))]
#[case::hidden_address(json!({"reporter": {"accountId": "557058:F5", "displayName": "B"}}), "reporter", json!("jira:557058:f5"))]
#[case::data_center(json!({"reporter": {"name": "bob stone", "key": "JIRAUSER1"}}), "reporter", json!("jira:bob-stone"))]
#[case::no_address(json!({"reporter": {"name": "bob", "emailAddress": "?"}}), "reporter", json!("jira:bob"))]
#[case::assignee(json!({"assignee": ana()}), "assignee", json!("ana@example.org"))]
#[case::nobody(json!({"assignee": {}}), "assignee", json!(null))]
#[case::never_updated(json!({"updated": null, "duedate": ""}), "updatedAt", json!(null))]
#[case::no_labels(json!({"labels": null}), "labels", json!([]))]
#[case::no_comments(json!({"comment": null}), "externalId", json!("WEB-7"))]
#[case::no_address_of_its_own(json!({"self": null}), "externalSource", json!("jira"))]
#[case::below_a_path(json!({"self": "http://host:8080/jira/rest/api/2/issue/1"}), "externalUrl", json!("http://host:8080/jira/browse/WEB-7"))]
fn should_convert(#[case] changes: Value, #[case] field: &str, #[case] expected: Value) {
    assert_eq!(command(&changes).unwrap()[field], expected);
}

#[rstest]
#[case(json!({"fields": null}), "not_an_issue", "fields")]
#[case(json!({"created": null}), "not_an_issue", "fields.created")]
#[case(json!({"created": "soon"}), "date_invalid", "fields.created: \"soon\"")]
#[case(json!({"summary": 7}), "malformed", "expected a string")]
#[case(json!({"labels": "a"}), "malformed", "expected a sequence")]
fn should_refuse(#[case] changes: Value, #[case] code: &str, #[case] detail: &str) {
    let why = ticket(&changes).unwrap_err();
    assert_eq!(why.code, code);
    assert!(why.detail.contains(detail), "{}", why.detail);
}

#[rstest]
#[case::lone_surrogate(
    r#"{"key":"A-1","fields":{"summary":"\ud800"}}"#,
    "(half of a pair of \\u escapes stands alone)"
)]
#[case::lone_surrogate_amid_text(r#"{"key":"A-1","fields":{"summary":"\ud800 x"}}"#, "stands alone")]
#[case::second_half_alone(r#"{"key":"A-1","fields":{"summary":"\udc00 x"}}"#, "column 40: not JSON: ")]
#[case::cut(r#"{"key":"A-1","fields":{"summ"#, "column 28: not JSON: EOF while parsing a string")]
#[case::control(&"{\"key\":\"A\u{0}-1\"}", "control character")]
fn should_say_where_a_record_is_no_json(#[case] record: &str, #[case] detail: &str) {
    let why = Issue::read(record.as_bytes()).unwrap_err();
    assert_eq!(why.code, "malformed");
    assert!(why.detail.contains(detail), "{}", why.detail);
}

#[test]
fn should_refuse_what_is_nested_without_end() {
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    for field in ["description", "unknown"] {
        let record = issue(&json!({})).to_string();
        let deep = record.replacen("\"fields\":{", &format!("\"fields\":{{\"{field}\":{deep},"), 1);
        let read = Issue::read(deep.replace("\"description\":null,", "").as_bytes());
        assert_eq!(read.is_err(), field == "description", "what is not read may be anything");
    }
}

#[test]
fn should_take_comments_with_their_authors_and_when_they_were_written() {
    let document =
        json!({"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "Yes."}]}]});
    let comments = json!([
        {"id": "1", "author": ana(), "body": "Seen.", "created": "2024-03-01T10:00:00.000+0000"},
        {"id": "2", "author": null, "body": document},
        {"id": "3", "author": ana(), "body": " "},
    ]);
    let changes = json!({"comment": {"comments": comments, "total": 5}});
    let ticket = ticket(&changes).unwrap();
    assert_eq!(ticket.comments.len(), 2, "what says nothing is no comment");
    assert_eq!(ticket.comments[0].content, "*2024-03-01T10:00:00.000+00:00*\n\nSeen.");
    assert_eq!(ticket.comments[0].author.key(), "ana@example.org");
    assert_eq!(
        (ticket.comments[1].content.as_str(), ticket.comments[1].author.key()),
        ("Yes.", "jira:anonymous".into())
    );
    assert_eq!(read(&changes).unwrap().missing_comments(), 2);
    assert_eq!(read(&json!({})).unwrap().missing_comments(), 0);
}

#[test]
fn should_name_a_project_for_the_one_that_the_issue_is_of() {
    let origin = read(&json!({})).unwrap().project().unwrap();
    assert_eq!((origin.stem.as_str(), origin.name.as_str()), ("WEB", "Web shop"));
    assert_eq!(origin.description(), "Imported from https://Example.atlassian.net/browse/WEB");
    let origin = read(&json!({"project": null, "self": null, "key": "A_B-12"})).unwrap().project().unwrap();
    assert_eq!((origin.stem.as_str(), origin.url.as_str()), ("A_B", "jira:A_B"));
    assert_eq!(read(&json!({"project": null, "key": "12"})).unwrap().project().unwrap_err().code, "not_an_issue");
}

#[test]
fn should_know_people_by_any_of_their_names_in_the_mapping_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("mapping.yaml");
    for name in ["5b10", "ana@EXAMPLE.org", "Ana Ruiz"] {
        std::fs::write(&file, format!("people:\n  {name}: sso:ana\nstates:\n  To Do: NEW\n")).unwrap();
        let ticket = read(&json!({})).unwrap().ticket(&mut Mapping::open(&file).unwrap()).unwrap();
        let account = Account::Login { source: "sso".into(), login: "ana".into() };
        assert_eq!(ticket.reporter, Some(Person { account, name: "Ana Ruiz".into() }));
        assert_eq!(ticket.status, "NEW");
    }
}
