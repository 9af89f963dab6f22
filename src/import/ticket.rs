//! What a ticket of another system becomes: an ImportTicket command, and a CommentTicket for each of its comments.

use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::command_id;
use super::people::Person;

/// Why a record is nothing that can be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unusable {
    pub(super) code: &'static str,
    pub(super) detail: String,
}

impl Unusable {
    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self { code: "malformed", detail: detail.into() }
    }

    /// What is wrong with the JSON of a record, which stands on one line.
    pub(super) fn json(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let reason = text.split(" at line ").next().unwrap_or_default();
        let hint = match reason {
            _ if reason.contains("hex escape") => " (half of a pair of \\u escapes stands alone)",
            _ if reason.contains("unicode code point") => " (this is not UTF-8)",
            _ if reason.contains("recursion limit") => " (it is nested more than 127 deep)",
            _ => "",
        };
        let what = if error.is_data() { "" } else { "not JSON: " };
        Self::malformed(format!("column {}: {what}{reason}{hint}", error.column()))
    }
}

/// A line that is ready to be sent, with the id that follows from what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) id: Uuid,
    pub(super) line: Vec<u8>,
}

impl Command {
    pub(super) fn of(command: &ImportTicket<'_>) -> Result<Self, Unusable> {
        let mut line = serde_json::to_vec(command).map_err(|error| Unusable::json(&error))?;
        let id = command_id::of_content(&line, 0);
        if !command_id::stamp(&mut line, id) {
            return Err(Unusable::malformed("the command has no place for its id"));
        }
        Ok(Self { id, line })
    }
}

/// The native form of the command. `command_id` stays the first field: its text is stamped over. The id follows from the
/// bytes, so a field that is new is left out where it has no value.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImportTicket<'a> {
    pub(super) command_id: Uuid,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) project: &'a str,
    pub(super) title: &'a str,
    pub(super) description: &'a str,
    pub(super) labels: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) assignee: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reporter: Option<String>,
    pub(super) status: &'a str,
    pub(super) created_at: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) updated_at: Option<&'a str>,
    pub(super) external_source: &'a str,
    pub(super) external_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) external_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) priority: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) due_date: Option<&'a str>,
}

/// The type of the command that [`ImportTicket`] writes.
pub(super) const IMPORT_TICKET: &str = "ImportTicket";

/// A ticket of another system in this one's words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ForeignTicket {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) labels: Vec<String>,
    pub(super) status: String,
    pub(super) priority: Option<String>,
    pub(super) assignee: Option<Person>,
    pub(super) reporter: Option<Person>,
    pub(super) created_at: String,
    pub(super) updated_at: Option<String>,
    pub(super) due_date: Option<String>,
    pub(super) source: String,
    pub(super) id: String,
    pub(super) url: Option<String>,
    pub(super) comments: Vec<ForeignComment>,
}

/// A comment on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ForeignComment {
    /// Its id there, or its place among the others.
    pub(super) id: String,
    pub(super) author: Person,
    pub(super) content: String,
}

impl ForeignTicket {
    /// The command that imports it into the project with this key.
    pub(super) fn command(&self, project: &str) -> Result<Command, Unusable> {
        Command::of(&ImportTicket {
            command_id: Uuid::nil(),
            kind: IMPORT_TICKET,
            project,
            title: &self.title,
            description: &self.description,
            labels: self.labels.iter().map(String::as_str).collect(),
            assignee: self.assignee.as_ref().map(Person::key),
            reporter: self.reporter.as_ref().map(Person::key),
            status: &self.status,
            created_at: &self.created_at,
            updated_at: self.updated_at.as_deref(),
            external_source: &self.source,
            external_id: &self.id,
            external_url: self.url.as_deref(),
            priority: self.priority.as_deref(),
            due_date: self.due_date.as_deref(),
        })
    }

    /// Its comments, which can be sent once the ticket has a number.
    pub(super) fn comments(&self, project: &str) -> Vec<Comment> {
        let comment = |comment: &ForeignComment| {
            // Neither on the number, which is the server's to give, nor on the author, who is another with another mapping, nor on the
            // words, which may be edited there: each comment is here once.
            let origin = json!([project, self.source, self.id, comment.id]).to_string();
            Comment {
                id: command_id::of_content(origin.as_bytes(), 0),
                actor: comment.author.key(),
                content: comment.content.clone(),
            }
        };
        self.comments.iter().map(comment).collect()
    }
}

/// A comment that waits for its ticket's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Comment {
    pub(super) id: Uuid,
    actor: String,
    content: String,
}

impl Comment {
    /// The line for the server, on the ticket with this code (`WEB-12`).
    pub(super) fn line(&self, ticket: &str) -> Vec<u8> {
        let rest = json!({"type": "CommentTicket", "ticket": ticket, "actor": self.actor, "content": self.content});
        // The id stands first, where the next one of its chain can be stamped over it.
        format!("{{\"commandId\":\"{}\",{}", self.id, &rest.to_string()[1..]).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::people::Account;
    use super::*;

    fn ticket() -> ForeignTicket {
        let author = Person { account: Account::Email("ana@example.org".into()), name: "Ana".into() };
        let comment = ForeignComment { id: "10".into(), author, content: "Seen \u{0} it".into() };
        ForeignTicket {
            title: "T".into(),
            status: "OPEN".into(),
            created_at: "2024-01-01".into(),
            source: "jira".into(),
            id: "WEB-1".into(),
            comments: vec![comment],
            ..ForeignTicket::default()
        }
    }

    #[test]
    fn should_derive_the_ids_of_comments_from_where_they_come_from_and_not_from_the_number() {
        let comment = &ticket().comments("OPS")[0];
        let mut line = comment.line("OPS-7");
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        let expected = json!({
            "commandId": comment.id, "type": "CommentTicket", "ticket": "OPS-7", "actor": "ana@example.org",
            "content": "Seen \u{0} it"
        });
        assert_eq!(value, expected);
        assert!(command_id::stamp(&mut line, command_id::again(comment.id)), "it can be asked again");
        assert_eq!(ticket().comments("OPS")[0].id, comment.id);
        assert_ne!(ticket().comments("WEB")[0].id, comment.id);
        let mut edited = ticket();
        edited.comments[0].author.account = Account::Email("bob@example.org".into());
        edited.comments[0].content = "Seen it twice".into();
        assert_eq!(edited.comments("OPS")[0].id, comment.id);
        let other = ForeignTicket { id: "WEB-2".into(), ..ticket() };
        assert_ne!(other.comments("OPS")[0].id, comment.id, "on another ticket it is another comment");
    }
}
