//! Events on the channel of their project: JSON with the event's own fields, `sequence` among them, and its `type`.
//!
//! ```json
//! {"type":"ticketMoved","userId":"...","eventId":"...","projectId":"...","sequence":7,"ticketId":"...","newStatus":"DONE"}
//! ```

use schemas::TicketEvent;
use serde_json::Value;
use uuid::Uuid;

/// A message is no event that this version knows.
#[derive(Debug, thiserror::Error)]
pub(super) enum MessageError {
    /// Not JSON, or not with the fields that its type says.
    #[error("an event on a channel cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// A type of a newer version.
    #[error("an event on a channel is of the unknown type {0:?}")]
    Type(String),
}

/// Each kind of event, and its name in messages.
macro_rules! kinds {
    ($($kind:ident = $name:literal),* $(,)?) => {
        fn type_and_fields(event: &TicketEvent) -> Result<(&'static str, String), serde_json::Error> {
            match event {
                $( TicketEvent::$kind(event) => Ok(($name, serde_json::to_string(event)?)), )*
            }
        }

        fn from_fields(name: &str, fields: Value) -> Result<TicketEvent, MessageError> {
            match name {
                $( $name => Ok(serde_json::from_value::<schemas::$kind>(fields)?.into()), )*
                _ => Err(MessageError::Type(name.chars().take(60).collect())),
            }
        }
    };
}

kinds! {
    ProjectCreated = "projectCreated",
    ProjectUpdated = "projectUpdated",
    ProjectMemberAdded = "projectMemberAdded",
    ProjectMemberUpdated = "projectMemberUpdated",
    ProjectMemberRemoved = "projectMemberRemoved",
    TicketCreated = "ticketCreated",
    TicketUpdated = "ticketUpdated",
    TicketStatusUpdated = "ticketMoved",
    TicketAssigned = "ticketAssigned",
    TicketUnassigned = "ticketUnassigned",
    TicketWatchAdded = "ticketWatchAdded",
    TicketWatchRemoved = "ticketWatchRemoved",
    TicketCommented = "ticketCommented",
    TicketDeleted = "ticketDeleted",
}

/// An event as it goes out.
pub(super) fn encode_event(event: &TicketEvent) -> Result<String, MessageError> {
    let (name, fields) = type_and_fields(event)?;
    let rest = fields.strip_prefix('{').unwrap_or(&fields);
    // Who moved it has the name that clients know it by; the other fields have it already.
    Ok(match event {
        TicketEvent::TicketStatusUpdated(moved) => {
            format!("{{\"type\":\"{name}\",\"userId\":\"{}\",{rest}", moved.updated_by)
        }
        _ => format!("{{\"type\":\"{name}\",{rest}"),
    })
}

/// What a message says, as far as it can be read.
#[derive(Debug)]
pub(super) struct Heard {
    /// Project and sequence: all that is needed to know how far the read model is.
    pub(super) reached: Option<(Uuid, i64)>,
    pub(super) event: Result<TicketEvent, MessageError>,
}

/// Reads what [`encode_event`], or that of a newer version, wrote.
pub(super) fn decode_event(text: &[u8]) -> Heard {
    let fields: Value = match serde_json::from_slice(text) {
        Ok(fields) => fields,
        Err(error) => return Heard { reached: None, event: Err(error.into()) },
    };
    let project = fields["projectId"].as_str().and_then(|id| Uuid::try_parse(id).ok());
    let reached = project.zip(fields["sequence"].as_i64());
    let name = fields["type"].as_str().unwrap_or_default().to_owned();
    Heard { reached, event: from_fields(&name, fields) }
}

#[cfg(test)]
mod tests {
    use schemas::{ProjectMemberAdded, TicketCreated, TicketDeleted, TicketStatusUpdated};

    use super::*;

    #[test]
    fn should_read_back_what_it_wrote() -> Result<(), MessageError> {
        let (project_id, sequence) = (Uuid::from_u128(7), 4);
        let labels = vec!["\"q\"".to_owned(), "ü\n".to_owned()];
        let role = "owner".to_owned();
        let events: [TicketEvent; 4] = [
            TicketCreated { project_id, sequence, labels, ..TicketCreated::default() }.into(),
            TicketStatusUpdated { project_id, sequence, updated_by: Uuid::from_u128(9), ..Default::default() }.into(),
            ProjectMemberAdded { project_id, sequence, user_id: Uuid::from_u128(8), role, ..Default::default() }.into(),
            TicketDeleted { project_id, sequence, ..Default::default() }.into(),
        ];
        for event in events {
            let text = encode_event(&event)?;
            let heard = decode_event(text.as_bytes());
            assert_eq!(heard.event?, event, "{text}");
            assert_eq!(heard.reached, Some((project_id, 4)));
        }
        Ok(())
    }

    #[test]
    fn should_know_how_far_an_event_of_a_newer_version_is() {
        let heard =
            decode_event(br#"{"type":"ticketSplit","projectId":"00000000-0000-0000-0000-000000000007","sequence":9}"#);
        assert!(matches!(heard.event, Err(MessageError::Type(name)) if name == "ticketSplit"));
        assert_eq!(heard.reached, Some((Uuid::from_u128(7), 9)));
        for junk in [&b""[..], b"{", b"[]", b"\"x\"", b"\xff", b"{\"type\":\"ticketMoved\"}"] {
            let heard = decode_event(junk);
            assert!(heard.event.is_err() && heard.reached.is_none());
        }
    }
}
