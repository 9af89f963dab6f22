//! What a store is called and which promises it makes.

/// Declares one store of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSpec {
    /// Unique within the task; names the changelog topic and the place on disk.
    pub name: String,
    /// `true`: kept in RocksDB. `false`: kept in memory and restored in full at every start.
    pub persistent: bool,
    /// Whether the store has a changelog to be restored from.
    pub logged: bool,
    /// `Some`: an expiring store, whose entries vanish this many milliseconds of stream time after they were written.
    pub retention_ms: Option<i64>,
    /// `Some`: the topic that it is restored from in the place of a changelog of its own.
    pub restored_from: Option<String>,
}

impl StoreSpec {
    /// A persistent, logged key-value store whose entries stay until they are deleted.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), persistent: true, logged: true, retention_ms: None, restored_from: None }
    }

    /// The same store, expiring: an entry is gone once stream time reaches its timestamp plus `retention_ms`.
    #[must_use]
    pub fn expiring(mut self, retention_ms: i64) -> Self {
        self.retention_ms = Some(retention_ms);
        self
    }

    /// The same store, restored from another topic than a changelog of its own.
    #[must_use]
    pub fn restored_from(mut self, topic: impl Into<String>) -> Self {
        self.restored_from = Some(topic.into());
        self
    }

    /// The same store, kept in memory.
    #[must_use]
    pub fn volatile(mut self) -> Self {
        self.persistent = false;
        self
    }

    /// Where the store lives in the database. The kind is part of the name because expiring values carry a timestamp:
    /// a store that changed its kind starts empty and is restored, instead of being misread. So is a topic that is no changelog
    /// of its own: the checkpoint is an offset in that topic, and in no other.
    pub(crate) fn family(&self) -> String {
        let kind = if self.retention_ms.is_some() { "expiring" } else { "plain" };
        let from = self.restored_from.as_ref().map(|topic| format!("@{topic}")).unwrap_or_default();
        format!("{kind}.{}{from}", self.name)
    }
}

/// Index of a store in the specs that the task was opened with.
///
/// An id is only meaningful for the [`TaskState`](crate::TaskState) that gave it out (or for one opened with the same
/// specs); using a foreign one panics if it is out of range.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreId(pub usize);
