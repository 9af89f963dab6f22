//! What a store access costs: overlay hit, miss past the bloom filters, hit in the backend, put, commit.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test may fail where it stands"
)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use state::{StateMemory, StoreId, StoreSpec, TaskState};

const TICKETS: StoreId = StoreId(0);
const COMMANDS: StoreId = StoreId(1);
const COMMITTED: u64 = 300_000;
const VALUE: [u8; 200] = [7; 200];

/// A key that is spread over the key space like a UUID.
fn key(number: u64) -> [u8; 16] {
    let mixed = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    mixed.to_be_bytes()
}

fn filled(dir: &std::path::Path, entries: u64) -> TaskState {
    let specs = [StoreSpec::new("tickets"), StoreSpec::new("commands").expiring(7 * 24 * 3_600_000)];
    let (mut state, _) = TaskState::open(dir, &specs, &StateMemory::default()).expect("opens");
    state.set_stream_time(1_000);
    for number in 0..entries {
        state.put(TICKETS, &key(number), &VALUE);
        state.put(COMMANDS, &key(number), &VALUE[..40]);
        if number % 1_000 == 999 {
            state.commit(&[(TICKETS, number as i64)]).expect("commits");
        }
    }
    state.flush().expect("flushes");
    state
}

fn reads(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut state = filled(dir.path(), COMMITTED);
    for number in 0..10_000 {
        state.put(TICKETS, &key(COMMITTED + number), &VALUE);
    }
    let mut number = 0;
    let mut next = move |bound: u64| {
        number = (number + 7_919) % bound;
        number
    };
    let mut group = c.benchmark_group("get");
    group.bench_function("hit in overlay", |b| {
        b.iter(|| state.get(TICKETS, &key(COMMITTED + next(10_000)), |value| value.map(<[u8]>::len)));
    });
    group.bench_function("miss past bloom filters", |b| {
        b.iter(|| state.get(COMMANDS, &key(COMMITTED + next(1_000_000)), |value| value.map(<[u8]>::len)));
    });
    group.bench_function("hit in RocksDB", |b| {
        b.iter(|| state.get(TICKETS, &key(next(COMMITTED)), |value| value.map(<[u8]>::len)));
    });
    group.bench_function("prefix of 1 byte, first 10", |b| {
        b.iter(|| {
            let mut left = 10;
            state.prefix(TICKETS, &[next(256) as u8], &mut |_, value| {
                black_box(value);
                left -= 1;
                if left == 0 { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
            })
        });
    });
    group.finish();
}

fn writes(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut state = filled(dir.path(), 1_000);
    let mut number = 1_000;
    let mut group = c.benchmark_group("write");
    group.bench_function("put of 200 bytes in a record scope", |b| {
        b.iter(|| {
            number += 1;
            state.begin_record();
            state.put(TICKETS, &key(number), &VALUE);
            if number % 10_000 == 0 {
                state.abort();
            }
        });
    });
    state.abort();
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("commit of 1000 puts of 200 bytes", |b| {
        b.iter_custom(|rounds| {
            let mut spent = std::time::Duration::ZERO;
            for _ in 0..rounds {
                for _ in 0..1_000 {
                    number += 1;
                    state.put(TICKETS, &key(number), &VALUE);
                }
                let start = std::time::Instant::now();
                state.commit(&[(TICKETS, number as i64)]).expect("commits");
                spent += start.elapsed();
            }
            spent
        });
    });
    group.bench_function("put and commit of 1000, in memory", |b| {
        b.iter_batched_ref(
            || TaskState::in_memory(&[StoreSpec::new("tickets")]),
            |state| {
                for number in 0..1_000 {
                    state.put(TICKETS, &key(number), &VALUE);
                }
                state.commit(&[(TICKETS, 1)])
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, reads, writes);
criterion_main!(benches);
