//! Topics as they are asked for, against topics as they are.

use std::fmt;
use std::time::{Duration, Instant};

use crate::broker::{Broker, BrokerError, Cleanup, TopicName, TopicSpec};

/// How long a difference must last until it counts, and how long to wait between two looks.
const SETTLED: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// In what a topic is not as it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// It does not exist.
    Missing,
    /// It has another partition count. That cannot be altered: keys would move to other partitions than their state.
    Partitions {
        /// What it has.
        found: u32,
        /// What is asked for.
        wanted: u32,
    },
    /// Something else happens to its old records.
    Cleanup {
        /// What happens.
        found: Cleanup,
        /// What should happen.
        wanted: Cleanup,
    },
    /// Its records have the wrong time: the broker's instead of their own if true, else their own instead of the broker's.
    Timestamps {
        /// Whether they have the broker's.
        log_append_time: bool,
    },
}

impl Difference {
    /// Whether the topic can be made what it should be without making it anew.
    #[must_use]
    pub fn can_be_altered(&self) -> bool {
        !matches!(self, Self::Partitions { .. })
    }

    /// Whether the topic loses records that it should keep.
    #[must_use]
    pub fn loses_records(&self) -> bool {
        matches!(self, Self::Cleanup { found, wanted } if loses(*found, *wanted))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::Partitions { found, wanted } => write!(f, "has {found} partitions instead of {wanted}"),
            Self::Cleanup { found, wanted } => {
                write!(f, "is {found} instead of {wanted}")?;
                f.write_str(if self.loses_records() { ", which loses records" } else { "" })
            }
            Self::Timestamps { log_append_time: true } => {
                f.write_str("has the broker's time instead of the records' own")
            }
            Self::Timestamps { log_append_time: false } => {
                f.write_str("has the records' own time instead of the broker's")
            }
        }
    }
}

/// Says it in words, with ages in the largest unit that fits.
impl fmt::Display for Cleanup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep => f.write_str("kept for ever"),
            Self::Retain { retention_ms } => write!(f, "kept for {}", Age(*retention_ms)),
            Self::Compact => f.write_str("compacted"),
            Self::CompactAndRetain { retention_ms } => write!(f, "compacted and kept for {}", Age(*retention_ms)),
        }
    }
}

struct Age(i64);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(i64, &str); 4] = [(24 * 3_600_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
        match UNITS.iter().find(|(ms, _)| self.0 >= *ms && self.0 % ms == 0) {
            Some((ms, unit)) => write!(f, "{} {unit}", self.0 / ms),
            None => write!(f, "{} ms", self.0),
        }
    }
}

/// A topic that is asked for, and in what it is not so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicCheck {
    /// What is asked for.
    pub wanted: TopicSpec,
    /// In what it differs; empty: in nothing that matters.
    pub differences: Vec<Difference>,
}

/// Compares topics with what is asked for, in the order asked. Records that are kept longer than asked are no difference:
/// that is for whoever runs the broker to say.
///
/// # Errors
/// The broker cannot be asked.
pub fn check_topics(broker: &dyn Broker, wanted: &[TopicSpec]) -> Result<Vec<TopicCheck>, BrokerError> {
    let names: Vec<TopicName> = wanted.iter().map(|spec| spec.name.clone()).collect();
    let found = broker.describe_topics(&names)?;
    let checks = wanted.iter().zip(found).map(|(wanted, found)| TopicCheck {
        wanted: wanted.clone(),
        differences: found.map_or_else(|| vec![Difference::Missing], |found| differences(&found, wanted)),
    });
    Ok(checks.collect())
}

/// Makes the topics that are missing and checks the others. Nothing is altered: that would undo, at each start, what
/// someone set on purpose.
///
/// # Errors
/// [`BrokerError::TopicMismatch`] if a topic has another partition count, or loses records that it should keep; other
/// differences are only told in the log. And whatever the broker answers.
pub fn make_topics(broker: &dyn Broker, wanted: &[TopicSpec]) -> Result<(), BrokerError> {
    broker.create_topics(wanted)?;
    let checks = match settled_checks(broker, wanted) {
        Err(error @ (BrokerError::Unavailable(_) | BrokerError::Closed(_))) => return Err(error),
        Err(error) => {
            tracing::warn!("topics cannot be described, so their settings are not checked: {error}");
            return Ok(());
        }
        Ok(checks) => checks,
    };
    for check in checks {
        let topic = check.wanted.name;
        for difference in check.differences {
            match difference {
                Difference::Cleanup { found, wanted } if loses(found, wanted) => {
                    let (found, wanted) = (format!("records {found}"), format!("records {wanted}"));
                    return Err(BrokerError::TopicMismatch { topic, found, wanted });
                }
                other => tracing::warn!(%topic, "the topic {other}"),
            }
        }
    }
    Ok(())
}

/// As [`check_topics`], but a difference must last: the broker that answers may not have heard yet how a topic was made.
fn settled_checks(broker: &dyn Broker, wanted: &[TopicSpec]) -> Result<Vec<TopicCheck>, BrokerError> {
    let deadline = Instant::now() + SETTLED;
    loop {
        let checks = check_topics(broker, wanted)?;
        if checks.iter().all(|check| check.differences.is_empty()) || Instant::now() >= deadline {
            return Ok(checks);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

fn differences(found: &TopicSpec, wanted: &TopicSpec) -> Vec<Difference> {
    let mut differences = Vec::new();
    if found.partitions != wanted.partitions {
        differences.push(Difference::Partitions { found: found.partitions, wanted: wanted.partitions });
    }
    if found.cleanup != wanted.cleanup && !keeps_longer(found.cleanup, wanted.cleanup) {
        differences.push(Difference::Cleanup { found: found.cleanup, wanted: wanted.cleanup });
    }
    if found.log_append_time != wanted.log_append_time {
        differences.push(Difference::Timestamps { log_append_time: found.log_append_time });
    }
    differences
}

/// Only the age differs, and no record goes that should stay.
fn keeps_longer(found: Cleanup, wanted: Cleanup) -> bool {
    matches!((found, wanted), (Cleanup::Keep | Cleanup::Retain { .. }, Cleanup::Retain { .. })) && !loses(found, wanted)
}

/// Whether `found` removes what `wanted` keeps.
fn loses(found: Cleanup, wanted: Cleanup) -> bool {
    /// Whether records go by key, and after which age they go.
    fn parts(cleanup: Cleanup) -> (bool, i64) {
        match cleanup {
            Cleanup::Keep => (false, i64::MAX),
            Cleanup::Retain { retention_ms } => (false, retention_ms),
            Cleanup::Compact => (true, i64::MAX),
            Cleanup::CompactAndRetain { retention_ms } => (true, retention_ms),
        }
    }
    let ((found_by_key, found_age), (wanted_by_key, wanted_age)) = (parts(found), parts(wanted));
    (found_by_key && !wanted_by_key) || found_age < wanted_age
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Cleanup = Cleanup::Keep;
    const COMPACT: Cleanup = Cleanup::Compact;

    const fn retain(retention_ms: i64) -> Cleanup {
        Cleanup::Retain { retention_ms }
    }

    const fn both(retention_ms: i64) -> Cleanup {
        Cleanup::CompactAndRetain { retention_ms }
    }

    fn spec(cleanup: Cleanup) -> TopicSpec {
        TopicSpec { name: "t".into(), partitions: 4, cleanup, log_append_time: false }
    }

    #[test]
    fn should_tell_what_loses_records_from_what_only_keeps_too_many() {
        // Found, wanted, whether that is a difference, whether it loses records.
        for (found, wanted, differs, loses) in [
            (KEEP, KEEP, false, false),
            (retain(9), KEEP, true, true),
            (COMPACT, KEEP, true, true),
            (both(9), KEEP, true, true),
            (KEEP, retain(5), false, false),
            (retain(9), retain(5), false, false),
            (retain(5), retain(9), true, true),
            (COMPACT, retain(5), true, true),
            (both(9), retain(5), true, true),
            (KEEP, COMPACT, true, false),
            (retain(9), COMPACT, true, true),
            (both(9), COMPACT, true, true),
            (KEEP, both(5), true, false),
            (COMPACT, both(5), true, false),
            (retain(9), both(5), true, false),
            (retain(5), both(9), true, true),
            (both(9), both(5), true, false),
            (both(5), both(9), true, true),
        ] {
            let found_differences = differences(&spec(found), &spec(wanted));
            assert_eq!(!found_differences.is_empty(), differs, "{found} instead of {wanted}");
            assert_eq!(found_differences.iter().any(Difference::loses_records), loses, "{found} instead of {wanted}");
        }
    }

    #[test]
    fn should_say_each_difference_and_whether_it_can_be_altered() {
        let found =
            TopicSpec { partitions: 3, cleanup: retain(7 * 24 * 3_600_000), log_append_time: true, ..spec(KEEP) };
        let said: Vec<_> =
            differences(&found, &spec(COMPACT)).iter().map(|d| (d.to_string(), d.can_be_altered())).collect();
        let expected = [
            ("has 3 partitions instead of 4", false),
            ("is kept for 7 d instead of compacted, which loses records", true),
            ("has the broker's time instead of the records' own", true),
        ];
        assert_eq!(said, expected.map(|(text, alterable)| (text.to_owned(), alterable)));
        assert_eq!(both(90_000).to_string(), "compacted and kept for 90 s");
        assert_eq!(retain(1_500).to_string(), "kept for 1500 ms");
    }
}
