//! The description of the API, OpenAPI 3.1: the one that is checked in is that of the code, and it and docs/api.md name every
//! problem that the rules know. To renew it after a change that is meant:
//!
//! ```text
//! RENEW_OPENAPI=1 cargo test --workspace --test openapi
//! ```

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::collections::BTreeSet;

use serde_json::Value;

const CHECKED_IN: &str = "docs/openapi.json";

/// Set to renew what is checked in.
const RENEW: &str = "RENEW_OPENAPI";

/// With fields in the order of their names, whatever serde_json was built with.
fn pretty(value: &Value) -> String {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_unstable_by_key(|(name, _)| *name);
                fields.into_iter().map(|(name, field)| (name.clone(), sorted(field))).collect()
            }
            Value::Array(items) => items.iter().map(sorted).collect(),
            other => other.clone(),
        }
    }
    serde_json::to_string_pretty(&sorted(value)).unwrap() + "\n"
}

/// Where the two differ first, with what is around it.
fn first_difference(before: &str, now: &str) -> Option<String> {
    let at = before.lines().zip(now.lines()).position(|(before, now)| before != now);
    let at = at.or_else(|| (before.lines().count() != now.lines().count()).then(|| before.lines().count()));
    let around = |text: &str, at: usize| text.lines().skip(at.saturating_sub(3)).take(8).collect::<Vec<_>>().join("\n");
    at.map(|at| format!("line {}, checked in:\n{}\nof the code:\n{}", at + 1, around(before, at), around(now, at)))
}

/// Every code of a problem in the document.
fn documented() -> BTreeSet<String> {
    fn visit(value: &Value, codes: &mut BTreeSet<String>) {
        if let Some(code) = value["properties"]["code"]["enum"].as_array() {
            codes.extend(code.iter().filter_map(|code| code.as_str().map(str::to_owned)));
        }
        match value {
            Value::Array(items) => items.iter().for_each(|item| visit(item, codes)),
            Value::Object(fields) => fields.values().for_each(|field| visit(field, codes)),
            _ => {}
        }
    }
    let mut codes = BTreeSet::new();
    visit(api::openapi(), &mut codes);
    codes
}

#[test]
fn should_be_the_description_that_is_checked_in() {
    let now = pretty(api::openapi());
    if std::env::var_os(RENEW).is_some() {
        std::fs::write(CHECKED_IN, &now).unwrap();
    }
    let before = std::fs::read_to_string(CHECKED_IN).unwrap_or_default();
    if let Some(difference) = first_difference(&before, &now) {
        panic!("{CHECKED_IN} is another one; if that is meant, set {RENEW}=1 and run this again.\n{difference}");
    }
}

#[test]
fn should_name_every_rejection_that_an_operation_can_come_to() {
    let rules = include_str!("../processors/src/rejection.rs");
    let codes = rules.lines().filter_map(|line| {
        let (variant, code) = line.trim().strip_prefix("Self::")?.split_once(" => \"")?;
        // Those with a field are of another table.
        code.strip_suffix("\",").filter(|code| code.contains('_') && !variant.contains('|'))
    });
    let codes: BTreeSet<&str> = codes.collect();
    assert!(codes.len() > 40, "{codes:?}");
    // Of imports, which are lines of a bulk request.
    let in_bulk = ["already_imported", "external_reference_invalid", "status_unknown"];
    let documented = documented();
    let missing: Vec<_> =
        codes.into_iter().filter(|code| !documented.contains(*code) && !in_bulk.contains(code)).collect();
    assert!(missing.is_empty(), "no operation names {missing:?}");
}

#[test]
fn should_name_the_same_problems_as_the_page_about_the_api() {
    let page = include_str!("../docs/api.md");
    let (_, table) = page.split_once("## Problems").unwrap();
    let written: BTreeSet<&str> = table.split('`').skip(1).step_by(2).collect();
    let missing: Vec<_> = documented().into_iter().filter(|code| !written.contains(code.as_str())).collect();
    assert!(missing.is_empty(), "docs/api.md does not name {missing:?}");
}

#[test]
fn should_say_where_two_descriptions_differ() {
    assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
    assert!(first_difference("a\nb\n", "a\nc\n").unwrap().starts_with("line 2"));
    assert!(first_difference("a\n", "a\nc\n").unwrap().starts_with("line 2"));
}
