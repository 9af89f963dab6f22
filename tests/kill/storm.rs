//! A load during which the server is killed and started again, and what there is in the end.

use std::fmt;
use std::time::{Duration, Instant};

use connectors::embedded::{EmbeddedBroker, EmbeddedConfig};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::load::{Load, Plan, make_projects, seed};
use crate::oracle::{Acknowledged, Log};
use crate::support::{Home, text};
use crate::{board, log};

/// One kill: when, and whether the next server is killed too while it starts.
#[derive(Debug, Clone, Copy)]
struct Kill {
    /// So many commands are acknowledged, ...
    after: usize,
    /// ... and so much time has passed since.
    delay: Duration,
    /// The next server gets so much time before it is killed, running or not; a third one takes over.
    next: Option<Duration>,
}

/// When the server is killed.
struct Schedule {
    seed: u64,
    kills: Vec<Kill>,
}

impl Schedule {
    /// Kills spread at random over the tickets; one in four comes with another during the start.
    fn new(seed: u64, kills: usize, tickets: usize) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let span = tickets * 9 / 10 / kills;
        let kill = |n: usize| Kill {
            after: n * span + random.random_range(0..span),
            delay: Duration::from_micros(random.random_range(0..40_000)),
            next: random.random_bool(0.25).then(|| Duration::from_millis(random.random_range(1..250))),
        };
        Self { seed, kills: (0..kills).map(kill).collect() }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "schedule of KILL_SEED={}", self.seed)?;
        for (n, Kill { after, delay, next }) in self.kills.iter().enumerate() {
            writeln!(f, "  {n}: {delay:?} after {after} acknowledgements; while starting: {next:?}")?;
        }
        Ok(())
    }
}

/// Lets 64 clients create tickets, kills the server at least ten times meanwhile, and holds what is left to the oracle.
pub(crate) fn hold_through(projects: &[String], tickets: usize) {
    let begun = Instant::now();
    let schedule = Schedule::new(seed(), 12, tickets);
    println!("{schedule}");
    let home = Home::new();
    let mut server = home.start();
    let token = home.token();
    make_projects(&server, &token, projects);

    let plan = Plan { projects: projects.to_vec(), tickets, clients: 64, seed: schedule.seed };
    let mut load = Load::start(plan, token.clone());
    load.server_is_at(&server.url);
    let (mut hits, mut starting) = (0, 0);
    for kill in &schedule.kills {
        load.wait_for(kill.after);
        // Nothing is waited for here: any moment will do, and this one is random.
        std::thread::sleep(kill.delay);
        let (in_flight, acknowledged) = (load.in_flight(), load.acknowledged());
        assert!(server.is_alive(), "the server ended by itself");
        server.kill();
        load.server_is_gone();
        hits += usize::from(in_flight > 0);
        println!("killed at {acknowledged} acknowledgements with {in_flight} requests in flight");
        if let Some(delay) = kill.next {
            server = home.launch();
            std::thread::sleep(delay);
            server.kill();
            starting += 1;
        }
        let start = Instant::now();
        server = home.start();
        println!("running again after {:?}", start.elapsed());
        load.server_is_at(&server.url);
    }
    assert!(hits >= 10, "only {hits} kills hit a server with requests in flight");
    load.wait_for(tickets);
    let cut = load.cut();
    let acknowledged = load.finish();
    println!("all acknowledged after {:?}; {hits} kills, {starting} more at starts, {cut} faults", begun.elapsed());
    assert!(cut >= hits, "only {cut} requests were broken off by {hits} kills");
    server.kill();

    let log = sound(&home, &acknowledged, tickets);
    let verified = home.run(&["verify"]);
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified));
    let server = home.start();
    board::equals(&server, &token, projects, &log);
    println!("whole after {:?}", begun.elapsed());
}

/// The log of a server that has ended, in which nothing is wrong.
pub(crate) fn sound(home: &Home, acknowledged: &[Acknowledged], tickets: usize) -> Log {
    let broker = EmbeddedBroker::open(EmbeddedConfig::new(home.data().join("log"))).unwrap();
    let log = log::read(&*broker);
    log.is_sound(acknowledged, tickets);
    log
}
