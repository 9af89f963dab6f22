//! The simulation's commands on the real Kafka: valid, refused, unreadable, on the wrong partition, repeated. Its own oracle
//! says what must hold, without the rules: numbers, one decision a command, answers repeated.

use std::sync::mpsc::channel;
use std::time::Duration;

use processors::{PipelineConfig, pipeline};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use topology::StreamsConfig;
use topology::broker::{BrokerError, NewRecord};

use crate::commands::Commands;
use crate::decisions::{self, Sent};
use crate::hangs::nothing_hangs;
use crate::load::seed;
use crate::site::{Settings, Site, settings, wait_until_consumed};
use crate::support::Server;
use crate::{PARTITIONS, records};

/// How long a backlog may take.
const PATIENCE: Duration = Duration::from_secs(90);
const MESSAGES: usize = 3_000;
const KILLS: usize = 5;

/// The settings of workers, whose topics have as many partitions as the workload expects.
pub(crate) fn workers_settings() -> Settings {
    let mut settings = settings("classic");
    settings.insert("SYNCROBOARD__KAFKA__PARTITIONS", PARTITIONS.to_string());
    settings
}

pub(crate) fn decides_each_command_once(site: &Site, workers: usize) {
    let seed = seed();
    println!("KILL_SEED={seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let mut running: Vec<Server> = (0..workers).map(|_| site.worker(&[])).collect();
    running.iter_mut().for_each(Server::wait_until_running);
    let broker = site.broker();
    let producer = broker.producer().unwrap();
    let mut commands = Commands::new(&mut random);
    let mut sent = Vec::new();
    let mut too_large = 0;
    let (told, written) = channel();
    for number in 0..MESSAGES {
        let message = commands.next(&mut random);
        let record = NewRecord {
            timestamp: 0,
            key: message.key.as_deref(),
            value: message.value.as_deref(),
            headers: &message.headers,
        };
        let told = told.clone();
        match producer.send(&message.partition, record, Box::new(move |result| drop(told.send(result)))) {
            Ok(()) => written.recv_timeout(PATIENCE).unwrap().unwrap(),
            // Kafka takes less than the simulation's log.
            Err(BrokerError::TooLarge { .. }) => {
                too_large += 1;
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        if let Some(id) = message.command {
            sent.push(Sent { id, epoch: 0, last: false, two_steps: message.two_steps() });
        }
        if (number + 1).is_multiple_of(MESSAGES / (KILLS + 1)) && number + 1 < MESSAGES {
            let victim = random.random_range(0..workers);
            running[victim].kill();
            running[victim] = site.worker(&[]);
        }
    }
    assert!(too_large < MESSAGES / 20, "{too_large} were too large");
    wait_until_consumed(&*broker);
    // The others may have done all of it before the last one was there.
    running.iter_mut().for_each(Server::stop_once_running);
    let topology = pipeline(&PipelineConfig::default()).unwrap();
    let config = StreamsConfig::new("syncroboard", site.home.path().join("restored"));
    let stores = records::stores(&topology, &config, &*broker).unwrap();
    println!("{} commands to be decided, {too_large} too large", sent.len());
    decisions::check(&*broker, &stores, &sent).unwrap();
    nothing_hangs(&*broker);
}

#[test]
fn should_decide_the_simulations_commands_once_with_one_worker() {
    decides_each_command_once(&Site::new(workers_settings()), 1);
}

#[test]
fn should_decide_the_simulations_commands_once_with_three_workers() {
    decides_each_command_once(&Site::new(workers_settings()), 3);
}
