//! One line of a bulk request: a whole command, with who issues it and what it is about, or a ticket to be made.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::build::{Target, USER_TYPES, ticket_command, user_command};
use super::{Command, Envelope, parse_code, project_id};
use crate::auth::Identity;
use crate::fields::{FieldError, Fields, PERSON, person_id};

/// A line that is no command, or not one that this caller may issue; nothing was submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LineError {
    /// The command id, if the line got as far as naming one.
    pub(crate) command_id: Option<Uuid>,
    pub(crate) code: &'static str,
    pub(crate) field: Option<String>,
    pub(crate) detail: String,
}

impl LineError {
    fn new(code: &'static str, detail: String) -> Self {
        Self { command_id: None, code, field: None, detail }
    }

    /// A line over the limit, which was not even kept.
    pub(crate) fn too_long(limit_bytes: usize) -> Self {
        Self::new("line_too_long", format!("a line may have at most {limit_bytes} bytes"))
    }
}

impl From<FieldError> for LineError {
    fn from(error: FieldError) -> Self {
        Self { command_id: None, code: error.code, field: Some(error.field), detail: error.detail }
    }
}

/// What the lines of a request are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LineKind {
    /// Whole commands.
    Command,
    /// Tickets to be made in this project.
    TicketOf(Uuid),
}

/// Reads a line. `else_id` is the command's id if it names none, and `now_ms` stands in for a missing `issuedAt`.
pub(crate) fn parse_line(
    line: &[u8],
    kind: LineKind,
    else_id: Option<Uuid>,
    caller: &Identity,
    now_ms: i64,
) -> Result<Command, LineError> {
    let object: Map<String, Value> = serde_json::from_slice(line).map_err(|error| json_error(&error))?;
    let mut fields = Fields::new(object);
    let command_id = fields.opt_uuid("commandId")?.or(else_id);
    let parsed = match kind {
        LineKind::Command => parse_fields(fields, command_id, caller, now_ms),
        LineKind::TicketOf(project_id) => ticket_of(fields, project_id, command_id, caller, now_ms),
    };
    parsed.map_err(|error| LineError { command_id, ..error })
}

fn ticket_of(
    fields: Fields,
    project_id: Uuid,
    command_id: Option<Uuid>,
    caller: &Identity,
    now_ms: i64,
) -> Result<Command, LineError> {
    let command_id = command_id.unwrap_or_else(Uuid::new_v4);
    let by = envelope(command_id, caller.user_id, caller.admin, now_ms);
    let to = Target { project_id, ..Target::default() };
    Ok(Command::Ticket(ticket_command("CreateTicket", fields, to, by)?))
}

fn envelope(command_id: Uuid, actor_id: Uuid, actor_admin: bool, issued_at: i64) -> Envelope {
    Envelope {
        command_id,
        actor_id,
        actor_admin,
        issued_at,
        correlation_id: command_id,
        traceparent: None,
        expected_version: None,
        expected_workflow: None,
    }
}

fn json_error(error: &serde_json::Error) -> LineError {
    if error.is_data() {
        return LineError::new("json_invalid", "a line must be a JSON object".to_owned());
    }
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or_default();
    LineError::new("json_invalid", format!("not JSON at column {}: {reason}", error.column()))
}

fn parse_fields(
    mut fields: Fields,
    command_id: Option<Uuid>,
    caller: &Identity,
    now_ms: i64,
) -> Result<Command, LineError> {
    let kind = fields.string("type")?;
    let command_id = command_id.unwrap_or_else(Uuid::new_v4);
    let (actor_id, issued_at) = (actor(&mut fields, caller)?, fields.opt_time("issuedAt")?.unwrap_or(now_ms));
    let by = Envelope {
        correlation_id: fields.opt_uuid("correlationId")?.unwrap_or(command_id),
        ..envelope(command_id, actor_id, caller.admin, issued_at)
    };
    if USER_TYPES.contains(&kind.as_str()) {
        return Ok(Command::User(user_command(&kind, fields, &caller.email, by)?));
    }
    let to = match kind.as_str() {
        "CreateProject" => Target::default(),
        "EditTicket" | "MoveTicket" | "AssignTicket" | "UnassignTicket" | "CommentTicket" | "WatchTicket"
        | "UnwatchTicket" | "DeleteTicket" => ticket(&mut fields)?,
        _ => Target {
            project_id: project(&mut fields)?.ok_or_else(|| FieldError::missing("project"))?,
            ..Target::default()
        },
    };
    Ok(Command::Ticket(ticket_command(&kind, fields, to, by)?))
}

/// Who issues the command: only an administrator may speak for someone else.
fn actor(fields: &mut Fields, caller: &Identity) -> Result<Uuid, LineError> {
    let Some(text) = fields.opt_string("actor")? else { return Ok(caller.user_id) };
    let id = person_id(&text).ok_or_else(|| FieldError::invalid("actor", PERSON))?;
    if id != caller.user_id && !caller.admin {
        let detail = "only an administrator's token may name another `actor`".to_owned();
        return Err(LineError { field: Some("actor".to_owned()), ..LineError::new("actor_forbidden", detail) });
    }
    Ok(id)
}

fn project(fields: &mut Fields) -> Result<Option<Uuid>, FieldError> {
    Ok(fields.opt_string("project")?.map(|text| project_id(&text)))
}

/// `"ticket": "WEB-12"`, or `"ticket": 12` with `"project"`; `number` is another name for it.
fn ticket(fields: &mut Fields) -> Result<Target, FieldError> {
    let expected = "a code such as \"WEB-12\", or a number together with `project`";
    let project = project(fields)?;
    let (found, number) = match fields.take_any(["ticket", "number"]) {
        Some(Value::String(code)) => parse_code(&code).ok_or_else(|| FieldError::invalid("ticket", expected))?,
        Some(Value::Number(number)) => {
            let number = number.as_i64().filter(|&number| number > 0);
            let number = number.ok_or_else(|| FieldError::invalid("ticket", expected))?;
            (project.ok_or_else(|| FieldError::missing("project"))?, number)
        }
        Some(_) => return Err(FieldError::invalid("ticket", expected)),
        None => return Err(FieldError::missing("ticket")),
    };
    if project.is_some_and(|project| project != found) {
        return Err(FieldError::invalid("ticket", "a ticket of `project`"));
    }
    Ok(Target { project_id: found, number, ..Target::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::{TicketCommand, UserCommand, ids};

    fn parse(line: &str, admin: bool) -> Result<Command, LineError> {
        parse_line(line.as_bytes(), LineKind::Command, None, &Identity::new("ada@example.org", "Ada", admin), 1_000)
    }

    #[test]
    fn should_read_a_ticket_of_the_project_in_the_path() {
        let ada = Identity::new("ada@example.org", "Ada", true);
        let kind = LineKind::TicketOf(ids::project_id("WEB"));
        let read = |line: &str| parse_line(line.as_bytes(), kind, Some(Uuid::from_u128(3)), &ada, 1_000);
        let Ok(Command::Ticket(TicketCommand::CreateTicket(command))) = read(r#"{"title":"T","labels":["a"]}"#) else {
            panic!("no ticket")
        };
        assert_eq!((command.command_id, command.project_id), (Uuid::from_u128(3), ids::project_id("WEB")));
        assert_eq!((command.title.as_str(), command.actor_id), ("T", ada.user_id));
        for (line, field) in [
            ("{}", "title"),
            (r#"{"title":"T","type":"MoveTicket"}"#, "type"),
            (r#"{"title":"T","project":"HR"}"#, "project"),
            (r#"{"title":"T","actor":"bob@example.org"}"#, "actor"),
        ] {
            let error = read(line).unwrap_err();
            assert_eq!((error.field.as_deref(), error.command_id), (Some(field), Some(Uuid::from_u128(3))), "{line}");
        }
        let own = read(&format!(r#"{{"title":"T","commandId":"{}"}}"#, Uuid::from_u128(4))).unwrap();
        assert_eq!(own.command_id(), Uuid::from_u128(4));
    }

    fn ticket_command(line: &str) -> TicketCommand {
        match parse(line, true) {
            Ok(Command::Ticket(command)) => command,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn should_read_a_whole_command() {
        let id = Uuid::from_u128(9);
        let line = format!(
            r#"{{"type":"CreateTicket","commandId":"{id}","project":"WEB","actor":"github:Octo","issuedAt":5,"title":"T",
                "priority":"HIGH","labels":["a","b"],"assignee":"Bob@example.org","dueDate":"2026-01-31"}}"#
        );
        let TicketCommand::CreateTicket(command) = ticket_command(&line) else { panic!("wrong type") };
        assert_eq!(command.command_id, id);
        assert_eq!(command.correlation_id, id);
        assert_eq!(command.project_id, ids::project_id("WEB"));
        assert_eq!(command.actor_id, ids::user_id("github:octo"));
        assert!(command.actor_admin);
        assert_eq!((command.issued_at, command.title.as_str(), command.description.as_str()), (5, "T", ""));
        assert_eq!(command.assignee_id, Some(ids::user_id("bob@example.org")));
        assert_eq!(command.labels, ["a", "b"]);
        assert_eq!(command.due_date, Some(1_769_817_600_000));
    }

    #[test]
    fn should_take_a_ticket_by_code_or_by_number_and_project() {
        let lines = [
            r#"{"type":"MoveTicket","ticket":"WEB-12","status":"DONE"}"#,
            r#"{"type":"MoveTicket","ticket":12,"project":"WEB","status":"DONE"}"#,
            r#"{"type":"MoveTicket","number":12,"project":"WEB","status":"DONE"}"#,
            r#"{"type":"MoveTicket","ticket":"WEB-12","project":"WEB","status":"DONE"}"#,
        ];
        for line in lines {
            let TicketCommand::MoveTicket(command) = ticket_command(line) else { panic!("{line}") };
            assert_eq!((command.project_id, command.number), (ids::project_id("WEB"), 12), "{line}");
        }
    }

    #[test]
    fn should_take_a_pool_by_the_id_or_the_key_of_its_host() {
        let id = ids::project_id("WEB");
        for pool in ["WEB".to_owned(), id.to_string()] {
            let line = format!(r#"{{"type":"ConfigureAssignment","project":"SHOP","pool":"{pool}","poolOpen":false}}"#);
            let TicketCommand::ConfigureAssignment(command) = ticket_command(&line) else { panic!("{line}") };
            assert_eq!((command.pool, command.pool_open, command.policy), (Some(id), Some(false), None), "{line}");
        }
    }

    #[test]
    fn should_register_people_by_mail_or_as_placeholders() {
        let key = |line| match parse(line, true) {
            Ok(Command::User(UserCommand::RegisterUser(command))) => (command.user_key, command.name),
            other => panic!("{other:?}"),
        };
        let by_mail = key(r#"{"type":"RegisterUser","email":"Ada@Example.org","name":"Ada"}"#);
        assert_eq!(by_mail, ("ada@example.org".to_owned(), "Ada".to_owned()));
        let placeholder = key(r#"{"type":"RegisterUser","source":"github","login":"OctoCat"}"#);
        assert_eq!(placeholder, ("github:octocat".to_owned(), "OctoCat".to_owned()));
    }

    #[test]
    fn should_say_precisely_what_is_wrong() {
        let table = [
            ("", "json_invalid", None),
            ("[1]", "json_invalid", None),
            ("{\"type\":\"CreateTicket\",}", "json_invalid", None),
            (r#"{"project":"WEB"}"#, "field_missing", Some("type")),
            (r#"{"type":"Create","project":"WEB"}"#, "field_invalid", Some("type")),
            (r#"{"type":"CreateTicket","title":"x"}"#, "field_missing", Some("project")),
            (r#"{"type":"CreateTicket","project":"WEB"}"#, "field_missing", Some("title")),
            (r#"{"type":"CreateTicket","project":"WEB","title":7}"#, "field_invalid", Some("title")),
            (r#"{"type":"CreateTicket","project":"WEB","title":"x","lables":[]}"#, "field_unknown", Some("lables")),
            (
                r#"{"type":"CreateTicket","project":"WEB","title":"x","assignee":"bob"}"#,
                "field_invalid",
                Some("assignee"),
            ),
            (
                r#"{"type":"CreateTicket","commandId":"7","project":"WEB","title":"x"}"#,
                "field_invalid",
                Some("commandId"),
            ),
            (r#"{"type":"MoveTicket","ticket":12,"status":"DONE"}"#, "field_missing", Some("project")),
            (r#"{"type":"MoveTicket","ticket":"WEB-0","status":"DONE"}"#, "field_invalid", Some("ticket")),
            (r#"{"type":"MoveTicket","ticket":"WEB-1","project":"OPS","status":"X"}"#, "field_invalid", Some("ticket")),
            (r#"{"type":"AssignTicket","ticket":"WEB-1"}"#, "field_missing", Some("assigneeId")),
            (r#"{"type":"RegisterUser","name":"x"}"#, "field_missing", Some("email")),
            (r#"{"type":"AddMember","project":"WEB","user":"bob"}"#, "field_invalid", Some("user")),
        ];
        for (line, code, field) in table {
            let error = parse(line, true).expect_err(line);
            assert_eq!((error.code, error.field.as_deref()), (code, field), "{line}: {}", error.detail);
        }
    }

    #[test]
    fn should_name_the_command_of_a_bad_line_so_that_the_sender_can_tell() {
        let id = Uuid::from_u128(3);
        let error = parse(&format!(r#"{{"type":"CreateTicket","commandId":"{id}"}}"#), true).unwrap_err();
        assert_eq!(error.command_id, Some(id));
    }

    #[test]
    fn should_let_only_administrators_speak_for_others() {
        let line = r#"{"type":"CreateTicket","project":"WEB","title":"x","actor":"bob@example.org"}"#;
        assert_eq!(parse(line, false).unwrap_err().code, "actor_forbidden");
        assert!(parse(line, true).is_ok());
        let own = r#"{"type":"CreateTicket","project":"WEB","title":"x","actor":"ADA@example.org"}"#;
        assert!(parse(own, false).is_ok());
    }
}
