//! Whole imports of tables.

use serde_json::json;

use super::super::args::ImportArgs;
use super::super::error::{Exit, ImportError};
use super::desk::{Desk, run};

fn import(desk: &Desk, content: &[u8], map: &[&str]) -> Result<(String, Exit), ImportError> {
    let file = desk.directory.path().join("input.csv");
    std::fs::write(&file, content).unwrap();
    let map = map.iter().map(|&value| value.to_owned()).collect();
    run(&ImportArgs { project: Some("WEB".into()), map, ..desk.args(&file) })
}

const TABLE: &str = "Issue key,Summary,State,Labels,Labels,Assignee,Created,Aside
A-1,\"One, and \"\"a half\"\"\",Done,x,y,ana@example.org,2024-01-31,1
A-2,Two,Waiting,\"a b\",,Bob Stone,2024-01-31 10:00,2
";

#[test]
fn should_make_tickets_of_the_rows_of_a_table_and_none_twice() {
    let desk = Desk::new();
    let (text, exit) = import(&desk, TABLE.as_bytes(), &[]).unwrap();
    assert_eq!(exit, Exit::Done, "{text}");
    assert!(text.contains("Made on the way: 2 users, 1 project, 2 members\n"), "{text}");
    assert!(text.contains("  state \"Waiting\" is taken as WAITING (1 time)\n"), "{text}");
    {
        let facts = desk.server.facts();
        let mut tickets: Vec<_> = facts.applied_of("ImportTicket").into_iter().cloned().collect();
        tickets.iter_mut().for_each(|ticket| ticket["commandId"] = json!(null));
        let common = json!({
            "commandId": null, "type": "ImportTicket", "project": "WEB", "description": "", "externalSource": "csv",
        });
        let with = |fields: serde_json::Value| {
            let mut whole = common.clone();
            whole.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            whole
        };
        let expected = [
            with(json!({"title": "One, and \"a half\"", "status": "DONE", "labels": ["x", "y"], "externalId": "A-1",
                "assignee": "ana@example.org", "createdAt": "2024-01-31"})),
            with(json!({"title": "Two", "status": "WAITING", "labels": ["a", "b"], "externalId": "A-2",
                "assignee": "csv:bob-stone", "createdAt": "2024-01-31T10:00:00Z"})),
        ];
        assert_eq!(tickets, expected);
    }
    let (text, exit) = import(&desk, TABLE.as_bytes(), &[]).unwrap();
    assert!(exit == Exit::Done && text.contains("0 created, 2 unchanged, 0 rejected"), "{text}");
}

#[test]
fn should_take_the_columns_that_are_named_for_the_fields() {
    let desk = Desk::new();
    let table = "What;Kind;When\nOne;bug, ui;2024-01-31\n";
    let (text, exit) = import(&desk, table.as_bytes(), &["title=What,labels=kind", "created=When"]).unwrap();
    assert_eq!(exit, Exit::Done, "{text}");
    let facts = desk.server.facts();
    let ticket = facts.applied_of("ImportTicket")[0];
    assert_eq!([&ticket["title"], &ticket["labels"]], [&json!("One"), &json!(["bug", "ui"])]);
}

#[test]
fn should_end_with_status_2_and_name_the_columns_if_one_is_not_there() {
    let desk = Desk::new();
    let error = import(&desk, TABLE.as_bytes(), &["title=Sumary"]).unwrap_err();
    assert_eq!(error.code(), 2);
    let told = error.to_string();
    assert!(told.contains("input.csv has no such column; it has ") && told.contains("\"Summary\""), "{told}");
    let args = ImportArgs { project: None, ..desk.args(&desk.file(TABLE)) };
    let error = run(&args).unwrap_err();
    assert!(error.code() == 2 && error.to_string().contains("--project"), "{error}");
    assert_eq!(desk.server.facts().requests, 0);
}

#[test]
fn should_report_the_rows_that_cannot_be_read_and_keep_all_of_them() {
    let desk = Desk::new();
    let table = b"Summary,Created\nfine,2024-01-31\n\"bro\"ken,2024-01-31\nlatin \xe9,2024-01-31\nshort\nlate,soon\n\"open,2024-01-31\n";
    let (text, exit) = import(&desk, table, &[]).unwrap();
    assert_eq!(exit, Exit::Rejected);
    for told in [
        "line 3: quote_broken: something stands between a closing quote and the end of the cell (line 3)",
        "line 4: not_utf8: column \"Summary\" is not UTF-8, from its byte 7 on",
        "line 5: row_uneven: the row has 1 cells, and there are 2 columns",
        "line 6: date_invalid: Created: \"soon\" is no date",
        "line 7: quote_broken: a quote is opened and never closed (line 7)",
        "1 created, 0 unchanged, 5 rejected",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let kept = desk.rejected();
    let rows: Vec<_> = kept.iter().filter_map(|line| line["_row"].as_str()).collect();
    let read = ["\"bro\"ken,2024-01-31", "latin \u{fffd},2024-01-31", "short", "\"open,2024-01-31"];
    assert_eq!((kept.len(), rows), (5, read.into()));
    // They are found in a table again when they are imported as they are.
    let rejects = std::fs::read_to_string(desk.rejects()).unwrap();
    let again = ImportArgs { project: Some("WEB".into()), ..desk.args(&desk.file(&rejects)) };
    let (text, _) = run(&again).unwrap();
    assert!(text.contains("this was no row: correct it in the table") && text.contains("5 rejected"), "{text}");
}

#[test]
fn should_import_the_rows_of_a_rejects_file_once_they_are_corrected() {
    let desk = Desk::new();
    import(&desk, b"Summary,Created,Tags\nOne,soon,a b\n", &[]).unwrap();
    let corrected = std::fs::read_to_string(desk.rejects()).unwrap().replace("\"soon\"", "\"2024-01-31\"");
    assert!(corrected.contains("\"_rejected\""));
    let args = ImportArgs { project: Some("WEB".into()), ..desk.args(&desk.file(&corrected)) };
    let (text, exit) = run(&args).unwrap();
    assert_eq!(exit, Exit::Done, "{text}");
    let direct = import(&desk, b"Summary,Created,Tags\nOne,2024-01-31,a b\n", &[]).unwrap();
    assert!(direct.0.contains("0 created, 1 unchanged"), "it is the row that stands in the table: {}", direct.0);
}

#[test]
fn should_tell_when_the_tickets_of_a_table_were_made_if_no_column_does() {
    let desk = Desk::new();
    let args = ImportArgs { project: Some("WEB".into()), ..desk.args(&desk.file("Summary,x\nOne,1\n")) };
    let (text, _) = run(&args).unwrap();
    assert!(text.contains("line 2: field_missing: no column says when it was made"), "{text}");
    run(&ImportArgs { created: Some("2024-01-31".into()), ..args }).unwrap();
    assert_eq!(desk.server.facts().applied_of("ImportTicket")[0]["createdAt"], "2024-01-31");
}

#[test]
fn should_refuse_an_object_without_a_title_and_go_on() {
    let desk = Desk::new();
    let content = "{\"_rejected\":{\"from\":\"csv\"},\"Name\":\"a\"}\n{\"Summary\":\"b\",\"Created\":\"2024-01-31\"}\n";
    let args = ImportArgs { project: Some("WEB".into()), ..desk.args(&desk.file(content)) };
    let (text, _) = run(&args).unwrap();
    assert!(text.contains("line 1: malformed: --map: no column of ") && text.contains("1 created"), "{text}");
}
