//! The cache of a process that has the sink in it: a map, and nothing that could be away.

use std::sync::Arc;

use parking_lot::Mutex;
use uuid::Uuid;

use super::{BoardCache, CacheStats, CachedBoard, Counters, DEFAULT_LIMIT_BYTES, FillPermit, Generations, Lookup};
use crate::read_model::BoxFuture;
use crate::sink::{Announce, Announcement};

/// Boards of this process.
#[derive(Debug)]
pub struct LocalBoardCache {
    held: Mutex<Held>,
    counters: Counters,
}

#[derive(Debug)]
struct Held {
    slots: Generations<Slot>,
    /// Moves on when nothing of what was told counts any more.
    epoch: Arc<str>,
    epochs: u64,
}

/// What is known of a project: how far it is, and its board if that is as far.
#[derive(Debug)]
struct Slot {
    sequence: i64,
    board: Option<Arc<CachedBoard>>,
}

/// A slot without a board, in bytes.
const SLOT: usize = 96;

impl Default for LocalBoardCache {
    fn default() -> Self {
        Self::new(DEFAULT_LIMIT_BYTES)
    }
}

impl LocalBoardCache {
    /// A cache that takes up to so many bytes.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        let held = Held { slots: Generations::new(limit_bytes), epoch: "0".into(), epochs: 0 };
        Self { held: Mutex::new(held), counters: Counters::default() }
    }

    /// As [`BoardCache::outdate`], for many projects, at once.
    pub fn outdate_all(&self, reached: impl IntoIterator<Item = (Uuid, i64)>) {
        let mut held = self.held.lock();
        for (project, sequence) in reached {
            if held.slots.get(project).is_none_or(|slot| slot.sequence < sequence) {
                held.slots.put(project, Slot { sequence, board: None }, SLOT);
            }
        }
    }

    /// Forgets everything, and refuses what is being filled: something may have changed that nobody told of.
    pub fn reset(&self) {
        let mut held = self.held.lock();
        held.epochs += 1;
        held.epoch = held.epochs.to_string().into();
        held.slots.clear();
    }

    fn find(&self, project: Uuid) -> Lookup {
        let mut held = self.held.lock();
        let mut at_least = 0;
        if let Some(slot) = held.slots.get(project) {
            if let Some(board) = &slot.board {
                return Lookup::Hit(board.clone());
            }
            at_least = slot.sequence;
        }
        Lookup::Miss(FillPermit { project, at_least, epoch: held.epoch.clone(), begun: held.slots.number() })
    }

    fn take(&self, permit: &FillPermit, board: Arc<CachedBoard>) -> bool {
        let mut held = self.held.lock();
        // What was told after the permit is forgotten two generations later at the earliest.
        if held.epoch != permit.epoch || held.slots.number() > permit.begun + 1 {
            return false;
        }
        if held.slots.get(permit.project).is_some_and(|slot| slot.sequence > board.sequence()) {
            return false;
        }
        let size = SLOT + board.size();
        held.slots.put(permit.project, Slot { sequence: board.sequence(), board: Some(board) }, size);
        true
    }
}

impl BoardCache for LocalBoardCache {
    fn look_up(&self, project: Uuid) -> BoxFuture<'_, Lookup> {
        let found = self.find(project);
        self.counters.looked_up(&found);
        Box::pin(std::future::ready(found))
    }

    fn fill(&self, permit: FillPermit, board: Arc<CachedBoard>) -> BoxFuture<'_, bool> {
        let taken = self.take(&permit, board);
        self.counters.filled(taken);
        Box::pin(std::future::ready(taken))
    }

    fn outdate(&self, project: Uuid, sequence: i64) -> BoxFuture<'_, bool> {
        self.outdate_all([(project, sequence)]);
        Box::pin(std::future::ready(true))
    }

    fn stats(&self) -> CacheStats {
        self.counters.stats(None)
    }
}

impl Announce for LocalBoardCache {
    fn wants_events(&self) -> bool {
        false
    }

    fn anew<'a>(&'a self, _reached: &'a [(Uuid, i64)]) -> BoxFuture<'a, ()> {
        self.reset();
        Box::pin(std::future::ready(()))
    }

    fn committed<'a>(&'a self, batch: &'a Announcement) -> BoxFuture<'a, ()> {
        self.outdate_all(batch.projects.iter().copied());
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROJECT: Uuid = Uuid::from_u128(1);

    fn board(sequence: i64) -> Arc<CachedBoard> {
        Arc::new(CachedBoard::new(sequence, sequence.to_string().into(), []))
    }

    fn permit(cache: &LocalBoardCache) -> FillPermit {
        match cache.find(PROJECT) {
            Lookup::Miss(permit) => permit,
            other => panic!("{other:?}"),
        }
    }

    fn found(cache: &LocalBoardCache) -> Option<i64> {
        match cache.find(PROJECT) {
            Lookup::Hit(board) => Some(board.sequence()),
            _ => None,
        }
    }

    #[test]
    fn should_refuse_a_fill_that_is_older_than_what_was_told() {
        let cache = LocalBoardCache::default();
        let early = permit(&cache);
        cache.outdate_all([(PROJECT, 5)]);
        assert!(!cache.take(&early, board(4)));
        assert_eq!(permit(&cache).at_least(), 5);
        assert!(cache.take(&early, board(5)), "the database was asked early but answered late");
        assert_eq!(found(&cache), Some(5));
        cache.outdate_all([(PROJECT, 5)]);
        assert_eq!(found(&cache), Some(5), "told again of what it has");
        cache.outdate_all([(PROJECT, 6)]);
        assert_eq!(found(&cache), None);
    }

    #[test]
    fn should_refuse_a_fill_that_began_before_a_reset_or_before_what_was_told_may_be_forgotten() {
        let cache = LocalBoardCache::new(1_000);
        let early = permit(&cache);
        cache.reset();
        assert!(!cache.take(&early, board(4)));
        let early = permit(&cache);
        cache.outdate_all([(PROJECT, 5)]);
        cache.outdate_all((10..100).map(|other| (Uuid::from_u128(other), 1)));
        assert_eq!(permit(&cache).at_least(), 0, "it was told, and is forgotten");
        assert!(!cache.take(&early, board(4)));
        assert!(cache.take(&permit(&cache), board(5)));
    }
}
