//! `syncroboard submit`, `get` and `list`.

use std::process::Output;

use serde_json::Value;

use super::stage::Stage;

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json_lines(output: &Output) -> Vec<Value> {
    text(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(super) fn should_submit_commands_and_say_what_became_of_each(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    let dir = tempfile::tempdir().unwrap();
    let submit = |lines: &str, more: &[&str]| {
        let file = dir.path().join("commands.json");
        std::fs::write(&file, lines).unwrap();
        ada.runs(&[&["submit", file.to_str().unwrap()], more].concat())
    };
    let good = format!("{{\n  \"type\": \"CreateTicket\",\n  \"project\": \"{web}\", \"title\": \"one\"\n}}\n");
    let done = submit(&good, &[]);
    assert_eq!((done.status.code(), text(&done).trim()), (Some(0), &*format!("1  accepted  {web}-1")));
    let bad = format!("{good}{{\"type\":\"CreateTicket\",\"project\":\"{web}\",\"title\":\"\"}}");
    let refused = submit(&bad, &["--json"]);
    let results = json_lines(&refused);
    assert_eq!((refused.status.code(), &results[1]["code"]), (Some(1), &Value::from("title_empty")));
    assert_eq!(results[0]["result"]["code"], format!("{web}-2"));
    let cut = submit(&format!("{good}{{\"type\":"), &[]);
    let said = String::from_utf8(cut.stderr.clone()).unwrap();
    assert_eq!(cut.status.code(), Some(1));
    assert!(said.contains("not JSON: EOF while parsing a value at line 5 column 8"), "{said}");
    assert_eq!(text(&cut).trim(), format!("1  accepted  {web}-3"));
    assert_eq!(submit("", &[]).status.code(), Some(1));
}

pub(super) fn should_get_and_list_what_there_is_for_people_and_scripts(stage: &Stage<'_>) {
    let (web, ada, _) = stage.project();
    let word = stage.own("gnu");
    for n in 1..=3 {
        ada.ticket(&web, &format!("{word} {n}"));
    }
    let code = format!("{web}-2");
    let shown = ada.runs(&["get", "ticket", &code]);
    assert!(text(&shown).starts_with(&format!("{code}  {word} 2\n  status    OPEN\n")), "{shown:?}");
    let one = json_lines(&ada.runs(&["get", "ticket", &code, "--json"]));
    assert_eq!(one, [ada.get(&format!("/tickets/{code}")).json()]);
    assert!(text(&ada.runs(&["get", "project", &web])).starts_with(&format!("{web}  ")));
    let missing = ada.runs(&["get", "ticket", &format!("{web}-9")]);
    assert_eq!(missing.status.code(), Some(3));
    assert!(String::from_utf8(missing.stderr).unwrap().contains("404"));

    let codes = |output: &Output| -> Vec<String> {
        json_lines(output).iter().map(|ticket| ticket["code"].as_str().unwrap().to_owned()).collect()
    };
    let listed = ada.runs(&["list", "tickets", &web, "--json", "--limit", "2"]);
    assert_eq!(codes(&listed), [format!("{web}-3"), format!("{web}-2")]);
    assert_eq!(codes(&ada.runs(&["list", "tickets", "--text", &word, "--json"])).len(), 3);
    let table = text(&ada.runs(&["list", "tickets", &web, "--status", "OPEN"]));
    let first: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!((first, table.lines().count()), (vec!["CODE", "STATUS", "PRIORITY", "UPDATED", "TITLE"], 4));
    let projects = text(&ada.runs(&["list", "projects"]));
    assert!(projects.lines().any(|line| line.starts_with(&format!("{web} "))), "{projects}");
    assert_eq!(ada.runs(&["list", "tickets"]).status.code(), Some(2));
}
