//! That work is shared by capacity, over many tickets.

use std::collections::BTreeMap;

use processors::POOL_LOADS;
use schemas::{PoolLoadState, frame};
use uuid::Uuid;

use crate::common::*;
use crate::office::Office;
use crate::oracle::weight;

const TICKETS: usize = 100_000;

#[test]
fn should_end_within_one_urgent_ticket_of_the_ideal_share() {
    let mut office = Office::new();
    // From 4,000 to 14,000 in unequal steps; all of them together have room for everything.
    let capacities: BTreeMap<Uuid, i64> = (0..50_i64)
        .map(|n| {
            let capacity = 4_000 + (n * n * 37) % 10_000;
            (office.member(&format!("m{n}"), i32::try_from(capacity).unwrap(), &[]), capacity)
        })
        .collect();
    let priorities = ["LOW", "MEDIUM", "URGENT", "HIGH", "LOW", "URGENT", "MEDIUM"];
    let mut total = 0;
    for n in 0..TICKETS {
        let priority = priorities[n % priorities.len()];
        total += weight(priority);
        office.send(create(OWNER, |c| c.priority = Some(priority.to_owned())));
    }
    office.rest();
    let room: i64 = capacities.values().sum();
    assert!(total < room);
    let mut carried = 0;
    for (key, value) in office.driver.store_entries(POOL_LOADS).unwrap() {
        let user = Uuid::from_slice(&key[16..]).unwrap();
        let Some(capacity) = capacities.get(&user) else { continue };
        let load = frame::decode::<PoolLoadState>(&value).unwrap().load;
        carried += load;
        // |load / capacity - total / room| <= 5 / capacity, without fractions.
        assert!(
            (load * room - total * capacity).abs() <= 5 * room,
            "{user}: {load} of {capacity}, {total} of {room} in all"
        );
    }
    assert_eq!(carried, total);
}
