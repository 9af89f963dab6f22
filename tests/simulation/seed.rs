//! One seed: what is sent, what goes wrong, and the judgement at the end.

use std::fmt;

use anyhow::{Context as _, Result};
use processors::{PipelineConfig, pipeline};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use topology::Step;

use crate::commands::{Commands, Message, last_words};
use crate::coverage::{ARCHIVED, Coverage, DEACTIVATED, DIGEST, MOVED, OWN_WORKFLOW, TOLD};
use crate::oracle::Sent;
use crate::world::World;
use crate::{compare, oracle, records, reference};

/// Longer than a command is remembered.
const EIGHT_DAYS_MS: i64 = 8 * 24 * 3_600 * 1_000;

/// Digests are due meanwhile.
const TWO_HOURS_MS: i64 = 2 * 3_600 * 1_000;

/// What a seed did that ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) course: Vec<String>,
    pub(crate) coverage: Coverage,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.coverage.fmt(f)
    }
}

struct Run {
    rng: SmallRng,
    world: World,
    commands: Commands,
    sent: Vec<Sent>,
    epoch: u32,
    /// Mishaps still to come.
    mishaps: u32,
}

/// Runs a seed. `loud`: says what happens as it happens.
pub(crate) fn run(seed: u64, loud: bool) -> Result<Report> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let topology = pipeline(&PipelineConfig::default())?;
    let commands = Commands::new(&mut rng);
    let mishaps = rng.random_range(2..=6);
    let world = World::new(&topology, loud)?;
    let mut run = Run { rng, world, commands, sent: Vec::new(), epoch: 0, mishaps };
    let count = run.rng.random_range(50..=130);
    while run.sent.len() < count {
        run.turn()?;
    }
    run.rest()?;
    run.say_last_words()?;
    run.rest()?;
    run.judge()
}

impl Run {
    /// Some commands, some rounds, perhaps a mishap.
    fn turn(&mut self) -> Result<()> {
        self.ensure_running()?;
        for _ in 0..self.rng.random_range(1..=6) {
            let message = self.commands.next(&mut self.rng);
            self.send(&message, false)?;
            let pause = if self.rng.random_bool(0.03) { 120 } else { self.rng.random_range(0..=20) };
            self.world.pass(pause);
        }
        for _ in 0..self.rng.random_range(0..=5) {
            if self.world.is_running() {
                self.world.round()?;
            }
        }
        match self.rng.random_range(0..200) {
            0..4 => self.world.pass(31_000),
            4 => {
                self.rest()?;
                self.world.note("eight days pass".to_owned());
                self.world.pass(EIGHT_DAYS_MS);
                self.commands.forget();
                self.epoch += 1;
            }
            5..10 => self.world.close()?,
            10..18 => self.world.pass(TWO_HOURS_MS),
            _ => {}
        }
        Ok(())
    }

    fn send(&mut self, message: &Message, last: bool) -> Result<()> {
        self.world.send(message)?;
        if let Some(id) = message.command {
            self.sent.push(Sent { id, epoch: self.epoch, last, two_steps: message.two_steps() });
        }
        Ok(())
    }

    fn ensure_running(&mut self) -> Result<()> {
        if !self.world.is_running() {
            if self.rng.random_bool(0.15) {
                self.world.wipe_state()?;
            }
            self.world.start()?;
        }
        let waits = {
            let luck = self.world.luck.lock();
            luck.crash.is_some() || luck.fault.is_some()
        };
        if !waits && self.mishaps > 0 {
            self.mishaps -= 1;
            self.plan_mishap();
        }
        Ok(())
    }

    fn plan_mishap(&mut self) {
        let mut luck = self.world.luck.lock();
        if self.rng.random_bool(0.25) {
            luck.fault = Some((self.rng.random_bool(0.5), self.rng.random_range(1..=6)));
        } else {
            let step = *Step::ALL.choose(&mut self.rng).unwrap_or(&Step::BeforeCommit);
            let most = match step {
                Step::BeforeProcess | Step::AfterProcess | Step::BeforeProduce | Step::AfterProduce => 30,
                Step::BeforeRestore | Step::AfterRestore => 3,
                _ => 6,
            };
            luck.crash = Some((step, self.rng.random_range(1..=most)));
        }
    }

    /// Until there is nothing left to do, through whatever still goes wrong.
    fn rest(&mut self) -> Result<()> {
        loop {
            self.ensure_running()?;
            if self.world.rest()? {
                return Ok(());
            }
        }
    }

    fn say_last_words(&mut self) -> Result<()> {
        let mut words: Vec<Message> = Vec::new();
        let again = self.commands.repeatable();
        let two_steps: Vec<_> = again.iter().filter(|m| m.two_steps()).collect();
        words.extend(two_steps.choose_multiple(&mut self.rng, 3).map(|m| (*m).clone()));
        words.extend(again.choose_multiple(&mut self.rng, 3).cloned());
        for message in words {
            self.send(&message, true)?;
        }
        for message in last_words(&mut self.rng) {
            self.send(&message, false)?;
        }
        Ok(())
    }

    /// Stores, changelogs, events and outcomes against the run without crashes.
    fn judge(mut self) -> Result<Report> {
        {
            let mut luck = self.world.luck.lock();
            (luck.crash, luck.fault) = (None, None);
        }
        if self.rng.random_bool(0.5) {
            self.world.close()?;
        } else {
            self.world.vanish();
        }
        let broker = self.world.open_broker()?;
        let reference = reference::run(&self.world.topology, &*broker, &self.world.transactions)?;
        compare::topics(&*broker, &reference)?;
        let stores = records::stores(&self.world.topology, &self.world.config, &*broker)?;
        compare::same_stores(&stores, &reference).context("as it lies on the disk")?;
        let seen = oracle::check(&*broker, &stores, &self.sent)?;
        let kinds = [
            (seen.told > 0, TOLD),
            (seen.moved > 0, MOVED),
            (seen.digests > 0, DIGEST),
            (seen.archived, ARCHIVED),
            (seen.own_workflow, OWN_WORKFLOW),
            (seen.deactivated > 0, DEACTIVATED),
        ];
        for (_, what) in kinds.into_iter().filter(|(seen, _)| *seen) {
            self.world.luck.lock().coverage.count(what);
        }
        std::fs::remove_dir_all(&self.world.config.state_dir)?;
        let restored = records::stores(&self.world.topology, &self.world.config, &*broker)?;
        compare::same_stores(&restored, &reference).context("restored from the changelogs alone")?;
        let coverage = self.world.luck.lock().coverage.clone();
        Ok(Report { course: self.world.course, coverage })
    }
}
