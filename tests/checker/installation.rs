//! The checker on a whole installation: worker, sink and API on Kafka, Postgres and Redis. It finds nothing, and then what was spoilt.

use std::time::Duration;

use crate::checker::{Finding, Law, Where, findings};
use crate::scene::{PROBE, Scene, finds, finds_nothing, runs, until};
use crate::support::services::{OwnPostgres, OwnRedis, psql};
use crate::support::{ADMIN, Home, Server, http, text};

/// What tokens are signed with.
const SECRET: &str = "3f0c9d5be8a14c6eb2d7f1a09c5e4d3b8f6a7c2e1d0b9a8f7e6d5c4b3a291807";

struct Installation {
    scene: Scene,
    postgres: OwnPostgres,
    redis: OwnRedis,
}

impl Installation {
    fn new() -> Self {
        let (scene, postgres, redis) = (Scene::new(None), OwnPostgres::new(&[]), OwnRedis::new(&[]));
        let installation = Self { scene, postgres, redis };
        let migrated = installation.command(&["sink", "migrate"]).output().unwrap();
        assert!(migrated.status.success(), "{}", text(&migrated));
        installation
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.scene.site.home.command(arguments);
        let settings = [
            ("SYNCROBOARD__KAFKA__BOOTSTRAP_SERVERS", self.scene.site.kafka.bootstrap()),
            ("SYNCROBOARD__POSTGRES__URL", self.postgres.url()),
            ("SYNCROBOARD__POSTGRES__READ_URL", self.postgres.url()),
            ("SYNCROBOARD__POSTGRES__MIGRATE_URL", self.postgres.url()),
            ("SYNCROBOARD__REDIS__URL", self.redis.url()),
            ("SYNCROBOARD__API__SECRET", SECRET),
            ("SYNCROBOARD__API__LISTEN", "127.0.0.1:0"),
        ];
        command.envs(settings);
        command
    }

    fn sql(&self, sql: &str) -> String {
        psql(self.postgres.url(), &format!("SET search_path = read_model;\n{sql}"))
    }

    fn part(&self, name: &str) -> Server {
        let mut server = Home::spawn(&mut self.command(&[name]));
        server.wait_until_running();
        server
    }

    /// Has every board in the cache.
    fn looked_at(&self, api: &Server) {
        let said = self.command(&["token", "--user", ADMIN, "--admin"]).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        let token = said.lines().last().unwrap().trim();
        let keys = self.sql("SELECT key FROM projects");
        assert!(keys.lines().count() > 1, "{keys}");
        for key in keys.lines() {
            let board = http().get(format!("{}/projects/{key}/board", api.url)).bearer_auth(token).send().unwrap();
            assert_eq!(board.status().as_u16(), 200, "{key}: {}", board.text().unwrap());
        }
    }

    /// Whether the sink has still something to do.
    fn lags(&self) -> bool {
        let broker = self.scene.site.broker();
        let next = self.sql("SELECT topic, partition, next_offset FROM sink_offsets");
        let next: Vec<Vec<&str>> = next.lines().map(|line| line.split('|').collect()).collect();
        ["ticket.events", "user.events", "notifications", "email.outbox", "command.outcomes"].iter().any(|topic| {
            (0..crate::PARTITIONS).any(|partition| {
                let place = topology::broker::TopicPartition::new(*topic, partition);
                let records = crate::records::read(&*broker, &place).unwrap();
                let end = records.last().map_or(0, |record| record.offset + 1);
                let mine = next.iter().find(|row| row[0] == *topic && row[1] == partition.to_string());
                mine.map_or(0, |row| row[2].parse().unwrap()) < end
            })
        })
    }

    fn found(&self, probe: Option<Duration>) -> Vec<Finding> {
        let dirs = [self.scene.site.home.data().join("workers")];
        let at = Where {
            state_dirs: &dirs,
            flushed: true,
            postgres: Some(self.postgres.url()),
            redis: Some(self.redis.url()),
            probe,
            ..Where::new(self.scene.site.kafka.bootstrap())
        };
        findings(&at)
    }

    fn finds(&self, law: Law, spoil: &str) {
        self.sql(spoil);
        let found = self.found(None);
        println!("{spoil}: {}", found[0]);
        finds(&found, law);
    }

    fn spoil_boards(&self, field: &str, value: &str) {
        let mut redis = redis::Client::open(self.redis.url()).unwrap().get_connection().unwrap();
        let keys: Vec<String> = redis::cmd("KEYS").arg("project:tickets:*-*").query(&mut redis).unwrap();
        assert!(keys.len() > 1, "{keys:?}");
        for key in keys {
            redis::cmd("HSET").arg(&key).arg(field).arg(value).exec(&mut redis).unwrap();
        }
    }
}

#[test]
fn should_find_nothing_in_an_installation_until_a_table_or_a_board_is_spoilt() {
    let mut installation = Installation::new();
    let mut worker = installation.scene.spawn(&[], &[]);
    runs(&mut worker);
    let (mut sink, mut api) = (installation.part("sink"), installation.part("api"));
    installation.scene.send(600);
    installation.scene.is_consumed();
    worker.stop();
    until("the sink is not done", || !installation.lags());
    installation.looked_at(&api);
    sink.stop();
    api.stop();
    let found = installation.found(None);
    finds_nothing(&found);
    installation.finds(Law::Tables, "UPDATE tickets SET title = title || '!' WHERE number = 1");
    installation.finds(Law::Tables, "DELETE FROM comments");
    installation.finds(Law::Tables, "UPDATE status_counts SET tickets = tickets + 1");
    installation.finds(Law::Tables, "UPDATE history SET subject = '0' WHERE sequence = 3");
    installation.finds(Law::Tables, "DELETE FROM history WHERE sequence = 2");
    installation.finds(Law::Boards, "UPDATE project_sequences SET sequence = sequence - 1");
    installation.spoil_boards("body", "{\"columns\": []}");
    finds(&installation.found(None), Law::Boards);
    installation.spoil_boards("sequence", "1000000");
    let found = installation.found(Some(PROBE));
    assert!(found.iter().any(|finding| finding.law == Law::Boards && finding.what.contains("1000000")), "{found:#?}");
}
