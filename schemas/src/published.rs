//! Schemas that have been published under an id, parsed once and ready to read and write with.

use std::sync::OnceLock;

use crate::error::SchemaError;

/// A schema that records were written with: its id, the record it describes, and its parsed form.
#[derive(Debug)]
pub struct WriterSchema {
    id: u32,
    record: String,
    schema: serde_avro_fast::Schema,
}

impl WriterSchema {
    /// Parses `avsc`, which was published as `id`.
    ///
    /// # Errors
    /// It is not valid Avro, or not the schema of a record.
    pub fn parse(id: u32, avsc: &str) -> Result<Self, SchemaError> {
        let invalid = |reason: String| SchemaError::InvalidSchema { id, reason };
        let schema: serde_avro_fast::Schema =
            avsc.parse().map_err(|error: serde_avro_fast::schema::SchemaError| invalid(error.to_string()))?;
        let parsed = apache_avro::Schema::parse_str(avsc).map_err(|error| invalid(error.to_string()))?;
        match parsed {
            apache_avro::Schema::Record(record) => Ok(Self { id, record: record.name.name().to_owned(), schema }),
            _ => Err(invalid("not the schema of a record".to_owned())),
        }
    }

    /// Id that the schema was published as.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Name of the record, without its namespace.
    #[must_use]
    pub fn record(&self) -> &str {
        &self.record
    }

    pub(crate) fn schema(&self) -> &serde_avro_fast::Schema {
        &self.schema
    }

    pub(crate) fn unexpected(&self, expected: &'static str) -> SchemaError {
        SchemaError::UnexpectedRecord { id: self.id, found: self.record.clone(), expected }
    }
}

/// A schema of this build, published under an id fixed in the code. Parsed when first used.
#[derive(Debug)]
pub struct Published {
    id: u32,
    record: &'static str,
    avsc: &'static str,
    parsed: OnceLock<Result<WriterSchema, String>>,
}

impl Published {
    /// The schema `avsc` of `record`, published as `id`.
    #[must_use]
    pub const fn new(id: u32, record: &'static str, avsc: &'static str) -> Self {
        Self { id, record, avsc, parsed: OnceLock::new() }
    }

    /// Id that the schema is published as, the same in every process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Name of the record, without its namespace.
    #[must_use]
    pub fn record(&self) -> &'static str {
        self.record
    }

    /// The schema as text.
    #[must_use]
    pub fn avsc(&self) -> &'static str {
        self.avsc
    }

    /// The parsed schema.
    ///
    /// # Errors
    /// The text is not the schema of a record; the tests rule that out for every schema of this build.
    pub fn writer(&self) -> Result<&WriterSchema, SchemaError> {
        self.parsed
            .get_or_init(|| WriterSchema::parse(self.id, self.avsc).map_err(|error| error.to_string()))
            .as_ref()
            .map_err(|reason| SchemaError::InvalidSchema { id: self.id, reason: reason.clone() })
    }
}
