//! Entry numbers in key order, built only when somebody scans and kept up from then on.

/// The numbers of the first `len` entries, sorted by key.
#[derive(Default)]
pub(crate) struct SortedView {
    numbers: Vec<usize>,
}

/// Up to so many new entries are inserted one by one; above, sorting all is cheaper.
const INSERT_AT_MOST: usize = 32;

impl SortedView {
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Takes in the entries from `self.len()` up to `len`.
    pub(crate) fn extend_to<'a>(&mut self, len: usize, key: impl Fn(usize) -> &'a [u8]) {
        let known = self.numbers.len();
        if len - known <= INSERT_AT_MOST {
            for number in known..len {
                let at = self.position(|other| key(other) < key(number));
                self.numbers.insert(at, number);
            }
        } else {
            self.numbers.extend(known..len);
            // The stable sort recognises the part that is in order already.
            self.numbers.sort_by(|&a, &b| key(a).cmp(key(b)));
        }
    }

    /// Forgets the entries from number `len` on.
    pub(crate) fn truncate(&mut self, len: usize) {
        if len == 0 {
            self.numbers.clear();
        } else if self.numbers.len() > len {
            self.numbers.retain(|&number| number < len);
        }
    }

    /// How many entries come before the first for which `before` does not hold.
    pub(crate) fn position(&self, before: impl Fn(usize) -> bool) -> usize {
        self.numbers.partition_point(|&number| before(number))
    }

    /// The entry numbers at these positions.
    pub(crate) fn slice(&self, positions: std::ops::Range<usize>) -> &[usize] {
        &self.numbers[positions]
    }
}
