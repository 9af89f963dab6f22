//! What happens to processes.

use std::time::Duration;

use rand::Rng;
use rand::seq::IndexedRandom;
use topology::Step;

use crate::damage::{damage, delete};
use crate::kinds::Part;
use crate::pace::{last, pause};
use crate::rig::{PATIENCE, Rig};

/// How much longer than a session lasts.
const PAST_SESSION: Duration = Duration::from_millis(1_500);
/// How long a process may take to get to a point at which it is to be killed.
const REACHED: Duration = Duration::from_secs(20);

impl Rig {
    pub(crate) fn kill_twice(&mut self) -> bool {
        let victim = self.one_of(Part::Worker);
        let first = self.kill(victim);
        self.slots[victim].start(&self.site);
        pause(&mut self.random, 1..1_200);
        let second = self.kill(victim);
        self.comes_back(victim);
        first && second
    }

    pub(crate) fn kill_all_workers(&mut self) -> bool {
        let workers: Vec<usize> = self.workers();
        let killed = workers.iter().filter(|victim| self.kill(**victim)).count();
        pause(&mut self.random, 0..5_000);
        workers.iter().for_each(|victim| self.slots[*victim].start(&self.site));
        killed == workers.len()
    }

    pub(crate) fn workers(&self) -> Vec<usize> {
        (0..self.slots.len()).filter(|n| self.slots[*n].part == Part::Worker && self.slots[*n].is_filled()).collect()
    }

    /// One that is started to be held at a point, in the place of one that is killed.
    pub(crate) fn hold_and_kill(&mut self, part: Part) -> bool {
        let victim = if part == Part::Worker { self.busy_worker() } else { self.one_of(part) };
        self.kill(victim);
        let times = self.random.random_range(1..=4);
        let point = if part == Part::Sink {
            let points = ["AfterOffsets", "BeforeCommit", "AfterCommit", "BeforeGroup"];
            format!("sink:{}:{times}", points.choose(&mut self.random).unwrap())
        } else {
            let step = *Step::ALL.choose(&mut self.random).unwrap();
            if matches!(step, Step::BeforeRestore | Step::AfterRestore) {
                delete(&self.slots[victim].dir(&self.site));
            }
            format!("worker:{step:?}:{times}")
        };
        self.slots[victim].start_with(&self.site, &[("SYNCROBOARD_KILL_POINT", &point)]);
        let held = self.slots[victim].is_held(REACHED);
        if held {
            pause(&mut self.random, 0..300);
        }
        let killed = self.kill(victim);
        self.comes_back(victim);
        self.says(&format!("{}{point}", if held { "" } else { "NOT REACHED: " }));
        held && killed
    }

    pub(crate) fn stop_in_order(&mut self) -> bool {
        let victim = self.one_of(Part::Worker);
        self.slots[victim].runs(PATIENCE);
        self.slots[victim].stop();
        self.slots[victim].start(&self.site);
        true
    }

    /// One worker less for a while, in which another one is killed, then one more than ever, which stays for a while.
    pub(crate) fn scale(&mut self) -> bool {
        let leaver = self.one_of(Part::Worker);
        self.slots[leaver].runs(PATIENCE);
        self.slots[leaver].stop();
        let victim = self.one_of(Part::Worker);
        self.kill(victim);
        self.slots[victim].start(&self.site);
        pause(&mut self.random, 1_000..4_000);
        self.slots[leaver].start(&self.site);
        let mut guest = crate::slot::Slot::new(Part::Worker, &format!("guest{}", self.faults));
        guest.start(&self.site);
        let runs = guest.runs(PATIENCE);
        pause(&mut self.random, 500..2_000);
        guest.stop();
        runs
    }

    /// The others take over, and it finds out when it wakes.
    pub(crate) fn freeze(&mut self) -> bool {
        let victim = self.busy_worker();
        if !self.slots[victim].runs(PATIENCE) {
            return false;
        }
        self.progresses();
        let mark = self.slots[victim].mark();
        self.slots[victim].signal("STOP");
        last(self.site.shape.session() + PAST_SESSION);
        self.slots[victim].signal("CONT");
        self.slots[victim].logs("were lost to other members", mark, REACHED)
    }

    pub(crate) fn twin(&mut self) -> bool {
        self.all_run();
        let victim = self.one_of(Part::Worker);
        let root = self.site.home.path().join(format!("twins{}", self.faults));
        self.slots[victim].replace_by_twin(&self.site, root, Duration::from_secs(60))
    }

    pub(crate) fn damage(&mut self) -> bool {
        let victim = self.one_of(Part::Worker);
        let killed = self.kill(victim);
        let dir = self.slots[victim].dir(&self.site);
        let done = damage(&dir, &mut self.random);
        let what = done.as_ref().map_or("NOTHING TO DAMAGE", |(_, what)| what);
        self.says(&format!("stores of {}: {what}", self.slots[victim].name));
        self.slots[victim].start(&self.site);
        let damaged = done.is_some();
        self.damaged.extend(done.map(|(task, _)| task));
        killed && damaged
    }
}
