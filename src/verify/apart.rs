//! The read model in Postgres against the log on Kafka, and the boards in Redis against the read model.
//!
//! Sinks and API processes may be at work. The tables are looked at as they are at one moment, with the offsets that they
//! reach then, and the log is folded up to there. Only `user.events` must have been read to its end: it is compacted, so that
//! what it said at an earlier offset may be gone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use connectors::board_cache::{CachedBoard, Lookup};
use connectors::event_log::BrokerEventLog;
use connectors::postgres::PostgresTables;
use processors::{fold, verify_log, verify_read_model};
use schemas::reader::ReadModel as _;
use schemas::topics::USER_EVENTS;
use topology::broker::TopicPartition;
use uuid::Uuid;

use crate::config::Config;
use crate::exit::Failed;
use crate::{broker, postgres, redis, registry};

/// How long the sinks may take to read what is known of users.
const CATCH_UP: Duration = Duration::from_secs(60);

/// How long a sink may take to tell Redis what it has written.
const TELL: Duration = Duration::from_secs(10);

/// How long to wait before looking again.
const LOOK: Duration = Duration::from_millis(100);

/// Every difference, for people.
pub(super) fn verify(servers: &str, config: &Config) -> Result<Vec<String>, Failed> {
    let broker = broker::kafka(servers, config)?;
    let log =
        BrokerEventLog::open(broker, registry::open_now(config)?).with_context(|| format!("Kafka at {servers}"))?;
    let (tables, offsets) = tables(config, log.ends())?;
    let expected = fold(&log.up_to(&offsets))?;
    let mut differences = Vec::new();
    verify_log(&expected, &mut |difference| differences.push(difference.to_string()));
    verify_read_model(&expected, &tables, &mut |difference| differences.push(format!("read model {difference}")))?;
    let mut projects = Vec::new();
    tables.projects(&mut |project| projects.push(project.id))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    differences.extend(runtime.block_on(boards(config, &projects))?);
    Ok(differences)
}

/// Each board that is in Redis and counts, against the board as the read model has it. A sink may be between the two: what is older is
/// looked at again, what is newer or another cannot be right.
async fn boards(config: &Config, projects: &[Uuid]) -> Result<Vec<String>, Failed> {
    let mut differences = Vec::new();
    if config.redis.url.is_empty() {
        return Ok(differences);
    }
    let cache = redis::boards(config)?;
    let read_model = postgres::reader(config, Arc::default())?;
    for &project in projects {
        let deadline = Instant::now() + TELL;
        let difference = loop {
            let cached = match cache.look_up(project).await {
                Lookup::Hit(cached) => cached,
                Lookup::Miss(_) => break None,
                Lookup::Away => return Err(Failed::missing("Redis does not answer: the boards could not be checked")),
            };
            let present = api::load_board(&*read_model, project).await?;
            let (has, sequence) = (cached.sequence(), present.as_ref().map_or(0, CachedBoard::sequence));
            if has > sequence || (has < sequence && Instant::now() > deadline) {
                break Some(format!("of sequence {has}, but the read model has {sequence}"));
            }
            if has == sequence {
                let same = present.is_some_and(|present| present.body() == cached.body());
                break (!same).then(|| format!("of sequence {has} is not what the read model has"));
            }
            tokio::time::sleep(LOOK).await;
        };
        differences.extend(difference.map(|difference| format!("cached board of project {project} {difference}")));
    }
    read_model.close().await;
    Ok(differences)
}

/// The tables, once they have all that is known of users, and the offsets that they reach.
fn tables(
    config: &Config,
    ends: &[(TopicPartition, i64)],
) -> Result<(PostgresTables, Vec<(TopicPartition, i64)>), Failed> {
    let deadline = Instant::now() + CATCH_UP;
    loop {
        let tables = postgres::tables(config)?;
        let offsets = tables.offsets().to_vec();
        let reached = |partition: &TopicPartition| offsets.iter().find(|(p, _)| p == partition).map_or(0, |(_, n)| *n);
        let users = ends.iter().filter(|(partition, _)| &*partition.topic == USER_EVENTS);
        match users.clone().find(|(partition, end)| reached(partition) < *end) {
            None => return Ok((tables, offsets)),
            Some((partition, end)) if Instant::now() > deadline => {
                let why = format!("no sink has read {partition} to offset {end}: could not be checked; does one run?");
                return Err(Failed::missing(why));
            }
            Some(_) => std::thread::sleep(LOOK),
        }
    }
}
