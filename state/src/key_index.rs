//! An open-addressed index from key hash to entry number, for entries that are only ever removed newest first.
//!
//! Removing in reverse order of insertion leaves a linearly probed table exactly as it was before, so undoing a record
//! needs no tombstones and costs what the record wrote.

/// Maps a 64-bit hash to the number of an entry kept elsewhere.
#[derive(Default)]
pub(crate) struct KeyIndex {
    /// Upper half: upper half of the hash, to tell keys apart without touching them. Lower half: entry number plus one,
    /// 0 for an empty slot.
    slots: Vec<u64>,
}

const TAG: u64 = 0xffff_ffff_0000_0000;
const NUMBER: u64 = 0x0000_0000_ffff_ffff;
const MIN_SLOTS: usize = 64;
/// A table larger than this is given back when it is cleared.
const MAX_IDLE_SLOTS: usize = 1 << 17;

impl KeyIndex {
    /// The entry with this hash for which `is_key` holds.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is_key: impl Fn(usize) -> bool) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let mask = self.slots.len() - 1;
        let mut at = place(hash) & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return None;
            }
            let number = (slot & NUMBER) as usize - 1;
            if slot & TAG == hash & TAG && is_key(number) {
                return Some(number);
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds entry number `hashes.len() - 1`, whose hash is the last one. `hashes` gives every entry's hash, for growing.
    pub(crate) fn push(&mut self, mut hashes: impl ExactSizeIterator<Item = u64> + DoubleEndedIterator) {
        let len = hashes.len();
        if len * 2 > self.slots.len() {
            let slots = (len * 4).next_power_of_two().max(MIN_SLOTS);
            self.slots.clear();
            self.slots.resize(slots, 0);
            for (number, hash) in hashes.enumerate() {
                self.set(hash, number);
            }
        } else if let Some(hash) = hashes.next_back() {
            self.set(hash, len - 1);
        }
    }

    /// Forgets the newest entry.
    pub(crate) fn pop(&mut self, hash: u64, number: usize) {
        let mask = self.slots.len() - 1;
        let wanted = hash & TAG | (number as u64 + 1);
        let mut at = place(hash) & mask;
        while self.slots[at] != wanted {
            at = (at + 1) & mask;
        }
        self.slots[at] = 0;
    }

    /// Forgets all entries.
    pub(crate) fn clear(&mut self) {
        if self.slots.len() > MAX_IDLE_SLOTS {
            self.slots = Vec::new();
        } else {
            self.slots.fill(0);
        }
    }

    fn set(&mut self, hash: u64, number: usize) {
        let mask = self.slots.len() - 1;
        let mut at = place(hash) & mask;
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = hash & TAG | (number as u64 + 1);
    }
}

/// The low bits of a hash, as many as an index has.
#[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
const fn place(hash: u64) -> usize {
    hash as usize
}
