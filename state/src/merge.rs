//! Uncommitted writes laid over a backend, in key order.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use crate::expiry::visible;
use crate::overlay::Overlay;
use crate::{StateError, Visit};

/// A position in a backend, moving up in key order.
pub(crate) trait Cursor {
    /// Key and stored bytes here; `None` behind the last.
    fn current(&self) -> Option<(&[u8], &[u8])>;
    /// Moves on.
    fn advance(&mut self);
    /// Whether the end that was reached is the true one.
    fn finish(&self) -> Result<(), StateError>;
}

/// How the entries of one store are read.
#[derive(Copy, Clone)]
pub(crate) struct Reading {
    pub(crate) stamped: bool,
    pub(crate) horizon: i64,
}

/// Visits what `overlay` (its entries with these numbers) and `cursor` hold together, until `each` breaks.
pub(crate) fn merge(
    overlay: &Overlay,
    numbers: &[usize],
    cursor: &mut impl Cursor,
    reading: Reading,
    each: &mut Visit<'_>,
) -> Result<(), StateError> {
    let mut numbers = numbers.iter().copied().peekable();
    loop {
        let order = match (numbers.peek(), cursor.current()) {
            (None, None) => return cursor.finish(),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(&number), Some((key, _))) => overlay.key(number).cmp(key),
        };
        let mut flow = ControlFlow::Continue(());
        if order == Ordering::Greater {
            if let Some((key, stored)) = cursor.current()
                && let Some(value) = visible(stored, reading.stamped, reading.horizon)
            {
                flow = each(key, value);
            }
        } else if let Some(number) = numbers.next() {
            let change = overlay.change(number);
            let expired = reading.stamped && change.timestamp <= reading.horizon;
            if let Some(value) = change.value.filter(|_| !expired) {
                flow = each(overlay.key(number), value);
            }
        }
        if flow.is_break() {
            return Ok(());
        }
        if order != Ordering::Less {
            cursor.advance();
        }
    }
}
