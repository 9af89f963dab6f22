//! What consecutive looks at one partition say together.

use std::collections::VecDeque;

use serde::Serialize;

use super::burrow::{Commit, Status, evaluate};

/// What one look at a partition showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The committed offset; `None` if nothing was ever committed.
    pub committed: Option<i64>,
    /// The partition's end.
    pub end: i64,
    /// How many offsets were left.
    pub lag: i64,
    /// True if the group is known to have a member.
    pub alive: bool,
}

/// Where the lag is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Trend {
    /// There was one look only.
    Unknown,
    /// More is left than at the first look.
    Growing,
    /// Less is left.
    Shrinking,
    /// As much is left, or nothing.
    Steady,
}

impl Trend {
    /// The name that people and JSON see.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Growing => "growing",
            Self::Shrinking => "shrinking",
            Self::Steady => "steady",
        }
    }
}

/// The latest looks at a partition.
#[derive(Debug, Clone)]
pub struct Window {
    looks: VecDeque<Look>,
    capacity: usize,
}

impl Window {
    /// Keeps so many looks, at least two.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { looks: VecDeque::new(), capacity: capacity.max(2) }
    }

    /// Adds a look; the oldest goes when there are too many.
    pub fn push(&mut self, look: Look) {
        if self.looks.len() == self.capacity {
            self.looks.pop_front();
        }
        self.looks.push_back(look);
    }

    /// The status by Burrow's rules, once there are `needed` looks.
    ///
    /// From outside only a commit that moves the offset can be seen. So a commit is a look that shows another offset than
    /// the one before, and the first look; and, if the group has a member, the last look too: that member is there and
    /// could have advanced. Hence a partition that nobody holds comes out as [`Status::Stop`], one that somebody
    /// holds without advancing as [`Status::Stall`].
    #[must_use]
    pub fn status(&self, needed: usize) -> Status {
        let Some(last) = self.looks.back() else { return Status::NoData };
        if last.lag > 0 && self.looks.len() < needed.max(2) {
            return Status::NoData;
        }
        let ends: Vec<_> = self.looks.iter().map(|l| l.end).collect();
        evaluate(&self.commits(), &ends, last.lag, last.at_ms)
    }

    /// Where the lag went between the first look and the last.
    #[must_use]
    pub fn trend(&self) -> Trend {
        match (self.looks.front(), self.looks.back()) {
            (_, Some(last)) if last.lag == 0 => Trend::Steady,
            (Some(first), Some(last)) if self.looks.len() > 1 => match last.lag - first.lag {
                1.. => Trend::Growing,
                0 => Trend::Steady,
                _ => Trend::Shrinking,
            },
            _ => Trend::Unknown,
        }
    }

    /// By how much the lag changed per second between the first look and the last; `None` if no time has passed.
    #[must_use]
    pub fn lag_change_per_second(&self) -> Option<f64> {
        let (first, last) = (self.looks.front()?, self.looks.back()?);
        let elapsed_ms = last.at_ms - first.at_ms;
        (elapsed_ms > 0).then(|| (last.lag - first.lag) as f64 * 1_000.0 / elapsed_ms as f64)
    }

    fn commits(&self) -> Vec<Commit> {
        let mut commits: Vec<Commit> = Vec::new();
        for (index, look) in self.looks.iter().enumerate() {
            // Nothing committed is before everything.
            let commit = Commit { at_ms: look.at_ms, offset: look.committed.unwrap_or(-1), lag: look.lag };
            let moved = commits.last().is_none_or(|before| before.offset != commit.offset);
            if moved || (look.alive && index + 1 == self.looks.len()) {
                commits.push(commit);
            }
        }
        commits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A window from (committed, end) of looks two seconds apart.
    fn window(looks: &[(i64, i64)], alive: bool) -> Window {
        let mut window = Window::new(10);
        for (n, (committed, end)) in (0..).zip(looks) {
            let committed = (*committed >= 0).then_some(*committed);
            let lag = end - committed.unwrap_or(0);
            window.push(Look { at_ms: n * 2_000, committed, end: *end, lag, alive });
        }
        window
    }

    #[test]
    fn should_tell_stopped_from_stalled_by_whether_somebody_is_there() {
        let stuck = [(5, 9), (5, 9), (5, 12), (5, 12)];
        assert_eq!(window(&stuck, false).status(4), Status::Stop);
        assert_eq!(window(&stuck, true).status(4), Status::Stall);
        let never = [(-1, 9), (-1, 9), (-1, 9), (-1, 9)];
        assert_eq!(window(&never, false).status(4), Status::Stop);
        assert_eq!(window(&never, true).status(4), Status::Stall);
    }

    #[test]
    fn should_not_judge_lag_by_fewer_looks_than_needed() {
        assert_eq!(window(&[(5, 9), (5, 9), (5, 9)], false).status(4), Status::NoData);
        assert_eq!(window(&[(5, 9)], false).status(1), Status::NoData, "one look is never enough");
        assert_eq!(window(&[(9, 9)], false).status(4), Status::Ok, "but no lag is no lag");
    }

    #[test]
    fn should_count_a_commit_where_the_offset_moved() {
        // A consumer that commits every five seconds and keeps up.
        assert_eq!(window(&[(10, 12), (10, 14), (10, 16), (15, 18), (15, 20), (15, 21)], false).status(6), Status::Ok);
        let slow = [(1, 9), (2, 11), (3, 13), (4, 15), (5, 17), (6, 19)];
        assert_eq!(window(&slow, false).status(6), Status::Warn);
        assert_eq!(window(&[(8, 9), (8, 9), (1, 9), (2, 9)], true).status(4), Status::Rewind);
        assert_eq!(
            window(&[(8, 9), (-1, 9), (-1, 9), (-1, 9)], true).status(4),
            Status::Rewind,
            "the offset was removed"
        );
    }

    #[test]
    fn should_forget_what_is_older_than_the_window() {
        let mut looks = vec![(8, 9), (1, 9)];
        looks.extend((2..12).map(|n| (n, n + 9)));
        assert_eq!(window(&looks, true).status(6), Status::Warn, "the rewind has left the window");
    }

    #[test]
    fn should_tell_where_the_lag_goes() {
        for (looks, trend, change) in [
            (&[(1, 5), (2, 9)][..], Trend::Growing, Some(1.5)),
            (&[(1, 9), (5, 9)], Trend::Shrinking, Some(-2.0)),
            (&[(1, 5), (2, 6)], Trend::Steady, Some(0.0)),
            (&[(1, 5), (5, 5)], Trend::Steady, Some(-2.0)),
            (&[(1, 5)], Trend::Unknown, None),
        ] {
            let window = window(looks, false);
            assert_eq!((window.trend(), window.lag_change_per_second()), (trend, change), "{looks:?}");
        }
    }
}
