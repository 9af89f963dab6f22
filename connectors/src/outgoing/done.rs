//! What was done lately.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// What was done lately, and how it ended. A processor lives on when its transaction is taken back, and what was handed over cannot
/// be: so it must know, when it comes to it again, that it is done.
#[derive(Debug)]
pub(crate) struct Done<K, V> {
    most: usize,
    order: VecDeque<K>,
    known: HashMap<K, V>,
}

impl<K: Copy + Eq + Hash, V> Done<K, V> {
    /// Keeps so many in mind: there must be room for all that is done between two commits.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, order: VecDeque::new(), known: HashMap::new() }
    }

    pub(crate) fn get(&self, what: &K) -> Option<&V> {
        self.known.get(what)
    }

    pub(crate) fn insert(&mut self, what: K, how: V) {
        if self.known.insert(what, how).is_some() {
            return;
        }
        self.order.push_back(what);
        while self.order.len() > self.most {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_know_the_last_ones_and_no_more() {
        let mut done = Done::new(2);
        done.insert(1, "a");
        done.insert(1, "b");
        done.insert(2, "c");
        assert_eq!((done.get(&1), done.get(&2)), (Some(&"b"), Some(&"c")));
        done.insert(3, "d");
        assert_eq!((done.get(&1), done.get(&3)), (None, Some(&"d")));
        assert_eq!(done.known.len(), 2);
    }
}
