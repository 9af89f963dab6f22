//! Keys, values and headers for people and for JSON: a record whose schema is known, else text, else hexadecimal.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use schemas::{Lookup, SchemaRegistry, frame};
use serde::Serialize;
use serde_json::Value;

use crate::broker::BrokerArgs;
use crate::config::Config;
use crate::print::printable;
use crate::registry;

/// How long the registry may take to tell of a schema.
const SCHEMA: Duration = Duration::from_secs(2);

/// Some bytes, as far as they are understood.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", untagged)]
pub(crate) enum Content {
    /// An Avro record in the Confluent frame.
    #[serde(rename_all = "camelCase")]
    Record {
        /// Name of its type.
        record: String,
        /// Id of its schema.
        schema_id: u32,
        /// Its fields.
        fields: Value,
    },
    /// UTF-8.
    Text {
        /// As it is.
        text: String,
    },
    /// Anything else.
    Bytes {
        /// Two digits a byte.
        hex: String,
        /// Why they could not be read, if they are framed as a record is.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
}

/// What knows the schemas of the records of a broker; none, with a word on standard error, where it cannot be asked.
pub(crate) fn registry(broker: &BrokerArgs, config: &Config) -> Option<Arc<dyn SchemaRegistry>> {
    match broker.kafka(config) {
        // What lies in a data directory was written with the ids in the code.
        None => Some(registry::embedded()),
        Some(_) => registry::open_now(config)
            .inspect_err(|error| eprintln!("syncroboard: records are shown as bytes: {error:#}"))
            .ok(),
    }
}

impl Content {
    /// Without a registry nothing is taken for a record.
    pub(crate) fn of(bytes: &[u8], registry: Option<&dyn SchemaRegistry>) -> Self {
        let mut why = None;
        if let Some(registry) = registry {
            if let Ok(id) = frame::schema_id(bytes)
                && matches!(registry.schema(id), Lookup::Unreachable(_))
            {
                registry.wait_for(id, SCHEMA);
            }
            match frame::to_json(registry, bytes) {
                Ok((schema, fields)) => {
                    return Self::Record { record: schema.record().to_owned(), schema_id: schema.id(), fields };
                }
                Err(error) => why = frame::schema_id(bytes).is_ok().then(|| error.to_string()),
            }
        }
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => Self::Text { text: text.to_owned() },
            _ => Self::Bytes { hex: hex(bytes), why },
        }
    }
}

impl std::fmt::Display for Content {
    /// What strangers wrote must not steer the terminal: control characters are escaped.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Record { record, schema_id, fields } => {
                write!(f, "{record} (schema {schema_id}) {}", printable(&fields.to_string()))
            }
            Self::Text { text } => f.write_str(&printable(text)),
            Self::Bytes { hex, why: None } => write!(f, "0x{hex}"),
            Self::Bytes { hex, why: Some(why) } => write!(f, "0x{hex} ({})", printable(why)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use schemas::{CreateTicket, EmbeddedRegistry, SchemaError, TicketCommand};
    use serde_json::json;

    use super::*;

    #[test]
    fn should_show_a_record_with_its_fields_a_text_as_text_and_the_rest_in_digits() {
        let mut bytes = Vec::new();
        let command = CreateTicket { title: "Flicker".to_owned(), ..CreateTicket::default() };
        TicketCommand::from(command).encode(&mut bytes).unwrap();
        let record = serde_json::to_value(Content::of(&bytes, Some(&EmbeddedRegistry))).unwrap();
        assert_eq!((&record["record"], &record["fields"]["title"]), (&json!("CreateTicket"), &json!("Flicker")));
        for (bytes, expected) in [
            (&b"key"[..], json!({"text": "key"})),
            (b"\xff\x01", json!({"hex": "ff01"})),
            (
                b"\0\0\0\x03\xe7rest",
                json!({"hex": "00000003e772657374", "why": SchemaError::UnknownSchema { id: 999 }.to_string()}),
            ),
            (b"", json!({"text": ""})),
        ] {
            assert_eq!(
                serde_json::to_value(Content::of(bytes, Some(&EmbeddedRegistry))).unwrap(),
                expected,
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn should_not_let_content_steer_the_terminal() {
        assert_eq!(Content::of(b"a\x1b[2Jb\r", Some(&EmbeddedRegistry)).to_string(), "a\\u{1b}[2Jb\\r");
    }
}
