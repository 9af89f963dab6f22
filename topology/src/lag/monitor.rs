//! Looking at groups, again and again.

use std::collections::HashMap;
use std::time::Duration;

use super::report::{GroupLag, PartitionLag};
use super::unread::{Unread, first_unread};
use super::window::{Look, Window};
use crate::broker::{Broker, BrokerError, TopicName, TopicPartition};

/// How long to wait for the first records that are not consumed; what cannot be read by then counts as unreadable.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks at groups and remembers what it saw.
#[derive(Debug)]
pub struct LagMonitor {
    looks: usize,
    needed: usize,
    groups: HashMap<String, HashMap<TopicPartition, Tracked>>,
}

/// What is remembered of a partition.
#[derive(Debug)]
struct Tracked {
    window: Window,
    /// An offset that was looked up, and the time of the first record from it on.
    since: Option<(i64, i64)>,
}

/// A partition as it is asked for and as it was found.
struct Found {
    partition: TopicPartition,
    committed: Option<i64>,
    start: i64,
    end: i64,
}

impl LagMonitor {
    /// Judges by the last `looks` looks, and not before there are `needed` of them (two at least).
    #[must_use]
    pub fn new(looks: usize, needed: usize) -> Self {
        Self { looks: looks.max(needed), needed, groups: HashMap::new() }
    }

    /// Looks at a group: at every partition that it has committed an offset of, and at all of the topics `also` named,
    /// as far as they exist.
    /// `now_ms` is the time, in milliseconds since the Unix epoch.
    ///
    /// Agrees with `kafka-consumer-groups --describe` but for two cases, see [`PartitionLag::lag`]: that tool shows no lag
    /// where nothing was committed, and counts what nobody can read, as the markers of transactions.
    ///
    /// # Errors
    /// The broker cannot be asked.
    pub fn look(
        &mut self,
        broker: &dyn Broker,
        group: &str,
        also: &[TopicName],
        now_ms: i64,
    ) -> Result<GroupLag, BrokerError> {
        let members = broker.members(group)?;
        let found = find(broker, group, also)?;
        let tracked = self.groups.entry(group.to_owned()).or_default();
        // What is gone (a deleted topic) is forgotten, so that its successor starts anew.
        tracked.retain(|partition, _| found.iter().any(|f| f.partition == *partition));
        for f in &found {
            let fresh = || Tracked { window: Window::new(self.looks), since: None };
            tracked.entry(f.partition.clone()).or_insert_with(fresh);
        }
        let unknown: Vec<_> = found
            .iter()
            .filter(|f| f.position() < f.end)
            .filter(|f| tracked.get(&f.partition).is_some_and(|t| t.since.is_none_or(|(at, _)| at != f.position())))
            .map(|f| (f.partition.clone(), f.position(), f.end))
            .collect();
        let mut unread = first_unread(broker, &unknown, PATIENCE)?;
        let mut rows = Vec::with_capacity(found.len());
        for f in found {
            let Some(tracked) = tracked.get_mut(&f.partition) else { continue };
            let first = match (unread.remove(&f.partition), tracked.since) {
                _ if f.position() >= f.end => Unread::Nothing,
                (Some(first), _) => first,
                (None, Some((_, time))) => Unread::Since(time),
                (None, None) => Unread::Unreadable,
            };
            tracked.since = match first {
                Unread::Since(time) => Some((f.position(), time)),
                Unread::Nothing | Unread::Unreadable => None,
            };
            rows.push(f.row(first, &mut tracked.window, members.is_some_and(|n| n > 0), now_ms, self.needed));
        }
        let known = !rows.is_empty() || members.is_some_and(|n| n > 0);
        Ok(GroupLag::new(group, members, known, rows))
    }
}

fn find(broker: &dyn Broker, group: &str, also: &[TopicName]) -> Result<Vec<Found>, BrokerError> {
    let topics = broker.topics()?;
    let all: Vec<_> =
        topics.iter().flat_map(|(topic, n)| (0..*n).map(|p| TopicPartition::new(topic.clone(), p))).collect();
    // Offsets before ends: what is committed in between then shows as lag that is gone at the next look, and not as less
    // than none.
    let committed = broker.committed(group, &all)?;
    let mut found = Vec::new();
    for (partition, committed) in all.into_iter().zip(committed) {
        if committed.is_none() && !also.contains(&partition.topic) {
            continue;
        }
        let (start, end) = match broker.watermarks(&partition) {
            Ok(watermarks) => watermarks,
            // Deleted meanwhile.
            Err(BrokerError::UnknownTopic(_)) => continue,
            Err(error) => return Err(error),
        };
        found.push(Found { partition, committed, start, end });
    }
    Ok(found)
}

impl Found {
    /// Where the group would read on.
    fn position(&self) -> i64 {
        self.committed.map_or(self.start, |committed| committed.max(self.start))
    }

    fn row(self, first: Unread, window: &mut Window, alive: bool, at_ms: i64, needed: usize) -> PartitionLag {
        let lag = match first {
            Unread::Nothing => 0,
            // From the committed offset even if records were removed after it, as Kafka's own tool counts.
            Unread::Since(_) | Unread::Unreadable => (self.end - self.committed.unwrap_or(self.start)).max(0),
        };
        window.push(Look { at_ms, committed: self.committed, end: self.end, lag, alive });
        PartitionLag {
            status: window.status(needed),
            trend: window.trend(),
            lag_change_per_second: window.lag_change_per_second(),
            committed: self.committed,
            start: self.start,
            end: self.end,
            lag,
            seconds_behind: match first {
                Unread::Nothing => Some(0.0),
                // A producer's clock may be ahead of ours.
                Unread::Since(time) => Some((at_ms - time).max(0) as f64 / 1_000.0),
                Unread::Unreadable => None,
            },
            removed: self.committed.map_or(0, |committed| (self.start - committed).max(0)),
            topic: self.partition.topic.to_string(),
            partition: self.partition.partition,
        }
    }
}
