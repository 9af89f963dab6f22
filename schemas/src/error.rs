//! Why a record could not be read or written.

/// Why a record could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// The bytes are too short for the frame's prefix.
    #[error("{len} bytes are too few for a framed record, which begins with 0x00 and four bytes of schema id")]
    TooShort {
        /// How many bytes there are.
        len: usize,
    },
    /// The bytes do not begin with 0x00.
    #[error("a framed record begins with 0x00, this one with {found:#04x}")]
    WrongMagic {
        /// The first byte.
        found: u8,
    },
    /// The registry was asked, and does not know the schema.
    #[error("schema id {id} is unknown")]
    UnknownSchema {
        /// The id in the record.
        id: u32,
    },
    /// The registry could not be asked: the record may be fine, and can be tried again.
    #[error("schema id {id} could not be looked up: {reason}")]
    RegistryUnreachable {
        /// The id in the record.
        id: u32,
        /// What went wrong.
        reason: String,
    },
    /// The record is of another type than those that belong here.
    #[error("schema id {id} is a {found}, not a {expected}")]
    UnexpectedRecord {
        /// The id in the record.
        id: u32,
        /// Name of the record's type.
        found: String,
        /// Name of the type, or set of types, that belongs here.
        expected: &'static str,
    },
    /// The bytes after the prefix do not fit the schema.
    #[error("malformed {record} (schema id {id}): {source}")]
    Malformed {
        /// Name of the record's type.
        record: &'static str,
        /// The id in the record.
        id: u32,
        /// What the Avro reader says.
        source: serde_avro_fast::de::DeError,
    },
    /// There are bytes after the end of the record.
    #[error("{trailing} bytes too many after a {record} (schema id {id})")]
    TrailingBytes {
        /// Name of the record's type.
        record: &'static str,
        /// The id in the record.
        id: u32,
        /// How many.
        trailing: usize,
    },
    /// The value does not fit its schema.
    #[error("cannot write a {record}: {source}")]
    Unwritable {
        /// Name of the record's type.
        record: &'static str,
        /// What the Avro writer says.
        source: serde_avro_fast::ser::SerError,
    },
    /// A schema is not valid Avro, or not that of a record.
    #[error("schema id {id} is unusable: {reason}")]
    InvalidSchema {
        /// Id of the schema.
        id: u32,
        /// What the parser says.
        reason: String,
    },
}

impl SchemaError {
    /// Whether trying again later may succeed, because the registry could not be reached. All else is bad for ever.
    #[must_use]
    pub fn not_yet(&self) -> bool {
        matches!(self, Self::RegistryUnreachable { .. })
    }
}
