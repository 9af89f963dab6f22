//! Rows in the binary format of `COPY`. Source: PostgreSQL's documentation, `COPY`, "Binary Format".

use sqlx::PgConnection;
use uuid::Uuid;

/// Type of a list's elements: `text`.
const TEXT_OID: i32 = 25;

const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Rows for one statement. The buffer is used again for the next batch.
pub(super) struct CopyRows {
    statement: &'static str,
    columns: i16,
    bytes: Vec<u8>,
}

impl CopyRows {
    /// `COPY table (columns) FROM STDIN BINARY`, with so many columns.
    pub(super) fn new(statement: &'static str, columns: i16) -> Self {
        Self { statement, columns, bytes: Vec::new() }
    }

    /// Begins a row; its values follow in the order of the columns.
    pub(super) fn row(&mut self) -> &mut Self {
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(HEADER);
        }
        self.bytes.extend_from_slice(&self.columns.to_be_bytes());
        self
    }

    pub(super) fn uuid(&mut self, value: Uuid) -> &mut Self {
        self.value(value.as_bytes())
    }

    pub(super) fn maybe_uuid(&mut self, value: Option<Uuid>) -> &mut Self {
        match value {
            Some(value) => self.uuid(value),
            None => self.null(),
        }
    }

    pub(super) fn maybe_int(&mut self, value: Option<i64>) -> &mut Self {
        match value {
            Some(value) => self.int(value),
            None => self.null(),
        }
    }

    pub(super) fn maybe_text(&mut self, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    /// A list, without nulls in it.
    pub(super) fn texts(&mut self, values: &[String]) -> &mut Self {
        let place = self.bytes.len();
        // Room for the length; dimensions; whether there are nulls; the elements' type.
        self.word(0).word(i32::from(!values.is_empty())).word(0).word(TEXT_OID);
        if !values.is_empty() {
            // Its length, and the number of its first element.
            self.word(length(values.len())).word(1);
        }
        for value in values {
            self.text(value);
        }
        let written = length(self.bytes.len() - place - size_of::<i32>());
        if let Some(head) = self.bytes.get_mut(place..place + size_of::<i32>()) {
            head.copy_from_slice(&written.to_be_bytes());
        }
        self
    }

    pub(super) fn int(&mut self, value: i64) -> &mut Self {
        self.value(&value.to_be_bytes())
    }

    pub(super) fn small_int(&mut self, value: i32) -> &mut Self {
        self.value(&value.to_be_bytes())
    }

    pub(super) fn bool(&mut self, value: bool) -> &mut Self {
        self.value(&[u8::from(value)])
    }

    pub(super) fn text(&mut self, value: &str) -> &mut Self {
        self.value(value.as_bytes())
    }

    /// Sends the rows, if there are any.
    pub(super) async fn send(&mut self, db: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        self.bytes.extend_from_slice(&(-1_i16).to_be_bytes());
        let mut copy = db.copy_in_raw(self.statement).await?;
        let sent = copy.send(self.bytes.as_slice()).await.map(drop);
        self.clear();
        match sent {
            Ok(()) => copy.finish().await.map(drop),
            Err(error) => Err(error),
        }
    }

    fn null(&mut self) -> &mut Self {
        self.word(-1)
    }

    fn value(&mut self, bytes: &[u8]) -> &mut Self {
        self.word(length(bytes.len()));
        self.bytes.extend_from_slice(bytes);
        self
    }

    fn word(&mut self, word: i32) -> &mut Self {
        self.bytes.extend_from_slice(&word.to_be_bytes());
        self
    }

    /// Forgets what was gathered for a batch that failed.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }
}

/// A record of the log has far fewer bytes than this can say.
fn length(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}
