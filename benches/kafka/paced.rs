//! Commands at a steady rate, and how long each takes from when it was due to when its committed outcome is read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use topology::broker::{Broker, Reader, TopicPartition};

use super::sender::Sender;
use super::usage::{Reading, Used};
use super::{PARTITIONS, WARM_UP};

/// Longer than that no outcome is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a paced part has shown.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Paced {
    pub(crate) rate: u32,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) max_ms: f64,
    /// How late commands were sent, at the 99th percentile: what of the latency is the load's own.
    pub(crate) late_p99_ms: f64,
    pub(crate) used: Used,
}

/// Sends at a steady rate and reads outcomes as they are committed, from these offsets on. `read` tells what was used so far.
pub(crate) fn paced(
    broker: &Arc<dyn Broker>,
    from: &[(TopicPartition, i64)],
    sender: &mut Sender,
    rate: u32,
    seconds: u32,
    read: impl Fn() -> anyhow::Result<Reading>,
) -> anyhow::Result<Paced> {
    let total = u64::from(rate) * u64::from(seconds);
    let warm = total * WARM_UP / 100;
    let mut reader = broker.reader()?;
    reader.assign(from)?;
    let listening = std::thread::spawn(move || listen(&mut *reader, total));
    let mut due = vec![Vec::new(); PARTITIONS as usize];
    let mut late = Vec::new();
    let mut before = read()?;
    let started = Instant::now() + Duration::from_millis(100);
    let step = Duration::from_secs(1) / rate;
    let mut at = started;
    for n in 0..total {
        if let Some(wait) = at.checked_duration_since(Instant::now()) {
            std::thread::sleep(wait);
        }
        if n == warm {
            before = read()?;
        }
        let lag = at.elapsed();
        due[sender.one()?].push((at, n >= warm));
        late.push(lag.as_secs_f64() * 1e3);
        at += step;
    }
    let read_at = listening.join().map_err(|_| anyhow::anyhow!("the listener panicked"))??;
    let used = read()?.since(&before, total - warm);
    let pairs = due.iter().zip(&read_at).flat_map(|(due, read)| due.iter().zip(read));
    let counted = pairs.filter(|((_, counts), _)| *counts);
    let latencies = sorted(counted.map(|((due, _), read)| (*read - *due).as_secs_f64() * 1e3).collect());
    anyhow::ensure!(latencies.len() as u64 == total - warm, "{} of {total} outcomes were read", latencies.len());
    Ok(Paced {
        rate,
        p50_ms: quantile(&latencies, 0.5),
        p99_ms: quantile(&latencies, 0.99),
        p999_ms: quantile(&latencies, 0.999),
        max_ms: quantile(&latencies, 1.0),
        late_p99_ms: quantile(&sorted(late), 0.99),
        used,
    })
}

/// When each outcome was read, by partition, in order.
fn listen(reader: &mut dyn Reader, total: u64) -> anyhow::Result<Vec<Vec<Instant>>> {
    let mut read_at = vec![Vec::new(); PARTITIONS as usize];
    let mut read = 0;
    let mut last = Instant::now();
    while read < total {
        let fetched = reader.poll(Duration::from_secs(1))?;
        let now = Instant::now();
        for piece in fetched {
            let count = piece.batch.len();
            read_at[piece.partition.partition as usize].extend(std::iter::repeat_n(now, count));
            read += count as u64;
            if count > 0 {
                last = now;
            }
        }
        anyhow::ensure!(last.elapsed() < PATIENCE, "{read} of {total} outcomes came");
    }
    Ok(read_at)
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn quantile(sorted: &[f64], q: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
    let place = ((sorted.len() as f64 * q) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(place).copied().unwrap_or(f64::NAN)
}
