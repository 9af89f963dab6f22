//! What scans call for every entry.

use std::ops::ControlFlow;

/// Gets key and value of each entry, in key order; breaking ends the scan.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Gets each changed key, its newest value (`None`: deleted) and the timestamp of that write in milliseconds.
pub type VisitChange<'a> = dyn FnMut(&[u8], Option<&[u8]>, i64) + 'a;
