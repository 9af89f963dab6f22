//! Whole imports from Jira: pages, comments, and doing it again.

use serde_json::{Value, json};

use super::super::args::ImportArgs;
use super::super::error::Exit;
use super::desk::{Desk, run};
use super::fake::Trouble;

fn issue(number: u32, comments: u32) -> Value {
    let person = |name: &str| json!({"accountId": name, "displayName": name.to_uppercase()});
    let comments: Vec<Value> = (1..=comments)
        .map(|n| json!({"id": format!("{number}0{n}"), "author": person("carl"), "body": format!("Comment {n}")}))
        .collect();
    json!({
        "id": format!("100{number}"), "key": format!("WEB-{number}"),
        "self": format!("https://example.atlassian.net/rest/api/3/issue/100{number}"),
        "fields": {
            "summary": format!("Issue {number}"), "description": null,
            "status": {"name": "Waiting", "statusCategory": {"key": "new"}}, "priority": {"name": "Medium"},
            "assignee": person("ana"), "reporter": {"emailAddress": "bob@example.org", "displayName": "Bob"},
            "labels": [], "created": "2024-01-01T00:00:00.000+0000", "project": {"key": "WEB", "name": "Web"},
            "comment": {"total": comments.len(), "comments": comments},
        },
    })
}

fn page(issues: &[Value]) -> String {
    json!({"startAt": 0, "total": issues.len(), "issues": issues}).to_string()
}

#[test]
fn should_bring_in_people_project_and_member_then_tickets_then_comments() {
    let desk = Desk::new();
    let content = format!("{}\n{}", page(&[issue(1, 2), issue(2, 0)]), page(&[issue(3, 1)]));
    let (text, exit) = desk.run(&content).unwrap();
    assert_eq!(exit, Exit::Done, "{text}");
    assert!(text.contains("Made on the way: 3 users, 1 project, 1 member\n"), "{text}");
    assert!(text.contains("3 created, 0 unchanged, 0 rejected\n"), "{text}");
    assert!(text.contains("3 comments: 3 created, 0 unchanged, 0 rejected\n"), "{text}");
    assert!(text.contains("  state \"Waiting\" is taken as OPEN (3 times)\n"), "{text}");
    assert!(text.contains("  person \"CARL\" is taken as the placeholder jira:carl (3 times)\n"), "{text}");
    let facts = desk.server.facts();
    let kinds: Vec<&str> = facts.applied.iter().map(|command| command["type"].as_str().unwrap()).collect();
    let expected =
        [["RegisterUser"; 3].as_slice(), &["CreateProject", "AddMember"], &["ImportTicket"; 3], &["CommentTicket"; 3]];
    assert_eq!(kinds, expected.concat());
    let comments: Vec<_> =
        facts.applied_of("CommentTicket").iter().map(|c| [c["ticket"].clone(), c["actor"].clone()]).collect();
    let carl = json!("jira:carl");
    assert_eq!(comments, [[json!("WEB-1"), carl.clone()], [json!("WEB-1"), carl.clone()], [json!("WEB-3"), carl]]);
    assert_eq!(facts.projects["WEB"]["description"], "Imported from https://example.atlassian.net/browse/WEB");
}

#[test]
fn should_leave_nothing_twice_when_run_again_soon_or_late() {
    let desk = Desk::new();
    let content = page(&[issue(1, 2), issue(2, 1)]);
    desk.run(&content).unwrap();
    let again = |what: &str| {
        let (text, exit) = desk.run(&content).unwrap();
        assert_eq!(exit, Exit::Done, "{what}: {text}");
        assert!(text.contains("0 created, 2 unchanged, 0 rejected\n"), "{what}: {text}");
        assert!(text.contains("3 comments: 0 created, 3 unchanged, 0 rejected\n"), "{what}: {text}");
        assert_eq!(desk.server.facts().applied_of("CommentTicket").len(), 3, "{what}");
    };
    again("while the server remembers the commands");
    desk.server.facts().forget();
    again("when it does not any more");
}

#[test]
fn should_leave_no_comment_twice_whose_author_or_words_are_others_now() {
    let desk = Desk::new();
    desk.run(&page(&[issue(1, 2)])).unwrap();
    let mapping = desk.directory.path().join("mapping.yaml");
    std::fs::write(&mapping, "people: {carl: carl@example.org}\n").unwrap();
    let file = desk.file(&page(&[issue(1, 2)]).replace("Comment 1", "Comment one"));
    let args = ImportArgs { mapping: Some(mapping), ..desk.args(&file) };
    for what in ["while the server remembers the commands", "when it does not any more"] {
        let (text, _) = run(&args).unwrap();
        assert!(text.contains("2 comments: 0 created, 2 unchanged, 0 rejected\n"), "{what}: {text}");
        desk.server.facts().forget();
    }
}

#[test]
fn should_send_no_comments_to_a_ticket_that_was_deleted_here() {
    let desk = Desk::new();
    desk.run(&page(&[issue(1, 2)])).unwrap();
    desk.server.facts().forget();
    desk.server.facts().deleted.insert("WEB-1".to_owned());
    let (text, exit) = desk.run(&page(&[issue(1, 2)])).unwrap();
    assert_eq!(exit, Exit::Done, "{text}");
    assert!(text.contains("2 comments of tickets that are here and cannot be read"), "{text}");
    assert_eq!(desk.server.facts().applied_of("CommentTicket").len(), 2);
}

#[test]
fn should_bring_the_comments_that_are_missing_on_a_ticket_that_is_there() {
    let desk = Desk::new();
    desk.run(&page(&[issue(1, 1)])).unwrap();
    desk.server.facts().forget();
    let (text, _) = desk.run(&page(&[issue(1, 3)])).unwrap();
    assert!(text.contains("0 created, 1 unchanged, 0 rejected\n"), "{text}");
    assert!(text.contains("3 comments: 2 created, 1 unchanged, 0 rejected\n"), "{text}");
}

#[test]
fn should_go_on_where_the_connection_broke_between_tickets_and_comments() {
    let desk = Desk::new();
    let issues: Vec<Value> = (1..=40).map(|number| issue(number, 3)).collect();
    desk.server.trouble([100, 0, 50, 2_000, 0, 3_000, 1, 500].map(Trouble::CutAfter));
    let (text, exit) = desk.run(&page(&issues)).unwrap();
    assert_eq!(exit, Exit::Done, "{text}");
    let facts = desk.server.facts();
    assert!(facts.trouble.is_empty());
    assert_eq!(facts.applied_of("ImportTicket").len(), 40);
    assert_eq!(facts.applied_of("CommentTicket").len(), 120);
}

#[test]
fn should_keep_an_issue_once_for_all_its_comments_that_were_refused() {
    let desk = Desk::new();
    desk.server.rule(|command| (command["type"] == "CommentTicket").then(|| ("content_too_long", "long".into())));
    let content = [issue(1, 3), issue(2, 0)].map(|issue| issue.to_string()).join("\n");
    let (text, exit) = desk.run(&content).unwrap();
    assert_eq!(exit, Exit::Rejected);
    assert!(text.contains("  line 1: a comment: content_too_long: long\n"), "{text}");
    assert!(text.contains("2 created, 0 unchanged, 0 rejected\n"), "{text}");
    assert!(text.contains("3 comments: 0 created, 0 unchanged, 3 rejected\n  content_too_long: 3\n"), "{text}");
    let kept = desk.rejected();
    assert_eq!((kept.len(), &kept[0]["key"]), (1, &json!("WEB-1")));

    let rejects = std::fs::read_to_string(desk.rejects()).unwrap();
    desk.server.rule(|_| None);
    let (text, exit) = desk.run(&rejects.replace("Comment ", "Short ")).unwrap();
    assert_eq!(exit, Exit::Done, "{text}");
    assert!(text.contains("1 unchanged") && text.contains("3 comments: 3 created"), "{text}");
}

#[test]
fn should_send_no_comments_of_a_ticket_that_was_refused() {
    let desk = Desk::new();
    desk.server.rule(|command| (command["type"] == "ImportTicket").then(|| ("title_too_long", "long".into())));
    let (text, exit) = desk.run(&page(&[issue(1, 2)])).unwrap();
    assert_eq!(exit, Exit::Rejected);
    assert!(!text.contains("comment"), "{text}");
    assert!(desk.server.facts().applied_of("CommentTicket").is_empty());
}

#[test]
fn should_take_what_the_mapping_file_says_and_refuse_one_that_is_wrong_before_anything_is_sent() {
    let desk = Desk::new();
    let mapping = desk.directory.path().join("mapping.yaml");
    std::fs::write(
        &mapping,
        "states: {Waiting: NEW}\npriorities: {Medium: URGENT}\npeople: {carl: carl@example.org}\n",
    )
    .unwrap();
    let file = desk.file(&page(&[issue(1, 1)]));
    let args = ImportArgs { mapping: Some(mapping.clone()), project: Some("OPS".into()), ..desk.args(&file) };
    let (text, _) = run(&args).unwrap();
    assert!(!text.contains("Waiting") && !text.contains("CARL") && text.contains("jira:ana"), "{text}");
    {
        let facts = desk.server.facts();
        let ticket = facts.applied_of("ImportTicket")[0];
        assert_eq!([&ticket["project"], &ticket["status"], &ticket["priority"]], ["OPS", "NEW", "URGENT"]);
        assert_eq!(facts.applied_of("CommentTicket")[0]["actor"], "carl@example.org");
    }
    let requests = desk.server.facts().requests;
    std::fs::write(&mapping, "state: {}\n").unwrap();
    let error = run(&args).unwrap_err();
    assert_eq!(error.code(), 2);
    assert!(error.to_string().contains("mapping.yaml: unknown field `state`"), "{error}");
    let gone = ImportArgs { mapping: Some(desk.directory.path().join("gone.yaml")), ..args };
    assert!(run(&gone).unwrap_err().to_string().contains("cannot read the mapping file"));
    assert_eq!(desk.server.facts().requests, requests);
}

#[test]
fn should_report_what_cannot_be_read_and_import_the_rest() {
    let desk = Desk::new();
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let nested = issue(4, 0).to_string().replace("\"description\":null", &format!("\"description\":{deep}"));
    let surrogate = issue(5, 0).to_string().replace("Issue 5", "\\udc00");
    let mut content =
        [issue(1, 0).to_string(), issue(2, 0).to_string().replace("Issue 2", "Issue \\u0000")].join("\n").into_bytes();
    content.extend_from_slice(b"\n");
    content.extend_from_slice(
        &issue(3, 0).to_string().into_bytes().iter().map(|&b| if b == b'I' { 0xff } else { b }).collect::<Vec<_>>(),
    );
    content.extend_from_slice(format!("\n{nested}\n{surrogate}\n{}", &issue(6, 0).to_string()[..90]).as_bytes());
    let file = desk.directory.path().join("input.jsonl");
    std::fs::write(&file, &content).unwrap();
    let (text, exit) = run(&desk.args(&file)).unwrap();
    assert_eq!(exit, Exit::Rejected);
    for line in 3..=6 {
        assert!(text.contains(&format!("  line {line}: malformed: column ")), "{line}: {text}");
    }
    assert!(
        text.contains("nested more than")
            && text.contains("not UTF-8")
            && text.contains("2 created, 0 unchanged, 4 rejected\n"),
        "{text}"
    );
    let kept = std::fs::read(desk.rejects()).unwrap();
    let read: Vec<&[u8]> = content.split(|&byte| byte == b'\n').skip(2).collect();
    assert_eq!(kept.trim_ascii_end().split(|&byte| byte == b'\n').collect::<Vec<_>>(), read, "nothing is lost");
}

#[test]
fn should_keep_what_was_there_of_a_record_that_is_cut() {
    let desk = Desk::new();
    let whole = page(&[issue(1, 0), issue(2, 0)]);
    let (text, exit) = desk.run(&whole[..whole.len() - 40]).unwrap();
    assert_eq!(exit, Exit::Rejected);
    assert!(text.contains("  item 2: input_damaged: the input ends in the middle of a record"), "{text}");
    assert!(text.contains("1 created, 0 unchanged, 1 rejected\n"), "{text}");
    let kept = std::fs::read_to_string(desk.rejects()).unwrap();
    assert!(issue(2, 0).to_string().starts_with(kept.trim_end()) && kept.len() > 100, "{kept}");
}
