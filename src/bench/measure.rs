//! What a benchmark reads off: time, CPU, memory, latencies, outcomes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use schemas::Outcome;
use schemas::topics::{COMMAND_OUTCOMES, TICKET_COMMANDS};
use topology::broker::{Broker, Reader, TopicPartition};
use topology::{State, Streams};
use uuid::Uuid;

use super::load::Load;

/// How a drain went.
pub(super) struct Drain {
    pub(super) took: Duration,
    pub(super) cpu_us: u64,
}

/// Waits until every command in the log is committed as processed.
pub(super) fn drained(broker: &Arc<dyn Broker>, group: &str, streams: &Streams) -> anyhow::Result<Drain> {
    let started = Instant::now();
    let sources = partitions(broker, TICKET_COMMANDS)?;
    let ends = sources.iter().map(|p| Ok(broker.watermarks(p)?.1)).collect::<anyhow::Result<Vec<_>>>()?;
    loop {
        let committed = broker.committed(group, &sources)?;
        if committed.iter().zip(&ends).all(|(at, end)| at.unwrap_or(0) >= *end) {
            break;
        }
        // A look now and then: waiting for the state of a stopped instance ends at once.
        if streams.wait_for(State::NotRunning, Duration::from_millis(5)) || streams.state() == State::Error {
            anyhow::bail!("the pipeline stopped: {}", streams.state());
        }
    }
    let took = started.elapsed();
    // The threads tell their CPU time every 200 ms.
    let _ = streams.wait_for(State::NotRunning, Duration::from_millis(700));
    Ok(Drain { took, cpu_us: streams.metrics().counts().cpu_us })
}

/// The offsets after the last outcome.
pub(super) fn outcome_ends(broker: &Arc<dyn Broker>) -> anyhow::Result<Vec<(TopicPartition, i64)>> {
    let ends = partitions(broker, COMMAND_OUTCOMES)?.into_iter().map(|p| {
        let end = broker.watermarks(&p)?.1;
        Ok((p, end))
    });
    ends.collect()
}

/// Counts of outcomes.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    pub(super) accepted: u64,
    pub(super) rejected: u64,
    pub(super) duplicates: u64,
}

/// Reads so many outcomes from these offsets on.
pub(super) fn outcomes(
    broker: &Arc<dyn Broker>,
    from: &[(TopicPartition, i64)],
    count: u64,
) -> anyhow::Result<Outcomes> {
    let mut reader = broker.reader()?;
    reader.assign(from)?;
    let mut found = Outcomes::default();
    let mut read = 0;
    while read < count {
        let outcomes = poll(&mut *reader)?;
        anyhow::ensure!(!outcomes.is_empty(), "{read} of {count} outcomes are in the log");
        for outcome in outcomes {
            read += 1;
            match outcome {
                _ if outcome.duplicate() => found.duplicates += 1,
                Outcome::Accepted(_) => found.accepted += 1,
                _ => found.rejected += 1,
            }
        }
    }
    Ok(found)
}

/// Latencies in milliseconds, in order.
pub(super) struct Latencies(Vec<f64>);

impl Latencies {
    pub(super) fn quantile(&self, q: f64) -> f64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
        let place = ((self.0.len() as f64 * q) as usize).min(self.0.len().saturating_sub(1));
        self.0.get(place).copied().unwrap_or(f64::NAN)
    }
}

/// Sends at a steady rate and reads the outcomes as they come.
pub(super) fn paced(broker: &Arc<dyn Broker>, load: &mut Load, rate: u32, seconds: u32) -> anyhow::Result<Latencies> {
    let mut reader = broker.reader()?;
    reader.assign(&outcome_ends(broker)?)?;
    let (sent, waiting) = std::sync::mpsc::channel::<(Uuid, Instant)>();
    let listening = std::thread::spawn(move || listen(&mut *reader, &waiting));
    let started = Instant::now();
    for n in 0..rate.saturating_mul(seconds) {
        let due = started + Duration::from_secs(1) * n / rate;
        if let Some(wait) = due.checked_duration_since(Instant::now()) {
            std::thread::sleep(wait);
        }
        // The listener only ends before this when it has failed; its error is what counts then.
        load.one(|id| {
            let _ = sent.send((id, Instant::now()));
        })?;
    }
    drop(sent);
    let mut latencies = listening.join().map_err(|_| anyhow::anyhow!("the listener panicked"))??;
    latencies.sort_by(f64::total_cmp);
    Ok(Latencies(latencies))
}

fn listen(reader: &mut dyn Reader, sent: &std::sync::mpsc::Receiver<(Uuid, Instant)>) -> anyhow::Result<Vec<f64>> {
    let mut waiting = HashMap::new();
    let mut latencies = Vec::new();
    loop {
        let outcomes = poll(reader)?;
        let now = Instant::now();
        let all_sent = loop {
            match sent.try_recv() {
                Ok((id, at)) => drop(waiting.insert(id, at)),
                Err(std::sync::mpsc::TryRecvError::Empty) => break false,
                Err(std::sync::mpsc::TryRecvError::Disconnected) => break true,
            }
        };
        for outcome in &outcomes {
            if let Some(at) = waiting.remove(&outcome.command_id()) {
                latencies.push((now - at).as_secs_f64() * 1e3);
            }
        }
        if all_sent && waiting.is_empty() {
            return Ok(latencies);
        }
        anyhow::ensure!(!(all_sent && outcomes.is_empty()), "{} commands got no outcome", waiting.len());
    }
}

fn poll(reader: &mut dyn Reader) -> anyhow::Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for fetched in reader.poll(Duration::from_secs(2))? {
        for record in &fetched.batch {
            if let Some(value) = record.value {
                outcomes.push(Outcome::decode(value)?);
            }
        }
    }
    Ok(outcomes)
}

fn partitions(broker: &Arc<dyn Broker>, topic: &str) -> anyhow::Result<Vec<TopicPartition>> {
    let count = broker.topics()?.get(topic).copied().unwrap_or_default();
    Ok((0..count).map(|p| TopicPartition::new(topic, p)).collect())
}

/// User and system time of this process, in microseconds; 0 where the system does not tell.
pub(super) fn process_cpu_us() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let ns = tasks.filter_map(|task| {
        let stat = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<u64>().ok()
    });
    ns.sum::<u64>() / 1_000
}

/// The highest resident memory of this process so far, in MB; 0 where the system does not tell.
pub(super) fn peak_rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().strip_suffix(" kB")).and_then(|n| n.parse::<f64>().ok());
    kib.unwrap_or_default() * 1024.0 / 1e6
}
