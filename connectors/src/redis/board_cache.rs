//! The board cache in Redis, as a process that reads sees it.
//!
//! The bodies that a process has seen stay in it; what it asks Redis for each time, in one round trip, is which sequence and
//! which epoch count.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::redis::RedisResult;
use bytes::Bytes;
use parking_lot::Mutex;
use uuid::Uuid;

use super::link::{Connected, Link};
use super::scripts::Scripts;
use super::{CacheFault, RedisError, RedisOptions};
use crate::board_cache::{BoardCache, CacheStats, CachedBoard, Counters, FillPermit, Generations, Lookup};
use crate::read_model::BoxFuture;

/// Boards in Redis.
pub struct RedisBoardCache {
    options: RedisOptions,
    epoch_key: String,
    link: Link,
    scripts: Scripts,
    seen: Mutex<Generations<Seen>>,
    counters: Counters,
}

/// A board that this process has seen, and the epoch in which it counts.
struct Seen {
    epoch: Arc<str>,
    board: Arc<CachedBoard>,
}

/// What a value's key says, and the epoch's.
struct Marks {
    sequence: Option<i64>,
    epoch: Option<String>,
    present: Option<String>,
}

impl RedisBoardCache {
    /// A cache in the Redis of these options. Nothing is connected yet.
    ///
    /// # Errors
    /// [`RedisError::Address`].
    pub fn new(options: RedisOptions) -> Result<Self, RedisError> {
        Ok(Self {
            epoch_key: options.epoch_key(),
            link: Link::new(&options, options.call_limit)?,
            scripts: Scripts::new(options.fault),
            seen: Mutex::new(Generations::new(options.local_bytes)),
            counters: Counters::default(),
            options,
        })
    }

    /// Sets a new epoch: nothing that was cached before counts. Says whether it was done.
    pub async fn renew_epoch(&self) -> bool {
        let key = self.epoch_key.as_str();
        let set = |mut to: Connected| async move {
            ::redis::cmd("SET").arg(key).arg(new_epoch(&to.run_id)).exec_async(&mut to.connection).await
        };
        self.link.call(set).await.is_some()
    }

    /// What Redis holds of a project's board, whether or not it counts: for `verify`. `None` if Redis cannot be asked.
    pub async fn held(&self, project: Uuid) -> Option<Option<CachedBoard>> {
        let key = self.options.value_key(project);
        let read = |mut to: Connected| async move { self.read_value(&mut to, &key).await };
        let (marks, board) = self.link.call(read).await?;
        Some(if marks.sequence.is_some() { board } else { None })
    }

    async fn find(&self, project: Uuid) -> Option<Lookup> {
        let key = self.options.value_key(project);
        self.link.call(|to| self.find_at(to, project, key)).await
    }

    async fn find_at(&self, mut to: Connected, project: Uuid, key: String) -> RedisResult<Lookup> {
        let mut ask = ::redis::Pipeline::with_capacity(2);
        ask.cmd("HMGET").arg(&key).arg("sequence").arg("epoch").cmd("GET").arg(&self.epoch_key);
        let ((sequence, epoch), present) = ask.query_async(&mut to.connection).await?;
        let mut marks = Marks { sequence, epoch, present };
        if self.counts(&marks, &to) {
            if let Some(board) = self.seen(project, &marks) {
                return Ok(Lookup::Hit(board));
            }
            let (fresh, board) = self.read_value(&mut to, &key).await?;
            marks = fresh;
            if let Some(board) = board.filter(|_| self.counts(&marks, &to)) {
                let board = Arc::new(board);
                self.keep(project, marks.present.as_deref().unwrap_or_default().into(), board.clone());
                return Ok(Lookup::Hit(board));
            }
        }
        let at_least = if self.counts(&marks, &to) { marks.sequence.unwrap_or_default() } else { 0 };
        self.permit(&mut to, project, at_least).await.map(Lookup::Miss)
    }

    /// A value counts if it is of the present epoch, and that of this run of the server.
    fn counts(&self, marks: &Marks, to: &Connected) -> bool {
        if self.options.fault == Some(CacheFault::NoEpochCheck) {
            return marks.sequence.is_some();
        }
        marks.sequence.is_some()
            && marks.epoch == marks.present
            && marks.present.as_deref().is_some_and(|epoch| epoch.starts_with(&*to.run_id))
    }

    /// The board that this process has of this very sequence and epoch. Whatever became of the body in Redis, it is right.
    fn seen(&self, project: Uuid, marks: &Marks) -> Option<Arc<CachedBoard>> {
        let mut seen = self.seen.lock();
        let seen = seen.get(project)?;
        let same = Some(seen.board.sequence()) == marks.sequence && Some(&*seen.epoch) == marks.epoch.as_deref();
        same.then(|| seen.board.clone())
    }

    fn keep(&self, project: Uuid, epoch: Arc<str>, board: Arc<CachedBoard>) {
        let size = board.size();
        self.seen.lock().put(project, Seen { epoch, board }, size);
    }

    async fn read_value(&self, to: &mut Connected, key: &str) -> RedisResult<(Marks, Option<CachedBoard>)> {
        let mut ask = ::redis::Pipeline::with_capacity(2);
        ask.cmd("HMGET").arg(key).arg("sequence").arg("epoch").arg("body").arg("members");
        ask.cmd("GET").arg(&self.epoch_key);
        let ((sequence, epoch, body, members), present): ((_, _, Option<Vec<u8>>, Option<Vec<u8>>), _) =
            ask.query_async(&mut to.connection).await?;
        let board = body.zip(members).zip(sequence).and_then(|((body, members), sequence)| {
            // Written by something that is not this: no value.
            let members: BTreeMap<Uuid, String> = read_members(&members)?;
            let members = members.into_iter().map(|(user, role)| (user, role.into_boxed_str()));
            Some(CachedBoard::new(sequence, Bytes::from(body), members))
        });
        Ok((Marks { sequence, epoch, present }, board))
    }

    /// Notes the epoch and the time before the database is asked. If there is no epoch of this run, there is one now.
    async fn permit(&self, to: &mut Connected, project: Uuid, at_least: i64) -> RedisResult<FillPermit> {
        let mut begin = self.scripts.begin.key(&self.epoch_key);
        begin.arg(&*to.run_id).arg(new_epoch(&to.run_id));
        let (epoch, begun): (String, u64) = begin.invoke_async(&mut to.connection).await?;
        Ok(FillPermit { project, at_least, epoch: epoch.into(), begun })
    }

    async fn take(&self, permit: &FillPermit, board: &CachedBoard) -> Option<bool> {
        let mut fill = self.scripts.fill.key(self.options.value_key(permit.project));
        fill.key(&self.epoch_key)
            .arg(&*permit.epoch)
            .arg(permit.begun)
            .arg(millis(self.options.fill_limit))
            .arg(board.sequence())
            .arg(board.body().as_ref())
            .arg(write_members(board))
            .arg(millis(self.options.value_ttl));
        let fill = &fill;
        self.link.call(|mut to| async move { fill.invoke_async(&mut to.connection).await }).await
    }
}

impl BoardCache for RedisBoardCache {
    fn look_up(&self, project: Uuid) -> BoxFuture<'_, Lookup> {
        Box::pin(async move {
            let found = self.find(project).await.unwrap_or(Lookup::Away);
            self.counters.looked_up(&found);
            found
        })
    }

    fn fill(&self, permit: FillPermit, board: Arc<CachedBoard>) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            let taken = self.take(&permit, &board).await == Some(true);
            if taken {
                self.keep(permit.project, permit.epoch, board);
            }
            self.counters.filled(taken);
            taken
        })
    }

    fn outdate(&self, project: Uuid, sequence: i64) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            let mut mark = self.scripts.outdate.key(&self.epoch_key);
            mark.key(self.options.value_key(project)).arg(millis(self.options.mark_ttl)).arg(sequence);
            let mark = &mark;
            let call = |mut to: Connected| async move { mark.invoke_async::<i64>(&mut to.connection).await };
            self.link.call(call).await.is_some()
        })
    }

    fn stats(&self) -> CacheStats {
        self.counters.stats(Some(self.link.remote()))
    }
}

pub(super) fn new_epoch(run_id: &str) -> String {
    format!("{run_id}:{}", Uuid::new_v4().simple())
}

pub(super) fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn read_members(json: &[u8]) -> Option<BTreeMap<Uuid, String>> {
    serde_json::from_slice(json).ok()
}

fn write_members(board: &CachedBoard) -> Vec<u8> {
    let members: BTreeMap<Uuid, &str> = board.members().collect();
    // Ids and short words: there is nothing in them that JSON could not say.
    serde_json::to_vec(&members).unwrap_or_default()
}
