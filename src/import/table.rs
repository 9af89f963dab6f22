//! Rows of a table, as tickets. A row is an object of its cells by column; a column that repeats has a list of them.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use uuid::Uuid;

use super::columns::Columns;
use super::command_id;
use super::dates::moment;
use super::mapping::Mapping;
use super::people::{Account, Person};
use super::rejects::{MARK, ROW};
use super::ticket::{ForeignTicket, Unusable};

/// The source of the external references.
const SOURCE: &str = "csv";

/// One row.
#[derive(Debug)]
pub(super) struct Row(BTreeMap<String, Cell>);

/// The text of a column, or the texts of columns of the same name. Only what [`MARK`] holds may be anything.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Cell {
    Text(String),
    Texts(Vec<String>),
}

impl Row {
    /// Reads a record.
    pub(super) fn read(record: &[u8]) -> Result<Self, Unusable> {
        let mut fields: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(record).map_err(|error| Unusable::json(&error))?;
        fields.remove(MARK);
        if fields.contains_key(ROW) {
            let why =
                format!("this was no row: correct it in the table, or write its cells as fields instead of {ROW:?}");
            return Err(Unusable::malformed(why));
        }
        let cell = |(name, value)| match serde_json::from_value(value) {
            Ok(cell) => Ok((name, cell)),
            Err(_) => Err(Unusable::malformed(format!("column {name:?}: expected text, or a list of texts"))),
        };
        Ok(Self(fields.into_iter().map(cell).collect::<Result<_, _>>()?))
    }

    /// The names of its columns.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.keys().map(String::as_str)
    }

    fn texts<'a>(&'a self, column: &str) -> impl Iterator<Item = &'a str> {
        let texts: &[String] = match self.0.get(column) {
            Some(Cell::Text(text)) => std::slice::from_ref(text),
            Some(Cell::Texts(texts)) => texts,
            None => &[],
        };
        texts.iter().map(String::as_str).filter(|text| !text.trim().is_empty())
    }
}

/// Makes tickets of rows; remembers how often it saw each that has no id, so that equal rows are several tickets, in
/// every run the same.
#[derive(Debug, Default)]
pub(super) struct RowReader {
    /// When a ticket was made for which no column says it.
    created: Option<String>,
    seen: HashMap<Uuid, u32>,
}

impl RowReader {
    pub(super) fn new(created: Option<String>) -> Self {
        Self { created, seen: HashMap::new() }
    }

    /// The ticket that a row becomes.
    pub(super) fn ticket(
        &mut self,
        row: &Row,
        columns: &Columns,
        mapping: &mut Mapping,
    ) -> Result<ForeignTicket, Unusable> {
        let cell = |field: &str| columns.one(field).and_then(|column| row.texts(column).next());
        let date = |field: &str| match (cell(field), columns.one(field)) {
            (Some(text), Some(column)) => moment(column, text).map(Some),
            _ => Ok(None),
        };
        let (created, updated_at, due_date) = (date("created")?, date("updated")?, date("due")?);
        let created_at = created.or_else(|| self.created.clone()).ok_or_else(|| Unusable {
            code: "field_missing",
            detail: match columns.one("created") {
                Some(column) => format!("column {column:?} is empty: give --created DATE for such rows"),
                None => "no column says when it was made: give --map created=COLUMN, or --created DATE".to_owned(),
            },
        })?;
        let id = cell("id").map_or_else(|| self.id_of(row), |id| id.trim().to_owned());
        Ok(ForeignTicket {
            title: cell("title").unwrap_or_default().to_owned(),
            description: cell("description").unwrap_or_default().to_owned(),
            labels: labels(columns.all("labels").flat_map(|column| row.texts(column))),
            status: cell("status").map_or_else(|| "OPEN".to_owned(), |name| mapping.state(name, None)),
            priority: mapping.priority(cell("priority").unwrap_or_default()),
            assignee: cell("assignee").map(|name| person(name, mapping)),
            reporter: cell("reporter").map(|name| person(name, mapping)),
            created_at,
            updated_at,
            due_date,
            source: SOURCE.to_owned(),
            id,
            url: cell("url").map(|url| url.trim().to_owned()),
            comments: Vec::new(),
        })
    }

    /// An id that follows from what the row says.
    fn id_of(&mut self, row: &Row) -> String {
        let mut content = Vec::new();
        for column in row.columns() {
            for text in std::iter::once(column).chain(row.texts(column)) {
                content.extend_from_slice(&(text.len() as u64).to_be_bytes());
                content.extend_from_slice(text.as_bytes());
            }
        }
        let seen = self.seen.entry(command_id::of_content(&content, 0)).or_default();
        *seen += 1;
        command_id::of_content(&content, *seen - 1).to_string()
    }
}

/// Labels in one cell stand between commas or semicolons, or, if it has none, between blanks.
fn labels<'a>(cells: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut labels: Vec<String> = Vec::new();
    for cell in cells {
        let parts: Vec<&str> = if cell.contains([',', ';']) {
            cell.split([',', ';']).map(str::trim).collect()
        } else {
            cell.split_whitespace().collect()
        };
        for part in parts {
            if !part.is_empty() && !labels.iter().any(|label| label == part) {
                labels.push(part.to_owned());
            }
        }
    }
    labels
}

fn person(name: &str, mapping: &mut Mapping) -> Person {
    let shown = name.trim().to_owned();
    let account = mapping.given_account([name]).or_else(|| Account::email(name));
    if let Some(account) = account {
        return Person { account, name: shown };
    }
    let person = Person::placeholder(SOURCE, &shown, &shown);
    mapping.guessed_person(&person);
    person
}

#[cfg(test)]
mod tests {
    use super::super::columns::ColumnMap;
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn ticket(reader: &mut RowReader, cells: &Value) -> Result<ForeignTicket, Unusable> {
        let row = Row::read(cells.to_string().as_bytes())?;
        let columns = ColumnMap::default().of(row.columns(), "a.csv").unwrap();
        reader.ticket(&row, &columns, &mut Mapping::default())
    }

    fn row(changes: &Value) -> Value {
        let mut row = json!({"Summary": "T", "Created": "2024-01-31 14:05", "Issue key": "A-1"});
        row.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        row
    }

    #[test]
    fn should_make_a_ticket_of_a_row() {
        let cells = row(&json!({
            "Description": "a\nb", "Status": "In Progress", "Priority": "Major", "Labels": ["x", "y z", ""],
            "Assignee": "Ana@example.org", "Reporter": "Bob Stone", "Due date": "2024-02-01", "Unknown": "left aside",
            "_rejected": {"line": 2},
        }));
        let made = ticket(&mut RowReader::default(), &cells).unwrap();
        let expected = ForeignTicket {
            title: "T".into(),
            description: "a\nb".into(),
            labels: ["x", "y", "z"].map(String::from).into(),
            status: "IN_PROGRESS".into(),
            priority: Some("HIGH".into()),
            assignee: Some(Person {
                account: Account::Email("ana@example.org".into()),
                name: "Ana@example.org".into(),
            }),
            reporter: Some(Person::placeholder("csv", "Bob-Stone", "Bob Stone")),
            created_at: "2024-01-31T14:05:00Z".into(),
            due_date: Some("2024-02-01".into()),
            source: "csv".into(),
            id: "A-1".into(),
            ..ForeignTicket::default()
        };
        assert_eq!(made, expected);
    }

    #[rstest]
    #[case("a, b;c ,a", &["a", "b", "c"])]
    #[case("two words, one", &["two words", "one"])]
    #[case(" a  b\ta", &["a", "b"])]
    #[case(" , ", &[])]
    fn should_split_labels_at_commas_or_else_at_blanks(#[case] cell: &str, #[case] expected: &[&str]) {
        assert_eq!(labels([cell].into_iter()), expected);
    }

    #[test]
    fn should_give_a_row_without_id_one_that_is_the_same_in_every_run() {
        let ids = || {
            let mut reader = RowReader::new(Some("2024-01-01".into()));
            let rows =
                [json!({"Title": "a"}), json!({"Title": "b"}), json!({"Title": "a"}), json!({"Title": "a", "x": ""})];
            rows.map(|cells| ticket(&mut reader, &cells).unwrap().id)
        };
        assert_eq!(ids(), ids());
        let mut different = ids().to_vec();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), 4);
    }

    #[rstest]
    #[case(json!({"Created": ""}), "field_missing", "\"Created\" is empty: give --created")]
    #[case(json!({"Created": "soon"}), "date_invalid", "Created: \"soon\"")]
    #[case(json!({"Due date": "2024-13-01"}), "date_invalid", "Due date: ")]
    #[case(json!({"Labels": 7}), "malformed", "column \"Labels\": expected text")]
    fn should_say_which_cell_is_wrong(#[case] changes: Value, #[case] code: &str, #[case] detail: &str) {
        let why = ticket(&mut RowReader::default(), &row(&changes)).unwrap_err();
        assert_eq!(why.code, code);
        assert!(why.detail.contains(detail), "{}", why.detail);
    }

    #[test]
    fn should_say_how_to_tell_when_tickets_were_made_if_no_column_does() {
        let why = ticket(&mut RowReader::default(), &json!({"Title": "a"})).unwrap_err();
        assert!(why.detail.contains("--map created=COLUMN, or --created DATE"), "{}", why.detail);
    }
}
