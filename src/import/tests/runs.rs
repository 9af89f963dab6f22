//! Whole imports: what reaches the server, what is reported, and what trouble does to it.

use serde_json::json;

use super::super::args::ImportArgs;
use super::super::error::Exit;
use super::super::input::Inputs;
use super::super::runner::Run;
use super::desk::{Desk, SHORT, run};
use super::fake::Trouble;

fn issue(number: u32, title: &str, assignee: Option<&str>) -> String {
    json!({
        "repository_url": "https://api.github.com/repos/octo/hello", "html_url": format!("https://github.com/octo/hello/issues/{number}"),
        "number": number, "title": title, "body": null, "user": {"login": format!("user{}", number % 5)},
        "labels": [], "state": "open", "assignees": assignee.map(|login| json!({"login": login})).into_iter().collect::<Vec<_>>(),
        "created_at": "2024-01-01T00:00:00Z", "updated_at": "2024-01-02T00:00:00Z",
    })
    .to_string()
}

fn issues(count: u32) -> String {
    (1..=count).map(|number| issue(number, "A title", None) + "\n").collect()
}

#[test]
fn should_bring_in_people_project_and_members_before_the_tickets() {
    let desk = Desk::new();
    let content = [issue(1, "One", Some("Ann")), issue(2, "Two", Some("ann")), issue(6, "Six", None)].join("\n");
    let (text, exit) = desk.run(&content).unwrap();
    assert_eq!(exit, Exit::Done);
    assert!(text.contains("Made on the way: 3 users, 1 project, 1 member"), "{text}");
    assert!(text.contains("3 created, 0 unchanged, 0 rejected"), "{text}");
    let facts = desk.server.facts();
    let kinds: Vec<&str> = facts.applied.iter().map(|command| command["type"].as_str().unwrap()).collect();
    let tickets = ["ImportTicket"; 3];
    assert_eq!(kinds, [["RegisterUser"; 3].as_slice(), &["CreateProject", "AddMember"], &tickets].concat());
    assert_eq!(facts.applied[3]["key"], "HELLO");
    assert_eq!(facts.applied[3]["name"], "octo/hello");
    assert_eq!(facts.applied[4]["user"], "github:ann");
}

#[test]
fn should_leave_nothing_twice_when_run_again() {
    let desk = Desk::new();
    desk.run(&issues(50)).unwrap();
    let (text, exit) = desk.run(&issues(60)).unwrap();
    assert_eq!(exit, Exit::Done);
    assert!(text.contains("60 records") && text.contains("10 created, 50 unchanged, 0 rejected"), "{text}");
    assert_eq!(desk.server.facts().applied_of("ImportTicket").len(), 60);
}

#[test]
fn should_go_on_where_the_connection_broke() {
    let desk = Desk::new();
    let cuts = [100, 5_000, 0, 200, 0, 10_000, 1, 12_345];
    desk.server.trouble(cuts.map(Trouble::CutAfter));
    let (text, exit) = desk.run(&issues(300)).unwrap();
    assert_eq!(exit, Exit::Done, "{text}");
    let facts = desk.server.facts();
    assert!(facts.trouble.is_empty());
    let tickets = facts.applied_of("ImportTicket");
    let numbers: Vec<&str> = tickets.iter().map(|ticket| ticket["externalId"].as_str().unwrap()).collect();
    let expected: Vec<String> = (1..=300).map(|number: u32| number.to_string()).collect();
    assert_eq!(numbers, expected);
    let sent = facts.received.iter().filter(|command| command["type"] == "ImportTicket").count();
    assert!(sent > 300, "something was sent again");
    drop(facts);
    assert!(text.contains("300 records"), "{text}");
}

#[test]
fn should_bear_a_server_that_is_busy_or_slow() {
    let desk = Desk::new();
    desk.server.trouble([Trouble::Status(503), Trouble::Status(429), Trouble::Status(500), Trouble::Timeouts]);
    let (text, exit) = desk.run(&issues(9)).unwrap();
    assert_eq!(exit, Exit::Done);
    assert!(text.contains("9 created"), "{text}");
}

#[test]
fn should_report_rejections_by_line_and_keep_them_to_be_corrected() {
    let desk = Desk::new();
    desk.server.rule(|command| {
        let chars = command["title"].as_str().unwrap_or_default().chars().count();
        (chars > 200).then(|| ("title_too_long", format!("the title has {chars} characters, 200 are possible")))
    });
    let content =
        [issue(1, "fine", None), issue(2, &"x".repeat(280), None), "{\"cut".into(), issue(4, "fine", None)].join("\n");
    let (text, exit) = desk.run(&content).unwrap();
    assert_eq!(exit, Exit::Rejected);
    assert!(text.contains("line 2: title_too_long: the title has 280 characters"), "{text}");
    assert!(text.contains("line 3: malformed: "), "{text}");
    assert!(text.contains("2 created, 0 unchanged, 2 rejected"), "{text}");

    let kept = std::fs::read_to_string(desk.rejects()).unwrap();
    let lines: Vec<&str> = kept.lines().collect();
    assert!(lines.contains(&"{\"cut") && lines.len() == 2);
    let corrected =
        lines.iter().find(|line| line.contains("title_too_long")).unwrap().replace(&"x".repeat(280), "short");
    let (text, exit) = desk.run(&corrected).unwrap();
    assert_eq!(exit, Exit::Done, "{text}");
    assert_eq!(desk.server.facts().applied_of("ImportTicket").len(), 3);
    assert!(desk.rejected().is_empty());
}

#[test]
fn should_count_what_was_imported_before_as_unchanged_unless_it_differs() {
    let desk = Desk::new();
    desk.server.rule(|command| {
        let what = if command["externalId"] == "2" { "differs" } else { "unchanged" };
        (command["type"] == "ImportTicket")
            .then(|| ("already_imported", format!("{what}: was imported before, as HELLO-1")))
    });
    let (text, exit) = desk.run(&issues(3)).unwrap();
    assert_eq!(exit, Exit::Rejected);
    assert!(text.contains("0 created, 2 unchanged, 1 rejected"), "{text}");
    assert!(text.contains("line 2: already_imported: differs"), "{text}");
}

#[test]
fn should_ask_again_what_was_rejected_for_a_reason_that_is_gone() {
    let desk = Desk::new();
    desk.server.rule(|command| (command["type"] == "ImportTicket").then(|| ("insufficient_role", "no".into())));
    assert_eq!(desk.run(&issues(3)).unwrap().1, Exit::Rejected);
    assert_eq!(desk.run(&issues(3)).unwrap().1, Exit::Rejected);
    desk.server.rule(|_| None);
    let (text, exit) = desk.run(&issues(3)).unwrap();
    assert_eq!(exit, Exit::Done);
    assert!(text.contains("3 created"), "{text}");
    let (text, _) = desk.run(&issues(3)).unwrap();
    assert!(text.contains("3 unchanged"), "{text}");
    assert_eq!(desk.server.facts().applied_of("ImportTicket").len(), 3);
}

#[test]
fn should_give_each_repository_a_project_unless_told_otherwise() {
    let desk = Desk::new();
    let other = issue(1, "x", None).replace("octo/hello", "other/hello");
    let content = [issue(1, "x", None), other].join("\n");
    desk.run(&content).unwrap();
    assert_eq!(
        desk.server
            .facts()
            .applied_of("ImportTicket")
            .iter()
            .map(|ticket| ticket["project"].clone())
            .collect::<Vec<_>>(),
        ["HELLO", "HELLO2"]
    );
    let args = ImportArgs { project: Some("ALL".into()), ..desk.args(&desk.file(&content)) };
    run(&args).unwrap();
    let facts = desk.server.facts();
    assert!(facts.applied_of("ImportTicket")[2..].iter().all(|ticket| ticket["project"] == "ALL"));
    assert!(facts.projects.contains_key("ALL"));
}

#[test]
fn should_send_native_commands_in_order_and_wait_for_people_and_members() {
    let desk = Desk::new();
    let content = r#"{"type":"RegisterUser","email":"a@example.org","name":"A"}
{"type":"RegisterUser","email":"b@example.org","name":"B"}
{"type":"CreateProject","key":"WEB","name":"Web"}
{"type":"AddMember","project":"WEB","user":"b@example.org","role":"member"}
{"type":"CreateTicket","project":"WEB","title":"x","assignee":"b@example.org"}
{"type":"CreateTicket","project":"WEB","title":"x","assignee":"b@example.org"}
"#;
    let (text, exit) = desk.run(content).unwrap();
    assert_eq!(exit, Exit::Done);
    assert!(text.contains("6 commands") && text.contains("6 carried out"), "{text}");
    let facts = desk.server.facts();
    let kinds: Vec<&str> = facts.received.iter().map(|command| command["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["RegisterUser", "RegisterUser", "CreateProject", "AddMember", "CreateTicket", "CreateTicket"]);
    assert_eq!(facts.requests, 3, "users | project and member | tickets");
}

#[test]
fn should_make_the_project_that_is_named_for_native_commands() {
    let desk = Desk::new();
    let file = desk.file(r#"{"type":"CreateTicket","title":"x"}"#);
    run(&ImportArgs { project: Some("WEB".into()), ..desk.args(&file) }).unwrap();
    let facts = desk.server.facts();
    assert_eq!(facts.applied_of("CreateProject")[0]["key"], "WEB");
    assert_eq!(facts.applied_of("CreateTicket")[0]["project"], "WEB");
}

#[test]
fn should_end_with_status_3_if_there_is_no_server() {
    let desk = Desk::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let args = ImportArgs { server: format!("http://{free}"), ..desk.args(&desk.file(&issues(1))) };
    let error = run(&args).unwrap_err();
    assert_eq!(error.code(), 3);
    assert!(error.to_string().contains("is `syncroboard dev` running?"), "{error}");
}

#[test]
fn should_give_up_on_a_server_that_stays_ill() {
    let desk = Desk::new();
    desk.server.trouble(vec![Trouble::Status(503); 100]);
    let error = desk.run(&issues(1)).unwrap_err();
    assert_eq!(error.code(), 3);
    assert!(error.to_string().contains("503"), "{error}");
    desk.server.trouble([Trouble::Nonsense]);
    assert!(desk.run(&issues(1)).unwrap_err().to_string().contains("is it a SyncroBoard server?"));
}

#[test]
fn should_end_with_status_2_if_the_token_is_refused_or_the_format_unknown() {
    let desk = Desk::new();
    let args = desk.args(&desk.file(&issues(1)));
    let refused = Run::start(&args, Inputs::open(&args.files).unwrap(), "wrong".into(), SHORT).unwrap().finish();
    let error = refused.unwrap_err();
    assert_eq!(error.code(), 2);
    assert!(error.to_string().contains("the fake says no"), "{error}");
    assert_eq!(desk.run("{\"a\":1}\n").unwrap_err().code(), 2);
}

#[test]
fn should_say_that_a_file_is_empty_and_be_content_with_an_empty_list() {
    let desk = Desk::new();
    let (text, exit) = desk.run("").unwrap();
    assert_eq!(exit, Exit::Rejected);
    assert!(text.contains("  the file: input_empty: there is nothing in it\n"), "{text}");
    let (text, exit) = desk.run("[]").unwrap();
    assert_eq!(exit, Exit::Done);
    assert!(text.contains("0 records"), "{text}");
}
