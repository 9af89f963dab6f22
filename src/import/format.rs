//! What a file holds, as told by `--from` or recognised from its first record.

use clap::ValueEnum;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::rejects::TABLE;

/// The formats that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Issues as GitHub's REST API gives them.
    Github,
    /// Issues as Jira's REST API gives them: results of a search, or issues alone.
    Jira,
    /// A table, its first row the names of the columns.
    Csv,
    /// Native commands, one JSON object a line.
    Commands,
}

/// The fields that tell them apart. A native command has a `type`; an issue of GitHub has a `number` and a `title`, one of
/// Jira has all but its key in `fields`. (GitHub's issue *types* are objects or null, never a name of a command.) A row of a
/// table comes as an object only from a rejects file, whose mark says so.
#[derive(Deserialize)]
struct Marks<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    fields: Option<&'a RawValue>,
    key: Option<IgnoredAny>,
    id: Option<IgnoredAny>,
    number: Option<IgnoredAny>,
    title: Option<IgnoredAny>,
    html_url: Option<IgnoredAny>,
    repository_url: Option<IgnoredAny>,
    #[serde(rename = "_rejected", borrow, default)]
    rejected: Option<Rejected<'a>>,
}

#[derive(Deserialize)]
struct Rejected<'a> {
    #[serde(borrow, default)]
    from: Option<&'a str>,
}

impl Format {
    /// The format that this record is in, or none if it is neither or not JSON.
    pub(super) fn recognise(record: &[u8]) -> Option<Self> {
        let marks: Marks<'_> = serde_json::from_slice(record).ok()?;
        if marks.rejected.is_some_and(|rejected| rejected.from == Some(TABLE)) {
            return Some(Self::Csv);
        }
        let linked = marks.html_url.is_some() || marks.repository_url.is_some();
        if is(marks.fields, '{') && (marks.key.is_some() || marks.id.is_some()) && !is(marks.kind, '"') {
            return Some(Self::Jira);
        }
        if marks.number.is_some() && (linked || marks.title.is_some()) && !is(marks.kind, '"') {
            return Some(Self::Github);
        }
        (is(marks.kind, '"') && !linked).then_some(Self::Commands)
    }
}

fn is(value: Option<&RawValue>, begins: char) -> bool {
    value.is_some_and(|value| value.get().starts_with(begins))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(r#"{"type":"CreateTicket","project":"WEB","title":"x"}"#, Some(Format::Commands))]
    #[case(r#"{"type":"MoveTicket","ticket":"WEB-1","status":"DONE"}"#, Some(Format::Commands))]
    #[case(r#"{"html_url":"https://github.com/a/b/issues/1","number":1,"title":"x"}"#, Some(Format::Github))]
    #[case(r#"{"number":1,"title":"x","type":{"name":"Bug"},"html_url":"u"}"#, Some(Format::Github))]
    #[case(r#"{"number":1,"title":"x","type":null}"#, Some(Format::Github))]
    #[case(r#"{"key":"WEB-1","fields":{"summary":"x","type":"y"}}"#, Some(Format::Jira))]
    #[case(r#"{"expand":"","id":"1","self":"u","fields":{}}"#, Some(Format::Jira))]
    #[case(r#"{"key":"WEB-1","fields":[]}"#, None)]
    #[case(r#"{"_rejected":{"from":"csv","line":2},"Summary":"x"}"#, Some(Format::Csv))]
    #[case(r#"{"_rejected":{"from":"csv","line":2},"number":"7","title":"x","type":"bug"}"#, Some(Format::Csv))]
    #[case(r#"{"_rejected":{"line":2},"type":"CreateTicket"}"#, Some(Format::Commands))]
    #[case(r#"{"title":"x"}"#, None)]
    #[case("[1]", None)]
    #[case("not json", None)]
    fn should_recognise_a_record(#[case] record: &str, #[case] expected: Option<Format>) {
        assert_eq!(Format::recognise(record.as_bytes()), expected);
    }
}
