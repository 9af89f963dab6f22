//! A map that forgets what was not asked for lately once it is full. Every access costs the same.

use ahash::AHashMap;
use uuid::Uuid;

/// Two maps: when the young one has grown to half the limit it becomes the old one, and what was the old one is dropped.
/// What is found in the old one moves back into the young.
#[derive(Debug)]
pub(crate) struct Generations<V> {
    young: AHashMap<Uuid, (V, usize)>,
    old: AHashMap<Uuid, (V, usize)>,
    young_bytes: usize,
    limit_bytes: usize,
    number: u64,
}

impl<V> Generations<V> {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self { young: AHashMap::new(), old: AHashMap::new(), young_bytes: 0, limit_bytes, number: 0 }
    }

    /// How often the old ones were dropped. What was put at one number is there until this is two higher.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn get(&mut self, key: Uuid) -> Option<&V> {
        if let Some((value, size)) = self.old.remove(&key) {
            self.put(key, value, size);
        }
        self.young.get(&key).map(|(value, _)| value)
    }

    /// Puts a value of this size in bytes in the place of what was there.
    pub(crate) fn put(&mut self, key: Uuid, value: V, size: usize) {
        self.old.remove(&key);
        if let Some((_, before)) = self.young.remove(&key) {
            self.young_bytes -= before;
        }
        if self.young_bytes + size > self.limit_bytes / 2 && !self.young.is_empty() {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
            self.number += 1;
        }
        self.young_bytes += size;
        self.young.insert(key, (value, size));
    }

    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
        self.young_bytes = 0;
        self.number += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_forget_what_was_not_asked_for_and_stay_within_the_limit() {
        let mut map = Generations::new(1_000);
        let key = |n: u128| Uuid::from_u128(n);
        for n in 0..100 {
            map.put(key(n), n, 100);
            assert_eq!(map.get(key(0)), Some(&0), "asked for all the time");
            assert!((map.young.len() + map.old.len()) * 100 <= 1_000);
        }
        assert_eq!(map.get(key(99)), Some(&99));
        assert_eq!(map.get(key(50)), None);
        map.clear();
        assert_eq!(map.get(key(0)), None);
    }
}
