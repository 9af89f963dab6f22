//! What a choice costs, from 100 to 100,000 members: the whole of what a pool does with a new ticket, on RocksDB.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use processors::{PipelineConfig, pipeline};
use schemas::{PoolInput, PoolMemberChanged, PoolTicketChanged, ids};
use topology::broker::TopicPartition;
use topology::{Headers, TestDriver};
use uuid::Uuid;

const AT: i64 = 1_700_000_000_000;
/// Tickets of one transaction.
const TICKETS: i64 = 1_000;
/// Distinct sets of skills, with and without the labels of the tickets.
const SKILL_SETS: [&[&str]; 8] = [&[], &["a"], &["b"], &["c"], &["a", "b"], &["a", "c"], &["b", "c"], &["a", "b", "c"]];

/// A pool with so many members, committed.
fn pool(dir: &tempfile::TempDir, members: u128) -> TestDriver {
    let driver = TestDriver::new(&pipeline(&PipelineConfig::default()).unwrap(), 1).unwrap();
    let mut driver = driver.manual_commit().stored_in(dir.path()).unwrap();
    for n in 0..members {
        let skills = SKILL_SETS[usize::try_from(n).unwrap() % SKILL_SETS.len()];
        let changed = PoolMemberChanged {
            user_id: ids::digest(&n.to_be_bytes()),
            role: "member".to_owned(),
            capacity: 1_000_000 - i32::try_from(n % 1_000).unwrap(),
            skills: skills.iter().map(|skill| (*skill).to_owned()).collect(),
            available: true,
            pool_id: project(),
            project_id: project(),
            ..PoolMemberChanged::default()
        };
        append(&mut driver, &changed.into());
        if n % 1_000 == 999 {
            driver.run().unwrap();
            driver.commit().unwrap();
        }
    }
    driver.run().unwrap();
    driver.commit().unwrap();
    for number in 1..=TICKETS {
        let changed = PoolTicketChanged {
            number,
            ticket_id: Uuid::from_u128(number.unsigned_abs().into()),
            priority: "MEDIUM".to_owned(),
            labels: vec!["a".to_owned()],
            open: true,
            created_at: AT,
            pool_id: project(),
            project_id: project(),
            ..PoolTicketChanged::default()
        };
        append(&mut driver, &changed.into());
    }
    driver
}

fn project() -> Uuid {
    ids::project_id("SYNC")
}

fn append(driver: &mut TestDriver, told: &PoolInput) {
    let mut bytes = Vec::new();
    told.encode(&mut bytes).unwrap();
    let topic = TopicPartition::new("test-pool-inputs-repartition", 0);
    driver.append(&topic, Some(project().to_string().as_bytes()), Some(&bytes), AT, &Headers::new());
}

fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("choice");
    for members in [100, 1_000, 10_000, 100_000] {
        let dir = tempfile::tempdir().unwrap();
        let mut driver = pool(&dir, members);
        // The same transaction again and again: what it would commit is taken back.
        group.bench_function(BenchmarkId::from_parameter(members), |b| {
            b.iter_custom(|iterations| {
                let mut took = Duration::ZERO;
                let mut left = iterations;
                while left > 0 {
                    let begun = Instant::now();
                    driver.run().unwrap();
                    took += begun.elapsed();
                    driver.abort();
                    left = left.saturating_sub(TICKETS.unsigned_abs());
                }
                took.mul_f64(
                    iterations as f64 / (iterations.div_ceil(TICKETS.unsigned_abs()) * TICKETS.unsigned_abs()) as f64,
                )
            });
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
