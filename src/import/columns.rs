//! Which column of a table gives which field of a ticket: as `--map` says, else by the usual names.

use super::error::ImportError;

/// The fields that a column can give, with the usual names of such columns in lower case.
const FIELDS: &[(&str, &[&str])] = &[
    ("title", &["title", "summary", "subject"]),
    ("description", &["description", "body"]),
    ("status", &["status", "state"]),
    ("priority", &["priority"]),
    ("labels", &["labels", "label", "tags"]),
    ("assignee", &["assignee"]),
    ("reporter", &["reporter", "creator", "author"]),
    ("created", &["created", "created at", "created_at", "createdat"]),
    ("updated", &["updated", "updated at", "updated_at", "updatedat"]),
    ("due", &["due", "due date", "due_date", "duedate"]),
    ("id", &["id", "key", "issue key", "number"]),
    ("url", &["url", "link"]),
];
/// So many columns are named in a message.
const NAMED_COLUMNS: usize = 40;

/// What `--map` says: a field, and the name of its column; an empty one means that no column gives it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ColumnMap(Vec<(&'static str, String)>);

impl ColumnMap {
    /// From the values of `--map`: `title=Summary,labels=Tags`. A comma that no `FIELD=` follows belongs to the name.
    pub(super) fn parse(values: &[String]) -> Result<Self, ImportError> {
        let mut map: Vec<(&'static str, String)> = Vec::new();
        for value in values {
            let mut first = true;
            for part in value.split(',') {
                let pair = part.split_once('=');
                match (pair, map.last_mut()) {
                    (Some((field, column)), _) => map.push((known_field(field)?, column.trim().to_owned())),
                    (None, Some((_, column))) if !first => {
                        column.push(',');
                        column.push_str(part.trim_end());
                    }
                    (None, _) => return Err(wrong(&format!("{part:?}: expected FIELD=COLUMN"))),
                }
                first = false;
            }
        }
        for (index, (field, column)) in map.iter().enumerate() {
            if *field != "labels" && map[..index].iter().any(|(other, _)| other == field) {
                return Err(wrong(&format!("{field} is given twice, the second time as {column:?}")));
            }
        }
        Ok(Self(map))
    }

    /// The columns of a table with this header.
    pub(super) fn of<'a>(
        &self,
        header: impl Iterator<Item = &'a str> + Clone,
        file: &str,
    ) -> Result<Columns, ImportError> {
        let mut columns = Columns::default();
        for (field, usual) in FIELDS {
            let given: Vec<&str> =
                self.0.iter().filter(|(of, _)| of == field).map(|(_, column)| column.as_str()).collect();
            let found: Vec<&str> = if given.is_empty() {
                usual.iter().find_map(|usual| header.clone().find(|name| is(name, usual))).into_iter().collect()
            } else {
                let present = |column: &&str| header.clone().find(|name| is(name, column));
                let wanted = given.iter().filter(|column| !column.is_empty());
                wanted.map(|column| present(column).ok_or(*column)).collect::<Result<_, _>>().map_err(|column| {
                    wrong(&format!("{field}={column}: {file} has no such column; it has {}", listed(header.clone())))
                })?
            };
            columns.0.extend(found.into_iter().map(|column| (*field, column.to_owned())));
        }
        if columns.all("title").next().is_none() {
            return Err(wrong(&format!(
                "no column of {file} is known to hold titles: give --map title=COLUMN; it has {}",
                listed(header)
            )));
        }
        Ok(columns)
    }
}

/// The columns that are read, by field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Columns(Vec<(&'static str, String)>);

impl Columns {
    /// The column of a field, if one gives it.
    pub(super) fn one(&self, field: &str) -> Option<&str> {
        self.all(field).next()
    }

    /// All columns of a field: labels may have several.
    pub(super) fn all<'a>(&'a self, field: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(of, _)| *of == field).map(|(_, column)| column.as_str())
    }
}

/// Whether one of these columns is called as columns of titles are.
pub(super) fn has_titles<'a>(mut header: impl Iterator<Item = &'a str>) -> bool {
    let (_, usual) = FIELDS[0];
    header.any(|name| usual.iter().any(|usual| is(name, usual)))
}

fn is(name: &str, wanted: &str) -> bool {
    name.trim() == wanted.trim() || name.trim().to_lowercase() == wanted.trim().to_lowercase()
}

fn known_field(name: &str) -> Result<&'static str, ImportError> {
    let known = FIELDS.iter().map(|(field, _)| *field);
    known.clone().find(|field| *field == name.trim()).ok_or_else(|| {
        let all: Vec<&str> = known.collect();
        wrong(&format!("{:?} is no field: there are {}", name.trim(), all.join(", ")))
    })
}

fn listed<'a>(header: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = header.take(NAMED_COLUMNS + 1).collect();
    let mut list = names.iter().take(NAMED_COLUMNS).map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    if names.len() > NAMED_COLUMNS {
        list.push_str(", ...");
    }
    list
}

fn wrong(detail: &str) -> ImportError {
    ImportError::Usage(format!("--map: {detail}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn map(values: &[&str]) -> Result<ColumnMap, ImportError> {
        ColumnMap::parse(&values.iter().map(|&value| value.to_owned()).collect::<Vec<_>>())
    }

    fn columns(values: &[&str], header: &[&str]) -> Result<Columns, ImportError> {
        map(values)?.of(header.iter().copied(), "a.csv")
    }

    #[test]
    fn should_find_columns_by_their_usual_names_unless_told_otherwise() {
        let header = ["Issue key", "SUMMARY", "Status", "Name of it", "Labels"];
        let found = columns(&[], &header).unwrap();
        assert_eq!((found.one("title"), found.one("id")), (Some("SUMMARY"), Some("Issue key")));
        assert_eq!((found.one("status"), found.one("due")), (Some("Status"), None));
        let found = columns(&["title=Name of it,status="], &header).unwrap();
        assert_eq!((found.one("title"), found.one("status")), (Some("Name of it"), None));
    }

    #[test]
    fn should_take_names_with_commas_and_several_columns_of_labels() {
        let found = columns(&["title=What, and why,labels=A", "labels=B"], &["What, and why", "A", "B"]).unwrap();
        assert_eq!(found.one("title"), Some("What, and why"));
        assert_eq!(found.all("labels").collect::<Vec<_>>(), ["A", "B"]);
    }

    #[rstest]
    #[case(&["titel=Summary"], "\"titel\" is no field: there are title, description")]
    #[case(&["Summary"], "\"Summary\": expected FIELD=COLUMN")]
    #[case(&["title=A,title=B"], "title is given twice")]
    #[case(&["title=Sumary"], "title=Sumary: a.csv has no such column; it has \"Summary\", \"Status\"")]
    #[case(&["title="], "give --map title=COLUMN; it has \"Summary\", \"Status\"")]
    fn should_say_what_there_is_where_a_name_is_wrong(#[case] values: &[&str], #[case] why: &str) {
        let error = columns(values, &["Summary", "Status"]).unwrap_err();
        assert_eq!(error.code(), 2);
        assert!(error.to_string().contains(why), "{error}");
    }
}
