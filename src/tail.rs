//! `syncroboard tail`: the records of a topic, decoded, as lines of JSON. Committed ones only.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};

use clap::Args;
use schemas::SchemaRegistry;
use serde::Serialize;
use topology::RecordRef;
use topology::broker::{Broker, TopicPartition};

use crate::broker::BrokerArgs;
use crate::config::Config;
use crate::content::{self, Content};
use crate::exit::Failed;
use crate::{print, when};

/// How long nothing may come, though there is something, as while a transaction is open.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long to wait for records at a time.
const POLL: Duration = Duration::from_secs(1);

/// What `syncroboard tail` takes.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// The topic.
    #[arg(value_name = "TOPIC")]
    topic: String,

    /// Where to begin: `beginning`, `end`, an offset in each partition, a time (2026-01-31T12:00:00Z) or an age (30s, 5m, 2h, 3d), for which all records
    /// before it are read too [default: end with --follow, beginning without].
    #[arg(long, value_name = "WHERE")]
    from: Option<Start>,

    /// Go on with what comes; without it the end is where each partition ended at the start.
    #[arg(long, short)]
    follow: bool,

    /// Only this partition.
    #[arg(long, value_name = "N")]
    partition: Option<u32>,

    #[command(flatten)]
    broker: BrokerArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Beginning,
    End,
    Offset(i64),
    /// Milliseconds since the Unix epoch.
    Time(i64),
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "beginning" => Ok(Self::Beginning),
            "end" => Ok(Self::End),
            text if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map(Self::Offset).map_err(|_| format!("`{text}` is no offset"))
            }
            text => {
                when::parse(text).map(Self::Time).map_err(|why| format!("{why}, nor `beginning`, `end` or an offset"))
            }
        }
    }
}

/// A record as it is printed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    partition: u32,
    offset: i64,
    time: String,
    key: Option<Content>,
    headers: Vec<Header<'a>>,
    /// Null for a tombstone.
    value: Option<Content>,
}

#[derive(Debug, Serialize)]
struct Header<'a> {
    name: &'a str,
    value: Option<Content>,
}

pub(crate) fn run(args: &TailArgs, config: &Config) -> Result<ExitCode, Failed> {
    let broker = args.broker.open_as_it_is(config)?;
    let count = broker.topics()?.iter().find(|(topic, _)| topic.as_ref() == args.topic).map(|(_, count)| *count);
    let count = count.ok_or_else(|| Failed::missing(format!("there is no topic {}", args.topic)))?;
    let partitions = match args.partition {
        Some(partition) if partition < count => vec![partition],
        Some(partition) => {
            return Err(Failed::usage(format!("--partition {partition}: {} has {count}, from 0 on", args.topic)));
        }
        None => (0..count).collect(),
    };
    let registry = content::registry(&args.broker, config);
    tail(args, &*broker, &partitions, registry.as_deref())
}

fn tail(
    args: &TailArgs,
    broker: &dyn Broker,
    partitions: &[u32],
    registry: Option<&dyn SchemaRegistry>,
) -> Result<ExitCode, Failed> {
    let from = args.from.unwrap_or(if args.follow { Start::End } else { Start::Beginning });
    let (mut next, mut ends) = (Vec::new(), BTreeMap::new());
    for &partition in partitions {
        let place = TopicPartition::new(args.topic.as_str(), partition);
        let (low, high) = broker.watermarks(&place)?;
        let first = match from {
            Start::Beginning | Start::Time(_) => low,
            Start::End => high,
            Start::Offset(offset) => offset.max(low),
        };
        if args.follow || first < high {
            ends.insert(place.clone(), high);
            next.push((place, first));
        }
    }
    let since = if let Start::Time(ms) = from { ms } else { i64::MIN };
    let mut reader = broker.reader()?;
    reader.assign(&next)?;
    let mut heard = Instant::now();
    while args.follow || !ends.is_empty() {
        for piece in reader.poll(POLL)? {
            let Some(&end) = ends.get(&piece.partition) else { continue };
            let end = if args.follow { i64::MAX } else { end };
            let wanted = piece.batch.iter().filter(|record| record.offset < end && record.timestamp >= since);
            for record in wanted {
                if !print::json(&Shown::new(piece.partition.partition, &record, registry))? {
                    return Ok(ExitCode::SUCCESS);
                }
            }
            if piece.batch.next_offset() >= end {
                ends.remove(&piece.partition);
            }
            heard = Instant::now();
        }
        if !args.follow && heard.elapsed() > PATIENCE {
            let left: Vec<String> = ends.keys().map(ToString::to_string).collect();
            return Err(Failed::missing(format!(
                "nothing more can be read of {}: is a transaction open?",
                left.join(", ")
            )));
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl<'a> Shown<'a> {
    fn new(partition: u32, record: &RecordRef<'a>, registry: Option<&dyn SchemaRegistry>) -> Self {
        let content = |bytes: Option<&[u8]>| bytes.map(|bytes| Content::of(bytes, registry));
        Self {
            partition,
            offset: record.offset,
            time: when::format(record.timestamp),
            key: content(record.key),
            headers: record.headers.iter().map(|(name, value)| Header { name, value: content(value) }).collect(),
            value: content(record.value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn should_begin_where_it_is_told() {
        assert_eq!("beginning".parse(), Ok(Start::Beginning));
        assert_eq!("end".parse(), Ok(Start::End));
        assert_eq!("17".parse(), Ok(Start::Offset(17)));
        assert_eq!("2023-11-14T22:13:20Z".parse(), Ok(Start::Time(1_700_000_000_000)));
        assert!(matches!("2h".parse(), Ok(Start::Time(_))));
        let error = "now".parse::<Start>().unwrap_err();
        assert!(error.contains("`now` is neither") && error.contains("`beginning`"), "{error}");
        assert!("99999999999999999999".parse::<Start>().is_err());
    }
}
