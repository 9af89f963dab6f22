//! Fills and changes in any order, from a seed, held against what the database says: no value that is newer than it, and
//! none that differs from it at rest. With a check left out of the scripts, the same run finds it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use connectors::board_cache::{BoardCache, CachedBoard, FillPermit, Lookup};
use connectors::redis::{CacheFault, RedisBoardCache};
use uuid::Uuid;

use super::services::{OwnRedis, unique};
use super::{ADA, options, raw, redis_that_saves};

const PROJECTS: usize = 3;
const PROCESSES: usize = 3;

/// `REDIS_SEED`, or one of its own each time.
fn seed() -> u64 {
    let given = std::env::var("REDIS_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64);
    println!("REDIS_SEED={seed}");
    seed
}

struct Random(u64);

impl Random {
    /// SplitMix64.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

/// A reader that found nothing and is on its way from the cache to the database and back.
struct Filling {
    process: usize,
    project: usize,
    permit: FillPermit,
    board: Option<i64>,
    members: Option<i64>,
}

struct World<'a> {
    redis: &'a OwnRedis,
    random: Random,
    processes: Vec<RedisBoardCache>,
    sink: RedisBoardCache,
    /// The database: the sequence of each project.
    database: [i64; PROJECTS],
    /// Committed, not told yet.
    untold: VecDeque<(usize, i64)>,
    sink_lives: bool,
    filling: Vec<Filling>,
    hits: usize,
    rests: usize,
}

fn id(project: usize) -> Uuid {
    Uuid::from_u128(project as u128 + 1)
}

impl<'a> World<'a> {
    fn new(redis: &'a OwnRedis, seed: u64, fault: Option<CacheFault>) -> Self {
        let mut options = options(redis.url());
        options.prefix = unique("oracle");
        options.fault = fault;
        let cache = || RedisBoardCache::new(options.clone()).unwrap();
        Self {
            redis,
            random: Random(seed),
            processes: (0..PROCESSES).map(|_| cache()).collect(),
            sink: cache(),
            database: [1; PROJECTS],
            untold: VecDeque::new(),
            sink_lives: false,
            filling: Vec::new(),
            hits: 0,
            rests: 0,
        }
    }

    async fn run(&mut self, steps: usize, restarts: usize) -> Result<(), String> {
        for step in 0..steps {
            self.step(steps, restarts).await.map_err(|why| format!("step {step}: {why}"))?;
        }
        Ok(())
    }

    async fn step(&mut self, steps: usize, restarts: usize) -> Result<(), String> {
        let project = self.random.below(PROJECTS);
        if restarts > 0 && self.random.below(steps / restarts) == 0 {
            return self.restart().await;
        }
        match self.random.below(100) {
            0..30 => self.read(project).await?,
            30..75 => self.go_on_filling().await,
            75..80 => {
                self.database[project] += 1;
                self.untold.push_back((project, self.database[project]));
            }
            80..92 => self.tell().await,
            92 if self.random.below(4) == 0 => {
                // The sink dies between the database's commit and Redis.
                self.sink_lives = false;
                self.untold.clear();
            }
            93 if self.random.below(10) == 0 => self.flush().await,
            _ => self.rest().await?,
        }
        Ok(())
    }

    async fn read(&mut self, project: usize) -> Result<(), String> {
        let process = self.random.below(PROCESSES);
        match self.processes[process].look_up(id(project)).await {
            Lookup::Hit(board) => {
                self.hits += 1;
                self.check(project, &board)?;
            }
            Lookup::Miss(permit) => {
                if permit.at_least() > self.database[project] {
                    return Err(format!("{project}: {} is awaited, and is not there", permit.at_least()));
                }
                // Whoever has no room gives up the oldest, as a client may at any time.
                if self.filling.len() == 5 {
                    self.filling.remove(0);
                }
                self.filling.push(Filling { process, project, permit, board: None, members: None });
            }
            Lookup::Away => {}
        }
        Ok(())
    }

    /// No value is newer than the database, and each is what the database said at its sequence.
    fn check(&self, project: usize, board: &CachedBoard) -> Result<(), String> {
        let (sequence, now) = (board.sequence(), self.database[project]);
        let members: i64 = board.role(ADA).and_then(|role| role.parse().ok()).unwrap_or_default();
        if sequence > now || *board.body() != body(project, sequence) || !(sequence..=now).contains(&members) {
            return Err(format!("{project}: board {sequence} with members of {members}, the database has {now}"));
        }
        Ok(())
    }

    async fn go_on_filling(&mut self) {
        if self.filling.is_empty() {
            return;
        }
        let at = self.random.below(self.filling.len());
        let filling = &mut self.filling[at];
        let now = self.database[filling.project];
        match (filling.board, filling.members) {
            (None, _) => filling.board = Some(now),
            (_, None) => filling.members = Some(now),
            (Some(sequence), Some(members)) => {
                let Filling { process, project, permit, .. } = self.filling.swap_remove(at);
                let members = [(ADA, members.to_string().into())];
                let board = CachedBoard::new(sequence, body(project, sequence).into(), members);
                self.processes[process].fill(permit, Arc::new(board)).await;
            }
        }
    }

    async fn tell(&mut self) {
        if !self.sink_lives {
            self.sink_lives = self.sink.renew_epoch().await;
            self.untold.clear();
        } else if let Some((project, sequence)) = self.untold.pop_front() {
            // A failed call: nothing is known but that a new epoch is needed.
            self.sink_lives = self.sink.outdate(id(project), sequence).await;
        }
    }

    async fn flush(&mut self) {
        // Of this run's keys only: another may be going on in the same server.
        redis::cmd("FLUSHALL").exec_async(&mut raw(self.redis.url()).await).await.unwrap();
    }

    /// Redis comes back with what it had some time ago.
    async fn restart(&mut self) -> Result<(), String> {
        redis::cmd("SAVE").exec_async(&mut raw(self.redis.url()).await).await.unwrap();
        for _ in 0..20 {
            Box::pin(self.step(1, 0)).await?;
        }
        self.redis.kill();
        self.redis.start();
        self.sink_lives = false;
        Ok(())
    }

    /// Everything is told: what is found is what the database has.
    async fn rest(&mut self) -> Result<(), String> {
        while !self.sink_lives || !self.untold.is_empty() {
            self.tell().await;
            tokio::task::yield_now().await;
        }
        self.rests += 1;
        for project in 0..PROJECTS {
            for process in 0..PROCESSES {
                if let Lookup::Hit(board) = self.processes[process].look_up(id(project)).await {
                    self.check(project, &board)?;
                    if board.sequence() != self.database[project] {
                        let now = self.database[project];
                        return Err(format!("{project}: board {} at rest, the database has {now}", board.sequence()));
                    }
                }
            }
        }
        Ok(())
    }
}

fn body(project: usize, sequence: i64) -> String {
    format!("{project} at {sequence}")
}

#[tokio::test]
async fn should_never_be_newer_than_the_database_nor_differ_from_it_at_rest() {
    let redis = redis_that_saves();
    let mut world = World::new(&redis, seed(), None);
    world.run(20_000, 10).await.unwrap();
    assert!(world.hits > 500 && world.rests > 500, "too little was seen: {} {}", world.hits, world.rests);
    let filled: u64 = world.processes.iter().map(|process| process.stats().filled).sum();
    let refused: u64 = world.processes.iter().map(|process| process.stats().refused).sum();
    assert!(filled > 500 && refused > 100, "too little was filled: {filled}, refused {refused}");
}

#[tokio::test]
async fn should_find_a_script_that_checks_too_little() {
    let redis = OwnRedis::new(&[]);
    let seed = seed();
    for fault in [CacheFault::NoSequenceGuard, CacheFault::NoEpochCheck] {
        let found = World::new(&redis, seed, Some(fault)).run(20_000, 0).await;
        assert!(found.is_err(), "nobody noticed {fault:?}");
    }
}
