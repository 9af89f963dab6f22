//! What a file holds, as told by `--from` or recognised from its first record.

use clap::ValueEnum;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The formats that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Issues as GitHub's REST API gives them.
    Github,
    /// Native commands, one JSON object a line.
    Commands,
}

/// The fields that tell the two apart. A native command has a `type`; an issue has a `number` and a `title`.
/// (GitHub's issue *types* are objects or null, never a name of a command.)
#[derive(Deserialize)]
struct Marks<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<&'a serde_json::value::RawValue>,
    number: Option<IgnoredAny>,
    title: Option<IgnoredAny>,
    html_url: Option<IgnoredAny>,
    repository_url: Option<IgnoredAny>,
}

impl Format {
    /// The format that this record is in, or none if it is neither or not JSON.
    pub(super) fn recognise(record: &[u8]) -> Option<Self> {
        let marks: Marks<'_> = serde_json::from_slice(record).ok()?;
        let linked = marks.html_url.is_some() || marks.repository_url.is_some();
        if marks.number.is_some() && (linked || marks.title.is_some()) && !is_text(marks.kind) {
            return Some(Self::Github);
        }
        (is_text(marks.kind) && !linked).then_some(Self::Commands)
    }
}

fn is_text(value: Option<&serde_json::value::RawValue>) -> bool {
    value.is_some_and(|value| value.get().starts_with('"'))
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
    #[case(r#"{"title":"x"}"#, None)]
    #[case("[1]", None)]
    #[case("not json", None)]
    fn should_recognise_a_record(#[case] record: &str, #[case] expected: Option<Format>) {
        assert_eq!(Format::recognise(record.as_bytes()), expected);
    }
}
