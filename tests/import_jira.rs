//! `syncroboard import` of Jira's issues and of tables against `syncroboard dev`: the real binary, twice.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail where it stands")]

mod support;

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use support::{Home, text};

/// A running server and a token for it.
struct Site {
    server: support::Server,
    token: String,
    home: Home,
}

impl Site {
    fn start() -> Self {
        let home = Home::new();
        let server = home.start();
        let token = home.token();
        Self { server, token, home }
    }

    fn import(&self, content: &[u8], arguments: &[&str]) -> Output {
        let file = self.home.file("input", content);
        let mut command = self.home.command(&["import", "--server", &self.server.url, "--token", &self.token]);
        command.args(arguments).arg(file).output().unwrap()
    }

    fn get(&self, path: &str) -> Value {
        self.server.get(&self.token, path)
    }

    fn columns(&self, project: &str) -> Vec<(String, u64)> {
        self.server.settle(&self.token, project);
        self.server.columns(&self.token, project)
    }
}

fn issue(number: u32, status: &str) -> Value {
    let ana = json!({"accountId": "5b10", "emailAddress": "Ana@example.org", "displayName": "Ana Ruiz"});
    let bob = json!({"accountId": "557058:F58131CB", "displayName": "Bob Stone"});
    json!({
        "id": number.to_string(), "key": format!("SHOP-{number}"),
        "self": format!("https://example.atlassian.net/rest/api/3/issue/{number}"),
        "fields": {
            "summary": format!("Issue {number} \u{0} ñ"), "priority": {"name": "Highest"}, "labels": ["bug"],
            "description": {"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "It fails."}]}]},
            "status": {"name": status, "statusCategory": {"key": "new"}}, "assignee": bob, "reporter": ana,
            "created": "2024-02-29T23:59:59.000+0000", "updated": "2024-03-01T00:00:00.000+0000", "duedate": "2024-05-01",
            "project": {"key": "SHOP", "name": "Web shop"},
            "comment": {"total": 2, "comments": [
                {"id": "1", "author": ana, "body": "Seen.", "created": "2024-03-01T10:00:00.000+0000"},
                {"id": "2", "author": bob, "body": "Gone.", "created": "2024-03-02T10:00:00.000+0000"},
            ]},
        },
    })
}

#[test]
fn should_bring_a_search_result_of_jira_onto_a_board_with_its_comments() {
    let site = Site::start();
    let page = json!({"startAt": 0, "issues": [issue(1, "To Do"), issue(2, "Waiting"), issue(3, "Done")]}).to_string();
    let first = site.import(page.as_bytes(), &[]);
    let told = text(&first);
    assert_eq!(first.status.code(), Some(0), "{told}");
    assert!(told.contains("3 created, 0 unchanged, 0 rejected") && told.contains("6 comments: 6 created"), "{told}");
    assert!(told.contains("state \"Waiting\" is taken as OPEN (1 time)"), "{told}");
    let counts = site.columns("SHOP");
    assert!(counts.contains(&("OPEN".into(), 2)) && counts.contains(&("DONE".into(), 1)), "{counts:?}");

    let ticket = site.get("/tickets/SHOP-1");
    assert_eq!((&ticket["priority"], &ticket["description"]), (&json!("URGENT"), &json!("It fails.")));
    assert!(ticket["dueDate"].as_str().unwrap().starts_with("2024-05-01"));
    let name = |id: &Value| site.get(&format!("/users/{}", id.as_str().unwrap()))["name"].clone();
    assert_eq!([name(&ticket["reporterId"]), name(&ticket["assigneeId"])], ["Ana Ruiz", "Bob Stone"]);
    let comments = site.get("/tickets/SHOP-1/comments");
    let comments = comments["items"].as_array().unwrap();
    assert_eq!(comments.len(), 2);
    assert_eq!(comments[0]["content"], "*2024-03-01T10:00:00.000+00:00*\n\nSeen.");
    assert_eq!([name(&comments[0]["authorId"]), name(&comments[1]["authorId"])], ["Ana Ruiz", "Bob Stone"]);

    let again = site.import(page.as_bytes(), &[]);
    let told = text(&again);
    assert_eq!(again.status.code(), Some(0), "{told}");
    assert!(told.contains("0 created, 3 unchanged, 0 rejected"), "{told}");
    assert!(told.contains("6 comments: 0 created, 6 unchanged, 0 rejected"), "{told}");

    // Another command, so that the server compares references, and only the ids of the comments tell.
    let changed = page.replace("It fails.", "It fails often.");
    let told = text(&site.import(changed.as_bytes(), &[]));
    assert!(told.contains("already_imported: 3") && told.contains("6 comments: 0 created, 6 unchanged"), "{told}");
    assert_eq!(site.get("/tickets/SHOP-1/comments")["items"].as_array().unwrap().len(), 2);
}

#[test]
fn should_bring_a_table_through_a_pipe_onto_a_board_as_the_mapping_file_says() {
    let site = Site::start();
    let mapping = site.home.file("mapping.yaml", b"states: {Odd: IN_PROGRESS}\npeople: {Bob Stone: sso:bob}\n");
    let table = "What,Status,Tags,Who,Created\nOne,Odd,\"a, b\",Bob Stone,2024-01-31\nTwo,Done,,,2024-01-31 10:00\n";
    let mut command = site.home.command(&["import", "--server", &site.server.url, "--token", &site.token]);
    command.args(["--project", "OPS", "--map", "title=What,assignee=Who", "--mapping"]).arg(mapping).arg("-");
    let mut import = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    import.stdin.take().unwrap().write_all(table.as_bytes()).unwrap();
    let output = import.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("2 created, 0 unchanged, 0 rejected"), "{}", text(&output));
    let counts = site.columns("OPS");
    assert!(counts.contains(&("IN_PROGRESS".into(), 1)) && counts.contains(&("DONE".into(), 1)), "{counts:?}");
    let ticket = site.get("/tickets/OPS-1");
    assert_eq!((&ticket["title"], &ticket["labels"]), (&json!("One"), &json!(["a", "b"])));
}

/// What is wrong with an input, the arguments, the status, and what is told.
#[test]
fn should_say_of_bad_input_what_and_where_and_end_with_a_fitting_status() {
    let home = Home::new();
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let in_issue = json!({"key": "A-1", "fields": {"created": "2024-01-01", "description": "DEEP"}}).to_string();
    let table: &[&str] = &["--project", "WEB"];
    let cases: [(&str, Vec<u8>, &[&str], i32, &str); 9] = [
        ("nothing", Vec::new(), &[], 1, "the file: input_empty: there is nothing in it"),
        ("a broken quote", b"Summary,Created\n\"a\"b,2024-01-01\n".into(), table, 1, "line 2: quote_broken: "),
        ("a quote left open", b"Summary,Created\n\"a,2024-01-01\n".into(), table, 1, "never closed (line 2)"),
        ("Latin-1", b"Summary,Created\n\xe9,2024-01-01\n".into(), table, 1, "line 2: not_utf8: column \"Summary\""),
        (
            "JSON in Latin-1",
            b"{\"key\":\"A-\xe9\",\"fields\":{}}\n".into(),
            &["--from", "jira"],
            1,
            "line 1: malformed: column 11",
        ),
        ("half a pair", br#"{"key":"A-1","fields":{"summary":"\ud800"}}"#.into(), &[], 1, "line 1: malformed: column "),
        ("a cut record", b"{\"issues\":[{\"key\":\"A-1\",\"fie".into(), &[], 1, "item 1: input_damaged: "),
        ("arrays alone", deep.clone().into(), &[], 1, "item 1: input_damaged: more than 16 arrays in arrays"),
        ("arrays in a record", in_issue.replace("\"DEEP\"", &deep).into(), &[], 1, "nested more than 127 deep"),
    ];
    for (what, content, arguments, status, told) in cases {
        let file = home.file("input", &content);
        let output = home.command(&["import", "--dry-run"]).args(arguments).arg(file).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{what}: {}", text(&output));
        assert!(text(&output).contains(told) && !text(&output).contains("panicked"), "{what}: {}", text(&output));
    }
    let file = home.file("input", b"Summary,Created\na,2024-01-01\n");
    let output =
        home.command(&["import", "--dry-run", "--project", "WEB", "--map", "title=Sumary"]).arg(file).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("no such column; it has \"Created\", \"Summary\""), "{}", text(&output));
}
