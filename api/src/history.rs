//! What happened to a ticket, or in a project: who did what and when, and what was so before and after.
//!
//! Rows say what came of a change; what was so before stands in earlier rows of the same subject, of which some are looked at. Where they do
//! not reach far enough, `old` is left out.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemas::reader::HistoryRow;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::fields::format_time;
use crate::problem::Problem;
use crate::views::Time;

/// Something that happened.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "HistoryEntry")]
pub(crate) struct Entry {
    /// Its place among the project's events.
    sequence: i64,
    /// Name of the event, such as `ticket.updated`.
    kind: String,
    at: Time,
    /// Who did it; null: nobody, it came about by itself.
    actor_id: Option<Uuid>,
    /// Number of the ticket, if it is about one.
    number: Option<i64>,
    /// The member, if it is about one.
    user_id: Option<Uuid>,
    changes: Vec<Change>,
}

/// A field, what it was, unless that is not known, and what it became; null: nothing.
#[derive(Debug, Serialize, JsonSchema, PartialEq)]
pub(crate) struct Change {
    field: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<Value>,
    new: Value,
}

/// The changes of a row that says nothing.
const NOTHING: &str = "[]";

/// A change as a row has it.
struct Said {
    field: String,
    old: Option<Value>,
    new: Value,
}

/// True if a row does not say what was so before.
pub(crate) fn needs_earlier(row: &HistoryRow) -> bool {
    ["ticket.updated", "project.updated", "project.member.updated", "project.member.removed"].contains(&&*row.kind)
}

/// Rows of a subject that are looked at for how it was before any of a page.
pub(crate) const LOOK: u32 = 200;

/// What rows of a page changed, by their sequences.
pub(crate) type Changes = BTreeMap<i64, Vec<Change>>;

/// What the rows of one subject changed that are on the page whose oldest row has the sequence `oldest`: `newest`, which needs to know of the rows
/// before it, and of those, the newest first, some.
pub(crate) fn changes(newest: &HistoryRow, before: &[HistoryRow], oldest: i64) -> Result<Changes, Problem> {
    let (mut known, mut changes) = (Known::default(), Changes::new());
    for row in before.iter().rev().chain([newest]) {
        let changed = known.after(row)?;
        if row.sequence >= oldest {
            changes.insert(row.sequence, changed);
        }
    }
    Ok(changes)
}

/// The entries of these rows, in their order. `changes` has those that need to know of others.
pub(crate) fn entries(rows: &[HistoryRow], mut changes: Changes) -> Result<Vec<Entry>, Problem> {
    rows.iter()
        .map(|row| {
            let changes = match changes.remove(&row.sequence) {
                Some(changes) => changes,
                None => Known::default().after(row)?,
            };
            Ok(Entry {
                sequence: row.sequence,
                kind: row.kind.clone(),
                at: Time(row.at),
                actor_id: row.actor_id,
                number: row.subject.parse().ok(),
                user_id: Uuid::try_parse(&row.subject).ok(),
                changes,
            })
        })
        .collect()
}

/// Stands in rows only where it is true.
const DEACTIVATED: &str = "deactivated";

/// What is known of a subject at some point of its history.
#[derive(Default)]
struct Known {
    fields: BTreeMap<String, Value>,
    /// Whether it is known from the beginning, so that what is not there was nothing.
    whole: bool,
}

impl Known {
    /// What a row changed; it is known after that.
    fn after(&mut self, row: &HistoryRow) -> Result<Vec<Change>, Problem> {
        let begins = row.kind.ends_with(".created") || row.kind == "project.member.added";
        if begins {
            // Of a ticket that is deleted nothing is said any more.
            *self = Self { fields: BTreeMap::new(), whole: row.changes != NOTHING };
            if row.kind == "project.member.added" {
                self.fields.insert(DEACTIVATED.to_owned(), Value::Bool(false));
            }
        }
        if row.kind == "project.member.removed" {
            let left = std::mem::take(&mut self.fields);
            self.whole = true;
            return Ok(left
                .into_iter()
                .filter(|(field, old)| field != DEACTIVATED || *old == Value::Bool(true))
                .map(|(field, old)| Change { field, old: Some(old), new: Value::Null })
                .collect());
        }
        // These say all that there is, changed or not.
        let says_all = ["project.updated", "project.member.updated"].contains(&&*row.kind);
        let mut changes = Vec::new();
        let mut all = said(row)?;
        if row.kind == "project.member.updated" && all.iter().all(|said| said.field != DEACTIVATED) {
            all.push(Said { field: DEACTIVATED.to_owned(), old: None, new: Value::Bool(false) });
        }
        for Said { field, old, new } in all {
            let unknown = if self.whole { Some(Value::Null) } else { None };
            let old = old.or_else(|| self.fields.get(&field).cloned().or(unknown));
            self.fields.insert(field.clone(), new.clone());
            // Others name what is other than it was, which the beginning of a text does not show.
            let same = (begins || says_all)
                && old.as_ref().is_some_and(|old| *old == new || (is_nothing(old) && is_nothing(&new)));
            if !(same || says_all && old.is_none()) {
                changes.push(Change { field, old, new });
            }
        }
        Ok(changes)
    }
}

fn said(row: &HistoryRow) -> Result<Vec<Said>, Problem> {
    let damaged = || Problem::internal(format!("the history of {} is damaged at {}", row.project_id, row.sequence));
    let changes: Vec<Vec<Value>> = serde_json::from_str(&row.changes).map_err(|_| damaged())?;
    let each = changes.into_iter().map(|parts| {
        let mut parts = parts.into_iter();
        let field = parts.next().and_then(|field| field.as_str().map(str::to_owned));
        let (field, old, new) = match (field, parts.next(), parts.next()) {
            (Some(field), Some(new), None) => (field, None, new),
            (Some(field), Some(old), Some(new)) => (field, Some(old), new),
            _ => return Err(damaged()),
        };
        // Times are kept as numbers.
        let shown = |value: Value| match value.as_i64() {
            Some(ms) if field == "dueDate" => Value::String(format_time(ms)),
            _ => value,
        };
        let (old, new) = (old.map(shown), shown(new));
        Ok(Said { field, old, new })
    });
    each.collect()
}

/// A field that a new ticket, say, has nothing in.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(sequence: i64, kind: &str, changes: &Value) -> HistoryRow {
        let (kind, changes) = (kind.to_owned(), changes.to_string());
        HistoryRow { sequence, kind, changes, subject: "1".to_owned(), ..HistoryRow::default() }
    }

    /// What is told of the rows, which are a page, the newest first, if these are before the newest.
    fn told(page: &[HistoryRow], before: &[HistoryRow]) -> Vec<Value> {
        let (newest, oldest) = (&page[0], page[page.len() - 1].sequence);
        let changes = if needs_earlier(newest) { changes(newest, before, oldest).unwrap() } else { Changes::new() };
        let entries = entries(page, changes).unwrap();
        entries.into_iter().map(|entry| serde_json::to_value(entry.changes).unwrap()).collect()
    }

    fn change(old: &Value, new: &Value) -> Value {
        json!({ "field": "title", "old": old, "new": new })
    }

    #[test]
    fn should_say_what_was_so_before_from_the_rows_before() {
        let title = |sequence, new| row(sequence, "ticket.updated", &json!([["title", new]]));
        let created = row(1, "ticket.created", &json!([["title", "A"], ["labels", []], ["dueDate", null]]));
        let page = [title(4, "C"), title(3, "B")];
        let before = [title(3, "B"), created.clone()];
        let expected = [json!([change(&json!("B"), &json!("C"))]), json!([change(&json!("A"), &json!("B"))])];
        assert_eq!(told(&page, &before), expected);
        assert_eq!(told(&[created], &[]), [json!([change(&Value::Null, &json!("A"))])], "no labels, no date");
        let due = row(3, "ticket.updated", &json!([["dueDate", 0]]));
        assert_eq!(told(&[due], &before[1..])[0][0]["new"], "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn should_tell_of_a_text_that_is_other_than_it_was_where_its_beginning_does_not_show_it() {
        let described = |sequence| row(sequence, "ticket.updated", &json!([["description", "Long…"]]));
        let same = json!([{ "field": "description", "old": "Long…", "new": "Long…" }]);
        assert_eq!(told(&[described(3)], &[described(2)]), [same]);
    }

    #[test]
    fn should_not_know_what_a_deleted_ticket_was() {
        let title = row(3, "ticket.updated", &json!([["title", "B"]]));
        let created = row(1, "ticket.created", &json!([]));
        assert_eq!(told(&[title], &[created]), [json!([{ "field": "title", "new": "B" }])]);
    }

    #[test]
    fn should_leave_out_what_was_so_before_where_nobody_knows() {
        let title = row(9, "ticket.updated", &json!([["title", "C"]]));
        assert_eq!(told(&[title], &[]), [json!([{ "field": "title", "new": "C" }])]);
        let all = row(9, "project.updated", &json!([["name", "C"], ["archived", false]]));
        assert_eq!(told(std::slice::from_ref(&all), &[]), [json!([])], "it may have changed anything");
        let before = [row(8, "project.updated", &json!([["name", "B"], ["archived", false]]))];
        assert_eq!(told(&[all], &before), [json!([{ "field": "name", "old": "B", "new": "C" }])]);
    }

    #[test]
    fn should_begin_anew_with_a_member_who_has_come_again() {
        let role = |sequence, kind: &str, role: &str| row(sequence, kind, &json!([["role", role]]));
        let removed = row(3, "project.member.removed", &json!([]));
        let added = role(4, "project.member.added", "viewer");
        let before = [removed.clone(), role(2, "project.member.added", "viewer")];
        let page = [role(5, "project.member.updated", "member"), added.clone(), removed];
        let before_newest: Vec<_> = std::iter::once(added).chain(before).collect();
        let change = |old: Value, new: Value| json!([{ "field": "role", "old": old, "new": new }]);
        let expected = [
            change(json!("viewer"), json!("member")),
            change(Value::Null, json!("viewer")),
            change(json!("viewer"), Value::Null),
        ];
        assert_eq!(told(&page, &before_newest), expected);
    }

    #[test]
    fn should_say_that_a_row_is_damaged() {
        for damaged in ["", "{}", "[[1, 2]]", "[[\"title\"]]"] {
            let row = HistoryRow { changes: damaged.to_owned(), ..row(1, "ticket.created", &json!([])) };
            assert!(entries(&[row], Changes::new()).is_err(), "{damaged}");
        }
    }
}
