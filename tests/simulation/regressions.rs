//! What seeds have found, as short as it gets.

use processors::{PipelineConfig, pipeline};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use schemas::topics::COMMAND_OUTCOMES;
use topology::broker::TopicPartition;

use crate::PARTITIONS;
use crate::commands::last_words;
use crate::records::read;
use crate::world::World;

#[test]
fn should_do_the_work_of_a_failed_commit_again_when_it_is_closed_before_its_stores_are_restored() {
    let topology = pipeline(&PipelineConfig::default()).unwrap();
    let mut world = World::new(&topology, false).unwrap();
    let commands = last_words(&mut SmallRng::seed_from_u64(1));
    world.start().unwrap();
    for round in 1..=2 {
        assert!(world.rest().unwrap());
        // The second time there is something to restore, so that it is closed in the middle of that.
        world.luck.lock().fault = Some((false, 1));
        for command in &commands {
            world.send(command).unwrap();
        }
        while world.luck.lock().fault.is_some() {
            world.round().unwrap();
        }
        world.close().unwrap();
        world.start().unwrap();
        assert!(world.rest().unwrap());
        world.close().unwrap();
        let broker = world.open_broker().unwrap();
        let read = |p| read(&*broker, &TopicPartition::new(COMMAND_OUTCOMES, p)).unwrap().len();
        assert_eq!(
            (0..PARTITIONS).map(read).sum::<usize>(),
            round * commands.len(),
            "an answer to each, in round {round}"
        );
        drop(broker);
        world.start().unwrap();
    }
}
