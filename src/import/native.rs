//! Native commands: passed on as they are, each with an id if it has none. What they say is the server's to judge.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::command_id;
use super::rejects::MARK;
use super::ticket::Unusable;

/// Which commands must be answered before others go out: a member is looked up among the users, and a ticket's
/// assignee among the members, each by a decision of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Users,
    Members,
    Others,
}

/// A command that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NativeCommand {
    pub(super) id: Uuid,
    pub(super) line: Vec<u8>,
    /// False if the line named its id itself.
    pub(super) own_id: bool,
    pub(super) stage: Stage,
}

/// Prepares lines; remembers how often it saw each, so that two equal lines are two commands, in every run the same.
#[derive(Debug, Default)]
pub(super) struct NativeReader {
    /// Put into lines that name no project.
    project: Option<String>,
    seen: HashMap<Uuid, u32>,
}

impl NativeReader {
    pub(super) fn new(project: Option<String>) -> Self {
        Self { project, seen: HashMap::new() }
    }

    pub(super) fn read(&mut self, record: &[u8]) -> Result<NativeCommand, Unusable> {
        let mut fields = Fields::read(record)?;
        fields.0.remove(MARK);
        let kind: String = fields.text("type")?.unwrap_or_default();
        if let Some(project) = &self.project
            && !matches!(kind.as_str(), "RegisterUser" | "CreateProject")
            && !fields.0.contains_key("project")
            && !fields.names_a_code()
        {
            fields.set("project", project);
        }
        let named = fields.0.remove("commandId").filter(|id| id.get() != "null");
        let given = match named {
            Some(raw) => Some(serde_json::from_str::<Uuid>(raw.get()).map_err(|_| Unusable {
                code: "invalid",
                detail: format!("commandId: expected a UUID, found {}", raw.get()),
            })?),
            None => None,
        };
        let content = fields.written();
        let id = given.unwrap_or_else(|| {
            let seen = self.seen.entry(command_id::of_content(&content, 0)).or_default();
            *seen += 1;
            command_id::of_content(&content, *seen - 1)
        });
        let mut line = format!("{{\"commandId\":\"{id}\"").into_bytes();
        if content.len() > 2 {
            line.push(b',');
        }
        line.extend_from_slice(&content[1..]);
        Ok(NativeCommand { id, line, own_id: given.is_none(), stage: stage(&kind) })
    }
}

fn stage(kind: &str) -> Stage {
    match kind {
        "RegisterUser" => Stage::Users,
        "AddMember" => Stage::Members,
        _ => Stage::Others,
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Borrowed<'a>(#[serde(borrow)] BTreeMap<Cow<'a, str>, &'a RawValue>);

/// A command's fields by name, their values untouched: the order in which a line gives them means nothing.
struct Fields<'a>(BTreeMap<Cow<'a, str>, Cow<'a, RawValue>>);

impl<'a> Fields<'a> {
    fn read(record: &'a [u8]) -> Result<Self, Unusable> {
        if !record.starts_with(b"{") {
            return Err(Unusable::malformed("expected an object, such as {\"type\":\"CreateTicket\",...}"));
        }
        let fields: Borrowed<'a> = serde_json::from_slice(record).map_err(|error| Unusable::json(&error))?;
        Ok(Self(fields.0.into_iter().map(|(name, value)| (name, Cow::Borrowed(value))).collect()))
    }

    /// A field's text; an error if it is there and no text.
    fn text(&self, name: &str) -> Result<Option<String>, Unusable> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let wrong = || Unusable { code: "invalid", detail: format!("{name}: expected text, found {}", value.get()) };
        serde_json::from_str(value.get()).map(Some).map_err(|_| wrong())
    }

    /// Whether the ticket is named by its code (`WEB-12`), which names the project too.
    fn names_a_code(&self) -> bool {
        self.0.get("ticket").is_some_and(|ticket| ticket.get().starts_with('"') && ticket.get().contains('-'))
    }

    fn set(&mut self, name: &'static str, text: &str) {
        let quoted = serde_json::Value::from(text).to_string();
        if let Ok(value) = RawValue::from_string(quoted) {
            self.0.insert(Cow::Borrowed(name), Cow::Owned(value));
        }
    }

    /// The object, fields in the order of their names.
    fn written(&self) -> Vec<u8> {
        let mut out = vec![b'{'];
        for (name, value) in &self.0 {
            if out.len() > 1 {
                out.push(b',');
            }
            out.extend_from_slice(serde_json::Value::from(name.as_ref()).to_string().as_bytes());
            out.push(b':');
            out.extend_from_slice(value.get().as_bytes());
        }
        out.push(b'}');
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn read(record: &str) -> NativeCommand {
        NativeReader::default().read(record.as_bytes()).unwrap()
    }

    fn text(command: &NativeCommand) -> &str {
        std::str::from_utf8(&command.line).unwrap()
    }

    #[test]
    fn should_give_a_command_an_id_that_follows_from_what_it_says() {
        let one = read(r#"{"type":"CreateTicket","project":"WEB","title":"ñ \u0041","n":1.50}"#);
        let other = read(r#"{ "n":1.50, "title":"ñ \u0041","project":"WEB","type":"CreateTicket"}"#);
        assert_eq!(one, other);
        let expected = format!(
            r#"{{"commandId":"{}","n":1.50,"project":"WEB","title":"ñ \u0041","type":"CreateTicket"}}"#,
            one.id
        );
        assert_eq!(text(&one), expected);
        assert!(one.own_id);
    }

    #[test]
    fn should_tell_equal_lines_apart_in_every_run_the_same() {
        let ids = || {
            let mut reader = NativeReader::default();
            ["{\"a\":1}", "{\"b\":1}", "{\"a\":1}"].map(|line| reader.read(line.as_bytes()).unwrap().id)
        };
        assert_eq!(ids(), ids());
        assert_ne!(ids()[0], ids()[2]);
    }

    #[test]
    fn should_keep_the_id_that_a_line_names() {
        let command = read(r#"{"type":"CreateTicket","commandId":"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}"#);
        assert_eq!(command.id.to_string(), "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
        assert!(!command.own_id);
        assert!(read(r#"{"type":"CreateTicket","commandId":null}"#).own_id);
    }

    #[test]
    fn should_fill_in_the_project_only_where_none_is_named() {
        let mut reader = NativeReader::new(Some("WEB".into()));
        let mut project = |line: &str| {
            let command = reader.read(line.as_bytes()).unwrap();
            let value: serde_json::Value = serde_json::from_slice(&command.line).unwrap();
            value.get("project").and_then(|project| project.as_str()).map(str::to_owned)
        };
        assert_eq!(project(r#"{"type":"CreateTicket","title":"x"}"#).as_deref(), Some("WEB"));
        assert_eq!(project(r#"{"type":"CreateTicket","title":"x","project":"OPS"}"#).as_deref(), Some("OPS"));
        assert_eq!(project(r#"{"type":"MoveTicket","ticket":12}"#).as_deref(), Some("WEB"));
        assert_eq!(project(r#"{"type":"MoveTicket","ticket":"OPS-12"}"#), None);
        assert_eq!(project(r#"{"type":"RegisterUser","email":"a@example.org"}"#), None);
    }

    #[test]
    fn should_not_let_the_mark_of_a_rejects_file_change_a_command() {
        let plain = read(r#"{"type":"CreateTicket","title":"x"}"#);
        let marked = read(r#"{"_rejected":{"line":4,"code":"title_too_long"},"type":"CreateTicket","title":"x"}"#);
        assert_eq!(plain, marked);
    }

    #[rstest]
    #[case("nonsense", "malformed")]
    #[case("[1]", "malformed")]
    #[case(r#"{"type":"CreateTicket""#, "malformed")]
    #[case(r#"{"type":7}"#, "invalid")]
    #[case(r#"{"type":"CreateTicket","commandId":"7"}"#, "invalid")]
    fn should_refuse_what_is_no_command(#[case] record: &str, #[case] code: &str) {
        assert_eq!(NativeReader::default().read(record.as_bytes()).unwrap_err().code, code);
    }

    #[test]
    fn should_refuse_text_that_is_not_utf8() {
        let error = NativeReader::default().read(b"{\"type\":\"Create\xff\"}").unwrap_err();
        assert_eq!(error.code, "malformed");
    }

    #[rstest]
    #[case("RegisterUser", Stage::Users)]
    #[case("AddMember", Stage::Members)]
    #[case("CreateTicket", Stage::Others)]
    fn should_know_what_must_be_answered_first(#[case] kind: &str, #[case] expected: Stage) {
        assert_eq!(read(&format!(r#"{{"type":"{kind}"}}"#)).stage, expected);
    }
}
