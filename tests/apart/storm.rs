//! Sinks and API processes killed at random moments, and the servers below them, while clients write.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::load::seed;
use crate::site::{Scene, Site};
use crate::support::Server;

/// Kills and restarts `kills` times one of what `victims` names: `s` a sink, `a` an API process, `p` Postgres, `r` Redis.
fn hold_through(victims: &str, kills: usize, tickets: usize) {
    let seed = seed();
    println!("KILL_SEED={seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let site = Site::new();
    let mut parts = site.start();
    let mut scene = Scene::new(&site, &parts, tickets, seed);
    let victims: Vec<char> = victims.chars().collect();
    let span = tickets * 9 / 10 / kills;
    let mut hits = 0;
    for kill in 0..kills {
        scene.load.wait_for(kill * span + random.random_range(0..span));
        // Nothing is waited for here: any moment will do, and this one is random.
        std::thread::sleep(Duration::from_micros(random.random_range(0..40_000)));
        hits += usize::from(scene.load.in_flight() > 0);
        let one = random.random_range(0..2);
        match victims[kill % victims.len()] {
            's' => {
                parts.sinks[one].kill();
                // Back before anyone misses it, or after its partitions have moved.
                std::thread::sleep(Duration::from_millis(random.random_range(0..4_000)));
                parts.sinks[one] = site.sink();
            }
            'a' => {
                parts.apis[one].kill();
                parts.apis[one] = site.api();
                scene.proxy.replace(one, &parts.apis[one].url);
            }
            'p' if random.random() => {
                site.postgres.kill();
                site.postgres.start();
            }
            'p' => {
                site.postgres.stop();
                site.postgres.start();
            }
            _ => {
                site.redis.kill();
                site.redis.start();
            }
        }
    }
    println!("{hits} of {kills} kills came while requests were in flight");
    assert!(hits >= 1, "no kill came while requests were in flight");
    scene.load.wait_for(tickets);
    assert!(parts.worker.is_alive() && parts.sinks.iter_mut().chain(&mut parts.apis).all(Server::is_alive));
    site.is_whole(&parts.apis[0], scene);
}

#[test]
fn should_write_each_event_once_through_kills_of_sinks() {
    hold_through("s", 6, 4_000);
}

#[test]
fn should_do_each_command_once_through_kills_of_api_processes() {
    hold_through("a", 6, 4_000);
}

#[test]
fn should_come_back_through_restarts_of_postgres_and_redis() {
    hold_through("pr", 6, 4_000);
}

#[test]
fn should_hold_through_kills_of_everything_in_turn() {
    hold_through("sapr", 8, 4_000);
}
